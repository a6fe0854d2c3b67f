// SPDX-License-Identifier: GPL-2.0-only
/* The Theory is in mirror_behind.h. */
#include "mirror.h"

#include <linux/interval_tree_generic.h>
#include <linux/slab.h>

#define MOST_PAGES	BIO_MAX_VECS	/* of a write behind */
#define RESERVED_LATES	16
/* Not out of the reserves either: who has to write before there is memory again gets there, and the copy stays until the slowest disk has it. */
#define COPY_GFP	(GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC)

#define late_begin(l)	((l)->begin)
#define late_last(l)	((l)->last)
INTERVAL_TREE_DEFINE(struct mirror_late, node, u64, subtree_last, late_begin, late_last, static, lates)

void mirror_behind_init(struct mirror_behind *behind)
{
	spin_lock_init(&behind->lock);
	behind->late = RB_ROOT_CACHED;
	init_waitqueue_head(&behind->none);
}

/* Is there somebody to wait for, and somebody who may be late? */
static bool may_lag(const struct emd_map *map)
{
	bool late = false, other = false;
	u32 i;

	for (i = 0; i < map->geo.raid_disks; i++) {
		late |= map->slot[i].member && map->slot[i].write_mostly;
		other |= map->slot[i].member && !map->slot[i].write_mostly;
	}
	return late && other;
}

/* For what they lose after the answer, when memory cannot be waited for. */
static int keep_bad(const struct emd_map *map)
{
	int error = 0;
	u32 i;

	for (i = 0; i < map->slots && !error; i++)
		if (map->slot[i].member && map->slot[i].write_mostly)
			error = emd_array_keep_bad(map->slot[i].member);
	return error;
}

int mirror_lates_init(struct mirror_conf *conf)
{
	if (conf->map->geo.level != 1)
		return 0;
	conf->lags = may_lag(conf->map);
	if (conf->lags && keep_bad(conf->map))
		return -ENOMEM;
	return mempool_init_kmalloc_pool(&conf->lates, RESERVED_LATES, sizeof(struct mirror_late));
}

/* -- the data ------------------------------------------------------------------------------------- */

static void free_data(struct bio *data)
{
	u16 i;

	for (i = 0; i < data->bi_vcnt; i++)
		__free_page(data->bi_io_vec[i].bv_page);
	bio_uninit(data);
	kfree(data);
}

static bool take_pages(struct bio *data, unsigned int bytes)
{
	while (data->bi_iter.bi_size < bytes) {
		unsigned int some = min_t(unsigned int, bytes - data->bi_iter.bi_size, PAGE_SIZE);
		struct page *page = alloc_page(COPY_GFP);

		if (!page)
			return false;
		__bio_add_page(data, page, some, 0);
	}
	return true;
}

/* A copy of what is to be written; NULL without memory, which is no reason to wait for any. */
static struct bio *copy_data(struct bio *bio, const struct bvec_iter *run)
{
	unsigned int nr = DIV_ROUND_UP(run->bi_size, PAGE_SIZE);
	struct bio *data = bio_kmalloc(nr, COPY_GFP);
	struct bvec_iter from = *run, to;

	if (!data)
		return NULL;
	bio_init(data, NULL, data->bi_inline_vecs, nr, bio->bi_opf & ~(REQ_NOWAIT | REQ_POLLED));
	data->bi_ioprio = bio->bi_ioprio;
	if (!take_pages(data, run->bi_size)) {
		free_data(data);
		return NULL;
	}
	to = data->bi_iter;
	bio_copy_data_iter(data, &to, bio, &from);
	data->bi_iter.bi_sector = run->bi_sector;
	return data;
}

/* -- writes ----------------------------------------------------------------------------------------- */

static bool has_room(const struct mirror_conf *conf, const struct mirror_behind *behind)
{
	return READ_ONCE(behind->nr) < emd_array_backlog(conf->map->array) && !READ_ONCE(behind->parked) &&
	       !atomic_read(&behind->waiters);
}

/* May its copies on such members be late, if there is room and memory? */
static bool suits(const struct mirror_conf *conf, const struct emd_io *io, const struct bvec_iter *run)
{
	return conf->lags && bio_op(io->bio) == REQ_OP_WRITE && !(io->bio->bi_opf & (REQ_FUA | REQ_PREFLUSH)) &&
	       !(io->flags & EMD_IO_SPLIT) && run->bi_size <= MOST_PAGES * PAGE_SIZE;
}

static u32 count_overlaps(struct mirror_behind *behind, const struct mirror_late *late)
{
	struct mirror_late *other;
	u32 nr = 0;

	for (other = lates_iter_first(&behind->late, late->begin, late->last); other;
	     other = lates_iter_next(other, late->begin, late->last))
		nr++;
	return nr;
}

/* Under the lock: in which order @late is to be written, and may it be behind, as it has been prepared for? */
static void enter(struct mirror_conf *conf, struct mirror_behind *behind, struct mirror_late *late, bool *behind_too)
{
	late->other = behind->nr && behind->conf != conf;
	*behind_too = late->data && !late->other && has_room(conf, behind);
	late->blockers = count_overlaps(behind, late);
	late->tracked = *behind_too || late->blockers;
	if (!late->tracked)
		return;
	late->blockers++;
	late->seq = behind->seq++;
	lates_insert(late, &behind->late);
	if (!*behind_too)
		return;
	WRITE_ONCE(behind->conf, conf);
	WRITE_ONCE(behind->nr, behind->nr + 1);
	emd_array_backlog_used(conf->map->array, behind->nr);
}

