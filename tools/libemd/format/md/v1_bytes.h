// SPDX-License-Identifier: GPL-2.0-only
// Superblock 1.x as it stands on a disk: this, and then a role of 16 bits per device.
#pragma once

#include "libemd/base/bytes.h"

#include <cstddef>
#include <vector>

namespace emd::md {

struct V1Bytes {
    Le32 magic, major, features, pad0;
    std::array<std::uint8_t, 16> array;
    std::array<char, 32> name;
    Le64 ctime;
    Le32 level, layout;
    Le64 size;
    Le32 chunk_sectors, raid_disks;
    Le32 bitmap_offset;                  // with a PPL: its offset in 16 bits, then its size
    Le32 new_level;
    Le64 reshape_position;
    Le32 delta_disks, new_layout, new_chunk, new_offset;
    Le64 data_offset, data_size, super_offset, recovery_offset;
    Le32 dev_number, corrected_reads;
    std::array<std::uint8_t, 16> device;
    std::uint8_t flags, bad_shift;
    Le16 bad_sectors;
    Le32 bad_offset;
    Le64 utime, events, resync_offset;
    Le32 checksum, max_dev;
    std::array<std::byte, 32> pad3;
};
static_assert(sizeof(V1Bytes) == 256 && alignof(V1Bytes) == 1);
static_assert(offsetof(V1Bytes, bitmap_offset) == 96 && offsetof(V1Bytes, data_offset) == 128 &&
              offsetof(V1Bytes, device) == 168 && offsetof(V1Bytes, checksum) == 216);

// Over the head, whose own checksum counts as zero, and the roles; `size` is that of both.
std::uint32_t checksum_v1(Bytes block, std::size_t size);

// The head of a block that has been read or made: at least as long.
V1Bytes head_of(Bytes block);
// The head with its checksum, into the front of a block that has the roles.
void seal(std::vector<std::byte> &block, V1Bytes raw);
std::array<std::uint8_t, 16> random_uuid();

}  // namespace emd::md
