// SPDX-License-Identifier: GPL-2.0-only
/*
 * Theory
 *
 * A bio passes: map (is the array running?) > writes (is the gate open?) > ranges > route
 * (old or new geometry) > bitmap (is it known that it may be written?) > personality. Each step either passes at once or takes the bio
 * out: to an error, to @parked, to a range's or the bitmap's queue or to the worker. What is taken out
 * gives back everything that it got in the steps before, so nothing can wait for it.
 *
 * How many writes are in flight is known without a shared counter: @writes is a percpu
 * reference that lives while the gate is open. Shutting the gate kills it (new writes are
 * parked from then on) and looks, or waits, for zero. A clean array has its gate shut;
 * so the first write finds it shut, is parked, and somebody opens: at once without
 * metadata, or when the monitor has made "dirty" durable and answers `active`.
 */
#include <linux/completion.h>
#include <linux/workqueue.h>

#include "emd_bitmap.h"
#include "emd_compat_acct.h"
#include "emd_gate_request.h"
#include "emd_leaf.h"

/* -- worker ---------------------------------------------------------------------------- */

void emd_gate_punt(struct emd_array *a, struct bio *bio)
{
	struct emd_gate *g = emd_array_gate(a);
	unsigned long flags;

	spin_lock_irqsave(&g->lock, flags);
	bio_list_add(&g->punted, bio);
	queue_work(emd_array_wq(a, EMD_QUEUE_ADMIT), &g->submit_work);	/* inside: once somebody can end @bio, @a may go */
	spin_unlock_irqrestore(&g->lock, flags);
}

/* Once it is in the list the work, called by another, may end it; the array's memory outlives the disk by a grace period. */
static void request_punt(struct emd_io *io)
{
	struct emd_gate_request *rq = emd_gate_request_of(io);
	struct emd_array *a = rq->array;
	struct emd_gate *g = emd_array_gate(a);

	rcu_read_lock();
	llist_add(&rq->held, &g->punted_ios);
	queue_work(emd_array_wq(a, EMD_QUEUE_END), &g->punted_work);
	rcu_read_unlock();
}

/* Requests that the personality handed back: they hold a request's memory, which bios in submit_work may wait for. */
static void punted_work(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, punted_work);
	struct emd_gate_request *rq, *next;

	llist_for_each_entry_safe(rq, next, llist_reverse_order(llist_del_all(&g->punted_ios)), held) {
		rq->io.flags |= EMD_IO_CAN_WAIT;
		rq->io.map->pers->submit(&rq->io);
	}
}

static void gate_pass(struct emd_array *a, struct bio *bio, bool can_wait);

static void submit_work(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, submit_work);
	struct emd_array *a = emd_gate_array(g);
	struct bio_list bios;
	struct bio *bio;

	spin_lock_irq(&g->lock);
	bios = g->punted;
	bio_list_init(&g->punted);
	spin_unlock_irq(&g->lock);
	while ((bio = bio_list_pop(&bios)))
		gate_pass(a, bio, true);
}

/* -- admission --------------------------------------------------------------------------- */

void emd_gate_park(struct emd_array *a, struct bio *bio)
{
	struct emd_gate *g = emd_array_gate(a);
	unsigned long flags;

	if (bio->bi_opf & REQ_NOWAIT) {
		bio_wouldblock_error(bio);
		return;
	}
	spin_lock_irqsave(&g->lock, flags);
	bio_list_add(&g->parked, bio);
	queue_work(emd_array_wq(a, EMD_QUEUE_ADMIT), &g->open_work);	/* inside, as above */
	spin_unlock_irqrestore(&g->lock, flags);
}

static void note_write(struct emd_gate *g)
{
	if (likely(READ_ONCE(g->wrote)))
		return;
	WRITE_ONCE(g->wrote, true);
	if (READ_ONCE(g->idle)) {
		WRITE_ONCE(g->idle, false);
		queue_delayed_work(emd_config_wq, &g->tick, msecs_to_jiffies(g->idle_ms));
	}
}

