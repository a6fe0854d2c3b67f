// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/md/bitmap.h"

#include <algorithm>
#include <bit>
#include <emd/emd.h>

namespace emd::md {

namespace {

constexpr std::uint32_t kVersion = 4, kClusteredVersion = 5, kLeastChunk = 4096;
constexpr std::uint64_t kUsualChunk = 64ull << 20;
constexpr std::uint64_t kMostRegions = 1ull << 22;  // as many as the kernel takes

std::uint64_t units(const Shape &shape)
{
    return shape.level == 10 ? array_sectors(shape) : shape.component_sectors;
}

std::uint64_t regions_of(std::uint64_t sectors, std::uint64_t chunk_bytes)
{
    const std::uint64_t chunk = chunk_bytes / 512;
    return (sectors + chunk - 1) / chunk;
}

}  // namespace

std::uint64_t Bitmap::regions() const
{
    BitmapBytes raw;
    std::memcpy(&raw, head.data(), sizeof raw);
    return regions_of(std::min(raw.sync_size.get(), kMostSectors * EMD_MAX_MEMBERS), chunk_bytes);
}

std::uint64_t bitmap_regions(const Shape &shape, std::uint32_t chunk_bytes)
{
    return regions_of(units(shape), chunk_bytes);
}

std::uint64_t bitmap_sectors(std::uint64_t regions, unsigned block_bytes)
{
    const std::uint64_t bytes = kBitmapHeadBytes + (regions + 7) / 8;
    return (bytes + block_bytes - 1) / block_bytes * block_bytes / 512;
}

Result<Bitmap> decode_bitmap(Bytes head, const Uuid &array)
{
    const BitmapBytes raw = EMD_TRY(read_at<BitmapBytes>(head, 0));
    if (raw.magic.get() != kBitmapMagic)
        return fail(Errc::Corrupt, "no bitmap stands where its superblock says");
    if (raw.version.get() == kClusteredVersion)
        return fail(Errc::Unsupported, "its bitmap is that of a cluster");
    if (raw.version.get() != kVersion)
        return fail(Errc::Unsupported, "its bitmap is of version {}, and EMD knows version {}", raw.version.get(), kVersion);
    if (raw.array != array)
        return fail(Errc::Corrupt, "its bitmap is that of another array");
    const std::uint32_t chunk = raw.chunk_bytes.get();
    if (chunk < kLeastChunk || !std::has_single_bit(chunk))
        return fail(Errc::Corrupt, "its bitmap has regions of {} bytes, which is no power of two from {} on", chunk, kLeastChunk);
    Bitmap bitmap;
    std::ranges::copy(head.first(kBitmapHeadBytes), bitmap.head.begin());
    bitmap.events = raw.events.get();
    bitmap.cleared = raw.events_cleared.get();
    bitmap.chunk_bytes = chunk;
    bitmap.sleep = std::clamp<std::uint32_t>(raw.sleep.get(), 1, 3600);
    bitmap.behind = raw.state.get() & kBitmapStale;
    return bitmap;
}

Result<Bitmap> new_bitmap(const Uuid &array, const Shape &shape, std::uint64_t sector, std::uint64_t room, std::uint64_t chunk_bytes)
{
    if (chunk_bytes && (chunk_bytes < kLeastChunk || chunk_bytes > (1ull << 31) || !std::has_single_bit(chunk_bytes)))
        return fail(Errc::Invalid, "regions of a bitmap have a power of two from {} bytes to 2 GiB, not {}", kLeastChunk, chunk_bytes);
    const auto fits = [&](std::uint64_t chunk) {
        const std::uint64_t regions = regions_of(units(shape), chunk);
        return regions <= kMostRegions && kBitmapHeadBytes + (regions + 8) / 8 <= room * 512;
    };
    std::uint64_t chunk = chunk_bytes ? chunk_bytes : kUsualChunk;
    while (!chunk_bytes && !fits(chunk) && chunk < (1ull << 31))
        chunk *= 2;
    if (!fits(chunk))
        return fail(Errc::NoSpace, "a bitmap with regions of {} KiB does not fit into the {} sectors that are there for it", chunk / 1024, room);
    BitmapBytes raw{};
    raw.magic = kBitmapMagic;
    raw.version = kVersion;
    raw.array = array;
    raw.sync_size = units(shape);
    raw.chunk_bytes = static_cast<std::uint32_t>(chunk);
    raw.sleep = 5u;
    raw.reserved_sectors = static_cast<std::uint32_t>(room);
    Bitmap bitmap;
    std::memcpy(bitmap.head.data(), &raw, sizeof raw);
    bitmap.sector = sector;
    bitmap.chunk_bytes = static_cast<std::uint32_t>(chunk);
    bitmap.fresh = true;
    return bitmap;
}

void reserve(Bitmap &bitmap, std::uint64_t sectors)
{
    BitmapBytes raw;
    std::memcpy(&raw, bitmap.head.data(), sizeof raw);
    raw.reserved_sectors = static_cast<std::uint32_t>(sectors);
    std::memcpy(bitmap.head.data(), &raw, sizeof raw);
}

BitmapHead bitmap_head(const Bitmap &bitmap, std::uint64_t events)
{
    BitmapBytes raw;
    std::memcpy(&raw, bitmap.head.data(), sizeof raw);
    raw.events = events;
    raw.events_cleared = bitmap.cleared;
    raw.state = raw.state.get() & ~kBitmapStale;
    BitmapHead head;
    std::memcpy(head.data(), &raw, sizeof raw);
    return head;
}

std::vector<std::byte> full_bitmap(const Bitmap &bitmap, const Shape &shape, std::uint64_t events, unsigned block_bytes)
{
    const std::uint64_t sectors = bitmap_sectors(bitmap_regions(shape, bitmap.chunk_bytes), block_bytes);
    std::vector<std::byte> bytes(sectors * 512, std::byte{0xff});
    const BitmapHead head = bitmap_head(bitmap, events);
    std::ranges::copy(head, bytes.begin());
    return bytes;
}

}  // namespace emd::md
