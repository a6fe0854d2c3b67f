// SPDX-License-Identifier: GPL-2.0-only
/* Range locks of an array; the Theory is in the header. */
#include <linux/interval_tree_generic.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "emd_range.h"

enum { READS, WRITES, NR_KINDS };

/**
 * struct emd_counted - requests of one kind that are counted only
 * @ref: live while nobody is engaged
 * @engaged: how many want exact tracking; protected by @engage
 */
struct emd_counted {
	struct percpu_ref ref;
	unsigned int engaged;
};

struct emd_range_lock {
	spinlock_t		lock;	/* everything below but @counted. Any context; only @again takes locks below it. */
	struct rb_root_cached	inside;
	struct list_head	windows;
	struct bio_list		parked;
	wait_queue_head_t	left;

	struct mutex		engage;
	struct emd_counted	counted[NR_KINDS];

	void			(*again)(struct bio *bio, void *ctx);
	void			*ctx;
};

#define holder_last(h)	((h)->end - 1)
#define holder_begin(h)	((h)->begin)
INTERVAL_TREE_DEFINE(struct emd_range_holder, node, u64, subtree_last, holder_begin, holder_last, static, holders)

/* -- requests ---------------------------------------------------------------------------- */

static bool meets_window(struct emd_range_lock *rl, u64 begin, u64 end, bool write)
{
	struct emd_range_window *w;

	list_for_each_entry(w, &rl->windows, link)
		if (begin < w->end && w->begin < end && (write || w->mode == EMD_RANGE_ALL))
			return true;
	return false;
}

bool emd_range_enter(struct emd_range_lock *rl, struct emd_range_holder *h, struct bio *bio)
{
	bool admitted;
	unsigned long flags;

	h->write = op_is_write(bio_op(bio));
	h->tracked = !percpu_ref_tryget_live(&rl->counted[h->write ? WRITES : READS].ref);
	if (likely(!h->tracked))
		return true;

	h->begin = bio->bi_iter.bi_sector;
	h->end = bio_end_sector(bio);
	spin_lock_irqsave(&rl->lock, flags);
	admitted = !meets_window(rl, h->begin, h->end, h->write);
	if (admitted)
		holders_insert(h, &rl->inside);
	else if (!(bio->bi_opf & REQ_NOWAIT))
		bio_list_add(&rl->parked, bio);
	spin_unlock_irqrestore(&rl->lock, flags);
	/* A parked bio may be on its way again already; only one that was not parked is still ours. */
	if (!admitted && (bio->bi_opf & REQ_NOWAIT))
		bio_wouldblock_error(bio);
	return admitted;
}

void emd_range_exit(struct emd_range_lock *rl, struct emd_range_holder *h)
{
	unsigned long flags;

	if (likely(!h->tracked)) {
		percpu_ref_put(&rl->counted[h->write ? WRITES : READS].ref);
		return;
	}
	spin_lock_irqsave(&rl->lock, flags);
	holders_remove(h, &rl->inside);
	if (!list_empty(&rl->windows))
		wake_up_all(&rl->left);
	spin_unlock_irqrestore(&rl->lock, flags);
}

/* A window went or shrank: let all try again, in the order in which they came. */
static void release_parked(struct emd_range_lock *rl)
{
	struct bio *bio;

	lockdep_assert_held(&rl->lock);
	while ((bio = bio_list_pop(&rl->parked)))
		rl->again(bio, rl->ctx);
}

/* -- engaging ------------------------------------------------------------------------------ */

static void counted_idle(struct percpu_ref *ref)
{
	/* The waiter looks at the reference itself; which lock it belongs to is known to the waitqueue only. */
	wake_up_var(ref);
}

static void engage_kind(struct emd_counted *c)
{
	if (c->engaged++)
		return;
	percpu_ref_kill(&c->ref);
	wait_var_event(&c->ref, percpu_ref_is_zero(&c->ref));
}

static void disengage_kind(struct emd_counted *c)
{
	if (!--c->engaged)
		percpu_ref_reinit(&c->ref);
}

void emd_range_engage(struct emd_range_lock *rl, enum emd_range_mode mode)
{
	mutex_lock(&rl->engage);
	engage_kind(&rl->counted[WRITES]);
	if (mode == EMD_RANGE_ALL)
		engage_kind(&rl->counted[READS]);
	mutex_unlock(&rl->engage);
}

void emd_range_disengage(struct emd_range_lock *rl, enum emd_range_mode mode)
{
	mutex_lock(&rl->engage);
	disengage_kind(&rl->counted[WRITES]);
	if (mode == EMD_RANGE_ALL)
		disengage_kind(&rl->counted[READS]);
	mutex_unlock(&rl->engage);
}

/* -- windows ------------------------------------------------------------------------------- */

static bool occupied(struct emd_range_lock *rl, u64 begin, u64 end, enum emd_range_mode mode)
{
	struct emd_range_holder *h;
	bool found = false;

	if (begin >= end)
		return false;
	spin_lock_irq(&rl->lock);
	for (h = holders_iter_first(&rl->inside, begin, end - 1); h && !found;
	     h = holders_iter_next(h, begin, end - 1))
		found = h->write || mode == EMD_RANGE_ALL;
	spin_unlock_irq(&rl->lock);
	return found;
}

