/* SPDX-License-Identifier: GPL-2.0-only */
/* The rows of a sync's window: their claims, their memory, their arithmetic. For sync.c. */
#ifndef _EMD_RAID456_WINDOW_H
#define _EMD_RAID456_WINDOW_H

#include <linux/bitmap.h>

#include "raid456.h"

#define R5_BLOCK_SECTORS	EMD_MIN_CHUNK_SECTORS	/* granularity of checks: never crosses a chunk */
#define R5_BLOCK_BYTES		(R5_BLOCK_SECTORS << SECTOR_SHIFT)
#define R5_PARITY_MAX		2U

#define R5_PARITY_P	0x1
#define R5_PARITY_Q	0x2

/**
 * struct r5_window - a window at work
 * @gone:   slots that do not have the window, @nr_gone of them
 * @unknown: those and what else cannot be read of a page; room for all
 * @status: per slot, how its I/O went
 * @lost:   sectors of which too few columns are known; @loses: there are some (window_read.c)
 * @written: sectors of which something is being written: there all is in memory as it should be
 * @block:  the largest logical block of the members, in sectors; set with the first error
 * @shift:  of a chunk
 */
struct r5_window {
	struct emd_map *map;
	struct r5_conf *conf;
	struct emd_window *w;
	u32 slots;
	u32 gone[R5_PARITY_MAX], nr_gone;
	u32 *unknown;
	blk_status_t *status;
	bool loses;
	unsigned int block;
	DECLARE_BITMAP(lost, EMD_WINDOW_SECTORS);
	DECLARE_BITMAP(written, EMD_WINDOW_SECTORS);
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

/* Is anything of it lost? */
static inline bool r5_window_lost(const struct r5_window *win, unsigned int offset, unsigned int sectors)
{
	return win->loses && find_next_bit(win->lost, offset + sectors, offset) < offset + sectors;
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

/** r5_window_solve() - compute @sectors at @offset, in whole blocks or within one, of @nr slots from all others, at most as many as there is parity. */
void r5_window_solve(struct r5_window *win, unsigned int offset, unsigned int sectors, const u32 *unknown, u32 nr);

/**
 * r5_window_check() - the blocks at @offset, or a part of one
 * @sectors: within a row; how many of them were looked at comes back
 *
 * Return: the parity that is not right, R5_PARITY_*; then it is one block at most. The parity of what was looked at may be used up.
 */
u32 r5_window_check(struct r5_window *win, unsigned int offset, unsigned int *sectors);

/** r5_window_mend() - the parity of what was checked becomes right, in memory. */
void r5_window_mend(struct r5_window *win, unsigned int offset, unsigned int sectors);

/* -- window_read.c -- */

/** r5_window_find_gone() - fill in @gone. Return: false if more members are missing than there is parity. */
bool r5_window_find_gone(struct r5_window *win);

/** r5_window_read() - the window of all slots that have it, and mend what can be mended. Return: 0, or -EIO if the pass cannot go on. */
int r5_window_read(struct r5_window *win);

/** r5_window_write_part() - write a part of a page of what is in memory. Return: 0, or -EIO if the member is failed for it. */
int r5_window_write_part(struct r5_window *win, u32 slot, unsigned int offset, unsigned int sectors);

/** r5_window_refused() - such a write, or one of a page, has failed. Return: 0 if it is recorded or done after all, or -EIO. */
int r5_window_refused(struct r5_window *win, u32 slot, unsigned int offset, unsigned int sectors, blk_status_t status);

#endif
