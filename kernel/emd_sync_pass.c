// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resync, recovery, check and repair: windows from the begin of the members to their end.
 *
 * Theory
 *
 * A window is a range of member sectors on all members. Writes to all array sectors of which something lies there are
 * locked out and drained, reads go on, and the personality makes the range consistent (or counts what is not).
 * Progress becomes visible in two steps. The target's @filled moves with each window: from there on reads use the
 * target, and writes have to reach it. sync_completed, recovery_start and resync_start, which a monitor makes durable, move only after the
 * caches of all members have been flushed, and any failure met on the way is durable.
 */
#include <linux/slab.h>

#include "emd_bitmap.h"
#include "emd_buffer.h"
#include "emd_io.h"
#include "emd_personality.h"
#include "emd_sync.h"

#define SCRATCH_BYTES	(8U << 20)	/* of all members together */
#define WINDOW_MIN	128U		/* member sectors */
#define SCRATCH_RUN	(64U << 10)	/* bytes; more is hard to get */

/* What one pass works with: @window member sectors at most, @pages[slot][page] for them, in runs of at least @run sectors. */
struct scratch {
	unsigned int window;
	unsigned int run;
	unsigned int slots;
	unsigned int nr_pages;
	struct page ***pages;
};

/* -- scratch memory --------------------------------------------------------------------------- */

/* A power of two, as chunks are: a window is whole chunks, or lies in one. */
static unsigned int window_sectors(const struct emd_geometry *geo)
{
	unsigned int fair = SCRATCH_BYTES / 512 / geo->raid_disks;

	return clamp(rounddown_pow_of_two(fair), WINDOW_MIN, EMD_WINDOW_SECTORS);
}

static void slot_free(struct page **pages, unsigned int nr)
{
	unsigned int i, some;

	for (i = 0; i < nr && pages[i]; i += some) {
		some = 1U << compound_order(pages[i]);
		emd_buffer_free(page_address(pages[i]), some * PAGE_SIZE);
	}
	kvfree(pages);
}

static void scratch_free(struct scratch *sc)
{
	unsigned int i;

	for (i = 0; sc->pages && i < sc->slots; i++)
		if (sc->pages[i])
			slot_free(sc->pages[i], sc->nr_pages);
	kvfree(sc->pages);
}

/*
 * Pages side by side as far as there are such: of them a bio takes one vector for many. They come from what CPUs keep, so that a pass
 * that follows another need not wait for the allocator. Cleared, or else what a device leaves out would be another array's
 * data. Return: how many, 0 without memory.
 */
static unsigned int scratch_pages(struct page **pages, unsigned int nr)
{
	unsigned int bytes = min_t(unsigned int, rounddown_pow_of_two(nr) * PAGE_SIZE, SCRATCH_RUN), i;
	void *buffer = emd_buffer_alloc(bytes, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);

	if (!buffer) {
		bytes = PAGE_SIZE;
		buffer = emd_buffer_alloc(bytes, GFP_KERNEL);
	}
	if (!buffer)
		return 0;
	memset(buffer, 0, bytes);
	for (i = 0; i < bytes / PAGE_SIZE; i++)
		pages[i] = virt_to_page(buffer) + i;
	return i;
}

static int scratch_alloc(struct scratch *sc, const struct emd_geometry *geo)
{
	unsigned int i, j, some;

	sc->window = window_sectors(geo);
	sc->run = sc->window;
	sc->slots = geo->raid_disks;
	sc->nr_pages = DIV_ROUND_UP(sc->window, PAGE_SIZE / 512);
	sc->pages = kvcalloc(sc->slots, sizeof(*sc->pages), GFP_KERNEL);
	if (!sc->pages)
		return -ENOMEM;
	for (i = 0; i < sc->slots; i++) {
		sc->pages[i] = kvcalloc(sc->nr_pages, sizeof(struct page *), GFP_KERNEL);
		if (!sc->pages[i])
			goto undo;
		for (j = 0; j < sc->nr_pages; j += some) {
			some = scratch_pages(&sc->pages[i][j], sc->nr_pages - j);
			if (!some)
				goto undo;
			sc->run = min_t(unsigned int, sc->run, some * PAGE_SECTORS);
		}
	}
	return 0;
undo:
	scratch_free(sc);
	return -ENOMEM;
}

