// SPDX-License-Identifier: GPL-2.0-only
/*
 * A read that failed: served by another copy, then mended. See mirror.h for the theory.
 *
 * Context: worker of the array. It waits for disks, and for writes under way, which wait
 * for nothing but disks.
 */
#include "mirror.h"
#include "narrow.h"

static unsigned int run_sectors(const struct mirror_read *read)
{
	return read->run.bi_size >> SECTOR_SHIFT;
}

/* Reads copy @copy of the run, or of a part of it, into the user's pages. Return: true if that worked. */
static bool read_from(const struct mirror_read *read, const struct bvec_iter *run, u32 copy)
{
	struct mirror_conf *conf = read->conf;
	struct mdk_member *member;
	struct emd_place place;
	blk_status_t status;
	struct bio *clone;

	emd_geometry_copy(&conf->map->geo, run->bi_sector, copy, &place);
	member = emd_slot_get(conf->map, place.slot);
	if (!member)
		return false;
	clone = bio_alloc_clone(emd_member_bdev(member), read->io->bio, GFP_NOIO, &conf->windows);
	clone->bi_opf &= ~(REQ_NOWAIT | REQ_POLLED);
	clone->bi_iter = *run;
	clone->bi_iter.bi_sector = conf->map->slot[place.slot].offset + place.sector;
	status = emd_member_submit_wait(member, clone);
	bio_put(clone);
	emd_member_put(member);
	return status == BLK_STS_OK;
}

static bool read_from_others(const struct mirror_read *read)
{
	u32 copy;

	for (copy = 0; copy < read->conf->copies; copy++)
		if (copy != read->copy && mirror_readable(read->conf, copy, read->run.bi_sector, run_sectors(read)) &&
		    read_from(read, &read->run, copy))
			return true;
	return false;
}

static bool read_page(const struct mirror_read *read, const struct bvec_iter *page)
{
	u32 copy;

	for (copy = 0; copy < read->conf->copies; copy++)
		if (mirror_readable(read->conf, copy, page->bi_sector, page->bi_size >> SECTOR_SHIFT) &&
		    read_from(read, page, copy))
			return true;
	return false;
}

/* No copy can be read from begin to end; perhaps each page of one. */
static bool read_by_pages(const struct mirror_read *read)
{
	struct bvec_iter rest = read->run;

	while (rest.bi_size) {
		struct bvec_iter page = rest;

		page.bi_size = min_t(u64, rest.bi_size, (PAGE_SECTORS - rest.bi_sector % PAGE_SECTORS) << SECTOR_SHIFT);
		if (!read_page(read, &page))
			return false;
		bio_advance_iter(read->io->bio, &rest, page.bi_size);
	}
	return true;
}

/* Fills @page from a copy other than the one that failed. */
static bool page_from_others(const struct mirror_read *read, u64 sector, unsigned int sectors, struct page *page)
{
	struct mirror_conf *conf = read->conf;
	u32 copy;

	for (copy = 0; copy < conf->copies; copy++)
		if (copy != read->copy && mirror_readable(conf, copy, sector, sectors) &&
		    !mirror_rw(conf, copy, REQ_OP_READ, sector, sectors, &page))
			return true;
	return false;
}

/* Writes a page back that could not be read. Return: false if its member has been failed. */
static bool write_back(struct mirror_conf *conf, const struct emd_place *place, unsigned int sectors, struct page *page)
{
	struct emd_map *map = conf->map;
	struct mdk_member *member = emd_slot_get(map, place->slot);
	blk_status_t status;

	if (!member)
		return false;
	status = emd_slot_rw(map, &conf->windows, place->slot, REQ_OP_WRITE, place->sector, sectors, &page);
	if (status)
		emd_slot_refused(map, &conf->windows, place->slot, place->sector, sectors, &page, 0, status);
	else if (!emd_slot_rw(map, &conf->windows, place->slot, REQ_OP_READ, place->sector, sectors, &page))
		atomic_inc(&member->errors);
	else if (!emd_slot_bad(map, place->slot, place->sector, sectors))
		emd_member_error(map->array, member);
	emd_member_put(member);
	return emd_slot_writable(map, place->slot);
}

/* Return: false when there is no point in going on: the member has been failed. */
static bool mend_page(const struct mirror_read *read, u64 sector, unsigned int sectors, struct page *page)
{
	struct mirror_conf *conf = read->conf;
	struct emd_place place;

	if (!mirror_rw(conf, read->copy, REQ_OP_READ, sector, sectors, &page) ||
	    !page_from_others(read, sector, sectors, page))
		return true;
	emd_geometry_copy(&conf->map->geo, sector, read->copy, &place);
	return write_back(conf, &place, sectors, page);
}

static void mend_range(const struct mirror_read *read)
{
	struct page *page = alloc_page(GFP_NOIO);
	u64 sector = read->run.bi_sector, end = sector + run_sectors(read);
	struct mirror_array *array = read->conf->array;
	bool go_on = true;

	if (!page)
		return;		/* the next read of it will try again */
	down_write(&array->mending);
	mirror_stop_writes(array);
	while (go_on && sector < end) {
		unsigned int some = min_t(u64, end - sector, PAGE_SECTORS - sector % PAGE_SECTORS);

		go_on = mend_page(read, sector, some, page);
		sector += some;
	}
	mirror_resume_writes(array);
	up_write(&array->mending);
	__free_page(page);
}

void mirror_mend(struct work_struct *work)
{
	struct mirror_read *read = container_of(work, struct mirror_read, work);
	struct emd_io *io = read->io;
	struct emd_place place;
	bool served;

	mirror_behind_drain(&read->conf->array->behind);	/* or else it could take from a member what that does not have yet */
	served = read_from_others(read) || read_by_pages(read);
	emd_geometry_copy(&read->conf->map->geo, read->run.bi_sector, read->copy, &place);
	/* As long as the request is in its range, nothing else is put into this place. */
	if (served && emd_slot_writable(read->conf->map, place.slot))
		mend_range(read);
	bio_put(&read->clone);
	mirror_run_end(io, served ? BLK_STS_OK : BLK_STS_IOERR);
}
