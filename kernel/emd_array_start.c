// SPDX-License-Identifier: GPL-2.0-only
/* From inactive to running and back; size and limits of the disk. */
#include <linux/module.h>

#include "core/emd_parity.h"
#include "emd_array_private.h"
#include "emd_bitmap.h"
#include "emd_compat.h"
#include "emd_reshape.h"

static bool start_dirty_degraded;
module_param(start_dirty_degraded, bool, 0644);
MODULE_PARM_DESC(start_dirty_degraded, "start parity arrays that are degraded and not in sync, though data may be lost");

/* -- size and limits --------------------------------------------------------------------------- */

u64 emd_array_max_sectors(struct emd_array *a)
{
	struct emd_map *map = rcu_dereference_protected(a->map, lockdep_is_held(&a->config_mutex));
	u64 sectors = map ? emd_geometry_array_sectors(&map->geo) : 0;
	struct emd_reshape *r = emd_reshape_of(a);

	return r ? min(sectors, r->plan.array_new) : sectors;	/* what is served by the new side ends with that */
}

void emd_array_resize(struct emd_array *a)
{
	u64 sectors = emd_array_max_sectors(a);

	if (a->external_size)
		sectors = min_t(u64, sectors, a->array_sectors);
	else
		a->array_sectors = sectors;
	a->member.total_size = sectors;
	if (set_capacity_and_notify(a->disk, sectors))
		set_bit(GD_NEED_PART_SCAN, &a->disk->state);
}

struct limit_sum {
	struct queue_limits lim;
	bool discard, rotational, nowait;
	unsigned int discard_granularity;
};

static void add_member_limits(struct emd_array *a, struct mdk_member *m, struct limit_sum *sum)
{
	struct block_device *bdev = emd_member_bdev(m);

	emd_limits_stack(&sum->lim, bdev, m->data_offset, a->member.name);
	sum->discard &= bdev_max_discard_sectors(bdev) > 0;
	sum->discard_granularity = max(sum->discard_granularity, bdev_discard_granularity(bdev));
	sum->rotational |= !bdev_nonrot(bdev);
	sum->nowait &= bdev_nowait(bdev);
}

#define MAX_REQUEST_SECTORS	8192U	/* 4 MiB: what is larger is split before it is mapped */

/*
 * Members split for themselves what they cannot take in one piece; their sizes mean nothing here. A request that
 * was cut to them would not be whole rows any more, and cost reads. So the limit is the array's own, in whole rows.
 */
static void set_request_limits(struct queue_limits *lim, const struct emd_geometry *geo)
{
	u64 row = geo->chunk_sectors ? emd_geometry_row_sectors(geo) : 1;
	unsigned int most = row < MAX_REQUEST_SECTORS ? MAX_REQUEST_SECTORS / (u32)row * (u32)row : MAX_REQUEST_SECTORS;

	lim->chunk_sectors = 0;
	lim->max_segments = USHRT_MAX;
	lim->max_segment_size = UINT_MAX;
	lim->seg_boundary_mask = BLK_SEG_BOUNDARY_MASK;
	lim->virt_boundary_mask = 0;
	lim->max_dev_sectors = UINT_MAX;
	emd_limits_set_request(lim, most);
}

/* Of all members: a spare may take a slot when nobody can be told any more. */
static bool wants_stable_writes(struct emd_array *a)
{
	struct mdk_member *m;
	bool stable = false;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member)
		stable |= MDU_MSTATE_LIVE(m->state) && bdev_stable_writes(emd_member_bdev(m));
	mutex_unlock(&emd_topology_mutex);
	return stable;
}