/* -- targets of a recovery -------------------------------------------------------------------- */

static bool is_target(const struct emd_slot *slot)
{
	mdu_mstate_t state = slot->member ? emd_member_state(slot->member) : MDU_MSTATE_UNKNOWN;

	return MDU_MSTATE_LIVE(state) && (state & MDU_MSTATE_REBUILD_TARGET);
}

/* The lowest position up to which a target is recovered; EMD_POS_MAX without targets. */
static u64 targets_begin(const struct emd_map *map)
{
	u64 begin = EMD_POS_MAX;
	unsigned int i;

	for (i = 0; i < map->slots; i++)
		if (is_target(&map->slot[i]))
			begin = min(begin, READ_ONCE(map->slot[i].member->filled));
	return begin;
}

/* Is there one among the first @slots? Those behind the members are their replacements. */
static bool has_targets(const struct emd_map *map, u32 slots)
{
	u32 i;

	for (i = 0; i < slots; i++)
		if (is_target(&map->slot[i]))
			return true;
	return false;
}

bool emd_sync_targets(struct emd_array *a)
{
	const struct emd_map *map = rcu_dereference_protected(a->map, lockdep_is_held(&a->config_mutex));

	return map && has_targets(map, map->slots);
}

/* Requests see @pos at once, the monitor only what is durable. */
static void targets_advance(struct emd_map *map, u64 pos, bool durable)
{
	unsigned int i;

	for (i = 0; i < map->slots; i++) {
		struct emd_slot *slot = &map->slot[i];
		struct mdk_member *m = slot->member;

		if (!is_target(slot))
			continue;
		if (READ_ONCE(m->filled) < pos)
			WRITE_ONCE(m->filled, pos);
		if (!durable)
			continue;
		spin_lock_irq(&m->member_lock);
		if (m->recovered < pos)
			m->recovered = pos;
		spin_unlock_irq(&m->member_lock);
	}
}

/* -- one window ------------------------------------------------------------------------------- */

static int recover_locked(struct emd_sync *s, struct emd_map *map, struct emd_window *w)
{
	int ret = 0;

	if (!has_targets(map, map->slots))
		return -ENODEV;		/* the last target has failed */
	if (has_targets(map, map->geo.raid_disks))
		ret = map->pers->sync(map, w);
	if (!ret && emd_map_replaces(map))
		ret = emd_replace_window(s, map, w);
	if (!ret)
		targets_advance(map, w->end, false);
	return ret;
}

static int sync_locked(struct emd_sync *s, struct emd_window *w)
{
	struct emd_map *map = emd_map_enter(s->array);
	int ret;

	if (!map)
		return -ENODEV;
	if (s->action == EMD_SYNC_RECOVER)
		ret = recover_locked(s, map, w);
	else
		ret = map->pers->sync(map, w);
	emd_map_exit(map);
	return ret;
}

static int sync_window(struct emd_sync *s, struct scratch *sc)
{
	struct emd_array *a = s->array;
	struct emd_window w = {
		.begin = s->pos,
		.end = min3(round_down(s->pos, sc->window) + sc->window, s->end, READ_ONCE(s->max)),
		.action = s->action,
		.pages = sc->pages,
		.run = sc->run,
	};
	struct emd_range_window lock = { .mode = EMD_RANGE_WRITES };
	unsigned long began = jiffies;
	int ret;

	emd_geometry_span(&a->geo, w.begin, w.end, &lock.begin, &lock.end);
	ret = emd_range_lock(a->ranges, &lock, false);
	if (ret)
		return ret;
	ret = sync_locked(s, &w);
	emd_range_unlock(a->ranges, &lock);
	if (ret)
		return ret;
	WRITE_ONCE(s->mismatches, s->mismatches + w.mismatches);
	WRITE_ONCE(s->pos, w.end);
	emd_pace_throttle(s, w.end, began);
	return 0;
}

