// SPDX-License-Identifier: GPL-2.0-only
/*
 * Geometry: limits, sizes, and the map of every level. The rows of RAID4/5/6 are in
 * emd_layout.c, the copies of RAID10 in emd_raid10.c, the zones of unequal members in emd_zone.c.
 */
#include "emd_geometry.h"
#include "emd_math.h"
#include "emd_raid10.h"
#include "emd_stripes.h"

/* RAID1 and linear have no chunk; their work is cut by pages. */
#define PAGE_ROW_SECTORS	8U

static int refuse(const char **why, const char *sentence)
{
	if (why)
		*why = sentence;
	return -EINVAL;
}

static __u32 min_disks(const struct emd_geometry *geo)
{
	switch (geo->level) {
	case 4:
	case 5:
		return 2;
	case 6:
		return 4;
	case 10:
		return 2;
	}
	return 1;
}

static int validate_layout(const struct emd_geometry *geo, const char **why)
{
	const char *refusal;

	switch (geo->level) {
	case EMD_LEVEL_LINEAR:
	case 0:	/* asked for only where it matters, with the zones */
	case 1:
	case 4:
		return 0;
	case 5:
	case 6:
		if (!emd_geometry_layout_known(geo))
			return refuse(why, "layout is not one of the level's layouts");
		if (geo->level == 6 && emd_geometry_q_powers(geo) > EMD_Q_POWERS)
			return refuse(why, "a DDF layout has room for 255 members");
		return 0;
	case 10:
		refusal = emd_raid10_refusal(geo);
		return refusal ? refuse(why, refusal) : 0;
	}
	return refuse(why, "level is not one of linear, 0, 1, 4, 5, 6, 10");
}

static int validate_chunk(const struct emd_geometry *geo, const char **why)
{
	if (geo->level == 1 || geo->level == EMD_LEVEL_LINEAR)
		return 0;
	if (!emd_is_pow2(geo->chunk_sectors))
		return refuse(why, "chunk size is not a power of two");
	if (geo->chunk_sectors < EMD_MIN_CHUNK_SECTORS)
		return refuse(why, "chunk size is smaller than a page");
	if (geo->chunk_sectors > EMD_MAX_CHUNK_SECTORS)
		return refuse(why, "chunk size is greater than 64 MiB");
	return 0;
}

static int validate_zones(const struct emd_geometry *geo, const char **why)
{
	__u64 begin = 0, sectors;
	__u32 i, j;

	if (geo->level != 0 && geo->level != EMD_LEVEL_LINEAR)
		return refuse(why, "zones exist only in RAID0 and linear");
	if (!geo->nr_zones || geo->nr_zones > geo->raid_disks)
		return refuse(why, "number of zones is not between one and the number of members");

	for (i = 0; i < geo->nr_zones; i++) {
		const struct emd_zone *zone = &geo->zones[i];

		sectors = zone->array_end - begin;
		if (zone->array_end <= begin)
			return refuse(why, "zones are not in order");
		if (!zone->nr || zone->nr > (geo->level == 0 ? geo->raid_disks : 1))
			return refuse(why, "zone has a wrong number of members");
		if (geo->level == 0 && emd_mod(sectors, (__u64)zone->nr * geo->chunk_sectors))
			return refuse(why, "zone is not a multiple of its stripe");
		for (j = 0; j < zone->nr; j++)
			if (zone->slots[j] >= geo->raid_disks)
				return refuse(why, "zone names a slot that does not exist");
		begin = zone->array_end;
	}
	/* Only where two members or more begin a later zone do the layouts differ. */
	for (i = 1; geo->level == 0 && i < geo->nr_zones; i++)
		if (geo->zones[i].nr > 1 && geo->layout != EMD_LAYOUT_RAID0_ORIGINAL &&
		    geo->layout != EMD_LAYOUT_RAID0_ALTERNATE)
			return refuse(why, "layout of RAID0 over unequal members must be 1 or 2");
	return 0;
}

static int validate_size(const struct emd_geometry *geo, const char **why)
{
	if (!geo->member_sectors)
		return refuse(why, "member size is 0");
	if (geo->member_sectors > emd_div((1ULL << 63) - 1, geo->raid_disks))
		return refuse(why, "member size is beyond what 64 bits can address");
	if (geo->level != 1 && geo->level != EMD_LEVEL_LINEAR &&
	    (geo->member_sectors & (geo->chunk_sectors - 1)))
		return refuse(why, "member size is not a multiple of the chunk size");
	if (geo->level == 10 && !emd_raid10_chunks(geo))
		return refuse(why, "member size is less than a chunk for each far copy");
	return 0;
}

int emd_geometry_validate(const struct emd_geometry *geo, const char **why)
{
	int error = validate_layout(geo, why);

	if (!error && geo->raid_disks > EMD_MAX_MEMBERS)
		error = refuse(why, "number of members is greater than 256");
	if (!error && geo->raid_disks < min_disks(geo))
		error = refuse(why, "number of members is too small for the level");
	if (!error)
		error = validate_chunk(geo, why);
	if (!error)
		error = geo->zones ? validate_zones(geo, why) : validate_size(geo, why);
	return error;
}

__u32 emd_geometry_parity_disks(const struct emd_geometry *geo)
{
	switch (geo->level) {
	case 4:
	case 5:
		return 1;
	case 6:
		return 2;
	}
	return 0;
}

