// SPDX-License-Identifier: GPL-2.0-only
// A copy of a bitmap, as it is. Nothing is believed of it: where it is not on the disk, or cannot be true, the reason is said.
#include "libemd/format/md/bitmap.h"

#include <algorithm>
#include <bit>
#include <emd/emd.h>

namespace emd::md {

namespace {

constexpr std::size_t kPiece = 1 << 20;  // bytes that are read at once

std::uint64_t set_bits(std::span<const std::byte> bytes, std::uint64_t first, std::uint64_t end)
{
    std::uint64_t dirty = 0;
    for (std::uint64_t bit = first; bit < end; bit++)
        dirty += std::to_integer<unsigned>(bytes[(bit - first) / 8] >> ((bit - first) % 8)) & 1;
    return dirty;
}

Result<std::uint64_t> count_dirty(const Medium &medium, std::uint64_t at, std::uint64_t regions)
{
    if (at > medium.size_bytes() || (regions + 7) / 8 > medium.size_bytes() - at)
        return fail(Errc::Corrupt, "{}: its bitmap of {} regions, at sector {}, does not end on the disk", medium.path(), regions, at / 512);
    std::vector<std::byte> piece;
    std::uint64_t dirty = 0;
    for (std::uint64_t bit = 0; bit < regions; bit += kPiece * 8) {
        const std::uint64_t begin = (at + bit / 8) / 4096 * 4096, end = std::min(at + bit / 8 + kPiece, at + (regions + 7) / 8);
        const std::uint64_t stop = std::min((end + 4095) / 4096 * 4096, medium.size_bytes());
        piece.resize(stop - begin);
        EMD_TRY(medium.read(begin, piece));
        dirty += set_bits(std::span(piece).subspan(at + bit / 8 - begin), bit, std::min(bit + kPiece * 8, regions));
    }
    return dirty;
}

}  // namespace

Result<BitmapRecord> examine_bitmap(const Medium &medium, std::int64_t sector, std::uint64_t bits_behind, std::uint64_t units)
{
    if (sector < 0 || static_cast<std::uint64_t>(sector) + 8 > medium.size_bytes() / 512)
        return fail(Errc::Corrupt, "{}: its bitmap, at sector {}, does not lie on the disk", medium.path(), sector);
    const auto at = static_cast<std::uint64_t>(sector);
    const auto block = EMD_TRY(read_block(medium, at));
    const BitmapBytes raw = EMD_TRY(read_at<BitmapBytes>(block, 0));
    if (raw.magic.get() != kBitmapMagic)
        return fail(Errc::Corrupt, "{}: no bitmap stands at sector {}, where its superblock says", medium.path(), at);
    const std::uint32_t chunk = raw.chunk_bytes.get();
    if (chunk < 512 || !std::has_single_bit(chunk))
        return fail(Errc::Corrupt, "{}: its bitmap has regions of {} bytes, which is no power of two from 512 on", medium.path(), chunk);
    BitmapRecord record;
    record.sector = at;
    record.version = raw.version.get();
    std::ranges::copy(raw.array, record.array.begin());
    record.events = raw.events.get();
    record.cleared = raw.events_cleared.get();
    record.stale = raw.state.get() & kBitmapStale;
    record.chunk_bytes = chunk;
    record.sleep = raw.sleep.get();
    record.write_behind = raw.write_behind.get();
    record.sync_sectors = units ? units : raw.sync_size.get();
    if (record.sync_sectors > kMostSectors * EMD_MAX_MEMBERS)
        return fail(Errc::Corrupt, "{}: its bitmap is for {} sectors, more than an array has", medium.path(), record.sync_sectors);
    record.regions = (record.sync_sectors + chunk / 512 - 1) / (chunk / 512);
    record.dirty = EMD_TRY(count_dirty(medium, at * 512 + bits_behind, record.regions));
    return record;
}

}  // namespace emd::md