struct mirror_late *mirror_late_begin(struct mirror_conf *conf, struct emd_io *io, const struct bvec_iter *run, gfp_t gfp)
{
	struct mirror_behind *behind = &conf->array->behind;
	struct mirror_late *late = mempool_alloc(&conf->lates, gfp);
	struct bio *unused = NULL;
	unsigned long flags;
	bool is_behind;

	if (!late)
		return ERR_PTR(-ENOMEM);
	late->begin = run->bi_sector;
	late->last = run->bi_sector + (run->bi_size >> SECTOR_SHIFT) - 1;
	late->reached = false;
	late->answered = false;
	atomic_set(&late->awaited, 1);
	late->data = suits(conf, io, run) && has_room(conf, behind) ? copy_data(io->bio, run) : NULL;
	spin_lock_irqsave(&behind->lock, flags);
	enter(conf, behind, late, &is_behind);
	spin_unlock_irqrestore(&behind->lock, flags);
	if (!is_behind) {
		unused = late->data;
		late->data = NULL;
	}
	if (unused)
		free_data(unused);
	if (late->tracked)
		return late;
	mempool_free(late, &conf->lates);
	return NULL;
}

/* Under the lock: is @member one that may not have yet what is written behind? */
static bool is_late(const struct mirror_behind *behind, const struct mdk_member *member)
{
	const struct emd_map *map;
	u32 i;

	if (!behind->nr)
		return false;
	map = behind->conf->map;
	for (i = 0; i < map->slots; i++)
		if (map->slot[i].member == member && map->slot[i].write_mostly)
			return true;
	return false;
}

bool mirror_late_slot(struct mirror_conf *conf, const struct mirror_late *late, u32 slot)
{
	struct mirror_behind *behind = &conf->array->behind;
	unsigned long flags;
	bool other;

	if (conf->map->slot[slot].write_mostly || !late->other)
		return conf->map->slot[slot].write_mostly;
	/* What has ended meanwhile need not be waited for, and what has begun came later. */
	spin_lock_irqsave(&behind->lock, flags);
	other = is_late(behind, conf->map->slot[slot].member);
	spin_unlock_irqrestore(&behind->lock, flags);
	return other;
}

bool mirror_late_go(struct mirror_conf *conf, struct mirror_late *late)
{
	struct mirror_behind *behind = &conf->array->behind;
	unsigned long flags;
	bool go;

	spin_lock_irqsave(&behind->lock, flags);
	go = !--late->blockers;
	spin_unlock_irqrestore(&behind->lock, flags);
	return go;
}

/* Those that came later and overlap have one less to wait for. */
static void unblock(struct mirror_conf *conf, struct mirror_behind *behind, const struct mirror_late *late)
{
	struct mirror_late *other;

	for (other = lates_iter_first(&behind->late, late->begin, late->last); other;
	     other = lates_iter_next(other, late->begin, late->last))
		if (other->seq > late->seq && !--other->blockers)
			queue_work(emd_array_wq(conf->map->array, EMD_QUEUE_RUN), &other->work);
}

/* Return: the reads that were parked, if it was the last one. */
static struct emd_io *leave(struct mirror_behind *behind)
{
	struct emd_io *parked = behind->parked;

	WRITE_ONCE(behind->nr, behind->nr - 1);
	if (behind->nr)
		return NULL;
	WRITE_ONCE(behind->parked, NULL);
	wake_up(&behind->none);
	return parked;
}

void mirror_late_end(struct mirror_conf *conf, struct mirror_late *late)
{
	struct mirror_behind *behind = &conf->array->behind;
	struct emd_io *parked = NULL, *next;
	unsigned long flags;

	spin_lock_irqsave(&behind->lock, flags);
	lates_remove(late, &behind->late);
	unblock(conf, behind, late);
	if (late->data)
		parked = leave(behind);
	spin_unlock_irqrestore(&behind->lock, flags);
	if (late->data)
		free_data(late->data);
	mempool_free(late, &conf->lates);
	for (; parked; parked = next) {
		next = parked->pers_private;
		emd_io_punt(parked);
	}
}

/* -- reads ------------------------------------------------------------------------------------------ */

/* Under the lock: does the member in @slot lack what is written behind to [@begin, @last]? */
static bool lacks(const struct mirror_conf *conf, struct mirror_behind *behind, u32 slot, u64 begin, u64 last)
{
	struct mirror_late *late;

	if (!is_late(behind, conf->map->slot[slot].member))
		return false;
	for (late = lates_iter_first(&behind->late, begin, last); late; late = lates_iter_next(late, begin, last))
		if (late->data)
			return true;
	return false;
}

bool mirror_late_parks(struct mirror_conf *conf, struct emd_io *io, u32 slot, const struct bvec_iter *run)
{
	u64 last = run->bi_sector + (run->bi_size >> SECTOR_SHIFT) - 1;
	struct mirror_behind *behind = &conf->array->behind;
	unsigned long flags;
	bool parks;

	if (!conf->map->slot[slot].write_mostly && READ_ONCE(behind->conf) == conf)
		return false;
	spin_lock_irqsave(&behind->lock, flags);
	parks = lacks(conf, behind, slot, run->bi_sector, last);
	if (parks) {
		io->pers_private = behind->parked;
		WRITE_ONCE(behind->parked, io);
	}
	spin_unlock_irqrestore(&behind->lock, flags);
	return parks;
}

void mirror_behind_drain(struct mirror_behind *behind)
{
	if (!READ_ONCE(behind->nr))
		return;
	atomic_inc(&behind->waiters);
	wait_event(behind->none, !READ_ONCE(behind->nr));
	atomic_dec(&behind->waiters);
}