static int wait_until_left(struct emd_range_lock *rl, u64 begin, u64 end, enum emd_range_mode mode, bool killable)
{
	if (killable)
		return wait_event_interruptible(rl->left, !occupied(rl, begin, end, mode)) ? -EINTR : 0;
	wait_event(rl->left, !occupied(rl, begin, end, mode));
	return 0;
}

static void add_window(struct emd_range_lock *rl, struct emd_range_window *w)
{
	emd_range_engage(rl, w->mode);
	spin_lock_irq(&rl->lock);
	list_add_tail(&w->link, &rl->windows);
	spin_unlock_irq(&rl->lock);
}

bool emd_range_trylock(struct emd_range_lock *rl, struct emd_range_window *w)
{
	bool free;

	add_window(rl, w);
	free = !occupied(rl, w->begin, w->end, w->mode);
	if (!free)
		emd_range_unlock(rl, w);
	return free;
}

int emd_range_lock(struct emd_range_lock *rl, struct emd_range_window *w, bool killable)
{
	int error;

	add_window(rl, w);
	error = wait_until_left(rl, w->begin, w->end, w->mode, killable);
	if (error)
		emd_range_unlock(rl, w);
	return error;
}

void emd_range_unlock(struct emd_range_lock *rl, struct emd_range_window *w)
{
	spin_lock_irq(&rl->lock);
	list_del_init(&w->link);
	release_parked(rl);
	spin_unlock_irq(&rl->lock);
	emd_range_disengage(rl, w->mode);
}

static void set_window(struct emd_range_lock *rl, struct emd_range_window *w, u64 begin, u64 end)
{
	spin_lock_irq(&rl->lock);
	w->begin = begin;
	w->end = end;
	release_parked(rl);
	spin_unlock_irq(&rl->lock);
}

/* What [begin, end) has and @w has not, on both sides. */
static int wait_for_added(struct emd_range_lock *rl, struct emd_range_window *w, u64 begin, u64 end)
{
	u64 old_begin = w->begin < w->end ? w->begin : begin;
	u64 old_end = w->begin < w->end ? w->end : begin;
	int error;

	error = wait_until_left(rl, begin, min(end, old_begin), w->mode, true);
	return error ?: wait_until_left(rl, max(begin, old_end), end, w->mode, true);
}

/* Both ranges are closed while the added part drains, so that going back loses nothing. */
static int move_window(struct emd_range_lock *rl, struct emd_range_window *w, u64 begin, u64 end)
{
	struct emd_range_window before = *w;
	int error;

	if (before.begin < before.end && begin < end)
		set_window(rl, w, min(begin, before.begin), max(end, before.end));
	else if (begin < end)
		set_window(rl, w, begin, end);
	error = wait_for_added(rl, &before, begin, end);
	if (error)
		set_window(rl, w, before.begin, before.end);
	else
		set_window(rl, w, begin, end);
	return error;
}

int emd_range_change(struct emd_range_lock *rl, struct emd_range_window *w, u64 begin, u64 end)
{
	int error;

	/* An empty window is not in the list, and so keeps nobody from merely counting. */
	if (list_empty(&w->link)) {
		w->begin = begin;
		w->end = begin;
		if (begin < end)
			emd_range_lock(rl, w, false);
	}
	error = list_empty(&w->link) ? 0 : move_window(rl, w, begin, end);
	if (!list_empty(&w->link) && w->begin >= w->end)
		emd_range_unlock(rl, w);
	if (!error) {
		w->begin = begin;
		w->end = end;
	}
	return error;
}

/* -- life ---------------------------------------------------------------------------------- */

struct emd_range_lock *emd_range_create(void (*again)(struct bio *bio, void *ctx), void *ctx)
{
	struct emd_range_lock *rl = kzalloc(sizeof(*rl), GFP_KERNEL);

	if (!rl)
		return NULL;
	spin_lock_init(&rl->lock);
	rl->inside = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&rl->windows);
	bio_list_init(&rl->parked);
	init_waitqueue_head(&rl->left);
	mutex_init(&rl->engage);
	rl->again = again;
	rl->ctx = ctx;
	if (percpu_ref_init(&rl->counted[READS].ref, counted_idle, PERCPU_REF_ALLOW_REINIT, GFP_KERNEL))
		goto free;
	if (percpu_ref_init(&rl->counted[WRITES].ref, counted_idle, PERCPU_REF_ALLOW_REINIT, GFP_KERNEL))
		goto exit_reads;
	return rl;
exit_reads:
	percpu_ref_exit(&rl->counted[READS].ref);
free:
	kfree(rl);
	return NULL;
}

void emd_range_destroy(struct emd_range_lock *rl)
{
	if (!rl)
		return;
	percpu_ref_exit(&rl->counted[READS].ref);
	percpu_ref_exit(&rl->counted[WRITES].ref);
	kfree(rl);
}
