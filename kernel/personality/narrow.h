/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes that a member has refused, and that keeps a list of its bad blocks: which of them are bad.
 *
 * Context of all that sleep: process, no bio pending on current->bio_list.
 */
#ifndef _EMD_NARROW_H
#define _EMD_NARROW_H

#include "../emd_io.h"

/**
 * emd_narrow_write() - write again page by page, and by blocks what fails; what fails then is recorded as bad
 * @member: with a reference; of it emd_member_keeps_bad() is true
 * @bios:   of the caller
 * @source: what was to be written: its flags, and its pages from @iter on
 * @sector: of the device
 *
 * Of a member that is an array all of it is bad. Sleeps. Return: 0 if all is written now, 1 if what is not has been recorded,
 * -EIO if it has not: emd_member_error() has dealt with the member.
 */
int emd_narrow_write(struct mdk_member *member, struct bio_set *bios, struct bio *source, struct bvec_iter iter,
		     u64 sector);

/**
 * emd_slot_refused() - a write of these pages to a slot has failed with @status: record what is bad, or fail the member
 * @sector: member sector, relative to the slot's data
 * @from:   where in the first page its data begins, in sectors
 *
 * Sleeps. Return: true if it is recorded, or written after all; what is bad is not readable from now on.
 */
bool emd_slot_refused(const struct emd_map *map, struct bio_set *bios, u32 slot, u64 sector, unsigned int sectors,
		      struct page **pages, unsigned int from, blk_status_t status);

/** emd_slot_bad() - a slot holds nothing that may be read in @sectors member sectors. Any context. Return: true if that is recorded. */
bool emd_slot_bad(const struct emd_map *map, u32 slot, u64 sector, unsigned int sectors);

/** emd_slot_keeps_bad() - has the slot a member, and does that keep a list of bad blocks? Any context. */
bool emd_slot_keeps_bad(const struct emd_map *map, u32 slot);

/** emd_map_block_sectors() - the largest logical block of all members, in sectors. Any context. */
unsigned int emd_map_block_sectors(const struct emd_map *map);

#endif
