// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gathering: small writes that follow each other become one.
 *
 * Theory
 *
 * While their submitter has plugged, writes of less than a row are held, as the block layer holds requests then. When
 * it unplugs, or has reached the end of a row, what is held is cut into *runs*: writes in order of arrival, each of which begins where the
 * one before it ends, in one row. The writes of a run become one request, over a table of all their pages, and
 * nothing beyond this file knows that it is not a user's. If it fills its row, nothing is read.
 *
 * What is held holds no lock, so nobody but its owner waits for it, and it goes at the latest when the submitter
 * sleeps; then a worker starts it, as a thread that is about to sleep may not. A write that does not follow another
 * goes as it came. No write is reported before its bytes are on the members, and those with FUA are gathered only
 * with their like; so a flush has nothing to ask of what is held.
 *
 * If the gathered request cannot be done, each of its writes is done by itself: a write fails only for what is its own.
 */
#include "raid456.h"

#include <linux/blk-cgroup.h>
#include <linux/slab.h>

#include "../../emd_buffer.h"

#define GATHERED_BYTES	4096U		/* of small writes: as many as are held */
#define GATHERED_LARGE	(64U << 10)	/* a write of so much may have more pages than that has room for */

/*
 * struct gathered - one request made of several
 * @first: of the writes, linked by pers_private
 * @bytes: of all this, with its table
 * @room:  entries of the table
 */
struct gathered {
	struct emd_io	io;
	struct bio	bio;
	struct emd_io	*first;
	unsigned int	bytes;
	unsigned short	room;
	struct bio_vec	vec[];
};

#define HELD_MAX	((GATHERED_BYTES - sizeof(struct gathered)) / sizeof(struct bio_vec))

/* What a submitter holds for one map. */
struct held {
	struct blk_plug_cb	plugged;
	struct work_struct	work;
	struct r5_conf		*conf;
	struct emd_io		*first;
	struct emd_io		**end;
	unsigned int		nr;
};

static struct emd_io *next_write(const struct emd_io *io)
{
	return io->pers_private;
}

/* -- the end ---------------------------------------------------------------------------------- */

static struct emd_io *gathered_free(struct gathered *g)
{
	struct emd_io *first = g->first;

	bio_uninit(&g->bio);
	emd_buffer_free(g, g->bytes);
	return first;
}

static void each_by_itself(struct gathered *g, bool careful)
{
	struct emd_io *io, *next;

	for (io = gathered_free(g); io; io = next) {
		next = next_write(io);
		io->pers_private = careful ? R5_BY_PAGES : NULL;
		emd_io_punt(io);
	}
}

/* There was no memory, or something has to be done carefully. */
static void gathered_punt(struct emd_io *io)
{
	each_by_itself(container_of(io, struct gathered, io), r5_io_careful(io));
}

static void gathered_done(struct emd_io *whole, blk_status_t status)
{
	struct gathered *g = container_of(whole, struct gathered, io);
	struct emd_io *io, *next;

	if (unlikely(status)) {
		each_by_itself(g, true);
		return;
	}
	for (io = gathered_free(g); io; io = next) {
		next = next_write(io);
		emd_io_end(io, BLK_STS_OK);
	}
}

/* -- runs ------------------------------------------------------------------------------------- */

/* Return: false if there is no room for its pages. */
static bool gathered_add(struct gathered *g, struct emd_io *io)
{
	unsigned int nr = g->bio.bi_vcnt;
	struct bvec_iter iter;
	struct bio_vec bv;

	bio_for_each_bvec(bv, io->bio, iter) {
		if (nr == g->room)
			return false;
		g->vec[nr++] = bv;
	}
	g->bio.bi_vcnt = nr;
	g->bio.bi_iter.bi_size += io->bio->bi_iter.bi_size;
	return true;
}

/* Small writes have a page each, and a large one its row: twice as many as its pages, as they need not begin where a page does. */
static unsigned int gathered_bytes(const struct r5_conf *conf, const struct emd_io *first)
{
	if (first->bio->bi_iter.bi_size < GATHERED_LARGE)
		return GATHERED_BYTES;
	return clamp_t(u64, sizeof(struct gathered) + 2 * sizeof(struct bio_vec) * (conf->row_sectors >> PAGE_SECTORS_SHIFT),
		       GATHERED_BYTES, EMD_BUFFER_MAX);
}

