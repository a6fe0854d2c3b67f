// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of redundant levels in md/: the run of a pass, its limits and its progress,
 * and the suspended range. Names, units, errno and notifications are md's.
 */
#include <linux/seq_file.h>

#include "emd_array_sysfs.h"
#include "emd_reshape.h"

/* -- sync_action ---------------------------------------------------------------------------------- */

static ssize_t sync_action_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%s\n", emd_sync_word(emd_sync_action_now(a)));
}

static int action_of(const char *page, enum emd_sync_action *action)
{
	int i;

	for (i = EMD_SYNC_IDLE; i <= EMD_SYNC_RESHAPE; i++) {
		if (emd_word_is(page, emd_sync_word(i))) {
			*action = i;
			return 0;
		}
	}
	return -EINVAL;
}

static void stop_pass(struct emd_array *a, bool freeze)
{
	struct emd_sync *s = a->sync;

	WRITE_ONCE(s->frozen, freeze);
	WRITE_ONCE(s->wanted, EMD_SYNC_IDLE);
	emd_sync_interrupt(s);
}

static int start_pass(struct emd_array *a, enum emd_sync_action action)
{
	struct emd_sync *s = a->sync;
	int ret;

	if (emd_sync_running(a))
		return emd_refuse(a, -EBUSY, "%s is running", emd_sync_running_word(a));
	/* It would put right the member that is replaced, and not what its replacement has already. */
	if (action == EMD_SYNC_REPAIR && emd_array_replaces(a))
		return emd_refuse(a, -EBUSY, "a member is being replaced: repair comes afterwards");
	if (action == EMD_SYNC_RESHAPE) {
		ret = emd_reshape_begin(a);
		if (ret)
			return ret;
	} else if (!emd_sync_has_passes(a)) {
		return emd_refuse(a, -EINVAL, "this level has nothing to %s", emd_sync_word(action));
	}
	WRITE_ONCE(s->wanted, action);
	s->failed = false;
	WRITE_ONCE(s->frozen, false);
	emd_array_end_read_auto(a);
	return 0;
}

static ssize_t sync_action_store(struct emd_array *a, const char *page, size_t len)
{
	enum emd_sync_action action;
	int ret;

	if (action_of(page, &action))
		return emd_refuse(a, -EINVAL, "sync_action is idle, frozen, resync, recover, check, repair or reshape");
	if (action == EMD_SYNC_IDLE || action == EMD_SYNC_FROZEN) {
		stop_pass(a, action == EMD_SYNC_FROZEN);
	} else {
		ret = start_pass(a, action);
		if (ret)
			return ret;
	}
	emd_sync_reconsider(a);
	emd_array_notify(a, "sync_action");
	return len;
}
EMD_ATTR_RW(sync_action);

static ssize_t last_sync_action_show(struct emd_array *a, char *page)
{
	enum emd_sync_action last = READ_ONCE(a->sync->last);

	return sysfs_emit(page, "%s\n", last == EMD_SYNC_IDLE ? "none" : emd_sync_word(last));
}
EMD_ATTR_RO(last_sync_action);

/* -- limits and progress ---------------------------------------------------------------------------- */

/* What sync_max must be a multiple of, member sectors. */
static u32 grain(struct emd_array *a)
{
	const struct emd_reshape *r = emd_reshape_of(a);

	if (r)
		return r->plan.w;
	return max3(a->geo.chunk_sectors, a->next.chunk_sectors, 1U);
}

static ssize_t sync_max_show(struct emd_array *a, char *page)
{
	u64 max = READ_ONCE(a->sync->max);

	return max == EMD_POS_MAX ? sysfs_emit(page, "max\n") : sysfs_emit(page, "%llu\n", max);
}

