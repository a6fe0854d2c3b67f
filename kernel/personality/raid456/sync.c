// SPDX-License-Identifier: GPL-2.0-only
/*
 * A window of resync, recovery, check or repair.
 *
 * Theory
 *
 * All members' parts of the window are read at once into the engine's pages; what a member
 * does not have is computed from the others, as long as no more of them are unknown than
 * there is parity. What is left of the parity is then compared with the data:
 *
 * - With one parity the sum over all columns of a row, parity included, is zero when the row
 *   is right. It may be made where P is; when it is not zero, P is made anew from the data.
 * - With two, P and Q are made anew from the data and put where they differ. Of a row with one
 *   member missing the other equation can still be checked.
 *
 * Users' writes are held off by the engine. The rows are claimed nevertheless, because a
 * careful read may write back a column (read.c). What only reads, or writes where nobody
 * reads yet, shares its claim with readers.
 */
#include "window.h"

/* -- writing ------------------------------------------------------------------------------------ */

/* [@offset, @end) of a slot's window, but for pages of which something is lost. */
static void write_slot(struct r5_window *win, struct emd_batch *batch, u32 slot, unsigned int offset, unsigned int end)
{
	unsigned int some;

	bitmap_set(win->written, offset, end - offset);
	for (; offset < end; offset += some) {
		some = win->loses ? min(PAGE_SECTORS - offset % PAGE_SECTORS, end - offset) : end - offset;
		if (!r5_window_lost(win, offset, some))
			emd_batch_add(batch, win->map, slot, REQ_OP_WRITE, win->w->begin + offset, some,
				      &win->w->pages[slot][offset / PAGE_SECTORS], &win->status[slot]);
	}
}

/* Where any was written, what a slot has in memory is what it should hold. */
static int slot_write_ended(struct r5_window *win, u32 slot)
{
	unsigned int offset, some;
	int error = 0;

	for (offset = 0; win->status[slot] && !error && offset < r5_window_sectors(win); offset += some) {
		some = min_t(unsigned int, PAGE_SECTORS, r5_window_sectors(win) - offset);
		if (test_bit(offset, win->written) && !r5_window_lost(win, offset, some))
			error = r5_window_refused(win, slot, offset, some, win->status[slot]);
	}
	return error;
}

/* Members whose write has failed are failed, or what is bad on them is recorded. */
static int writes_ended(struct r5_window *win)
{
	int error = 0;
	u32 i;

	for (i = 0; i < win->slots; i++)
		if (slot_write_ended(win, i))
			error = -EIO;
	return error;
}

static void write_begin(struct r5_window *win, struct emd_batch *batch)
{
	memset(win->status, 0, win->slots * sizeof(*win->status));
	emd_batch_begin(batch, &win->conf->windows);
}

/* -- resync, check, repair --------------------------------------------------------------------- */

/* As r5_window_check(). Return: the parities that are to be written. */
static u32 check_part(struct r5_window *win, unsigned int offset, unsigned int *sectors)
{
	u32 bad;

	r5_window_solve(win, offset, *sectors, win->gone, win->nr_gone);
	bad = r5_window_check(win, offset, sectors);
	if (bad)
		win->w->mismatches += *sectors;
	return win->w->action == EMD_SYNC_CHECK ? 0 : bad;
}

static int write_parities(struct r5_window *win, u32 bad, unsigned int offset, unsigned int sectors)
{
	const struct emd_geometry *geo = &win->map->geo;
	u64 row = r5_window_row(win, offset);
	int error = 0;

	if (bad & R5_PARITY_P)
		error = r5_window_write_part(win, emd_geometry_p_slot(geo, row), offset, sectors);
	if (!error && bad & R5_PARITY_Q)
		error = r5_window_write_part(win, emd_geometry_q_slot(geo, row), offset, sectors);
	return error;
}

/* The block at @offset, of which some is lost: whoever has what is left will rely on its parity. */
static int check_rest(struct r5_window *win, unsigned int offset)
{
	unsigned int end = offset + R5_BLOCK_SECTORS, some = win->block;
	int error = 0;

	for (; offset < end && !error; offset += win->block) {
		u32 bad;

		if (r5_window_lost(win, offset, win->block))
			continue;
		bad = check_part(win, offset, &some);
		if (bad)
			r5_window_mend(win, offset, win->block);
		error = write_parities(win, bad, offset, win->block);
	}
	return error;
}

