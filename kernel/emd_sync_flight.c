// SPDX-License-Identifier: GPL-2.0-only
/* Windows under way together; the Theory is in the header. */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "emd_buffer.h"
#include "emd_sync_flight.h"

#define WINDOW_BYTES	(8U << 20)	/* of all members together, for one window */
#define FLIGHT_BYTES	(16U << 20)	/* for all that are under way */
#define WINDOW_MIN	128U		/* member sectors */
#define PARITY_MOST	1024U		/* what is computed with all members at once shall stay in the caches */
#define SCRATCH_RUN	(64U << 10)	/* bytes; more is hard to get */

/* -- scratch memory --------------------------------------------------------------------------- */

/* A power of two, as chunks are: a window is whole chunks, or lies in one. */
static unsigned int window_sectors(const struct emd_geometry *geo)
{
	unsigned int fair = WINDOW_BYTES / SECTOR_SIZE / geo->raid_disks;

	return clamp(rounddown_pow_of_two(fair), WINDOW_MIN,
		     emd_geometry_parity_disks(geo) ? PARITY_MOST : EMD_WINDOW_SECTORS);
}

static void slot_free(struct page **pages, unsigned int nr)
{
	unsigned int i, some;

	for (i = 0; i < nr && pages[i]; i += some) {
		some = 1U << compound_order(pages[i]);
		emd_buffer_free(page_address(pages[i]), some * PAGE_SIZE);
	}
	kvfree(pages);
}

static void scratch_free(const struct emd_flight *f, struct emd_window *w)
{
	unsigned int i;

	for (i = 0; w->pages && i < f->slots; i++)
		if (w->pages[i])
			slot_free(w->pages[i], f->nr_pages);
	kvfree(w->pages);
	w->pages = NULL;
}

/*
 * Pages side by side as far as there are such: of them a bio takes one vector for many. They come from what CPUs keep, so that a pass
 * that follows another need not wait for the allocator. Cleared, or else what a device leaves out would be another array's
 * data. Return: how many, 0 without memory.
 */
static unsigned int scratch_pages(struct page **pages, unsigned int nr)
{
	unsigned int bytes = min_t(unsigned int, rounddown_pow_of_two(nr) * PAGE_SIZE, SCRATCH_RUN), i;
	void *buffer = emd_buffer_alloc(bytes, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);

	if (!buffer) {
		bytes = PAGE_SIZE;
		buffer = emd_buffer_alloc(bytes, GFP_KERNEL);
	}
	if (!buffer)
		return 0;
	memset(buffer, 0, bytes);
	for (i = 0; i < bytes / PAGE_SIZE; i++)
		pages[i] = virt_to_page(buffer) + i;
	return i;
}

static int scratch_alloc(const struct emd_flight *f, struct emd_window *w)
{
	unsigned int i, j, some;

	w->run = f->window;
	w->pages = kvcalloc(f->slots, sizeof(*w->pages), GFP_KERNEL);
	if (!w->pages)
		return -ENOMEM;
	for (i = 0; i < f->slots; i++) {
		w->pages[i] = kvcalloc(f->nr_pages, sizeof(struct page *), GFP_KERNEL);
		if (!w->pages[i])
			goto undo;
		for (j = 0; j < f->nr_pages; j += some) {
			some = scratch_pages(&w->pages[i][j], f->nr_pages - j);
			if (!some)
				goto undo;
			w->run = min_t(unsigned int, w->run, some * PAGE_SECTORS);
		}
	}
	return 0;
undo:
	scratch_free(f, w);
	return -ENOMEM;
}

/* -- one window ------------------------------------------------------------------------------- */

static void do_window(struct emd_flight_window *fw)
{
	unsigned long switches = current->nvcsw;

	fw->w.mismatches = 0;
	fw->result = emd_sync_do(fw->flight->sync, fw->map, &fw->w);
	fw->waited = current->nvcsw != switches;
}

static bool take(struct emd_flight_window *fw)
{
	return !atomic_xchg(&fw->taken, 1);
}

/* As the pass itself: what is allocated must not wait for writes that are held off. */
static void window_work(struct work_struct *work)
{
	struct emd_flight_window *fw = container_of(work, struct emd_flight_window, work);
	unsigned int noio;

	if (!take(fw))
		return;
	noio = memalloc_noio_save();
	do_window(fw);
	memalloc_noio_restore(noio);
	complete(&fw->done);
}

/* -- launch and landing ------------------------------------------------------------------------- */

static u64 next_begin(const struct emd_flight *f)
{
	return f->nr ? f->next : f->sync->pos;
}

