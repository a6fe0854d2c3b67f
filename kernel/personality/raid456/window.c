// SPDX-License-Identifier: GPL-2.0-only
#include "window.h"

#include <linux/slab.h>

#include "../../emd_pq.h"
#include "../../emd_xor.h"

#define NOT_PLACED	U64_MAX

struct r5_window_claim {
	struct r5_lock lock;
	struct completion granted;
};

/* -- the rows ---------------------------------------------------------------------------------- */

static void window_granted(struct r5_lock *lock)
{
	complete(&container_of(lock, struct r5_window_claim, lock)->granted);
}

void r5_window_lock(struct r5_window *win, bool shared)
{
	u64 row = r5_window_row(win, 0), i;

	for (i = 0; i < win->nr_claims; i++) {
		struct r5_window_claim *claim = &win->claims[i];

		init_completion(&claim->granted);
		claim->lock = (struct r5_lock){
			.row = row + i, .mask = ~0ULL, .shared = shared, .granted = window_granted,
		};
		if (!r5_lock_row(win->conf->array, &claim->lock))
			wait_for_completion(&claim->granted);
	}
}

void r5_window_unlock(struct r5_window *win)
{
	u64 i;

	for (i = 0; i < win->nr_claims; i++)
		r5_unlock_row(win->conf->array, &win->claims[i].lock);
}

int r5_window_init(struct r5_window *win, struct emd_map *map, struct emd_window *w)
{
	win->map = map;
	win->conf = map->private;
	win->w = w;
	win->shift = emd_shift(map->geo.chunk_sectors);
	win->slots = map->geo.raid_disks;
	win->nr_claims = ((w->end - 1) >> win->shift) - (w->begin >> win->shift) + 1;
	win->placed = NOT_PLACED;
	if (win->conf->parity > 1)
		win->scratch = kmalloc_array(win->conf->parity, R5_BLOCK_BYTES, GFP_NOIO);
	win->at = kcalloc(win->conf->places, sizeof(*win->at), GFP_NOIO);
	win->place = kcalloc(win->slots, sizeof(*win->place), GFP_NOIO);
	win->unknown = kcalloc(win->slots, sizeof(*win->unknown), GFP_NOIO);
	win->status = kcalloc(win->slots, sizeof(*win->status), GFP_NOIO);
	win->claims = kvcalloc(win->nr_claims, sizeof(*win->claims), GFP_NOIO);
	return (win->scratch || win->conf->parity == 1) && win->at && win->place && win->unknown && win->status &&
	       win->claims ? 0 : -ENOMEM;
}

void r5_window_exit(struct r5_window *win)
{
	kvfree(win->claims);
	kfree(win->status);
	kfree(win->unknown);
	kfree(win->place);
	kfree(win->at);
	kfree(win->scratch);
}

/* -- one parity: a sum -------------------------------------------------------------------------- */

static void *block(const struct r5_window *win, u32 slot, unsigned int offset)
{
	struct page *page = win->w->pages[slot][offset / PAGE_SECTORS];

	return page_address(page) + ((offset % PAGE_SECTORS) << SECTOR_SHIFT);
}

/* All slots at @offset, @first before the others. */
static void **sum_slots(struct r5_window *win, u32 first, unsigned int offset)
{
	u32 i, nr = 1;

	win->at[0] = block(win, first, offset);
	for (i = 0; i < win->slots; i++)
		if (i != first)
			win->at[nr++] = block(win, i, offset);
	return win->at;
}

/* What slot @to has becomes the sum of what all others have. */
static void sum_others(struct r5_window *win, u32 to, unsigned int offset, unsigned int bytes)
{
	void **at = sum_slots(win, to, offset);

	emd_xor_sum(at[0], at + 1, win->slots - 1, bytes);
}

static u32 p_slot(const struct r5_window *win, unsigned int offset)
{
	return emd_geometry_p_slot(&win->map->geo, r5_window_row(win, offset));
}

/* Up to where memory lies side by side. */
static unsigned int run_end(const struct r5_window *win, unsigned int offset, unsigned int end)
{
	return min(end, round_down(offset, win->w->run) + win->w->run);
}

/* P's place may be used up, as nearly all that is checked is right and its P is not needed any more. */
static u32 check_sum(struct r5_window *win, unsigned int offset, unsigned int *sectors)
{
	unsigned int some = run_end(win, offset, offset + *sectors) - offset;
	void **at = sum_slots(win, p_slot(win, offset), offset);

	some = emd_xor_zeros(at, win->slots, (size_t)some << SECTOR_SHIFT) >> SECTOR_SHIFT;
	*sectors = some ?: min(*sectors, R5_BLOCK_SECTORS);
	return some ? 0 : R5_PARITY_P;
}

