// SPDX-License-Identifier: GPL-2.0-only
// One container: keeps its record and its kernel arrays in step.
//
// Theory. A pass has a hot and a cold half. Hot: read all facts, decide, make durable, reply; again until there is
// nothing left to decide. It allocates nothing and stores only what the kernel takes without waiting, because users'
// writes wait for it. Cold: look for arrays and members that came or went, give spares their places, answer requests.
// What may wait in the kernel is done by the clerk, one task at a time, and its outcome is looked at in a later pass.
// Every pass reads everything, so a missed or merged notification costs time and nothing else.
#pragma once

#include "clerk.h"
#include "libemd/monitor/protocol.h"
#include "metadata_writer.h"
#include "spares.h"
#include "volume.h"

#include <map>

namespace emd::mon {

// What the keeper stands on. Outlives it.
struct World {
    Sysfs &sysfs;
    AttributeRoot &attributes;
    DiskSet &disks;
    Clerk &clerk;
    // Read the metadata of these disks.
    std::function<Result<std::unique_ptr<Metadata>>(const std::string &format, const std::vector<DevNum> &)> load;
    // Does somebody hold the container (see ContainerLock)?
    std::function<bool(const std::string &container)> held;
    std::function<void(const std::string &line)> log;
};

class Keeper {
public:
    struct Delivery {
        unsigned client;
        protocol::Answer answer;
    };

    // Everything from sysfs and the disks. Error: no such container, or its metadata cannot be read.
    static Result<std::unique_ptr<Keeper>> adopt(const std::string &container, World world);

    void pass(Time now);

    // A request of a client; its answer is delivered by this call or by a later pass.
    void ask(unsigned client, const protocol::Request &request, Time now);
    std::vector<Delivery> take_deliveries() { return std::exchange(deliveries_, {}); }

    // Arrays or members may have come or gone.
    void look_around() { look_around_ = true; }

    // Make every volume clean, then be done.
    void wind_up() { winding_up_ = true; }

    // Nothing is left to do here, for ten seconds, or at once when the container is gone.
    bool done(Time now);

    // The next pass is due after this time even if nothing is notified.
    std::chrono::milliseconds patience() const;

    void for_each_fd(const std::function<void(int fd)> &visit) const;
    const Container &view() const { return metadata_->view(); }
    const std::vector<VolumeAttributes> &volumes() const { return volumes_; }

private:
    // What the clerk is at.
    struct Work {
        enum class What { None, Place, Remove, Withdraw, Thaw } what = What::None;
        unsigned volume = 0;
        std::string text{};  // for the log
        Placement::What place{};  // with Place
        DevNum dev{};             // with Place
    };
    // A request whose answer has to wait.
    struct Held {
        unsigned client;
        protocol::Request request;
    };
    // The reshape that a client has asked for and whose members are being placed, or taken back.
    struct Pending {
        Held request;
        unsigned volume;
        bool withdrawing = false;
        bool told = false;       // the clerk has the withdrawal
        std::optional<Error> reason;  // why it is withdrawn; empty: the client wants it
    };
    struct Refusal {
        unsigned volume;
        DevNum dev;
        Time until;
        std::string text;
    };

    Keeper(std::string container, World world, std::unique_ptr<Metadata> metadata, std::string life);

    // keeper.cc: the pass
    void hot(Time now);
    bool hot_turn(Time now);
    void drop_vanished();
    bool cold(Time now);
    bool is_gone(const std::vector<std::string> &arrays) const;
    void scan(Time now);
    void scan_disks();
    void complain(const std::string &text);
    Memory &memory(unsigned volume) { return memories_[volume]; }
    VolumeAttributes *find(unsigned volume);
    std::vector<VolumeFacts> all_facts() const;
    Result<> save(bool heads_first = true);
    void put_bitmap_heads();
    Result<> record(const Change &change);
    Result<> make_durable();

    // placing.cc: spares, removals, frozen volumes without a holder
    bool take_outcome(Time now);
    bool place(Time now);
    bool fill_vacancy(const Assignment &assignment);
    bool refused(const Placement &placement, Time now) const;
    void give(Work work, Clerk::Task task);
    void remove_failed(Time now);
    void thaw_orphans(Time now);

    // requests.cc
    void answer(const Held &held, Result<> result);
    void refuse_gone(const Held &held);
    void answer_sync(const Held &held);
    void answer_held();
    Result<bool> apply(const Held &held);
    Result<> check_bitmap_runs(const change::MemberReturned &back);
    Result<> check_bitmap_rests(unsigned volume);
    Result<> forget_departed(DevNum dev);
    Result<> take_over(const change::Takeover &change);
    void take_back(const VolumeFacts &facts);
    Result<bool> start_reshape(const Held &held, change::ReshapeStarted change);
    Result<bool> withdraw_reshape(const Held &held, unsigned volume);
    Result<> choose_members(const Volume &volume, change::ReshapeStarted &change);
    void drive_pending();
    void withdraw_pending();

    std::string container_;
    World world_;
    std::unique_ptr<Metadata> metadata_;
    std::string life_;  // of the container, as Array::life()
    MetadataWriter writer_;
    std::vector<VolumeAttributes> volumes_;
    std::map<unsigned, Memory> memories_;
    Decision decision_;
    bool unsaved_ = false;  // the record in memory is ahead of the disks
    std::string trouble_;   // what could not be made durable; empty: everything is

    Work work_;
    std::vector<Refusal> refusals_;
    std::map<unsigned, Time> frozen_since_;
    std::map<std::string, Time> complaints_;
    std::vector<std::string> remarks_;
    std::optional<Pending> pending_;
    std::vector<Held> held_;
    std::vector<Delivery> deliveries_;
    std::vector<protocol::Answer> answered_;  // the last ones, for requests that come again

    bool look_around_ = true;
    bool container_gone_ = false;
    bool winding_up_ = false;
    Time last_scan_{};
    Time now_{};
    std::optional<Time> idle_since_;
    Time remove_again_{};
};

}  // namespace emd::mon