__u32 emd_geometry_copies(const struct emd_geometry *geo)
{
	switch (geo->level) {
	case 1:
		return geo->raid_disks;
	case 10:
		return emd_raid10_near(geo) * emd_raid10_far(geo);
	}
	return 1;
}

__u32 emd_geometry_data_disks(const struct emd_geometry *geo)
{
	if (geo->level == 1)
		return 1;
	if (geo->level == 10)
		return geo->raid_disks / emd_geometry_copies(geo);
	return geo->raid_disks - emd_geometry_parity_disks(geo);
}

__u32 emd_geometry_max_failures(const struct emd_geometry *geo)
{
	return emd_geometry_parity_disks(geo) + emd_geometry_copies(geo) - 1;
}

__u64 emd_geometry_array_sectors(const struct emd_geometry *geo)
{
	if (geo->zones)
		return geo->zones[geo->nr_zones - 1].array_end;
	if (geo->level == 10)
		return emd_raid10_chunks(geo) << emd_shift(geo->chunk_sectors);
	return geo->member_sectors * emd_geometry_data_disks(geo);
}

__u64 emd_geometry_row_sectors(const struct emd_geometry *geo)
{
	if (geo->level == 1 || geo->level == EMD_LEVEL_LINEAR)
		return PAGE_ROW_SECTORS;
	return (__u64)geo->chunk_sectors * emd_geometry_data_disks(geo);
}

static void map_linear(const struct emd_geometry *geo, __u64 sector, struct emd_place *place)
{
	__u64 slot = emd_div(sector, geo->member_sectors);

	place->slot = (__u32)slot;
	place->sector = sector - slot * geo->member_sectors;
	place->len = geo->member_sectors - place->sector;
}

static void map_zone(const struct emd_geometry *geo, __u64 sector, struct emd_place *place)
{
	const struct emd_zone *zone = emd_geometry_zone(geo, sector);
	__u64 begin = zone == geo->zones ? 0 : zone[-1].array_end;
	__u32 shift, offset, index;
	__u64 row;

	if (zone->nr == 1) {
		place->slot = zone->slots[0];
		place->sector = zone->member_start + (sector - begin);
		place->len = zone->array_end - sector;
		return;
	}
	shift = emd_shift(geo->chunk_sectors);
	offset = sector & (geo->chunk_sectors - 1);
	row = emd_div_rem((sector - begin) >> shift, zone->nr, &index);
	if (geo->layout == EMD_LAYOUT_RAID0_ORIGINAL)
		emd_div_rem(sector >> shift, zone->nr, &index);
	place->slot = zone->slots[index];
	place->sector = zone->member_start + (row << shift) + offset;
	place->len = geo->chunk_sectors - offset;
}

static void map_striped(const struct emd_geometry *geo, __u64 sector, struct emd_place *place)
{
	__u32 shift = emd_shift(geo->chunk_sectors);
	__u32 offset = sector & (geo->chunk_sectors - 1);
	__u32 column;
	__u64 row = emd_div_rem(sector >> shift, emd_geometry_data_disks(geo), &column);

	place->slot = emd_geometry_data_slot(geo, row, column);
	place->sector = (row << shift) + offset;
	place->len = geo->chunk_sectors - offset;
}

void emd_geometry_copy(const struct emd_geometry *geo, __u64 sector, __u32 copy,
		       struct emd_place *place)
{
	if (geo->zones) {
		map_zone(geo, sector, place);
	} else if (geo->level == 1) {
		place->slot = copy;
		place->sector = sector;
		place->len = geo->member_sectors - sector;
	} else if (geo->level == 10) {
		emd_raid10_copy(geo, sector, copy, place);
	} else if (geo->level == EMD_LEVEL_LINEAR) {
		map_linear(geo, sector, place);
	} else if (emd_geometry_is_stripes(geo)) {
		place->sector = emd_stripes_sector(geo, sector, &place->slot);
		place->len = emd_stripes_left(geo, sector);
	} else {
		map_striped(geo, sector, place);
	}
}

void emd_geometry_map(const struct emd_geometry *geo, __u64 sector, struct emd_place *place)
{
	emd_geometry_copy(geo, sector, 0, place);
}

int emd_geometry_owner(const struct emd_geometry *geo, __u32 slot, __u64 sector, struct emd_owner *owner)
{
	if (geo->level == 10)
		return emd_raid10_owner(geo, slot, sector, owner);
	owner->sector = sector;
	owner->copy = slot;
	owner->len = geo->member_sectors - sector;
	return 1;
}

void emd_geometry_span(const struct emd_geometry *geo, __u64 begin, __u64 end, __u64 *lo, __u64 *hi)
{
	__u32 chunk = geo->chunk_sectors;

	if (geo->level == 10) {
		emd_raid10_span(geo, begin, end, lo, hi);
	} else if (geo->level == 1 || !chunk) {	/* a RAID1 may have a chunk, for the level that it is to become */
		*lo = begin;
		*hi = end;
	} else {
		*lo = (begin >> emd_shift(chunk)) * emd_geometry_row_sectors(geo);
		*hi = ((end + chunk - 1) >> emd_shift(chunk)) * emd_geometry_row_sectors(geo);
	}
}
