// SPDX-License-Identifier: GPL-2.0-only
// Runs a plan. Attributes it stores itself; everything else is the host's.
#pragma once

#include "libemd/kernel/array.h"
#include "libemd/plan/plan.h"

#include <chrono>
#include <functional>
#include <map>

namespace emd::plan {

enum class Outcome { Done, Paused };  // Paused: a Manage step was asked to stop before the end

// What a plan needs beyond the kernel's attributes. Arrays come under their kernel names.
class Host {
public:
    virtual ~Host() = default;
    virtual bool udev_is_busy() const = 0;
    virtual Result<> new_metadata(const NewMetadata &action) = 0;
    virtual Result<> wipe(const std::string &disk) = 0;
    virtual Result<> apply(const Change &change) = 0;
    virtual Result<> store() = 0;
    virtual Result<> erase(const std::string &disk) = 0;
    virtual Result<> send(const std::string &container, const Send &action) = 0;
    virtual Result<> sync(const std::string &container, const Sync &action) = 0;
    virtual Result<> start_monitor(const std::string &container) = 0;
    virtual Result<> publish(const std::string &array, const Publish &action) = 0;
    virtual Result<> unpublish(const std::string &array) = 0;
    virtual Result<> restore(unsigned volume) = 0;
    virtual Result<> recover_parity(unsigned volume) = 0;
    virtual Result<> reset_parity_log(unsigned volume, bool headers) = 0;
    virtual Result<> reserve_backup(const ReserveBackup &action) = 0;
    virtual Result<> drop_backup(const std::string &path) = 0;
    virtual Result<Outcome> manage(const std::string &array, const std::string &container, const Manage &action) = 0;
};

class Executor {
public:
    Executor(Sysfs &sysfs, Host &host) : sysfs_(&sysfs), host_(&host) {}

    // Called before each step, for --verbose. May be empty.
    std::function<void(const Action &)> before;

    // How long a store that the kernel answers with EBUSY is tried again, from when udev was last seen at work.
    std::chrono::milliseconds busy_limit = std::chrono::seconds(5);

    // All steps, or none: after a failure the undo of what was done runs in reverse, and the first error is
    // returned (with what could not be taken back behind it).
    Result<Outcome> run(const Plan &plan);

    // The kernel name behind a word of the plan.
    const std::string &array(const std::string &word) const;

private:
    Result<Outcome> act(const Action &action);
    Result<> new_array(const std::string &word);
    Result<> set(const Set &action);
    Result<> expect(const Expect &action);
    Result<> add_member(const AddMember &action);
    Result<> remove_member(const RemoveMember &action);
    Result<> clear(const std::string &word);
    std::string expand(std::string_view value) const;

    Sysfs *sysfs_;
    Host *host_;
    bool taking_back_ = false;
    std::map<std::string, std::string, std::less<>> names_;
};

}  // namespace emd::plan
