// SPDX-License-Identifier: GPL-2.0-only
/*
 * Theory
 *
 * A write with PREFLUSH means: what was reported written before must be durable before
 * this. So all members flush first, then the bio goes on without the flag. Rounds of
 * flushing do not overlap: who comes while one is under way joins the next, which begins
 * when that one has ended. Any number of callers so costs two rounds at most, and the
 * memory of a round is known beforehand.
 *
 * Some of it was reported before all members had it (emd_io_answer()): a round begins when there is nothing of that left. While it waits
 * nothing more is reported so early. If one of them was lost, the next round to begin fails, as a write would have.
 *
 * A member that fails takes with it what was only in its cache, also of writes that were
 * reported long ago. The others have it. But after a crash the metadata decides whom to
 * believe, and so a flush is not reported before the failure is durable, as a write is not.
 */
#include <linux/completion.h>

#include "emd_gate_request.h"
#include "emd_leaf.h"

static void flush_put(struct emd_flush *f)
{
	if (atomic_dec_and_test(&f->left))
		f->done(f);
}

static void member_flushed(struct bio *bio)
{
	struct emd_flush_bio *fb = container_of(bio, struct emd_flush_bio, bio);
	struct emd_flush *f = fb->flush;
	struct mdk_member *m = fb->member;

	if (bio->bi_status) {
		emd_member_error(f->array, m);
		if (MDU_MSTATE_LIVE(emd_member_state(m)))
			f->status = bio->bi_status;
	}
	bio_put(bio);
	emd_member_put(m);
	flush_put(f);
}

/* The replacement of a slot comes behind its member. */
static int place_of(const struct mdk_member *m)
{
	return m->replaces >= 0 ? 2 * m->replaces + 1 : 2 * m->priority;
}

struct mdk_member *emd_array_next_placed(struct emd_array *a, int *place)
{
	struct mdk_member *m, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&a->member.member_lock, flags);
	emd_for_each_child(m, &a->member) {
		int here = place_of(m);

		if (here > *place && (!found || here < place_of(found)) && test_bit(EMD_MF_PLACED, &m->flags) &&
		    MDU_MSTATE_LIVE(m->state))
			found = m;
	}
	/* It lives, and that cannot change under the lock. */
	if (found && WARN_ON_ONCE(!emd_member_tryget(found)))
		found = NULL;
	if (found)
		*place = place_of(found);
	spin_unlock_irqrestore(&a->member.member_lock, flags);
	return found;
}

static bool has_cache(struct mdk_member *m)
{
	return m->type == MDU_MTYPE_ARRAY || bdev_write_cache(emd_member_bdev(m));
}

static void flush_member(struct emd_flush *f, struct mdk_member *m)
{
	struct emd_flush_bio *fb;
	struct bio *bio;

	bio = bio_alloc_bioset(emd_member_bdev(m), 0, REQ_OP_WRITE | REQ_PREFLUSH, GFP_NOIO,
			       &emd_array_gate(f->array)->splits);
	fb = container_of(bio, struct emd_flush_bio, bio);
	fb->flush = f;
	fb->member = m;
	bio->bi_end_io = member_flushed;
	atomic_inc(&f->left);
	emd_member_submit(m, bio);
}

/* Process context of a worker: no bio of the caller is pending, so memory may be waited for. */
static void flush_start(struct emd_flush *f, struct emd_array *a, void (*done)(struct emd_flush *f))
{
	struct mdk_member *m;
	int place = -1;

	f->array = a;
	f->status = BLK_STS_OK;
	f->done = done;
	atomic_set(&f->left, 1);
	while ((m = emd_array_next_placed(a, &place))) {
		if (has_cache(m))
			flush_member(f, m);
		else
			emd_member_put(m);
	}
	flush_put(f);
}

static void round_done(struct emd_flush *f)
{
	struct emd_gate *g = container_of(f, struct emd_gate, flush);

	/* Who sees it sees the status. */
	smp_store_release(&g->flush_ended, true);
	queue_work(emd_array_wq(f->array, EMD_QUEUE_ADMIT), &g->flushed_work);
}