/* -- what the bitmap spares it -------------------------------------------------------------------- */

/* A recovery only if every target was in sync once. */
static bool may_skip(struct emd_sync *s)
{
	struct emd_map *map;
	bool may = true;
	unsigned int i;

	if (!rcu_access_pointer(s->array->bitmap))
		return false;
	if (s->action != EMD_SYNC_RECOVER)
		return s->action == EMD_SYNC_RESYNC;
	map = emd_map_enter(s->array);
	if (!map)
		return false;
	for (i = 0; i < map->slots; i++)
		if (is_target(&map->slot[i]))
			may &= test_bit(EMD_MF_BITMAP, &map->slot[i].member->flags);
	emd_map_exit(map);
	return may;
}

/* Return: true if the locked range up to @end still needs nothing, and the pass is at its end now. */
static bool skip_locked(struct emd_sync *s, u64 end, unsigned int window)
{
	struct emd_map *map;

	if (emd_bitmap_idle_end(s->array, s->action, s->pos, end, window) != end)
		return false;
	if (s->action == EMD_SYNC_RECOVER) {
		map = emd_map_enter(s->array);
		if (!map)
			return false;
		targets_advance(map, end, false);
		emd_map_exit(map);
	}
	WRITE_ONCE(s->skipped, s->skipped + end - s->pos);
	emd_pace_skip(s, end - s->pos);
	WRITE_ONCE(s->pos, end);
	return true;
}

/*
 * Passes over what needs nothing. Under the lock, because a write that came before a target is said to be filled there need
 * not have reached it. Return: true if it got on.
 */
static bool skip_idle(struct emd_sync *s, unsigned int window)
{
	struct emd_array *a = s->array;
	struct emd_range_window lock = { .mode = EMD_RANGE_WRITES };
	u64 end = min(s->end, READ_ONCE(s->max));
	bool skipped;

	if (!may_skip(s))
		return false;
	end = emd_bitmap_idle_end(a, s->action, s->pos, end, window);
	if (end <= s->pos)
		return false;
	emd_geometry_span(&a->geo, s->pos, end, &lock.begin, &lock.end);
	if (emd_range_lock(a->ranges, &lock, false))
		return false;
	skipped = skip_locked(s, end, window);
	emd_range_unlock(a->ranges, &lock);
	return skipped;
}

/* -- the pass --------------------------------------------------------------------------------- */

static int publish(struct emd_sync *s)
{
	struct emd_array *a = s->array;
	struct emd_map *map;

	if (s->completed == s->pos)
		return 0;
	if (s->action != EMD_SYNC_CHECK) {
		int ret = emd_flush_members(a);

		if (ret)
			return ret;
		/* A position beside a member that is not known to have failed would vouch for what it missed. */
		wait_event_idle(s->wait, emd_sync_stopping(s) || !emd_array_failure_unacked(a));
		if (emd_array_failure_unacked(a))
			return -EINTR;
	}
	if (s->action == EMD_SYNC_RESYNC) {
		WRITE_ONCE(a->resync_start, s->pos);
		emd_bitmap_synced(a, s->pos);
	}
	if (s->action == EMD_SYNC_RECOVER) {
		map = emd_map_enter(a);
		if (map) {
			targets_advance(map, s->pos, true);
			emd_map_exit(map);
		}
	}
	WRITE_ONCE(s->completed, s->pos);
	s->published = jiffies;
	emd_array_event(a, NULL, "sync_completed");
	return 0;
}

