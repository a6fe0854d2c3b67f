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
 *
 * A write ends in the order: range, map, then perhaps @held until the failure of a member
 * that it missed is durable, then @writes. The map goes first because the failure's own
 * work publishes a new one.
 */
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "emd_array_private.h"
#include "emd_bitmap.h"
#include "emd_compat.h"
#include "emd_spare.h"

#define STACKED_ARRAYS	4	/* arrays that may call each other directly */
#define RESERVED_REQUESTS 16

struct gate_request {
	struct emd_io		io;
	struct emd_array	*array;
	struct bio		*bio;
	bio_end_io_t		*end_io;
	void			*private;
	struct block_device	*bdev;
	struct emd_range_holder	holder;
	struct percpu_ref	*noted;		/* in the bitmap; NULL without one */
	struct llist_node	held;
	unsigned long		started;
	unsigned int		sectors;
	bool			write;
	bool			ranged;
	bool			counted;
};

static struct kmem_cache *request_cache;
static bio_end_io_t *chain_end;	/* what a part of a chain has there: a mark for bio_endio(), not to be called */

static DEFINE_PER_CPU(struct emd_spare, spare_requests);

static struct gate_request *request_alloc(struct emd_gate *g, gfp_t gfp)
{
	struct llist_node *spare = emd_spare_take(&spare_requests);

	return spare ? llist_entry(spare, struct gate_request, held) : mempool_alloc(&g->requests, gfp);
}

/* An array's reserve goes before the spare ones: somebody may wait for it. */
static void request_free(struct emd_gate *g, struct gate_request *rq)
{
	if (READ_ONCE(g->requests.curr_nr) < g->requests.min_nr || !emd_spare_keep(&spare_requests, &rq->held))
		mempool_free(rq, &g->requests);
}

static struct gate_request *io_request(struct emd_io *io)
{
	return container_of(io, struct gate_request, io);
}

/* -- ending ---------------------------------------------------------------------------- */

/* The last array of a stack of STACKED_ARRAYS hands the way up to its worker. */
static bool stack_is_deep(const struct emd_array *a)
{
	return a->depth && a->depth % STACKED_ARRAYS == 0;
}

static void end_from_worker(struct emd_array *a, struct bio *bio)
{
	struct emd_gate *g = emd_array_gate(a);
	unsigned long flags;

	spin_lock_irqsave(&g->lock, flags);
	bio_list_add(&g->ended, bio);
	queue_work(g->wq, &g->ended_work);
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
static void request_finish(struct gate_request *rq, struct emd_map *map)
{
	struct emd_array *a = rq->array;
	struct emd_gate *g = emd_array_gate(a);
	struct bio *bio = rq->bio;
	bool write = rq->write, deep = stack_is_deep(a), ended = rq->io.flags & EMD_IO_ENDED;

	if (rq->counted)
		emd_end_io_acct(bio->bi_bdev, bio_op(bio), rq->sectors, rq->started);
	request_free(g, rq);
	if (deep)
		end_from_worker(a, bio);
	if (write)
		percpu_ref_put(&g->writes);
	if (map)
		emd_map_exit(map);
	if (deep)
		return;
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
	struct emd_array *a = container_of(g, struct emd_array_private, gate)->array;
	struct gate_request *rq, *next;
	struct llist_node *held;

	while ((held = llist_del_all(&g->held))) {
		if (unlikely(atomic_read(&a->priv->unacked))) {
			hold_again(g, held);
			if (atomic_read(&a->priv->unacked))
				return;		/* who acknowledges it calls us */
			continue;
		}
		llist_for_each_entry_safe(rq, next, llist_reverse_order(held), held)
			request_finish(rq, NULL);
	}
}

void emd_gate_acknowledged(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	queue_work(g->wq, &g->held_work);
	queue_work(g->admit_wq, &g->flushed_work);
}

static void request_hold(struct gate_request *rq)
{
	struct emd_array *a = rq->array;

	llist_add(&rq->held, &emd_array_gate(a)->held);
	smp_mb__after_atomic();	/* pairs with the decrement in emd_array_acknowledge() */
	if (!atomic_read(&a->priv->unacked))
		emd_gate_acknowledged(a);
}

static void request_done(struct emd_io *io, blk_status_t status)
{
	struct gate_request *rq = io_request(io);
	struct emd_array *a = rq->array;
	struct emd_map *map = io->map;
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
	request_finish(rq, map);
}

/* -- worker ---------------------------------------------------------------------------- */

void emd_gate_punt(struct emd_array *a, struct bio *bio)
{
	struct emd_gate *g = emd_array_gate(a);
	unsigned long flags;

	spin_lock_irqsave(&g->lock, flags);
	bio_list_add(&g->punted, bio);
	spin_unlock_irqrestore(&g->lock, flags);
	queue_work(g->admit_wq, &g->submit_work);
}

static void request_punt(struct emd_io *io)
{
	struct gate_request *rq = io_request(io);
	struct emd_gate *g = emd_array_gate(rq->array);

	llist_add(&rq->held, &g->punted_ios);
	queue_work(g->wq, &g->punted_work);
}

/* Requests that the personality handed back: they hold a request's memory, which bios in submit_work may wait for. */
static void punted_work(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, punted_work);
	struct gate_request *rq, *next;

	llist_for_each_entry_safe(rq, next, llist_reverse_order(llist_del_all(&g->punted_ios)), held) {
		rq->io.flags |= EMD_IO_CAN_WAIT;
		rq->io.map->pers->submit(&rq->io);
	}
}

