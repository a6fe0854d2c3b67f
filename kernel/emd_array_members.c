// SPDX-License-Identifier: GPL-2.0-only
/* Members come, take a place, give it up and go. */
#include <linux/slab.h>

#include "emd_array_private.h"
#include "emd_array_queues.h"
#include "emd_bitmap.h"
#include "emd_leaf.h"

struct block_device *emd_member_bdev(struct mdk_member *m)
{
	return m->type == MDU_MTYPE_LEAF ? emd_member_leaf(m)->bdev.bdev : emd_member_array(m)->disk->part0;
}

/* -- adding ---------------------------------------------------------------------------------------- */

static struct mdk_member *root_of(struct mdk_member *m)
{
	while (m->parent != &emd_toplevel)
		m = m->parent;
	return m;
}

static unsigned int height(struct mdk_member *m)
{
	struct mdk_member *child;
	unsigned int h = 0;

	emd_for_each_child(child, m)
		if (child->type == MDU_MTYPE_ARRAY)
			h = max(h, height(child));
	return h + 1;
}

static void set_depth(struct emd_array *a, unsigned int depth)
{
	struct mdk_member *child;

	a->depth = depth;
	emd_for_each_child(child, &a->member)
		if (child->type == MDU_MTYPE_ARRAY)
			set_depth(emd_member_array(child), depth + 1);
}

/* Nobody may have it open, and nobody may open it from now on. */
static bool claim_array(struct emd_array *child)
{
	struct emd_array_private *p = child->priv;
	bool free;

	spin_lock(&p->config_open);
	free = !p->opens && !p->claimed && !p->stopping;
	if (free)
		p->claimed = true;
	spin_unlock(&p->config_open);
	wake_up_all(&p->gate.opened);	/* see emd_gate_await_early() */
	return free;
}

static void unclaim_array(struct emd_array *child)
{
	spin_lock(&child->priv->config_open);
	child->priv->claimed = false;
	spin_unlock(&child->priv->config_open);
}

/* Asked when it is claimed: from then on it does not come to want them (emd_array_set_skip_copy()). */
static int check_stable_writes(struct emd_array *a, struct emd_array *child)
{
	if (!emd_array_running(a) || !bdev_stable_writes(child->disk->part0) || bdev_stable_writes(a->disk->part0))
		return 0;
	return emd_refuse(a, -EINVAL, "%s wants pages that do not change while they are written (skip_copy), and %s was started without",
			  child->member.name, a->member.name);
}

/* The array itself becomes the member: its I/O comes without the block layer. */
static struct mdk_member *adopt_array(struct emd_array *a, struct emd_array *child)
{
	int error;

	if (root_of(&a->member) == root_of(&child->member))
		return ERR_PTR(emd_refuse(a, child == a || root_of(&a->member) == &child->member ? -ELOOP : -EBUSY,
					  "%s and %s are in one tree already", a->member.name, child->member.name));
	if (a->depth + 1 + height(&child->member) > EMD_MAX_DEPTH)
		return ERR_PTR(emd_refuse(a, -ELOOP, "arrays may be nested %d deep at most", EMD_MAX_DEPTH));
	if (!emd_array_running(child))
		return ERR_PTR(emd_refuse(a, -EINVAL, "%s is not running", child->member.name));
	if (child->member.parent != &emd_toplevel || !claim_array(child))
		return ERR_PTR(emd_refuse(a, -EBUSY, "%s is in use", child->member.name));
	error = check_stable_writes(a, child);
	if (!error)
		error = emd_array_sink(a, child);
	if (error) {
		unclaim_array(child);
		return ERR_PTR(error);
	}
	emd_member_unlink(&child->member);
	error = emd_member_link(&child->member, &a->member, -1);
	if (error) {
		emd_member_link(&child->member, &emd_toplevel, child->priv->number);
		unclaim_array(child);
		return ERR_PTR(error);
	}
	child->member.data_offset = 0;
	child->member.new_data_offset = 0;
	child->member.data_size = 0;
	child->member.recovered = 0;
	set_depth(child, a->depth + 1);
	return &child->member;
}

static bool has_device(struct emd_array *a, dev_t dev)
{
	struct mdk_member *m;

	emd_for_each_child(m, &a->member)
		if (MDU_MSTATE_LIVE(m->state) && emd_member_bdev(m)->bd_dev == dev)
			return true;
	return false;
}

static void leaf_gone(struct mdk_member *m)
{
	emd_array_forget_child(m);
	emd_leaf_close(m);
}