/* Wait until the next window may be done. */
static int wait_turn(struct emd_sync *s)
{
	int ret;

	if (s->pos >= READ_ONCE(s->max)) {
		ret = publish(s);
		if (ret)
			return ret;
		emd_pace_release(s);
		wait_event_idle(s->wait, emd_sync_stopping(s) || s->pos < READ_ONCE(s->max));
	}
	if (emd_sync_stopping(s))
		return -EINTR;
	emd_pace_claim(s);
	return 0;
}

int emd_sync_pass(struct emd_sync *s)
{
	struct emd_array *a = s->array;
	struct scratch sc = {};
	int ret, end;

	ret = scratch_alloc(&sc, &a->geo);
	if (ret)
		return ret;
	if (s->action == EMD_SYNC_RESYNC || s->action == EMD_SYNC_RECOVER)
		emd_bitmap_write_all(a);	/* a new member has no bit yet */
	emd_range_engage(a->ranges, EMD_RANGE_WRITES);
	while (!ret && s->pos < s->end) {
		ret = wait_turn(s);
		if (!ret && !skip_idle(s, sc.window))
			ret = sync_window(s, &sc);
		if (!ret && time_after(jiffies, s->published + EMD_SYNC_PUBLISH))
			ret = publish(s);
	}
	if (!ret || ret == -EINTR) {
		end = publish(s);
		ret = ret ?: end;
	}
	emd_range_disengage(a->ranges, EMD_RANGE_WRITES);
	emd_pace_release(s);
	scratch_free(&sc);
	return ret;
}

/* -- before and after ------------------------------------------------------------------------- */

bool emd_sync_prepare(struct emd_sync *s)
{
	struct emd_array *a = s->array;
	const struct emd_map *map = rcu_dereference_protected(a->map, lockdep_is_held(&a->config_mutex));
	u32 chunk = a->geo.chunk_sectors ?: EMD_MIN_CHUNK_SECTORS;

	s->end = a->geo.member_sectors;
	s->skipped = 0;
	if (s->action == EMD_SYNC_RECOVER) {
		s->begin = targets_begin(map);
		if (emd_map_replaces(map) && emd_replace_begin(s))
			return false;
	} else if (!emd_array_comparable(a)) {
		/* Without redundancy there is nothing that could be consistent or not. */
		a->resync_start = EMD_POS_MAX;
		emd_bitmap_synced(a, EMD_POS_MAX);
		emd_sync_wake(a);	/* a replacement may have waited for it */
		return false;
	} else {
		s->begin = s->action == EMD_SYNC_RESYNC ? a->resync_start : s->min;
		s->mismatches = 0;
	}
	s->begin = round_down(min(s->begin, s->end), chunk);
	s->pos = s->begin;
	s->completed = s->begin;
	return true;
}

static bool is_complete(struct emd_array *a, u32 slot)
{
	const struct emd_map *map = rcu_dereference_protected(a->map, lockdep_is_held(&a->config_mutex));

	return map && slot < map->slots && is_target(&map->slot[slot]) &&
	       READ_ONCE(map->slot[slot].member->filled) >= a->geo.member_sectors;
}

/* A target that holds all its data becomes a member in sync. Each that does may publish a new map. */
static int targets_insync(struct emd_array *a)
{
	int error = 0;
	u32 i;

	for (i = 0; i < a->geo.raid_disks; i++) {
		if (is_complete(a, i))
			emd_array_member_insync(a, i);
		if (!error && is_complete(a, a->geo.raid_disks + i))
			error = emd_array_replaced(a, i);
	}
	return error;
}

void emd_sync_conclude(struct emd_sync *s)
{
	struct emd_array *a = s->array;

	emd_replace_end(s);
	if (s->result)
		return;
	if (s->action == EMD_SYNC_RECOVER)
		s->result = targets_insync(a);
	if (s->action == EMD_SYNC_RESYNC) {
		a->resync_start = EMD_POS_MAX;
		emd_bitmap_synced(a, EMD_POS_MAX);
	}
}
