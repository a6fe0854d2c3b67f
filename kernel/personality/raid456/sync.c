// SPDX-License-Identifier: GPL-2.0-only
/*
 * A window of resync, recovery, check or repair.
 *
 * Theory
 *
 * All members' parts of the window are read at once into the engine's pages. The sum over
 * all columns of a row, parity included, is zero when the row is right, whatever the
 * layout. So the rest needs no geometry but the place of P: a sum that is not zero is a
 * mismatch, and adding it to P repairs it; the sum of all but one column is the missing one.
 *
 * Users' writes are held off by the engine. The rows are claimed nevertheless, because a
 * careful read may write back a column (read.c). What only reads, or writes where nobody
 * reads yet, shares its claim with readers.
 */
#include "raid456.h"

#include <linux/slab.h>

#include "../../emd_xor.h"

#define BLOCK_SECTORS	EMD_MIN_CHUNK_SECTORS	/* granularity of checks: never crosses a chunk */
#define BLOCK_BYTES	(BLOCK_SECTORS << SECTOR_SHIFT)

/* -- the rows of the window ------------------------------------------------------------------- */

struct window_lock {
	struct r5_lock lock;
	struct completion granted;
};

struct window {
	struct emd_map *map;
	struct r5_conf *conf;
	struct emd_window *w;
	u32 shift;			/* of a chunk */
	u32 slots;
	struct window_lock *locks;	/* one per row, ascending */
	u64 nr_locks;
	u8 *scratch;			/* a block */
	blk_status_t *status;		/* per slot */
};

static void window_granted(struct r5_lock *lock)
{
	complete(&container_of(lock, struct window_lock, lock)->granted);
}

static void window_lock_rows(struct window *win, bool shared)
{
	u64 row = win->w->begin >> win->shift, i;

	for (i = 0; i < win->nr_locks; i++) {
		struct window_lock *wl = &win->locks[i];

		init_completion(&wl->granted);
		wl->lock = (struct r5_lock){
			.row = row + i, .mask = ~0ULL, .shared = shared, .granted = window_granted,
		};
		if (!r5_lock_row(win->conf->array, &wl->lock))
			wait_for_completion(&wl->granted);
	}
}

static void window_unlock_rows(struct window *win)
{
	u64 i;

	for (i = 0; i < win->nr_locks; i++)
		r5_unlock_row(win->conf->array, &win->locks[i].lock);
}

static int window_init(struct window *win, struct emd_map *map, struct emd_window *w)
{
	win->map = map;
	win->conf = map->private;
	win->w = w;
	win->shift = emd_shift(map->geo.chunk_sectors);
	win->slots = map->geo.raid_disks;
	win->nr_locks = ((w->end - 1) >> win->shift) - (w->begin >> win->shift) + 1;
	win->scratch = kmalloc(BLOCK_BYTES, GFP_NOIO);
	win->status = kcalloc(win->slots, sizeof(*win->status), GFP_NOIO);
	win->locks = kvcalloc(win->nr_locks, sizeof(*win->locks), GFP_NOIO);
	return win->scratch && win->status && win->locks ? 0 : -ENOMEM;
}

static void window_exit(struct window *win)
{
	kvfree(win->locks);
	kfree(win->status);
	kfree(win->scratch);
}

/* -- blocks and pages ------------------------------------------------------------------------- */

static unsigned int window_sectors(const struct window *win)
{
	return win->w->end - win->w->begin;
}

/* Memory of the block at @offset sectors into the window. */
static void *block(const struct window *win, u32 slot, unsigned int offset)
{
	struct page *page = win->w->pages[slot][offset / PAGE_SECTORS];

	return page_address(page) + ((offset % PAGE_SECTORS) << SECTOR_SHIFT);
}

/* @dst = sum of the block over all slots but @except. */
static void sum_blocks(const struct window *win, void *dst, unsigned int offset, u32 except)
{
	struct r5_sum sum = r5_sum_begin(dst, BLOCK_BYTES, true);
	u32 i;

	for (i = 0; i < win->slots; i++)
		if (i != except)
			r5_sum_add(&sum, block(win, i, offset));
	r5_sum_end(&sum);
}

static blk_status_t page_rw(struct window *win, u32 slot, blk_opf_t opf, unsigned int offset)
{
	unsigned int sectors = min_t(unsigned int, PAGE_SECTORS, window_sectors(win) - offset);

	return emd_slot_rw(win->map, &win->conf->windows, slot, opf, win->w->begin + offset, sectors,
			   &win->w->pages[slot][offset / PAGE_SECTORS]);
}

/* Reads the window of all slots but @except. Return: true if all could be read. */
static bool read_all(struct window *win, u32 except)
{
	struct emd_batch batch;
	bool ok = true;
	u32 i;

	emd_batch_begin(&batch, &win->conf->windows);
	for (i = 0; i < win->slots; i++)
		if (i != except)
			emd_batch_add(&batch, win->map, i, REQ_OP_READ, win->w->begin,
				      window_sectors(win), win->w->pages[i], &win->status[i]);
	emd_batch_wait(&batch);
	for (i = 0; i < win->slots; i++)
		ok &= i == except || !win->status[i];
	return ok;
}

/* -- what to do with a member that has an unreadable page -------------------------------------- */

static bool present(const struct window *win, u32 slot)
{
	return emd_slot_readable(win->map, slot, win->w->begin, window_sectors(win));
}

static void slot_error(struct window *win, u32 slot)
{
	struct mdk_member *member = emd_slot_get(win->map, slot);

	if (!member)
		return;
	emd_member_error(win->map->array, member);
	emd_member_put(member);
}

