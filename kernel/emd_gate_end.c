// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request ends: at once, from a worker because the stack is deep, or when a failure that it met is durable.
 *
 * A write ends in the order: range, map, then perhaps @held until the failure of a member
 * that it missed is durable, then @writes. The map goes first because the failure's own
 * work publishes a new one.
 *
 * A write may be *answered* before it ends (emd_io_answer()). Then its bio is gone, and all else ends as ever. Nobody who has the array
 * open stands for it any more, so it counts as a user of the array itself until it has left (@early).
 */
#include <linux/ratelimit.h>

#include "emd_bitmap.h"
#include "emd_compat_acct.h"
#include "emd_gate_request.h"

static bio_end_io_t *chain_end;	/* what a part of a chain has there: a mark for bio_endio(), not to be called */

static void end_from_worker(struct emd_array *a, struct bio *bio)
{
	struct emd_gate *g = emd_array_gate(a);
	unsigned long flags;

	spin_lock_irqsave(&g->lock, flags);
	bio_list_add(&g->ended, bio);
	queue_work(emd_array_wq(a, EMD_QUEUE_END), &g->ended_work);
	spin_unlock_irqrestore(&g->lock, flags);
}

static void ended_work(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, ended_work);
	struct bio_list ended;
	struct bio *bio;

	spin_lock_irq(&g->lock);
	ended = g->ended;
	bio_list_init(&g->ended);
	spin_unlock_irq(&g->lock);
	while ((bio = bio_list_pop(&ended)))
		bio_endio(bio);
}

/*
 * The request's memory, and then its references: nothing of the array may be touched any more.
 * @map: what still keeps the array, or NULL when the write's own reference does.
 */
static __always_inline void leave(struct emd_gate *g, struct emd_gate_request *rq, struct emd_map *map)
{
	bool write = rq->write;
	unsigned long flags;

	local_irq_save(flags);
	emd_gate_request_free(g, rq);
	if (write)
		emd_ref_put_irqsoff(&g->writes);
	if (map)
		emd_ref_put_irqsoff(&map->ref);
	local_irq_restore(flags);
}

/* @ended: the bio itself was sent, so the block layer has ended it. */
static __always_inline void request_finish(struct emd_gate_request *rq, struct emd_map *map, bool ended)
{
	struct emd_array *a = rq->array;
	struct bio *bio = rq->bio;

	if (rq->counted)
		emd_acct_end(bio->bi_bdev, bio_op(bio), rq->sectors, rq->started);
	if (unlikely(emd_gate_is_deep(a))) {
		end_from_worker(a, bio);	/* who ends it goes on without us, and needs what we hold until then */
		leave(emd_array_gate(a), rq, map);
		return;
	}
	leave(emd_array_gate(a), rq, map);
	if (ended && bio->bi_end_io != chain_end)
		bio->bi_end_io(bio);
	else
		bio_endio(bio);
}

/* There is nobody left to be told. */
static void answered_finish(struct emd_gate_request *rq, struct emd_map *map)
{
	struct emd_gate *g = emd_array_gate(rq->array);

	if (atomic_dec_and_test(&g->early))
		wake_up_all(&g->opened);
	leave(g, rq, map);
}

static void hold_again(struct emd_gate *g, struct llist_node *held)
{
	struct llist_node *last = held;

	while (last->next)
		last = last->next;
	llist_add_batch(held, last, &g->held);
}

/*
 * A write is held after the failure that it met was counted. So if nothing is counted once it was taken out, all that
 * it met is durable; if something is, it may be a failure that came after the acknowledgement which called us.
 */
static void held_work(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, held_work);
	struct emd_array *a = emd_gate_array(g);
	struct emd_gate_request *rq, *next;
	struct llist_node *held;

	while ((held = llist_del_all(&g->held))) {
		if (unlikely(atomic_read(&a->priv->unacked))) {
			hold_again(g, held);
			if (atomic_read(&a->priv->unacked))
				return;		/* who acknowledges it calls us */
			continue;
		}
		llist_for_each_entry_safe(rq, next, llist_reverse_order(held), held) {
			if (unlikely(!rq->bio))
				answered_finish(rq, NULL);
			else
				request_finish(rq, NULL, rq->io.flags & EMD_IO_ENDED);
		}
	}
}

void emd_gate_acknowledged(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	queue_work(emd_array_wq(a, EMD_QUEUE_END), &g->held_work);
	queue_work(emd_array_wq(a, EMD_QUEUE_ADMIT), &g->flushed_work);
}

static void request_hold(struct emd_gate_request *rq)
{
	struct emd_array *a = rq->array;

	llist_add(&rq->held, &emd_array_gate(a)->held);
	smp_mb__after_atomic();	/* pairs with the decrement in emd_array_acknowledge() */
	if (!atomic_read(&a->priv->unacked))
		emd_gate_acknowledged(a);
}

