// SPDX-License-Identifier: GPL-2.0-only
// What the reshape manager touches besides sysfs and the monitor: the array's data, the members, the backup place.
// Interfaces, so that the same manager runs in the crash model.
#pragma once

#include "libemd/base/result.h"
#include "libemd/reshape/engine.h"

#include <span>
#include <vector>

namespace emd::reshape {

// Reads the array past all caches. Suspended ranges are read all the same: only writes wait for them.
class ArrayReader {
public:
    virtual ~ArrayReader() = default;
    virtual Result<> read(std::uint64_t sector, std::span<std::byte> out) = 0;
};

struct MemberWrite {
    unsigned slot = 0;                // of the target geometry
    std::uint64_t sector = 0;         // absolute on the disk
    std::span<const std::byte> data;
};

// Writes to the disks below the array, beside it.
class MemberWriter {
public:
    virtual ~MemberWriter() = default;
    // Slots of the target that hold a disk which has not failed.
    virtual Result<std::vector<unsigned>> live() = 0;
    // All of it is written and flushed on success; after an error nothing is known.
    virtual Result<> write_and_flush(std::span<const MemberWrite> writes) = 0;
};

// Where copies of sections live.
class BackupPlace {
public:
    virtual ~BackupPlace() = default;
    // Complete and durable in `slot` on success. `data` is what the array reads at `addresses`.
    virtual Result<> save(unsigned slot, Range addresses, std::span<const std::byte> data) = 0;
    // The metadata says durably that the backup of `addresses` is valid; nothing has been moved yet.
    virtual Result<> recorded(Range) { return {}; }
    // Nothing in the place may be taken for a backup of this reshape any more.
    virtual Result<> clear() = 0;
};

}  // namespace emd::reshape
