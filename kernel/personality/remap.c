// SPDX-License-Identifier: GPL-2.0-only
/*
 * Theory
 *
 * A bio within one chunk is sent on itself, by the gate (emd_remap_bio()): no memory, no copy of
 * its descriptor. A bio that is part of a chain may not be sent on: it would only end when the chain
 * does, and the request with it. It is cloned, as is each part of a bio over several chunks. The request's bio itself is the
 * iterator: it is advanced as parts leave, so a submit that ran out of memory goes on
 * from a worker where it stopped.
 *
 * What is bad on a member that brings a list of bad blocks along is not read; a write that succeeds there makes it good.
 */
#include <linux/slab.h>

#include "core/emd_stripes.h"
#include "emd_compat.h"
#include "emd_personality.h"
#include "remap.h"

#define SPLIT_UNDER_WAY	((void *)1)

/* @begin, @end: sectors of the device; @round: not 0 if they replace bad blocks */
struct remap_part {
	struct emd_io *io;
	struct mdk_member *member;
	u64 begin, end;
	u32 round;
	struct bio clone;
};

static void part_put(struct emd_io *io)
{
	if (atomic_dec_and_test(&io->pending))
		emd_io_end(io, io->status);
}

static void part_end(struct bio *clone)
{
	struct remap_part *part = container_of(clone, struct remap_part, clone);
	struct emd_io *io = part->io;

	emd_member_error_only_copy(io->map->array, part->member, clone);
	if (clone->bi_status)
		io->status = clone->bi_status;
	else if (unlikely(part->round) && bio_op(clone) != REQ_OP_DISCARD)
		emd_member_written(part->member, part->begin, part->end, part->round);
	emd_member_put(part->member);
	bio_put(clone);
	part_put(io);
}

/* All of @bio lies on @slot, from @sector on. */
static inline struct mdk_member *remap_to(const struct emd_map *map, struct bio *bio, u32 slot, u64 sector)
{
	struct mdk_member *m = emd_slot_held(map, slot);

	if (unlikely(!m || READ_ONCE(m->has_bad)))
		return NULL;
	bio->bi_iter.bi_sector = sector + map->slot[slot].offset;
	return m;
}

static noinline struct mdk_member *remap_in_zones(const struct emd_map *map, struct bio *bio)
{
	struct emd_place place;

	emd_geometry_map(&map->geo, bio->bi_iter.bi_sector, &place);
	return bio_sectors(bio) <= place.len ? remap_to(map, bio, place.slot, place.sector) : NULL;
}

struct mdk_member *emd_remap_bio(const struct emd_map *map, struct bio *bio)
{
	u64 sector = bio->bi_iter.bi_sector;
	u32 slot;

	if (unlikely(!emd_geometry_is_stripes(&map->geo)))
		return remap_in_zones(map, bio);
	if (bio_sectors(bio) > emd_stripes_left(&map->geo, sector))
		return NULL;
	sector = emd_stripes_sector(&map->geo, sector, &slot);
	return remap_to(map, bio, slot, sector);
}

/* Return: false without memory; nothing has happened then. */
static bool submit_part(struct emd_io *io, const struct emd_place *place, unsigned int sectors, gfp_t gfp)
{
	struct mdk_member *m = emd_slot_get(io->map, place->slot);
	u64 begin = place->sector + io->map->slot[place->slot].offset, end = begin + sectors;
	struct bio_set *parts = io->map->private;
	struct remap_part *part;
	struct bio *clone;

	if (!m) {
		io->status = BLK_STS_IOERR;
		return true;
	}
	if (bio_op(io->bio) == REQ_OP_READ && emd_member_first_bad(m, begin, end) < end) {
		emd_member_put(m);
		io->status = BLK_STS_MEDIUM;
		return true;
	}
	clone = bio_alloc_clone(emd_member_bdev(m), io->bio, gfp, parts);
	if (!clone) {
		emd_member_put(m);
		return false;
	}
	part = container_of(clone, struct remap_part, clone);
	part->io = io;
	part->member = m;
	part->begin = begin;
	part->end = end;
	part->round = emd_member_write_round(m, begin, end);
	clone->bi_iter.bi_size = sectors << SECTOR_SHIFT;
	clone->bi_iter.bi_sector = begin;
	clone->bi_end_io = part_end;
	atomic_inc(&io->pending);
	emd_member_submit(m, clone);
	return true;
}

void emd_remap_submit(struct emd_io *io)
{
	gfp_t gfp = io->flags & EMD_IO_CAN_WAIT ? GFP_NOIO : GFP_NOWAIT | __GFP_NOWARN;
	struct bio *bio = io->bio;
	struct emd_place place;
	unsigned int sectors;

	if (io->pers_private != SPLIT_UNDER_WAY) {
		io->pers_private = SPLIT_UNDER_WAY;
		atomic_set(&io->pending, 1);
	}
	while (bio_sectors(bio)) {
		emd_geometry_map(&io->map->geo, bio->bi_iter.bi_sector, &place);
		sectors = min_t(u64, place.len, bio_sectors(bio));
		if (!submit_part(io, &place, sectors, gfp)) {
			emd_io_punt(io);
			return;
		}
		bio_advance_iter(bio, &bio->bi_iter, sectors << SECTOR_SHIFT);
	}
	part_put(io);
}

int emd_remap_start(struct emd_map *map)
{
	struct bio_set *parts = kzalloc(sizeof(*parts), GFP_KERNEL);
	int error;

	if (!parts)
		return -ENOMEM;
	error = bioset_init(parts, BIO_POOL_SIZE, offsetof(struct remap_part, clone), 0);
	if (error) {
		kfree(parts);
		return error;
	}
	map->private = parts;
	return 0;
}

void emd_remap_stop(struct emd_map *map)
{
	bioset_exit(map->private);
	kfree(map->private);
}
