// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the copies of RAID10 lie.
 *
 * Theory
 *
 * Number the places of a *section* row by row: place t is slot t mod n in row t div n. Chunk c of the array takes the
 * places c * near ... c * near + near - 1. That is section 0; with near copies alone there is no other.
 *
 * Far copies repeat the section: section f holds the same rows, with what is on slot d moved on by f * near slots, round
 * a ring. The ring is the whole array, or ("far sets") near * far neighbouring slots, of which the last ring also
 * takes the slots that are left over. Where section f lies is all that tells "far" from "offset":
 *
 *	far	its rows follow each other, *stride* chunks behind section f - 1
 *	offset	row r of section f is the member's row r * far + f: the copies of a row are its next rows
 *
 * So a place has one inverse: the section and the row from the member's sector, the slot in section 0 by moving back,
 * and the chunk from the place's number. Copy f * near + j is near copy j in section f.
 */
#include "emd_math.h"
#include "emd_raid10.h"

static int is_offset(const struct emd_geometry *geo)
{
	return !!(geo->layout & EMD_LAYOUT_RAID10_OFFSET);
}

const char *emd_raid10_refusal(const struct emd_geometry *geo)
{
	__u32 near = emd_raid10_near(geo), far = emd_raid10_far(geo), sets = geo->layout & EMD_LAYOUT_RAID10_SETS;

	if (geo->layout & ~(0xffffU | EMD_LAYOUT_RAID10_OFFSET | EMD_LAYOUT_RAID10_SETS))
		return "layout has bits that RAID10 does not know";
	if (!near || !far || near * far < 2)
		return "layout: RAID10 needs two copies or more";
	if (sets && sets != EMD_LAYOUT_RAID10_FAR_SETS)
		return "layout: these far sets do not always keep copies apart; use those of bit 18";
	if (near * far > geo->raid_disks)
		return "layout: RAID10 cannot have more copies than members";
	/* Near copies that are continued in the next row would meet the far ones there. */
	if (near > 1 && far > 1 && is_offset(geo) && geo->raid_disks % near)
		return "layout: with near and offset copies the members must be a multiple of the near copies";
	if (near > 1 && sets && geo->raid_disks % (near * far))
		return "layout: with near copies the members must be a multiple of the far set";
	return NULL;
}

__u64 emd_raid10_chunks(const struct emd_geometry *geo)
{
	__u64 rows = emd_div(geo->member_sectors >> emd_shift(geo->chunk_sectors), emd_raid10_far(geo));

	return emd_div(rows * geo->raid_disks, emd_raid10_near(geo));
}

/* Rows of a section. */
static __u64 section_rows(const struct emd_geometry *geo)
{
	__u32 far = emd_raid10_far(geo), near = emd_raid10_near(geo), n = geo->raid_disks;

	if (near == 1)
		return emd_div(geo->member_sectors >> emd_shift(geo->chunk_sectors), far);
	/* Rounded as the disks have it: first all sections together, to whole rows. */
	return emd_div(emd_div(emd_raid10_chunks(geo) * near * far + n - 1, n), far);
}

/* @slot moved on by @by slots round its ring. */
static __u32 move_slot(const struct emd_geometry *geo, __u32 slot, __u32 by, int back)
{
	__u32 n = geo->raid_disks, size = n, begin = 0;

	if (geo->layout & EMD_LAYOUT_RAID10_FAR_SETS) {
		__u32 set = emd_raid10_near(geo) * emd_raid10_far(geo);
		__u32 last = (n / set - 1) * set;

		begin = slot < last ? slot / set * set : last;
		size = slot < last ? set : n - last;
	}
	by %= size;
	return begin + (slot - begin + (back ? size - by : by)) % size;
}

void emd_raid10_copy(const struct emd_geometry *geo, __u64 sector, __u32 copy, struct emd_place *place)
{
	__u32 shift = emd_shift(geo->chunk_sectors), offset = sector & (geo->chunk_sectors - 1);
	__u32 near = emd_raid10_near(geo), far = emd_raid10_far(geo), section = 0;
	__u64 row;

	if (far > 1) {
		section = copy / near;
		copy %= near;
	}
	row = emd_div_rem((sector >> shift) * near + copy, geo->raid_disks, &place->slot);
	if (is_offset(geo))
		row = row * far + section;
	else if (section)
		row += section * section_rows(geo);
	if (section)
		place->slot = move_slot(geo, place->slot, section * near, 0);
	place->sector = (row << shift) + offset;
	place->len = geo->chunk_sectors - offset;
}

/* The section that holds @row of a member, EMD_NO_SLOT if none does; *@row becomes the row in the section. */
static __u32 section_of(const struct emd_geometry *geo, __u64 *row)
{
	__u32 far = emd_raid10_far(geo), section;
	__u64 rows, nth;

	if (is_offset(geo)) {
		*row = emd_div_rem(*row, far, &section);
		return section;
	}
	if (far == 1)
		return 0;
	rows = section_rows(geo);
	nth = rows ? emd_div(*row, rows) : far;
	*row -= nth * rows;
	return nth < far ? (__u32)nth : EMD_NO_SLOT;
}

int emd_raid10_owner(const struct emd_geometry *geo, __u32 slot, __u64 sector, struct emd_owner *owner)
{
	__u32 shift = emd_shift(geo->chunk_sectors), offset = sector & (geo->chunk_sectors - 1);
	__u32 near = emd_raid10_near(geo), section, copy;
	__u64 row = sector >> shift, chunk;

	owner->len = geo->chunk_sectors - offset;
	section = section_of(geo, &row);
	if (section == EMD_NO_SLOT)
		return 0;
	slot = move_slot(geo, slot, section * near, 1);
	chunk = emd_div_rem(row * geo->raid_disks + slot, near, &copy);
	if (chunk >= emd_raid10_chunks(geo))
		return 0;
	owner->sector = (chunk << shift) + offset;
	owner->copy = section * near + copy;
	return 1;
}

void emd_raid10_span(const struct emd_geometry *geo, __u64 begin, __u64 end, __u64 *lo, __u64 *hi)
{
	__u32 shift = emd_shift(geo->chunk_sectors), near = emd_raid10_near(geo);
	__u64 first = begin >> shift, last = (end - 1) >> shift, chunks = emd_raid10_chunks(geo), beyond;
	int apart = section_of(geo, &first) != section_of(geo, &last);

	*lo = 0;
	*hi = chunks << shift;
	/* From one far section to the next: the end of the array and its begin. */
	if (apart && !is_offset(geo))
		return;
	*lo = emd_div(first * geo->raid_disks, near) << shift;
	beyond = emd_div((last + 1) * geo->raid_disks + near - 1, near);
	if (beyond < chunks)
		*hi = beyond << shift;
	if (*lo > *hi)
		*lo = *hi;
}
