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
 *   is right. It is made where P is; when it is not zero, P is made anew from the data.
 * - With two, P and Q are made anew from the data and put where they differ. Of a row with one
 *   member missing the other equation can still be checked.
 *
 * Users' writes are held off by the engine. The rows are claimed nevertheless, because a
 * careful read may write back a column (read.c). What only reads, or writes where nobody
 * reads yet, shares its claim with readers.
 */
#include "window.h"

/* -- reading, and what to do with a member that has an unreadable page ------------------------- */

static bool present(const struct r5_window *win, u32 slot)
{
	return emd_slot_readable(win->map, slot, win->w->begin, r5_window_sectors(win));
}

/* Return: false if more members are missing than there is parity. */
static bool find_gone(struct r5_window *win)
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
	for (i = 0; i < win->slots; i++)
		if (!is_gone(win, i))
			emd_batch_add(&batch, win->map, i, REQ_OP_READ, win->w->begin,
				      r5_window_sectors(win), win->w->pages[i], &win->status[i]);
	emd_batch_wait(&batch);
	for (i = 0; i < win->slots; i++)
		ok &= is_gone(win, i) || !win->status[i];
	return ok;
}

static blk_status_t page_rw(struct r5_window *win, u32 slot, blk_opf_t opf, unsigned int offset)
{
	unsigned int sectors = min_t(unsigned int, PAGE_SECTORS, r5_window_sectors(win) - offset);

	return emd_slot_rw(win->map, &win->conf->windows, slot, opf, win->w->begin + offset, sectors,
			   &win->w->pages[slot][offset / PAGE_SECTORS]);
}

static void slot_error(struct r5_window *win, u32 slot)
{
	struct mdk_member *member = emd_slot_get(win->map, slot);

	if (!member)
		return;
	emd_member_error(win->map->array, member);
	emd_member_put(member);
}

/* Return: 0 with the slots that are not known at @offset added to @unknown, or -EIO if they are too many. */
static int reread_page(struct r5_window *win, unsigned int offset, u32 *unknown, u32 *nr)
{
	u32 i;

	for (i = 0; i < win->slots; i++) {
		if (is_gone(win, i) || !win->status[i] || !page_rw(win, i, REQ_OP_READ, offset))
			continue;
		if (*nr == win->conf->parity || !present(win, i))
			return -EIO;
		unknown[(*nr)++] = i;
	}
	return 0;
}

/* Computes the page at @offset of the unknown slots and writes it back to those that can be mended. */
static int mend_page(struct r5_window *win, unsigned int offset, const u32 *unknown, u32 nr)
{
	unsigned int end = min_t(unsigned int, offset + PAGE_SECTORS, r5_window_sectors(win));
	unsigned int at;
	u32 i;

	for (at = offset; at < end; at += R5_BLOCK_SECTORS)
		r5_window_solve(win, at, unknown, nr);
	for (i = win->nr_gone; i < nr; i++) {
		if (page_rw(win, unknown[i], REQ_OP_WRITE, offset) == BLK_STS_OK)
			continue;
		slot_error(win, unknown[i]);
		return -EIO;
	}
	return 0;
}

/*
 * After an error: page by page. What cannot be read is computed from the others and written
 * back, as long as the members that are missing leave parity for it.
 */
static int reread(struct r5_window *win)
{
	unsigned int offset;
	int error = 0;

	for (offset = 0; !error && offset < r5_window_sectors(win); offset += PAGE_SECTORS) {
		u32 unknown[R5_PARITY_MAX], nr = win->nr_gone;

		memcpy(unknown, win->gone, sizeof(unknown));
		error = reread_page(win, offset, unknown, &nr);
		if (!error && nr > win->nr_gone)
			error = mend_page(win, offset, unknown, nr);
	}
	return error;
}

static int read_window(struct r5_window *win)
{
	return read_all(win) ? 0 : reread(win);
}

/* Members whose write has failed are failed. */
static int writes_ended(struct r5_window *win)
{
	int error = 0;
	u32 i;

	for (i = 0; i < win->slots; i++) {
		if (!win->status[i])
			continue;
		slot_error(win, i);
		error = -EIO;
	}
	return error;
}

static void write_begin(struct r5_window *win, struct emd_batch *batch)
{
	memset(win->status, 0, win->slots * sizeof(*win->status));
	emd_batch_begin(batch, &win->conf->windows);
}

/* -- resync, check, repair --------------------------------------------------------------------- */

/* Checks one row of the window. Return: the parities that are to be written, a bit for each; they are right in memory. */
static u32 check_row(struct r5_window *win, unsigned int begin, unsigned int end)
{
	unsigned int offset;
	u32 bad = 0;

	for (offset = begin; offset < end; offset += R5_BLOCK_SECTORS) {
		u32 parities;

		r5_window_solve(win, offset, win->gone, win->nr_gone);
		parities = r5_window_check(win, offset);
		if (parities)
			win->w->mismatches += R5_BLOCK_SECTORS;
		bad |= parities;
	}
	if (win->w->action == EMD_SYNC_CHECK)
		return 0;
	for (offset = begin; bad && offset < end; offset += R5_BLOCK_SECTORS)
		r5_window_mend(win, offset);
	return bad;
}

static void write_parity(struct r5_window *win, struct emd_batch *batch, u32 slot, unsigned int begin,
			 unsigned int end)
{
	emd_batch_add(batch, win->map, slot, REQ_OP_WRITE, win->w->begin + begin, end - begin,
		      &win->w->pages[slot][begin / PAGE_SECTORS], &win->status[slot]);
}

static int check_rows(struct r5_window *win)
{
	unsigned int chunk = win->map->geo.chunk_sectors, offset, end;
	const struct emd_geometry *geo = &win->map->geo;
	struct emd_batch batch;

	write_begin(win, &batch);
	for (offset = 0; offset < r5_window_sectors(win); offset = end) {
		u64 row = r5_window_row(win, offset);
		u32 bad;

		end = min(offset + chunk, r5_window_sectors(win));
		bad = check_row(win, offset, end);
		if (bad & R5_PARITY_P)
			write_parity(win, &batch, emd_geometry_p_slot(geo, row), offset, end);
		if (bad & R5_PARITY_Q)
			write_parity(win, &batch, emd_geometry_q_slot(geo, row), offset, end);
	}
	emd_batch_wait(&batch);
	return writes_ended(win);
}

static int window_check(struct r5_window *win)
{
	int error;

	/* With as many members missing as there is parity, it says nothing about the others. */
	if (!find_gone(win) || win->nr_gone == win->conf->parity)
		return 0;
	error = read_window(win);
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

static int window_recover(struct r5_window *win)
{
	struct emd_batch batch;
	unsigned int offset;
	u32 i;

	if (!find_gone(win))
		return -EIO;
	if (!has_targets(win))
		return 0;
	if (read_window(win))
		return -EIO;
	for (offset = 0; offset < r5_window_sectors(win); offset += R5_BLOCK_SECTORS)
		r5_window_solve(win, offset, win->gone, win->nr_gone);
	write_begin(win, &batch);
	for (i = 0; i < win->nr_gone; i++)
		if (emd_slot_writable(win->map, win->gone[i]))
			emd_batch_add(&batch, win->map, win->gone[i], REQ_OP_WRITE, win->w->begin,
				      r5_window_sectors(win), win->w->pages[win->gone[i]],
				      &win->status[win->gone[i]]);
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
