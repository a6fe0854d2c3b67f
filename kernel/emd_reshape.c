// SPDX-License-Identifier: GPL-2.0-only
/*
 * A change of shape from its proposal to its end, and which side serves a sector meanwhile.
 *
 * Theory
 *
 * An array in reshape has two maps over the same members: the array's own (old geometry) and the
 * reshape's (new geometry). The position says which one serves a sector. It moves only inside a window that no
 * request is in, and a request asks for its side after it has entered the range lock with all its sectors:
 * so the answer holds until it ends.
 *
 * Begin: every check, then the members, then the new map, then the pointer; each step undoes those before
 * it. The first requests that see the pointer are served by the old side, as all were before. End: the position
 * has reached the end, so all requests are served by the new side. Then, with the whole array locked, the framework
 * publishes a map with the new geometry as the array's own, and the reshape goes.
 *
 * A reshape is never begun twice: as long as it exists, `reshape` means to go on at its position.
 *
 * Turned: what has been moved is moved back. The two sides are exchanged, and each serves the sectors that it served before; so
 * nothing moves for it, and whichever direction is recorded is right until something does.
 */
#include <linux/slab.h>

#include "core/emd_math.h"
#include "emd_personality.h"
#include "emd_reshape.h"

/* -- which side serves a sector ------------------------------------------------------------------ */

struct emd_map *emd_reshape_map(struct emd_reshape *r)
{
	struct emd_map *map;

	rcu_read_lock();
	/* A map that refuses has been replaced already: the pointer leads to its successor. */
	do {
		map = rcu_dereference(r->map);
	} while (!percpu_ref_tryget_live(&map->ref));
	rcu_read_unlock();
	return map;
}

/* Is @sector served by the new side? @limit is cut at the position. */
static bool on_new_side(const struct emd_reshape *r, u64 sector, u64 *limit)
{
	u64 pos = READ_ONCE(r->pos);

	if (sector < pos && *limit > pos)
		*limit = pos;
	return r->plan.backward ? sector >= pos : sector < pos;
}

struct emd_map *emd_reshape_route(struct emd_array *a, u64 sector, u64 *limit)
{
	struct emd_map *map = NULL;
	struct emd_reshape *r;

	rcu_read_lock();
	r = rcu_dereference(a->reshape);
	if (r)
		map = on_new_side(r, sector, limit) ? emd_reshape_map(r) : emd_map_enter(a);
	rcu_read_unlock();
	return map;
}

bool emd_reshape_blocks(struct emd_array *a, u64 begin, u64 end)
{
	struct emd_sync *s = a->sync;
	struct emd_reshape *r;
	bool blocks = false;
	u64 pos, acked;

	rcu_read_lock();
	r = rcu_dereference(a->reshape);
	if (r && READ_ONCE(s->gate)) {
		pos = READ_ONCE(r->pos);
		acked = READ_ONCE(s->acked);
		blocks = pos != acked && begin < max(pos, acked) && end > min(pos, acked);
		if (blocks && !READ_ONCE(s->kick)) {
			WRITE_ONCE(s->kick, true);
			wake_up_all(&s->wait);
		}
	}
	rcu_read_unlock();
	return blocks;
}

/* -- proposals ----------------------------------------------------------------------------------- */

static bool same_shape(const struct emd_geometry *a, const struct emd_geometry *b)
{
	return a->level == b->level && a->layout == b->layout && a->raid_disks == b->raid_disks &&
	       a->chunk_sectors == b->chunk_sectors;
}

/* Change of the data offset: the same for all members, or there is none that could be run. */
static int offset_delta(struct emd_array *a, s64 *delta)
{
	struct mdk_member *m;
	bool first = true, uniform = true;
	unsigned long flags;

	*delta = 0;
	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_for_each_child(m, &a->member) {
		s64 moved = (s64)m->new_data_offset - (s64)m->data_offset;

		if (m->priority < 0 && m->reserved_slot < 0)
			continue;
		if (!first && moved != *delta)
			uniform = false;
		*delta = moved;
		first = false;
	}
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return uniform ? 0 : -EINVAL;
}

/* The geometry as the map has it: levels that are sized by their members know more there. */
static const struct emd_geometry *shape_now(struct emd_array *a)
{
	const struct emd_map *map = rcu_dereference_protected(a->map, lockdep_is_held(&a->config_mutex));

	return map ? &map->geo : &a->geo;
}

