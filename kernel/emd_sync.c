// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a pass: what is due, who may stop it, what follows from its end.
 *
 * Theory
 *
 * One work item per array does everything in three parts: under config_mutex it decides what is due
 * and prepares it; without any lock it runs the pass; under config_mutex it draws the conclusions.
 * The second part ends with phase ENDED, and whoever gets config_mutex first draws them: that is
 * normally the worker itself, or somebody who stops the pass while holding config_mutex and so
 * would wait for ever if only the worker could.
 *
 *	IDLE --(worker, config_mutex)--> RUNNING --(worker)--> ENDED --(config_mutex)--> IDLE
 *
 * What is due, in this order: nothing while frozen, quiesced, not writable or without redundancy; a reshape that
 * has a position (it always goes on from there, it never begins anew); recovery of members that have a
 * slot and do not hold its data; resync; a check or repair that was asked for. A pass that failed is not
 * tried again until the membership changes or somebody asks.
 *
 * sync_action reads idle only when nothing is due: who changes what is due, with config_mutex held, says so with
 * emd_sync_reconsider(), and between two passes it keeps the word of the first until the worker has decided.
 */
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "emd_personality.h"
#include "emd_reshape.h"
#include "emd_sync.h"

struct workqueue_struct *emd_sync_wq;

static const char *const sync_words[] = {
#define X(name, word) [EMD_SYNC_##name] = word,
	EMD_SYNC_ACTIONS(X)
#undef X
};

const char *emd_sync_word(enum emd_sync_action action)
{
	return sync_words[action];
}

bool emd_sync_has_passes(struct emd_array *a)
{
	const struct emd_personality *pers = READ_ONCE(a->member.pers);

	return pers && pers->redundant && pers->sync;
}

/* -- what is due ------------------------------------------------------------------------------ */

static bool may_retry(struct emd_sync *s)
{
	if (s->failed && s->tried_gencount == READ_ONCE(s->array->member.child_set_gencount))
		return false;
	s->failed = false;
	return true;
}

/* @place: give spares their slots; otherwise only look whether some would get one. */
static bool recovery_due(struct emd_array *a, bool place)
{
	if (place ? emd_array_activate_spares(a) > 0 : emd_array_spares_wait(a))
		return true;
	return emd_sync_targets(a);
}

static enum emd_sync_action redundancy_due(struct emd_sync *s, bool place)
{
	struct emd_array *a = s->array;

	if (!emd_sync_has_passes(a) || !MDU_MSTATE_WHOLE(emd_member_state(&a->member)))
		return EMD_SYNC_IDLE;
	if (may_retry(s) && recovery_due(a, place))
		return EMD_SYNC_RECOVER;
	if (may_retry(s) && a->resync_start < a->geo.member_sectors)
		return EMD_SYNC_RESYNC;
	if (s->wanted == EMD_SYNC_CHECK || s->wanted == EMD_SYNC_REPAIR)
		return s->wanted;
	return EMD_SYNC_IDLE;
}

static enum emd_sync_action action_due(struct emd_sync *s, bool place)
{
	struct emd_array *a = s->array;

	if (s->dying || s->quiesced || s->frozen || !emd_array_running(a) || !emd_array_writable(a))
		return EMD_SYNC_IDLE;
	if (rcu_access_pointer(a->reshape))
		return may_retry(s) ? EMD_SYNC_RESHAPE : EMD_SYNC_IDLE;
	return redundancy_due(s, place);
}

static void show_action(struct emd_sync *s, enum emd_sync_action action)
{
	lockdep_assert_held(&s->array->config_mutex);
	if (s->shown == action)
		return;
	WRITE_ONCE(s->shown, action);
	emd_array_event(s->array, NULL, "sync_action");
}

/* -- begin and end ---------------------------------------------------------------------------- */

static void say_begun(struct emd_sync *s)
{
	emd_array_event(s->array, s->action == EMD_SYNC_RESHAPE ? "reshape-start" : "sync-start", "sync_action");
	emd_array_event(s->array, NULL, "sync_completed");
}

static bool begin(struct emd_sync *s)
{
	struct emd_array *a = s->array;
	bool ready;

	s->action = action_due(s, true);
	if (s->action == EMD_SYNC_IDLE)
		return false;
	ready = s->action == EMD_SYNC_RESHAPE ? emd_reshape_prepare(s) : emd_sync_prepare(s);
	if (!ready) {
		s->action = EMD_SYNC_IDLE;
		return false;
	}
	s->last = s->action;
	s->result = 0;
	s->published = jiffies;
	/* As it is now: when a member fails meanwhile, the others can perhaps do without. */
	s->tried_gencount = READ_ONCE(a->member.child_set_gencount);
	WRITE_ONCE(s->interrupt, false);
	emd_pace_begin(s, s->begin);
	/* Who sees RUNNING sees the pass that was prepared. */
	smp_store_release(&s->phase, EMD_PASS_RUNNING);
	dev_dbg(disk_to_dev(a->disk), "%s begins at %llu\n", emd_sync_word(s->action), s->begin);
	return true;
}

static void settle_limits(struct emd_sync *s)
{
	bool asked_for = s->action == EMD_SYNC_CHECK || s->action == EMD_SYNC_REPAIR;

	if (!s->result) {
		s->max = EMD_POS_MAX;
		if (asked_for)
			s->min = 0;
	} else if (asked_for) {
		s->min = round_down(s->completed, 8);
	}
}

static void note_failure(struct emd_sync *s)
{
	if (!s->result || s->result == -EINTR)
		return;
	s->failed = true;
}

