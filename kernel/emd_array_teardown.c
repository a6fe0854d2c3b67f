// SPDX-License-Identifier: GPL-2.0-only
/*
 * Theory
 *
 * Two passes over the subtree. First from the top down, every array is stopped: a parent
 * has to be quiet before its child goes. Then from the bottom up the sentinels are
 * dropped: the children's, then the array's own. The objects go when their last
 * reference does; a child holds one on its parent, so the order of destruction follows.
 * Of a child, too, everything has to have left that was answered early, and may be held for the monitor, before it says that it is stopping.
 * The recursion is as deep as arrays are nested, EMD_MAX_DEPTH at most.
 */
#include "emd_array_private.h"

static void set_stopping(struct emd_array *a)
{
	spin_lock(&a->priv->config_open);
	a->priv->stopping = true;
	spin_unlock(&a->priv->config_open);
}

static bool is_stopping(struct emd_array *a)
{
	return READ_ONCE(a->priv->stopping);
}

/* A child array with a reference, or NULL: one that is not stopping, or one whose sentinel is there. */
static struct emd_array *next_child_array(struct emd_array *a, bool to_stop)
{
	struct emd_array *found = NULL;
	struct mdk_member *m;

	spin_lock_irq(&a->member.member_lock);
	emd_for_each_child(m, &a->member) {
		if (m->type != MDU_MTYPE_ARRAY || (to_stop && is_stopping(emd_member_array(m))))
			continue;
		if (emd_member_tryget(m)) {
			found = emd_member_array(m);
			break;
		}
	}
	spin_unlock_irq(&a->member.member_lock);
	return found;
}

static void stop_tree(struct emd_array *a)
{
	struct emd_array *child;

	wait_event(emd_array_gate(a)->opened, !atomic_read(&emd_array_gate(a)->early));
	set_stopping(a);
	mutex_lock(&a->config_mutex);
	if (emd_array_running(a))
		emd_array_stop(a);
	mutex_unlock(&a->config_mutex);
	while ((child = next_child_array(a, true))) {
		stop_tree(child);
		emd_member_put(&child->member);
	}
}

static struct mdk_member *next_unacknowledged(struct emd_array *a)
{
	struct mdk_member *m;

	emd_for_each_child(m, &a->member)
		if (test_bit(EMD_MF_UNACKED, &m->flags) || test_bit(EMD_MF_BAD_UNACKED, &m->flags))
			return m;
	return NULL;
}

static void retire_children(struct emd_array *a)
{
	struct mdk_member *m;

	spin_lock_irq(&a->member.member_lock);
	emd_for_each_child(m, &a->member)
		emd_member_retire_locked(m, EMD_MEV_TEARDOWN);
	while ((m = next_unacknowledged(a)))
		emd_array_acknowledge(a, m);
	spin_unlock_irq(&a->member.member_lock);
}

static void retire_tree(struct emd_array *a)
{
	struct emd_array *child;

	while ((child = next_child_array(a, false))) {
		retire_tree(child);
		emd_member_put(&child->member);
	}
	retire_children(a);
	emd_member_retire(&a->member, EMD_MEV_TEARDOWN);
}

void emd_array_teardown(struct emd_array *a)
{
	stop_tree(a);
	retire_tree(a);
}

/* From here on nobody opens it, stores to it, or stops it once more. */
static int claim_stop(struct emd_array *a)
{
	struct emd_array_private *p = a->priv;
	int error = 0;

	spin_lock(&p->config_open);
	if (p->stopping)
		error = -ENODEV;
	else if (p->opens || p->claimed || atomic_read(&p->gate.early))
		error = -EBUSY;
	else
		p->stopping = true;
	spin_unlock(&p->config_open);
	return error;
}

int emd_array_clear(struct emd_array *a)
{
	DECLARE_COMPLETION_ONSTACK(gone);
	int error = claim_stop(a);

	if (error)
		return error;
	a->priv->gone = &gone;
	emd_array_teardown(a);
	wait_for_completion(&gone);
	return 0;
}