/* The map that serves @bio's beginning, in place of @rq's; @limit where that ends. */
static void route(struct emd_array *a, struct emd_gate_request *rq, struct bio *bio, u64 *limit)
{
	struct emd_map *map = emd_reshape_route(a, bio->bi_iter.bi_sector, limit);

	if (!map)
		return;
	emd_map_exit(rq->io.map);
	rq->io.map = map;
}

static void drop_request(struct emd_array *a, struct emd_gate_request *rq)
{
	struct emd_map *map = rq->io.map;
	bool write = rq->write;
	unsigned long flags;

	if (rq->ranged)
		emd_range_exit(a->ranges, &rq->holder);
	local_irq_save(flags);
	emd_gate_request_free(emd_array_gate(a), rq);
	local_irq_restore(flags);
	if (write)
		percpu_ref_put(&emd_array_gate(a)->writes);
	emd_map_exit(map);
}

static __always_inline void member_submit(struct mdk_member *m, struct bio *bio)
{
	struct emd_array *a;

	if (likely(m->type == MDU_MTYPE_LEAF)) {
		struct block_device *bdev = emd_member_leaf(m)->bdev.bdev;

		/* Or else the bio was made for it. A clone of one that was at a partition says that it is remapped, and is not. */
		if (bio->bi_bdev != bdev || bio_flagged(bio, BIO_REMAPPED))
			bio_set_dev(bio, bdev);
		submit_bio_noacct(bio);
		return;
	}
	a = emd_member_array(m);
	/* Not a flush: that goes another way than the punted ones, and is queued there anyway. */
	if (emd_gate_is_deep(a) && !(bio->bi_opf & REQ_PREFLUSH))
		emd_gate_punt(a, bio);
	else
		emd_gate_submit(a, bio);
}

/* A bio that the personality can send on itself needs no more. A part of a chain may not: it would only end with the whole. */
static __always_inline bool send_on(const struct emd_personality *pers, struct emd_gate_request *rq, struct bio *bio)
{
	struct mdk_member *m = bio_flagged(bio, BIO_CHAIN) ? NULL : pers->remap(rq->io.map, bio);

	if (!m)
		return false;
	rq->io.flags = EMD_IO_ENDED;
	rq->io.pers_private = m;
	bio->bi_end_io = emd_gate_remapped_end;
	bio->bi_private = rq;
	member_submit(m, bio);
	return true;
}

static __always_inline void start_request(struct emd_array *a, struct emd_gate_request *rq, struct bio *bio, bool can_wait)
{
	const struct emd_personality *pers = rq->io.map->pers;

	rq->array = a;
	rq->bio = bio;
	rq->end_io = bio->bi_end_io;
	rq->private = bio->bi_private;
	rq->bdev = bio->bi_bdev;
	rq->sectors = bio_sectors(bio);
	rq->counted = !a->depth && blk_queue_io_stat(a->disk->queue);
	if (rq->counted)
		rq->started = emd_acct_start(bio, rq->sectors);
	if (pers->remap && send_on(pers, rq, bio))
		return;
	/* A redundant level takes no EAGAIN from a member for an answer. */
	if (pers->redundant)
		bio->bi_opf &= ~REQ_NOWAIT;
	rq->io.bio = bio;
	rq->io.done = emd_gate_request_done;
	rq->io.punt = request_punt;
	rq->io.flags = (bio_flagged(bio, BIO_CHAIN) ? 0 : EMD_IO_WHOLE) | (can_wait ? EMD_IO_CAN_WAIT : 0);
	rq->io.status = BLK_STS_OK;
	rq->io.pers_private = NULL;
	atomic_set(&rq->io.pending, 0);
	pers->submit(&rq->io);
}

/* Both parts go through the gate; the front is chained to the rest and keeps it from ending. */
static struct bio *split_front(struct emd_array *a, struct bio *bio, u64 limit, gfp_t gfp)
{
	struct bio *front = bio_split(bio, limit - bio->bi_iter.bi_sector, gfp, &emd_array_gate(a)->splits);

	if (IS_ERR_OR_NULL(front))
		return NULL;
	bio_chain(front, bio);
	return front;
}

