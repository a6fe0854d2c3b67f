// SPDX-License-Identifier: GPL-2.0-only
// Who is changing the shape of a container's volumes. A file in the run directory, locked for as long as its holder
// lives: the kernel gives the lock back when the holder dies, so a dead freezer is noticed.
//
// emdadm takes it before it freezes a container and keeps it until everything is thawed again; the reshape manager
// keeps it while it works. emdmon never takes it, it only asks: a frozen volume without a holder is thawed after
// ten seconds, and emdmon stays while there is a holder.
#pragma once

#include "libemd/base/fd.h"
#include "libemd/base/result.h"
#include "libemd/monitor/paths.h"

#include <optional>

namespace emd {

class ContainerLock {
public:
    // Busy, with the words of the holder ("pid 812, grow of vol0"), when somebody has it. `purpose` is what a person
    // reads: "grow of vol0".
    static Result<ContainerLock> take(std::string_view container, std::string_view purpose,
                                      std::string_view directory = kRunDirectory);

    // The words of the holder, or nothing when the lock is free. Takes no lock, so it disturbs nobody.
    static std::optional<std::string> holder(std::string_view container,
                                             std::string_view directory = kRunDirectory);

private:
    explicit ContainerLock(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
};

}  // namespace emd
