// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request ends: at once, from a worker because the stack is deep, or when a failure that it met is durable.
 *
 * A write ends in the order: range, map, then perhaps @held until the failure of a member
 * that it missed is durable, then @writes. The map goes first because the failure's own
 * work publishes a new one.
 */
#include "emd_bitmap.h"
#include "emd_compat.h"
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

/* @map: what still keeps the array, or NULL when the write's own reference does. */
static __always_inline void put_references(struct emd_gate *g, struct emd_map *map, bool write)
{
	rcu_read_lock();
	if (write)
		emd_ref_put_rcu(&g->writes);
	if (map)
		emd_ref_put_rcu(&map->ref);
	rcu_read_unlock();
}

/* Of a deep stack: who ends @bio goes on without us. */
static noinline void finish_from_worker(struct emd_array *a, struct bio *bio, struct emd_map *map, bool write)
{
	end_from_worker(a, bio);
	put_references(emd_array_gate(a), map, write);
}

/* @ended: the bio itself was sent, so the block layer has ended it. */
static __always_inline void request_finish(struct emd_gate_request *rq, struct emd_map *map, bool ended)
{
	struct emd_array *a = rq->array;
	struct bio *bio = rq->bio;
	bool write = rq->write;

	if (rq->counted)
		emd_end_io_acct(bio->bi_bdev, bio_op(bio), rq->sectors, rq->started);
	emd_gate_request_free(emd_array_gate(a), rq);
	if (unlikely(emd_gate_is_deep(a))) {
		finish_from_worker(a, bio, map, write);
		return;
	}
	put_references(emd_array_gate(a), map, write);
	if (ended && bio->bi_end_io != chain_end)
		bio->bi_end_io(bio);
	else
		bio_endio(bio);
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
		llist_for_each_entry_safe(rq, next, llist_reverse_order(held), held)
			request_finish(rq, NULL, rq->io.flags & EMD_IO_ENDED);
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
