// SPDX-License-Identifier: GPL-2.0-only
/*
 * P and Q of an operation.
 */
#include "raid456.h"

#include "../../emd_pq.h"
#include "../../emd_xor.h"

static void clear_places(struct r5_op *op)
{
	memset(op->at, 0, op->conf->places * sizeof(*op->at));
}

static void place_parity(struct r5_op *op, unsigned int from)
{
	u32 i;

	for (i = op->conf->data; i < r5_columns(op->conf); i++)
		op->at[op->column[i].place] = op->column[i].data + from;
}

static void place_all(struct r5_op *op, unsigned int from)
{
	u32 i;

	clear_places(op);
	for (i = 0; i < r5_columns(op->conf); i++)
		op->at[op->column[i].place] = op->column[i].data + from;
}

void r5_pq_generate(struct r5_op *op, unsigned int from, unsigned int bytes)
{
	place_all(op, from);
	emd_pq_generate(op->at, op->conf->places, bytes);
}

void r5_pq_copy(struct r5_op *op, const void *const *from, unsigned int at, unsigned int bytes)
{
	const void *source[R5_GATHER_PLACES] = { };
	u32 i;

	for (i = 0; i < op->conf->data; i++)
		source[op->column[i].place] = from[i];
	place_all(op, at);
	emd_pq_copy(op->at, source, op->conf->places, bytes);
}

/* Columns have their part of the bio in pages of their own. How far each has come stands where its iterator will be when it is sent. */
void r5_pq_generate_stable(struct r5_op *op)
{
	unsigned int from, part, bytes = r5_op_bytes(op);
	u32 i;

	for (i = 0; i < op->conf->data; i++)
		op->column[i].bio.bi_iter = op->column[i].from;
	for (from = 0; from < bytes; from += part) {
		clear_places(op);
		place_parity(op, from);
		part = min(EMD_PQ_STEP, bytes - from);
		for (i = 0; i < op->conf->data; i++) {
			struct bio_vec bv = bio_iter_iovec(op->io->bio, op->column[i].bio.bi_iter);

			part = min(part, bv.bv_len);
			op->at[op->column[i].place] = bvec_virt(&bv);
		}
		emd_pq_generate(op->at, op->conf->places, part);
		for (i = 0; i < op->conf->data; i++)
			bio_advance_iter_single(op->io->bio, &op->column[i].bio.bi_iter, part);
	}
}

void r5_pq_reconstruct(struct r5_op *op)
{
	r5_pq_generate(op, 0, r5_op_bytes(op));
}

static void modify_step(struct r5_op *op, unsigned int from, unsigned int bytes)
{
	u32 i;

	clear_places(op);
	for (i = op->piece.first; i < op->piece.last; i++) {
		void *difference = op->column[i].old + from, *new = op->column[i].data + from;

		emd_xor(difference, &new, 1, bytes);
		op->at[op->column[i].place] = difference;
	}
	place_parity(op, from);
	emd_pq_change(op->at, op->conf->places, bytes);
}

static void modify_wide(struct r5_op *op)
{
	void *p = op->column[op->conf->data].data, *q = op->column[op->conf->data + 1].data;
	u32 i;

	for (i = op->piece.first; i < op->piece.last; i++) {
		struct r5_column *column = &op->column[i];

		emd_pq_change_one(p, q, column->place, column->old, column->data, r5_op_bytes(op));
	}
}

void r5_pq_modify(struct r5_op *op)
{
	unsigned int from, bytes = r5_op_bytes(op);

	if (emd_pq_wide()) {
		modify_wide(op);
		return;
	}
	for (from = 0; from < bytes; from += EMD_PQ_STEP)
		modify_step(op, from, min(EMD_PQ_STEP, bytes - from));
}

/* What the column held before this operation. */
static void *old_content(struct r5_op *op, u32 i)
{
	bool replaced = bio_op(op->io->bio) != REQ_OP_READ && r5_op_in_piece(op, i);

	return replaced ? op->column[i].old : op->column[i].data;
}

void r5_pq_solve(struct r5_op *op)
{
	u32 i, solve[2], nr = 0;

	for (i = 0; i < r5_columns(op->conf); i++)
		if (op->column[i].solve && !WARN_ON_ONCE(nr == ARRAY_SIZE(solve)))
			solve[nr++] = op->column[i].place;
	if (!nr)
		return;
	clear_places(op);
	for (i = 0; i < r5_columns(op->conf); i++)
		op->at[op->column[i].place] = old_content(op, i);
	emd_pq_solve(op->at, op->conf->places, solve[0], solve[nr - 1], r5_op_bytes(op));
}
