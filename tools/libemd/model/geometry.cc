// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/model/geometry.h"

namespace emd {

emd_geometry geometry_of(const Shape &shape)
{
    emd_geometry geometry{};
    geometry.level = shape.level;
    geometry.layout = shape.layout;
    geometry.raid_disks = shape.raid_disks;
    geometry.chunk_sectors = shape.chunk_sectors;
    geometry.member_sectors = shape.component_sectors;
    if (shape.chunk_sectors)
        geometry.member_sectors -= shape.component_sectors % shape.chunk_sectors;
    return geometry;
}

}  // namespace emd
