// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes of a part of a row's blocks: read first, then parity, then write.
 */
#include "raid456.h"

/* New parity = old parity, less the old data of the written columns, plus the new. */
static void parity_modify(struct r5_op *op)
{
	struct r5_sum sum = r5_sum_begin(op->column[op->conf->data].data, r5_op_bytes(op), false);
	u32 i;

	for (i = op->piece.first; i < op->piece.last; i++) {
		r5_sum_add(&sum, op->column[i].old);
		r5_sum_add(&sum, op->column[i].data);
	}
	r5_sum_end(&sum);
}

/* New parity = the sum of all data, read or written. */
static void parity_reconstruct(struct r5_op *op)
{
	struct r5_sum sum = r5_sum_begin(op->column[op->conf->data].data, r5_op_bytes(op), true);
	u32 i;

	for (i = 0; i < op->conf->data; i++)
		r5_sum_add(&sum, op->column[i].data);
	r5_sum_end(&sum);
}

static void new_parity(struct r5_op *op)
{
	bool modify = op->kind == EMD_STRIPE_RMW;

	if (op->conf->parity > 1)
		modify ? r5_pq_modify(op) : r5_pq_reconstruct(op);
	else
		modify ? parity_modify(op) : parity_reconstruct(op);
}

/* Something could not be read. Nothing has been written yet, so another plan may be tried. */
static void small_replan(struct r5_op *op)
{
	if (op->careful)
		r5_op_plan(op);
	if (!op->careful || op->kind == EMD_STRIPE_LOST)
		r5_op_end(op, r5_op_undone(op));
	else
		r5_write_run(op);
}

static void small_have_read(struct r5_op *op)
{
	if (r5_op_blind(op)) {
		small_replan(op);
		return;
	}
	if (op->kind == EMD_STRIPE_SOLVE && emd_array_broken(op->conf->map->array)) {
		r5_op_end(op, BLK_STS_IOERR);
		return;
	}
	if (op->kind == EMD_STRIPE_SOLVE)
		r5_pq_solve(op);
	r5_gather(op, false);
	new_parity(op);
	r5_write_out(op);
}

void r5_small_run(struct r5_op *op)
{
	r5_op_issue(op, EMD_COLUMN_READ, small_have_read);
}