static int make_plan(struct emd_array *a, const struct emd_geometry *next, struct emd_reshape_plan *plan)
{
	const struct emd_geometry *from = shape_now(a);
	struct emd_geometry to = *next;
	const char *why = "it is no reshape";
	s64 delta;

	if (!to.member_sectors)
		to.member_sectors = from->member_sectors;
	if (offset_delta(a, &delta))
		return emd_refuse(a, -EINVAL, "the new data offsets must all differ by the same amount");
	if (emd_reshape_plan_init(plan, from, &to, delta, a->next_backward, &why))
		return emd_refuse(a, -EINVAL, "the change is not possible: %s", why);
	return 0;
}

int emd_reshape_plan_of(struct emd_array *a, struct emd_reshape_plan *plan)
{
	const struct emd_reshape *r = emd_reshape_of(a);

	if (r) {
		*plan = r->plan;
		return 0;
	}
	if (same_shape(&a->geo, &a->next))
		return -ENODATA;
	return make_plan(a, &a->next, plan);
}

static int may_change(struct emd_array *a)
{
	if (!emd_array_writable(a))
		return emd_refuse(a, -EROFS, "the array is read-only");
	if (emd_sync_running(a))
		return emd_refuse(a, -EBUSY, "%s is running", emd_sync_running_word(a));
	if (emd_reshape_of(a))
		return emd_refuse(a, -EBUSY, "a reshape is under way already");
	if (emd_array_replaces(a))
		return emd_refuse(a, -EBUSY, "a member is being replaced: wait, or take the replacement away");
	if (rcu_access_pointer(a->bitmap))
		return emd_refuse(a, -EBUSY, "the array has a bitmap: store none in bitmap/location first");
	return emd_array_refuse_beside_log(a);
}

/* A geometry that some personality can serve, from members of the size that they have. */
static int check_target(struct emd_array *a, const struct emd_geometry *next)
{
	const struct emd_personality *pers = emd_personality_find(next->level);
	const char *why = "no such level";

	if (!pers || emd_geometry_validate(next, &why) || pers->validate(next, &why))
		return emd_refuse(a, -EINVAL, "the proposed geometry is not possible: %s", why);
	return 0;
}

bool emd_reshape_pending(struct emd_array *a)
{
	if (rcu_access_pointer(a->reshape) || READ_ONCE(a->reshape_position) != EMD_POS_MAX)
		return true;
	return emd_array_running(a) && !same_shape(&a->geo, &a->next);
}

bool emd_reshape_only_mirrors(const struct emd_array *a, const struct emd_geometry *next)
{
	return a->geo.level == 1 && next->level == 1 && next->chunk_sectors == a->geo.chunk_sectors && next->layout == a->geo.layout;
}

/*
 * What is larger ends with whole chunks, wherever the data end; what is not is refused at the start, too. Mirrors with a chunk are only
 * on the way to a level that has chunks.
 */
static bool cuts_chunk(const struct emd_array *a, const struct emd_geometry *to, u64 array_new)
{
	return to->level != 1 && to->chunk_sectors && a->array_sectors & (to->chunk_sectors - 1) && array_new <= a->array_sectors;
}

int emd_reshape_propose(struct emd_array *a, const struct emd_geometry *next)
{
	struct emd_reshape_plan plan;
	struct emd_geometry to = *next;
	int ret = may_change(a);

	if (ret)
		return ret;
	to.member_sectors = shape_now(a)->member_sectors;
	if (to.chunk_sectors)
		to.member_sectors = round_down(to.member_sectors, to.chunk_sectors);
	if (!same_shape(&a->geo, &to)) {
		if (emd_reshape_only_mirrors(a, &to))
			return emd_refuse(a, -EINVAL, "%u mirrors are no reshape: store the old raid_disks first", to.raid_disks);
		ret = check_target(a, &to) ?: make_plan(a, &to, &plan);
		if (ret)
			return ret;
		if (cuts_chunk(a, &to, plan.array_new))
			return emd_refuse(a, -EINVAL, "the array's size is not a multiple of a chunk of %u KiB",
					  to.chunk_sectors / 2);
	} else {
		a->sync->gate = false;
	}
	a->next = to;
	emd_array_show_redundancy(a);
	return 0;
}

void emd_reshape_forget(struct emd_array *a)
{
	struct mdk_member *m;

	lockdep_assert_held(&a->config_mutex);
	a->next = a->geo;
	a->next_backward = -1;
	WRITE_ONCE(a->sync->gate, false);
	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member) {
		m->new_data_offset = m->data_offset;
		m->reserved_slot = -1;
	}
	mutex_unlock(&emd_topology_mutex);
}

