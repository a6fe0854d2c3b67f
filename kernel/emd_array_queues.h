/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The work queues of arrays: shared, so that an idle array has no thread.
 *
 * Theory
 *
 * A queue on which I/O depends has a rescuer, a thread that does its works one after the other when there is no
 * memory for more threads. A work that waits then keeps all behind it on the same queue. So no work may wait for one
 * on its own queue that has not begun, nor may queues wait for each other in a circle. There are five kinds of works
 * (enum emd_queue), and what a work of an array waits for is
 *
 *   RUN      operations of RAID4/5/6: members, where a write is narrowed; RAID1's writes that come after others: nothing
 *   MEMBERS  commits of the bitmap and flushes before its cleaning, RAID1's and RAID10's narrowed writes: members
 *   MEND     reads that failed: writes of the array under way, which may be on RUN and MEMBERS, and members
 *   END      requests that have all they need from the gate, and ends: memory of the personality and writes behind, which RUN,
 *            MEMBERS and MEND give back, and members. Ends, and writes that were held for a failure, wait for nothing
 *   ADMIT    bios that are admitted, and rounds of flushing: requests of the gate, which come back by all kinds above;
 *            the opening and shutting of the gate, which waits for writes under way
 *
 * Each kind waits for kinds above it, and none for its own. All of them wait for members. A member that is an array
 * is below, so its works must be on other queues: each array has a *rank*, larger than that of the array above
 * it, and each rank has a set of queues, one of each kind. Arrays of one rank share theirs: none of them is below
 * another, so what one of them waits for is never behind it, and the rescuer comes to the end of each work. What works of a
 * parent do to a child, submitting, and a child's to a parent, ending, waits for nothing, so the way up makes no circle.
 *
 * Who adopts an array sinks it: what is below gets a rank first. A rank is never given back, as works of before
 * may be on its queues: an array that is a member no longer keeps it. If so many were gathered that there is no
 * rank left, and for those that follow, an array has queues of its own.
 *
 * A disk can lie on an array, too, and nobody can tell: one of device mapper, a loop device. Two arrays with such
 * a disk between them may have the same rank. So an array on a device that is no disk itself has its own
 * queues, and all above it.
 *
 * A work may still run on a queue of before while it is queued on the new one: each of them stands running twice.
 */
#ifndef _EMD_ARRAY_QUEUES_H
#define _EMD_ARRAY_QUEUES_H

#include "emd_array.h"
#include "emd_io.h"

/**
 * struct emd_queues - of a rank, or of one array
 * @own: of one array, which frees it
 */
struct emd_queues {
	bool			own;
	struct workqueue_struct	*wq[EMD_NR_QUEUES];
};

int emd_queues_module_init(void);
void emd_queues_module_exit(void);

/** emd_array_queues_init() - a new array has those of the top. emd_array_queues_exit() - no work of it is queued or runs. */
void emd_array_queues_init(struct emd_array *a);
void emd_array_queues_exit(struct emd_array *a);

/** emd_array_own_queues() - @a, and all arrays above it, have queues of their own from now on. Topology mutex held. Return: 0 or -ENOMEM. */
int emd_array_own_queues(struct emd_array *a);

/** emd_array_sink() - @child, not yet linked, and all below it get ranks below @a. Topology mutex held. Return: 0 or -ENOMEM. */
int emd_array_sink(struct emd_array *a, struct emd_array *child);

/** emd_bdev_may_hide_array() - may an array be below this device? */
bool emd_bdev_may_hide_array(struct block_device *bdev);

#endif