static struct mdk_member *adopt_device(struct emd_array *a, dev_t dev)
{
	struct emd_leaf *leaf;
	int error = 0;

	if (has_device(a, dev))
		return ERR_PTR(emd_refuse(a, -EEXIST, "%u:%u is a member of %s already", MAJOR(dev), MINOR(dev),
					  a->member.name));
	leaf = emd_leaf_open(dev, emd_array_external(a));
	if (IS_ERR(leaf)) {
		error = PTR_ERR(leaf);
		return ERR_PTR(emd_refuse(a, error, "%u:%u cannot be opened for use alone (error %d)", MAJOR(dev),
					  MINOR(dev), -error));
	}
	leaf->member.destructor = leaf_gone;
	leaf->member.recovered = 0;
	if (emd_bdev_may_hide_array(leaf->bdev.bdev))
		error = emd_array_own_queues(a);
	if (!error)
		error = emd_member_link(&leaf->member, &a->member, -1);
	if (error) {
		emd_leaf_discard(leaf);
		return ERR_PTR(error);
	}
	return &leaf->member;
}

int emd_array_add(struct emd_array *a, dev_t dev)
{
	struct emd_array *child;
	struct mdk_member *m;
	int error;

	lockdep_assert_held(&a->config_mutex);
	mutex_lock(&emd_topology_mutex);
	child = emd_array_by_dev(dev);
	m = child ? adopt_array(a, child) : adopt_device(a, dev);
	if (!IS_ERR(m))
		emd_member_keep(m);
	mutex_unlock(&emd_topology_mutex);
	if (IS_ERR(m))
		return PTR_ERR(m);
	error = emd_array_show_child(a, m);
	if (error)
		emd_array_remove(a, m);
	else
		emd_array_event(a, "add", NULL);
	emd_array_refresh_map(a);
	emd_member_forget(m);
	return error;
}

/* -- leaving ------------------------------------------------------------------------------------------ */

/* An array that is no longer a member is its own again. */
static void release_array(struct emd_array *child)
{
	struct emd_array *parent = emd_member_array(child->member.parent);

	emd_member_keep(&parent->member);	/* the child's own reference goes below */
	emd_array_forget_child(&child->member);
	mutex_lock(&parent->config_mutex);
	emd_array_acknowledge(parent, &child->member);	/* no place of it holds the parent's data */
	mutex_lock(&emd_topology_mutex);
	emd_member_unlink(&child->member);
	emd_array_forget_bad(&child->member);
	emd_member_event(&child->member, EMD_MEV_RELEASE);
	WARN_ON(emd_member_link(&child->member, &emd_toplevel, child->priv->number));
	set_depth(child, 0);
	mutex_unlock(&emd_topology_mutex);
	emd_array_refresh_map(parent);
	mutex_unlock(&parent->config_mutex);
	emd_member_forget(&parent->member);
	unclaim_array(child);
}

static void release_work(struct work_struct *work)
{
	struct emd_array_private *p = container_of(work, struct emd_array_private, release_work);

	release_array(p->array);
	emd_member_put(&p->array->member);
}

int emd_array_remove(struct emd_array *a, struct mdk_member *m)
{
	lockdep_assert_held(&a->config_mutex);
	if (!MDU_MSTATE_LIVE(m->state))
		return 0;	/* on its way already */
	if (m->priority >= 0 || m->replaces >= 0)
		return emd_refuse(a, -EBUSY, "%s is in slot %d of %s", m->name, max(m->priority, m->replaces), a->member.name);
	if (m->type == MDU_MTYPE_ARRAY) {
		if (!emd_member_tryget(m))
			return 0;
		m->data_size = 0;	/* it is no spare any more */
		INIT_WORK(&emd_member_array(m)->priv->release_work, release_work);
		queue_work(emd_config_wq, &emd_member_array(m)->priv->release_work);
	} else {
		emd_member_retire(m, EMD_MEV_TEARDOWN);
		emd_array_acknowledge(a, m);	/* what was bad on it went with it */
		emd_array_refresh_map(a);
	}
	emd_array_event(a, "remove", NULL);
	return 0;
}

/* -- slots ----------------------------------------------------------------------------------------------- */

static bool change_proposed(const struct emd_array *a)
{
	return a->next.raid_disks != a->geo.raid_disks || a->next.chunk_sectors != a->geo.chunk_sectors ||
	       a->next.layout != a->geo.layout;
}