static ssize_t sync_max_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_sync *s = a->sync;
	u64 max;

	if (emd_parse_sectors(page, "max", &max))
		return emd_refuse(a, -EINVAL, "sync_max is a number of sectors or max");
	if (max < s->min)
		return emd_refuse(a, -EINVAL, "sync_max %llu is below sync_min %llu", max, s->min);
	if (max != EMD_POS_MAX && max & (grain(a) - 1))
		return emd_refuse(a, -EINVAL, "sync_max %llu is not a multiple of %u", max, grain(a));
	if (max < s->max && emd_sync_running(a))
		return emd_refuse(a, -EBUSY, "sync_max cannot be lowered while %s is running",
				  emd_sync_running_word(a));
	WRITE_ONCE(s->max, max);
	wake_up_all(&s->wait);
	return len;
}
EMD_ATTR_RW(sync_max);

static ssize_t sync_min_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%llu\n", READ_ONCE(a->sync->min));
}

static ssize_t sync_min_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_sync *s = a->sync;
	u64 min;

	if (emd_parse_sectors(page, NULL, &min))
		return emd_refuse(a, -EINVAL, "sync_min is a number of sectors");
	if (min > s->max)
		return emd_refuse(a, -EINVAL, "sync_min %llu is above sync_max %llu", min, s->max);
	if (emd_sync_running(a))
		return emd_refuse(a, -EBUSY, "sync_min cannot be changed while %s is running",
				  emd_sync_running_word(a));
	s->min = round_down(min, 8);
	return len;
}
EMD_ATTR_RW(sync_min);

static ssize_t sync_completed_show(struct emd_array *a, char *page)
{
	struct emd_sync *s = a->sync;

	if (READ_ONCE(s->phase) == EMD_PASS_IDLE || READ_ONCE(s->frozen))
		return sysfs_emit(page, "none\n");
	return sysfs_emit(page, "%llu / %llu\n", READ_ONCE(s->completed), READ_ONCE(s->end));
}
EMD_ATTR_RO(sync_completed);

static ssize_t mismatch_cnt_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%llu\n", READ_ONCE(a->sync->mismatches));
}
EMD_ATTR_RO(mismatch_cnt);

/* -- speed ------------------------------------------------------------------------------------------ */

static ssize_t sync_speed_show(struct emd_array *a, char *page)
{
	struct emd_sync *s = a->sync;

	if (READ_ONCE(s->phase) == EMD_PASS_IDLE)
		return sysfs_emit(page, "none\n");
	return sysfs_emit(page, "%lu\n", emd_pace_speed(s, READ_ONCE(s->pos)));
}
EMD_ATTR_RO(sync_speed);

static ssize_t speed_show(unsigned int own, unsigned int in_force, char *page)
{
	return sysfs_emit(page, "%u (%s)\n", in_force, own ? "local" : "system");
}

static ssize_t speed_store(struct emd_array *a, const char *page, size_t len, unsigned int *speed)
{
	unsigned int value = 0;

	if (!emd_word_is(page, "system") && (kstrtouint(page, 10, &value) || !value))
		return emd_refuse(a, -EINVAL, "a speed is a positive number of KiB/s or system");
	WRITE_ONCE(*speed, value);
	wake_up_all(&a->sync->wait);
	return len;
}

static ssize_t sync_speed_min_show(struct emd_array *a, char *page)
{
	return speed_show(READ_ONCE(a->sync->speed_min), emd_pace_min(a->sync), page);
}

static ssize_t sync_speed_min_store(struct emd_array *a, const char *page, size_t len)
{
	return speed_store(a, page, len, &a->sync->speed_min);
}
EMD_ATTR_RW(sync_speed_min);

static ssize_t sync_speed_max_show(struct emd_array *a, char *page)
{
	return speed_show(READ_ONCE(a->sync->speed_max), emd_pace_max(a->sync), page);
}

static ssize_t sync_speed_max_store(struct emd_array *a, const char *page, size_t len)
{
	return speed_store(a, page, len, &a->sync->speed_max);
}
EMD_ATTR_RW(sync_speed_max);

/* -- the suspended range ------------------------------------------------------------------------------ */

