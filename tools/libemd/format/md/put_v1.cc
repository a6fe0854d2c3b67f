// SPDX-License-Identifier: GPL-2.0-only
// Superblock 1.x, the way out: fields of a block that is there already.
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/model/geometry.h"

#include <algorithm>
#include <random>

namespace emd::md {

V1Bytes head_of(Bytes block)
{
    V1Bytes raw;
    std::memcpy(&raw, block.data(), sizeof raw);
    return raw;
}

void seal(Block &block, V1Bytes raw)
{
    std::memcpy(block.data(), &raw, sizeof raw);
    raw.checksum = checksum_v1(block, sizeof raw + 2 * std::size_t{raw.max_dev.get()});
    std::memcpy(block.data(), &raw, sizeof raw);
}

std::array<std::uint8_t, 16> random_uuid()
{
    std::random_device device;
    std::array<std::uint8_t, 16> uuid;
    for (std::uint8_t &byte : uuid)
        byte = static_cast<std::uint8_t>(device());
    return uuid;
}

namespace {

// md counts what is in sync of RAID10 along the array.
std::uint64_t resync_of(const Record &record, const V1Bytes &raw)
{
    if (record.resync == 0 || record.resync == kInSync || raw.level.get() != 10)
        return record.resync;
    const emd_geometry done = geometry_of({10, raw.layout.get(), raw.raid_disks.get(), raw.chunk_sectors.get(), record.resync});
    return emd_geometry_array_sectors(&done);
}

}  // namespace

void put_v1(Block &block, const Record &record, const Member &member)
{
    V1Bytes raw = head_of(block);
    raw.events = record.events;
    raw.utime = record.updated;
    raw.dev_number = member.number;
    raw.resync_offset = record.written ? 0 : resync_of(record, raw);
    const bool partly = member.state == Member::State::Recovering;
    raw.features = partly ? raw.features.get() | kRecovery : raw.features.get() & ~kRecovery;
    raw.features = raw.features.get() & ~kRecoveryBitmap;  // who was taken back by the bitmap is rebuilt whole if that is interrupted
    raw.recovery_offset = partly ? member.recovered : 0;
    if (member.log.room())
        raw.features = member.log.entries().empty() ? raw.features.get() & ~kBadBlocks : raw.features.get() | kBadBlocks;
    raw.max_dev = static_cast<std::uint32_t>(record.roles.size());
    for (std::size_t i = 0; i < record.roles.size(); i++) {
        const Le16 role(record.roles[i]);
        std::memcpy(block.data() + sizeof raw + 2 * i, &role, sizeof role);
    }
    seal(block, raw);
}

void share_v1(Block &block, const Block &first)
{
    constexpr std::uint32_t own = kRecovery | kBadBlocks | kReplacement | kRecoveryBitmap;
    constexpr std::size_t begin = offsetof(V1Bytes, array), end = offsetof(V1Bytes, data_offset);
    constexpr std::uint32_t logged = kPpl | kMultiplePpl;
    V1Bytes pattern = head_of(first), raw = head_of(block);
    const std::uint32_t features = (raw.features.get() & own) | (pattern.features.get() & ~own);
    if (features & logged && raw.features.get() & logged)
        pattern.bitmap_offset = raw.bitmap_offset;  // each has its log where it says itself
    const auto array = bytes_of(pattern).subspan(begin, end - begin);
    if (features == raw.features.get() && std::ranges::equal(array, std::span(block).subspan(begin, end - begin)))
        return;
    std::ranges::copy(array, block.begin() + begin);
    raw = head_of(block);
    raw.features = features;
    seal(block, raw);
}

Block spare_v1(const Block &pattern, const Member &spare)
{
    Block block = pattern;
    V1Bytes raw = head_of(block);
    raw.super_offset = spare.record_sector;
    raw.data_offset = spare.data_offset;
    raw.data_size = spare.data_sectors;
    raw.device = random_uuid();
    raw.dev_number = spare.number;
    raw.features = raw.features.get() & (kRaid0Layout | kBitmap | kPpl | kMultiplePpl);
    if (!(raw.features.get() & (kBitmap | kPpl | kMultiplePpl)))
        raw.bitmap_offset = 0u;
    raw.recovery_offset = 0u;
    raw.corrected_reads = 0u;
    raw.flags = 0;
    seal(block, raw);
    const auto sb = decode_v1(block, spare.record_sector, spare.sectors);
    if (sb && BadLog(*sb, spare.sectors, spare.sector_bytes).room())
        return block;
    // Where the pattern has its log there are data.
    raw.bad_shift = 0;
    raw.bad_sectors = std::uint16_t{0};
    raw.bad_offset = 0u;
    seal(block, raw);
    return block;
}

Result<> place_v1(Member &spare, const V1 &pattern, std::uint64_t least)
{
    const std::uint64_t sectors = spare.sectors;
    if (sectors < 24)
        return fail(Errc::NoSpace, "{} is too small for md's superblock", spare.path);
    std::uint64_t end = sectors;
    if (pattern.minor == 0) {
        end = spare.record_sector = (sectors - 16) & ~std::uint64_t{7};
        if (pattern.ppl_sectors && pattern.ppl_offset < 0)
            end -= std::min(end, static_cast<std::uint64_t>(-std::int64_t{pattern.ppl_offset}));
    } else {
        spare.record_sector = pattern.sector;
    }
    spare.data_offset = pattern.data_offset;
    if (end < spare.data_offset || end - spare.data_offset < least)
        return fail(Errc::NoSpace, "{} is too small: {} sectors are needed for data, and {} are there", spare.path, least,
                    end - std::min(end, spare.data_offset));
    spare.data_sectors = end - spare.data_offset;
    return {};
}

}  // namespace emd::md
