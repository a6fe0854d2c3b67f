/* SPDX-License-Identifier: GPL-2.0-only */
/* RAID10's map, for emd_geometry.c. Pure. @geo is of level 10 and valid, unless a function says otherwise. */
#ifndef _EMD_CORE_RAID10_H
#define _EMD_CORE_RAID10_H

#include "emd_geometry.h"

/** emd_raid10_near() - copies on slots that follow each other. Any @geo of level 10. */
static inline __u32 emd_raid10_near(const struct emd_geometry *geo)
{
	return geo->layout & 0xff;
}

/** emd_raid10_far() - how often these are repeated elsewhere on the members. Any @geo of level 10. */
static inline __u32 emd_raid10_far(const struct emd_geometry *geo)
{
	return geo->layout >> 8 & 0xff;
}

/** emd_raid10_refusal() - what is wrong with layout or number of members, or NULL. Any @geo of level 10. */
const char *emd_raid10_refusal(const struct emd_geometry *geo);

/** emd_raid10_chunks() - chunks of the array. */
__u64 emd_raid10_chunks(const struct emd_geometry *geo);

/** emd_raid10_copy() - as emd_geometry_copy(). */
void emd_raid10_copy(const struct emd_geometry *geo, __u64 sector, __u32 copy, struct emd_place *place);

/** emd_raid10_owner() - as emd_geometry_owner(). */
int emd_raid10_owner(const struct emd_geometry *geo, __u32 slot, __u64 sector, struct emd_owner *owner);

/** emd_raid10_span() - as emd_geometry_span(). */
void emd_raid10_span(const struct emd_geometry *geo, __u64 begin, __u64 end, __u64 *lo, __u64 *hi);

#endif
