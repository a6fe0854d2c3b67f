/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gate: where a bio becomes a request to an array, or is parked until it may.
 *
 * The states of an array as far as writes go: *open* (writes pass) or *shut* (clean,
 * read-only, inactive: writes are parked and somebody is asked to open).
 */
#ifndef _EMD_GATE_H
#define _EMD_GATE_H

#include <linux/bio.h>
#include <linux/llist.h>
#include <linux/mempool.h>

#include "emd_array.h"

/**
 * struct emd_flush - one round of flushing all members
 * @left: members that have not answered, and one for the sender
 * @status: error of a member that could not be failed for it
 */
struct emd_flush {
	struct emd_array	*array;
	atomic_t		left;
	blk_status_t		status;
	void			(*done)(struct emd_flush *f);
};

/* A bio of emd_gate.splits that flushes a member. */
struct emd_flush_bio {
	struct emd_flush	*flush;
	struct mdk_member	*member;
	struct bio		bio;
};
#define EMD_GATE_FRONT_PAD	offsetof(struct emd_flush_bio, bio)

/**
 * struct emd_gate - one per array
 * @requests: memory of requests in flight
 * @splits:   fronts of bios that cross a boundary; flush bios
 * @writes:   live while open; one reference per write until its end is reported
 * @mode:     serialises opening and shutting
 * @shutting: completion of the switch of @writes
 * @lock:     protects the lists. Leaf lock, taken in any context.
 * @parked:   writes that wait for the gate to open or for a checkpoint
 * @punted:   bios that need a worker: no memory at once, or too deep a stack
 * @ended:    completions that go up from a worker, because the stack is deep
 * @held:     writes that are done but may not be reported: a failure is not durable yet
 * @punted_ios: requests that the personality handed back, for a worker
 * @answered: requests whose submitter has its answer, and that have not ended
 * @early:    of those, and of such as have ended and are held, those that have not left; who waits for none of them sleeps in @opened
 * @lost:     one of those was not written: the next round to begin says so
 * @flush_starts: a round is to begin, when none of those is left
 * @flush_next, @flush_now: bios whose flush is to begin, has begun
 * @flush, @flush_map: the round under way, and what keeps the array meanwhile
 * @flush_lost: what @lost was when it began
 * @flush_ended: all members have answered; the bios of the round have not ended
 * @wrote:    a write passed since the last tick
 * @idle:     no write during the last tick
 * @pending:  the monitor has been asked to open
 */
struct emd_gate {
	mempool_t		requests;
	struct bio_set		splits;

	struct percpu_ref	writes;
	struct mutex		mode;
	struct completion	shutting;
	wait_queue_head_t	opened;
	bool			open;

	spinlock_t		lock;
	struct bio_list		parked;
	struct bio_list		punted;
	struct bio_list		ended;
	struct llist_head	punted_ios;
	struct llist_head	held;
	struct work_struct	open_work;
	struct work_struct	submit_work;
	struct work_struct	punted_work;
	struct work_struct	ended_work;
	struct work_struct	held_work;

	atomic_t		answered;
	atomic_t		early;
	atomic_t		lost;
	bool			flush_starts;
	struct bio_list		flush_next;
	struct bio_list		flush_now;
	bool			flush_running;
	struct emd_flush	flush;
	struct emd_map		*flush_map;
	bool			flush_lost;
	bool			flush_ended;
	struct work_struct	flush_work;
	struct work_struct	flushed_work;

	struct delayed_work	tick;
	unsigned int		idle_ms;
	bool			wrote;
	bool			idle;
	bool			pending;
};

int emd_gate_module_init(void);
void emd_gate_module_exit(void);

int emd_gate_init(struct emd_array *a);

/** emd_gate_destroy() - no bio is in flight or parked. */
void emd_gate_destroy(struct emd_array *a);

/** emd_gate_submit() - take over @bio. Context: process, never waits. */
void emd_gate_submit(struct emd_array *a, struct bio *bio);

/** emd_gate_data() - the same for a bio that needs no flush (any more). @can_wait: from a worker. */
void emd_gate_data(struct emd_array *a, struct bio *bio, bool can_wait);

/** emd_gate_park() - a write that may not pass yet. Context: any but hard interrupt. */
void emd_gate_park(struct emd_array *a, struct bio *bio);

/** emd_gate_punt() - submit @bio from the worker. Context: any. */
void emd_gate_punt(struct emd_array *a, struct bio *bio);

/** emd_gate_open() - let writes pass, and those that are parked. Process context. */
void emd_gate_open(struct emd_array *a);

/**
 * emd_gate_shut() - stop writes; with success array_state is @state before anybody can open again
 * @wait: for those under way; otherwise -EBUSY (and open again) if there are any
 */
int emd_gate_shut(struct emd_array *a, bool wait, enum emd_array_state state);

/**
 * emd_gate_await_early() - before a stop: nothing is left of what was answered early, or somebody uses the array (then it is in use anyway)
 *
 * What is held is waiting for the monitor, and what that says takes config_mutex: so no lock may be held. Return: 0 or -EINTR.
 */
int emd_gate_await_early(struct emd_array *a);

/** emd_gate_set_idle() - safe_mode_delay, 0: never clean by itself. Process context. */
void emd_gate_set_idle(struct emd_array *a, unsigned int ms);

/** emd_gate_release() - try all parked writes again. Context: any. */
void emd_gate_release(struct emd_array *a);

/** emd_gate_acknowledged() - no failure is waiting any more: report the writes and flushes that were held. Context: any. */
void emd_gate_acknowledged(struct emd_array *a);

/* emd_gate_flush.c */
/** emd_gate_flush_bio() - flush all members, then submit the rest of @bio. Context: process, never waits. */
void emd_gate_flush_bio(struct emd_array *a, struct bio *bio);

#endif
