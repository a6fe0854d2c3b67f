// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mover: window after window from the old geometry to the new one.
 *
 * Theory
 *
 * A window is locked against all requests, read as a whole through the old map, written as a whole
 * through the new one; then the position moves behind it and the lock goes. So a reader waits for one
 * window at most, and needs nobody's help for that. Because all of it is in memory before the first
 * sector is written, it does not matter to the mover itself that new rows may lie over the old rows of
 * the same window; what a power cut does to them is the business of whoever raises sync_max.
 *
 *	A <= D <= C (published) <= pos <= M (sync_max)	in the direction of the work
 *
 * Between two windows nothing is under way: each such point is quiet. The position is published there, after
 * the caches of all members have been flushed and any failure met on the way is durable: at M, when the work
 * is interrupted, at the end, once a second, and at once when a write waits for it. The mover stops
 * only where no old row is cut, unless sync_max is inside one.
 */
#include <linux/blkdev.h>
#include <linux/highmem.h>
#include <linux/slab.h>

#include "emd_io.h"
#include "emd_reshape.h"

#define WINDOW_SECTORS	8192U		/* 4 MiB of array data, or one step if that is more */

/* -- memory ------------------------------------------------------------------------------------ */

void emd_reshape_pages_free(struct emd_reshape *r)
{
	u64 i, nr = r->budget / PAGE_SECTORS;

	for (i = 0; r->vecs && i < nr; i++)
		if (r->vecs[i].bv_page)
			__free_page(r->vecs[i].bv_page);
	kvfree(r->vecs);
	r->vecs = NULL;
}

int emd_reshape_pages_alloc(struct emd_reshape *r)
{
	u64 i, nr;

	r->budget = max_t(u64, WINDOW_SECTORS, r->plan.step);
	r->zeroed = false;
	nr = r->budget / PAGE_SECTORS;
	r->vecs = kvcalloc(nr, sizeof(*r->vecs), GFP_KERNEL);
	if (!r->vecs)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		struct page *page = alloc_page(GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL);

		if (!page) {
			emd_reshape_pages_free(r);
			return -ENOMEM;
		}
		bvec_set_page(&r->vecs[i], page, PAGE_SIZE, 0);
	}
	return 0;
}

/* -- one window -------------------------------------------------------------------------------- */

static u64 limit_now(const struct emd_reshape *r)
{
	return emd_reshape_from_member(&r->plan, READ_ONCE(r->array->sync->max));
}

static void clear_pages(struct emd_reshape *r, u64 from, u64 to)
{
	for (; from < to; from++)
		clear_highpage(r->vecs[from].bv_page);
}

/* Array sectors [lo, hi) as the old geometry holds them; behind its end there are zeros, which stay from window to window. */
static int read_old(struct emd_reshape *r, u64 lo, u64 hi)
{
	u64 end = min(hi, r->plan.array_old);
	struct emd_map *map;
	int ret;

	if (lo >= end) {
		if (!r->zeroed)
			clear_pages(r, 0, r->budget / PAGE_SECTORS);
		r->zeroed = true;
		return 0;
	}
	r->zeroed = false;
	clear_pages(r, (end - lo) / PAGE_SECTORS, (hi - lo) / PAGE_SECTORS);
	map = emd_map_enter(r->array);
	if (!map)
		return -ENODEV;
	ret = emd_map_rw(map, REQ_OP_READ, lo, end - lo, r->vecs);
	emd_map_exit(map);
	return ret;
}

static int write_new(struct emd_reshape *r, u64 lo, u64 hi)
{
	struct emd_map *map = emd_reshape_map(r);
	int ret = emd_map_rw(map, REQ_OP_WRITE, lo, hi - lo, r->vecs);

	emd_map_exit(map);
	return ret;
}

static int move_locked(struct emd_reshape *r, u64 lo, u64 hi, u64 to)
{
	int ret = read_old(r, lo, hi);

	if (ret)
		return ret;
	ret = write_new(r, lo, hi);
	if (!ret)
		WRITE_ONCE(r->pos, to);
	else if (emd_reshape_before(&r->plan, emd_reshape_safe(&r->plan, r->pos), to))
		r->lost = true;		/* the old place may be overwritten in part */
	return ret;
}