int emd_array_limits(struct emd_array *a)
{
	struct emd_map *map = rcu_dereference_protected(a->map, lockdep_is_held(&a->config_mutex));
	struct limit_sum sum = { .discard = true, .nowait = true };
	unsigned int features = EMD_FEAT_WRITE_CACHE | EMD_FEAT_FUA;
	u32 i;

	blk_set_stacking_limits(&sum.lim);
	if (map->geo.chunk_sectors) {
		sum.lim.io_min = map->geo.chunk_sectors << SECTOR_SHIFT;
		if (emd_geometry_row_sectors(&map->geo) <= UINT_MAX >> SECTOR_SHIFT)
			sum.lim.io_opt = emd_geometry_row_sectors(&map->geo) << SECTOR_SHIFT;
	}
	for (i = 0; i < map->geo.raid_disks; i++)
		if (map->slot[i].member)
			add_member_limits(a, map->slot[i].member, &sum);
	set_request_limits(&sum.lim, &map->geo);
	emd_limits_set_discard(&sum.lim, sum.discard ? UINT_MAX >> SECTOR_SHIFT : 0, sum.discard_granularity);
	if (sum.nowait)
		features |= EMD_FEAT_NOWAIT;
	if (sum.rotational)
		features |= EMD_FEAT_ROTATIONAL;
	if (a->stable_writes || wants_stable_writes(a))
		features |= EMD_FEAT_STABLE_WRITES;
	return emd_disk_set_limits(a->disk, &sum.lim, features);
}

/* -- starting ------------------------------------------------------------------------------------ */

static bool wants_member_size(const struct emd_array *a)
{
	return a->geo.level != 0 && a->geo.level != EMD_LEVEL_LINEAR;
}

/* Members that were given no size use all there is. Return: the smallest. */
static u64 settle_data_sizes(struct emd_array *a)
{
	struct mdk_member *m;
	u64 smallest = EMD_POS_MAX;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member) {
		if (m->priority < 0 && m->replaces < 0)
			continue;
		if (!m->data_size && m->total_size > m->data_offset)
			m->data_size = m->total_size - m->data_offset;
		smallest = min_t(u64, smallest, m->data_size);
	}
	mutex_unlock(&emd_topology_mutex);
	return smallest;
}

/* Without a component_size the smallest member decides. */
static int settle_sizes(struct emd_array *a)
{
	u64 smallest = settle_data_sizes(a);
	const char *why = "geometry is not valid";
	int error;

	if (!wants_member_size(a))
		return 0;
	if (!a->geo.member_sectors && smallest != EMD_POS_MAX) {
		if (a->geo.chunk_sectors)
			smallest = round_down(smallest, (u64)a->geo.chunk_sectors);
		a->geo.member_sectors = smallest;
		a->next.member_sectors = smallest;
	}
	if (smallest < a->geo.member_sectors)
		return emd_refuse(a, -EINVAL, "%s: a member is smaller than component_size", a->member.name);
	/* What is no geometry would seem to have lost its data. */
	error = emd_geometry_validate(&a->geo, &why);
	return error ? emd_refuse(a, error, "%s: %s", a->member.name, why) : 0;
}

static void place_members(struct emd_array *a)
{
	struct mdk_member *m;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member) {
		if ((m->priority < 0 && m->replaces < 0) || !MDU_MSTATE_LIVE(m->state))
			continue;
		/* What was under way at an unclean stop may have reached one of the two only; and the resync comes first. */
		if (m->replaces >= 0 && a->resync_start < a->geo.member_sectors) {
			m->recovered = 0;
			continue;
		}
		m->filled = m->recovered;
		set_bit(EMD_MF_PLACED, &m->flags);
		/* A replacement that is complete takes its slot when a recovery has found that. */
		emd_member_event(m, m->recovered == EMD_POS_MAX && m->replaces < 0 ? EMD_MEV_ACTIVATE : EMD_MEV_REBUILD);
	}
	mutex_unlock(&emd_topology_mutex);
}

static void displace_members(struct emd_array *a)
{
	struct mdk_member *m;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member) {
		clear_bit(EMD_MF_PLACED, &m->flags);
		clear_bit(EMD_MF_BITMAP, &m->flags);	/* at the next start the bits may be others */
	}
	mutex_unlock(&emd_topology_mutex);
}

static bool parity_level(const struct emd_array *a)
{
	return emd_geometry_parity_disks(&a->geo) > 0;
}

/* Has data to be computed from parity? */
static bool data_missing(struct emd_array *a)
{
	unsigned long flags;
	bool missing = false;
	u32 slot;

	if (a->reshape_position != EMD_POS_MAX)
		return true;
	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_array_states(a, a->geo.raid_disks, a->priv->scratch);
	for (slot = 0; slot < a->geo.raid_disks; slot++)
		missing |= !MDU_MSTATE_READABLE(a->priv->scratch[slot]) && !emd_parity_alone(&a->geo, slot);
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return missing;
}

