/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RAID1's writes behind: those that are answered before write-mostly members have them.
 *
 * Theory
 *
 * A write of which copies go to members that are marked write-mostly may be answered when all other members have theirs. Only its
 * submitter hears of it: the request keeps its range, its place in the bitmap and its map until the last copy has ended, so
 * windows, stops, new maps and the bits wait for it as for any write, and an error of a member is dealt with as ever. What
 * the late copies are written from is a copy of the data, as the submitter has got its pages back.
 *
 * An answer is a promise about order. So writes behind are kept by range until they have ended, and what overlaps is ordered: of a
 * later write the copies to such members wait (the others go at once), and a read that would have to be served by such a member
 * waits for all writes behind. A flush waits, too, in the gate. While anybody waits nothing new is written behind.
 *
 * Which members are late is asked of the map under which the writes behind were made, and all that are outstanding are of one: under
 * another map nothing is written behind until they have ended.
 */
#ifndef _EMD_MIRROR_BEHIND_H
#define _EMD_MIRROR_BEHIND_H

#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../emd_io.h"

struct mirror_conf;

/**
 * struct mirror_behind - of an array, shared by its maps
 * @lock:    protects all of it; any context
 * @late:    by range: writes behind, and writes of which copies wait for others here
 * @nr:      writes behind that have not ended; READ_ONCE without the lock
 * @seq:     of the next one
 * @conf:    under which those @nr were made
 * @parked:  reads that wait for @nr to be 0, linked by emd_io.pers_private
 * @waiters: who sleeps for that in @none
 */
struct mirror_behind {
	spinlock_t		lock;
	struct rb_root_cached	late;
	u32			nr;
	u64			seq;
	const struct mirror_conf *conf;
	struct emd_io		*parked;
	atomic_t		waiters;
	wait_queue_head_t	none;
};

/**
 * struct mirror_late - of a write: what concerns its late copies
 * @blockers: earlier ones in the tree that overlap, and one until mirror_late_go()
 * @tracked:  it is in the tree
 * @other:    when it began, writes behind were those of another map
 * @reached:  a copy that is not late has been written, and counts
 * @answered: the submitter has its answer
 * @awaited:  copies that are not late and have not ended; one while they are sent
 * @data:     of a write behind; NULL: it waits for all copies
 * @work:     of the owner: sends the late copies, when they had to wait
 */
struct mirror_late {
	struct rb_node		node;
	u64			begin, last, subtree_last;
	u64			seq;
	u32			blockers;
	bool			tracked;
	bool			other;
	bool			reached;
	bool			answered;
	atomic_t		awaited;
	struct bio		*data;
	struct work_struct	work;
	void			*owner;
};

void mirror_behind_init(struct mirror_behind *behind);

/** mirror_lates_init() - of a map: memory, and whether it may write behind. Return: 0 or -ENOMEM. */
int mirror_lates_init(struct mirror_conf *conf);

/**
 * mirror_late_begin() - a write of run @run of @io begins, and mirror_late_concerns() it
 *
 * With @gfp it may wait, or not. Any context that may submit. Return: what mirror_late_end() takes; NULL: it is a write like any other; or ERR_PTR(-ENOMEM).
 */
struct mirror_late *mirror_late_begin(struct mirror_conf *conf, struct emd_io *io, const struct bvec_iter *run, gfp_t gfp);

/** mirror_late_slot() - is the copy in @slot one that has to wait for others, or may be waited for less? Any context. */
bool mirror_late_slot(struct mirror_conf *conf, const struct mirror_late *late, u32 slot);

/** mirror_late_go() - all copies are ready. Return: true if those that are late may be sent; false: @late->work will be queued. */
bool mirror_late_go(struct mirror_conf *conf, struct mirror_late *late);

/** mirror_late_end() - all copies have ended; frees it. Before the request ends. Any context. */
void mirror_late_end(struct mirror_conf *conf, struct mirror_late *late);

/** mirror_late_parks() - must a read of @slot wait for writes behind? Then it is parked, and punted when they have ended. Any context. */
bool mirror_late_parks(struct mirror_conf *conf, struct emd_io *io, u32 slot, const struct bvec_iter *run);

/** mirror_behind_drain() - wait until nothing is written behind. A worker on a queue below RUN and MEMBERS. */
void mirror_behind_drain(struct mirror_behind *behind);

#endif
