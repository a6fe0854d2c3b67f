// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data between the user's pages and the columns, and sums of columns.
 */
#include "raid456.h"

#include <linux/highmem.h>

#include "../../emd_pq.h"
#include "../../emd_xor.h"

/* Copy and sum go over the columns in steps that stay in the L1 cache in between. */
#define STEP_BYTES	4096U
#define SUM_COLUMNS	4U	/* at once, from the user's pages */

void r5_sum_add(struct r5_sum *sum, void *src)
{
	if (sum->nr == ARRAY_SIZE(sum->src))
		r5_sum_end(sum);
	sum->src[sum->nr++] = src;
}

void r5_sum_end(struct r5_sum *sum)
{
	if (!sum->nr)
		return;
	if (sum->fresh)
		emd_xor_sum(sum->dst, sum->src, sum->nr, sum->bytes);
	else
		emd_xor(sum->dst, sum->src, sum->nr, sum->bytes);
	sum->fresh = false;
	sum->nr = 0;
}

/* Copies the next @bytes of the bio and moves @iter on. */
static void copy_from_bio(struct bio *bio, struct bvec_iter *iter, void *dst, unsigned int bytes)
{
	while (bytes) {
		struct bio_vec bv = bio_iter_iovec(bio, *iter);

		bv.bv_len = min(bv.bv_len, bytes);
		memcpy_from_bvec(dst, &bv);
		bio_advance_iter_single(bio, iter, bv.bv_len);
		dst += bv.bv_len;
		bytes -= bv.bv_len;
	}
}

/* The next @bytes of a written column. */
static void gather_column(struct r5_op *op, struct r5_column *column, unsigned int at, unsigned int bytes)
{
	if (op->zero)
		memset(column->data + at, 0, bytes);
	else
		copy_from_bio(op->io->bio, &column->from, column->data + at, bytes);
}

static void sum_step(struct r5_op *op, unsigned int at, unsigned int bytes)
{
	struct r5_sum part = r5_sum_begin(op->column[op->conf->data].data + at, bytes, true);
	u32 i;

	for (i = 0; i < op->conf->data; i++)
		r5_sum_add(&part, op->column[i].data + at);
	r5_sum_end(&part);
}

/* The bytes at @at of all columns of data, copied from @from to @to, and their parity, in one pass. */
static void copy_sum(struct r5_op *op, void *const *to, const void *const *from, unsigned int at, unsigned int bytes)
{
	u32 nr = op->conf->data;

	if (op->conf->parity > 1)
		r5_pq_copy(op, from, at, bytes);
	else
		emd_xor_copy_sum(op->column[nr].data + at, to, from, nr, bytes);
}

/*
 * Copies the next bytes of all columns and makes their parity in one pass, as far as they lie in one piece in the user's pages.
 * Return: how many; 0 if that is no length to sum up.
 */
static unsigned int gather_sum(struct r5_op *op, unsigned int at, unsigned int bytes)
{
	void *to[R5_GATHER_PLACES], *from[R5_GATHER_PLACES];
	u32 i, nr = op->conf->data;
	struct bio *bio = op->io->bio;

	for (i = 0; i < nr; i++)
		bytes = min(bytes, bio_iter_len(bio, op->column[i].from));
	if (!IS_ALIGNED(bytes, EMD_XOR_UNIT))
		return 0;
	for (i = 0; i < nr; i++) {
		struct bio_vec bv = bio_iter_iovec(bio, op->column[i].from);

		from[i] = bvec_kmap_local(&bv);
		to[i] = op->column[i].data + at;
	}
	copy_sum(op, to, (const void *const *)from, at, bytes);
	while (i--) {
		kunmap_local(from[i]);
		bio_advance_iter_single(bio, &op->column[i].from, bytes);
	}
	return bytes;
}

static bool in_one_pass(const struct r5_op *op)
{
	const struct r5_conf *conf = op->conf;

	return !op->zero && (conf->parity > 1 ? conf->places <= R5_GATHER_PLACES && emd_pq_wide() :
						conf->data <= R5_GATHER_PLACES && emd_xor_copies());
}

void r5_gather(struct r5_op *op, bool full)
{
	bool one_pass = full && in_one_pass(op);
	unsigned int at, step, bytes = r5_op_bytes(op);
	u32 i;

	for (at = 0; at < bytes; at += step) {
		step = min(STEP_BYTES, bytes - at);
		if (one_pass) {
			unsigned int some = gather_sum(op, at, step);

			if (some) {
				step = some;
				continue;
			}
		}
		for (i = op->piece.first; i < op->piece.last; i++)
			gather_column(op, &op->column[i], at, step);
		if (full && op->conf->parity > 1)
			r5_pq_generate(op, at, step);
		else if (full)
			sum_step(op, at, step);
	}
}

/* Adds @nr columns from @first on to @sum, all in one pass; @sum begins with the first columns. */
static void sum_from_bio(struct r5_op *op, u32 first, u32 nr, void *sum)
{
	unsigned int bytes = r5_op_bytes(op), part;
	struct bio *bio = op->io->bio;
	struct bvec_iter iter[SUM_COLUMNS];
	void *src[SUM_COLUMNS];
	u32 i;

	for (i = 0; i < nr; i++)
		iter[i] = op->column[first + i].from;
	for (; bytes; bytes -= part, sum += part) {
		part = bytes;
		for (i = 0; i < nr; i++) {
			struct bio_vec bv = bio_iter_iovec(bio, iter[i]);

			part = min(part, bv.bv_len);
			src[i] = bvec_kmap_local(&bv);
		}
		if (first == op->piece.first)
			emd_xor_sum(sum, src, nr, part);
		else
			emd_xor(sum, src, nr, part);
		while (i--) {
			kunmap_local(src[i]);
			bio_advance_iter_single(bio, &iter[i], part);
		}
	}
}