/* Computes the page at @offset of @slot from the others and writes it. */
static bool mend_page(struct window *win, u32 slot, unsigned int offset)
{
	unsigned int end = min_t(unsigned int, offset + PAGE_SECTORS, window_sectors(win));
	unsigned int at;

	for (at = offset; at < end; at += BLOCK_SECTORS)
		sum_blocks(win, block(win, slot, at), at, slot);
	if (page_rw(win, slot, REQ_OP_WRITE, offset) == BLK_STS_OK)
		return true;
	slot_error(win, slot);
	return false;
}

/* Return: the slot that cannot be read at @offset, win->slots if all can, or -EIO if several cannot. */
static int reread_page(struct window *win, unsigned int offset, u32 except)
{
	int bad = win->slots;
	u32 i;

	for (i = 0; i < win->slots; i++) {
		if (i == except || !win->status[i] || !page_rw(win, i, REQ_OP_READ, offset))
			continue;
		if (bad != win->slots)
			return -EIO;
		bad = i;
	}
	return bad;
}

/*
 * After an error: page by page. With all members in place one unreadable page is computed
 * from the others and written back; while one is missing, nothing can replace it.
 */
static int reread(struct window *win, u32 except)
{
	unsigned int offset;

	for (offset = 0; offset < window_sectors(win); offset += PAGE_SECTORS) {
		int bad = reread_page(win, offset, except);

		if (bad < 0)
			return bad;
		if (bad == win->slots)
			continue;
		if (except < win->slots || !present(win, bad) || !mend_page(win, bad, offset))
			return -EIO;
	}
	return 0;
}

/* -- resync, check, repair --------------------------------------------------------------------- */

/* Checks one row of the window, mends P in memory. Return: true if P has to be written. */
static bool check_row(struct window *win, unsigned int begin, unsigned int end, u32 p_slot)
{
	unsigned int offset;
	bool bad = false;

	for (offset = begin; offset < end; offset += BLOCK_SECTORS) {
		void *p = block(win, p_slot, offset), *sum = win->scratch;

		sum_blocks(win, sum, offset, win->slots);
		if (!memchr_inv(sum, 0, BLOCK_BYTES))
			continue;
		win->w->mismatches += BLOCK_SECTORS;
		emd_xor(p, &sum, 1, BLOCK_BYTES);
		bad = true;
	}
	return bad;
}

static int check_rows(struct window *win)
{
	unsigned int chunk = win->map->geo.chunk_sectors, offset, end;
	bool write = win->w->action != EMD_SYNC_CHECK;
	struct emd_batch batch;
	int error = 0;

	memset(win->status, 0, win->slots * sizeof(*win->status));
	emd_batch_begin(&batch, &win->conf->windows);
	for (offset = 0; offset < window_sectors(win); offset = end) {
		u64 row = (win->w->begin + offset) >> win->shift;
		u32 p = emd_geometry_p_slot(&win->map->geo, row);

		end = min(offset + chunk, window_sectors(win));
		if (check_row(win, offset, end, p) && write)
			emd_batch_add(&batch, win->map, p, REQ_OP_WRITE, win->w->begin + offset,
				      end - offset, &win->w->pages[p][offset / PAGE_SECTORS],
				      &win->status[p]);
	}
	emd_batch_wait(&batch);
	for (offset = 0; offset < win->slots; offset++) {
		if (!win->status[offset])
			continue;
		slot_error(win, offset);
		error = -EIO;
	}
	return error;
}

static int window_check(struct window *win)
{
	u32 i;

	/* With a member missing, parity says nothing about the others. */
	for (i = 0; i < win->slots; i++)
		if (!present(win, i))
			return 0;
	if (!read_all(win, win->slots) && reread(win, win->slots))
		return -EIO;
	return check_rows(win);
}

/* -- recovery ---------------------------------------------------------------------------------- */

/* Return: the slot to be rebuilt, win->slots if there is none, or -EIO if two are missing. */
static int find_target(const struct window *win)
{
	int target = win->slots;
	u32 i;

	for (i = 0; i < win->slots; i++) {
		if (present(win, i))
			continue;
		if (target != win->slots)
			return -EIO;
		target = i;
	}
	return target;
}

static int window_recover(struct window *win)
{
	int target = find_target(win);
	unsigned int offset;
	blk_status_t status;

	if (target < 0 || target == win->slots || !emd_slot_writable(win->map, target))
		return target < 0 ? target : 0;
	if (!read_all(win, target) && reread(win, target))
		return -EIO;
	for (offset = 0; offset < window_sectors(win); offset += BLOCK_SECTORS)
		sum_blocks(win, block(win, target, offset), offset, target);
	status = emd_slot_rw(win->map, &win->conf->windows, target, REQ_OP_WRITE, win->w->begin,
			     window_sectors(win), win->w->pages[target]);
	if (!status)
		return 0;
	slot_error(win, target);
	return -EIO;
}

int r5_sync(struct emd_map *map, struct emd_window *w)
{
	bool repairs = w->action == EMD_SYNC_RESYNC || w->action == EMD_SYNC_REPAIR;
	struct window win = { };
	int error = window_init(&win, map, w);

	w->mismatches = 0;
	if (!error) {
		window_lock_rows(&win, !repairs);
		error = w->action == EMD_SYNC_RECOVER ? window_recover(&win) : window_check(&win);
		window_unlock_rows(&win);
	}
	window_exit(&win);
	return error;
}
