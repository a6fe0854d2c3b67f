// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads: which copy.
 *
 * Theory
 *
 * What follows on the last read that this CPU sent to a member goes to the same member: that keeps streams
 * together, in the disk's cache and on its track. Any other read goes to the member with
 * fewer reads under way, as far as this CPU knows: its own. Nothing shared is written.
 * A member that is marked write-mostly is read only if no other can be, and not before it has what was written behind.
 *
 * A member is not read where it has bad blocks. A run that no copy has all of is served in parts, each up to the next bad
 * block of the copy that gets furthest.
 *
 * A member that is marked failfast is failed for an error, at once; what it alone has is read again, as of any other member.
 *
 * A request of one run is sent on itself; only if it fails is it read again as a clone, which can be mended.
 *
 * After an unclean stop copies may differ until the resync has passed, which visits a run where its first copy lies.
 * What it has not passed is read from the copy that the resync will copy from, and from no other: the same sector
 * never reads as one thing now and as another later.
 */
#include "../core/emd_reshape_math.h"
#include "mirror.h"
#include "narrow.h"

static struct mirror_read *to_read(struct bio *clone)
{
	return container_of(clone, struct mirror_read, clone);
}

int mirror_reads_init(struct mirror_conf *conf)
{
	size_t size = array_size(conf->map->geo.raid_disks, sizeof(struct mirror_load));

	conf->load = __alloc_percpu(size, __alignof__(struct mirror_load));
	if (!conf->load)
		return -ENOMEM;
	if (!bioset_init(&conf->reads, BIO_POOL_SIZE, offsetof(struct mirror_read, clone), 0))
		return 0;
	free_percpu(conf->load);
	return -ENOMEM;
}

void mirror_reads_exit(struct mirror_conf *conf)
{
	bioset_exit(&conf->reads);
	free_percpu(conf->load);
}

/* Is @a a better place to read from than @b? */
static bool read_prefers(const struct emd_map *map, const struct mirror_load *load, const struct emd_place *a,
			 const struct emd_place *b)
{
	bool follows = load[a->slot].last_end == a->sector;

	if (map->slot[a->slot].write_mostly != map->slot[b->slot].write_mostly)
		return map->slot[b->slot].write_mostly;
	if (follows != (load[b->slot].last_end == b->sector))
		return follows;
	return atomic_read(&load[a->slot].reads) < atomic_read(&load[b->slot].reads);
}

u32 mirror_source(const struct mirror_conf *conf, u64 sector, unsigned int sectors, bool in_part)
{
	const struct emd_map *map = conf->map;
	struct emd_place place;
	u32 copy, source = EMD_NO_SLOT;

	for (copy = 0; copy < conf->copies; copy++) {
		emd_geometry_copy(&map->geo, sector, copy, &place);
		if (!(in_part ? emd_slot_filled : emd_slot_readable)(map, place.slot, place.sector, sectors))
			continue;
		if (!map->slot[place.slot].write_mostly)
			return copy;
		if (source == EMD_NO_SLOT)
			source = copy;
	}
	return source;
}

static unsigned int page_rest(u64 sector)
{
	return PAGE_SECTORS - (sector & (PAGE_SECTORS - 1));
}

/* The whole pages of a run's part, as far as they belong to the run. */
static unsigned int whole_pages(const struct mirror_conf *conf, u64 *sector, unsigned int sectors)
{
	u64 begin = round_down(*sector, PAGE_SECTORS), end = round_up(*sector + sectors, PAGE_SECTORS);
	u32 chunk = conf->map->geo.chunk_sectors;
	u64 size = emd_geometry_array_sectors(&conf->map->geo);

	if (chunk) {
		begin = max(begin, round_down(*sector, chunk));
		end = min(end, round_down(*sector, chunk) + chunk);
	}
	*sector = begin;
	return min(end, size) - begin;
}

/*
 * The copy to read while copies may differ: the one that the resync will take this page from, or this block if no copy has all
 * of the page (mirror_sync.c); of several pages, the one that it reads first, if that has all of them.
 */