static __always_inline void request_end(struct emd_gate_request *rq, blk_status_t status, bool ended)
{
	struct emd_array *a = rq->array;
	struct emd_map *map = rq->io.map;
	struct bio *bio = rq->bio;

	bio->bi_end_io = rq->end_io;
	bio->bi_private = rq->private;
	bio->bi_bdev = rq->bdev;
	if (status)	/* a part that was split off may have left its own */
		bio->bi_status = status;
	if (rq->ranged)
		emd_range_exit(a->ranges, &rq->holder);
	if (unlikely(rq->noted))
		emd_bitmap_exit(rq->noted);
	if (rq->write && unlikely(atomic_read(&a->priv->unacked))) {
		request_hold(rq);
		emd_map_exit(map);
		return;
	}
	request_finish(rq, map, ended);
}

void emd_gate_request_done(struct emd_io *io, blk_status_t status)
{
	request_end(emd_gate_request_of(io), status, io->flags & EMD_IO_ENDED);
}

void emd_gate_remapped_end(struct bio *bio)
{
	struct emd_gate_request *rq = bio->bi_private;

	if (unlikely(bio->bi_status))
		emd_member_error_only_copy(rq->array, rq->io.pers_private, bio);
	request_end(rq, BLK_STS_OK, true);
}

/* -- answered early ---------------------------------------------------------------------------------- */

u32 emd_array_backlog(const struct emd_array *a)
{
	bool none = !rcu_access_pointer(a->bitmap) || READ_ONCE(a->priv->gate.flush_starts);

	return none ? 0 : READ_ONCE(a->backlog);
}

void emd_array_backlog_used(struct emd_array *a, u32 nr)
{
	if (nr > READ_ONCE(a->backlog_used))
		WRITE_ONCE(a->backlog_used, nr);
}

/* Its submitter believes that it is written. */
static noinline void answered_lost(struct emd_gate_request *rq)
{
	atomic_set(&emd_array_gate(rq->array)->lost, 1);
	pr_err_ratelimited("%s: a write that was reported early (bitmap/backlog) is lost: the next flush fails\n",
			   rq->array->member.name);
}

static void answered_done(struct emd_io *io, blk_status_t status)
{
	struct emd_gate_request *rq = emd_gate_request_of(io);
	struct emd_array *a = rq->array;
	struct emd_map *map = io->map;

	if (rq->ranged)
		emd_range_exit(a->ranges, &rq->holder);
	emd_bitmap_exit(rq->noted);
	if (unlikely(status))
		answered_lost(rq);	/* before the round that waits for it begins */
	emd_gate_answered_end(a);
	if (atomic_read(&a->priv->unacked)) {
		request_hold(rq);
		emd_map_exit(map);
		return;
	}
	answered_finish(rq, map);
}

bool emd_io_answer(struct emd_io *io)
{
	struct emd_gate_request *rq = emd_gate_request_of(io);
	struct emd_array *a = rq->array;
	struct bio *bio = rq->bio;

	if (io->done != emd_gate_request_done || !rq->noted || atomic_read(&a->priv->unacked))
		return false;
	io->done = answered_done;
	io->bio = NULL;
	rq->bio = NULL;
	atomic_inc(&emd_array_gate(a)->early);
	atomic_inc(&emd_array_gate(a)->answered);
	bio->bi_end_io = rq->end_io;
	bio->bi_private = rq->private;
	bio->bi_bdev = rq->bdev;
	if (rq->counted)
		emd_acct_end(bio->bi_bdev, bio_op(bio), rq->sectors, rq->started);
	if (unlikely(emd_gate_is_deep(a)))
		end_from_worker(a, bio);
	else
		bio_endio(bio);
	return true;
}

static bool in_use(struct emd_array *a)
{
	return READ_ONCE(a->priv->opens) || READ_ONCE(a->priv->claimed);
}

int emd_gate_await_early(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	return wait_event_interruptible(g->opened, !atomic_read(&g->early) || in_use(a)) ? -EINTR : 0;
}

void emd_gate_end_init(struct emd_gate *g)
{
	init_llist_head(&g->held);
	bio_list_init(&g->ended);
	INIT_WORK(&g->ended_work, ended_work);
	INIT_WORK(&g->held_work, held_work);
}

void emd_gate_end_module_init(void)
{
	struct bio part, whole;

	bio_init(&part, NULL, NULL, 0, 0);
	bio_init(&whole, NULL, NULL, 0, 0);
	bio_chain(&part, &whole);
	chain_end = part.bi_end_io;
}
