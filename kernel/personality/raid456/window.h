/* SPDX-License-Identifier: GPL-2.0-only */
/* The rows of a sync's window: their claims, their memory, their arithmetic. For sync.c. */
#ifndef _EMD_RAID456_WINDOW_H
#define _EMD_RAID456_WINDOW_H

#include "raid456.h"

#define R5_BLOCK_SECTORS	EMD_MIN_CHUNK_SECTORS	/* granularity of checks: never crosses a chunk */
#define R5_BLOCK_BYTES		(R5_BLOCK_SECTORS << SECTOR_SHIFT)
#define R5_PARITY_MAX		2U

#define R5_PARITY_P	0x1
#define R5_PARITY_Q	0x2

/**
 * struct r5_window - a window at work
 * @gone:   slots that do not have the window, @nr_gone of them
 * @status: per slot, how its I/O went
 * @shift:  of a chunk
 */
struct r5_window {
	struct emd_map *map;
	struct r5_conf *conf;
	struct emd_window *w;
	u32 slots;
	u32 gone[R5_PARITY_MAX], nr_gone;
	blk_status_t *status;
	u32 shift;

	/* of window.c */
	struct r5_window_claim *claims;	/* one per row, ascending */
	u64 nr_claims;
	u8 *scratch;			/* of two parities: a block for each */
	void **at;			/* the places of a block */
	u32 *place;			/* of each slot in row @placed */
	u64 placed;
};

static inline unsigned int r5_window_sectors(const struct r5_window *win)
{
	return win->w->end - win->w->begin;
}

/** r5_window_row() - of the block at @offset sectors into the window. */
static inline u64 r5_window_row(const struct r5_window *win, unsigned int offset)
{
	return (win->w->begin + offset) >> win->shift;
}

/** r5_window_init() - Return: 0 or -ENOMEM; in either case r5_window_exit() undoes it. */
int r5_window_init(struct r5_window *win, struct emd_map *map, struct emd_window *w);
void r5_window_exit(struct r5_window *win);

/** r5_window_lock() - claim all rows; waits. */
void r5_window_lock(struct r5_window *win, bool shared);
void r5_window_unlock(struct r5_window *win);

/** r5_window_solve() - compute the block at @offset of @nr slots from all others, at most as many as there is parity. */
void r5_window_solve(struct r5_window *win, unsigned int offset, const u32 *unknown, u32 nr);

/** r5_window_check() - of the block at @offset. Return: the parity that is not right, R5_PARITY_*. It is used up. */
u32 r5_window_check(struct r5_window *win, unsigned int offset);

/** r5_window_mend() - the parity of a block that was checked becomes right, in memory. */
void r5_window_mend(struct r5_window *win, unsigned int offset);

#endif
