// SPDX-License-Identifier: GPL-2.0-only
// emdmon as a process: what it needs from the system so that it can go on when nothing else can.
#pragma once

#include "libemd/base/fd.h"
#include "libemd/base/result.h"

#include <functional>
#include <string>

namespace emd::mon {

// Before any thread, ring or large buffer is made. Memory stays present, the OOM killer passes us by, and allocations
// that the kernel makes for us do not wait for writes that may wait for us. Also: many descriptors, small stacks.
// What the system refuses is said through `complain` and done without.
void arm(const std::function<void(const std::string &)> &complain);

// SIGTERM and SIGINT are taken through a descriptor; SIGPIPE and SIGHUP are nothing to us.
void block_signals();

// The lock that says that this process is the container's monitor; held until the process ends. Busy: another one is.
Result<Fd> take_monitor_lock(const std::string &path);
// The same, after the other one was asked to leave: waits until its process has ended.
Result<Fd> wait_monitor_lock(const std::string &path);

// systemd spares a process whose command line begins with '@' at the switch of root and at shutdown.
void mark_offroot(char **argv);

// Go on in the background. In the parent: waits until the child is ready() or dead, and ends the process with 0 or 1.
class Background {
public:
    static Result<Background> enter();
    void ready();

private:
    explicit Background(Fd fd) : report_(std::move(fd)) {}
    Fd report_;
};

// To the kernel's log: it takes lines at any time of boot, and never waits.
void log_to_kernel(const std::string &container, const std::string &line);

}  // namespace emd::mon
