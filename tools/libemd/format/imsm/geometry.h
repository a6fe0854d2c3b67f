// SPDX-License-Identifier: GPL-2.0-only
// What the numbers of a map mean as a shape, and the other way round. Sectors throughout.
#pragma once

#include "libemd/format/imsm/mpb.h"
#include "libemd/model/container.h"

#include <span>

namespace emd::imsm {

inline constexpr int kUnknownLevel = -1000000;

// md's level. A stored 1 with any number of members but two is RAID10.
int level_of(const Map &map);
std::uint32_t layout_of(int level);

// Members' worth of data; 0 for an unknown level or too few members.
std::uint32_t data_members(int level, std::uint32_t members);
inline std::uint32_t data_members(const Map &map) { return data_members(level_of(map), map.members()); }

// Data sectors per member according to the stripes; `size` is the volume's when the map belongs to it, 0 to trust the map.
std::uint64_t component_of(const Map &map, std::uint64_t size);

// The shape of a map of `dev`.
Shape shape_of(const Dev &dev, const Map &map);

// Where a volume's data ends on each member; the larger of its maps.
std::uint64_t end_of(const Dev &dev);

// Member sectors that one unit of Dev::migr_unit stands for in an initialisation, repair or rebuild; 0: none.
std::uint64_t sync_unit(const Dev &dev);

// Fill the size fields of `map` for `component` data sectors per member. RAID1 gets its conventional strip.
void set_sizes(Map &map, std::uint64_t component);

// What a map's disk table and the disks' status say of it. `uninitialised`: the state when nothing is missing.
MapState state_of(const Map &map, std::span<const DiskEntry> disks, bool uninitialised);

}  // namespace emd::imsm
