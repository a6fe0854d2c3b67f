// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast a pass may go, and with whom it shares its disks.
 *
 * Theory
 *
 * Three rules, in this order. A pass that is below its minimum speed never waits. One above its maximum waits until its
 * average over the last seconds is not. In between it gives way: when users had I/O since the last window,
 * it pauses for as long as that window took, so that it has at most half of the disks' time and a user waits for
 * at most one window.
 *
 * Two passes on the same disk would only make it seek: the second waits ("delayed"). The claim is given up while a pass
 * waits for somebody else, such as for sync_max, because that may take any time.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/part_stat.h>
#include <linux/slab.h>

#include "emd_sync.h"

static unsigned int speed_limit_min = 1000;
module_param(speed_limit_min, uint, 0644);
MODULE_PARM_DESC(speed_limit_min, "sync speed that is kept up beside users' I/O, KiB/s per member");

static unsigned int speed_limit_max = 2000000;
module_param(speed_limit_max, uint, 0644);
MODULE_PARM_DESC(speed_limit_max, "sync speed that is never exceeded, KiB/s per member");

#define MARK_JIFFIES	(3 * HZ)
#define GIVE_WAY_MAX	(HZ / 5UL)
#define LOOK_AGAIN	(HZ / 4UL)

static DEFINE_SPINLOCK(claim_lock);
static LIST_HEAD(claims);		/* emd_sync.claim; claim_lock */
static DECLARE_WAIT_QUEUE_HEAD(claim_wait);

/* -- shared disks ----------------------------------------------------------------------------- */

static bool disk_known(const struct emd_sync *s, const struct gendisk *disk)
{
	unsigned int i;

	for (i = 0; i < s->nr_disks; i++)
		if (s->disks[i] == disk)
			return true;
	return false;
}

static void note_disk(struct emd_sync *s, struct gendisk *disk)
{
	struct gendisk **disks;

	if (disk_known(s, disk))
		return;
	disks = krealloc_array(s->disks, s->nr_disks + 1, sizeof(*disks), GFP_KERNEL);
	if (!disks)
		return;		/* then two passes may share this disk, which is only slow */
	disks[s->nr_disks++] = disk;
	s->disks = disks;
}

/* Whole disks below @a, through arrays in arrays. They are compared, never used. */
static void note_disks(struct emd_sync *s, struct emd_array *a)
{
	struct emd_map *map = emd_map_enter(a);
	unsigned int i;

	if (!map)
		return;
	for (i = 0; i < map->slots; i++) {
		struct mdk_member *m = emd_slot_get(map, i);

		if (!m)
			continue;
		if (m->type == MDU_MTYPE_ARRAY)
			note_disks(s, emd_member_array(m));
		else
			note_disk(s, emd_member_bdev(m)->bd_disk);
		emd_member_put(m);
	}
	emd_map_exit(map);
}

static bool try_claim(struct emd_sync *s)
{
	struct emd_sync *other;
	unsigned int i;
	bool free = true;

	spin_lock(&claim_lock);
	list_for_each_entry(other, &claims, claim)
		for (i = 0; free && i < s->nr_disks; i++)
			free = !disk_known(other, s->disks[i]);
	if (free)
		list_add_tail(&s->claim, &claims);
	spin_unlock(&claim_lock);
	return free;
}

int emd_pace_claim(struct emd_sync *s)
{
	if (!list_empty(&s->claim) || try_claim(s))
		return 0;
	WRITE_ONCE(s->delayed, true);
	emd_array_event(s->array, NULL, "sync_completed");
	wait_event_idle(claim_wait, emd_sync_stopping(s) || try_claim(s));
	WRITE_ONCE(s->delayed, false);
	return list_empty(&s->claim) ? -EINTR : 0;
}

void emd_pace_release(struct emd_sync *s)
{
	spin_lock(&claim_lock);
	list_del_init(&s->claim);
	spin_unlock(&claim_lock);
	wake_up_all(&claim_wait);
}

void emd_pace_kick(void)
{
	wake_up_all(&claim_wait);
}

/* -- speed ------------------------------------------------------------------------------------ */

unsigned int emd_pace_min(const struct emd_sync *s)
{
	return READ_ONCE(s->speed_min) ?: READ_ONCE(speed_limit_min);
}

unsigned int emd_pace_max(const struct emd_sync *s)
{
	return READ_ONCE(s->speed_max) ?: READ_ONCE(speed_limit_max);
}

static u64 foreground_sectors(struct emd_sync *s)
{
	struct block_device *part0 = s->array->disk->part0;

	return part_stat_read_accum(part0, sectors);
}

void emd_pace_begin(struct emd_sync *s, u64 pos)
{
	s->mark_time = s->next_mark_time = jiffies;
	s->mark_pos = s->next_mark_pos = pos;
	s->foreground = foreground_sectors(s);
	note_disks(s, s->array);
}

void emd_pace_end(struct emd_sync *s)
{
	kfree(s->disks);
	s->disks = NULL;
	s->nr_disks = 0;
}

unsigned long emd_pace_speed(const struct emd_sync *s, u64 pos)
{
	u64 mark = READ_ONCE(s->mark_pos);
	unsigned long time = jiffies - READ_ONCE(s->mark_time);

	if (pos <= mark)
		return 0;
	return div64_u64((pos - mark) * HZ, 2 * (u64)max(time, 1UL));
}

/* Two marks, so that the older one is always 3 to 6 s back. */
static void move_marks(struct emd_sync *s, u64 pos)
{
	if (time_before(jiffies, s->next_mark_time + MARK_JIFFIES))
		return;
	WRITE_ONCE(s->mark_time, s->next_mark_time);
	WRITE_ONCE(s->mark_pos, s->next_mark_pos);
	s->next_mark_time = jiffies;
	s->next_mark_pos = pos;
}

void emd_pace_skip(struct emd_sync *s, u64 sectors)
{
	WRITE_ONCE(s->mark_pos, s->mark_pos + sectors);
	s->next_mark_pos += sectors;
}

/* Jiffies by which the pass is ahead of its maximum. */
static unsigned long ahead(const struct emd_sync *s, u64 pos)
{
	u64 due = div_u64((pos - s->mark_pos) * HZ, 2 * emd_pace_max(s));
	unsigned long since = jiffies - s->mark_time;

	return due > since ? min_t(u64, due - since, MAX_JIFFY_OFFSET) : 0;
}

/* Limits may change while the pass waits, so it looks again now and then. */
static void wait_a_while(struct emd_sync *s, unsigned long pause)
{
	wait_event_idle_timeout(s->wait, emd_sync_stopping(s) || READ_ONCE(s->kick), min(pause, LOOK_AGAIN));
}

static void wait_for_limit(struct emd_sync *s, u64 pos)
{
	unsigned long pause;

	while (!emd_sync_stopping(s) && !READ_ONCE(s->kick) && emd_pace_speed(s, pos) > emd_pace_min(s)) {
		pause = ahead(s, pos);
		if (!pause)
			return;
		wait_a_while(s, pause);
	}
}

void emd_pace_throttle(struct emd_sync *s, u64 pos, unsigned long began)
{
	u64 foreground = foreground_sectors(s);
	bool users = foreground != s->foreground;
	unsigned long took = jiffies - began;

	s->foreground = foreground;
	move_marks(s, pos);
	wait_for_limit(s, pos);
	if (users && emd_pace_speed(s, pos) > emd_pace_min(s))
		wait_a_while(s, clamp(took, 1UL, GIVE_WAY_MAX));
	cond_resched();
}
