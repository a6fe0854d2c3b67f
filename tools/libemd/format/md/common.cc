// SPDX-License-Identifier: GPL-2.0-only
// What holds for both kinds of superblock.
#include "libemd/format/md/superblock.h"

#include <algorithm>
#include <emd/emd.h>

namespace emd::md {

namespace {

constexpr std::uint32_t kMostDisks = 1920;  // as many roles as one block holds
constexpr std::uint32_t kMostChunk = 1u << 22;  // sectors: 2 GiB
constexpr int kLevels[] = {kMultipath, EMD_LEVEL_LINEAR, 0, 1, 4, 5, 6, 10};

Result<> check_geometry(const char *whose, int level, std::uint32_t layout, std::uint64_t disks, std::uint32_t chunk)
{
    if (!std::ranges::count(kLevels, level))
        return fail(Errc::Corrupt, "{} level {} does not exist", whose, level);
    if (disks == 0 || disks > kMostDisks)
        return fail(Errc::Corrupt, "{} number of members, {}, is not possible", whose, disks);
    if (level == 10 && ((layout & 0xff) == 0 || (layout >> 8 & 0xff) == 0))
        return fail(Errc::Corrupt, "{} layout {:#x} keeps no copy", whose, layout);
    if (chunk > kMostChunk)
        return fail(Errc::Corrupt, "{} chunk of {} sectors is not possible", whose, chunk);
    return {};
}

}  // namespace

Result<> check_common(const Common &sb)
{
    EMD_TRY(check_geometry("its", sb.level, sb.layout, sb.raid_disks, sb.chunk_sectors));
    if (sb.size >= kMostSectors)
        return fail(Errc::Corrupt, "members of {} sectors are not possible", sb.size);
    if (!sb.reshape)
        return {};
    const Reshape &r = *sb.reshape;
    const std::int64_t before = std::int64_t{sb.raid_disks} - r.delta_disks;
    if (before <= 0 || before > kMostDisks)
        return fail(Errc::Corrupt, "a reshape from {} to {} members is not possible", before, sb.raid_disks);
    if (r.position / kMostDisks >= kMostSectors)
        return fail(Errc::Corrupt, "a reshape that stands at sector {} is not possible", r.position);
    return check_geometry("the new", r.level, r.layout, sb.raid_disks, r.chunk_sectors);
}

Shape shape_of(const Common &sb)
{
    const std::int64_t delta = sb.reshape ? sb.reshape->delta_disks : 0;
    return {sb.level, sb.layout, static_cast<std::uint32_t>(sb.raid_disks - delta), sb.chunk_sectors, sb.size};
}

Shape target_of(const Common &sb)
{
    if (!sb.reshape)
        return shape_of(sb);
    return {sb.reshape->level, sb.reshape->layout, sb.raid_disks, sb.reshape->chunk_sectors, sb.size};
}

std::uint32_t slots_of(const Common &sb)
{
    return std::max(shape_of(sb).raid_disks, sb.raid_disks);
}

}  // namespace emd::md
