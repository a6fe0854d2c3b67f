/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sync engine's own state: one pass at a time (resync, recovery, check, repair or
 * reshape) in one worker per array. For emd_sync*.c, emd_reshape*.c and their attributes.
 *
 * Who may change what: fields under "configuration" are changed with the array's
 * config_mutex held and read by the worker with READ_ONCE; fields under "pass" belong to the
 * worker while @phase is EMD_PASS_RUNNING and to the holder of config_mutex otherwise.
 */
#ifndef _EMD_SYNC_H
#define _EMD_SYNC_H

#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "emd_array.h"

struct gendisk;
struct emd_replace;
struct emd_window;

enum emd_pass_phase {
	EMD_PASS_IDLE,
	EMD_PASS_RUNNING,
	EMD_PASS_ENDED,		/* the worker is done; emd_sync_reap() has to draw the conclusions */
};

/**
 * struct emd_sync - see above; positions are member sectors, those of a reshape are in struct emd_reshape
 * @array:	whose
 * @work:	decides what is due and does it
 * @wait:	the worker waits here: for sync_max, the throttle
 * @ended:	waits for the end of a pass
 * @suspend_mutex: serialises stores of suspend_lo and suspend_hi, which wait without config_mutex
 *
 * Configuration:
 * @wanted:	asked for through sync_action and not begun yet; EMD_SYNC_IDLE: nothing
 * @shown:	what sync_action reads, while not frozen: the pass, or what is about to begin
 * @frozen:	sync_action reads frozen
 * @dying:	the array goes away
 * @quiesced:	how many hold all passes off, see emd_sync_quiesce()
 * @min, @max:	sync_min and sync_max; EMD_POS_MAX: max
 * @speed_min, @speed_max: KiB/s of one member; 0: the module's default
 * @failed, @tried_gencount: no new attempt by itself while the membership is what it was when that pass began
 * @gate, @acked: emd/reshape_acked: is the gate armed, and A
 * @suspend_lo, @suspend_hi: as stored
 *
 * Pass:
 * @phase:	where the pass stands
 * @action:	what it does
 * @last:	last_sync_action
 * @interrupt:	it shall stop at the next quiet point
 * @kick:	a write waits for the checkpoint of a reshape to pass it: publish soon
 * @result:	0: complete, -EINTR: interrupted, else why it stopped
 * @begin, @pos, @end, @completed: the range of the pass, private and published progress
 * @mismatches:	mismatch_cnt, sectors
 * @skipped:	member sectors that the bitmap has spared it
 * @published:	jiffies of the last publication
 * @mark_time, @mark_pos: where the pass was at least 3 s ago (jiffies, member sectors)
 * @next_mark_time, @next_mark_pos: where it will have been
 * @foreground:	sectors that users had read and written at the last look
 * @users:	it were more than at the look before
 * @alone:	it were not, and the pass was not ahead of its maximum
 * @replace:	what a recovery that copies replaced members works with; NULL without any
 * @disks, @nr_disks, @claim: the whole disks below the array, and the list of passes that are at work
 * @shares:	how many passes are on one of its disks, itself included
 */
struct emd_sync {
	struct emd_array	*array;
	struct work_struct	work;
	wait_queue_head_t	wait;
	wait_queue_head_t	ended;
	struct mutex		suspend_mutex;

	enum emd_sync_action	wanted;
	enum emd_sync_action	shown;
	bool			frozen;
	bool			dying;
	unsigned int		quiesced;
	u64			min;
	u64			max;
	unsigned int		speed_min;
	unsigned int		speed_max;
	bool			failed;
	u32			tried_gencount;
	bool			gate;
	u64			acked;
	u64			suspend_lo;
	u64			suspend_hi;

	enum emd_pass_phase	phase;
	enum emd_sync_action	action;
	enum emd_sync_action	last;
	bool			interrupt;
	bool			kick;
	int			result;
	u64			begin;
	u64			pos;
	u64			end;
	u64			completed;
	u64			mismatches;
	u64			skipped;
	unsigned long		published;
	unsigned long		mark_time;
	u64			mark_pos;
	unsigned long		next_mark_time;
	u64			next_mark_pos;
	u64			foreground;
	bool			users;
	bool			alone;
	struct emd_replace	*replace;
	unsigned int		shares;
	struct gendisk		**disks;
	unsigned int		nr_disks;
	struct list_head	claim;
};

/* Progress is published this often at least (jiffies). */
#define EMD_SYNC_PUBLISH	HZ

/* -- emd_sync.c ------------------------------------------------------------------------------ */

extern struct workqueue_struct *emd_sync_wq;	/* of passes, and of their windows */

