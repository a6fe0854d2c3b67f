// SPDX-License-Identifier: GPL-2.0-only
// Many reads, writes and flushes of several disks at once, through io_uring.
//
// Theory. All transfers of a batch are under way together, in pieces, up to the depth of the ring. The kernel cannot be
// made to give up a transfer to a disk that does not answer, and its memory must stay until it has. Therefore pieces
// go through buffers of the ring's own; when the deadline passes, the ring is left to itself with them, and the
// batch ends with an error that names a disk that did not answer. A kernel without io_uring gets the same pieces
// one after the other.
#pragma once

#include "libemd/base/result.h"

#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace emd::reshape {

struct DiskOp {
    enum class Kind { Read, Write, Flush } kind = Kind::Read;
    int fd = -1;
    std::uint64_t offset_bytes = 0;  // for direct I/O offset and length are whole logical sectors
    std::byte *data = nullptr;       // not written to for Write; unused for Flush
    std::size_t bytes = 0;
    std::string name;                // of the disk, for messages
};

// The first error ends the batch, as soon as everything under way has come back. Operations run in any order.
Result<> run_batch(std::span<const DiskOp> ops, std::chrono::milliseconds deadline);

}  // namespace emd::reshape
