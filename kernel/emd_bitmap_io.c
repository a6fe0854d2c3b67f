// SPDX-License-Identifier: GPL-2.0-only
/* The bitmap's image to and from the members. */
#include <linux/completion.h>
#include <linux/vmalloc.h>

#include "emd_array_private.h"
#include "emd_bitmap.h"

/* Transfers to one or more members that somebody waits for. */
struct transfer {
	struct emd_array *array;
	atomic_t left;
	blk_status_t status;
	struct completion done;
};

/* A bio of emd_bitmap.bios. */
struct transfer_bio {
	struct transfer *transfer;
	struct mdk_member *member;
	struct bio bio;
};

int emd_bitmap_init_bios(struct emd_bitmap *bm)
{
	return bioset_init(&bm->bios, 4, offsetof(struct transfer_bio, bio), BIOSET_NEED_BVECS);
}

static void transfer_init(struct transfer *t, struct emd_array *a)
{
	t->array = a;
	t->status = BLK_STS_OK;
	atomic_set(&t->left, 1);
	init_completion(&t->done);
}

static void transfer_put(struct transfer *t)
{
	if (atomic_dec_and_test(&t->left))
		complete(&t->done);
}

static blk_status_t transfer_wait(struct transfer *t)
{
	transfer_put(t);
	wait_for_completion_io(&t->done);
	return t->status;
}

static void transfer_end(struct bio *bio)
{
	struct transfer_bio *tb = container_of(bio, struct transfer_bio, bio);
	struct transfer *t = tb->transfer;
	struct mdk_member *m = tb->member;

	/* A member that cannot be read is none for that: the others have the bits, too. */
	if (bio->bi_status && op_is_write(bio_op(bio)))
		emd_member_error(t->array, m);
	if (bio->bi_status && MDU_MSTATE_LIVE(emd_member_state(m)))
		t->status = bio->bi_status;
	bio_put(bio);
	emd_member_put(m);
	transfer_put(t);
}

/* Bytes [begin, end) of the bitmap; @memory is where its byte 0 is, from vmalloc(). Takes over a reference on @m. */
static void submit_range(struct emd_bitmap *bm, struct transfer *t, struct mdk_member *m, blk_opf_t opf, u8 *memory,
			 unsigned int begin, unsigned int end)
{
	unsigned int nr = DIV_ROUND_UP(end, PAGE_SIZE) - begin / PAGE_SIZE, part;
	struct transfer_bio *tb;
	struct bio *bio;

	bio = bio_alloc_bioset(emd_member_bdev(m), nr, opf, GFP_NOIO, &bm->bios);
	tb = container_of(bio, struct transfer_bio, bio);
	tb->transfer = t;
	tb->member = m;
	bio->bi_end_io = transfer_end;
	bio->bi_iter.bi_sector = bm->location + (begin >> SECTOR_SHIFT);
	for (; begin < end; begin += part) {
		part = min_t(unsigned int, end - begin, PAGE_SIZE - offset_in_page(begin));
		__bio_add_page(bio, vmalloc_to_page(memory + begin), part, offset_in_page(begin));
	}
	atomic_inc(&t->left);
	emd_member_submit(m, bio);
}

#define RANGE_BYTES	(BIO_MAX_VECS / 2 * (unsigned int)PAGE_SIZE)

static void submit_run(struct emd_bitmap *bm, struct transfer *t, struct mdk_member *m, blk_opf_t opf, u8 *memory,
		       unsigned int begin, unsigned int end)
{
	unsigned int stop;

	for (; begin < end; begin = stop) {
		stop = min(end, begin + RANGE_BYTES);
		if (emd_member_tryget(m))
			submit_range(bm, t, m, opf, memory, begin, stop);
		else if (!op_is_write(opf))
			t->status = BLK_STS_IOERR;
	}
}

int emd_bitmap_write(struct emd_bitmap *bm)
{
	struct transfer t;
	struct mdk_member *m;
	u32 first, end;
	int place = -1;

	transfer_init(&t, bm->array);
	while ((m = emd_array_next_placed(bm->array, &place))) {
		for (first = emd_regions_next_run(&bm->regions, 0, &end); first < bm->regions.nr_blocks;
		     first = emd_regions_next_run(&bm->regions, end, &end))
			submit_run(bm, &t, m, REQ_OP_WRITE | REQ_SYNC | REQ_META | REQ_FUA, bm->regions.image,
				   first * bm->grain, end * bm->grain);
		emd_member_put(m);
	}
	return blk_status_to_errno(transfer_wait(&t));
}

/* -- loading --------------------------------------------------------------------------------------- */

/* Return: true if there was anything new in @copy. */
static bool merge(struct emd_bitmap *bm, const u8 *copy)
{
	u8 *image = bm->regions.image;
	bool differs = false;
	unsigned int i;

	for (i = bm->regions.header / 8; i < bm->bytes; i++) {
		differs |= image[i] != copy[i];
		image[i] |= copy[i];
	}
	return differs;
}

static int read_member(struct emd_bitmap *bm, struct mdk_member *m, u8 *memory)
{
	struct transfer t;

	transfer_init(&t, bm->array);
	submit_run(bm, &t, m, REQ_OP_READ | REQ_META, memory, 0, bm->bytes);
	return blk_status_to_errno(transfer_wait(&t));
}

int emd_bitmap_read(struct emd_bitmap *bm)
{
	u8 *copy = vzalloc(round_up(bm->bytes, PAGE_SIZE));
	bool differs = false;
	struct mdk_member *m;
	int place = -1, copies = 0;

	if (!copy)
		return -ENOMEM;
	while ((m = emd_array_next_placed(bm->array, &place))) {
		if (!MDU_MSTATE_READABLE(emd_member_state(m)) || read_member(bm, m, copy))
			differs = true;
		else if (!copies++)
			memcpy(bm->regions.image, copy, bm->bytes);
		else
			differs |= merge(bm, copy);
		emd_member_put(m);
	}
	vfree(copy);
	return copies ? differs : -EIO;
}
