// SPDX-License-Identifier: GPL-2.0-only
// The disks of a container as places for metadata. Every verb works on all disks at once and waits for each of them no
// longer than a deadline, so a disk that hangs costs its own membership and not the others' time.
#pragma once

#include "libemd/base/bytes.h"
#include "libemd/model/container.h"

#include <chrono>
#include <memory>

namespace emd::mon {

// One disk's part in a parallel operation. `error` is set by the verb: 0 or an errno (ETIMEDOUT: the deadline).
struct DiskJob {
    DevNum dev;
    std::uint64_t offset_bytes = 0;  // write only
    Bytes bytes;                     // write only; whole logical sectors
    int error = 0;
};

class DiskSet {
public:
    virtual ~DiskSet() = default;

    // Cold: open a disk, with room for `bytes` of metadata in one write(); again for more room. Close it.
    virtual Result<> open(DevNum dev, std::size_t bytes) = 0;
    virtual void close(DevNum dev) = 0;
    virtual bool has(DevNum dev) const = 0;

    // Hot: no allocation. A disk that missed a deadline is no longer there for the next verb.
    virtual void write(std::span<DiskJob> jobs) = 0;
    virtual void flush(std::span<DiskJob> jobs) = 0;
};

// io_uring and direct I/O. Refused when the kernel has no io_uring for us.
Result<std::unique_ptr<DiskSet>> uring_disks(std::chrono::milliseconds deadline);

}  // namespace emd::mon
