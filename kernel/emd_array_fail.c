// SPDX-License-Identifier: GPL-2.0-only
/*
 * Theory
 *
 * A failure is decided where it is seen, in any context, under the parent's member_lock:
 * state FAILED, sentinel dropped, and (external metadata) the count of unacknowledged
 * failures raised, all before the completion that saw it goes on. So a write that missed
 * the member finds that count and is held. Everything that may sleep follows in
 * @failure_work: a map without the member, events, the stop of what was below it.
 *
 * A member that holds the last copy of something is never failed for an I/O error: the
 * user gets the error and the array is marked broken, but what can still be read is. What
 * would have to be computed is not, see emd_array_broken().
 */
#include <linux/sched/mm.h>

#include "emd_array_private.h"

bool emd_array_broken(const struct emd_array *a)
{
	return READ_ONCE(a->priv->broken);
}

static bool breaks_geometry(struct emd_array *a, const struct emd_geometry *geo, struct mdk_member *m)
{
	mdu_mstate_t *states = a->priv->scratch;

	if (m->priority >= (int)geo->raid_disks)
		return false;
	emd_array_states(a, geo->raid_disks, states);
	states[m->priority] = MDU_MSTATE_FAILED;
	return emd_mstate_array(geo->level, geo->layout, geo->raid_disks, states) == MDU_MSTATE_FAILED;
}

static bool would_break(struct emd_array *a, struct mdk_member *m)
{
	if (m->priority < 0 || !test_bit(EMD_MF_PLACED, &m->flags) || !MDU_MSTATE_READABLE(m->state))
		return false;
	return breaks_geometry(a, &a->geo, m) ||
	       (rcu_access_pointer(a->reshape) && breaks_geometry(a, &a->next, m));
}

static int fail_member(struct emd_array *a, struct mdk_member *m, bool by_error)
{
	unsigned long flags;
	int error = 0;

	spin_lock_irqsave(&a->member.member_lock, flags);
	if (!MDU_MSTATE_LIVE(m->state)) {
		/* somebody was faster */
	} else if (would_break(a, m)) {
		a->priv->broken |= by_error;
		error = -EBUSY;
	} else {
		if (a->member.metapers->failed(a, m)) {
			percpu_ref_get(&m->ref);
			set_bit(EMD_MF_BLOCKED, &m->flags);
			set_bit(EMD_MF_UNACKED, &m->flags);
			if (atomic_inc_return(&a->priv->unacked) == 1)
				a->priv->unacked_since = jiffies;
		}
		if (m->priority >= 0 && test_bit(EMD_MF_PLACED, &m->flags))
			WRITE_ONCE(a->bitmap_config.can_clear, false);
		percpu_ref_get(&m->ref);	/* for failure_work: it is not gone before that has seen it */
		emd_member_retire_locked(m, EMD_MEV_FAIL);
	}
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	queue_work(emd_config_wq, &a->priv->failure_work);
	return error;
}

void emd_member_error(struct emd_array *a, struct mdk_member *m)
{
	atomic_inc(&m->errors);
	fail_member(a, m, true);
}

static bool others_have_bad(struct emd_array *a, struct mdk_member *m)
{
	struct mdk_member *other;
	unsigned long flags;
	bool bad = false;

	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_for_each_child(other, &a->member)
		bad |= other != m && READ_ONCE(other->has_bad);
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return bad;
}

bool emd_member_error_fast(struct emd_array *a, struct mdk_member *m)
{
	return !others_have_bad(a, m) && !fail_member(a, m, false);
}

void emd_member_error_only_copy(struct emd_array *a, struct mdk_member *m, const struct bio *bio)
{
	bool data = bio_op(bio) == REQ_OP_READ || bio_op(bio) == REQ_OP_WRITE;

	if (bio->bi_status && bio->bi_status != BLK_STS_AGAIN && data)
		emd_member_error(a, m);
}

int emd_array_fail(struct emd_array *a, struct mdk_member *m)
{
	int error = fail_member(a, m, false);

	return error ? emd_refuse(a, error, "%s cannot do without %s", a->member.name, m->name) : 0;
}

void emd_array_acknowledge(struct emd_array *a, struct mdk_member *m)
{
	int held = test_and_clear_bit(EMD_MF_UNACKED, &m->flags) + test_and_clear_bit(EMD_MF_BAD_UNACKED, &m->flags);

	clear_bit(EMD_MF_BLOCKED, &m->flags);
	if (held && atomic_sub_and_test(held, &a->priv->unacked))
		emd_gate_acknowledged(a);
	emd_sync_wake(a);	/* no pass publishes anything before */
	while (held--)
		emd_member_put(m);
}

bool emd_array_failure_unacked(struct emd_array *a)
{
	struct mdk_member *m;
	bool unacked = false;
	unsigned long flags;

	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_for_each_child(m, &a->member)
		unacked |= test_bit(EMD_MF_BLOCKED, &m->flags);
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return unacked;
}

/* A child that failed and has not been handled, with the reference that it was given then; marks it. */
static struct mdk_member *next_failed(struct emd_array *a)
{
	struct mdk_member *m, *found = NULL;

	spin_lock_irq(&a->member.member_lock);
	emd_for_each_child(m, &a->member) {
		if ((m->state & MDU_MSTATE_FAILED) && !test_and_set_bit(EMD_MF_HANDLED, &m->flags)) {
			found = m;
			break;
		}
	}
	spin_unlock_irq(&a->member.member_lock);
	return found;
}

/* What the failure of @m calls for outside of the array's own business. No lock held. */
static void member_failed(struct emd_array *a, struct mdk_member *m)
{
	if (m->type == MDU_MTYPE_ARRAY)
		emd_array_teardown(emd_member_array(m));
	emd_member_put(m);
}

void emd_array_failure_work(struct work_struct *work)
{
	struct emd_array_private *priv = container_of(work, struct emd_array_private, failure_work);
	struct emd_array *a = priv->array;
	unsigned int noio = memalloc_noio_save();
	struct mdk_member *m;
	bool was_broken;

	while ((m = next_failed(a))) {
		mutex_lock(&a->config_mutex);
		m->reserved_slot = -1;
		if (m->priority >= 0)
			emd_array_inherit(a, m->priority);
		emd_member_notify(m, "state");
		emd_array_event(a, "fail", NULL);
		emd_array_refresh_map(a);
		emd_array_update_links(a);
		emd_array_update_health(a);
		emd_sync_reconsider(a);
		mutex_unlock(&a->config_mutex);
		member_failed(a, m);
	}
	emd_array_tell_bad(a);
	was_broken = test_and_set_bit(0, &priv->broken_told);
	if (!priv->broken)
		clear_bit(0, &priv->broken_told);
	else if (!was_broken)
		emd_array_event(a, "broken", "array_state");
	memalloc_noio_restore(noio);
}
