// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bad blocks of members: a failure of a place, not of a disk.
 *
 * Theory
 *
 * They are dealt with as failures are (emd_array_fail.c). Where a write finds one, in any context, it is put into the
 * member's list under the parent's member_lock before the completion that saw it goes on; so no read that begins after the
 * write has ended finds what is stale. With external metadata the member is blocked and counts as a failure that
 * is not acknowledged: writes are held until the monitor has read unacknowledged_bad_blocks, has made them durable, and has
 * stored them into bad_blocks. The reference that the parent holds until then keeps the count true if the member goes.
 *
 * A list that says too much costs a copy, one that says too little costs data. So the way back is of no consequence
 * to the metadata: what a write has made good leaves the list at once, and the monitor hears of it when it does.
 *
 * Members keep lists only where somebody wants them to (external_bbl); without one a write error fails the member. So it does one
 * that replaces another: with a list it would lack what that other one has, and that goes when the two change over. In its own list is only
 * what that one does not give either, and nobody else knew when it was copied.
 */
#include <linux/ratelimit.h>

#include "emd_array_private.h"
#include "emd_io.h"

/* All others say that the way to the disk is gone, or that the disk as a whole does not do what it is told. */
static bool is_of_a_place(blk_status_t status)
{
	return status == BLK_STS_MEDIUM || status == BLK_STS_IOERR || status == BLK_STS_PROTECTION;
}

bool emd_member_keeps_bad(const struct mdk_member *m, blk_status_t status)
{
	return emd_member_lists_bad(m) && !emd_member_replaces(m) && is_of_a_place(status);
}

/* member_lock held. */
static void block(struct emd_array *a, struct mdk_member *m)
{
	if (!a->member.metapers->external || test_and_set_bit(EMD_MF_BAD_UNACKED, &m->flags))
		return;
	percpu_ref_get(&m->ref);
	set_bit(EMD_MF_BLOCKED, &m->flags);
	if (atomic_inc_return(&a->priv->unacked) == 1)
		a->priv->unacked_since = jiffies;
}

static void changed(struct emd_array *a, struct mdk_member *m)
{
	set_bit(EMD_MF_BAD_CHANGED, &m->flags);
	queue_work(emd_config_wq, &a->priv->failure_work);
}

/* Return: 0, -ENODEV for a member that has failed, or -ENOSPC. */
static int add_bad(struct emd_array *a, struct mdk_member *m, u64 begin, u64 end, bool known, enum emd_bad_cause cause)
{
	bool acked = known || !a->member.metapers->external;
	unsigned long flags;
	int error = -ENODEV;

	if (!m->bad)
		return -ENOSPC;		/* nobody keeps one */
	spin_lock_irqsave(&a->member.member_lock, flags);
	if (MDU_MSTATE_LIVE(m->state)) {
		error = emd_badblocks_add(m->bad, begin, end, acked ? EMD_BAD_ACKED : EMD_BAD_UNACKED, cause);
		smp_store_release(&a->bad_round, a->bad_round + 1);
		if (!emd_badblocks_acked(m->bad))
			block(a, m);
	}
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	changed(a, m);
	return error;
}

void emd_member_unfit(struct mdk_member *m)
{
	emd_member_error(emd_member_array(m->parent), m);
}

static bool member_bad(struct mdk_member *m, u64 begin, u64 end, enum emd_bad_cause cause)
{
	int error = add_bad(emd_member_array(m->parent), m, begin, end, false, cause);

	set_bit(EMD_MF_WRITE_ERROR, &m->flags);
	if (error)
		emd_member_unfit(m);
	return !error;
}

bool emd_member_bad(struct mdk_member *m, u64 begin, u64 end)
{
	return member_bad(m, begin, end, EMD_BAD_REFUSED);
}

bool emd_member_lost(struct mdk_member *m, u64 begin, u64 end)
{
	return member_bad(m, begin, end, EMD_BAD_LOST);
}

