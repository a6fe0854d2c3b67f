// SPDX-License-Identifier: GPL-2.0-only
/* Building, publishing and ending maps; the Theory is in emd_map.h. */
#include <linux/slab.h>

#include "emd_array_private.h"

static struct workqueue_struct *map_wq;

struct emd_map *emd_map_enter(struct emd_array *a)
{
	struct emd_map *map;

	rcu_read_lock();
	do {
		/* A map that cannot be entered has been replaced already: look again. */
		map = rcu_dereference(a->map);
	} while (map && !percpu_ref_tryget_live_rcu(&map->ref));
	rcu_read_unlock();
	return map;
}

bool emd_map_agrees(const struct emd_map *map, u64 end)
{
	return end <= READ_ONCE(map->array->resync_start);
}

/* -- ending ---------------------------------------------------------------------------------- */

static void map_idle(struct percpu_ref *ref)
{
	struct emd_map *map = container_of(ref, struct emd_map, ref);

	queue_work(map_wq, &map->retire_work);
}

static void map_free(struct emd_map *map)
{
	u32 i;

	for (i = 0; i < map->slots; i++) {
		struct mdk_member *m = map->slot[i].member;

		if (!m)
			continue;
		if (map->holds)
			emd_member_put(m);
		emd_member_forget(m);
	}
	kvfree(map->geo.zones);
	percpu_ref_exit(&map->ref);
	kvfree_rcu(map, rcu);
}

static void map_retire(struct work_struct *work)
{
	struct emd_map *map = container_of(work, struct emd_map, retire_work);
	struct emd_array_private *priv = map->array->priv;

	if (map->pers->stop)
		map->pers->stop(map);
	map_free(map);
	if (atomic_dec_and_test(&priv->old_maps))
		wake_up_var(&priv->old_maps);
}

static void map_kill(struct emd_map *map)
{
	atomic_inc(&map->array->priv->old_maps);
	percpu_ref_kill(&map->ref);
}

static void wait_for_old_maps(struct emd_array *a)
{
	wait_var_event(&a->priv->old_maps, !atomic_read(&a->priv->old_maps));
}

void emd_map_swap(struct emd_array *a, struct emd_map *map)
{
	struct emd_map *old = rcu_replace_pointer(a->map, map, lockdep_is_held(&a->config_mutex));

	if (old)
		map_kill(old);
}

void emd_map_replace(struct emd_array *a, struct emd_map *map)
{
	emd_map_swap(a, map);
	wait_for_old_maps(a);
}

void emd_map_retire(struct emd_map *map)
{
	map_kill(map);
}

void emd_map_destroy(struct emd_map *map)
{
	struct emd_array *a = map->array;

	map_kill(map);
	wait_for_old_maps(a);
}

/* -- building -------------------------------------------------------------------------------- */

static void fill_slot(struct emd_map *map, u32 i, struct mdk_member *m, bool new_offset)
{
	struct emd_slot *slot = &map->slot[i];

	emd_member_keep(m);
	if (map->holds)
		percpu_ref_get(&m->ref);	/* it is alive, and who ends that needs the lock that our caller has */
	slot->member = m;
	slot->offset = new_offset ? m->new_data_offset : m->data_offset;
	slot->write_mostly = test_bit(EMD_MF_WRITE_MOSTLY, &m->flags);
}

static bool is_placed(const struct mdk_member *m)
{
	return test_bit(EMD_MF_PLACED, &m->flags) && MDU_MSTATE_LIVE(m->state);
}

static bool has_slot(const struct emd_map *map, int slot)
{
	return slot >= 0 && slot < (int)map->geo.raid_disks;
}

/* Replacements come first among the children, as they have no index. @replaced: that of this slot has it, and there is no other. */
static void fill_slots(struct emd_array *a, struct emd_map *map, bool new_offset, int replaced)
{
	u32 first = replaced < 0 ? map->geo.raid_disks : 0;
	struct mdk_member *m;
	unsigned long flags;

	spin_lock_irqsave(&a->member.member_lock, flags);
	map->gencount = a->member.child_set_gencount;
	emd_for_each_child(m, &a->member) {
		if (!is_placed(m))
			continue;
		if (has_slot(map, m->replaces) && first + m->replaces < map->slots && (replaced < 0 || replaced == m->replaces))
			fill_slot(map, first + m->replaces, m, new_offset);
		else if (has_slot(map, m->priority) && !map->slot[m->priority].member)
			fill_slot(map, m->priority, m, new_offset);
	}
	spin_unlock_irqrestore(&a->member.member_lock, flags);
}

/* Zones and their slot lists in one piece of memory. */
static struct emd_zone *zones_alloc(u32 raid_disks, u32 **slots)
{
	size_t zones = array_size(raid_disks, sizeof(struct emd_zone));
	size_t lists = array3_size(raid_disks, raid_disks, sizeof(u32));
	struct emd_zone *z = kvzalloc(size_add(zones, lists), GFP_KERNEL);

	*slots = (u32 *)(z + raid_disks);
	return z;
}