static u64 next_end(const struct emd_flight *f)
{
	const struct emd_sync *s = f->sync;

	return min3(round_down(next_begin(f), f->window) + f->window, s->end, READ_ONCE(s->max));
}

static bool meets_others(const struct emd_flight *f, const struct emd_range_window *lock)
{
	unsigned int i;

	for (i = 0; i < f->nr; i++) {
		const struct emd_range_window *other = &f->at[(f->first + i) % f->ready].lock;

		if (lock->begin < other->end && other->begin < lock->end)
			return true;
	}
	return false;
}

/* Memory for as many windows as the members want, while nobody waits for any of them. */
static void make_ready(struct emd_flight *f)
{
	while (f->ready < min(f->depth, f->most) && !scratch_alloc(f, &f->at[f->ready].w))
		f->ready++;
}

static int lock_window(struct emd_flight *f, struct emd_flight_window *fw)
{
	struct emd_array *a = f->sync->array;
	int error;

	if (f->nr)
		error = !meets_others(f, &fw->lock) && emd_range_trylock(a->ranges, &fw->lock) ? 0 : -EAGAIN;
	else
		error = emd_range_lock(a->ranges, &fw->lock, false);
	if (error)
		return error;
	fw->map = emd_map_enter(a);
	if (!fw->map)
		emd_range_unlock(a->ranges, &fw->lock);
	return fw->map ? 0 : -ENODEV;
}

int emd_flight_launch(struct emd_flight *f)
{
	u64 begin = next_begin(f), end = next_end(f);
	struct emd_flight_window *fw;
	int error;

	if (!f->nr) {
		f->first = 0;
		make_ready(f);
	}
	if (f->nr >= min(f->depth, f->ready) || begin >= end)
		return -EAGAIN;
	fw = &f->at[(f->first + f->nr) % f->ready];
	fw->w.begin = begin;
	fw->w.end = end;
	fw->w.action = f->sync->action;
	fw->began = jiffies;
	fw->lock = (struct emd_range_window) { .mode = EMD_RANGE_WRITES };
	emd_geometry_span(&f->sync->array->geo, begin, end, &fw->lock.begin, &fw->lock.end);
	error = lock_window(f, fw);
	if (error)
		return error;
	f->next = end;
	reinit_completion(&fw->done);
	atomic_set_release(&fw->taken, 0);	/* a worker that was called for an earlier one may take it at once */
	if (f->nr++)
		queue_work(emd_sync_wq, &fw->work);
	return 0;
}

int emd_flight_land(struct emd_flight *f)
{
	struct emd_flight_window *fw = &f->at[f->first];
	struct emd_array *a = f->sync->array;
	int error;

	if (!take(fw))
		wait_for_completion_io(&fw->done);
	else if (!f->failed)
		do_window(fw);
	f->first = (f->first + 1) % f->ready;
	f->nr--;
	error = f->failed ? -ECANCELED : fw->result;
	f->failed = error;
	if (!error)
		emd_sync_done(f->sync, fw->map, &fw->w);
	emd_map_exit(fw->map);
	emd_range_unlock(a->ranges, &fw->lock);
	f->depth = fw->waited ? f->most : 1;
	f->began = fw->began;
	return error;
}

/* -- life ----------------------------------------------------------------------------------------- */

struct emd_flight *emd_flight_create(struct emd_sync *s)
{
	struct emd_flight *f = kzalloc(sizeof(*f), GFP_KERNEL);
	unsigned int i;

	if (!f)
		return NULL;
	f->sync = s;
	f->slots = s->array->geo.raid_disks;
	f->window = window_sectors(&s->array->geo);
	f->nr_pages = DIV_ROUND_UP(f->window, PAGE_SECTORS);
	f->most = clamp(FLIGHT_BYTES / (f->window * SECTOR_SIZE * f->slots), 2U, (unsigned int)EMD_FLIGHT_MOST);
	f->depth = 1;
	f->ready = 1;
	for (i = 0; i < f->most; i++) {
		f->at[i].flight = f;
		atomic_set(&f->at[i].taken, 1);
		INIT_WORK(&f->at[i].work, window_work);
		init_completion(&f->at[i].done);
	}
	if (scratch_alloc(f, &f->at[0].w)) {
		kfree(f);
		return NULL;
	}
	return f;
}

void emd_flight_destroy(struct emd_flight *f)
{
	unsigned int i;

	for (i = 0; i < f->most; i++) {
		cancel_work_sync(&f->at[i].work);	/* called for a window that the pass did itself */
		scratch_free(f, &f->at[i].w);
	}
	kfree(f);
}
