// SPDX-License-Identifier: GPL-2.0-only
#include "../emd_io.h"
#include "window_io.h"

#include <linux/bio.h>

#define WINDOW_BIOS	8	/* in reserve; each is submitted before the next is allocated */

/* One bio of an I/O; an I/O of more than BIO_MAX_VECS pages takes several. */
struct batch_bio {
	struct emd_batch *batch;
	struct mdk_member *member;
	blk_status_t *status;
	u64 sector;		/* of a write to bad blocks, with @round */
	unsigned int sectors;
	u32 round;
	struct bio bio;		/* last: its vectors follow */
};

int emd_batch_bios_init(struct bio_set *bios)
{
	return bioset_init(bios, WINDOW_BIOS, offsetof(struct batch_bio, bio), BIOSET_NEED_BVECS);
}

void emd_batch_begin(struct emd_batch *batch, struct bio_set *bios)
{
	batch->bios = bios;
	atomic_set(&batch->pending, 1);
	init_completion(&batch->done);
}

static void batch_drop(struct emd_batch *batch)
{
	if (atomic_dec_and_test(&batch->pending))
		complete(&batch->done);
}

void emd_batch_wait(struct emd_batch *batch)
{
	batch_drop(batch);
	wait_for_completion_io(&batch->done);
}

static void batch_end_io(struct bio *bio)
{
	struct batch_bio *bb = container_of(bio, struct batch_bio, bio);
	struct emd_batch *batch = bb->batch;

	if (bio->bi_status)
		WRITE_ONCE(*bb->status, bio->bi_status);
	else if (bb->round && !emd_member_written(bb->member, bb->sector, bb->sector + bb->sectors, bb->round) &&
		 emd_member_replaces(bb->member))
		WRITE_ONCE(*bb->status, BLK_STS_MEDIUM);	/* nobody would read there what its member has */
	emd_member_put(bb->member);
	bio_put(bio);
	batch_drop(batch);
}

/* Adds pages that lie side by side as one. Return: how many of @nr there are from @pages on. */
static unsigned int add_run(struct bio *bio, struct page **pages, unsigned int nr, unsigned int from, unsigned int sectors)
{
	unsigned int run = 1;

	while (run < nr && page_to_pfn(pages[run]) == page_to_pfn(pages[0]) + run)
		run++;
	__bio_add_page(bio, pages[0], min(sectors, run * PAGE_SECTORS - from) << SECTOR_SHIFT, from << SECTOR_SHIFT);
	return run;
}

/* Sends as many pages as fit one bio, the first from @from sectors on. Return: sectors sent. */
static unsigned int batch_send(struct emd_batch *batch, struct mdk_member *member, blk_opf_t opf,
			       u64 sector, unsigned int sectors, struct page **pages, unsigned int from,
			       blk_status_t *status)
{
	unsigned int nr = min_t(unsigned int, BIO_MAX_VECS,
				DIV_ROUND_UP(from + sectors, PAGE_SECTORS));
	struct bio *bio = bio_alloc_bioset(emd_member_bdev(member), nr, opf, GFP_NOIO, batch->bios);
	struct batch_bio *bb = container_of(bio, struct batch_bio, bio);
	unsigned int sent = 0, run;

	for (; nr; nr -= run, pages += run, from = 0) {
		run = add_run(bio, pages, nr, from, sectors - sent);
		sent = bio_sectors(bio);
	}
	bb->batch = batch;
	bb->member = member;
	bb->status = status;
	bb->sector = sector;
	bb->sectors = sent;
	bb->round = op_is_write(opf) ? emd_member_write_round(member, sector, sector + sent) : 0;
	bio->bi_iter.bi_sector = sector;
	bio->bi_end_io = batch_end_io;
	atomic_inc(&batch->pending);
	emd_member_submit(member, bio);
	return sent;
}

void emd_batch_add(struct emd_batch *batch, const struct emd_map *map, u32 slot, blk_opf_t opf,
		   u64 sector, unsigned int sectors, struct page **pages, blk_status_t *status)
{
	while (sectors) {
		struct mdk_member *member = emd_slot_get(map, slot);
		unsigned int sent;

		if (!member) {
			WRITE_ONCE(*status, BLK_STS_IOERR);
			return;
		}
		sent = batch_send(batch, member, opf, map->slot[slot].offset + sector, sectors,
				  pages, 0, status);
		sector += sent;
		sectors -= sent;
		pages += sent / PAGE_SECTORS;
	}
}

blk_status_t emd_slot_rw(const struct emd_map *map, struct bio_set *bios, u32 slot, blk_opf_t opf,
			 u64 sector, unsigned int sectors, struct page **pages)
{
	struct emd_batch batch;
	blk_status_t status = BLK_STS_OK;

	emd_batch_begin(&batch, bios);
	emd_batch_add(&batch, map, slot, opf, sector, sectors, pages, &status);
	emd_batch_wait(&batch);
	return status;
}

blk_status_t emd_slot_rw_part(const struct emd_map *map, struct bio_set *bios, u32 slot, blk_opf_t opf, u64 sector,
			      unsigned int sectors, struct page *page, unsigned int from)
{
	struct mdk_member *member = emd_slot_get(map, slot);
	blk_status_t status = BLK_STS_OK;
	struct emd_batch batch;

	if (!member)
		return BLK_STS_IOERR;
	emd_batch_begin(&batch, bios);
	batch_send(&batch, member, opf, map->slot[slot].offset + sector, sectors, &page, from, &status);
	emd_batch_wait(&batch);
	return status;
}
