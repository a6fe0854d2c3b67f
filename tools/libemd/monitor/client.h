// SPDX-License-Identifier: GPL-2.0-only
// Talking to emdmon. One SEQPACKET socket per container, /run/emd/<container>.sock, root only.
#pragma once

#include "libemd/base/result.h"
#include "libemd/model/change.h"

#include <chrono>
#include <memory>

namespace emd {

// Answer to sync: every change that the kernel had published and every update that had been sent before the
// request is durable, or named in `error`.
struct SyncAnswer {
    std::optional<std::uint64_t> checkpoint;  // D: durable reshape position of the volume, array sectors
    std::vector<unsigned> reserved_slots;     // slots given to spares and not yet activated
    std::string error;                        // empty: all is well
};

class Monitor {
public:
    virtual ~Monitor() = default;
    virtual Result<SyncAnswer> sync(unsigned volume) = 0;
    // Apply and make durable. For ReshapeStarted the answer comes when the spares have their slots. `disks` are the devices that the numbers
    // in the change stand for, as plan::Send has them; none where no disk is numbered.
    virtual Result<> apply(const Change &change, const std::vector<DevNum> &disks) = 0;
};

// `container` is the kernel name of its inactive array ("emd127"). Waits up to `patience` for somebody to listen, also
// when the connection breaks later: the daemon may be replaced at any time, and the request is repeated. Gone when
// nobody came. There is no limit on the wait for an answer; after 5 s it says on stderr, once, whom it waits for.
Result<std::unique_ptr<Monitor>> connect_monitor(std::string_view container, std::chrono::milliseconds patience);

}  // namespace emd