/* -- begin --------------------------------------------------------------------------------------- */

/* Members that will hold data of the new geometry: those in sync now and those that have a place reserved. */
static unsigned int members_for(struct emd_array *a, u32 raid_disks)
{
	struct mdk_member *m;
	unsigned int nr = 0;
	unsigned long flags;

	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_for_each_child(m, &a->member) {
		mdu_mstate_t state = READ_ONCE(m->state);

		if (!MDU_MSTATE_LIVE(state))
			continue;
		if (m->priority >= 0 ? m->priority < raid_disks && MDU_MSTATE_READABLE(state)
				     : m->reserved_slot >= 0 && m->reserved_slot < raid_disks)
			nr++;
	}
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return nr;
}

static int may_begin(struct emd_array *a, const struct emd_reshape_plan *plan)
{
	unsigned int members = members_for(a, a->next.raid_disks);
	unsigned int needed = a->next.raid_disks - emd_geometry_max_failures(&a->next);

	if (a->resync_start < a->geo.member_sectors && emd_sync_has_passes(a))
		return emd_refuse(a, -EBUSY, "a resync has to be completed first");
	if (emd_sync_targets(a))
		return emd_refuse(a, -EBUSY, "a member has to be recovered first");
	if (a->array_sectors > plan->array_new)
		return emd_refuse(a, -EINVAL,
				  "the new shape holds %llu sectors, the array has %llu: reduce array_size first",
				  plan->array_new, (u64)a->array_sectors);
	if (members < needed)
		return emd_refuse(a, -EINVAL, "%u members are there or reserved, the new shape needs %u",
				  members, needed);
	return 0;
}

static void destroy(struct emd_reshape *r)
{
	struct emd_map *map = rcu_dereference_protected(r->map, true);

	if (map)
		emd_map_destroy(map);
	emd_reshape_pages_free(r);
	kfree(r);
}

static struct emd_reshape *create(struct emd_array *a, const struct emd_geometry *to, const struct emd_reshape_plan *plan, u64 pos)
{
	struct emd_reshape *r = kzalloc(sizeof(*r), GFP_KERNEL);
	int ret;

	if (!r)
		return ERR_PTR(-ENOMEM);
	r->array = a;
	r->plan = *plan;
	r->to = *to;
	r->to.member_sectors = plan->member_sectors;
	r->pos = r->published = pos;
	ret = emd_reshape_pages_alloc(r);
	if (ret) {
		destroy(r);
		return ERR_PTR(emd_refuse(a, ret, "no memory for a window of %llu sectors", r->budget));
	}
	return r;
}

/* The new side's map from the members as they are now. config_mutex held. */
static int build_map(struct emd_reshape *r)
{
	struct emd_map *old = rcu_dereference_protected(r->map, true);
	struct emd_map *map = emd_map_build(r->array, &r->to, emd_personality_find(r->to.level), true);

	if (IS_ERR(map))
		return PTR_ERR(map);
	if (map->geo.nr_zones > 1 || map->geo.member_sectors < r->plan.member_sectors) {
		emd_map_destroy(map);
		return emd_refuse(r->array, -EINVAL, "the new members are smaller than %llu sectors",
				  r->plan.member_sectors);
	}
	rcu_assign_pointer(r->map, map);
	if (old)
		emd_map_retire(old);
	return 0;
}

void emd_reshape_swap_map(struct emd_array *a)
{
	struct emd_reshape *r = emd_reshape_of(a);

	if (r)
		build_map(r);
}

static int begin_new(struct emd_array *a)
{
	struct emd_reshape_plan plan;
	struct emd_reshape *r;
	int ret;

	ret = may_change(a) ?: emd_reshape_plan_of(a, &plan);
	if (ret == -ENODATA)
		return emd_refuse(a, -EINVAL, "no change is proposed: store raid_disks, chunk_size or layout first");
	if (!ret)
		ret = may_begin(a, &plan);
	if (ret)
		return ret;
	r = create(a, &a->next, &plan, emd_reshape_start(&plan));
	if (IS_ERR(r))
		return PTR_ERR(r);
	ret = emd_array_activate_reserved(a);
	if (ret)
		goto undo;
	ret = build_map(r);
	if (ret)
		goto undo;
	rcu_assign_pointer(a->reshape, r);
	/* Requests of a level that has not counted them in its ranges hold the old map: wait for them. */
	ret = emd_array_rebuild_map(a);
	if (!ret)
		return 0;
	RCU_INIT_POINTER(a->reshape, NULL);
	synchronize_rcu();
undo:
	emd_array_deactivate_reserved(a);
	destroy(r);
	return ret;
}

