// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that read nothing: all data of a row's blocks is new, or there is no parity to keep.
 */
#include "raid456.h"

static bool writes_parity(const struct r5_op *op)
{
	u32 i;

	for (i = op->conf->data; i < r5_columns(op->conf); i++)
		if (op->column[i].todo & EMD_COLUMN_WRITE)
			return true;
	return false;
}

void r5_full_run(struct r5_op *op)
{
	bool parity = writes_parity(op);

	if (op->column[op->piece.first].data)
		r5_gather(op, parity);
	else if (parity && !op->offload)
		r5_gather_stable(op);
	r5_write_out(op);
}
