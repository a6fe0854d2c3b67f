// SPDX-License-Identifier: GPL-2.0-only
// What else is on a disk: file systems, partition tables, other RAID formats. Looked for before EMD writes to it.
#pragma once

#include "libemd/device/block_device.h"

namespace emd {

struct Signature {
    std::string type;   // libblkid's name: "ext4", "dos", "linux_raid_member"
    std::string usage;  // "filesystem", "raid", "crypto", "partition table", "other"
    std::uint64_t offset_bytes = 0;
};

// All that libblkid recognises, in the order of its search; nothing is written. Errors: Io.
Result<std::vector<Signature>> find_signatures(const BlockDevice &device);

// Makes them unrecognisable: overwrites each one's magic with zeros. `device` must be open for writing.
Result<> wipe_signatures(BlockDevice &device);

// "an ext4 file system", "a dos partition table", "linux_raid_member metadata"
std::string describe(const Signature &signature);

}  // namespace emd
