// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that read nothing: all data of a row's blocks is new, or there is no parity to keep.
 */
#include "raid456.h"

void r5_full_run(struct r5_op *op)
{
	struct r5_column *p = &op->column[op->conf->data];
	void *sum = p->todo & EMD_COLUMN_WRITE ? p->data : NULL;

	if (op->column[op->piece.first].data)
		r5_gather(op, sum);
	else if (sum)
		r5_gather_stable(op, sum);
	r5_write_out(op);
}
