// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests: the parts of one, and what becomes of it when they have ended.
 */
#include "raid456.h"

#include "../narrow.h"

void r5_io_begin(struct emd_io *io)
{
	atomic_inc(&io->pending);
}

/* An error outranks "again". Should "again" overtake it after all, the request is done once more and fails then. */
static void io_note(struct emd_io *io, blk_status_t status)
{
	if (!status || (status == R5_STS_AGAIN && READ_ONCE(io->status)))
		return;
	WRITE_ONCE(io->status, status);
}

void r5_io_put(struct emd_io *io, blk_status_t status)
{
	io_note(io, status);
	if (!atomic_dec_and_test(&io->pending))
		return;
	if (io->status != R5_STS_AGAIN) {
		emd_io_end(io, io->status);
		return;
	}
	io->pers_private = r5_io_careful(io) ? R5_BY_BLOCKS : R5_BY_PAGES;
	emd_io_punt(io);
}

blk_opf_t r5_io_flags(const struct emd_io *io)
{
	return io->bio->bi_opf & (REQ_SYNC | REQ_META | REQ_PRIO | REQ_FUA | REQ_IDLE | REQ_BACKGROUND);
}

/* -- batches -------------------------------------------------------------------------------- */

u32 r5_io_slice(const struct emd_io *io)
{
	if (!r5_io_careful(io))
		return R5_SLICE_SECTORS;
	return io->pers_private == R5_BY_BLOCKS ? min(R5_CAREFUL_SECTORS, emd_map_block_sectors(io->map)) : R5_CAREFUL_SECTORS;
}

static void batch_take(struct r5_batch *batch, struct r5_op *op)
{
	if (batch->io->flags & EMD_IO_CAN_WAIT)
		r5_op_start(op);
	else
		list_add_tail(&op->lock.link, &batch->ops);
}

/* @at of a column range, moved on by sectors within the chunk. */
static struct bvec_iter move_on(struct emd_io *io, const struct bvec_iter *at, u32 sectors)
{
	struct bvec_iter moved = { };

	if (!at)
		return moved;
	moved = *at;
	bio_advance_iter(io->bio, &moved, sectors << SECTOR_SHIFT);
	return moved;
}

/* Of a piece that cannot be done. */
static blk_status_t piece_status(const struct r5_op *error)
{
	return PTR_ERR(error) == -EAGAIN ? R5_STS_AGAIN : BLK_STS_IOERR;
}

/* There is no memory for the piece as it is: do it a page at a time, out of the reserve. */
static void batch_add_reserved(struct r5_batch *batch, const struct emd_stripe_piece *whole,
			       const struct bvec_iter *at)
{
	struct emd_stripe_piece page = *whole;
	u32 slice = min_t(u32, R5_CAREFUL_SECTORS, r5_io_slice(batch->io));

	for (; page.lo < whole->hi; page.lo = page.hi) {
		struct bvec_iter from = move_on(batch->io, at, page.lo - whole->lo);
		struct r5_op *op;

		page.hi = min(whole->hi, round_down(page.lo, slice) + slice);
		op = r5_op_build_reserved(batch->conf, batch->io, &page, at ? &from : NULL, false);
		if (IS_ERR(op))
			io_note(batch->io, piece_status(op));
		else
			batch_take(batch, op);
	}
}

int r5_batch_add(struct r5_batch *batch, const struct emd_stripe_piece *piece,
		 const struct bvec_iter *at, bool offload)
{
	struct r5_op *op = r5_op_build(batch->conf, batch->io, piece, at, offload);

	if (!IS_ERR(op)) {
		batch_take(batch, op);
	} else if (PTR_ERR(op) != -ENOMEM) {
		io_note(batch->io, piece_status(op));
	} else {
		if (!(batch->io->flags & EMD_IO_CAN_WAIT))
			return -ENOMEM;
		batch_add_reserved(batch, piece, at);
	}
	return 0;
}

static void batch_start(struct r5_batch *batch)
{
	struct r5_op *op, *next;
	struct blk_plug plug;
	struct bio *clone;

	blk_start_plug(&plug);
	while ((clone = bio_list_pop(&batch->clones)))
		r5_clone_submit(clone);
	list_for_each_entry_safe(op, next, &batch->ops, lock.link)
		r5_op_start(op);
	blk_finish_plug(&plug);
}

static void batch_give_up(struct r5_batch *batch)
{
	struct r5_op *op, *next;
	struct bio *clone;

	while ((clone = bio_list_pop(&batch->clones)))
		r5_clone_drop(clone);
	list_for_each_entry_safe(op, next, &batch->ops, lock.link)
		r5_op_free(op);
}

static int batch_fill(struct r5_batch *batch)
{
	switch (bio_op(batch->io->bio)) {
	case REQ_OP_READ:
		return r5_read(batch);
	case REQ_OP_WRITE:
		return r5_write(batch);
	case REQ_OP_WRITE_ZEROES:
	case REQ_OP_DISCARD:
		return r5_zero(batch);
	default:
		io_note(batch->io, BLK_STS_NOTSUPP);
		return 0;
	}
}

void r5_io_start(struct emd_io *io)
{
	struct r5_batch batch = { .conf = io->map->private, .io = io };

	INIT_LIST_HEAD(&batch.ops);
	bio_list_init(&batch.clones);
	atomic_set(&io->pending, 1);
	io->status = BLK_STS_OK;

	if (batch_fill(&batch)) {
		batch_give_up(&batch);
		emd_io_punt(io);
		return;
	}
	batch_start(&batch);
	r5_io_put(io, BLK_STS_OK);
}

void r5_submit(struct emd_io *io)
{
	if (bio_op(io->bio) == REQ_OP_READ && r5_read_whole(io))
		return;
	if (bio_op(io->bio) == REQ_OP_WRITE) {
		r5_settle_stable(io);
		if (r5_hold(io))
			return;
	}
	r5_io_start(io);
}
