/* SPDX-License-Identifier: GPL-2.0-only */
/* RAID0 of one zone, for who asks for each request: there is no layout, and so little to be computed that a call would cost more. */
#ifndef _EMD_CORE_STRIPES_H
#define _EMD_CORE_STRIPES_H

#include "emd_geometry.h"
#include "emd_math.h"

static inline int emd_geometry_is_stripes(const struct emd_geometry *geo)
{
	return !geo->level && !geo->zones;
}

/** emd_stripes_left() - sectors from @sector to the end of its chunk. */
static inline __u32 emd_stripes_left(const struct emd_geometry *geo, __u64 sector)
{
	return geo->chunk_sectors - ((__u32)sector & (geo->chunk_sectors - 1));
}

/** emd_stripes_sector() - where on its member @sector lies; *@slot becomes that member's. */
static inline __u64 emd_stripes_sector(const struct emd_geometry *geo, __u64 sector, __u32 *slot)
{
	__u32 shift = emd_shift(geo->chunk_sectors), n = geo->raid_disks;

	if (!(n & (n - 1))) {	/* a power of two: a division would cost as much as all the rest */
		*slot = (__u32)(sector >> shift) & (n - 1);
		return (sector >> shift >> emd_shift(n) << shift) + (sector & (geo->chunk_sectors - 1));
	}
	return (emd_div_rem(sector >> shift, geo->raid_disks, slot) << shift) + (sector & (geo->chunk_sectors - 1));
}

#endif
