// SPDX-License-Identifier: GPL-2.0-only
/*
 * A window is read, and what to do where that does not work.
 *
 * Theory
 *
 * After an error it is done page by page: what cannot be read is computed from the others and written back, as long as
 * no more columns are unknown than there is parity. Where a member is known to have bad blocks it is not read, and dealt with
 * as if that had failed; writing back may make it good. Of a page with too many unknown columns the same is tried block
 * by block, because they may be unknown in different places.
 *
 * What is *lost* then is passed over, if there are lists of bad blocks to say so. A target of a recovery is bad there. After a resync
 * parity would be believed, so it is bad there. A check leaves all as it is. Without lists the pass ends.
 */
#include "../narrow.h"
#include "window.h"

/* Is it there, as far as its disk has no bad blocks? */
static bool present(const struct r5_window *win, u32 slot)
{
	return emd_slot_filled(win->map, slot, win->w->begin, r5_window_sectors(win));
}

static bool has_bad(const struct r5_window *win, u32 slot, unsigned int offset, unsigned int sectors)
{
	return !emd_slot_readable(win->map, slot, win->w->begin + offset, sectors);
}

bool r5_window_find_gone(struct r5_window *win)
{
	u32 i;

	for (i = 0; i < win->slots; i++) {
		if (present(win, i))
			continue;
		if (win->nr_gone == win->conf->parity)
			return false;
		win->gone[win->nr_gone++] = i;
	}
	return true;
}

static bool is_gone(const struct r5_window *win, u32 slot)
{
	u32 i;

	for (i = 0; i < win->nr_gone; i++)
		if (win->gone[i] == slot)
			return true;
	return false;
}

/* Reads the window of all slots that have it. Return: true if all could be read. */
static bool read_all(struct r5_window *win)
{
	struct emd_batch batch;
	bool ok = true;
	u32 i;

	emd_batch_begin(&batch, &win->conf->windows);
	for (i = 0; i < win->slots; i++) {
		if (is_gone(win, i))
			continue;
		if (has_bad(win, i, 0, r5_window_sectors(win)))
			win->status[i] = BLK_STS_MEDIUM;
		else
			emd_batch_add(&batch, win->map, i, REQ_OP_READ, win->w->begin,
				      r5_window_sectors(win), win->w->pages[i], &win->status[i]);
	}
	emd_batch_wait(&batch);
	for (i = 0; i < win->slots; i++)
		ok &= is_gone(win, i) || !win->status[i];
	return ok;
}

/* -- parts: a page, or blocks of one ------------------------------------------------------------- */

static blk_status_t part_rw(struct r5_window *win, u32 slot, blk_opf_t opf, unsigned int offset, unsigned int sectors)
{
	return emd_slot_rw_part(win->map, &win->conf->windows, slot, opf, win->w->begin + offset, sectors,
				win->w->pages[slot][offset / PAGE_SECTORS], offset % PAGE_SECTORS);
}

int r5_window_refused(struct r5_window *win, u32 slot, unsigned int offset, unsigned int sectors, blk_status_t status)
{
	return emd_slot_refused(win->map, &win->conf->windows, slot, win->w->begin + offset, sectors,
				&win->w->pages[slot][offset / PAGE_SECTORS], offset % PAGE_SECTORS, status) ? 0 : -EIO;
}

int r5_window_write_part(struct r5_window *win, u32 slot, unsigned int offset, unsigned int sectors)
{
	blk_status_t status = part_rw(win, slot, REQ_OP_WRITE, offset, sectors);

	return status ? r5_window_refused(win, slot, offset, sectors, status) : 0;
}

static bool read_part(struct r5_window *win, u32 slot, unsigned int offset, unsigned int sectors)
{
	return !has_bad(win, slot, offset, sectors) && !part_rw(win, slot, REQ_OP_READ, offset, sectors);
}

