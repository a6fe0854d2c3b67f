// SPDX-License-Identifier: GPL-2.0-only
#include "emd_stripe_plan.h"
#include "emd_math.h"

#define PAGE_SECTORS_MIN	8U	/* smallest block with a lock bit of its own */

static int written(__u32 column, __u32 first, __u32 last)
{
	return column >= first && column < last;
}

/* What is known about the columns of a piece, in numbers. */
struct survey {
	__u32 absent;		/* of all columns */
	__u32 unknown;		/* of all columns: what cannot be read */
	__u32 unknown_inside;	/* written columns whose old data cannot be read */
	__u32 unknown_outside;	/* other data columns that cannot be read */
	__u32 blind_parity;	/* parity columns that are written and cannot be read */
	__u32 absent_parity;
};

static struct survey survey_columns(__u32 data, __u32 parity, __u32 first, __u32 last,
				    const __u8 *state)
{
	struct survey s = { 0, 0, 0, 0, 0, 0 };
	__u32 i;

	for (i = 0; i < data + parity; i++) {
		if (state[i] == EMD_COLUMN_PRESENT)
			continue;
		s.unknown++;
		s.absent += state[i] == EMD_COLUMN_ABSENT;
		if (i >= data) {
			s.absent_parity += state[i] == EMD_COLUMN_ABSENT;
			s.blind_parity += state[i] == EMD_COLUMN_BLIND;
		} else if (written(i, first, last)) {
			s.unknown_inside++;
		} else {
			s.unknown_outside++;
		}
	}
	return s;
}

int emd_stripe_modifies(__u32 data, __u32 parity, __u32 written)
{
	return written < data && data - written > written + parity;
}

static enum emd_stripe_kind choose(__u32 data, __u32 parity, __u32 nr_written, struct survey s)
{
	int rmw = !s.unknown_inside && !s.blind_parity;
	int rcw = !s.unknown_outside;

	if (s.absent > parity)
		return EMD_STRIPE_LOST;
	if (nr_written == data)
		return EMD_STRIPE_FULL;
	if (s.absent_parity == parity)
		return EMD_STRIPE_BARE;
	if (rcw && !(rmw && emd_stripe_modifies(data, parity - s.absent_parity, nr_written)))
		return EMD_STRIPE_RCW;
	if (rmw)
		return EMD_STRIPE_RMW;
	return s.unknown <= parity ? EMD_STRIPE_SOLVE : EMD_STRIPE_LOST;
}

static int reads(enum emd_stripe_kind kind, int is_written, int is_present)
{
	switch (kind) {
	case EMD_STRIPE_RMW:
		return is_written && is_present;
	case EMD_STRIPE_RCW:
		return !is_written;
	case EMD_STRIPE_SOLVE:
		return is_present;
	default:
		return 0;
	}
}

enum emd_stripe_kind emd_stripe_plan(__u32 data, __u32 parity, __u32 first, __u32 last,
				     const __u8 *state, __u8 *todo)
{
	struct survey s = survey_columns(data, parity, first, last, state);
	enum emd_stripe_kind kind = choose(data, parity, last - first, s);
	__u32 i;

	for (i = 0; i < data + parity; i++) {
		int is_written = i >= data ? kind != EMD_STRIPE_BARE : written(i, first, last);

		todo[i] = 0;
		if (kind == EMD_STRIPE_LOST)
			continue;
		if (reads(kind, is_written, state[i] == EMD_COLUMN_PRESENT))
			todo[i] |= EMD_COLUMN_READ;
		if (is_written && state[i] != EMD_COLUMN_ABSENT)
			todo[i] |= EMD_COLUMN_WRITE;
	}
	return kind;
}

/* The part of a request that lies in one row: from (first, lo) to before (last, hi). */
struct row_part {
	__u32 first, lo;
	__u32 last, hi;		/* hi > 0 */
};

static struct row_part row_part(const struct emd_geometry *geo, __u64 row, __u64 begin, __u64 end)
{
	__u64 row_sectors = emd_geometry_row_sectors(geo);
	__u64 row_begin = row * row_sectors;
	__u32 shift = emd_shift(geo->chunk_sectors), mask = geo->chunk_sectors - 1;
	__u32 from = begin > row_begin ? (__u32)(begin - row_begin) : 0;
	__u32 to = (__u32)(end - row_begin < row_sectors ? end - row_begin : row_sectors);
	struct row_part part = {
		.first = from >> shift,
		.lo = from & mask,
		.last = (to - 1) >> shift,
		.hi = ((to - 1) & mask) + 1,
	};

	return part;
}

void emd_stripe_begin(const struct emd_geometry *geo, __u64 begin,
		      struct emd_stripe_cursor *cursor)
{
	cursor->row = emd_div(begin, emd_geometry_row_sectors(geo));
	cursor->lo = 0;
}

/* Nearest of the places behind @lo at which the set of columns, or the slice, changes. */
static __u32 next_edge(const struct row_part *part, __u32 chunk, __u32 slice, __u32 lo)
{
	__u32 edge = (lo | (slice - 1)) + 1;

	if (edge > chunk)
		edge = chunk;
	if (part->lo > lo && part->lo < edge)
		edge = part->lo;
	if (part->hi > lo && part->hi < edge)
		edge = part->hi;
	return edge;
}

int emd_stripe_cut(const struct emd_geometry *geo, __u64 begin, __u64 end, __u32 slice,
		   struct emd_stripe_cursor *cursor, struct emd_stripe_piece *piece)
{
	while (cursor->row * emd_geometry_row_sectors(geo) < end) {
		struct row_part part = row_part(geo, cursor->row, begin, end);

		while (cursor->lo < geo->chunk_sectors) {
			piece->row = cursor->row;
			piece->lo = cursor->lo;
			piece->hi = next_edge(&part, geo->chunk_sectors, slice, cursor->lo);
			piece->first = part.first + (piece->lo < part.lo);
			piece->last = part.last + (piece->lo < part.hi);
			cursor->lo = piece->hi;
			if (piece->first < piece->last)
				return 1;
		}
		cursor->row++;
		cursor->lo = 0;
	}
	return 0;
}

__u64 emd_stripe_mask(const struct emd_geometry *geo, __u32 lo, __u32 hi)
{
	__u32 block = geo->chunk_sectors / 64;
	__u32 shift = emd_shift(block < PAGE_SECTORS_MIN ? PAGE_SECTORS_MIN : block);
	__u32 from = lo >> shift, to = (hi - 1) >> shift;

	return (~0ULL >> (63 - to)) & (~0ULL << from);
}
