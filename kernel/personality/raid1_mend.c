// SPDX-License-Identifier: GPL-2.0-only
/*
 * A read that failed: served by another member, then mended. See raid1.h for the theory.
 *
 * Context: worker of the array. It waits for disks, and for writes under way, which wait
 * for nothing but disks.
 */
#include "raid1.h"

struct other_read {
	struct completion done;
	blk_status_t status;
};

static void other_end_io(struct bio *bio)
{
	struct other_read *other = bio->bi_private;

	other->status = bio->bi_status;
	complete(&other->done);
}

/* Reads the request from @slot into the user's pages. Return: true if that worked. */
static bool read_from(struct raid1_conf *conf, struct emd_io *io, u32 slot)
{
	struct other_read other = { .done = COMPLETION_INITIALIZER_ONSTACK(other.done) };
	struct mdk_member *member = emd_slot_get(conf->map, slot);
	struct bio *clone;

	if (!member)
		return false;
	clone = bio_alloc_clone(emd_member_bdev(member), io->bio, GFP_NOIO, &conf->reads);
	clone->bi_opf &= ~(REQ_NOWAIT | REQ_POLLED);
	clone->bi_iter.bi_sector += conf->map->slot[slot].offset;
	clone->bi_private = &other;
	clone->bi_end_io = other_end_io;
	emd_member_submit(member, clone);
	wait_for_completion_io(&other.done);
	bio_put(clone);
	emd_member_put(member);
	return other.status == BLK_STS_OK;
}

static bool read_from_others(const struct raid1_read *read)
{
	struct raid1_conf *conf = read->conf;
	u32 slot;

	for (slot = 0; slot < conf->map->geo.raid_disks; slot++)
		if (slot != read->slot &&
		    emd_slot_readable(conf->map, slot, read->sector, read->sectors) &&
		    read_from(conf, read->io, slot))
			return true;
	return false;
}

static blk_status_t page_rw(const struct raid1_read *read, u32 slot, blk_opf_t opf, u64 sector,
			    unsigned int sectors, struct page *page)
{
	return emd_slot_rw(read->conf->map, &read->conf->windows, slot, opf, sector, sectors, &page);
}

/* Fills @page from a member other than the one that failed. */
static bool page_from_others(const struct raid1_read *read, u64 sector, unsigned int sectors,
			     struct page *page)
{
	const struct emd_map *map = read->conf->map;
	u32 slot;

	for (slot = 0; slot < map->geo.raid_disks; slot++)
		if (slot != read->slot && emd_slot_readable(map, slot, sector, sectors) &&
		    !page_rw(read, slot, REQ_OP_READ, sector, sectors, page))
			return true;
	return false;
}

/* Return: false when there is no point in going on: the member has been failed. */
static bool mend_page(const struct raid1_read *read, u64 sector, unsigned int sectors,
		      struct page *page)
{
	struct emd_map *map = read->conf->map;
	struct mdk_member *member;

	if (!page_rw(read, read->slot, REQ_OP_READ, sector, sectors, page) ||
	    !page_from_others(read, sector, sectors, page))
		return true;
	member = emd_slot_get(map, read->slot);
	if (!member)
		return false;
	if (page_rw(read, read->slot, REQ_OP_WRITE, sector, sectors, page) ||
	    page_rw(read, read->slot, REQ_OP_READ, sector, sectors, page))
		emd_member_error(map->array, member);
	else
		atomic_inc(&member->errors);
	emd_member_put(member);
	return emd_slot_writable(map, read->slot);
}

static void mend_range(const struct raid1_read *read)
{
	struct page *page = alloc_page(GFP_NOIO);
	u64 sector = read->sector, end = sector + read->sectors;
	struct raid1_array *array = read->conf->array;
	bool go_on = true;

	if (!page)
		return;		/* the next read of it will try again */
	down_write(&array->mending);
	raid1_stop_writes(array);
	while (go_on && sector < end) {
		unsigned int some = min_t(u64, end - sector, PAGE_SECTORS - sector % PAGE_SECTORS);

		go_on = mend_page(read, sector, some, page);
		sector += some;
	}
	raid1_resume_writes(array);
	up_write(&array->mending);
	__free_page(page);
}

void raid1_mend(struct work_struct *work)
{
	struct raid1_read *read = container_of(work, struct raid1_read, work);
	struct emd_io *io = read->io;
	bool served = read_from_others(read);

	/* As long as the request is in its range, nothing else is put into this place. */
	if (served)
		mend_range(read);
	bio_put(&read->clone);
	emd_io_end(io, served ? BLK_STS_OK : BLK_STS_IOERR);
}