static int move_window(struct emd_reshape *r)
{
	struct emd_array *a = r->array;
	u64 to = emd_reshape_window(&r->plan, r->pos, limit_now(r), r->budget);
	struct emd_range_window lock = {
		.begin = min(r->pos, to),
		.end = max(r->pos, to),
		.mode = EMD_RANGE_ALL,
	};
	unsigned long began = jiffies;
	int ret = emd_range_lock(a->ranges, &lock, false);

	if (ret)
		return ret;
	ret = move_locked(r, lock.begin, lock.end, to);
	emd_range_unlock(a->ranges, &lock);
	if (ret)
		return ret;
	WRITE_ONCE(a->sync->pos, emd_reshape_to_member(&r->plan, to));
	emd_pace_throttle(a->sync, a->sync->pos, began);
	return 0;
}

/* -- publishing -------------------------------------------------------------------------------- */

static int publish(struct emd_reshape *r)
{
	struct emd_array *a = r->array;
	struct emd_sync *s = a->sync;
	int ret;

	WRITE_ONCE(s->kick, false);
	if (r->published == r->pos)
		return 0;
	ret = emd_flush_members(a);
	if (ret)
		return ret;
	wait_event_idle(s->wait, emd_sync_stopping(s) || !emd_array_failure_unacked(a));
	if (emd_array_failure_unacked(a))
		return -EINTR;
	WRITE_ONCE(r->published, r->pos);
	WRITE_ONCE(s->completed, emd_reshape_to_member(&r->plan, r->pos));
	s->published = jiffies;
	emd_array_event(a, NULL, "sync_completed");
	emd_array_event(a, NULL, "reshape_position");
	return 0;
}

static bool publish_due(const struct emd_reshape *r)
{
	const struct emd_sync *s = r->array->sync;

	return READ_ONCE(s->kick) || time_after(jiffies, s->published + EMD_SYNC_PUBLISH);
}

/* -- the pass ---------------------------------------------------------------------------------- */

static bool may_move(const struct emd_reshape *r)
{
	return emd_reshape_before(&r->plan, r->pos, limit_now(r));
}

/* Wait until a window may be moved. */
static int wait_turn(struct emd_reshape *r)
{
	struct emd_sync *s = r->array->sync;
	int ret;

	if (!may_move(r)) {
		ret = publish(r);
		if (ret)
			return ret;
		emd_pace_release(s);
		wait_event_idle(s->wait, emd_sync_stopping(s) || may_move(r));
	}
	if (emd_sync_stopping(s) && (emd_reshape_whole(&r->plan, r->pos) || !may_move(r)))
		return -EINTR;
	emd_pace_claim(s);
	return 0;
}

/* With the gate armed the old geometry is remembered until the monitor has recorded the end. */
static int wait_recorded(struct emd_reshape *r)
{
	struct emd_sync *s = r->array->sync;
	u64 end = emd_reshape_end(&r->plan);

	wait_event_idle(s->wait, emd_sync_stopping(s) || !READ_ONCE(s->gate) || READ_ONCE(s->acked) == end);
	return !READ_ONCE(s->gate) || READ_ONCE(s->acked) == end ? 0 : -EINTR;
}

int emd_reshape_pass(struct emd_sync *s)
{
	struct emd_array *a = s->array;
	/* Goes only in emd_reshape_conclude() and emd_reshape_free(), when no pass is running. */
	struct emd_reshape *r = rcu_dereference_protected(a->reshape, true);
	int ret = r->lost ? -EIO : 0;
	int end;

	emd_range_engage(a->ranges, EMD_RANGE_ALL);
	while (!ret && r->pos != emd_reshape_end(&r->plan)) {
		ret = wait_turn(r);
		if (!ret)
			ret = move_window(r);
		if (!ret && publish_due(r))
			ret = publish(r);
	}
	if (!ret || ret == -EINTR) {
		end = publish(r);
		ret = ret ?: end;
	}
	emd_pace_release(s);
	if (!ret)
		ret = wait_recorded(r);
	emd_range_disengage(a->ranges, EMD_RANGE_ALL);
	return ret;
}
