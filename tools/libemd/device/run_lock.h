// SPDX-License-Identifier: GPL-2.0-only
// The container lock: who is changing this container, and why. A file in the run-time directory, locked as long as its
// holder lives; the kernel releases it when the holder dies, so a '-' in metadata_version without a holder of this
// lock was left behind and may be taken away by anybody.
#pragma once

#include "libemd/base/result.h"

#include <optional>
#include <string>
#include <sys/types.h>

namespace emd {

inline constexpr const char *kRunDirectory = "/run/emd";

struct LockHolder {
    pid_t pid = 0;
    std::string volume;   // kernel name, or empty: the whole container
    std::string purpose;  // "reshape", "create", ...
};

// "emd126 by pid 812 (reshape)"
std::string to_string(const LockHolder &holder);

class RunLock {
public:
    // Busy, naming the holder, when somebody has it. `container` is the kernel name ("emd127").
    static Result<RunLock> take(const std::string &container, const std::string &volume, const std::string &purpose,
                                const std::string &directory = kRunDirectory);
    // Who has it now; nothing when it is free.
    static std::optional<LockHolder> holder(const std::string &container, const std::string &directory = kRunDirectory);

    RunLock(RunLock &&other) noexcept;
    RunLock &operator=(RunLock &&other) noexcept;
    RunLock(const RunLock &) = delete;
    RunLock &operator=(const RunLock &) = delete;
    ~RunLock();

private:
    explicit RunLock(int fd) : fd_(fd) {}
    int fd_ = -1;
};

// Creates the run-time directory (0700, root's) or checks that it is one.
Result<> make_run_directory(const std::string &directory = kRunDirectory);

}  // namespace emd