static struct gathered *gathered_begin(const struct r5_conf *conf, struct emd_io *first)
{
	unsigned int bytes = gathered_bytes(conf, first);
	struct gathered *g = emd_buffer_alloc(bytes, GFP_NOWAIT | __GFP_NOWARN);
	struct bio *bio = first->bio;

	if (!g && bytes > GATHERED_BYTES) {
		bytes = GATHERED_BYTES;
		g = emd_buffer_alloc(bytes, GFP_NOWAIT | __GFP_NOWARN);
	}
	if (!g)
		return NULL;
	g->bytes = bytes;
	g->room = (bytes - sizeof(*g)) / sizeof(struct bio_vec);
	memset(&g->io, 0, sizeof(g->io));
	bio_init(&g->bio, NULL, g->vec, g->room, bio->bi_opf);
	g->bio.bi_bdev = bio->bi_bdev;
	bio_clone_blkg_association(&g->bio, bio);
	g->bio.bi_ioprio = bio->bi_ioprio;
	g->bio.bi_iter.bi_sector = bio->bi_iter.bi_sector;
	g->io.map = first->map;
	g->io.bio = &g->bio;
	g->io.done = gathered_done;
	g->io.punt = gathered_punt;
	g->first = first;
	if (gathered_add(g, first))
		return g;
	gathered_free(g);
	return NULL;
}

static bool follows(const struct emd_io *last, const struct emd_io *next)
{
	struct bio *a = last->bio, *b = next->bio;

	return bio_end_sector(a) == b->bi_iter.bi_sector && r5_io_flags(last) == r5_io_flags(next) &&
	       a->bi_ioprio == b->bi_ioprio && bio_blkcg_css(a) == bio_blkcg_css(b);
}

static u64 row_end(const struct r5_conf *conf, const struct emd_io *io)
{
	return (emd_div(io->bio->bi_iter.bi_sector, conf->row_sectors) + 1) * conf->row_sectors;
}

/* Return: what is held behind the run that begins with @first. */
static struct emd_io *start_run(struct r5_conf *conf, struct emd_io *first)
{
	struct emd_io *last = first, *next = next_write(first);
	struct gathered *g = next && follows(first, next) ? gathered_begin(conf, first) : NULL;
	u64 end;

	if (!g) {
		first->pers_private = NULL;
		r5_io_start(first);
		return next;
	}
	end = row_end(conf, first);
	while (next && bio_end_sector(last->bio) < end && follows(last, next) && gathered_add(g, next)) {
		last = next;
		next = next_write(last);
	}
	last->pers_private = NULL;
	r5_io_start(&g->io);
	return next;
}

/* -- holding ---------------------------------------------------------------------------------- */

static void start_held(struct r5_conf *conf, struct held *held)
{
	struct emd_io *io = held->first;

	held->first = NULL;
	held->end = &held->first;
	held->nr = 0;
	while (io)
		io = start_run(conf, io);
}

static void held_work(struct work_struct *work)
{
	struct held *held = container_of(work, struct held, work);
	struct blk_plug plug;

	blk_start_plug(&plug);
	start_held(held->conf, held);
	blk_finish_plug(&plug);
	kfree(held);
}

static void unplug(struct blk_plug_cb *plugged, bool from_schedule)
{
	struct held *held = container_of(plugged, struct held, plugged);
	struct r5_here here;

	if (from_schedule && held->nr) {
		INIT_WORK(&held->work, held_work);
		queue_work(emd_array_wq(held->conf->map->array, EMD_QUEUE_RUN), &held->work);
		return;
	}
	if (held->nr) {
		r5_here_begin(&here);
		start_held(held->conf, held);
		r5_here_end(&here);
	}
	kfree(held);
}

bool r5_hold(struct emd_io *io)
{
	struct r5_conf *conf = io->map->private;
	struct blk_plug_cb *plugged;
	struct held *held;

	if (!current->plug || (io->flags & ~EMD_IO_WHOLE) || r5_io_careful(io) ||
	    bio_sectors(io->bio) >= conf->row_sectors)
		return false;
	plugged = blk_check_plugged(unplug, conf, sizeof(*held));
	if (!plugged)
		return false;
	held = container_of(plugged, struct held, plugged);
	if (!held->nr) {
		held->conf = conf;
		held->end = &held->first;
	}
	*held->end = io;
	held->end = (struct emd_io **)&io->pers_private;
	held->nr++;
	if (held->nr == HELD_MAX || bio_end_sector(io->bio) == row_end(conf, io))
		start_held(conf, held);
	return true;
}
