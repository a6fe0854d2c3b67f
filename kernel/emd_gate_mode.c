// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening and shutting of the gate, and what is parked in front of it meanwhile.
 */
#include "emd_gate_request.h"

static bool waits_for_checkpoint(struct emd_array *a, struct bio *bio)
{
	return rcu_access_pointer(a->reshape) &&
	       emd_reshape_blocks(a, bio->bi_iter.bi_sector, bio_end_sector(bio));
}

/* The gate is open: all parked writes go, but those that a checkpoint holds. */
static void release_parked(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);
	struct bio_list parked, go = BIO_EMPTY_LIST, stay = BIO_EMPTY_LIST;
	struct bio *bio;

	spin_lock_irq(&g->lock);
	parked = g->parked;
	bio_list_init(&g->parked);
	spin_unlock_irq(&g->lock);
	while ((bio = bio_list_pop(&parked)))
		bio_list_add(waits_for_checkpoint(a, bio) ? &stay : &go, bio);
	spin_lock_irq(&g->lock);
	bio_list_merge_head(&g->parked, &stay);
	bio_list_merge(&g->punted, &go);
	spin_unlock_irq(&g->lock);
	queue_work(emd_array_wq(a, EMD_QUEUE_ADMIT), &g->submit_work);
}

/* After kill: has the switch been seen everywhere? Only then does "zero" mean anything. */
static void writes_killed(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct emd_gate, writes)->shutting);
}

static void writes_idle(struct percpu_ref *ref)
{
	wake_up_all(&container_of(ref, struct emd_gate, writes)->opened);
}

static void open_locked(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	lockdep_assert_held(&g->mode);
	if (!g->open) {
		if (percpu_ref_is_zero(&g->writes))
			percpu_ref_reinit(&g->writes);
		else
			percpu_ref_resurrect(&g->writes);
		WRITE_ONCE(g->open, true);
		WRITE_ONCE(g->wrote, true);
		WRITE_ONCE(g->idle, false);
		if (emd_array_redundant(a) && g->idle_ms)
			queue_delayed_work(emd_config_wq, &g->tick, msecs_to_jiffies(g->idle_ms));
	}
	WRITE_ONCE(g->pending, false);
	wake_up_all(&g->opened);
	release_parked(a);
}

void emd_gate_open(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	mutex_lock(&g->mode);
	open_locked(a);
	mutex_unlock(&g->mode);
}

/* New writes are parked from here on. */
static void close_locked(struct emd_gate *g)
{
	lockdep_assert_held(&g->mode);
	if (!g->open)
		return;
	reinit_completion(&g->shutting);
	WRITE_ONCE(g->open, false);
	percpu_ref_kill_and_confirm(&g->writes, writes_killed);
	wait_for_completion(&g->shutting);
}

static int shut_locked(struct emd_array *a, bool wait)
{
	struct emd_gate *g = emd_array_gate(a);

	close_locked(g);
	if (wait)
		wait_event(g->opened, percpu_ref_is_zero(&g->writes));
	WRITE_ONCE(g->pending, false);
	if (percpu_ref_is_zero(&g->writes))
		return 0;
	open_locked(a);
	return -EBUSY;
}

int emd_gate_shut(struct emd_array *a, bool wait, enum emd_array_state state)
{
	struct emd_gate *g = emd_array_gate(a);
	int error;

	mutex_lock(&g->mode);
	error = shut_locked(a, wait);
	if (!error)
		emd_array_set_state(a, state);
	mutex_unlock(&g->mode);
	return error;
}

static void fail_parked(struct emd_gate *g)
{
	struct bio_list parked;
	struct bio *bio;

	spin_lock_irq(&g->lock);
	parked = g->parked;
	bio_list_init(&g->parked);
	spin_unlock_irq(&g->lock);
	while ((bio = bio_list_pop(&parked)))
		bio_io_error(bio);
}