/* Enough members, and data that can be trusted? */
static int check_health(struct emd_array *a)
{
	mdu_mstate_t health = emd_array_health(a, a->reshape_position != EMD_POS_MAX);

	if (health == MDU_MSTATE_FAILED)
		return emd_refuse(a, -EIO, "%s has too few members to start", a->member.name);
	if (health == MDU_MSTATE_DEGRADED && parity_level(a) && a->resync_start != EMD_POS_MAX &&
	    !start_dirty_degraded && data_missing(a))
		return emd_refuse(a, -EIO,
				  "%s is degraded and was not shut down cleanly, so parity cannot replace the missing member",
				  a->member.name);
	return 0;
}

/* A replacement copies a member that is in sync, and one shape. */
static int check_replacements(struct emd_array *a, bool redundant)
{
	struct mdk_member *m;
	int slot;

	for (slot = 0; slot < (int)max(a->geo.raid_disks, a->next.raid_disks); slot++) {
		m = emd_array_replacement_of(a, slot);
		if (m && a->reshape_position != EMD_POS_MAX)
			return emd_refuse(a, -EBUSY, "%s is being reshaped: start it without the replacement %s", a->member.name,
					  m->name);
		if (m && !redundant)
			return emd_refuse(a, -EINVAL, "%s has no redundancy: start it without the replacement %s", a->member.name,
					  m->name);
		if (m && !emd_array_in_sync(a, slot))
			return emd_refuse(a, -EINVAL, "%s cannot replace a member that is not in sync: start without it", m->name);
	}
	return 0;
}

/* A personality has no words of its own. */
static int refuse_map(struct emd_array *a, int error)
{
	if (!a->parity_log.wanted)
		return error;
	if (error == -EUCLEAN)
		return emd_refuse(a, error, "%s: a partial parity log begins with what was to be recovered, or is another's: emdadm --assemble sees to it",
				  a->member.name);
	if (error == -ENOSPC)
		return emd_refuse(a, error, "%s: ppl_size is too small for a write", a->member.name);
	return error;
}

static int start_map(struct emd_array *a, const struct emd_personality *pers, bool writable)
{
	struct emd_map *map = emd_map_build(a, &a->geo, pers, false);
	int error;

	if (IS_ERR(map))
		return refuse_map(a, PTR_ERR(map));
	a->member.pers = pers;
	a->member.subtype = pers->level;
	emd_map_replace(a, map);
	error = emd_array_limits(a);
	if (!error && a->reshape_position != EMD_POS_MAX)
		error = emd_reshape_assembled(a, a->reshape_position, writable);
	if (!error)
		error = emd_bitmap_start(a);
	if (error) {
		emd_reshape_free(a);
		emd_map_replace(a, NULL);
		a->member.pers = NULL;
	}
	return error;
}

static int begin(struct emd_array *a, const struct emd_personality *pers, bool writable)
{
	int error = settle_sizes(a);

	if (error)
		return error;
	emd_array_inherit_all(a);
	place_members(a);
	error = check_replacements(a, pers->redundant) ?: check_health(a) ?: emd_array_check_parity_log(a);
	if (!error)
		error = start_map(a, pers, writable);
	if (error)
		displace_members(a);
	return error;
}

/* Arrays without redundancy are always clean, and writes need nobody's leave. */
static void set_running_state(struct emd_array *a, enum emd_array_state state)
{
	if (state == EMD_ARRAY_ACTIVE)
		state = EMD_ARRAY_CLEAN;
	set_disk_ro(a->disk, state == EMD_ARRAY_READONLY);
	emd_array_set_state(a, state);
	if (state == EMD_ARRAY_CLEAN && !emd_array_redundant(a))
		emd_gate_open(a);
}

int emd_array_start(struct emd_array *a, enum emd_array_state state)
{
	const struct emd_personality *pers = emd_personality_find(a->geo.level);
	int error;

	lockdep_assert_held(&a->config_mutex);
	if (!pers)
		return emd_refuse(a, -EINVAL, "%s has no level that can be started", a->member.name);
	error = begin(a, pers, state != EMD_ARRAY_READONLY && state != EMD_ARRAY_READ_AUTO);
	if (error)
		return error;
	a->priv->broken = false;
	set_running_state(a, state);
	emd_array_resize(a);
	emd_array_update_links(a);
	emd_array_show_redundancy(a);
	emd_array_update_health(a);
	emd_array_event(a, "start", NULL);
	emd_sync_reconsider(a);
	return 0;
}