static void gate_pass(struct emd_array *a, struct bio *bio, bool can_wait);

static void submit_work(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, submit_work);
	struct emd_array *a = container_of(g, struct emd_array_private, gate)->array;
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
	spin_unlock_irqrestore(&g->lock, flags);
	queue_work(emd_config_wq, &g->open_work);
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
static void route(struct emd_array *a, struct gate_request *rq, struct bio *bio, u64 *limit)
{
	struct emd_map *map = emd_reshape_route(a, bio->bi_iter.bi_sector, limit);

	if (!map)
		return;
	emd_map_exit(rq->io.map);
	rq->io.map = map;
}

static void drop_request(struct emd_array *a, struct gate_request *rq)
{
	struct emd_map *map = rq->io.map;
	bool write = rq->write;

	if (rq->ranged)
		emd_range_exit(a->ranges, &rq->holder);
	request_free(emd_array_gate(a), rq);
	if (write)
		percpu_ref_put(&emd_array_gate(a)->writes);
	emd_map_exit(map);
}

static void start_request(struct emd_array *a, struct gate_request *rq, struct bio *bio, bool can_wait)
{
	rq->array = a;
	rq->bio = bio;
	rq->end_io = bio->bi_end_io;
	rq->private = bio->bi_private;
	rq->bdev = bio->bi_bdev;
	rq->sectors = bio_sectors(bio);
	rq->counted = !a->depth && blk_queue_io_stat(a->disk->queue);
	if (rq->counted)
		rq->started = bio_start_io_acct(bio);
	/* A redundant level takes no EAGAIN from a member for an answer. */
	if (rq->io.map->pers->redundant)
		bio->bi_opf &= ~REQ_NOWAIT;
	rq->io.bio = bio;
	rq->io.done = request_done;
	rq->io.punt = request_punt;
	rq->io.flags = (bio_flagged(bio, BIO_CHAIN) ? 0 : EMD_IO_WHOLE) | (can_wait ? EMD_IO_CAN_WAIT : 0);
	rq->io.status = BLK_STS_OK;
	rq->io.pers_private = NULL;
	atomic_set(&rq->io.pending, 0);
	rq->io.map->pers->submit(&rq->io);
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

/* Admits @bio and submits it. Return: what is left of it when it had to be split, otherwise NULL. */
static struct bio *gate_enter(struct emd_array *a, struct bio *bio, bool can_wait)
{
	struct emd_gate *g = emd_array_gate(a);
	gfp_t gfp = can_wait ? GFP_NOIO : GFP_NOWAIT | __GFP_NOWARN;
	u64 end = bio_end_sector(bio), limit = end;
	struct gate_request *rq;
	struct emd_bitmap *bm;
	struct bio *front;
	bool reshape, write;

	rq = request_alloc(g, gfp);
	if (!rq)
		goto punt;
	rq->ranged = false;
	rq->noted = NULL;
	write = op_is_write(bio_op(bio));
	rcu_read_lock();
	rq->io.map = emd_map_enter_rcu(a);
	rq->write = write && rq->io.map && percpu_ref_tryget_live_rcu(&g->writes);
	rcu_read_unlock();
	if (unlikely(!rq->io.map)) {
		request_free(g, rq);
		bio_io_error(bio);
		return NULL;
	}
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
	if ((rq->write && rq->io.map->pers->redundant) || reshape) {
		if (!emd_range_enter(a->ranges, &rq->holder, bio)) {
			drop_request(a, rq);
			return NULL;
		}
		rq->ranged = true;
	}
	if (unlikely(rq->ranged && rcu_access_pointer(a->reshape))) {
		if (rq->write && emd_reshape_blocks(a, bio->bi_iter.bi_sector, end)) {
			drop_request(a, rq);
			emd_gate_park(a, bio);
			return NULL;
		}
		route(a, rq, bio, &limit);
		if (limit < end) {
			drop_request(a, rq);
			front = split_front(a, bio, limit, gfp);
			if (!front)
				goto punt;
			gate_pass(a, front, can_wait);
			return bio;
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
punt:
	if (bio->bi_opf & REQ_NOWAIT)
		bio_wouldblock_error(bio);
	else
		emd_gate_punt(a, bio);
	return NULL;
}

static bool op_supported(const struct bio *bio)
{
	switch (bio_op(bio)) {
	case REQ_OP_READ:
	case REQ_OP_WRITE:
	case REQ_OP_DISCARD:
	case REQ_OP_WRITE_ZEROES:
		return true;
	default:
		return false;
	}
}

static void gate_pass(struct emd_array *a, struct bio *bio, bool can_wait)
{
	while (bio)
		bio = gate_enter(a, bio, can_wait);
}

void emd_gate_submit(struct emd_array *a, struct bio *bio)
{
	if (unlikely(bio->bi_opf & REQ_PREFLUSH))
		emd_gate_flush_bio(a, bio);
	else
		emd_gate_data(a, bio, false);
}

void emd_gate_data(struct emd_array *a, struct bio *bio, bool can_wait)
{
	if (unlikely(!op_supported(bio))) {
		bio->bi_status = BLK_STS_NOTSUPP;
		bio_endio(bio);
		return;
	}
	if (unlikely(!bio_sectors(bio))) {
		bio_endio(bio);
		return;
	}
	gate_pass(a, bio, can_wait);
}

void emd_member_submit(struct mdk_member *m, struct bio *bio)
{
	struct emd_array *a;

	if (m->type == MDU_MTYPE_LEAF) {
		/* Or else the bio was made for it. A clone of one that was at a partition says that it is remapped, and is not. */
		if (bio->bi_bdev != emd_member_bdev(m) || bio_flagged(bio, BIO_REMAPPED))
			bio_set_dev(bio, emd_member_bdev(m));
		submit_bio_noacct(bio);
		return;
	}
	a = emd_member_array(m);
	if (stack_is_deep(a))
		emd_gate_punt(a, bio);
	else
		emd_gate_submit(a, bio);
}

/* -- opening and shutting ------------------------------------------------------------------ */

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
	queue_work(g->admit_wq, &g->submit_work);
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
	struct emd_array *a = container_of(g, struct emd_array_private, gate)->array;
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
	queue_work(emd_config_wq, &emd_array_gate(a)->open_work);
}

/* Every idle_ms while the gate is open: has there been a write? */
static void tick(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, tick.work);
	struct emd_array *a = container_of(g, struct emd_array_private, gate)->array;

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

/* -- life ------------------------------------------------------------------------------------ */

int emd_gate_init(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);
	int error;

	spin_lock_init(&g->lock);
	mutex_init(&g->mode);
	init_completion(&g->shutting);
	init_waitqueue_head(&g->opened);
	init_llist_head(&g->held);
	init_llist_head(&g->punted_ios);
	bio_list_init(&g->parked);
	bio_list_init(&g->punted);
	bio_list_init(&g->ended);
	INIT_WORK(&g->open_work, open_work);
	INIT_WORK(&g->submit_work, submit_work);
	INIT_WORK(&g->punted_work, punted_work);
	INIT_WORK(&g->ended_work, ended_work);
	INIT_WORK(&g->held_work, held_work);
	INIT_DELAYED_WORK(&g->tick, tick);
	emd_gate_flush_init(a);
	g->idle_ms = EMD_DEFAULT_IDLE_MS;

	g->wq = alloc_workqueue("%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, a->member.name);
	if (!g->wq)
		return -ENOMEM;
	error = -ENOMEM;
	g->admit_wq = alloc_workqueue("%s_admit", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, a->member.name);
	if (!g->admit_wq)
		goto free_wq;
	error = mempool_init_slab_pool(&g->requests, RESERVED_REQUESTS, request_cache);
	if (error)
		goto free_admit_wq;
	error = bioset_init(&g->splits, BIO_POOL_SIZE, EMD_GATE_FRONT_PAD, 0);
	if (error)
		goto free_requests;
	error = percpu_ref_init(&g->writes, writes_idle, PERCPU_REF_INIT_DEAD | PERCPU_REF_ALLOW_REINIT, GFP_KERNEL);
	if (error)
		goto free_splits;
	return 0;
free_splits:
	bioset_exit(&g->splits);
free_requests:
	mempool_exit(&g->requests);
free_admit_wq:
	destroy_workqueue(g->admit_wq);
free_wq:
	destroy_workqueue(g->wq);
	return error;
}

void emd_gate_destroy(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	cancel_delayed_work_sync(&g->tick);
	cancel_work_sync(&g->open_work);
	destroy_workqueue(g->admit_wq);
	destroy_workqueue(g->wq);
	percpu_ref_exit(&g->writes);
	bioset_exit(&g->splits);
	mempool_exit(&g->requests);
}

int emd_gate_module_init(void)
{
	struct bio part, whole;

	bio_init(&part, NULL, NULL, 0, 0);
	bio_init(&whole, NULL, NULL, 0, 0);
	bio_chain(&part, &whole);
	chain_end = part.bi_end_io;
	request_cache = KMEM_CACHE(gate_request, 0);
	return request_cache ? 0 : -ENOMEM;
}

void emd_gate_module_exit(void)
{
	struct llist_node *spare;

	while ((spare = emd_spare_drain(&spare_requests)))
		kmem_cache_free(request_cache, llist_entry(spare, struct gate_request, held));
	kmem_cache_destroy(request_cache);
}
