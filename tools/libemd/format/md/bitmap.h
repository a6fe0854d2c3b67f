// SPDX-License-Identifier: GPL-2.0-only
// The write-intent bitmap of an array of md: 256 bytes that say what it is, and behind them the bits, on each member.
//
// Theory. The bits are the kernel's, who writes these bytes with them, because they share a block (md/bitmap/superblock). What
// stands in them is decided here:
//
// - `events` goes along with the superblocks', and is on the members before those are. A bitmap that is behind them was not kept
//   while something was recorded: its bits say nothing, and are all set before it is used again.
// - `events_cleared`: with fewer events than these a former member has missed something for which no bit is set any more. They are
//   raised to those of now when all members are there, and only then may the first bit be taken back.
#pragma once

#include "libemd/format/md/superblock.h"
#include "libemd/model/bitmap_record.h"

namespace emd::md {

inline constexpr std::uint32_t kBitmapMagic = 0x6d746962;
inline constexpr std::uint32_t kBitmapStale = 1u << 1;  // BitmapBytes::state
inline constexpr std::size_t kBitmapHeadBytes = std::tuple_size_v<BitmapHead>;

struct BitmapBytes {
    Le32 magic, version;
    std::array<std::uint8_t, 16> array;
    Le64 events, events_cleared, sync_size;  // sectors
    Le32 state, chunk_bytes, sleep, write_behind, reserved_sectors, nodes;
    std::array<std::byte, 184> rest;
};
static_assert(sizeof(BitmapBytes) == kBitmapHeadBytes && offsetof(BitmapBytes, chunk_bytes) == 52);

// The bitmap of an array: what all copies say, and where each of them begins.
struct Bitmap {
    BitmapHead head{};            // as it was read; events and events_cleared are those below
    std::uint64_t sector = 0;     // on every member
    std::uint64_t events = 0, cleared = 0;
    std::uint32_t chunk_bytes = 0;
    std::uint32_t sleep = 5;      // seconds
    bool behind = false;          // the bits say less than was written
    bool fresh = false;           // it is to be written, with all bits set

    std::uint64_t regions() const;  // as it says itself
};

// Of bytes that may be anything; `array` as it stands in the superblock of 1.x. Errors: Corrupt or Unsupported, with the reason.
Result<Bitmap> decode_bitmap(Bytes head, const Uuid &array);

// How many regions: of the members' sectors, or of the array's for RAID10.
std::uint64_t bitmap_regions(const Shape &shape, std::uint32_t chunk_bytes);
// Sectors with all of it, in blocks of this size.
std::uint64_t bitmap_sectors(std::uint64_t regions, unsigned block_bytes);

// A new one. `room` sectors are there for it; chunk_bytes 0: as mdadm chooses. Errors: Invalid, NoSpace.
Result<Bitmap> new_bitmap(const Uuid &array, const Shape &shape, std::uint64_t sector, std::uint64_t room, std::uint64_t chunk_bytes);

// It has so many sectors and no more: something else lies behind it, over which md would let it grow.
void reserve(Bitmap &bitmap, std::uint64_t sectors);

// What is to stand in front of the bits: with these events.
BitmapHead bitmap_head(const Bitmap &bitmap, std::uint64_t events);

// A copy as it stands at `sector`, for people: the bits begin so many bytes behind. `units`: sectors that it covers, where it does not say
// so itself, else 0. The array's identity is in the order of the bytes. Errors: Corrupt with the reason; what cannot be read.
Result<BitmapRecord> examine_bitmap(const Medium &medium, std::int64_t sector, std::uint64_t bits_behind, std::uint64_t units);

// All of it, every bit set, in blocks of this size.
std::vector<std::byte> full_bitmap(const Bitmap &bitmap, const Shape &shape, std::uint64_t events, unsigned block_bytes);

}  // namespace emd::md