int emd_reshape_begin(struct emd_array *a)
{
	int ret = 0;

	if (emd_sync_running(a))
		return emd_refuse(a, -EBUSY, "%s is running", emd_sync_running_word(a));
	if (!emd_array_running(a))
		return emd_refuse(a, -EINVAL, "the array is not running");
	if (!emd_reshape_of(a))
		ret = begin_new(a);
	if (!ret)
		a->sync->failed = false;
	return ret;
}

int emd_reshape_assembled(struct emd_array *a, u64 position, bool writable)
{
	struct emd_reshape_plan plan;
	struct emd_reshape *r;
	int ret;

	if (same_shape(&a->geo, &a->next))
		return emd_refuse(a, -EINVAL, "reshape_position is %llu, but no new geometry was stored", position);
	if (a->next.chunk_sectors)	/* the size was stored for the old one */
		a->next.member_sectors = round_down(a->next.member_sectors, a->next.chunk_sectors);
	ret = check_target(a, &a->next) ?: make_plan(a, &a->next, &plan);
	if (ret)
		return ret;
	if (position > plan.array_new || emd_mod(position, plan.step))
		return emd_refuse(a, -EINVAL, "reshape_position %llu is not a multiple of %llu up to %llu",
				  position, plan.step, plan.array_new);
	if (plan.data_old == plan.data_new && abs(plan.delta) < plan.w && writable)
		return emd_refuse(a, -EINVAL,
				  "a reshape in place must be started read-only, and made writable when its backup is restored");
	r = create(a, &a->next, &plan, position);
	if (IS_ERR(r))
		return PTR_ERR(r);
	r->resumed = true;
	ret = build_map(r);
	if (ret) {
		destroy(r);
		return ret;
	}
	rcu_assign_pointer(a->reshape, r);
	return 0;
}

/* -- the pass and its end -------------------------------------------------------------------------- */

bool emd_reshape_prepare(struct emd_sync *s)
{
	const struct emd_reshape *r = emd_reshape_of(s->array);

	s->begin = emd_reshape_to_member(&r->plan, r->pos);
	s->pos = s->begin;
	s->completed = emd_reshape_to_member(&r->plan, r->published);
	s->end = r->plan.member_sectors;
	return true;
}

/*
 * Data that have moved away from the front of the members end nearer to what lies behind them. A level whose geometry is
 * made of its members' sizes must not have more than the reshape has.
 */
static void settle_sizes(const struct emd_reshape *r)
{
	struct mdk_member *m;

	if (r->plan.delta <= 0)
		return;
	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &r->array->member)
		if (MDU_MSTATE_LIVE(m->state) && m->priority >= 0)
			m->data_size = min_t(u64, m->data_size, r->plan.member_sectors);
	mutex_unlock(&emd_topology_mutex);
}

/* The new geometry becomes the array's own. All requests are served by the new side already. */
static int finish(struct emd_reshape *r)
{
	struct emd_array *a = r->array;
	struct emd_range_window all = { .begin = 0, .end = EMD_POS_MAX, .mode = EMD_RANGE_ALL };
	int ret = emd_range_lock(a->ranges, &all, false);

	if (ret)
		return ret;
	/*
	 * The mover has written all parity or copies that a level without them did not have. But nobody has noted
	 * whether users were writing to these rows when the array stopped.
	 */
	if (!emd_sync_has_passes(a))
		a->resync_start = r->resumed ? 0 : EMD_POS_MAX;
	settle_sizes(r);
	ret = emd_array_set_geometry(a, &r->to);
	if (!ret) {
		RCU_INIT_POINTER(a->reshape, NULL);
		a->reshape_position = EMD_POS_MAX;
	}
	emd_range_unlock(a->ranges, &all);
	return ret;
}

void emd_reshape_conclude(struct emd_sync *s)
{
	struct emd_array *a = s->array;
	struct emd_reshape *r = emd_reshape_of(a);

	if (!s->result)
		s->result = finish(r);
	if (s->result == -EIO || s->result == -ENODEV)
		emd_refuse(a, s->result, "the reshape stopped at %llu: the array cannot be %s there", r->pos,
			   r->lost ? "written" : "read or written");
	if (s->result)
		return;
	s->gate = false;
	synchronize_rcu();
	destroy(r);
	emd_array_release_writes(a);
	emd_array_show_redundancy(a);
	emd_array_event(a, NULL, "reshape_position");
}

/* -- turned ---------------------------------------------------------------------------------------- */

