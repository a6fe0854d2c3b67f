/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Range locks of an array: users' requests share, windows exclude.
 *
 * Theory
 *
 * While nothing moves, requests take no lock: they are counted by two percpu references
 * (reads, writes). When a suspension, a sync or a reshape begins, the array *engages* its
 * range lock: emd_range_engage() publishes the flag and waits until requests from before
 * have ended; from then on each request enters the tree with its exact range.
 *
 * A request that meets a window never sleeps: it is parked in order of arrival and
 * submitted again by a worker when the window goes (REQ_NOWAIT: it fails with EAGAIN).
 * A window waits, interruptibly, for the requests that it meets and that were admitted
 * before it. A parked request holds nothing, so nothing can wait for it: that is why a
 * store of suspend_hi cannot hang behind a request that waits for the reshape.
 *
 * A suspension is a window too: [suspend_lo, suspend_hi) against writes.
 */
#ifndef _EMD_RANGE_H
#define _EMD_RANGE_H

#include <linux/bio.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>

enum emd_range_mode {
	EMD_RANGE_WRITES,	/* excludes writes; reads pass (suspension, sync) */
	EMD_RANGE_ALL,		/* excludes reads too (the reshape's moving window) */
};

/* A window; memory of the owner. */
struct emd_range_window {
	struct list_head link;
	u64 begin, end;		/* array sectors */
	enum emd_range_mode mode;
};

/* A request inside; embedded in the gate's request. */
struct emd_range_holder {
	struct rb_node node;
	u64 begin, end, subtree_last;
	bool write;
	bool tracked;		/* in the tree, not merely counted */
};

struct emd_range_lock;

/** emd_range_create() - @again: has a bio that was parked submitted again, by a worker; any context, under the lock. Return: NULL without memory. */
struct emd_range_lock *emd_range_create(void (*again)(struct bio *bio, void *ctx), void *ctx);
void emd_range_destroy(struct emd_range_lock *rl);

/**
 * emd_range_engage() - track requests exactly from now on (@mode: only writes, or reads too)
 *
 * Waits for the requests that were merely counted. Nests; emd_range_lock() does it by
 * itself, but whoever locks many windows engages around them: it costs an RCU grace period.
 * Context: process, may sleep. Pair with emd_range_disengage().
 */
void emd_range_engage(struct emd_range_lock *rl, enum emd_range_mode mode);
void emd_range_disengage(struct emd_range_lock *rl, enum emd_range_mode mode);

/**
 * emd_range_enter() - admit a request, or park it
 * Context: any but hard interrupt. Return: true if admitted; false if @bio was parked (or
 * ended with EAGAIN for REQ_NOWAIT) and the caller must forget it.
 */
bool emd_range_enter(struct emd_range_lock *rl, struct emd_range_holder *h, struct bio *bio);

/** emd_range_exit() - the request has ended. Context: any. */
void emd_range_exit(struct emd_range_lock *rl, struct emd_range_holder *h);

/**
 * emd_range_lock() - add a window and wait until no admitted request meets it
 * Return: 0, or -EINTR (signal; the window is not there). With @killable false it does not return early.
 */
int emd_range_lock(struct emd_range_lock *rl, struct emd_range_window *w, bool killable);

/** emd_range_trylock() - the same without waiting for requests. Return: false, and the window is not there, if there are any. */
bool emd_range_trylock(struct emd_range_lock *rl, struct emd_range_window *w);

/** emd_range_unlock() - remove the window and let parked requests go. */
void emd_range_unlock(struct emd_range_lock *rl, struct emd_range_window *w);

/**
 * emd_range_change() - move the ends of a window (suspend_lo, suspend_hi)
 * An empty window costs nothing; INIT_LIST_HEAD(&w->link) before the first call.
 * Waits only for requests in the part that was added. Return: 0 or -EINTR (unchanged).
 */
int emd_range_change(struct emd_range_lock *rl, struct emd_range_window *w, u64 begin, u64 end);

#endif
