// SPDX-License-Identifier: GPL-2.0-only
// The partial parity log of an array of md: where it is, and the array without it.
#include "libemd/base/crc32c.h"
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/format/ppl.h"

#include <algorithm>
#include <emd/emd.h>

namespace emd::md {

namespace {

constexpr const char *kLogged = "it has a partial parity log, which EMD does not write";
constexpr const char *kRemedy = "mdadm --assemble --update=no-ppl removes it";

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
        const std::int64_t sector = static_cast<std::int64_t>(member.record_sector) + member.ppl_offset;
        EMD_TRY(check_place(member, "partial parity log", sector, member.ppl_sectors, shape.component_sectors));
        if (member.ppl_sectors <= ppl::kHeaderSectors)
            return fail(Errc::Corrupt, "the partial parity log of {} has {} sectors, too few for anything", member.path, member.ppl_sectors);
        place.areas[static_cast<std::size_t>(member.slot)] = {static_cast<std::uint64_t>(sector), member.ppl_sectors};
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
    return {std::move(*found), kLogged};
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
