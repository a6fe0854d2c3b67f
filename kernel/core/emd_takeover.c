// SPDX-License-Identifier: GPL-2.0-only
/*
 * Theory
 *
 * Two levels can replace each other when they map every array sector to the same member
 * and sector. Which geometry is the candidate depends on the pair of levels; that it is
 * right is not believed but checked, over enough rows for every layout to repeat.
 *
 * RAID10 of pairs is RAID0 whose members have a mirror each: member i is the pair of slots 2i and 2i + 1. So between these
 * two the members keep their data and change their slots.
 */
#include <linux/errno.h>

#include "emd_takeover.h"

static int refuse(const char **why, const char *sentence)
{
	if (why)
		*why = sentence;
	return -EINVAL;
}

static __u64 min64(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

__u32 emd_takeover_slot(const struct emd_geometry *from, const struct emd_geometry *to, __u32 slot)
{
	if (from->level == 0 && to->level == 10)
		slot *= 2;
	else if (from->level == 10 && to->level == 0)
		slot /= 2;
	return slot < to->raid_disks ? slot : EMD_NO_SLOT;
}

/* No good member of a RAID1 is given up while a slot is without one. */
static void fill_with_mirrors(const struct emd_geometry *from, const struct emd_geometry *to, const __u8 *standing, __u32 *origin)
{
	__u32 slot, mirror = to->raid_disks;

	for (slot = 0; slot < to->raid_disks; slot++) {
		if (origin[slot] != EMD_NO_SLOT && standing[origin[slot]] == EMD_STANDING_GOOD)
			continue;
		while (mirror < from->raid_disks && standing[mirror] != EMD_STANDING_GOOD)
			mirror++;
		if (mirror >= from->raid_disks)
			return;
		origin[slot] = mirror++;
	}
}

void emd_takeover_members(const struct emd_geometry *from, const struct emd_geometry *to, const __u8 *standing, __u32 *origin)
{
	__u32 i, slot;

	for (slot = 0; slot < to->raid_disks; slot++)
		origin[slot] = EMD_NO_SLOT;
	for (i = 0; i < from->raid_disks; i++) {
		slot = emd_takeover_slot(from, to, i);
		if (standing[i] == EMD_STANDING_NOBODY || slot == EMD_NO_SLOT)
			continue;
		if (origin[slot] == EMD_NO_SLOT || standing[i] > standing[origin[slot]])
			origin[slot] = i;
	}
	if (from->level == 1)
		fill_with_mirrors(from, to, standing, origin);
}

int emd_takeover_same(const struct emd_geometry *a, const struct emd_geometry *b)
{
	__u64 end = min64(emd_geometry_array_sectors(a), emd_geometry_array_sectors(b));
	__u64 rows = (__u64)a->raid_disks * b->raid_disks * 2;
	__u64 sector = 0;

	if (emd_geometry_array_sectors(a) != emd_geometry_array_sectors(b))
		return 0;
	end = min64(end, rows * (emd_geometry_row_sectors(a) + emd_geometry_row_sectors(b)));
	while (sector < end) {
		struct emd_place pa, pb;

		emd_geometry_map(a, sector, &pa);
		emd_geometry_map(b, sector, &pb);
		if (emd_takeover_slot(a, b, pa.slot) != pb.slot || pa.sector != pb.sector)
			return 0;
		sector += min64(pa.len, pb.len);
	}
	return 1;
}

/* The largest chunk up to 64 KiB that divides the size: what a mirror gets that had none. */
static __u32 fitting_chunk(__u64 member_sectors)
{
	__u32 chunk = 128;

	while (chunk > EMD_MIN_CHUNK_SECTORS && (member_sectors & (chunk - 1)))
		chunk /= 2;
	return chunk;
}

static int from_raid0(const struct emd_geometry *from, struct emd_geometry *to, const char **why)
{
	if (from->zones)
		return refuse(why, "RAID0 over unequal members cannot become another level");
	switch (to->level) {
	case 1:
		to->chunk_sectors = 0;
		return from->raid_disks == 1 ? 0 : refuse(why, "only RAID0 of one member can become RAID1");
	case 4:
	case 5:
		to->raid_disks++;
		to->layout = to->level == 5 ? EMD_LAYOUT_PARITY_LAST : 0;
		return 0;
	case 10:
		to->raid_disks *= 2;
		to->layout = EMD_LAYOUT_RAID10_NEAR(2);
		return 0;
	}
	return refuse(why, "RAID0 can become RAID1, 4, 5 or 10");
}

static int from_raid1(const struct emd_geometry *from, struct emd_geometry *to, const char **why)
{
	switch (to->level) {
	case 0:
		to->raid_disks = 1;
		to->chunk_sectors = fitting_chunk(from->member_sectors);
		return 0;
	case 5:
		if (from->raid_disks != 2)
			return refuse(why, "only RAID1 of two members can become RAID5");
		to->chunk_sectors = fitting_chunk(from->member_sectors);
		to->layout = EMD_LAYOUT_LEFT_SYMMETRIC;
		return 0;
	}
	return refuse(why, "RAID1 can become RAID0 or 5");
}

/* The layouts of RAID6 that are one of RAID5 with Q on a last member more; RAID4 has that of parity-last. */
static __u32 layout_with_q(const struct emd_geometry *from)
{
	if (from->level == 4 || from->layout == EMD_LAYOUT_PARITY_LAST)
		return EMD_LAYOUT_PARITY_LAST;
	return from->layout - EMD_LAYOUT_LEFT_ASYMMETRIC + EMD_LAYOUT_LEFT_ASYMMETRIC_6;
}

/* RAID4 is RAID5 with all parity on the last member. */
static int from_parity(const struct emd_geometry *from, struct emd_geometry *to, const char **why)
{
	int parity_last = from->level == 4 || from->layout == EMD_LAYOUT_PARITY_LAST;

	switch (to->level) {
	case 0:
		to->raid_disks--;
		to->layout = EMD_LAYOUT_RAID0_ORIGINAL;
		break;
	case 1:
		to->chunk_sectors = 0;
		to->layout = 0;
		return from->raid_disks == 2 ? 0 : refuse(why, "only RAID5 of two members can become RAID1");
	case 4:
		to->layout = 0;
		break;
	case 5:
		to->layout = EMD_LAYOUT_PARITY_LAST;
		break;
	case 6:
		to->raid_disks++;
		to->layout = layout_with_q(from);
		return 0;
	default:
		return refuse(why, "RAID4 and 5 can become RAID0, 1, 4, 5 or 6");
	}
	return parity_last ? 0 : refuse(why, "parity is not on the last member: change the layout to parity-last first");
}

/* Without Q. */
static int from_raid6(const struct emd_geometry *from, struct emd_geometry *to, const char **why)
{
	int q_last = from->layout >= EMD_LAYOUT_LEFT_ASYMMETRIC_6;

	to->raid_disks--;
	switch (to->level) {
	case 4:
		to->layout = 0;
		return from->layout == EMD_LAYOUT_PARITY_LAST ?
		       0 : refuse(why, "P and Q are not on the last members: change the layout to parity-last first");
	case 5:
		if (q_last)
			to->layout = from->layout - EMD_LAYOUT_LEFT_ASYMMETRIC_6 + EMD_LAYOUT_LEFT_ASYMMETRIC;
		return q_last || from->layout == EMD_LAYOUT_PARITY_LAST ?
		       0 : refuse(why, "Q is not on the last member: change the layout to left-symmetric-6 first");
	}
	return refuse(why, "RAID6 can become RAID4 or 5");
}

static int from_raid10(const struct emd_geometry *from, struct emd_geometry *to, const char **why)
{
	if (to->level != 0)
		return refuse(why, "RAID10 can become RAID0");
	if (from->layout != EMD_LAYOUT_RAID10_NEAR(2) || from->raid_disks % 2)
		return refuse(why, "only RAID10 of pairs (two near copies, an even number of members) can become RAID0");
	to->raid_disks /= 2;
	to->layout = EMD_LAYOUT_RAID0_ORIGINAL;
	return 0;
}

int emd_takeover_geometry(const struct emd_geometry *from, __s32 level, struct emd_geometry *to, const char **why)
{
	int error;

	*to = *from;
	to->level = level;
	switch (from->level) {
	case 0:
		error = from_raid0(from, to, why);
		break;
	case 1:
		error = from_raid1(from, to, why);
		break;
	case 4:
	case 5:
		error = from_parity(from, to, why);
		break;
	case 6:
		error = from_raid6(from, to, why);
		break;
	case 10:
		error = from_raid10(from, to, why);
		break;
	default:
		return refuse(why, "this level cannot become another one without moving data");
	}
	if (!error)
		error = emd_geometry_validate(to, why);
	/* Two mirrors and RAID5 of two hold the same on both members, in turns: the first copy may be either. */
	if (error || (from->raid_disks == 2 && to->raid_disks == 2))
		return error;
	return emd_takeover_same(from, to) ? 0 : refuse(why, "data would have to move");
}