static bool slot_taken(struct emd_array *a, int slot)
{
	struct mdk_member *m;
	bool taken = false;

	spin_lock_irq(&a->member.member_lock);
	emd_for_each_child(m, &a->member)
		taken |= MDU_MSTATE_LIVE(m->state) && (m->priority == slot || m->reserved_slot == slot);
	spin_unlock_irq(&a->member.member_lock);
	return taken;
}

static bool slot_exists(const struct emd_array *a, int slot)
{
	return slot < (int)max(a->geo.raid_disks, a->next.raid_disks);
}

/* Is a slot free for @m? Beside its member it takes one that replaces that. */
static bool slot_free_for(struct emd_array *a, struct mdk_member *m, int slot)
{
	if (m->priority == slot || m->reserved_slot == slot || m->replaces == slot)
		return true;
	if (emd_array_running(a) ? emd_array_replaceable(a, slot) : test_bit(EMD_MF_REPLACEMENT, &m->flags))
		return !emd_array_replacement_of(a, slot);
	return !slot_taken(a, slot);
}

static int check_slot(struct emd_array *a, struct mdk_member *m, int slot)
{
	const char *misfit = emd_array_running(a) ? emd_bitmap_misfit(a, m) ?: emd_array_log_misfit(a, m) : NULL;

	if (!slot_exists(a, slot))
		return emd_refuse(a, -ENOSPC, "%s has no slot %d", a->member.name, slot);
	if (!slot_free_for(a, m, slot))
		return emd_refuse(a, -EEXIST, "slot %d of %s is taken", slot, a->member.name);
	if (emd_array_running(a) && m->data_size && m->data_size < a->geo.member_sectors)
		return emd_refuse(a, -ENOSPC, "%s is too small for %s", m->name, a->member.name);
	if (misfit)
		return emd_refuse(a, -EINVAL, "%s %s", m->name, misfit);
	return 0;
}

/* Inactive: the metadata knows what is in which slot. */
static int place_inactive(struct emd_array *a, struct mdk_member *m, int slot)
{
	int error = slot < 0 ? 0 : check_slot(a, m, slot);

	if (error)
		return error;
	if (test_bit(EMD_MF_REPLACEMENT, &m->flags)) {
		m->replaces = slot;
		m->recovered = 0;	/* what it has is told by recovery_start */
		return 0;
	}
	m->recovered = slot < 0 ? 0 : EMD_POS_MAX;
	return emd_member_set_priority(m, slot);
}

/* A change is proposed: the slot is kept for its start. */
static int reserve(struct emd_array *a, struct mdk_member *m, int slot)
{
	int error = check_slot(a, m, slot);

	if (error)
		return error;
	m->reserved_slot = slot;
	return 0;
}

void emd_array_make_spare(struct mdk_member *m)
{
	clear_bit(EMD_MF_PLACED, &m->flags);
	clear_bit(EMD_MF_BITMAP, &m->flags);
	emd_member_event(m, m->type == MDU_MTYPE_ARRAY ? EMD_MEV_RELEASE : EMD_MEV_SPARE);
	m->recovered = 0;
	emd_member_set_priority(m, -1);
}

static int give_up_slot(struct emd_array *a, struct mdk_member *m)
{
	if (m->reserved_slot >= 0) {
		m->reserved_slot = -1;
		return 0;
	}
	if (m->replaces >= 0)
		return emd_array_drop_replacement(a, m);
	if (m->priority < 0)
		return emd_refuse(a, -EEXIST, "%s has no slot", m->name);
	if (MDU_MSTATE_READABLE(m->state) && test_bit(EMD_MF_PLACED, &m->flags))
		return emd_refuse(a, -EBUSY, "%s holds data of %s", m->name, a->member.name);
	emd_array_make_spare(m);
	emd_array_update_links(a);
	return emd_array_rebuild_map(a);
}

/* It was in sync once, says who stored so. With a bitmap that has not lost a bit since, the rest is known. */
static void place_again(struct emd_array *a, struct mdk_member *m)
{
	m->recovered = 0;
	if (rcu_access_pointer(a->bitmap))
		set_bit(EMD_MF_BITMAP, &m->flags);
}

