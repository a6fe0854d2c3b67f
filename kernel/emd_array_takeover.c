// SPDX-License-Identifier: GPL-2.0-only
/* Changes of a running array that move no data: level, number of mirrors, component_size. */
#include <linux/slab.h>

#include "core/emd_raid10.h"
#include "core/emd_takeover.h"
#include "emd_array_private.h"

static int check_still(struct emd_array *a)
{
	if (!emd_array_writable(a))
		return emd_refuse(a, -EROFS, "%s is read-only", a->member.name);
	if (emd_sync_running(a) || rcu_access_pointer(a->reshape))
		return emd_refuse(a, -EBUSY, "%s is at work on a resync, recovery or reshape", a->member.name);
	if (emd_array_replaces(a))
		return emd_refuse(a, -EBUSY, "a member of %s is being replaced", a->member.name);
	if (rcu_access_pointer(a->bitmap))
		return emd_refuse(a, -EBUSY, "%s has a bitmap: store none in bitmap/location first", a->member.name);
	return emd_array_refuse_beside_log(a);
}

/* The geometry in force, with the size that RAID0 takes from its members. */
static struct emd_geometry geometry_now(struct emd_array *a)
{
	return rcu_dereference_protected(a->map, lockdep_is_held(&a->config_mutex))->geo;
}

/*
 * Who takes which slot is decided once, as user space that records the change beforehand can tell. Who takes none is parked in a slot that
 * neither geometry has, and becomes a spare with the new geometry.
 */
#define PARKED EMD_MAX_MEMBERS

struct slot_change {
	struct emd_geometry	from;
	struct emd_geometry	to;
	u32			origin[EMD_MAX_MEMBERS];	/* as of emd_takeover_members() */
	u8			standing[EMD_MAX_MEMBERS];	/* of the slots of @from */
};

static bool has_slot(const struct mdk_member *m, u32 raid_disks)
{
	return m->priority >= 0 && m->priority < (int)raid_disks && MDU_MSTATE_LIVE(m->state);
}

static void choose_members(struct emd_array *a, struct slot_change *c)
{
	struct mdk_member *m;
	unsigned long flags;

	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_for_each_child(m, &a->member)
		if (has_slot(m, c->from.raid_disks))
			c->standing[m->priority] = MDU_MSTATE_READABLE(m->state) ? EMD_STANDING_GOOD : EMD_STANDING_STALE;
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	emd_takeover_members(&c->from, &c->to, c->standing, c->origin);
}

static int slot_after(const struct mdk_member *m, const void *context)
{
	const struct slot_change *c = context;
	u32 slot;

	if (!has_slot(m, c->from.raid_disks))
		return m->priority;
	for (slot = 0; slot < c->to.raid_disks; slot++)
		if (c->origin[slot] == m->priority)
			return slot;
	return m->priority + PARKED;
}

static int slot_before(const struct mdk_member *m, const void *context)
{
	const struct slot_change *c = context;

	if (m->priority >= PARKED)
		return m->priority - PARKED;
	return has_slot(m, c->to.raid_disks) ? (int)c->origin[m->priority] : m->priority;
}

static void renumber(struct emd_array *a, int (*slot)(const struct mdk_member *m, const void *context), const struct slot_change *c)
{
	mutex_lock(&emd_topology_mutex);
	emd_member_renumber(&a->member, slot, c);
	mutex_unlock(&emd_topology_mutex);
}

/* Would the members that keep a place carry the new level? */
static int check_enough(struct emd_array *a, const struct slot_change *c)
{
	mdu_mstate_t *states = a->priv->scratch;
	const struct emd_geometry *to = &c->to;
	struct mdk_member *m;
	unsigned long flags;
	bool lost;
	int slot;

	spin_lock_irqsave(&a->member.member_lock, flags);
	memset(states, 0, to->raid_disks * sizeof(*states));
	emd_for_each_child(m, &a->member) {
		slot = slot_after(m, c);
		if (has_slot(m, c->from.raid_disks) && slot < PARKED && test_bit(EMD_MF_PLACED, &m->flags))
			states[slot] = m->state;
	}
	lost = emd_mstate_array(to->level, to->layout, to->raid_disks, states) == MDU_MSTATE_FAILED;
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return lost ? emd_refuse(a, -EINVAL, "%s misses members that it cannot do without then", a->member.name) : 0;
}

/* Slots are as the new geometry has them: did everybody live to see it? From here on nobody can be failed. */
static bool all_there(struct emd_array *a, const struct emd_geometry *to)
{
	unsigned long flags;
	bool lost;

	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_array_states(a, to->raid_disks, a->priv->scratch);
	lost = emd_mstate_array(to->level, to->layout, to->raid_disks, a->priv->scratch) == MDU_MSTATE_FAILED;
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return !lost;
}

/*
 * While slots and geometry do not fit together no member that stays can be failed where the level cannot do without any of them: RAID0, or
 * pairs of which one half is missing.
 */
static int change_level(struct emd_array *a, const struct slot_change *c)
{
	int error;

	renumber(a, slot_after, c);
	error = all_there(a, &c->to) ? emd_array_set_geometry(a, &c->to) :
		emd_refuse(a, -EBUSY, "%s has just lost a member: try again", a->member.name);
	if (error)
		renumber(a, slot_before, c);
	return error;
}

/* Is somebody given up while one who stays has bad blocks? What was there may be good on nobody but him who goes. */
static bool gives_up_good(struct emd_array *a, const struct slot_change *c)
{
	bool gone = false, bad = false;
	struct mdk_member *m;
	unsigned long flags;

	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_for_each_child(m, &a->member) {
		if (!has_slot(m, c->from.raid_disks))
			continue;
		if (slot_after(m, c) >= PARKED)
			gone = true;
		else
			bad |= READ_ONCE(m->has_bad);
	}
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return gone && bad;
}