/* Draw the conclusions from a pass that has ended. config_mutex held. */
static void reap(struct emd_sync *s)
{
	struct emd_array *a = s->array;
	bool reshape = s->action == EMD_SYNC_RESHAPE;
	bool done;

	lockdep_assert_held(&a->config_mutex);
	/* Pairs with the worker, which has left the pass. */
	if (smp_load_acquire(&s->phase) != EMD_PASS_ENDED)
		return;
	if (reshape)
		emd_reshape_conclude(s);
	else
		emd_sync_conclude(s);
	done = !s->result;
	note_failure(s);
	settle_limits(s);
	emd_pace_end(s);
	s->action = EMD_SYNC_IDLE;
	WRITE_ONCE(s->phase, EMD_PASS_IDLE);
	if (!s->dying) {
		emd_array_write_pending(a);
		if (reshape)
			emd_array_event(a, done ? "reshape-end" : "reshape-stop", "sync_action");
		else
			emd_array_event(a, done ? "sync-end" : "sync-stop", "sync_action");
		emd_array_event(a, NULL, "sync_completed");
	}
}

static void do_pass(struct emd_sync *s)
{
	struct emd_array *a = s->array;
	bool begun;

	mutex_lock(&a->config_mutex);
	reap(s);
	begun = begin(s);
	WRITE_ONCE(s->wanted, EMD_SYNC_IDLE);	/* the order is carried out, or void */
	show_action(s, s->action);
	mutex_unlock(&a->config_mutex);
	if (!begun)
		return;
	say_begun(s);

	s->result = s->action == EMD_SYNC_RESHAPE ? emd_reshape_pass(s) : emd_sync_pass(s);

	/* Who sees ENDED, in reap() or emd_sync_interrupt(), sees the result. */
	smp_store_release(&s->phase, EMD_PASS_ENDED);
	wake_up_all(&s->ended);
	mutex_lock(&a->config_mutex);
	reap(s);
	mutex_unlock(&a->config_mutex);
	emd_sync_wake(a);		/* something else may be due now */
}

/* Whatever a pass allocates, it must not wait for writes that it keeps from ending. */
static void work_fn(struct work_struct *work)
{
	unsigned int noio = memalloc_noio_save();

	do_pass(container_of(work, struct emd_sync, work));
	memalloc_noio_restore(noio);
}

/* -- services --------------------------------------------------------------------------------- */

void emd_sync_wake(struct emd_array *a)
{
	struct emd_sync *s = a->sync;

	if (!s)
		return;
	wake_up_all(&s->wait);
	if (!READ_ONCE(s->dying))
		queue_work(emd_sync_wq, &s->work);
}

void emd_sync_reconsider(struct emd_array *a)
{
	struct emd_sync *s = a->sync;

	if (READ_ONCE(s->phase) == EMD_PASS_IDLE)
		show_action(s, action_due(s, false));
	emd_sync_wake(a);
}

bool emd_sync_running(struct emd_array *a)
{
	struct emd_sync *s = a->sync;

	return s && (READ_ONCE(s->phase) != EMD_PASS_IDLE || READ_ONCE(s->wanted) != EMD_SYNC_IDLE);
}

const char *emd_sync_running_word(struct emd_array *a)
{
	struct emd_sync *s = a->sync;

	return emd_sync_word(READ_ONCE(s->phase) != EMD_PASS_IDLE ? s->action : s->wanted);
}

void emd_sync_interrupt(struct emd_sync *s)
{
	lockdep_assert_held(&s->array->config_mutex);
	if (READ_ONCE(s->phase) == EMD_PASS_RUNNING) {
		WRITE_ONCE(s->interrupt, true);
		wake_up_all(&s->wait);
		wait_event_idle(s->ended, smp_load_acquire(&s->phase) != EMD_PASS_RUNNING);
	}
	reap(s);
}

void emd_sync_quiesce(struct emd_array *a)
{
	a->sync->quiesced++;
	emd_sync_interrupt(a->sync);
}

void emd_sync_resume(struct emd_array *a)
{
	a->sync->quiesced--;
	emd_sync_reconsider(a);
}

enum emd_sync_action emd_sync_action_now(struct emd_array *a)
{
	struct emd_sync *s = a->sync;

	if (READ_ONCE(s->frozen))
		return EMD_SYNC_FROZEN;
	if (rcu_access_pointer(a->reshape))
		return EMD_SYNC_RESHAPE;
	return READ_ONCE(s->shown);
}

int emd_sync_create(struct emd_array *a)
{
	struct emd_sync *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	s->array = a;
	INIT_WORK(&s->work, work_fn);
	init_waitqueue_head(&s->wait);
	init_waitqueue_head(&s->ended);
	mutex_init(&s->suspend_mutex);
	INIT_LIST_HEAD(&s->claim);
	s->max = EMD_POS_MAX;
	a->sync = s;
	return 0;
}

void emd_sync_destroy(struct emd_array *a)
{
	struct emd_sync *s = a->sync;

	if (!s)
		return;
	mutex_lock(&a->config_mutex);
	WRITE_ONCE(s->dying, true);
	emd_sync_interrupt(s);
	mutex_unlock(&a->config_mutex);
	cancel_work_sync(&s->work);
	a->sync = NULL;
	kfree(s);
}

int emd_sync_module_init(void)
{
	emd_sync_wq = alloc_workqueue("emd_sync", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return emd_sync_wq ? 0 : -ENOMEM;
}

void emd_sync_module_exit(void)
{
	destroy_workqueue(emd_sync_wq);
}

bool emd_sync_frozen(struct emd_array *a)
{
	return READ_ONCE(a->sync->frozen);
}

void emd_sync_thaw(struct emd_array *a)
{
	WRITE_ONCE(a->sync->frozen, false);
}