static int place_running(struct emd_array *a, struct mdk_member *m, int slot)
{
	int error;

	if (emd_sync_running(a))
		return emd_refuse(a, -EBUSY, "%s is at work on a resync, recovery or reshape", a->member.name);
	if (slot < 0)
		return give_up_slot(a, m);
	if (m->priority >= 0 || m->replaces >= 0)
		return emd_refuse(a, -EBUSY, "%s is in slot %d already", m->name, max(m->priority, m->replaces));
	if (emd_array_replaceable(a, slot))
		return check_slot(a, m, slot) ?: emd_array_place_replacement(a, m, slot);
	if (change_proposed(a))
		return reserve(a, m, slot);
	if (!emd_array_redundant(a))
		return emd_refuse(a, -EINVAL, "%s has no redundancy to fill a slot from", a->member.name);
	error = check_slot(a, m, slot);
	if (error)
		return error;
	error = emd_member_set_priority(m, slot);
	if (error)
		return error;
	if (m->recovered == EMD_POS_MAX)
		place_again(a, m);
	emd_member_event(m, EMD_MEV_INIT);	/* until its rebuild begins */
	emd_array_refresh_map(a);
	emd_sync_reconsider(a);
	return 0;
}

int emd_array_place(struct emd_array *a, struct mdk_member *m, int slot)
{
	lockdep_assert_held(&a->config_mutex);
	if (!MDU_MSTATE_LIVE(m->state))
		return emd_refuse(a, -EBUSY, "%s has failed", m->name);
	return emd_array_running(a) ? place_running(a, m, slot) : place_inactive(a, m, slot);
}

void emd_array_drop_reservations(struct emd_array *a)
{
	struct mdk_member *m;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member)
		m->reserved_slot = -1;
	mutex_unlock(&emd_topology_mutex);
}

/* -- spares ------------------------------------------------------------------------------------------------ */

/* A member is described, and so a spare, when its size has been stored. */
static bool big_enough(struct emd_array *a, struct mdk_member *m)
{
	return m->data_size && m->data_size >= a->geo.member_sectors;
}

static bool is_spare(struct emd_array *a, struct mdk_member *m)
{
	return m->priority < 0 && m->replaces < 0 && MDU_MSTATE_LIVE(m->state) && big_enough(a, m) && !emd_bitmap_misfit(a, m) &&
	       !emd_array_log_misfit(a, m);
}

/* Return: the first empty slot from @slot on, or raid_disks. */
static u32 empty_slot(struct emd_array *a, u32 slot)
{
	while (slot < a->geo.raid_disks && slot_taken(a, slot))
		slot++;
	return slot;
}

/* A replacement waits for it: only then can all that the replaced member does not give be made from the others. */
static bool resync_pending(const struct emd_array *a)
{
	return a->resync_start < a->geo.member_sectors;
}

/* Return: the first slot from @slot on whose member waits for a replacement, or raid_disks. */
static u32 replaceable_slot(struct emd_array *a, u32 slot)
{
	if (emd_reshape_pending(a) || resync_pending(a))
		return a->geo.raid_disks;
	while (slot < a->geo.raid_disks && !emd_array_replaceable(a, slot))
		slot++;
	return slot;
}

/* Without a monitor nobody else would: the first spare that fits takes the first empty slot, or replaces whom it shall. */
static void assign_spares(struct emd_array *a)
{
	struct mdk_member *m, *next;
	u32 slot = 0, replaced = 0;

	list_for_each_entry_safe(m, next, &a->member.child_set, peer_links) {
		if (!is_spare(a, m))
			continue;
		slot = empty_slot(a, slot);
		if (slot < a->geo.raid_disks) {
			m->recovered = 0;
			emd_member_set_priority(m, slot);
			continue;
		}
		replaced = replaceable_slot(a, replaced);
		if (replaced == a->geo.raid_disks)
			return;
		emd_array_assign_replacement(a, m, replaced);
	}
}

/* It has a slot, and its rebuild has not begun. */
static bool waits_in_slot(struct emd_array *a, struct mdk_member *m)
{
	int slot = max(m->priority, m->replaces);

	return slot >= 0 && slot < (int)a->geo.raid_disks && MDU_MSTATE_LIVE(m->state) &&
	       !test_bit(EMD_MF_PLACED, &m->flags) && !(m->replaces >= 0 && resync_pending(a));
}

static int rebuild_placed(struct emd_array *a)
{
	struct mdk_member *m;
	int activated = 0;

	emd_for_each_child(m, &a->member) {
		if (!waits_in_slot(a, m))
			continue;
		m->filled = m->recovered;
		set_bit(EMD_MF_PLACED, &m->flags);
		emd_member_event(m, EMD_MEV_REBUILD);
		emd_array_refresh_child(m);
		activated++;
	}
	return activated;
}

