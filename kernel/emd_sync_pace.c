// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast a pass may go, and what of that is left when others use its disks.
 *
 * Theory
 *
 * Three rules, in this order. A pass that is below its minimum speed never waits. One above its maximum waits until its
 * average over the last seconds is not. In between it gives way: when users had I/O since the last window,
 * it pauses for as long as that window took, and has one window under way, so that it has at most half of the disks' time and a user
 * waits for at most one window. Only the first to come may meet all that are under way while nobody is there.
 *
 * Passes on the same disk share its budget: if n are at work on the disk that has most of them, each has the n-th part of its minimum and
 * maximum, and of the time beside users, of whichever of these arrays. None waits for another. A pass that waits for somebody else, such
 * as for sync_max, leaves its part to the others until it goes on; so does one that is complete.
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
static LIST_HEAD(claims);		/* emd_sync.claim of all passes at work; claim_lock */

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
		return;		/* then its passes do not know of each other, which is only rude */
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

static bool shares_disk(const struct emd_sync *s, const struct emd_sync *other)
{
	unsigned int i;

	for (i = 0; i < s->nr_disks; i++)
		if (disk_known(other, s->disks[i]))
			return true;
	return false;
}

void emd_pace_claim(struct emd_sync *s)
{
	spin_lock(&claim_lock);
	if (list_empty(&s->claim))
		list_add_tail(&s->claim, &claims);
	spin_unlock(&claim_lock);
}

void emd_pace_release(struct emd_sync *s)
{
	spin_lock(&claim_lock);
	list_del_init(&s->claim);
	spin_unlock(&claim_lock);
}

/* How many passes there are on the disk of @s that has most of them. claim_lock held. */
static unsigned int count_shares(const struct emd_sync *s)
{
	const struct emd_sync *other;
	unsigned int i, nr, most = 1;

	for (i = 0; i < s->nr_disks; i++) {
		nr = 0;
		list_for_each_entry(other, &claims, claim)
			nr += other == s || disk_known(other, s->disks[i]);
		most = max(most, nr);
	}
	return most;
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

/* Each CPU counts for itself meanwhile. All that is asked is whether the sum is another than the last time. */
static u64 users_sectors(const struct emd_array *a)
{
	struct block_device *part0 = a->disk->part0;

	return data_race(part_stat_read_accum(part0, sectors));
}

/* What users have read and written on all arrays that have a pass on our disks. claim_lock held. */
static u64 foreground_sectors(const struct emd_sync *s)
{
	const struct emd_sync *other;
	u64 sectors = users_sectors(s->array);

	list_for_each_entry(other, &claims, claim)
		if (other != s && shares_disk(s, other))
			sectors += users_sectors(other->array);
	return sectors;
}

static void mark(struct emd_sync *s, u64 pos)
{
	WRITE_ONCE(s->mark_time, jiffies);
	WRITE_ONCE(s->mark_pos, pos);
	s->next_mark_time = jiffies;
	s->next_mark_pos = pos;
}

void emd_pace_begin(struct emd_sync *s, u64 pos)
{
	mark(s, pos);
	s->shares = 1;
	s->users = false;
	s->alone = true;
	s->foreground = users_sectors(s->array);
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

/* Who else is on our disks? What was fast before they came, or slow before they went, is no measure for what follows. */
static void look_around(struct emd_sync *s, u64 pos)
{
	unsigned int shares;

	spin_lock(&claim_lock);
	shares = count_shares(s);
	spin_unlock(&claim_lock);
	if (shares == s->shares)
		return;
	WRITE_ONCE(s->shares, shares);
	mark(s, pos);
}

/* Is it below its part of what is kept up beside users' I/O? */
static bool below_min(const struct emd_sync *s, u64 pos)
{
	return emd_pace_speed(s, pos) <= emd_pace_min(s) / s->shares;
}

/* Jiffies by which the pass is ahead of its part of the maximum. */
static unsigned long ahead(const struct emd_sync *s, u64 pos)
{
	u64 most = 2 * (u64)max(emd_pace_max(s), 1U);	/* any number may be stored, 0 to the module's parameter */
	u64 due = div64_u64((pos - s->mark_pos) * HZ * s->shares, most);
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

	while (!emd_sync_stopping(s) && !READ_ONCE(s->kick) && !below_min(s, pos)) {
		pause = ahead(s, pos);
		if (!pause)
			return;
		wait_a_while(s, pause);
		look_around(s, pos);
	}
}

bool emd_pace_look(struct emd_sync *s, u64 pos)
{
	u64 foreground;

	look_around(s, pos);
	spin_lock(&claim_lock);
	foreground = foreground_sectors(s);
	spin_unlock(&claim_lock);
	s->users = foreground != s->foreground;
	s->foreground = foreground;
	move_marks(s, pos);
	s->alone = !s->users && !ahead(s, pos);
	return !s->alone && !below_min(s, pos);
}

void emd_pace_wait(struct emd_sync *s, u64 pos, unsigned long began)
{
	unsigned long took = jiffies - began;

	wait_for_limit(s, pos);
	if (s->users && !below_min(s, pos))
		wait_a_while(s, clamp(took * (2 * s->shares - 1), 1UL, GIVE_WAY_MAX * s->shares));
}

void emd_pace_throttle(struct emd_sync *s, u64 pos, unsigned long began)
{
	if (emd_pace_look(s, pos))
		emd_pace_wait(s, pos, began);
	cond_resched();
}