void emd_member_lost_answered(struct mdk_member *m, u64 begin, u64 end)
{
	struct emd_array *a = emd_member_array(m->parent);

	if (add_bad(a, m, begin, end, !emd_member_lists_bad(m), EMD_BAD_LOST) != -ENOSPC)
		return;
	WRITE_ONCE(m->filled, 0);
	pr_err_ratelimited("%s: %s has lost more than its list of bad blocks can say: nothing of it is read until %s is started anew\n",
			   a->member.name, m->name, a->member.name);
}

bool emd_member_written(struct mdk_member *m, u64 begin, u64 end, u32 round)
{
	struct emd_array *a = emd_member_array(m->parent);

	if (round && emd_badblocks_written(emd_member_badblocks(m), begin, end, round)) {
		/* What writes waited for may be past. */
		if (test_bit(EMD_MF_BAD_UNACKED, &m->flags))
			emd_array_acknowledge_bad(a, m);
		changed(a, m);
	}
	return emd_member_first_bad(m, begin, end) == end;
}

u32 emd_array_bad_round(const struct emd_array *a)
{
	return smp_load_acquire(&a->bad_round);
}

int emd_array_keep_bad(struct mdk_member *m)
{
	if (!m->bad)
		m->bad = emd_badblocks_alloc(&m->has_bad);
	smp_mb();	/* before a flag says that it is there */
	return m->bad ? 0 : -ENOMEM;
}

int emd_array_add_bad(struct emd_array *a, struct mdk_member *m, u64 begin, u64 end, bool known)
{
	int error = add_bad(a, m, begin, end, known, EMD_BAD_KNOWN);

	if (!error && test_bit(EMD_MF_BAD_UNACKED, &m->flags))
		emd_array_acknowledge_bad(a, m);
	return error;
}

bool emd_array_acknowledge_bad(struct emd_array *a, struct mdk_member *m)
{
	bool live, held = false;
	unsigned long flags;

	spin_lock_irqsave(&a->member.member_lock, flags);
	live = MDU_MSTATE_LIVE(m->state);
	if (live && !emd_badblocks_acked(m->bad)) {
		spin_unlock_irqrestore(&a->member.member_lock, flags);
		return false;
	}
	if (live) {
		held = test_and_clear_bit(EMD_MF_BAD_UNACKED, &m->flags);
		clear_bit(EMD_MF_BLOCKED, &m->flags);
	}
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	if (held && atomic_dec_and_test(&a->priv->unacked))
		emd_gate_acknowledged(a);
	emd_sync_wake(a);
	if (held)
		emd_member_put(m);
	return true;
}

void emd_array_forget_bad(struct mdk_member *m)
{
	clear_bit(EMD_MF_EXTERNAL_BBL, &m->flags);
	clear_bit(EMD_MF_WRITE_ERROR, &m->flags);
	clear_bit(EMD_MF_BAD_CHANGED, &m->flags);
	if (m->bad)
		emd_badblocks_clear(m->bad);
}

/* A child whose list has changed, with its memory; marks it told. */
static struct mdk_member *next_changed(struct emd_array *a)
{
	struct mdk_member *m, *found = NULL;

	spin_lock_irq(&a->member.member_lock);
	emd_for_each_child(m, &a->member) {
		if (test_and_clear_bit(EMD_MF_BAD_CHANGED, &m->flags)) {
			emd_member_keep(m);
			found = m;
			break;
		}
	}
	spin_unlock_irq(&a->member.member_lock);
	return found;
}

void emd_array_tell_bad(struct emd_array *a)
{
	struct mdk_member *m;

	while ((m = next_changed(a))) {
		mutex_lock(&a->config_mutex);
		emd_member_notify(m, "unacknowledged_bad_blocks");
		emd_member_notify(m, "bad_blocks");
		emd_member_notify(m, "state");
		mutex_unlock(&a->config_mutex);
		emd_member_forget(m);
	}
}