bool emd_array_spares_wait(struct emd_array *a)
{
	struct mdk_member *m;
	bool assigns, wait = false;

	lockdep_assert_held(&a->config_mutex);
	mutex_lock(&emd_topology_mutex);
	assigns = !emd_array_external(a) &&
		  (empty_slot(a, 0) < a->geo.raid_disks || replaceable_slot(a, 0) < a->geo.raid_disks);
	emd_for_each_child(m, &a->member)
		wait |= waits_in_slot(a, m) || (assigns && is_spare(a, m));
	mutex_unlock(&emd_topology_mutex);
	return wait;
}

int emd_array_activate_spares(struct emd_array *a)
{
	int activated, error;

	lockdep_assert_held(&a->config_mutex);
	mutex_lock(&emd_topology_mutex);
	if (!emd_array_external(a))
		assign_spares(a);
	activated = rebuild_placed(a);
	mutex_unlock(&emd_topology_mutex);
	if (!activated)
		return 0;
	error = emd_array_rebuild_map(a);
	if (error)
		return error;
	emd_array_update_links(a);
	emd_array_update_health(a);
	return activated;
}

static int check_reserved(struct emd_array *a)
{
	struct mdk_member *m;

	emd_for_each_child(m, &a->member)
		clear_bit(EMD_MF_RESERVED, &m->flags);
	emd_for_each_child(m, &a->member)
		if (m->reserved_slot >= 0 && (!MDU_MSTATE_LIVE(m->state) || m->reserved_slot >= (int)a->next.raid_disks))
			return emd_refuse(a, -EINVAL, "%s cannot take its reserved slot %d", m->name, m->reserved_slot);
	return 0;
}

/* A new slot holds nothing of the old geometry; an old one has to be rebuilt like any spare's. */
static void activate_reserved(struct emd_array *a, struct mdk_member *m)
{
	bool added = m->reserved_slot >= (int)a->geo.raid_disks;

	if (!m->data_size && m->total_size > m->data_offset)
		m->data_size = m->total_size - m->data_offset;
	emd_member_set_priority(m, m->reserved_slot);
	m->reserved_slot = -1;
	m->recovered = added ? EMD_POS_MAX : 0;
	m->filled = m->recovered;
	set_bit(EMD_MF_PLACED, &m->flags);
	set_bit(EMD_MF_RESERVED, &m->flags);
	emd_member_event(m, added ? EMD_MEV_ACTIVATE : EMD_MEV_REBUILD);
	emd_array_refresh_child(m);
}

static struct mdk_member *next_reserved(struct emd_array *a)
{
	struct mdk_member *m;

	emd_for_each_child(m, &a->member)
		if (m->reserved_slot >= 0)
			return m;
	return NULL;
}

int emd_array_activate_reserved(struct emd_array *a)
{
	struct mdk_member *m;
	int error;

	lockdep_assert_held(&a->config_mutex);
	mutex_lock(&emd_topology_mutex);
	error = check_reserved(a);
	while (!error && (m = next_reserved(a)))
		activate_reserved(a, m);
	mutex_unlock(&emd_topology_mutex);
	if (error)
		return error;
	emd_array_update_links(a);
	return emd_array_rebuild_map(a);
}

void emd_array_deactivate_reserved(struct emd_array *a)
{
	struct mdk_member *m, *next;

	mutex_lock(&emd_topology_mutex);
	list_for_each_entry_safe(m, next, &a->member.child_set, peer_links) {
		if (!test_and_clear_bit(EMD_MF_RESERVED, &m->flags) || !MDU_MSTATE_LIVE(m->state))
			continue;
		m->reserved_slot = m->priority;
		emd_array_make_spare(m);
		emd_array_refresh_child(m);
	}
	mutex_unlock(&emd_topology_mutex);
	emd_array_update_links(a);
	if (emd_array_rebuild_map(a))
		pr_warn("%s: no memory for a map without the members that were to be added\n", a->member.name);
}

void emd_array_member_insync(struct emd_array *a, u32 slot)
{
	struct emd_map *map = rcu_dereference_protected(a->map, lockdep_is_held(&a->config_mutex));
	struct mdk_member *m = map && slot < map->geo.raid_disks ? map->slot[slot].member : NULL;

	if (!m || emd_member_event(m, EMD_MEV_INSYNC))
		return;	/* it has failed meanwhile, and that is final */
	m->recovered = EMD_POS_MAX;
	clear_bit(EMD_MF_BITMAP, &m->flags);
	WRITE_ONCE(m->filled, EMD_POS_MAX);
	emd_member_notify(m, "state");
	emd_array_update_health(a);
	emd_array_event(a, "spare-active", NULL);
}
