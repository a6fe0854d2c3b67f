// SPDX-License-Identifier: GPL-2.0-only
/* The Theory is in emd_regions.h. */
#include "emd_regions.h"
#include "emd_math.h"

static __u32 block_of(const struct emd_regions *r, __u32 i)
{
	return (__u32)(((__u64)r->header + i) >> emd_shift(r->block_bits));
}

/* Regions [*lo, *hi) have their bits in block @b. */
static void block_regions(const struct emd_regions *r, __u32 b, __u32 *lo, __u32 *hi)
{
	__u64 first = (__u64)b << emd_shift(r->block_bits), last = first + r->block_bits;

	first = first > r->header ? first - r->header : 0;
	last = last > r->header ? last - r->header : 0;
	*lo = first < r->nr ? (__u32)first : r->nr;
	*hi = last < r->nr ? (__u32)last : r->nr;
}

__u32 emd_regions_blocks(__u32 nr, __u32 header, __u32 block_bits)
{
	return (__u32)(((__u64)header + nr + block_bits - 1) >> emd_shift(block_bits));
}

static int image_bit(const struct emd_regions *r, __u32 i)
{
	__u64 bit = (__u64)r->header + i;

	return r->image[bit >> 3] >> (bit & 7) & 1;
}

static void image_set(struct emd_regions *r, __u32 i, int value)
{
	__u64 bit = (__u64)r->header + i;
	__u8 mask = (__u8)(1U << (bit & 7));

	if (value)
		r->image[bit >> 3] |= mask;
	else
		r->image[bit >> 3] &= (__u8)~mask;
}

/* Readers without a lock see the old state or the new one. */
static void change(struct emd_regions *r, __u32 i, __u8 state)
{
	struct emd_regions_block *block = &r->block[block_of(r, i)];

	block->used += (state != EMD_REGION_CLEAN);
	block->used -= (r->state[i] != EMD_REGION_CLEAN);
	*(volatile __u8 *)&r->state[i] = state;
}

static void changed(struct emd_regions_block *block, __u32 lo, __u32 hi)
{
	if (block->changed_lo >= block->changed_hi) {
		block->changed_lo = lo;
		block->changed_hi = hi;
		return;
	}
	if (lo < block->changed_lo)
		block->changed_lo = lo;
	if (hi > block->changed_hi)
		block->changed_hi = hi;
}

void emd_regions_load(struct emd_regions *r, __u32 unsynced)
{
	__u32 i;

	for (i = 0; i < r->nr; i++)
		if (image_bit(r, i))
			change(r, i, i >= unsynced ? EMD_REGION_UNSYNCED : EMD_REGION_DIRTY);
}

/* -- writes ----------------------------------------------------------------------------------- */

static enum emd_regions_verdict want_one(struct emd_regions *r, __u32 i)
{
	switch (r->state[i]) {
	case EMD_REGION_CLEAN:
		change(r, i, EMD_REGION_SETTING);
		changed(&r->block[block_of(r, i)], i, i + 1);
		return EMD_REGIONS_NEXT;
	case EMD_REGION_SETTING:
		return EMD_REGIONS_NEXT;
	case EMD_REGION_COMMITTING:
		return EMD_REGIONS_THIS;
	case EMD_REGION_IDLE:
		change(r, i, EMD_REGION_DIRTY);
		return EMD_REGIONS_GO;
	default:
		return EMD_REGIONS_GO;
	}
}

enum emd_regions_verdict emd_regions_want(struct emd_regions *r, __u32 first, __u32 last)
{
	enum emd_regions_verdict all = EMD_REGIONS_GO, one;

	for (; first <= last; first++) {
		one = want_one(r, first);
		if (one > all)
			all = one;
	}
	return all;
}

/* -- commits ---------------------------------------------------------------------------------- */

static void begin_block(struct emd_regions *r, struct emd_regions_block *block)
{
	__u32 i;

	for (i = block->changed_lo; i < block->changed_hi; i++) {
		if (r->state[i] == EMD_REGION_SETTING)
			change(r, i, EMD_REGION_COMMITTING);
		image_set(r, i, r->state[i] != EMD_REGION_CLEAN);
	}
	block->commit_lo = block->changed_lo;
	block->commit_hi = block->changed_hi;
	block->changed_lo = 0;
	block->changed_hi = 0;
}

static int in_commit(const struct emd_regions_block *block)
{
	return block->commit_lo < block->commit_hi;
}