static noinline void no_memory(struct emd_array *a, struct bio *bio)
{
	if (bio->bi_opf & REQ_NOWAIT)
		bio_wouldblock_error(bio);
	else
		emd_gate_punt(a, bio);
}

static gfp_t request_gfp(bool can_wait)
{
	return can_wait ? GFP_NOIO : GFP_NOWAIT | __GFP_NOWARN;
}

/* @rq gets its references, with interrupts off; without a map none. */
static __always_inline void enter_map(struct emd_array *a, struct emd_gate *g, struct emd_gate_request *rq, bool write)
{
	struct emd_map *map = rcu_dereference_sched(a->map);

	if (unlikely(!map || !emd_ref_tryget_live_irqsoff(&map->ref)))
		map = NULL;
	rq->io.map = map;
	rq->write = write && map && emd_ref_tryget_live_irqsoff(&g->writes);
}

/* There is no spare request. Memory comes first: who waits for it holds nothing that another request may wait for. */
static noinline struct emd_gate_request *request_alloc(struct emd_array *a, struct emd_gate *g, bool write, gfp_t gfp)
{
	struct emd_gate_request *rq = mempool_alloc(&g->requests, gfp);
	unsigned long flags;

	if (!rq)
		return NULL;
	local_irq_save(flags);
	enter_map(a, g, rq, write);
	local_irq_restore(flags);
	return rq;
}

/* A request with its references, or NULL without memory: a spare one and the references are taken at once. */
static __always_inline struct emd_gate_request *request_begin(struct emd_array *a, struct emd_gate *g, bool write, bool can_wait)
{
	struct emd_gate_request *rq = NULL;
	struct llist_node *spare;
	unsigned long flags;

	local_irq_save(flags);
	spare = emd_spare_take(&emd_gate_spares);
	if (likely(spare)) {
		rq = llist_entry(spare, struct emd_gate_request, held);
		enter_map(a, g, rq, write);
	}
	local_irq_restore(flags);
	return likely(rq) ? rq : request_alloc(a, g, write, request_gfp(can_wait));
}

/* The map was being replaced, or there is none. Return: is there one? */
static noinline bool enter_map_again(struct emd_array *a, struct emd_gate *g, struct emd_gate_request *rq, struct bio *bio)
{
	unsigned long flags;

	rq->io.map = emd_map_enter(a);
	if (rq->io.map) {
		rq->write = op_is_write(bio_op(bio)) && percpu_ref_tryget_live(&g->writes);
		return true;
	}
	local_irq_save(flags);
	emd_gate_request_free(g, rq);
	local_irq_restore(flags);
	bio_io_error(bio);
	return false;
}

enum passage { PASSED, DROPPED, SPLIT };

/* A reshape is at work, and @rq has entered its range: must it wait, and which geometry serves it? SPLIT: @bio is what is left. */
static noinline enum passage pass_reshape(struct emd_array *a, struct emd_gate_request *rq, struct bio *bio, bool can_wait)
{
	u64 end = bio_end_sector(bio), limit = end;
	struct bio *front;

	if (rq->write && emd_reshape_blocks(a, bio->bi_iter.bi_sector, end)) {
		drop_request(a, rq);
		emd_gate_park(a, bio);
		return DROPPED;
	}
	route(a, rq, bio, &limit);
	if (limit >= end)
		return PASSED;
	drop_request(a, rq);
	front = split_front(a, bio, limit, request_gfp(can_wait));
	if (!front) {
		no_memory(a, bio);
		return DROPPED;
	}
	gate_pass(a, front, can_wait);
	return SPLIT;
}

/*
 * Admits @bio and submits it; what few requests need is done elsewhere. Return: what is left of it when it had to be split,
 * otherwise NULL.
 */
