// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of a reshape: reshape_position and reshape_direction in md/, reshape_acked and
 * reshape_unit in emd/. docs/external-reshape-design.txt says who writes which, and when.
 */
#include "emd_array_sysfs.h"
#include "emd_personality.h"
#include "emd_reshape.h"

/* -- md/reshape_position ---------------------------------------------------------------------------- */

/* Published position of the reshape; with none, what was stored for the start; EMD_POS_MAX: none. */
static u64 position(struct emd_array *a)
{
	struct emd_reshape *r;
	u64 pos = READ_ONCE(a->reshape_position);

	rcu_read_lock();
	r = rcu_dereference(a->reshape);
	if (r)
		pos = READ_ONCE(r->published);
	rcu_read_unlock();
	return pos;
}

static ssize_t reshape_position_show(struct emd_array *a, char *page)
{
	u64 pos = position(a);

	return pos == EMD_POS_MAX ? sysfs_emit(page, "none\n") : sysfs_emit(page, "%llu\n", pos);
}

/*
 * "none" on a running array: there is no reshape, nor is one proposed. Back value by value may lead through shapes that
 * are impossible; this does not, whatever has been stored of the proposal.
 */
static int store_running(struct emd_array *a, u64 pos)
{
	if (pos != EMD_POS_MAX)
		return emd_refuse(a, -EBUSY, "reshape_position can be stored only while the array is inactive");
	if (emd_reshape_of(a))
		return emd_refuse(a, -EBUSY, "a reshape is under way");
	emd_reshape_forget(a);
	emd_array_show_redundancy(a);
	return 0;
}

static ssize_t reshape_position_store(struct emd_array *a, const char *page, size_t len)
{
	u64 pos;
	int error;

	if (emd_parse_sectors(page, "none", &pos))
		return emd_refuse(a, -EINVAL, "reshape_position is a number of sectors or none");
	if (emd_array_running(a)) {
		error = store_running(a, pos);
		return error ?: len;
	}
	a->reshape_position = pos;
	a->next = a->geo;
	a->next_backward = -1;
	emd_array_show_redundancy(a);
	return len;
}
EMD_ATTR_RW_FLAGS(reshape_position, EMD_ATTR_SETTLE);

/* -- md/new_level ----------------------------------------------------------------------------------- */

/* The level that the reshape is on the way to: a proposal on a running array, stored at assembly where it differs. */
static ssize_t new_level_show(struct emd_array *a, char *page)
{
	const struct emd_personality *pers = emd_personality_find(READ_ONCE(a->next.level));

	return sysfs_emit(page, "%s\n", pers ? pers->name : "");
}

/* The layout that goes with a new level: RAID10's means nothing to the others, nor theirs to it. */
static u32 layout_for(struct emd_array *a, int level)
{
	if (level == a->geo.level)
		return a->geo.layout;
	if ((level == 10) == (a->next.level == 10))
		return a->next.layout;
	return level == 10 ? EMD_LAYOUT_RAID10_NEAR(2) : level == 5 || level == 6 ? EMD_LAYOUT_LEFT_SYMMETRIC : 0;
}

static ssize_t new_level_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_geometry next = a->next;
	const struct emd_personality *pers;
	char word[16];
	int ret;

	if (!emd_array_running(a) && a->reshape_position == EMD_POS_MAX)
		return emd_refuse(a, -EINVAL, "new_level has to be stored after reshape_position");
	if (strscpy(word, page, sizeof(word)) < 0)
		return emd_refuse(a, -EINVAL, "there is no such level");
	pers = emd_personality_by_name(strim(word));
	if (!pers)
		return emd_refuse(a, -EINVAL, "there is no level \"%s\"", word);
	if (emd_array_running(a))
		next.layout = layout_for(a, pers->level);
	next.level = pers->level;
	if (emd_array_running(a)) {
		ret = emd_reshape_propose(a, &next);
		return ret ?: len;
	}
	a->next = next;
	return len;
}
EMD_ATTR_RW_FLAGS(new_level, EMD_ATTR_SETTLE);

/* -- md/reshape_direction --------------------------------------------------------------------------- */

static ssize_t reshape_direction_show(struct emd_array *a, char *page)
{
	struct emd_reshape *r;
	int backward = READ_ONCE(a->next_backward);

	rcu_read_lock();
	r = rcu_dereference(a->reshape);
	if (r)
		backward = r->plan.backward;
	rcu_read_unlock();
	if (backward < 0)
		backward = a->next.raid_disks < a->geo.raid_disks;
	return sysfs_emit(page, "%s\n", backward ? "backwards" : "forwards");
}

