// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hot replacement: a member that still works is replaced by another, and nothing is ever missing.
 *
 * Theory
 *
 * The replacement of slot i is slot raid_disks + i of the map. What writes to slot i writes there, too, whether the member of
 * the slot still takes it or not; nothing reads there. A recovery copies what is there already (emd_sync_replace.c), under a map that
 * no operation without the replacement holds any more. So below its @filled position the replacement is always as good
 * as the member that it replaces.
 *
 * Until it has taken the slot it has no index among the array's children, but says in @replaces which it waits for. So it counts
 * nowhere: neither for the array's health nor when members are numbered, and if it fails, nothing but it is lost.
 *
 *	the recovery is complete	the two change roles in one step, and a map is published in which the replacement is read and the
 *					replaced member is written still: operations under the old map go on reading it, and
 *					may come to their row after one under the new map. When they have ended, a map without the
 *					replaced member follows, and it is failed, as nobody uses it any more
 *	the replaced member fails	the replacement gets the slot as a rebuild target with its position; the recovery
 *					goes on from the others
 *	the replacement fails		a map without it
 *
 * While anybody is being replaced, the array's shape and level stay as they are.
 */
#include "emd_array_private.h"
#include "emd_compat.h"

/* -- who replaces whom ------------------------------------------------------------------------- */

static struct mdk_member *find(struct emd_array *a, bool (*is)(const struct mdk_member *m, int slot), int slot)
{
	struct mdk_member *m, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_for_each_child(m, &a->member)
		if (MDU_MSTATE_LIVE(m->state) && is(m, slot)) {
			found = m;
			break;
		}
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return found;
}

static bool replaces(const struct mdk_member *m, int slot)
{
	return m->replaces == slot;
}

static bool replaces_any(const struct mdk_member *m, int slot)
{
	return m->replaces >= 0;
}

static bool is_in(const struct mdk_member *m, int slot)
{
	return m->priority == slot;
}

static bool in_sync(const struct mdk_member *m, int slot)
{
	return is_in(m, slot) && test_bit(EMD_MF_PLACED, &m->flags) && MDU_MSTATE_READABLE(m->state);
}

static bool wants_replacement(const struct mdk_member *m, int slot)
{
	return in_sync(m, slot) && test_bit(EMD_MF_WANT_REPLACEMENT, &m->flags);
}

struct mdk_member *emd_array_replacement_of(struct emd_array *a, int slot)
{
	return find(a, replaces, slot);
}

bool emd_array_replaces(struct emd_array *a)
{
	return find(a, replaces_any, 0);
}

bool emd_array_in_sync(struct emd_array *a, int slot)
{
	return find(a, in_sync, slot);
}

bool emd_array_replaceable(struct emd_array *a, int slot)
{
	return find(a, wants_replacement, slot) && !emd_array_replacement_of(a, slot);
}

/* -- orders -------------------------------------------------------------------------------------- */

int emd_array_want_replacement(struct emd_array *a, struct mdk_member *m)
{
	if (m->priority < 0)
		return emd_refuse(a, -EINVAL, "%s is in no slot of %s", m->name, a->member.name);
	if (emd_array_refuse_beside_log(a))
		return -EBUSY;
	set_bit(EMD_MF_WANT_REPLACEMENT, &m->flags);
	if (emd_array_running(a))
		emd_sync_reconsider(a);	/* a spare may be there */
	return 0;
}

static void set_replaces(struct emd_array *a, struct mdk_member *m, int slot)
{
	spin_lock_irq(&a->member.member_lock);
	m->replaces = slot;
	a->member.child_set_gencount++;
	spin_unlock_irq(&a->member.member_lock);
}

void emd_array_assign_replacement(struct emd_array *a, struct mdk_member *m, int slot)
{
	m->recovered = 0;	/* whatever it says: it has missed what was written till now */
	set_replaces(a, m, slot);
	set_bit(EMD_MF_REPLACEMENT, &m->flags);
	emd_member_event(m, EMD_MEV_INIT);	/* until its recovery begins */
}