static __always_inline struct bio *gate_enter(struct emd_array *a, struct bio *bio, bool can_wait)
{
	struct emd_gate *g = emd_array_gate(a);
	struct emd_gate_request *rq;
	struct emd_bitmap *bm;
	enum passage passage;
	bool reshape, write;

	write = op_is_write(bio_op(bio));
	rq = request_begin(a, g, write, can_wait);
	if (unlikely(!rq)) {
		no_memory(a, bio);
		return NULL;
	}
	rq->ranged = false;
	rq->noted = NULL;
	if (unlikely(!rq->io.map) && !enter_map_again(a, g, rq, bio))
		return NULL;
	if (rq->write) {
		note_write(g);
	} else if (unlikely(write)) {
		drop_request(a, rq);
		emd_gate_park(a, bio);
		return NULL;
	}
	/* Asked once: who saw none holds a map that the start of a reshape waits for. */
	smp_rmb();	/* pairs with emd_map_swap(): with the new map the reshape is seen too */
	reshape = rcu_access_pointer(a->reshape);
	/* Without one, only syncs lock ranges, and they let reads pass. */
	if ((rq->write && rq->io.map->pers->redundant) || unlikely(reshape)) {
		if (!emd_range_enter(a->ranges, &rq->holder, bio)) {
			drop_request(a, rq);
			return NULL;
		}
		rq->ranged = true;
		if (unlikely(rcu_access_pointer(a->reshape))) {
			passage = pass_reshape(a, rq, bio, can_wait);
			if (passage != PASSED)
				return passage == SPLIT ? bio : NULL;
		}
	}
	bm = emd_bitmap_of(a);	/* asked once: it may be taken away, but not what this map has seen */
	if (unlikely(bm) && rq->write) {
		rq->noted = emd_bitmap_enter(bm, &rq->io.map->geo, bio);
		if (!rq->noted) {
			drop_request(a, rq);
			return NULL;
		}
	}
	start_request(a, rq, bio, can_wait);
	return NULL;
}

static bool op_supported(const struct bio *bio)
{
	const u64 ops = BIT_ULL(REQ_OP_READ) | BIT_ULL(REQ_OP_WRITE) | BIT_ULL(REQ_OP_DISCARD) | BIT_ULL(REQ_OP_WRITE_ZEROES);

	return ops >> (__force u32)bio_op(bio) & 1;
}

static noinline void gate_pass(struct emd_array *a, struct bio *bio, bool can_wait)
{
	while (bio)
		bio = gate_enter(a, bio, can_wait);
}

/* Nothing that could be asked of a member. */
static noinline void end_at_once(struct bio *bio)
{
	if (!op_supported(bio))
		bio->bi_status = BLK_STS_NOTSUPP;
	bio_endio(bio);
}

void emd_gate_data(struct emd_array *a, struct bio *bio, bool can_wait)
{
	if (unlikely(!op_supported(bio) || !bio_sectors(bio)))
		end_at_once(bio);
	else
		gate_pass(a, bio, can_wait);
}

/* The way of nearly all bios is in one function: a call would save and restore all registers once more. */
void emd_gate_submit(struct emd_array *a, struct bio *bio)
{
	if (unlikely(bio->bi_opf & REQ_PREFLUSH)) {
		emd_gate_flush_bio(a, bio);
	} else if (unlikely(!op_supported(bio) || !bio_sectors(bio))) {
		end_at_once(bio);
	} else {
		bio = gate_enter(a, bio, false);
		if (unlikely(bio))
			gate_pass(a, bio, false);
	}
}

void emd_member_submit(struct mdk_member *m, struct bio *bio)
{
	member_submit(m, bio);
}

struct waited {
	struct completion done;
	blk_status_t status;
};

static void waited_end_io(struct bio *bio)
{
	struct waited *w = bio->bi_private;

	w->status = bio->bi_status;
	complete(&w->done);
}

blk_status_t emd_member_submit_wait(struct mdk_member *m, struct bio *bio)
{
	struct waited w = { .done = COMPLETION_INITIALIZER_ONSTACK(w.done) };

	bio->bi_private = &w;
	bio->bi_end_io = waited_end_io;
	emd_member_submit(m, bio);
	wait_for_completion_io(&w.done);
	return w.status;
}

void emd_gate_admit_init(struct emd_gate *g)
{
	init_llist_head(&g->punted_ios);
	bio_list_init(&g->parked);
	bio_list_init(&g->punted);
	INIT_WORK(&g->submit_work, submit_work);
	INIT_WORK(&g->punted_work, punted_work);
}