/* -- read-only and back ----------------------------------------------------------------------------- */

int emd_array_set_readonly(struct emd_array *a, enum emd_array_state state)
{
	emd_sync_quiesce(a);
	emd_gate_shut(a, true, state);
	set_disk_ro(a->disk, state == EMD_ARRAY_READONLY);
	emd_sync_resume(a);
	return 0;
}

int emd_array_set_writable(struct emd_array *a)
{
	set_running_state(a, EMD_ARRAY_CLEAN);
	emd_gate_release(a);
	emd_sync_reconsider(a);
	return 0;
}

void emd_array_end_read_auto(struct emd_array *a)
{
	if (a->state == EMD_ARRAY_READ_AUTO)
		emd_array_set_writable(a);
}

/* -- stopping ------------------------------------------------------------------------------------------ */

void emd_array_stop(struct emd_array *a)
{
	lockdep_assert_held(&a->config_mutex);
	emd_sync_quiesce(a);
	emd_array_set_state(a, EMD_ARRAY_INACTIVE);
	emd_gate_release(a);
	emd_gate_shut(a, true, EMD_ARRAY_INACTIVE);
	emd_map_replace(a, NULL);
	emd_bitmap_stop(a);
	emd_sync_unsuspend(a);
	emd_reshape_free(a);
	emd_array_drop_reservations(a);
	a->member.pers = NULL;
	displace_members(a);
	emd_member_event(&a->member, EMD_MEV_SPARE);
	emd_array_forget_skip_copy(a);
	a->external_size = false;
	a->array_sectors = 0;
	emd_array_resize(a);
	emd_array_update_links(a);
	emd_array_show_redundancy(a);
	emd_sync_resume(a);
	emd_array_event(a, "stop", NULL);
}

/* -- new geometry ------------------------------------------------------------------------------------------ */

static void drop_surplus_members(struct emd_array *a, u32 raid_disks)
{
	struct mdk_member *m, *next;

	mutex_lock(&emd_topology_mutex);
	list_for_each_entry_safe(m, next, &a->member.child_set, peer_links) {
		if (!MDU_MSTATE_LIVE(m->state))
			continue;
		m->data_offset = m->new_data_offset;
		if (m->priority < (int)raid_disks)
			continue;
		emd_array_make_spare(m);
		emd_array_refresh_child(m);
	}
	mutex_unlock(&emd_topology_mutex);
}

/* A level with redundancy starts clean behind a shut gate; one without has it always open. */
static void settle_gate(struct emd_array *a, bool was_redundant)
{
	bool redundant = emd_array_redundant(a);

	if (redundant == was_redundant || !emd_array_writable(a))
		return;
	if (redundant) {
		emd_gate_shut(a, true, EMD_ARRAY_CLEAN);
	} else {
		emd_array_set_state(a, EMD_ARRAY_CLEAN);
		emd_gate_open(a);
		emd_sync_thaw(a);	/* there is no attribute left by which anybody could */
	}
}

int emd_array_set_geometry(struct emd_array *a, const struct emd_geometry *geo)
{
	const struct emd_personality *pers = emd_personality_find(geo->level);
	bool was_redundant = emd_array_redundant(a);
	struct emd_map *map;

	lockdep_assert_held(&a->config_mutex);
	if (!pers)
		return -EINVAL;
	map = emd_map_build(a, geo, pers, true);
	if (IS_ERR(map))
		return PTR_ERR(map);
	/* Nothing fails any more: members that are given up do not come back. */
	drop_surplus_members(a, geo->raid_disks);
	a->geo = *geo;
	a->geo.zones = NULL;
	a->geo.nr_zones = 0;
	a->next = a->geo;
	a->next_backward = -1;
	a->member.pers = pers;
	a->member.subtype = pers->level;
	emd_map_replace(a, map);
	settle_gate(a, was_redundant);
	if (!emd_geometry_parity_disks(&a->geo))
		emd_array_forget_skip_copy(a);
	emd_array_limits(a);
	emd_array_resize(a);
	emd_array_update_links(a);
	emd_array_show_redundancy(a);
	emd_array_update_health(a);
	emd_array_event(a, "geometry", "level");
	return 0;
}
