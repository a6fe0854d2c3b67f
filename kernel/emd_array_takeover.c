// SPDX-License-Identifier: GPL-2.0-only
/* Changes of a running array that move no data: level, number of mirrors, component_size. */
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
 * Mirrors become one member: the first that is in sync keeps the place, as user space that records the change beforehand
 * can tell. The others are parked in slots that neither geometry has, and become spares with the new geometry.
 */
struct slot_change {
	const struct emd_geometry	*from;
	const struct emd_geometry	*to;
	DECLARE_BITMAP(second, EMD_MAX_MEMBERS);	/* of these slots of @to: the pair's second mirror */
};

static bool goes_to(const struct slot_change *c, const struct mdk_member *m, u32 slot)
{
	return m->priority >= 0 && m->priority < (int)c->from->raid_disks && MDU_MSTATE_LIVE(m->state) &&
	       emd_takeover_slot(c->from, c->to, m->priority) == slot;
}

/* The member that slot @slot of @to will have, or NULL. Topology mutex or member_lock held. */
static struct mdk_member *member_for_slot(struct emd_array *a, const struct slot_change *c, u32 slot)
{
	struct mdk_member *m, *best = NULL;

	emd_for_each_child(m, &a->member) {
		if (!goes_to(c, m, slot))
			continue;
		if (!best || (!MDU_MSTATE_READABLE(best->state) && MDU_MSTATE_READABLE(m->state)))
			best = m;
	}
	return best;
}

/* Would the members that keep a place carry the new level? */
static int check_enough(struct emd_array *a, const struct slot_change *c)
{
	mdu_mstate_t *states = a->priv->scratch;
	struct mdk_member *m;
	unsigned long flags;
	bool lost;
	u32 slot;

	spin_lock_irqsave(&a->member.member_lock, flags);
	memset(states, 0, c->to->raid_disks * sizeof(*states));
	for (slot = 0; slot < c->to->raid_disks; slot++) {
		m = member_for_slot(a, c, slot);
		if (m && test_bit(EMD_MF_PLACED, &m->flags))
			states[slot] = m->state;
	}
	lost = emd_mstate_array(c->to->level, c->to->layout, c->to->raid_disks, states) == MDU_MSTATE_FAILED;
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return lost ? emd_refuse(a, -EINVAL, "%s misses members that it cannot do without then", a->member.name) : 0;
}

/* The mirrors of @keep, which goes to @slot. */
static void park_others(struct emd_array *a, struct slot_change *c, u32 slot, struct mdk_member *keep)
{
	struct mdk_member *m, *next;

	list_for_each_entry_safe(m, next, &a->member.child_set, peer_links)
		if (m != keep && goes_to(c, m, slot))
			WARN_ON(emd_member_set_priority(m, m->priority + c->from->raid_disks));
}

/*
 * In an order in which each slot is free when its new member comes. While slots and geometry do not fit together no
 * member that stays can be failed: RAID0 cannot do without any, nor can pairs of which one half is missing.
 */
static void move_slots(struct emd_array *a, struct slot_change *c)
{
	bool down = c->to->raid_disks < c->from->raid_disks;
	struct mdk_member *m;
	u32 i, slot;

	mutex_lock(&emd_topology_mutex);
	for (i = 0; i < c->to->raid_disks; i++) {
		slot = down ? i : c->to->raid_disks - 1 - i;
		m = member_for_slot(a, c, slot);
		if (!m)
			continue;
		park_others(a, c, slot, m);
		if (c->from->level == 10 && m->priority % 2)
			__set_bit(slot, c->second);
		WARN_ON(emd_member_set_priority(m, slot));
	}
	mutex_unlock(&emd_topology_mutex);
}

static u32 slot_before(const struct slot_change *c, u32 slot)
{
	return emd_takeover_slot(c->to, c->from, slot) + test_bit(slot, c->second);
}

/* The geometry could not be changed: everybody back to where it was. */
static void move_back(struct emd_array *a, const struct slot_change *c)
{
	bool down = c->to->raid_disks < c->from->raid_disks;
	struct mdk_member *m, *next;
	u32 i, slot;

	mutex_lock(&emd_topology_mutex);
	for (i = 0; i < c->to->raid_disks; i++) {
		slot = down ? c->to->raid_disks - 1 - i : i;
		list_for_each_entry_safe(m, next, &a->member.child_set, peer_links)
			if (m->priority == (int)slot && slot_before(c, slot) < c->from->raid_disks)
				emd_member_set_priority(m, slot_before(c, slot));
	}
	list_for_each_entry_safe(m, next, &a->member.child_set, peer_links)
		if (m->priority >= (int)c->from->raid_disks && down)
			emd_member_set_priority(m, m->priority - c->from->raid_disks);
	mutex_unlock(&emd_topology_mutex);
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

static int change_level(struct emd_array *a, struct slot_change *c)
{
	int error;

	move_slots(a, c);
	error = all_there(a, c->to) ? emd_array_set_geometry(a, c->to) :
		emd_refuse(a, -EBUSY, "%s has just lost a member: try again", a->member.name);
	if (error)
		move_back(a, c);
	return error;
}

/* Is somebody given up while one who stays has bad blocks? What was there may be good on nobody but him who goes. */
static bool gives_up_good(struct emd_array *a, const struct slot_change *c)
{
	bool gone = false, bad = false;
	struct mdk_member *m;
	unsigned long flags;
	u32 slot;

	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_for_each_child(m, &a->member) {
		if (m->priority < 0 || m->priority >= (int)c->from->raid_disks || !MDU_MSTATE_LIVE(m->state))
			continue;
		slot = emd_takeover_slot(c->from, c->to, m->priority);
		if (slot >= c->to->raid_disks || member_for_slot(a, c, slot) != m)
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

static int take_shape(struct emd_array *a, const struct emd_geometry *from, const struct emd_geometry *to)
{
	struct slot_change change = { .from = from, .to = to };
	int error = check_enough(a, &change);

	if (error)
		return error;
	if (gives_up_good(a, &change))
		return emd_refuse(a, -EBUSY, "%s has members with bad blocks: write there or replace them before it gives up others",
				  a->member.name);
	emd_reshape_forget(a);
	/* The new redundancy is missing altogether or known to be right: there is nothing to resync. */
	if (!emd_array_redundant(a))
		a->resync_start = EMD_POS_MAX;
	error = change_level(a, &change);
	if (!error)
		emd_sync_reconsider(a);
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
	error = emd_array_set_geometry(a, &geo);
	if (error)
		return error;
	if (geo.member_sectors > before && a->resync_start == EMD_POS_MAX)
		WRITE_ONCE(a->resync_start, first_new_row(&geo, before));
	emd_sync_reconsider(a);
	return 0;
}