static ssize_t suspend_store(struct emd_array *a, const char *page, size_t len, bool upper)
{
	struct emd_sync *s = a->sync;
	u64 value;
	int ret;

	if (emd_parse_sectors(page, NULL, &value))
		return emd_refuse(a, -EINVAL, "suspend_lo and suspend_hi are numbers of sectors");
	if (mutex_lock_interruptible(&s->suspend_mutex))
		return -EINTR;
	ret = upper ? emd_suspend_set(a, s->suspend_lo, value) : emd_suspend_set(a, value, s->suspend_hi);
	mutex_unlock(&s->suspend_mutex);
	return ret ?: len;
}

static ssize_t suspend_lo_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%llu\n", READ_ONCE(a->sync->suspend_lo));
}

static ssize_t suspend_lo_store(struct emd_array *a, const char *page, size_t len)
{
	return suspend_store(a, page, len, false);
}
EMD_ATTR_RW_FLAGS(suspend_lo, EMD_ATTR_UNLOCKED);

static ssize_t suspend_hi_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%llu\n", READ_ONCE(a->sync->suspend_hi));
}

static ssize_t suspend_hi_store(struct emd_array *a, const char *page, size_t len)
{
	return suspend_store(a, page, len, true);
}
EMD_ATTR_RW_FLAGS(suspend_hi, EMD_ATTR_UNLOCKED);

static struct attribute *sync_attrs[] = {
	&sync_action_attr.attr,
	&last_sync_action_attr.attr,
	&sync_min_attr.attr,
	&sync_max_attr.attr,
	&sync_completed_attr.attr,
	&mismatch_cnt_attr.attr,
	&sync_speed_attr.attr,
	&sync_speed_min_attr.attr,
	&sync_speed_max_attr.attr,
	&suspend_lo_attr.attr,
	&suspend_hi_attr.attr,
	NULL,
};

const struct attribute_group emd_sync_attr_group = { .attrs = sync_attrs };

static ssize_t sync_skipped_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%llu\n", READ_ONCE(a->sync->skipped));
}
EMD_ATTR_RO(sync_skipped);

static struct attribute *sync_own_attrs[] = { &sync_skipped_attr.attr, NULL };

const struct attribute_group emd_sync_own_attr_group = { .attrs = sync_own_attrs };

/* -- /proc/emdstat -------------------------------------------------------------------------------------- */

#define BAR 20

static void show_bar(struct seq_file *seq, unsigned int permille)
{
	unsigned int done = permille * BAR / 1000;
	unsigned int i;

	seq_puts(seq, "\n      [");
	for (i = 0; i < BAR; i++)
		seq_putc(seq, i < done ? '=' : i == done ? '>' : '.');
	seq_puts(seq, "] ");
}

static void show_running(struct seq_file *seq, struct emd_sync *s)
{
	u64 pos = READ_ONCE(s->pos), end = max(READ_ONCE(s->end), 1ULL);
	unsigned long speed = emd_pace_speed(s, pos);
	unsigned int permille = div64_u64(pos * 1000, end);
	u64 tenths = div64_u64((end - min(pos, end)) * 10 / 2, (u64)max(speed, 1UL) * 60);

	show_bar(seq, permille);
	seq_printf(seq, " %s =%3u.%u%% (%llu/%llu) finish=%llu.%llumin speed=%luK/sec",
		   READ_ONCE(s->action) == EMD_SYNC_RECOVER ? "recovery" : emd_sync_word(READ_ONCE(s->action)),
		   permille / 10, permille % 10, pos / 2, end / 2, div_u64(tenths, 10), tenths % 10, speed);
}

void emd_sync_show(struct seq_file *seq, struct emd_array *a)
{
	struct emd_sync *s = a->sync;

	if (READ_ONCE(s->phase) != EMD_PASS_IDLE)
		show_running(seq, s);
	else if (rcu_access_pointer(a->reshape))
		seq_puts(seq, "\n      \treshape=PENDING");
	else if (emd_sync_has_passes(a) && a->resync_start < a->geo.member_sectors)
		seq_puts(seq, "\n      \tresync=PENDING");
}
