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
#include "emd_bitmap.h"
#include "emd_io.h"
#include "emd_personality.h"
#include "emd_sync_flight.h"

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

static int recover(struct emd_sync *s, struct emd_map *map, struct emd_window *w)
{
	int ret = 0;

	if (!has_targets(map, map->slots))
		return -ENODEV;		/* the last target has failed */
	if (has_targets(map, map->geo.raid_disks))
		ret = map->pers->sync(map, w);
	if (!ret && emd_map_replaces(map))
		ret = emd_replace_window(s, map, w);
	return ret;
}

int emd_sync_do(struct emd_sync *s, struct emd_map *map, struct emd_window *w)
{
	return s->action == EMD_SYNC_RECOVER ? recover(s, map, w) : map->pers->sync(map, w);
}

void emd_sync_done(struct emd_sync *s, struct emd_map *map, const struct emd_window *w)
{
	if (s->action == EMD_SYNC_RECOVER)
		targets_advance(map, w->end, false);
	WRITE_ONCE(s->mismatches, s->mismatches + w->mismatches);
	WRITE_ONCE(s->pos, w->end);
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

/* Up to where nothing is needed from @pos on, if it may be skipped. */
static u64 idle_end(struct emd_sync *s, u64 pos, unsigned int window)
{
	return emd_bitmap_idle_end(s->array, s->action, pos, min(s->end, READ_ONCE(s->max)), window);
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
	bool skipped;
	u64 end;

	if (!may_skip(s))
		return false;
	end = idle_end(s, s->pos, window);
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

static bool publish_due(const struct emd_sync *s)
{
	return time_after(jiffies, s->published + EMD_SYNC_PUBLISH);
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

/* Is a further window all that is due? What else there is waits, perhaps for long, and so not while users' writes wait for a window. */
static bool may_launch(struct emd_sync *s, const struct emd_flight *f)
{
	return s->alone && !emd_sync_stopping(s) && !publish_due(s) &&
	       (!may_skip(s) || idle_end(s, f->next, f->window) <= f->next);
}

/* Windows, until something else is due. */
static int fly(struct emd_sync *s, struct emd_flight *f)
{
	int ret = emd_flight_launch(f), landed;
	bool waits = false;

	while (f->nr) {
		while (!ret && !waits && may_launch(s, f))
			ret = emd_flight_launch(f);
		landed = emd_flight_land(f);
		ret = ret == -EAGAIN ? landed : ret ?: landed;
		waits = waits || emd_pace_look(s, s->pos);
		cond_resched();
	}
	if (!ret && waits)
		emd_pace_wait(s, s->pos, f->began);
	return ret == -EAGAIN ? 0 : ret;
}

int emd_sync_pass(struct emd_sync *s)
{
	struct emd_array *a = s->array;
	struct emd_flight *f = emd_flight_create(s);
	int ret = 0, end;

	if (!f)
		return -ENOMEM;
	if (s->action == EMD_SYNC_RESYNC || s->action == EMD_SYNC_RECOVER)
		emd_bitmap_write_all(a);	/* a new member has no bit yet */
	emd_range_engage(a->ranges, EMD_RANGE_WRITES);
	while (!ret && s->pos < s->end) {
		ret = wait_turn(s);
		if (!ret && !skip_idle(s, f->window))
			ret = fly(s, f);
		if (!ret && publish_due(s))
			ret = publish(s);
	}
	if (!ret || ret == -EINTR) {
		end = publish(s);
		ret = ret ?: end;
	}
	emd_range_disengage(a->ranges, EMD_RANGE_WRITES);
	emd_pace_release(s);
	emd_flight_destroy(f);
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
