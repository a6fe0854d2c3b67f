// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes: cut into pieces, and the second phase that all kinds share.
 */
#include "raid456.h"

/* Walks a write's pieces with the place in the bio that belongs to each. */
struct write_walk {
	const struct emd_geometry *geo;
	struct bio *bio;
	u64 row;		/* of @at */
	u64 sector;		/* array sector of @at: where the request begins in @row */
	struct bvec_iter at;
};

/* Columns of a piece may lie before those of the last one, but never in an earlier row. */
static struct bvec_iter walk_to(struct write_walk *walk, const struct emd_stripe_piece *piece)
{
	u64 row_begin = piece->row * emd_geometry_row_sectors(walk->geo);
	u64 sector = row_begin + (u64)piece->first * walk->geo->chunk_sectors + piece->lo;
	struct bvec_iter at;

	if (piece->row != walk->row && row_begin > walk->sector) {
		bio_advance_iter(walk->bio, &walk->at, (row_begin - walk->sector) << SECTOR_SHIFT);
		walk->sector = row_begin;
	}
	walk->row = piece->row;
	at = walk->at;
	bio_advance_iter(walk->bio, &at, (sector - walk->sector) << SECTOR_SHIFT);
	return at;
}

int r5_write(struct r5_batch *batch)
{
	const struct emd_geometry *geo = &batch->conf->map->geo;
	struct bio *bio = batch->io->bio;
	u64 begin = bio->bi_iter.bi_sector, end = bio_end_sector(bio);
	u32 slice = r5_io_slice(batch->io);
	struct write_walk walk = { .geo = geo, .bio = bio, .sector = begin, .at = bio->bi_iter };
	struct emd_stripe_cursor cursor;
	struct emd_stripe_piece piece;
	int error = 0;

	emd_stripe_begin(geo, begin, &cursor);
	while (!error && emd_stripe_cut(geo, begin, end, slice, &cursor, &piece)) {
		struct bvec_iter at = walk_to(&walk, &piece);

		error = r5_batch_add(batch, &piece, &at, false);
	}
	return error;
}

void r5_write_run(struct r5_op *op)
{
	if (op->kind == EMD_STRIPE_FULL || op->kind == EMD_STRIPE_BARE)
		r5_full_run(op);
	else
		r5_small_run(op);
}

/*
 * Columns whose content is now known only through the others: those that could not be
 * written, and those that were not there or not readable to begin with.
 */
static u32 lost_columns(const struct r5_op *op)
{
	u32 i, lost = 0;

	r5_for_each_column(op, i) {
		const struct r5_column *column = &op->column[i];

		if (column->todo & EMD_COLUMN_WRITE)
			lost += column->failed;
		else
			lost += column->state != EMD_COLUMN_PRESENT;
	}
	return lost;
}

/* More than there is parity in one place? Bad blocks of several columns may lie in different ones. */
static bool row_is_lost(const struct r5_op *op)
{
	const struct emd_map *map = op->conf->map;
	u64 begin = op->piece.row * map->geo.chunk_sectors, sector;
	u32 i, lost = 0;

	if (likely(lost_columns(op) <= op->conf->parity))
		return false;
	for (sector = begin + op->piece.lo; sector < begin + op->piece.hi && lost <= op->conf->parity; sector++) {
		lost = 0;
		for (i = 0; i < map->geo.raid_disks; i++)
			lost += !emd_slot_readable(map, i, sector, 1);
	}
	return lost > op->conf->parity;
}

static bool offload_refused(const struct r5_op *op)
{
	u32 i;

	if (unlikely(op->refused))
		return true;
	for (i = 0; op->offload && i < r5_columns(op->conf); i++)
		if (op->column[i].failed)
			return true;
	return false;
}

/* In any context: all members have answered. */
static void write_ended(struct r5_op *op)
{
	blk_status_t status = BLK_STS_OK;

	if (unlikely(op->logged))
		r5_log_ended(op);
	if (offload_refused(op))
		status = R5_STS_AGAIN;
	else if (op->stale || row_is_lost(op))
		status = BLK_STS_IOERR;
	r5_op_end(op, status);
}

void r5_write_send(struct r5_op *op)
{
	r5_op_issue(op, EMD_COLUMN_WRITE, write_ended);
}

void r5_write_out(struct r5_op *op)
{
	if (unlikely(op->conf->array->log))
		r5_log_write(op);
	else
		r5_write_send(op);
}