/* -- two: places -------------------------------------------------------------------------------- */

static u32 p_place(const struct r5_window *win)
{
	return win->conf->places - 2;
}

static u32 q_place(const struct r5_window *win)
{
	return win->conf->places - 1;
}

static void place_slots(struct r5_window *win, u64 row)
{
	struct emd_row at;
	u32 i;

	if (win->placed == row)
		return;
	win->placed = row;
	emd_geometry_row(&win->map->geo, row, &at);
	for (i = 0; i < win->slots; i++)
		win->place[i] = i == at.p ? p_place(win) : i == at.q ? q_place(win) : emd_row_q_power(&at, i);
}

static void place_blocks(struct r5_window *win, unsigned int offset)
{
	u32 i;

	place_slots(win, r5_window_row(win, offset));
	memset(win->at, 0, win->conf->places * sizeof(*win->at));
	for (i = 0; i < win->slots; i++)
		win->at[win->place[i]] = block(win, i, offset);
}

/* Return: true if it differed. */
static bool put_right(void *parity, const void *right, unsigned int bytes)
{
	if (emd_xor_same(parity, right, bytes))
		return false;
	memcpy(parity, right, bytes);
	return true;
}

/* P and Q of a part of a block, put right in memory. */
static u32 put_pq_right(struct r5_window *win, unsigned int offset, unsigned int bytes)
{
	void *p, *q, *right_p = win->scratch, *right_q = win->scratch + R5_BLOCK_BYTES;
	u32 bad = 0;

	place_blocks(win, offset);
	p = win->at[p_place(win)];
	q = win->at[q_place(win)];
	win->at[p_place(win)] = right_p;
	win->at[q_place(win)] = right_q;
	emd_pq_generate(win->at, win->conf->places, bytes);
	if (put_right(p, right_p, bytes))
		bad |= R5_PARITY_P;
	if (put_right(q, right_q, bytes))
		bad |= R5_PARITY_Q;
	return bad;
}

/* Up to the end of the row, too. */
static unsigned int row_run_end(const struct r5_window *win, unsigned int offset, unsigned int end)
{
	u64 next = (r5_window_row(win, offset) + 1) << win->shift;

	return min_t(u64, run_end(win, offset, end), next - win->w->begin);
}

static u32 check_pq(struct r5_window *win, unsigned int offset, unsigned int *sectors)
{
	unsigned int some = run_end(win, offset, offset + *sectors) - offset;

	place_blocks(win, offset);
	some = emd_pq_right(win->at, win->conf->places, (size_t)some << SECTOR_SHIFT) >> SECTOR_SHIFT;
	if (some) {
		*sectors = some;
		return 0;
	}
	*sectors = min(*sectors, R5_BLOCK_SECTORS);
	return put_pq_right(win, offset, *sectors << SECTOR_SHIFT);
}

/* -- either ------------------------------------------------------------------------------------- */

static void solve_by_sum(struct r5_window *win, unsigned int offset, unsigned int end, u32 unknown)
{
	unsigned int some;

	for (; offset < end; offset += some) {
		some = run_end(win, offset, end) - offset;
		sum_others(win, unknown, offset, some << SECTOR_SHIFT);
	}
}

static void solve_by_places(struct r5_window *win, unsigned int offset, unsigned int end, const u32 *unknown, u32 nr)
{
	unsigned int some;

	for (; offset < end; offset += some) {
		some = row_run_end(win, offset, end) - offset;
		place_blocks(win, offset);
		emd_pq_solve(win->at, win->conf->places, win->place[unknown[0]], win->place[unknown[nr - 1]], some << SECTOR_SHIFT);
	}
}

void r5_window_solve(struct r5_window *win, unsigned int offset, unsigned int sectors, const u32 *unknown, u32 nr)
{
	if (nr && win->conf->parity == 1)
		solve_by_sum(win, offset, offset + sectors, unknown[0]);
	else if (nr)
		solve_by_places(win, offset, offset + sectors, unknown, nr);
}

u32 r5_window_check(struct r5_window *win, unsigned int offset, unsigned int *sectors)
{
	return win->conf->parity == 1 ? check_sum(win, offset, sectors) : check_pq(win, offset, sectors);
}

void r5_window_mend(struct r5_window *win, unsigned int offset, unsigned int sectors)
{
	if (win->conf->parity == 1)
		sum_others(win, p_slot(win, offset), offset, sectors << SECTOR_SHIFT);
}