__u32 emd_regions_begin(struct emd_regions *r)
{
	__u32 b, begun = 0;

	for (b = 0; b < r->nr_blocks; b++) {
		if (r->block[b].changed_lo >= r->block[b].changed_hi)
			continue;
		begin_block(r, &r->block[b]);
		begun++;
	}
	return begun;
}

static void rewrite_block(struct emd_regions *r, __u32 b)
{
	__u32 lo, hi;

	block_regions(r, b, &lo, &hi);
	changed(&r->block[b], lo, hi);
}

void emd_regions_rewrite(struct emd_regions *r)
{
	__u32 b;

	for (b = 0; b < r->nr_blocks; b++)
		rewrite_block(r, b);
}

void emd_regions_rewrite_header(struct emd_regions *r)
{
	rewrite_block(r, 0);
}

__u32 emd_regions_next_run(const struct emd_regions *r, __u32 from, __u32 *end)
{
	while (from < r->nr_blocks && !in_commit(&r->block[from]))
		from++;
	*end = from;
	while (*end < r->nr_blocks && in_commit(&r->block[*end]))
		++*end;
	return from;
}

static void end_block(struct emd_regions *r, struct emd_regions_block *block, int success)
{
	__u32 i;

	for (i = block->commit_lo; i < block->commit_hi; i++)
		if (r->state[i] == EMD_REGION_COMMITTING)
			change(r, i, success ? EMD_REGION_DIRTY : EMD_REGION_SETTING);
	if (!success)
		changed(block, block->commit_lo, block->commit_hi);
	block->commit_lo = 0;
	block->commit_hi = 0;
}

void emd_regions_end(struct emd_regions *r, int success)
{
	__u32 b;

	for (b = 0; b < r->nr_blocks; b++)
		if (in_commit(&r->block[b]))
			end_block(r, &r->block[b], success);
}

/* -- looking for some -------------------------------------------------------------------------- */

/* The first region from @from on that is not clean; where no region of a block is used, the block is passed over. */
static __u32 next_used(const struct emd_regions *r, __u32 from, __u32 to)
{
	__u32 b, lo, hi;

	while (from < to) {
		b = block_of(r, from);
		block_regions(r, b, &lo, &hi);
		if (hi > to)
			hi = to;
		for (; r->block[b].used && from < hi; from++)
			if (r->state[from] != EMD_REGION_CLEAN)
				return from;
		from = hi;
	}
	return to;
}

__u32 emd_regions_next(const struct emd_regions *r, __u32 from, __u32 to, enum emd_region_state state)
{
	if (to > r->nr)
		to = r->nr;
	for (from = next_used(r, from, to); from < to; from = next_used(r, from + 1, to))
		if (r->state[from] >= state)
			return from;
	return to;
}

__u32 emd_regions_count(const struct emd_regions *r, enum emd_region_state state)
{
	__u32 i, nr = 0;

	if (state == EMD_REGION_CLEAN)
		return r->nr;
	for (i = next_used(r, 0, r->nr); i < r->nr; i = next_used(r, i + 1, r->nr))
		nr += r->state[i] >= state;
	return nr;
}

/* Every region of [from, to) in state @before gets @after. */
static __u32 change_all(struct emd_regions *r, __u32 from, __u32 to, __u8 before, __u8 after)
{
	__u32 i, nr = 0;

	if (to > r->nr)
		to = r->nr;
	for (i = next_used(r, from, to); i < to; i = next_used(r, i + 1, to)) {
		if (r->state[i] != before)
			continue;
		change(r, i, after);
		if (after == EMD_REGION_CLEAN)
			changed(&r->block[block_of(r, i)], i, i + 1);
		nr++;
	}
	return nr;
}

__u32 emd_regions_mark_idle(struct emd_regions *r)
{
	return change_all(r, 0, r->nr, EMD_REGION_DIRTY, EMD_REGION_IDLE);
}

__u32 emd_regions_settle_idle(struct emd_regions *r, int keep)
{
	return change_all(r, 0, r->nr, EMD_REGION_IDLE, keep ? EMD_REGION_DIRTY : EMD_REGION_CLEAN);
}

void emd_regions_unsync(struct emd_regions *r, __u32 from, __u32 to)
{
	change_all(r, from, to, EMD_REGION_IDLE, EMD_REGION_UNSYNCED);
	change_all(r, from, to, EMD_REGION_DIRTY, EMD_REGION_UNSYNCED);
}

void emd_regions_synced(struct emd_regions *r, __u32 from, __u32 to)
{
	change_all(r, from, to, EMD_REGION_UNSYNCED, EMD_REGION_DIRTY);
}