static void round_work(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, flush_work);
	struct emd_array *a = emd_gate_array(g);

	spin_lock_irq(&g->lock);
	smp_mb();	/* pairs with the decrement in emd_gate_answered_end() */
	if (!g->flush_starts || atomic_read_acquire(&g->answered)) {
		spin_unlock_irq(&g->lock);
		return;		/* the end of the last one calls us */
	}
	WRITE_ONCE(g->flush_starts, false);
	g->flush_lost = atomic_xchg(&g->lost, 0);	/* what is lost from now on was not to be flushed yet */
	g->flush_now = g->flush_next;
	bio_list_init(&g->flush_next);
	spin_unlock_irq(&g->lock);
	g->flush_map = emd_map_enter(a);
	if (g->flush_map) {
		flush_start(&g->flush, a, round_done);
	} else {
		g->flush.status = BLK_STS_IOERR;
		round_done(&g->flush);
	}
}

static void want_round(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	lockdep_assert_held(&g->lock);
	WRITE_ONCE(g->flush_starts, true);
	queue_work(emd_array_wq(a, EMD_QUEUE_ADMIT), &g->flush_work);
}

void emd_gate_answered_end(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	if (atomic_dec_and_test(&g->answered) && READ_ONCE(g->flush_starts))
		queue_work(emd_array_wq(a, EMD_QUEUE_ADMIT), &g->flush_work);
}

/* Return: true if the bios of the round may go on. If not, emd_gate_acknowledged() makes it be asked again. */
static bool round_over(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);
	struct emd_map *map = NULL;
	bool over = false;

	spin_lock_irq(&g->lock);
	if (smp_load_acquire(&g->flush_ended)) {
		over = !atomic_read(&a->priv->unacked);
		map = g->flush_map;
		g->flush_map = NULL;
		g->flush_ended = !over;
	}
	spin_unlock_irq(&g->lock);
	/* Also if it waits: what makes a failure durable may need a new map. */
	if (map)
		emd_map_exit(map);
	return over;
}

/* Whoever waits for these bios keeps the array, and its end waits for this work. */
static void flushed_work(struct work_struct *work)
{
	struct emd_gate *g = container_of(work, struct emd_gate, flushed_work);
	struct emd_array *a = emd_gate_array(g);
	struct bio_list flushed;
	blk_status_t status;
	struct bio *bio;

	if (!round_over(a))
		return;
	flushed = g->flush_now;
	status = g->flush.status;
	if (unlikely(g->flush_lost) && !status)
		status = BLK_STS_IOERR;
	spin_lock_irq(&g->lock);
	g->flush_running = !bio_list_empty(&g->flush_next);
	if (g->flush_running)
		want_round(a);
	spin_unlock_irq(&g->lock);
	while ((bio = bio_list_pop(&flushed))) {
		bio->bi_opf &= ~REQ_PREFLUSH;
		if (status || !bio_sectors(bio)) {
			if (status)
				bio->bi_status = status;
			bio_endio(bio);
		} else {
			emd_gate_data(a, bio, true);
		}
	}
}

void emd_gate_flush_bio(struct emd_array *a, struct bio *bio)
{
	struct emd_gate *g = emd_array_gate(a);
	unsigned long flags;

	spin_lock_irqsave(&g->lock, flags);
	bio_list_add(&g->flush_next, bio);
	if (!g->flush_running) {
		g->flush_running = true;
		want_round(a);
	}
	spin_unlock_irqrestore(&g->lock, flags);
}

void emd_gate_flush_init(struct emd_gate *g)
{
	bio_list_init(&g->flush_next);
	bio_list_init(&g->flush_now);
	INIT_WORK(&g->flush_work, round_work);
	INIT_WORK(&g->flushed_work, flushed_work);
}

struct waited_flush {
	struct emd_flush flush;
	struct completion done;
};

static void waited_done(struct emd_flush *f)
{
	complete(&container_of(f, struct waited_flush, flush)->done);
}

int emd_flush_members(struct emd_array *a)
{
	struct waited_flush w;

	init_completion(&w.done);
	flush_start(&w.flush, a, waited_done);
	wait_for_completion_io(&w.done);
	return blk_status_to_errno(w.flush.status);
}
