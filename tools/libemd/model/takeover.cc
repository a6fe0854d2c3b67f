// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/model/takeover.h"

#include "core/emd_takeover.h"
#include "libemd/model/geometry.h"

#include <algorithm>
#include <emd/emd.h>

namespace emd {

Result<Shape> shape_taken_over(const Shape &from, int level)
{
    const emd_geometry was = geometry_of(from);
    emd_geometry is;
    const char *why = "the change is not possible";
    if (emd_takeover_geometry(&was, level, &is, &why))
        return fail(Errc::Refused, "{}", why);
    Shape to = from;
    to.level = level;
    to.layout = level == 0 ? 0 : is.layout;
    to.raid_disks = is.raid_disks;
    to.chunk_sectors = is.chunk_sectors;
    return to;
}

bool is_takeover(const Shape &from, const Shape &to)
{
    if (from.level == 1 && to.level == 1) {
        Shape same = from;
        same.raid_disks = to.raid_disks;
        return same == to && to.raid_disks != from.raid_disks && to.raid_disks > 0 && to.raid_disks <= EMD_MAX_MEMBERS;
    }
    const auto taken = shape_taken_over(from, to.level);
    return from.level != to.level && taken && *taken == to;
}

std::optional<unsigned> place_taken_over(const Shape &from, unsigned slot, const Shape &to)
{
    const emd_geometry was = geometry_of(from), is = geometry_of(to);
    const std::uint32_t place = emd_takeover_slot(&was, &is, slot);
    return place < to.raid_disks ? std::optional<unsigned>(place) : std::nullopt;
}

std::vector<Slot> slots_taken_over(const Shape &from, const std::vector<Slot> &slots, const Shape &to)
{
    const emd_geometry was = geometry_of(from), is = geometry_of(to);
    std::vector<std::uint8_t> standing(from.raid_disks, EMD_STANDING_NOBODY);
    for (std::size_t i = 0; i < std::min(slots.size(), standing.size()); i++)
        if (slots[i].disk >= 0)
            standing[i] = slots[i].in_sync ? EMD_STANDING_GOOD : EMD_STANDING_STALE;
    std::vector<std::uint32_t> origin(to.raid_disks);
    emd_takeover_members(&was, &is, standing.data(), origin.data());
    std::vector<Slot> all(to.raid_disks);
    for (std::size_t i = 0; i < all.size(); i++)
        if (origin[i] != EMD_NO_SLOT)
            all[i] = slots[origin[i]];
    return all;
}

}  // namespace emd
