// SPDX-License-Identifier: GPL-2.0-only
// The partial parity log of an array of md: where it is, and the array without it.
#include "libemd/base/crc32c.h"
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/format/ppl.h"

#include <algorithm>
#include <emd/emd.h>

namespace emd::md {

Result<ParityLogPlace::Area> log_area(const Member &member, std::uint64_t component)
{
    const std::int64_t sector = static_cast<std::int64_t>(member.record_sector) + member.ppl_offset;
    EMD_TRY(check_place(member, "partial parity log", sector, member.ppl_sectors, component));
    if (member.ppl_sectors <= ppl::kHeaderSectors)
        return fail(Errc::Corrupt, "the partial parity log of {} has {} sectors, too few for anything", member.path, member.ppl_sectors);
    return ParityLogPlace::Area{static_cast<std::uint64_t>(sector), member.ppl_sectors};
}

namespace {

constexpr std::uint32_t kRoomForMore = 2048;  // sectors from which on an area has more than one unit
constexpr const char *kRemedy = "mdadm --assemble --update=no-ppl removes it";

V1Bytes with_log_kind(V1Bytes raw)
{
    const std::uint32_t features = raw.features.get();
    if (features & kPpl && raw.bitmap_offset.get() >> 16 >= kRoomForMore)
        raw.features = (features & ~kPpl) | kMultiplePpl;
    return raw;
}

Result<ParityLogPlace> find_log(const V1 &first, const Shape &shape, const std::vector<Member> &members)
{
    if (shape.level != 5)
        return fail(Errc::Corrupt, "it has a partial parity log, which is of no use to {}", level_word(shape.level));
    if (first.features & kBitmap || (first.features & kPpl && first.features & kMultiplePpl))
        return fail(Errc::Corrupt, "it has a partial parity log and something else in its place");
    ParityLogPlace place;
    place.areas.resize(shape.raid_disks);
    for (const Member &member : members) {
        if (!member.placed() || !member.writable() || static_cast<std::uint32_t>(member.slot) >= shape.raid_disks)
            continue;
        const V1Bytes raw = head_of(member.block);
        if (!member.ppl_sectors)
            continue;  // it does not say that it has one, so what stands there is nobody's
        place.areas[static_cast<std::size_t>(member.slot)] = EMD_TRY(log_area(member, shape.component_sectors));
        place.single = place.single || (first.features & kPpl && member.ppl_sectors >= kRoomForMore);
        place.signature = crc32c(bytes_of(raw.array));
    }
    return place;
}

}  // namespace

FoundParityLog load_parity_log(const V1 &first, const Shape &shape, const std::vector<Member> &members)
{
    auto found = find_log(first, shape, members);
    if (!found)
        return {std::nullopt, fmt::format("{}: {}", found.error().text(), kRemedy)};
    return {std::move(*found), ""};
}

Result<> MdMetadata::on(const change::ParityLogRecovered &change)
{
    EMD_TRY(check_volume(change.volume));
    if (!log_)
        return fail(Errc::Refused, "the array has no partial parity log");
    for (Member &member : members_)
        if (!member.block.empty())
            seal(member.block, with_log_kind(head_of(member.block)));
    log_->single = false;
    view_.volumes[0].parity_log->single = false;
    if (change.clean)
        record_.written = false;
    return {};
}

// Of whoever has a slot now: places that log_area() has looked at. Nothing is allocated: there are as many areas as slots.
void MdMetadata::refresh_log(Volume &volume)
{
    if (!log_)
        return;
    std::ranges::fill(log_->areas, ParityLogPlace::Area{});
    for (const Member &member : members_)
        if (member.placed() && member.writable() && member.ppl_sectors && static_cast<std::uint32_t>(member.slot) < shape_.raid_disks)
            log_->areas[static_cast<std::size_t>(member.slot)] = {
                static_cast<std::uint64_t>(static_cast<std::int64_t>(member.record_sector) + member.ppl_offset), member.ppl_sectors};
    std::ranges::copy(log_->areas, volume.parity_log->areas.begin());
}

// It stays where it is: nobody reads it who is not told of it.
Result<> MdMetadata::on(const change::ParityLogRemoved &change)
{
    EMD_TRY(check_volume(change.volume));
    if (!log_)
        return fail(Errc::Refused, "the array has no partial parity log");
    const auto without = [](V1Bytes raw) {
        raw.features = raw.features.get() & ~(kPpl | kMultiplePpl);
        raw.bitmap_offset = 0u;
        return raw;
    };
    for (Member &member : members_)
        if (!member.block.empty())
            seal(member.block, without(head_of(member.block)));
    V1 &first = std::get<V1>(first_);
    first.features &= ~(kPpl | kMultiplePpl);
    first.ppl_offset = 0;
    first.ppl_sectors = 0;
    log_.reset();
    refused_.clear();
    readable_ = false;
    if (change.recovered)
        record_.written = false;
    Volume &volume = view_.volumes[0];
    volume.parity_log.reset();
    volume.refused.clear();
    volume.read_write = true;
    volume.readable = false;
    volume.consistency = "resync";
    return {};
}

}  // namespace emd::md