static u32 source_choose(const struct mirror_conf *conf, u64 sector, unsigned int sectors, struct emd_place *best)
{
	bool several = sectors > page_rest(sector);
	u64 begin = sector;	/* of @pages */
	unsigned int pages = whole_pages(conf, &begin, sectors);
	u32 source = mirror_source(conf, begin, pages, several);

	if (source == EMD_NO_SLOT && !several && sectors <= emd_map_block_sectors(conf->map)) {
		source = mirror_source(conf, sector, sectors, false);
		begin = sector;
		pages = sectors;
	}
	if (source == EMD_NO_SLOT || !mirror_readable(conf, source, begin, pages))
		return EMD_NO_SLOT;
	emd_geometry_copy(&conf->map->geo, sector, source, best);
	return source;
}

/* Do all copies of the run agree? */
static bool run_agrees(const struct emd_map *map, u64 sector, unsigned int sectors)
{
	struct emd_place first;

	if (likely(emd_map_agrees(map, EMD_POS_MAX)))
		return true;
	emd_geometry_copy(&map->geo, sector, 0, &first);
	return emd_map_agrees(map, first.sector + sectors);
}

/* Return: the copy to read, and where it is; EMD_NO_SLOT if none can be read. */
static u32 read_choose(const struct mirror_conf *conf, struct mirror_load *load, u64 sector, unsigned int sectors,
		       struct emd_place *best)
{
	const struct emd_map *map = conf->map;
	struct emd_place place;
	u32 copy, chosen = EMD_NO_SLOT;

	if (unlikely(!run_agrees(map, sector, sectors)))
		return source_choose(conf, sector, sectors, best);
	for (copy = 0; copy < conf->copies; copy++) {
		emd_geometry_copy(&map->geo, sector, copy, &place);
		if (!emd_slot_readable(map, place.slot, place.sector, sectors))
			continue;
		if (chosen != EMD_NO_SLOT && !read_prefers(map, load, &place, best))
			continue;
		chosen = copy;
		*best = place;
	}
	if (chosen != EMD_NO_SLOT)
		load[best->slot].last_end = best->sector + sectors;
	return chosen;
}

static void read_end_io(struct bio *clone)
{
	struct mirror_read *read = to_read(clone);
	struct emd_io *io = read->io;

	atomic_dec(read->load);
	if (unlikely(clone->bi_status && read->fast))
		emd_member_error_fast(read->conf->map->array, read->member);
	emd_member_put(read->member);
	if (clone->bi_status) {
		INIT_WORK(&read->work, mirror_mend);
		queue_work(emd_array_wq(read->conf->map->array, EMD_QUEUE_MEND), &read->work);
		return;
	}
	bio_put(clone);
	mirror_run_end(io, BLK_STS_OK);
}

/* A member with a reference; EMD_NO_SLOT if none can be read. Members may vanish meanwhile. */
static u32 read_take(struct mirror_conf *conf, const struct bvec_iter *run, struct emd_place *place,
		     struct mdk_member **member, atomic_t **under_way)
{
	struct mirror_load *load;
	u32 copy;

	do {
		load = get_cpu_ptr(conf->load);
		copy = read_choose(conf, load, run->bi_sector, run->bi_size >> SECTOR_SHIFT, place);
		*under_way = copy == EMD_NO_SLOT ? NULL : &load[place->slot].reads;
		put_cpu_ptr(conf->load);
		if (copy == EMD_NO_SLOT)
			return copy;
		*member = emd_slot_get(conf->map, place->slot);
	} while (!*member);
	return copy;
}

static void whole_end_io(struct bio *bio)
{
	struct emd_io *io = bio->bi_private;

	atomic_dec(io->pers_private);
	emd_member_put(io->map->slot[atomic_read(&io->pending)].member);
	if (likely(!bio->bi_status)) {
		io->flags |= EMD_IO_ENDED;
		emd_io_end(io, BLK_STS_OK);
		return;
	}
	/* Again, as a clone: it is what it was before it was sent, but for what the request's end restores. */
	bio->bi_status = BLK_STS_OK;
	bio->bi_iter = io->rest;
	io->flags &= ~EMD_IO_WHOLE;
	emd_io_punt(io);
}