static ssize_t reshape_direction_store(struct emd_array *a, const char *page, size_t len)
{
	int backward, error;

	if (emd_word_is(page, "forwards"))
		backward = 0;
	else if (emd_word_is(page, "backwards"))
		backward = 1;
	else
		return emd_refuse(a, -EINVAL, "reshape_direction is forwards or backwards");
	if (emd_reshape_of(a)) {
		error = emd_reshape_of(a)->plan.backward == backward ? 0 : emd_reshape_turn(a);
		return error ?: len;
	}
	if (a->next.raid_disks != a->geo.raid_disks)
		return emd_refuse(a, -EBUSY, "the proposed change of raid_disks has its direction already");
	a->next_backward = backward;
	return len;
}
EMD_ATTR_RW(reshape_direction);

static struct attribute *reshape_attrs[] = {
	&reshape_position_attr.attr,
	&new_level_attr.attr,
	&reshape_direction_attr.attr,
	NULL,
};

const struct attribute_group emd_reshape_attr_group = { .attrs = reshape_attrs };

/* -- emd/reshape_acked ------------------------------------------------------------------------------ */

static ssize_t reshape_acked_show(struct emd_array *a, char *page)
{
	if (!READ_ONCE(a->sync->gate))
		return sysfs_emit(page, "none\n");
	return sysfs_emit(page, "%llu\n", READ_ONCE(a->sync->acked));
}

static int gate_disarm(struct emd_array *a)
{
	if (!a->sync->gate)
		return 0;
	if (emd_sync_running(a))
		return emd_refuse(a, -EBUSY, "the gate cannot be disarmed while the reshape is running");
	WRITE_ONCE(a->sync->gate, false);
	return 0;
}

static int gate_arm(struct emd_array *a, u64 acked)
{
	if (emd_sync_running(a))
		return emd_refuse(a, -EBUSY, "the gate cannot be armed while the reshape is running");
	WRITE_ONCE(a->sync->acked, acked);
	WRITE_ONCE(a->sync->gate, true);
	return 0;
}

/* @acked must lie between what was acknowledged (or the start) and what is published. */
static int gate_store(struct emd_array *a, const struct emd_reshape_plan *plan, u64 acked)
{
	const struct emd_reshape *r = emd_reshape_of(a);
	u64 first = a->sync->gate ? a->sync->acked : emd_reshape_start(plan);
	u64 last = r ? r->published : emd_reshape_start(plan);

	if (a->sync->gate && acked == first)
		return 0;
	if (emd_reshape_before(plan, acked, first))
		return emd_refuse(a, -EINVAL, "reshape_acked %llu lies behind %llu", acked, first);
	if (emd_reshape_before(plan, last, acked))
		return emd_refuse(a, -EINVAL, "reshape_acked %llu lies beyond the published %llu", acked, last);
	if (!a->sync->gate)
		return gate_arm(a, acked);
	WRITE_ONCE(a->sync->acked, acked);
	return 0;
}

static ssize_t reshape_acked_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_reshape_plan plan;
	u64 acked;
	int ret;

	if (emd_parse_sectors(page, "none", &acked))
		return emd_refuse(a, -EINVAL, "reshape_acked is a number of sectors or none");
	ret = emd_reshape_plan_of(a, &plan);
	if (ret == -ENODATA)
		return emd_refuse(a, ret, "no reshape is proposed or running");
	if (!ret)
		ret = acked == EMD_POS_MAX ? gate_disarm(a) : gate_store(a, &plan, acked);
	if (ret)
		return ret;
	wake_up_all(&a->sync->wait);
	emd_array_release_writes(a);
	emd_array_notify_own(a, "reshape_acked");
	return len;
}
EMD_ATTR_RW(reshape_acked);

/* -- emd/reshape_unit ------------------------------------------------------------------------------- */

/* "U G": array sectors after which no old row is cut, and the smallest step; 0 0 without a change. */
static ssize_t reshape_unit_show(struct emd_array *a, char *page)
{
	struct emd_reshape_plan plan = {};

	mutex_lock(&a->config_mutex);
	if (emd_reshape_plan_of(a, &plan))
		plan.unit = plan.step = 0;
	mutex_unlock(&a->config_mutex);
	return sysfs_emit(page, "%llu %llu\n", plan.unit, plan.step);
}
EMD_ATTR_RO(reshape_unit);

static struct attribute *reshape_own_attrs[] = {
	&reshape_acked_attr.attr,
	&reshape_unit_attr.attr,
	NULL,
};

const struct attribute_group emd_reshape_own_group = { .attrs = reshape_own_attrs };