static int may_turn(struct emd_array *a, const struct emd_reshape *r)
{
	if (emd_sync_running(a))
		return emd_refuse(a, -EBUSY, "the reshape is running: store frozen in sync_action first");
	if (!emd_array_writable(a))
		return emd_refuse(a, -EROFS, "the array is read-only");
	if (r->plan.backward || r->to.raid_disks < a->geo.raid_disks)
		return emd_refuse(a, -EINVAL, "only a reshape that goes forwards, to as many members or more, can be turned");
	if (r->lost)
		return emd_refuse(a, -EIO, "the array cannot be written where the reshape stands");
	if (r->published != r->pos || (a->sync->gate && a->sync->acked != r->pos))
		return emd_refuse(a, -EBUSY, "how far the reshape is has not been recorded yet");
	return 0;
}

/* The way back, and where on it the reshape stands. */
static int plan_turn(struct emd_array *a, const struct emd_reshape *r, struct emd_reshape_plan *plan, u64 *pos)
{
	const char *why = "it is no reshape";

	if (emd_reshape_plan_init(plan, &r->to, shape_now(a), -r->plan.delta, 1, &why))
		return emd_refuse(a, -EINVAL, "the way back is not possible: %s", why);
	if (plan->array_new < a->array_sectors)
		return emd_refuse(a, -EINVAL, "the way back leaves %llu sectors, and the array has %llu", plan->array_new,
				  (u64)a->array_sectors);
	if (plan->data_old == plan->data_new && abs(plan->delta) < plan->w)
		return emd_refuse(a, -EINVAL, "a reshape in place cannot be turned");
	*pos = min(r->pos, plan->array_new);
	if (emd_mod(*pos, plan->step))
		return emd_refuse(a, -EINVAL, "%llu is not a multiple of %llu, where the way back could begin", *pos, plan->step);
	return 0;
}

static void exchange_offsets(struct emd_array *a, s64 delta)
{
	struct mdk_member *m;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member)
		if (MDU_MSTATE_LIVE(m->state) && m->priority >= 0)
			m->new_data_offset = m->data_offset - delta;
	mutex_unlock(&emd_topology_mutex);
}

/* No request is inside. */
static int exchange_sides(struct emd_array *a, struct emd_reshape *r, struct emd_reshape *back)
{
	struct emd_sync *s = a->sync;
	bool external = a->external_size;
	int ret;

	WRITE_ONCE(s->min, 0);
	WRITE_ONCE(s->max, 0);		/* they count from the other end from now on */
	a->external_size = true;	/* users see no more than the old shape holds */
	ret = emd_array_set_geometry(a, &r->to);
	a->external_size = external || !ret;
	if (ret)
		return ret;
	a->next = back->to;
	exchange_offsets(a, r->plan.delta);
	WRITE_ONCE(s->acked, back->pos);
	rcu_assign_pointer(a->reshape, back);
	return 0;
}

int emd_reshape_turn(struct emd_array *a)
{
	struct emd_range_window all = { .begin = 0, .end = EMD_POS_MAX, .mode = EMD_RANGE_ALL };
	struct emd_reshape *r = emd_reshape_of(a), *back;
	struct emd_geometry from = a->geo;
	struct emd_reshape_plan plan;
	struct emd_map *map;
	u64 pos;
	int ret;

	ret = may_turn(a, r) ?: plan_turn(a, r, &plan, &pos);
	if (ret)
		return ret;
	back = create(a, &from, &plan, pos);
	if (IS_ERR(back))
		return PTR_ERR(back);
	back->resumed = r->resumed;
	map = emd_map_build(a, &back->to, emd_personality_find(back->to.level), false);
	if (IS_ERR(map)) {
		destroy(back);
		return PTR_ERR(map);
	}
	RCU_INIT_POINTER(back->map, map);
	ret = emd_range_lock(a->ranges, &all, false);
	if (!ret) {
		ret = exchange_sides(a, r, back);
		emd_range_unlock(a->ranges, &all);
	}
	if (ret) {
		destroy(back);
		return ret;
	}
	synchronize_rcu();
	destroy(r);
	emd_array_event(a, NULL, "reshape_direction");
	emd_array_event(a, NULL, "reshape_position");
	return 0;
}

void emd_reshape_free(struct emd_array *a)
{
	struct emd_reshape *r = emd_reshape_of(a);

	if (!r)
		return;
	RCU_INIT_POINTER(a->reshape, NULL);
	synchronize_rcu();
	a->reshape_position = r->published;
	a->sync->gate = false;
	destroy(r);
}