/* Return: 0 with the slots that are not known, @nr of them, or -EIO if a member has gone. */
static int reread_part(struct r5_window *win, unsigned int offset, unsigned int sectors, u32 *nr)
{
	u32 i;

	*nr = win->nr_gone;
	memcpy(win->unknown, win->gone, *nr * sizeof(*win->gone));
	for (i = 0; i < win->slots; i++) {
		if (is_gone(win, i) || !win->status[i] || read_part(win, i, offset, sectors))
			continue;
		if (!present(win, i))
			return -EIO;
		win->unknown[(*nr)++] = i;
	}
	return 0;
}

/* Computes the unknown slots and writes to those that can be mended. */
static int mend_part(struct r5_window *win, unsigned int offset, unsigned int sectors, u32 nr)
{
	int error = 0;
	u32 i;

	if (nr == win->nr_gone)
		return 0;
	r5_window_solve(win, offset, sectors, win->unknown, nr);
	for (i = win->nr_gone; i < nr && !error; i++)
		error = r5_window_write_part(win, win->unknown[i], offset, sectors);
	return error;
}

/* -- what is lost -------------------------------------------------------------------------------- */

static bool slot_loses(struct r5_window *win, u32 slot, unsigned int offset, unsigned int sectors)
{
	return !emd_slot_writable(win->map, slot) || emd_slot_bad(win->map, slot, win->w->begin + offset, sectors);
}

static bool targets_lose(struct r5_window *win, unsigned int offset, unsigned int sectors)
{
	bool recorded = true;
	u32 i;

	for (i = 0; i < win->nr_gone; i++)
		recorded &= slot_loses(win, win->gone[i], offset, sectors);
	return recorded;
}

static bool parity_loses(struct r5_window *win, unsigned int offset, unsigned int sectors)
{
	const struct emd_geometry *geo = &win->map->geo;
	u64 row = r5_window_row(win, offset);

	return slot_loses(win, emd_geometry_p_slot(geo, row), offset, sectors) &&
	       (win->conf->parity == 1 || slot_loses(win, emd_geometry_q_slot(geo, row), offset, sectors));
}

static bool lists_are_kept(const struct r5_window *win, u32 nr)
{
	u32 i;

	for (i = win->nr_gone; i < nr; i++)
		if (!emd_slot_keeps_bad(win->map, win->unknown[i]))
			return false;
	return true;
}

static int lose_part(struct r5_window *win, unsigned int offset, unsigned int sectors, u32 nr)
{
	bool recorded;

	if (win->w->action == EMD_SYNC_RECOVER)
		recorded = targets_lose(win, offset, sectors);
	else if (win->w->action == EMD_SYNC_RESYNC)
		recorded = parity_loses(win, offset, sectors);
	else
		recorded = lists_are_kept(win, nr);
	if (!recorded)
		return -EIO;
	bitmap_set(win->lost, offset, sectors);
	win->loses = true;
	return 0;
}

static int reread_blocks(struct r5_window *win, unsigned int offset, unsigned int sectors)
{
	unsigned int end = offset + sectors;
	int error = 0;
	u32 nr;

	for (; offset < end && !error; offset += win->block) {
		error = reread_part(win, offset, win->block, &nr);
		if (!error && nr > win->conf->parity)
			error = lose_part(win, offset, win->block, nr);
		else if (!error)
			error = mend_part(win, offset, win->block, nr);
	}
	return error;
}

int r5_window_read(struct r5_window *win)
{
	unsigned int offset, sectors;
	int error = 0;
	u32 nr;

	if (read_all(win))
		return 0;
	win->block = emd_map_block_sectors(win->map);
	for (offset = 0; !error && offset < r5_window_sectors(win); offset += sectors) {
		sectors = min_t(unsigned int, PAGE_SECTORS, r5_window_sectors(win) - offset);
		error = reread_part(win, offset, sectors, &nr);
		if (!error && nr > win->conf->parity)
			error = reread_blocks(win, offset, sectors);
		else if (!error)
			error = mend_part(win, offset, sectors, nr);
	}
	return error;
}
