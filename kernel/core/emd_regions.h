/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Regions of a write-intent bitmap: what each one's bit on the members says, and what may be done with it.
 *
 * Theory
 *
 * A bit on a member means: what the members hold of this region may differ. So it has to be durable on all of them before
 * data of the region reaches any, and may be taken back only when nothing is in flight and they all hold the same. The
 * image is what is to stand on the members; only who writes it changes it, so it is stable while it is being written.
 *
 *	CLEAN --(a write wants it)--> SETTING --(the next commit takes it up)--> COMMITTING --(durable)--> DIRTY
 *	DIRTY --(candidate)--> IDLE --(no write came meanwhile, all data durable, all members there)--> CLEAN
 *	IDLE --(a write wants it, or it has to stay)--> DIRTY
 *	DIRTY --(after a crash)--> UNSYNCED --(resynced)--> DIRTY
 *
 * A write may pass in DIRTY and UNSYNCED, which it finds out without a lock. All functions but emd_regions_writable() are
 * called under one lock of the caller. Invariant: in every state but CLEAN and SETTING the bit is in the image; in DIRTY,
 * IDLE and UNSYNCED it is durable on every member.
 *
 * Regions are grouped by the block of the image in which their bits stand, the unit that is written. A block knows
 * how many of its regions are not clean, so looking for some costs nothing where there are none.
 */
#ifndef _EMD_CORE_REGIONS_H
#define _EMD_CORE_REGIONS_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The states in which a write may pass are the highest. */
enum emd_region_state {
	EMD_REGION_CLEAN,
	EMD_REGION_SETTING,
	EMD_REGION_COMMITTING,
	EMD_REGION_IDLE,
	EMD_REGION_DIRTY,
	EMD_REGION_UNSYNCED,
};

/**
 * struct emd_regions_block - a piece of the image that is written at once
 * @used:    regions that are not CLEAN
 * @changed_lo, @changed_hi: regions that the next commit has to look at; empty when there is nothing to write
 * @commit_lo, @commit_hi: those of the commit under way; empty when the block does not belong to it
 */
struct emd_regions_block {
	__u32 used;
	__u32 changed_lo, changed_hi;
	__u32 commit_lo, commit_hi;
};

/**
 * struct emd_regions - all regions of an array; memory is the caller's
 * @nr:	 number of regions
 * @header: bits in front of the first region's in the image, fewer than a block has
 * @block_bits: bits of one block, a power of two
 * @nr_blocks: number of blocks
 * @state: @nr bytes, enum emd_region_state
 * @image: @nr_blocks blocks; bit n is bit n % 8 of byte n / 8
 * @block: @nr_blocks
 */
struct emd_regions {
	__u32 nr;
	__u32 header;
	__u32 block_bits;
	__u32 nr_blocks;
	__u8 *state;
	__u8 *image;
	struct emd_regions_block *block;
};

/** emd_regions_blocks() - blocks that @nr regions behind @header bits need. */
__u32 emd_regions_blocks(__u32 nr, __u32 header, __u32 block_bits);

/** emd_regions_load() - the image has been filled: states follow from it. Set ones from @unsynced on are UNSYNCED, others DIRTY. */
void emd_regions_load(struct emd_regions *r, __u32 unsynced);

/** emd_regions_state() - of region @i; without the lock it may be stale. */
static inline __u8 emd_regions_state(const struct emd_regions *r, __u32 i)
{
	return *(const volatile __u8 *)&r->state[i];
}

/** emd_regions_writable() - may a write to regions [first, last] pass? Needs no lock. */
static inline int emd_regions_writable(const struct emd_regions *r, __u32 first, __u32 last)
{
	for (; first <= last; first++)
		if (emd_regions_state(r, first) < EMD_REGION_DIRTY)
			return 0;
	return 1;
}

enum emd_regions_verdict {
	EMD_REGIONS_GO,		/* the write may pass */
	EMD_REGIONS_THIS,	/* when the commit under way has ended */
	EMD_REGIONS_NEXT,	/* when the one behind it has */
};

/** emd_regions_want() - a write to [first, last] is coming: what is not durable is asked for. */
enum emd_regions_verdict emd_regions_want(struct emd_regions *r, __u32 first, __u32 last);

/** emd_regions_begin() - begin a commit: blocks that changed are brought up to date and belong to it. Return: their number. */
__u32 emd_regions_begin(struct emd_regions *r);

/** emd_regions_rewrite() - all blocks belong to the next commit, as for a member that has none of them. */
void emd_regions_rewrite(struct emd_regions *r);

/** emd_regions_rewrite_header() - the same for the block in which the header stands. */
void emd_regions_rewrite_header(struct emd_regions *r);

/** emd_regions_next_run() - the next run of blocks of the commit, from @from on; *@end behind it. Return: its first, or @nr_blocks. */
__u32 emd_regions_next_run(const struct emd_regions *r, __u32 from, __u32 *end);

/** emd_regions_end() - the commit has ended; without success what it was to make durable is asked for again. */
void emd_regions_end(struct emd_regions *r, int success);

/** emd_regions_mark_idle() - every DIRTY region is a candidate. Return: how many are. */
__u32 emd_regions_mark_idle(struct emd_regions *r);

/** emd_regions_settle_idle() - candidates that are left get clean (for the next commit to say so), or with @keep DIRTY again. Return: how many. */
__u32 emd_regions_settle_idle(struct emd_regions *r, int keep);

/** emd_regions_next() - the first region of [from, to) in @state or above (EMD_REGION_SETTING: not clean); @to if there is none. */
__u32 emd_regions_next(const struct emd_regions *r, __u32 from, __u32 to, enum emd_region_state state);

/** emd_regions_count() - regions in @state or above. */
__u32 emd_regions_count(const struct emd_regions *r, enum emd_region_state state);

/** emd_regions_unsync() - what is durable in [from, to) has to be resynced. emd_regions_synced() - and has been. */
void emd_regions_unsync(struct emd_regions *r, __u32 from, __u32 to);
void emd_regions_synced(struct emd_regions *r, __u32 from, __u32 to);

#ifdef __cplusplus
}
#endif

#endif
