// SPDX-License-Identifier: GPL-2.0-only
// A container in memory for emdmon's tests: a kernel of attributes, disks that can be cut off, a record without a
// format. Everything that is done to them goes into one journal, in order, and can be the last thing before a kill.
#pragma once

#include "emdmon/attribute.h"
#include "emdmon/clerk.h"
#include "emdmon/disks.h"
#include "libemd/format/format.h"

#include <map>
#include <set>

namespace toy {

using namespace emd;

// Thrown in place of an action: the process is gone.
struct Killed {};

// Allocations of this thread are counted while a Counting exists and no Ignoring does.
struct Counting {
    Counting();
    ~Counting();
    static unsigned long count();
};
struct Ignoring {
    Ignoring();
    ~Ignoring();
};

class Journal {
public:
    // Counts down; at zero the process dies: before the action, or just after it.
    int fuse = -1;
    bool after = false;

    void act(const std::string &what, const std::function<void()> &action);
    // Position of the first line that contains `part`, from `start`; -1: none.
    int find(std::string_view part, int start = 0) const;

    std::vector<std::string> lines;
};

struct Member {
    DevNum dev;
    std::string state = "spare";
    std::string slot = "none", reserved = "none";
    std::string offset = "0", size = "0", recovery_start = "0";
    std::vector<BadRange> bad{}, unknown{};  // the second is a part of the first

    // A write was refused there: writes wait for whoever keeps the list.
    void add_bad(std::uint64_t start, std::uint32_t sectors);
    Result<> write_bad(const std::string &value);
    bool lists() const { return state.find("external_bbl") != state.npos; }
};

// One container array emd127 and one volume array emd126, with md's behaviour as far as emdmon sees it.
class Kernel final : public Sysfs, public mon::AttributeRoot {
public:
    explicit Kernel(Journal &journal) : journal_(&journal) {}

    // -- the world acts --
    std::map<std::string, std::string> attributes;  // of emd126, "array_state", and of "emd/", "own:reshape_acked"
    std::map<std::string, Member> members;          // "dev-sda"
    std::map<std::string, DevNum> container;        // members of emd127
    std::map<std::string, std::string> lives;       // "emd126": its diskseq
    bool out_of_reach = false;                      // no path leads to sysfs any more; what is open stays open
    bool volume_exists = true;
    bool remove_is_busy = false;
    std::set<std::string> refuse;  // stores to these are refused with EBUSY ("new_dev")
    std::set<std::string> busy_once;  // refuse their next store
    std::optional<unsigned long> allocations_before_store;  // at the first store since it was reset
    std::function<void(const std::string &)> stored;        // after each store to a member's attribute: "dev-sda/state faulty"
    void fail_member(const std::string &name) { members.at(name).state = "faulty,blocked"; }

    // Of an attribute that is open.
    Result<std::string> value(std::string_view path);

    // -- Sysfs --
    Result<std::string> read(std::string_view path) override;
    Result<> write(std::string_view path, std::string_view value) override;
    Result<std::vector<std::string>> list(std::string_view directory) override;
    std::unique_ptr<Watch> watch() override { return nullptr; }

    // -- AttributeRoot --
    Result<std::unique_ptr<mon::Attribute>> open(std::string_view path) override;

private:
    Result<std::string> read_member(const std::string &name, const std::string &attribute);
    Result<> write_member(const std::string &name, const std::string &attribute, const std::string &value);
    Result<> write_volume(const std::string &attribute, const std::string &value);
    void forget_proposal();
    Result<> add(const std::string &value);

    Journal *journal_;
};

// Records are numbers of snapshots, so that any disk can be read back.
struct Archive {
    std::map<std::uint64_t, Container> snapshots;
    std::uint64_t last = 0;
    std::function<bool(const Change &)> refuses;  // what no record takes
};

class Disks final : public mon::DiskSet {
public:
    explicit Disks(Journal &journal) : journal_(&journal) {}

    std::set<DevNum> broken;                                   // every write fails
    std::map<DevNum, std::uint64_t> written, durable;          // number of the snapshot
    Result<> open(DevNum dev, std::size_t) override;
    void close(DevNum dev) override { open_.erase(dev); }
    bool has(DevNum dev) const override { return open_.contains(dev); }
    void write(std::span<mon::DiskJob> jobs) override;
    void flush(std::span<mon::DiskJob> jobs) override;
    void forget_all() { open_.clear(); }

private:
    Journal *journal_;
    std::set<DevNum> open_;
};

class Record final : public Metadata {
public:
    Record(Container container, Archive &archive) : container_(std::move(container)), archive_(&archive) {}
    const Container &view() const override { return container_; }
    Result<> apply(const Change &change) override;
    std::vector<Image> prepare() const override;
    void encode(std::span<Image> images) override;
    std::optional<BitmapHead> bitmap_head(unsigned volume) const override;

private:
    bool fresh_ = false;         // changed since encode()
    std::uint64_t cleared_ = 0;  // number of the snapshot with the last BitmapComplete
    Container container_;
    Archive *archive_;
};

// Runs its task at once, in the caller's thread; the outcome is there at the next take().
class InlineClerk final : public mon::Clerk {
public:
    bool busy() const override { return outcome_.has_value(); }
    void give(Task task) override { outcome_ = task(); }
    std::optional<Result<>> take() override { return std::exchange(outcome_, std::nullopt); }
    int fd() const override { return -1; }

private:
    std::optional<Result<>> outcome_;
};

DevNum dev(int n);  // 8:16·n
// Three disks in a RAID5 volume "vol0", `spares` spares. Clean and in sync.
Container container(int spares);
// The kernel's side of it: running, clean.
void fill(Kernel &kernel, const Container &container);

}  // namespace toy