static bool has_bad_blocks(struct emd_array *a)
{
	struct mdk_member *m;
	bool bad = false;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member)
		bad |= READ_ONCE(m->has_bad);
	mutex_unlock(&emd_topology_mutex);
	return bad;
}

static int change_shape(struct emd_array *a, const struct slot_change *c)
{
	int error = check_enough(a, c);

	if (error)
		return error;
	if (gives_up_good(a, c))
		return emd_refuse(a, -EBUSY, "%s has members with bad blocks: write there or replace them before it gives up others",
				  a->member.name);
	emd_reshape_forget(a);
	/* The new redundancy is missing altogether or known to be right: there is nothing to resync. */
	if (!emd_array_redundant(a))
		a->resync_start = EMD_POS_MAX;
	error = change_level(a, c);
	if (!error)
		emd_sync_reconsider(a);
	return error;
}

static int take_shape(struct emd_array *a, const struct emd_geometry *from, const struct emd_geometry *to)
{
	struct slot_change *change = kzalloc(sizeof(*change), GFP_KERNEL);
	int error;

	if (!change)
		return -ENOMEM;
	change->from = *from;
	change->to = *to;
	choose_members(a, change);
	error = change_shape(a, change);
	kfree(change);
	return error;
}

int emd_array_takeover(struct emd_array *a, const char *word)
{
	const struct emd_personality *pers = emd_personality_by_name(word);
	struct emd_geometry from, to;
	const char *why = "";
	int error = check_still(a);

	if (error)
		return error;
	if (!pers)
		return emd_refuse(a, -EINVAL, "there is no level \"%s\"", word);
	if (pers == a->member.pers)
		return 0;
	from = geometry_now(a);
	error = emd_takeover_geometry(&from, pers->level, &to, &why);
	if (error)
		return emd_refuse(a, error, "%s: %s", a->member.name, why);
	/* Which copy or parity is good where somebody has bad blocks: a level that keeps nothing twice could not tell. */
	if (!pers->redundant && has_bad_blocks(a))
		return emd_refuse(a, -EBUSY, "%s has members with bad blocks: write there or replace them before it becomes %s",
				  a->member.name, pers->name);
	return take_shape(a, &from, &to);
}

int emd_array_set_mirrors(struct emd_array *a, u32 mirrors)
{
	struct emd_geometry from, to;
	const char *why = "";
	int error = check_still(a);

	if (error)
		return error;
	from = geometry_now(a);
	to = from;
	to.raid_disks = mirrors;
	error = emd_geometry_validate(&to, &why);
	return error ? emd_refuse(a, error, "%s: %s", a->member.name, why) : take_shape(a, &from, &to);
}

static u64 room_of_members(struct emd_array *a)
{
	struct mdk_member *m;
	u64 room = EMD_POS_MAX;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member)
		if (m->priority >= 0)
			room = min_t(u64, room, m->data_size);
	mutex_unlock(&emd_topology_mutex);
	return room;
}

/* Copies that lie in another part of the members: where that begins depends on their size. */
static bool has_far_copies(const struct emd_geometry *geo)
{
	return geo->level == 10 && emd_raid10_far(geo) > 1 && !(geo->layout & EMD_LAYOUT_RAID10_OFFSET);
}

/* The first member row on which something new has its first copy: a copy of it may be the last of the old rows. */
static u64 first_new_row(const struct emd_geometry *geo, u64 before)
{
	u64 back = geo->level == 10 ? (u64)geo->chunk_sectors * emd_raid10_far(geo) : 0;

	return before - min(before, back);
}

int emd_array_set_member_sectors(struct emd_array *a, u64 sectors)
{
	struct emd_geometry geo = a->geo;
	u64 room = room_of_members(a), before = a->geo.member_sectors;
	int error = check_still(a);
	bool in_sync;

	if (error)
		return error;
	if (!emd_array_redundant(a))
		return emd_refuse(a, -EINVAL, "the members of %s have sizes of their own", a->member.name);
	geo.member_sectors = sectors ?: room;
	if (geo.chunk_sectors)
		geo.member_sectors = round_down(geo.member_sectors, (u64)geo.chunk_sectors);
	if (geo.member_sectors > room)
		return emd_refuse(a, -ENOSPC, "a member of %s has only %llu sectors", a->member.name, room);
	if (geo.member_sectors < before &&
	    (!a->external_size || a->array_sectors > emd_geometry_array_sectors(&geo)))
		return emd_refuse(a, -EINVAL, "%s would lose data: make array_size smaller first", a->member.name);
	if (geo.member_sectors != before && has_far_copies(&geo))
		return emd_refuse(a, -EINVAL, "%s: its far copies would have to move", a->member.name);
	emd_reshape_forget(a);	/* a new data offset belongs to a reshape */
	in_sync = a->resync_start == EMD_POS_MAX;
	/* Nobody who looks sees that it is larger and has nothing to be synchronised; and before it is, nothing is. */
	if (geo.member_sectors > before && in_sync)
		WRITE_ONCE(a->resync_start, before);
	error = emd_array_set_geometry(a, &geo);
	if (error) {
		if (in_sync)
			WRITE_ONCE(a->resync_start, EMD_POS_MAX);
		return error;
	}
	if (geo.member_sectors > before && in_sync)
		WRITE_ONCE(a->resync_start, first_new_row(&geo, before));
	emd_sync_reconsider(a);
	return 0;
}
