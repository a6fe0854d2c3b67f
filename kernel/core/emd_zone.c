// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zones: how RAID0 and linear lay an array over members of different size.
 *
 * Theory
 *
 * RAID0 stripes over all members as far as the smallest reaches, then over those that
 * are larger, and so on: one zone per distinct size. Linear is one zone per member.
 */
#include "emd_geometry.h"
#include "emd_math.h"

const struct emd_zone *emd_geometry_zone(const struct emd_geometry *geo, __u64 sector)
{
	__u32 low = 0, high = geo->nr_zones - 1;

	while (low < high) {
		__u32 middle = (low + high) / 2;

		if (sector < geo->zones[middle].array_end)
			high = middle;
		else
			low = middle + 1;
	}
	return &geo->zones[low];
}

/* Size that counts: whole chunks, if there are chunks. */
static __u64 usable(const struct emd_geometry *geo, __u64 size)
{
	return geo->chunk_sectors ? size & ~(__u64)(geo->chunk_sectors - 1) : size;
}

static int linear_zones(const struct emd_geometry *geo, const __u64 *size,
			struct emd_zone *zones, __u32 *slots)
{
	__u64 end = 0;
	__u32 i;

	for (i = 0; i < geo->raid_disks; i++) {
		end += usable(geo, size[i]);
		slots[i] = i;
		zones[i] = (struct emd_zone){ .array_end = end, .nr = 1, .slots = &slots[i] };
	}
	return (int)geo->raid_disks;
}

/* Smallest usable size above @floor; 0 if no member reaches higher. */
static __u64 next_size(const struct emd_geometry *geo, const __u64 *size, __u64 floor)
{
	__u64 next = 0;
	__u32 i;

	for (i = 0; i < geo->raid_disks; i++) {
		__u64 sectors = usable(geo, size[i]);

		if (sectors > floor && (!next || sectors < next))
			next = sectors;
	}
	return next;
}

static int raid0_zones(const struct emd_geometry *geo, const __u64 *size,
		       struct emd_zone *zones, __u32 *slots)
{
	__u64 floor = 0, end = 0, next;
	int nr_zones = 0;

	while ((next = next_size(geo, size, floor)) != 0) {
		__u32 nr = 0, i;

		for (i = 0; i < geo->raid_disks; i++)
			if (usable(geo, size[i]) > floor)
				slots[nr++] = i;
		end += (next - floor) * nr;
		zones[nr_zones++] = (struct emd_zone){
			.array_end = end, .member_start = floor, .nr = nr, .slots = slots,
		};
		slots += nr;
		floor = next;
	}
	return nr_zones;
}

int emd_geometry_zones(const struct emd_geometry *geo, const __u64 *size,
		       struct emd_zone *zones, __u32 *slots)
{
	__u32 i;

	if (!geo->raid_disks || geo->raid_disks > EMD_MAX_MEMBERS)
		return -EINVAL;
	if (geo->level == 0 ? !emd_is_pow2(geo->chunk_sectors) :
			      geo->level != EMD_LEVEL_LINEAR ||
			      (geo->chunk_sectors && !emd_is_pow2(geo->chunk_sectors)))
		return -EINVAL;
	for (i = 0; i < geo->raid_disks; i++)
		if (!usable(geo, size[i]) || size[i] > emd_div((1ULL << 63) - 1, geo->raid_disks))
			return -EINVAL;

	if (geo->level == EMD_LEVEL_LINEAR)
		return linear_zones(geo, size, zones, slots);
	return raid0_zones(geo, size, zones, slots);
}