void r5_gather_stable(struct r5_op *op)
{
	void *sum = op->column[op->conf->data].data;
	u32 i, nr;

	if (op->conf->parity > 1) {
		r5_pq_generate_stable(op);
		return;
	}
	for (i = op->piece.first; i < op->piece.last; i += nr) {
		nr = min(op->piece.last - i, SUM_COLUMNS);
		sum_from_bio(op, i, nr, sum);
	}
}

/* Copies to the next @bytes of the bio and moves @iter on. */
static void copy_to_bio(struct bio *bio, struct bvec_iter *iter, const void *src, unsigned int bytes)
{
	while (bytes) {
		struct bio_vec bv = bio_iter_iovec(bio, *iter);

		bv.bv_len = min(bv.bv_len, bytes);
		memcpy_to_bvec(&bv, src);
		bio_advance_iter_single(bio, iter, bv.bv_len);
		src += bv.bv_len;
		bytes -= bv.bv_len;
	}
}

void r5_scatter(const struct r5_op *op, u32 i)
{
	struct bvec_iter iter = op->column[i].from;

	copy_to_bio(op->io->bio, &iter, op->column[i].data, r5_op_bytes(op));
}

/*
 * The next bytes of all columns in one pass, as far as they lie in one piece in the reader's pages. What nobody asks for is added only.
 * Return: how many; 0 if that is no length to sum up.
 */
static unsigned int scatter_sum_at_once(struct r5_op *op, u32 missing, unsigned int at, unsigned int bytes)
{
	void *to[R5_GATHER_PLACES], *sum = op->column[missing].data + at;
	const void *from[R5_GATHER_PLACES];
	struct bio *bio = op->io->bio;
	u32 i, nr = 0;

	for (i = op->piece.first; i < op->piece.last; i++)
		bytes = min(bytes, bio_iter_len(bio, op->column[i].from));
	if (!IS_ALIGNED(bytes, EMD_XOR_UNIT))
		return 0;
	for (i = 0; i <= op->conf->data; i++) {
		void *page = NULL;

		if (r5_op_in_piece(op, i)) {
			struct bio_vec bv = bio_iter_iovec(bio, op->column[i].from);

			page = bvec_kmap_local(&bv);
		}
		if (i == missing) {
			sum = page ?: sum;
			continue;
		}
		to[nr] = page;
		from[nr++] = op->column[i].data + at;
	}
	emd_xor_copy_sum(sum, to, from, nr, bytes);
	for (i = op->piece.last; i-- > op->piece.first;) {
		kunmap_local(i == missing ? sum : to[i < missing ? i : i - 1]);
		bio_advance_iter_single(bio, &op->column[i].from, bytes);
	}
	return bytes;
}

static void scatter_sum(struct r5_op *op, u32 missing, unsigned int at, unsigned int bytes)
{
	struct r5_sum part = r5_sum_begin(op->column[missing].data + at, bytes, true);
	u32 i;

	for (i = 0; i <= op->conf->data; i++)
		if (i != missing)
			r5_sum_add(&part, op->column[i].data + at);
	r5_sum_end(&part);
	for (i = op->piece.first; i < op->piece.last; i++)
		copy_to_bio(op->io->bio, &op->column[i].from, op->column[i].data + at, bytes);
}

/* Carefully, what was missing may be written back, and has to be where columns are written from. */
void r5_scatter_sum(struct r5_op *op, u32 missing)
{
	bool one_pass = !op->careful && op->conf->data <= R5_GATHER_PLACES && emd_xor_copies();
	unsigned int at, step, bytes = r5_op_bytes(op);

	for (at = 0; at < bytes; at += step) {
		step = one_pass ? scatter_sum_at_once(op, missing, at, min(STEP_BYTES, bytes - at)) : 0;
		if (!step) {
			step = min(STEP_BYTES, bytes - at);
			scatter_sum(op, missing, at, step);
		}
	}
}

static bool aligned(struct bio *bio)
{
	struct bvec_iter iter;
	struct bio_vec bv;

	if (!bio_has_data(bio))
		return false;
	bio_for_each_segment(bv, bio, iter)
		if (!IS_ALIGNED(bv.bv_offset, EMD_XOR_ALIGN) || !IS_ALIGNED(bv.bv_len, EMD_XOR_UNIT))
			return false;
	return true;
}

/* Of an array that skips the copy. What is less than a row is copied in any case: it may be gathered, and reads. */
static bool stable_by_order(const struct emd_io *io)
{
	const struct r5_conf *conf = io->map->private;

	return bio_sectors(io->bio) >= conf->row_sectors && io->map->skip_copy;
}

void r5_settle_stable(struct emd_io *io)
{
	if (stable_by_order(io))
		io->flags |= EMD_IO_STABLE;
	if ((io->flags & EMD_IO_STABLE) && !aligned(io->bio))
		io->flags &= ~EMD_IO_STABLE;
}
