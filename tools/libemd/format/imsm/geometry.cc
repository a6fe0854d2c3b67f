// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/imsm/geometry.h"

#include "emd/emd.h"

#include <algorithm>

namespace emd::imsm {

int level_of(const Map &map)
{
    switch (map.level) {
    case 0: return 0;
    case 1: return map.members() == 2 ? 1 : 10;
    case 5: return 5;
    case 10: return 10;
    default: return kUnknownLevel;
    }
}

std::uint32_t layout_of(int level)
{
    constexpr std::uint32_t near_two = 0x102;
    return level == 10 ? near_two : level == 5 ? EMD_LAYOUT_LEFT_ASYMMETRIC : 0;
}

std::uint32_t data_members(int level, std::uint32_t members)
{
    switch (level) {
    case 0: return members;
    case 1: return 1;
    case 5: return members - std::min(members, 1u);
    case 10: return members / 2;
    default: return 0;
    }
}

std::uint64_t component_of(const Map &map, std::uint64_t size)
{
    const int level = level_of(map);
    const std::uint64_t data = data_members(map);
    const std::uint64_t copies = level == 1 || level == 10 ? 2 : 1;
    std::uint64_t component = map.num_data_stripes * map.strip * copies;
    if (size != 0 && data != 0) {  // another implementation expanded the volume and left the stripes as they were
        const std::uint64_t sum = component * data;
        if ((sum > size ? sum - size : size - sum) > kVolumeTail * data)
            component = size / data;
    }
    return level == 1 || map.strip == 0 ? component : component - component % map.strip;
}

Shape shape_of(const Dev &dev, const Map &map)
{
    const int level = level_of(map);
    // While a general migration runs, the size is that of the target only.
    const bool has_size = !dev.general_migration() || &map == &dev.map0;
    return {.level = level,
            .layout = layout_of(level),
            .raid_disks = map.members(),
            .chunk_sectors = level == 1 ? 0 : map.strip,
            .component_sectors = component_of(map, has_size ? dev.size : 0)};
}

std::uint64_t end_of(const Dev &dev)
{
    const std::uint64_t end = dev.map0.start + shape_of(dev, dev.map0).component_sectors;
    return dev.migrating ? std::max(end, dev.map1.start + shape_of(dev, dev.map1).component_sectors) : end;
}

// Both maps of these operations have the same geometry, which makes the peer's formulas this short.
std::uint64_t sync_unit(const Dev &dev)
{
    constexpr std::uint32_t mirror_unit = 256;
    const Map &map = dev.map0;
    if (!dev.migrating || dev.migr_type > kMigrVerify)
        return 0;
    const bool rebuild = dev.migr_type == kMigrRebuild;
    switch (level_of(map)) {
    case 1: return 2 * mirror_unit;
    case 5: return rebuild ? std::max(128u, map.strip) : std::uint64_t{map.strip} * map.members();
    case 10: return rebuild ? 2 * mirror_unit : 2 * map.strip;
    default: return 0;
    }
}

void set_sizes(Map &map, std::uint64_t component)
{
    const int level = level_of(map);
    if (level == 1)
        map.strip = kRaid1Strip;
    map.domains = level == 1 || level == 10 ? 2 : 1;
    map.blocks_per_member = component + kVolumeTail;
    if (level != 1)
        map.blocks_per_member -= map.blocks_per_member % map.strip;
    map.num_data_stripes = component / map.domains / map.strip;
}

namespace {

// Slots (0,1), (2,3), ... hold the same data.
bool pair_lost(std::span<const bool> missing)
{
    for (std::size_t slot = 0; slot + 1 < missing.size(); slot += 2)
        if (missing[slot] && missing[slot + 1])
            return true;
    return false;
}

}  // namespace

MapState state_of(const Map &map, std::span<const DiskEntry> disks, bool uninitialised)
{
    std::array<bool, 256> flags{};
    const std::span<bool> missing = std::span(flags).first(std::min<std::size_t>(flags.size(), map.ord.size()));
    for (std::size_t slot = 0; slot < missing.size(); slot++) {
        const DiskEntry &disk = disks[static_cast<std::size_t>(ord_index(map.ord[slot]))];
        missing[slot] = (map.ord[slot] & kOrdRebuild) || (disk.status & kDiskFailed);
    }

    const auto count = static_cast<std::size_t>(std::ranges::count(missing, true));
    if (count == 0)
        return uninitialised ? kMapUninitialised : kMapNormal;
    switch (level_of(map)) {
    case 1: return count < missing.size() ? kMapDegraded : kMapFailed;
    case 5: return count == 1 ? kMapDegraded : kMapFailed;
    case 10: return pair_lost(missing) ? kMapFailed : kMapDegraded;
    default: return kMapFailed;
    }
}

}  // namespace emd::imsm