static int copy_zones(struct emd_map *map, const struct emd_geometry *geo)
{
	u32 *slots, i;
	struct emd_zone *z = zones_alloc(geo->raid_disks, &slots);

	if (!z)
		return -ENOMEM;
	for (i = 0; i < geo->nr_zones; i++) {
		z[i] = geo->zones[i];
		memcpy(slots, geo->zones[i].slots, geo->zones[i].nr * sizeof(u32));
		z[i].slots = slots;
		slots += z[i].nr;
	}
	map->geo.zones = z;
	return 0;
}

/* Levels whose members may differ in size: the zones follow from what the members have. */
static int zones_from_members(struct emd_map *map)
{
	u32 i, n = map->geo.raid_disks, *slots;
	struct emd_zone *z = zones_alloc(n, &slots);
	u64 *size = kvcalloc(n, sizeof(*size), GFP_KERNEL);
	u64 smallest = EMD_POS_MAX;
	int nr = -ENOMEM;

	if (!z || !size)
		goto free;
	for (i = 0; i < n; i++) {
		size[i] = map->slot[i].member ? map->slot[i].member->data_size : 0;
		smallest = min(smallest, size[i]);
	}
	nr = emd_geometry_zones(&map->geo, size, z, slots);
	if (nr < 0)
		goto free;
	if (nr == 1 && map->geo.level != EMD_LEVEL_LINEAR) {
		map->geo.member_sectors = round_down(smallest, (u64)map->geo.chunk_sectors);
	} else {
		map->geo.zones = z;
		map->geo.nr_zones = nr;
		z = NULL;
	}
	nr = 0;
free:
	kvfree(size);
	kvfree(z);
	return nr;
}

static bool sized_by_members(const struct emd_geometry *geo)
{
	return geo->level == 0 || geo->level == EMD_LEVEL_LINEAR;
}

static int check_geometry(struct emd_map *map)
{
	const char *why = "geometry is not valid";
	int error = emd_geometry_validate(&map->geo, &why);

	if (!error)
		error = map->pers->validate(&map->geo, &why);
	return error ? emd_refuse(map->array, error, "%s: %s", map->array->member.name, why) : 0;
}

static struct emd_map *build(struct emd_array *a, const struct emd_geometry *geo, const struct emd_personality *pers,
			     bool new_offset, int replaced)
{
	u32 slots = replaced < 0 && emd_array_replaces(a) ? 2 * geo->raid_disks : geo->raid_disks;
	struct emd_map *map = kvzalloc(struct_size(map, slot, slots), GFP_KERNEL);
	int error = -ENOMEM;

	if (!map)
		return ERR_PTR(-ENOMEM);
	map->array = a;
	map->geo = *geo;
	map->geo.zones = NULL;
	map->pers = pers;
	map->holds = !pers->redundant;
	map->skip_copy = a->skip_copy;
	map->slots = slots;
	INIT_WORK(&map->retire_work, map_retire);
	if (percpu_ref_init(&map->ref, map_idle, 0, GFP_KERNEL)) {
		kvfree(map);
		return ERR_PTR(-ENOMEM);
	}
	fill_slots(a, map, new_offset, replaced);
	error = geo->zones ? copy_zones(map, geo) : sized_by_members(geo) ? zones_from_members(map) : 0;
	if (!error)
		error = check_geometry(map);
	if (!error && pers->start)
		error = pers->start(map);
	if (error) {
		map_free(map);
		return ERR_PTR(error);
	}
	return map;
}

struct emd_map *emd_map_build(struct emd_array *a, const struct emd_geometry *geo,
			      const struct emd_personality *pers, bool new_offset)
{
	return build(a, geo, pers, new_offset, -1);
}

struct emd_map *emd_map_build_replaced(struct emd_array *a, u32 slot)
{
	return build(a, &a->geo, a->member.pers, false, slot);
}

int emd_array_rebuild_map(struct emd_array *a)
{
	struct emd_map *map;

	lockdep_assert_held(&a->config_mutex);
	map = emd_map_build(a, &a->geo, a->member.pers, false);
	if (IS_ERR(map))
		return PTR_ERR(map);
	emd_map_replace(a, map);
	emd_reshape_swap_map(a);
	return 0;
}

void emd_array_refresh_map(struct emd_array *a)
{
	struct emd_map *map;

	lockdep_assert_held(&a->config_mutex);
	if (!emd_array_running(a))
		return;
	map = emd_map_build(a, &a->geo, a->member.pers, false);
	/* Without memory the old map goes on serving: it refuses a member that went just as well. */
	if (!IS_ERR(map))
		emd_map_swap(a, map);
	emd_reshape_swap_map(a);
}

int emd_array_map_module_init(void)
{
	map_wq = alloc_workqueue("emd_map", WQ_UNBOUND, 0);
	return map_wq ? 0 : -ENOMEM;
}

void emd_array_map_module_exit(void)
{
	destroy_workqueue(map_wq);
	rcu_barrier();
}