/* Checks one row of the window. Return: the parities that are to be written, a bit for each, and right in memory; or -EIO. */
static int check_row(struct r5_window *win, unsigned int begin, unsigned int end)
{
	unsigned int offset, some;
	int error = 0;
	u32 bad = 0;

	for (offset = begin; offset < end && !error; offset += some) {
		some = win->loses || win->nr_gone ? R5_BLOCK_SECTORS : end - offset;
		if (r5_window_lost(win, offset, some))
			error = check_rest(win, offset);
		else
			bad |= check_part(win, offset, &some);
	}
	for (offset = begin; bad && offset < end; offset += R5_BLOCK_SECTORS)
		if (!r5_window_lost(win, offset, R5_BLOCK_SECTORS))
			r5_window_mend(win, offset, R5_BLOCK_SECTORS);
	return error ?: bad;
}

static int check_rows(struct r5_window *win)
{
	unsigned int chunk = win->map->geo.chunk_sectors, offset, end;
	const struct emd_geometry *geo = &win->map->geo;
	struct emd_batch batch;
	int bad = 0, error;

	write_begin(win, &batch);
	for (offset = 0; offset < r5_window_sectors(win) && bad >= 0; offset = end) {
		u64 row = r5_window_row(win, offset);

		end = min(offset + chunk, r5_window_sectors(win));
		bad = check_row(win, offset, end);
		if (bad < 0)
			break;
		if (bad & R5_PARITY_P)
			write_slot(win, &batch, emd_geometry_p_slot(geo, row), offset, end);
		if (bad & R5_PARITY_Q)
			write_slot(win, &batch, emd_geometry_q_slot(geo, row), offset, end);
	}
	emd_batch_wait(&batch);
	error = writes_ended(win);
	return bad < 0 ? bad : error;
}

static int window_check(struct r5_window *win)
{
	int error;

	/* With as many members missing as there is parity, it says nothing about the others. */
	if (!r5_window_find_gone(win) || win->nr_gone == win->conf->parity)
		return 0;
	error = r5_window_read(win);
	return error ?: check_rows(win);
}

/* -- recovery ---------------------------------------------------------------------------------- */

static bool has_targets(const struct r5_window *win)
{
	u32 i;

	for (i = 0; i < win->nr_gone; i++)
		if (emd_slot_writable(win->map, win->gone[i]))
			return true;
	return false;
}

/* The block at @offset, of which some is lost: the rest of it, sector by sector. */
static int recover_rest(struct r5_window *win, unsigned int offset)
{
	unsigned int end = offset + R5_BLOCK_SECTORS;
	int error = 0;
	u32 i;

	for (; offset < end && !error; offset += win->block) {
		if (r5_window_lost(win, offset, win->block))
			continue;
		r5_window_solve(win, offset, win->block, win->gone, win->nr_gone);
		for (i = 0; i < win->nr_gone && !error; i++)
			if (emd_slot_writable(win->map, win->gone[i]))
				error = r5_window_write_part(win, win->gone[i], offset, win->block);
	}
	return error;
}

/* Computes what the targets should hold, and writes what is not to be written with the rest. */
static int recover_solve(struct r5_window *win)
{
	unsigned int offset;
	int error = 0;

	if (!win->loses) {
		r5_window_solve(win, 0, r5_window_sectors(win), win->gone, win->nr_gone);
		return 0;
	}
	for (offset = 0; offset < r5_window_sectors(win) && !error; offset += R5_BLOCK_SECTORS) {
		if (r5_window_lost(win, offset, R5_BLOCK_SECTORS))
			error = recover_rest(win, offset);
		else
			r5_window_solve(win, offset, R5_BLOCK_SECTORS, win->gone, win->nr_gone);
	}
	return error;
}

static int window_recover(struct r5_window *win)
{
	struct emd_batch batch;
	u32 i;

	if (!r5_window_find_gone(win))
		return -EIO;
	if (!has_targets(win))
		return 0;
	if (r5_window_read(win) || recover_solve(win))
		return -EIO;
	write_begin(win, &batch);
	for (i = 0; i < win->nr_gone; i++)
		if (emd_slot_writable(win->map, win->gone[i]))
			write_slot(win, &batch, win->gone[i], 0, r5_window_sectors(win));
	emd_batch_wait(&batch);
	return writes_ended(win);
}

int r5_sync(struct emd_map *map, struct emd_window *w)
{
	bool repairs = w->action == EMD_SYNC_RESYNC || w->action == EMD_SYNC_REPAIR;
	struct r5_window win = { };
	int error = r5_window_init(&win, map, w);

	w->mismatches = 0;
	if (!error && emd_array_broken(map->array))
		error = -EIO;
	if (!error) {
		r5_window_lock(&win, !repairs);
		error = w->action == EMD_SYNC_RECOVER ? window_recover(&win) : window_check(&win);
		r5_window_unlock(&win);
	}
	r5_window_exit(&win);
	return error;
}
