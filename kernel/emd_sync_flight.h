/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows of a resync, recovery, check or repair that are under way together. For emd_sync_pass.c.
 *
 * Theory
 *
 * Members that answer at once are kept busy by one window at a time. With others a disk that is read would wait for one that is
 * written, and each of them for its next request. So once a window had to wait, several are under way, each in the hands of a worker.
 *
 * Windows are locked in the order of their positions, and *land* in that order. Only then does what was done count: a target holds its data
 * there, and users' writes to it go on. Whatever was faster, all below a position has been done; and behind a window that
 * failed, none counts.
 *
 * No window depends on a worker: who lands one that nobody has begun does it himself. So a pass gets on without memory for
 * workers, which may have to come from writes that wait for the pass.
 *
 * Windows that have array sectors in common (copies of RAID10 that are far from each other) are not under way together.
 */
#ifndef _EMD_SYNC_FLIGHT_H
#define _EMD_SYNC_FLIGHT_H

#include "emd_personality.h"
#include "emd_range.h"
#include "emd_sync.h"

#define EMD_FLIGHT_MOST	4

struct emd_flight;

/**
 * struct emd_flight_window - one of them; memory of its own for all members
 * @map:    held from the launch to the landing
 * @began:  jiffies of the launch
 * @taken:  somebody does it or has done it
 * @done:   by a worker
 * @waited: its members have not answered at once
 */
struct emd_flight_window {
	struct emd_flight	*flight;
	struct emd_window	w;
	struct emd_range_window	lock;
	struct emd_map		*map;
	unsigned long		began;
	atomic_t		taken;
	struct work_struct	work;
	struct completion	done;
	bool			waited;
	int			result;
};

/**
 * struct emd_flight - see above
 * @window:  sectors of a window at most; a power of two
 * @slots, @nr_pages: of each member, so many pages
 * @most:    windows for which there may be memory
 * @ready:   windows for which there is
 * @depth:   windows under way, as the members' speed wants it
 * @first, @nr: the oldest of @nr windows under way
 * @next:    position behind the last of them
 * @failed:  one has failed
 * @began:   of the last that landed
 */
struct emd_flight {
	struct emd_sync		*sync;
	unsigned int		window;
	unsigned int		slots;
	unsigned int		nr_pages;
	unsigned int		most;
	unsigned int		ready;
	unsigned int		depth;
	unsigned int		first, nr;
	u64			next;
	bool			failed;
	unsigned long		began;
	struct emd_flight_window at[EMD_FLIGHT_MOST];
};

/** emd_flight_create() - none under way. The worker of the pass, as all here. Return: NULL without memory. */
struct emd_flight *emd_flight_create(struct emd_sync *s);

/** emd_flight_destroy() - all have landed. */
void emd_flight_destroy(struct emd_flight *f);

/**
 * emd_flight_launch() - lock the next window: behind the last that is under way, or at the position of the pass
 *
 * The first waits for users' writes in it; others never do, while writes wait for those before them. None is launched where
 * the pass must not go on (sync_max).
 * Return: 0; -EAGAIN: not now; -ENODEV.
 */
int emd_flight_launch(struct emd_flight *f);

/** emd_flight_land() - wait for the oldest, or do it; what it has done counts. There is one. Return: 0, or why it or one before it failed. */
int emd_flight_land(struct emd_flight *f);

#endif