/**
 * emd_sync_interrupt() - stop the pass under way, wait for its end and draw the
 * conclusions. config_mutex held.
 */
void emd_sync_interrupt(struct emd_sync *s);

/** emd_sync_stopping() - shall the pass stop at the next quiet point? Any context. */
static inline bool emd_sync_stopping(const struct emd_sync *s)
{
	return READ_ONCE(s->interrupt);
}

/** emd_sync_word() - the word of sync_action for @action. */
const char *emd_sync_word(enum emd_sync_action action);

/** emd_sync_action_now() - what sync_action reads. Any context; may be stale at once. */
enum emd_sync_action emd_sync_action_now(struct emd_array *a);

/** emd_sync_has_passes() - can the level of @a be resynced and checked? */
bool emd_sync_has_passes(struct emd_array *a);

/* -- emd_sync_suspend.c ---------------------------------------------------------------------- */

/**
 * emd_suspend_set() - writes to array sectors [lo, hi) wait from now on. suspend_mutex
 * held. Return: 0 or -EINTR (unchanged).
 */
int emd_suspend_set(struct emd_array *a, u64 lo, u64 hi);

/* -- emd_sync_pass.c ------------------------------------------------------------------------- */

/**
 * emd_sync_prepare() - set the range of a pass that is about to begin. config_mutex held.
 * Return: false if there is nothing to do.
 */
bool emd_sync_prepare(struct emd_sync *s);

/** emd_sync_pass() - do it. The worker, no locks. Return: as emd_sync.result. */
int emd_sync_pass(struct emd_sync *s);

/** emd_sync_do() - what the pass is for, on one window; writes to it wait. Any of its workers. Return: 0, or why the pass must stop. */
int emd_sync_do(struct emd_sync *s, struct emd_map *map, struct emd_window *w);

/** emd_sync_done() - that has been done, and everything below it: the pass stands at its end. The worker of the pass, writes still wait. */
void emd_sync_done(struct emd_sync *s, struct emd_map *map, const struct emd_window *w);

/** emd_sync_conclude() - what follows from a pass of resync, recovery, check or repair. config_mutex held. */
void emd_sync_conclude(struct emd_sync *s);

/** emd_sync_targets() - is there a rebuild target that can be rebuilt? config_mutex held. */
bool emd_sync_targets(struct emd_array *a);

/* -- emd_sync_replace.c ------------------------------------------------------------------------ */

/** emd_replace_begin() - a recovery with replacements is about to begin. config_mutex held. Return: 0 or -ENOMEM. */
int emd_replace_begin(struct emd_sync *s);

/**
 * emd_replace_window() - copy the window of each member that is being replaced, where its replacement has not got it
 *
 * What cannot be read of it is made from the other members. The worker; writes to the window wait.
 * Return: 0, or -EIO if something cannot be had or a replacement has failed.
 */
int emd_replace_window(struct emd_sync *s, struct emd_map *map, struct emd_window *w);

/** emd_replace_end() - undo emd_replace_begin(), if it was called. config_mutex held. */
void emd_replace_end(struct emd_sync *s);

/* -- emd_sync_pace.c: throttle and disks shared with other arrays ----------------------------- */

/** emd_pace_begin() - start measuring at member sector @pos; note the disks. config_mutex held. */
void emd_pace_begin(struct emd_sync *s, u64 pos);

/** emd_pace_claim() - the pass is at work: it has its part of its disks from now on. The worker. */
void emd_pace_claim(struct emd_sync *s);

/** emd_pace_release() - it waits for somebody, or has ended: others may have that part. */
void emd_pace_release(struct emd_sync *s);

/** emd_pace_look() - after a window that ended at member sector @pos: what do users do? The worker. Return: has the pass to wait now? */
bool emd_pace_look(struct emd_sync *s, u64 pos);

/** emd_pace_wait() - as long as is fair after a window that began at @began (jiffies). The worker; it keeps no writes waiting. */
void emd_pace_wait(struct emd_sync *s, u64 pos, unsigned long began);

/** emd_pace_throttle() - both. */
void emd_pace_throttle(struct emd_sync *s, u64 pos, unsigned long began);

/** emd_pace_skip() - @sectors were passed over: they are no speed. The worker. */
void emd_pace_skip(struct emd_sync *s, u64 sectors);

/** emd_pace_speed() - KiB/s of one member over the last seconds. */
unsigned long emd_pace_speed(const struct emd_sync *s, u64 pos);

/** emd_pace_limits() - limits in force, KiB/s. */
unsigned int emd_pace_min(const struct emd_sync *s);
unsigned int emd_pace_max(const struct emd_sync *s);

/** emd_pace_end() - forget the disks. */
void emd_pace_end(struct emd_sync *s);

#endif