/* A request of one run needs no clone, and no memory. */
static void read_whole(struct emd_io *io, const struct emd_place *place, struct mdk_member *member, atomic_t *load)
{
	struct bio *bio = io->bio;

	io->pers_private = load;
	io->rest = bio->bi_iter;
	atomic_set(&io->pending, place->slot);
	atomic_inc(load);
	bio->bi_end_io = whole_end_io;
	bio->bi_private = io;
	bio->bi_iter.bi_sector = io->map->slot[place->slot].offset + place->sector;
	emd_member_submit(member, bio);
}

/* While copies may differ: how much the copy that is to be read there may be asked for at most, if it is asked for less than all. */
static unsigned int source_sectors(const struct mirror_conf *conf, u64 sector)
{
	u64 begin = sector;
	unsigned int page = whole_pages(conf, &begin, 1);

	return mirror_source(conf, begin, page, false) == EMD_NO_SLOT ? emd_map_block_sectors(conf->map) : page_rest(sector);
}

/* How much of a run's beginning one of the copies has, up to the next bad block: whole blocks of all of them. */
static unsigned int good_sectors(const struct mirror_conf *conf, const struct bvec_iter *run)
{
	const struct emd_map *map = conf->map;
	unsigned int sectors = run->bi_size >> SECTOR_SHIFT, most = 0;
	struct emd_place place;
	u32 copy;

	for (copy = 0; copy < conf->copies; copy++) {
		emd_geometry_copy(&map->geo, run->bi_sector, copy, &place);
		most = max_t(unsigned int, most, emd_slot_good_sectors(map, place.slot, place.sector, sectors));
	}
	if (!run_agrees(map, run->bi_sector, sectors))
		most = min(most, source_sectors(conf, run->bi_sector));
	return round_down(most, emd_map_block_sectors(map));
}

/* No copy has all of the run: serve it in parts, of which @sectors are the first. */
static bool read_part(struct mirror_conf *conf, struct emd_io *io, struct bvec_iter *run, unsigned int sectors)
{
	if (!(io->flags & EMD_IO_SPLIT)) {
		mirror_submit_split(io);
		return true;
	}
	run->bi_size = sectors << SECTOR_SHIFT;
	return mirror_read(conf, io, run);
}

bool mirror_read(struct mirror_conf *conf, struct emd_io *io, struct bvec_iter *run)
{
	gfp_t gfp = io->flags & EMD_IO_CAN_WAIT ? GFP_NOIO : GFP_NOWAIT | __GFP_NOWARN;
	struct mdk_member *member;
	struct mirror_read *read;
	struct emd_place place;
	struct bio *clone;
	atomic_t *load;
	u32 copy = read_take(conf, run, &place, &member, &load);

	if (copy == EMD_NO_SLOT) {
		unsigned int good = good_sectors(conf, run);

		if (good)
			return read_part(conf, io, run, good);
		mirror_run_begin(io);
		mirror_run_end(io, BLK_STS_IOERR);
		return true;
	}
	if (unlikely(READ_ONCE(conf->array->behind.nr)) && mirror_late_parks(conf, io, place.slot, run)) {
		emd_member_put(member);
		return false;
	}
	if ((io->flags & (EMD_IO_WHOLE | EMD_IO_SPLIT)) == EMD_IO_WHOLE && !mirror_fast(member)) {
		read_whole(io, &place, member, load);
		return true;
	}
	clone = bio_alloc_clone(emd_member_bdev(member), io->bio, gfp, &conf->reads);
	if (!clone) {
		emd_member_put(member);
		emd_io_punt(io);
		return false;
	}
	mirror_run_begin(io);
	read = to_read(clone);
	read->io = io;
	read->conf = conf;
	read->member = member;
	read->load = load;
	read->copy = copy;
	read->fast = mirror_fast(member);
	read->run = *run;
	atomic_inc(load);
	clone->bi_opf &= ~(REQ_NOWAIT | REQ_POLLED);
	if (unlikely(read->fast))
		clone->bi_opf |= MIRROR_FAST;
	clone->bi_iter = *run;
	clone->bi_iter.bi_sector = conf->map->slot[place.slot].offset + place.sector;
	clone->bi_end_io = read_end_io;
	emd_member_submit(member, clone);
	return true;
}