/* The first write to a clean array: no longer clean, but perhaps not yet allowed. */
static void ask_to_open(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	if (g->pending)
		return;
	if (a->state == EMD_ARRAY_READ_AUTO)
		emd_sync_wake(a);
	a->state = EMD_ARRAY_ACTIVE;
	if (a->member.metapers->dirty(a)) {
		open_locked(a);
	} else {
		a->priv->unacked_since = jiffies;
		WRITE_ONCE(g->pending, true);
	}
	emd_array_notify(a, "array_state");
}

int emd_array_dirty(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	mutex_lock(&g->mode);
	if (!g->open && (a->state == EMD_ARRAY_CLEAN || a->state == EMD_ARRAY_ACTIVE))
		ask_to_open(a);
	mutex_unlock(&g->mode);
	return wait_event_interruptible(g->opened, READ_ONCE(g->open) || !emd_array_writable(a));
}

void emd_array_write_pending(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	if (!emd_array_external(a))
		return;
	mutex_lock(&g->mode);
	if (a->state == EMD_ARRAY_CLEAN || a->state == EMD_ARRAY_ACTIVE) {
		close_locked(g);
		ask_to_open(a);
	}
	mutex_unlock(&g->mode);
}

/* Writes are parked: why, and what is to be done? */
static void open_work(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, open_work);
	struct emd_array *a = emd_gate_array(g);
	bool parked;

	mutex_lock(&g->mode);
	spin_lock_irq(&g->lock);
	parked = !bio_list_empty(&g->parked);
	spin_unlock_irq(&g->lock);
	if (!parked)
		goto unlock;
	switch (a->state) {
	case EMD_ARRAY_READ_AUTO:
	case EMD_ARRAY_CLEAN:
	case EMD_ARRAY_ACTIVE:
		if (g->open)
			release_parked(a);
		else
			ask_to_open(a);
		break;
	default:
		fail_parked(g);
	}
unlock:
	mutex_unlock(&g->mode);
}

void emd_gate_release(struct emd_array *a)
{
	queue_work(emd_array_wq(a, EMD_QUEUE_ADMIT), &emd_array_gate(a)->open_work);
}

/* Every idle_ms while the gate is open: has there been a write? */
static void tick(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, tick.work);
	struct emd_array *a = emd_gate_array(g);

	mutex_lock(&g->mode);
	if (!g->open || a->state != EMD_ARRAY_ACTIVE || !g->idle_ms)
		goto unlock;
	if (READ_ONCE(g->wrote)) {
		WRITE_ONCE(g->wrote, false);
	} else if (a->member.metapers->idle(a)) {
		if (!shut_locked(a, false)) {
			a->state = EMD_ARRAY_CLEAN;
			emd_array_notify(a, "array_state");
			goto unlock;
		}
	} else {
		WRITE_ONCE(g->idle, true);
		emd_array_notify(a, "array_state");
		if (!READ_ONCE(g->wrote))
			goto unlock;
		WRITE_ONCE(g->idle, false);
	}
	queue_delayed_work(emd_config_wq, &g->tick, msecs_to_jiffies(g->idle_ms));
unlock:
	mutex_unlock(&g->mode);
}

void emd_gate_set_idle(struct emd_array *a, unsigned int ms)
{
	struct emd_gate *g = emd_array_gate(a);

	mutex_lock(&g->mode);
	g->idle_ms = ms;
	WRITE_ONCE(g->wrote, true);
	WRITE_ONCE(g->idle, false);
	if (ms && g->open)
		mod_delayed_work(emd_config_wq, &g->tick, msecs_to_jiffies(ms));
	mutex_unlock(&g->mode);
}

int emd_gate_mode_init(struct emd_gate *g)
{
	mutex_init(&g->mode);
	init_completion(&g->shutting);
	init_waitqueue_head(&g->opened);
	INIT_WORK(&g->open_work, open_work);
	INIT_DELAYED_WORK(&g->tick, tick);
	g->idle_ms = EMD_DEFAULT_IDLE_MS;
	return percpu_ref_init(&g->writes, writes_idle, PERCPU_REF_INIT_DEAD | PERCPU_REF_ALLOW_REINIT, GFP_KERNEL);
}

void emd_gate_mode_exit(struct emd_gate *g)
{
	percpu_ref_exit(&g->writes);
}
