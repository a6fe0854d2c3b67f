// SPDX-License-Identifier: GPL-2.0-only
#include "narrow.h"

#include <linux/blkdev.h>

#define WRITE_TRIES	3	/* while others fail on the same disk, see emd_badblocks_written() */

/* A write of @source's pages from @iter on, under way. */
struct refused {
	struct mdk_member *member;
	struct bio_set *bios;
	struct bio *source;
	struct bvec_iter iter;
	u64 sector;
	blk_status_t status;	/* of the last write that failed */
	bool bad;	/* some of it is recorded, or was and still is */
	bool lost;	/* some of it is not */
};

/* The next @sectors. Return: true if the disk has taken them; @good: then they can be read. */
static bool write_once(struct refused *r, unsigned int sectors, bool *good)
{
	struct mdk_member *m = r->member;
	u32 round = emd_member_write_round(m, r->sector, r->sector + sectors);
	struct bio *bio = bio_alloc_clone(emd_member_bdev(m), r->source, GFP_NOIO, r->bios);
	blk_status_t status;

	bio->bi_opf &= ~(REQ_NOWAIT | REQ_POLLED);
	bio->bi_iter = r->iter;
	bio->bi_iter.bi_size = sectors << SECTOR_SHIFT;
	bio->bi_iter.bi_sector = r->sector;
	status = emd_member_submit_wait(m, bio);
	bio_put(bio);
	*good = !status && (!round || emd_member_written(m, r->sector, r->sector + sectors, round));
	if (status)
		r->status = status;
	return !status;
}

/* The same until they can be, or it seems that they stay in the list of bad blocks. */
static bool write_some(struct refused *r, unsigned int sectors)
{
	unsigned int tries = WRITE_TRIES;
	bool good = false;

	while (!good && tries--)
		if (!write_once(r, sectors, &good))
			return false;
	r->bad |= !good;
	return true;
}

static void advance(struct refused *r, unsigned int sectors)
{
	bio_advance_iter(r->source, &r->iter, sectors << SECTOR_SHIFT);
	r->sector += sectors;
}

static void record(struct refused *r, unsigned int sectors)
{
	if (emd_member_bad(r->member, r->sector, r->sector + sectors))
		r->bad = true;
	else
		r->lost = true;
}

/* The last error says nothing about a place, or nobody keeps a list. */
static void give_up(struct refused *r)
{
	emd_member_unfit(r->member);
	r->lost = true;
}

/* The next @sectors, in pieces that end at multiples of @step; by blocks where that fails. */
static void narrow(struct refused *r, unsigned int sectors, unsigned int step, unsigned int block)
{
	u64 end = r->sector + sectors;

	while (r->sector < end && !r->lost) {
		unsigned int some = min_t(u64, end - r->sector, step - (r->sector & (step - 1)));
		bool written = write_some(r, some);

		if (!written && !emd_member_keeps_bad(r->member, r->status)) {
			give_up(r);
			return;
		}
		if (!written && some > block) {
			narrow(r, some, block, block);
			continue;
		}
		if (!written)
			record(r, some);
		advance(r, some);
	}
}

int emd_narrow_write(struct mdk_member *member, struct bio_set *bios, struct bio *source, struct bvec_iter iter,
		     u64 sector)
{
	struct refused r = { .member = member, .bios = bios, .source = source, .iter = iter, .sector = sector };
	unsigned int sectors = iter.bi_size >> SECTOR_SHIFT;
	unsigned int block = bdev_logical_block_size(emd_member_bdev(member)) >> SECTOR_SHIFT;

	if (member->type == MDU_MTYPE_ARRAY)
		record(&r, sectors);
	else
		narrow(&r, sectors, max_t(unsigned int, PAGE_SECTORS, block), block);
	return r.lost ? -EIO : r.bad;
}

static int narrow_pages(struct mdk_member *member, struct bio_set *bios, u64 sector, unsigned int sectors,
			struct page **pages, unsigned int from)
{
	unsigned int done, some;
	int ret = 0;

	for (done = 0; done < sectors && ret >= 0; done += some) {
		struct bio source;
		struct bio_vec bv;

		some = min_t(unsigned int, sectors - done, PAGE_SECTORS - from);
		bio_init(&source, NULL, &bv, 1, REQ_OP_WRITE | REQ_FUA);
		__bio_add_page(&source, *pages++, some << SECTOR_SHIFT, from << SECTOR_SHIFT);
		from = 0;
		ret = emd_narrow_write(member, bios, &source, source.bi_iter, sector + done);
	}
	return ret;
}

bool emd_slot_refused(const struct emd_map *map, struct bio_set *bios, u32 slot, u64 sector, unsigned int sectors,
		      struct page **pages, unsigned int from, blk_status_t status)
{
	struct mdk_member *member = emd_slot_get(map, slot);
	bool stays = false;

	if (!member)
		return false;
	if (emd_member_keeps_bad(member, status))
		stays = narrow_pages(member, bios, map->slot[slot].offset + sector, sectors, pages, from) >= 0;
	else
		emd_member_error(map->array, member);
	emd_member_put(member);
	return stays;
}

bool emd_slot_bad(const struct emd_map *map, u32 slot, u64 sector, unsigned int sectors)
{
	struct mdk_member *member = emd_slot_get(map, slot);
	u64 begin = map->slot[slot].offset + sector;
	bool recorded;

	if (!member)
		return false;
	recorded = emd_member_lists_bad(member) && emd_member_lost(member, begin, begin + sectors);
	emd_member_put(member);
	return recorded;
}

bool emd_slot_keeps_bad(const struct emd_map *map, u32 slot)
{
	struct mdk_member *member = map->slot[slot].member;

	return member && emd_member_lists_bad(member);
}

unsigned int emd_map_block_sectors(const struct emd_map *map)
{
	unsigned int block = 1;
	u32 i;

	for (i = 0; i < map->geo.raid_disks; i++) {
		struct mdk_member *member = emd_slot_get(map, i);

		if (!member)
			continue;
		block = max(block, bdev_logical_block_size(emd_member_bdev(member)) >> SECTOR_SHIFT);
		emd_member_put(member);
	}
	return block;
}