int emd_array_place_replacement(struct emd_array *a, struct mdk_member *m, int slot)
{
	if (!emd_array_redundant(a))
		return emd_refuse(a, -EINVAL, "%s has no redundancy: nobody can be replaced", a->member.name);
	if (m->data_size < a->geo.member_sectors)
		return emd_refuse(a, -ENOSPC, "%s is too small for %s", m->name, a->member.name);
	if (emd_reshape_pending(a))
		return emd_refuse(a, -EBUSY, "%s is to be reshaped: a member can be replaced before or afterwards",
				  a->member.name);
	emd_array_assign_replacement(a, m, slot);
	emd_sync_reconsider(a);
	return 0;
}

int emd_array_drop_replacement(struct emd_array *a, struct mdk_member *m)
{
	set_replaces(a, m, -1);
	clear_bit(EMD_MF_REPLACEMENT, &m->flags);
	emd_array_make_spare(m);
	return emd_array_rebuild_map(a);
}

static struct mdk_member *supplant(struct mdk_member *m, int slot)
{
	struct mdk_member *before;

	mutex_lock(&emd_topology_mutex);
	before = emd_member_supplant(m, slot);
	mutex_unlock(&emd_topology_mutex);
	return before;
}

/* -- its member fails ------------------------------------------------------------------------------ */

void emd_array_inherit(struct emd_array *a, int slot)
{
	struct mdk_member *m = emd_array_replacement_of(a, slot);

	if (!m || find(a, is_in, slot))
		return;
	WARN_ON_ONCE(supplant(m, slot));
	clear_bit(EMD_MF_REPLACEMENT, &m->flags);
	emd_array_refresh_child(m);
}

void emd_array_inherit_all(struct emd_array *a)
{
	int slot;

	for (slot = 0; slot < (int)a->geo.raid_disks; slot++)
		emd_array_inherit(a, slot);
}

/* -- it is complete ---------------------------------------------------------------------------------- */

/* The slot is @before's again, which has missed nothing. */
static void give_back(struct mdk_member *m, struct mdk_member *before, int slot)
{
	struct mdk_member *had = supplant(before, slot);

	if (had)
		emd_member_forget(had);
}

/* Nobody uses it any more. A disk is faulty; an array, which is more than a disk, is its own again. */
static void dismiss(struct emd_array *a, struct mdk_member *before)
{
	clear_bit(EMD_MF_PLACED, &before->flags);
	clear_bit(EMD_MF_WANT_REPLACEMENT, &before->flags);	/* an array lives on */
	if (before->type == MDU_MTYPE_ARRAY)
		emd_array_remove(a, before);
	else
		emd_array_fail(a, before);
}

/* Operations that read @before have ended. Return: 0, or -ENOMEM: then it goes on being written. */
static int let_go(struct emd_array *a, struct mdk_member *before, int slot)
{
	int error;

	set_replaces(a, before, -1);
	error = emd_array_rebuild_map(a);
	/* A disk is refused once it has failed, so the map may have it. */
	if (error && before->type == MDU_MTYPE_ARRAY) {
		set_replaces(a, before, slot);
		return error;
	}
	dismiss(a, before);
	return 0;
}

int emd_array_replaced(struct emd_array *a, u32 slot)
{
	struct mdk_member *m = emd_array_replacement_of(a, slot), *before;
	int error;

	if (!m || emd_member_event(m, EMD_MEV_INSYNC))
		return 0;	/* it has failed meanwhile */
	before = supplant(m, slot);
	if (m->priority < 0)
		return 0;
	error = emd_array_rebuild_map(a);
	if (error)
		emd_member_event(m, EMD_MEV_REBUILD);
	if (before && (error || !MDU_MSTATE_LIVE(emd_member_state(m)))) {
		give_back(m, before, slot);
		emd_member_forget(before);
		emd_array_refresh_map(a);
		return error;
	}
	if (error)
		return error;
	m->recovered = EMD_POS_MAX;
	WRITE_ONCE(m->filled, EMD_POS_MAX);
	clear_bit(EMD_MF_REPLACEMENT, &m->flags);
	if (before) {
		error = let_go(a, before, slot);
		emd_member_forget(before);
	}
	emd_array_refresh_child(m);
	emd_array_update_links(a);
	emd_array_update_health(a);
	emd_array_event(a, "spare-active", NULL);
	return error;
}
