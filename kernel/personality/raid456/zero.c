// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write-zeroes and discard.
 *
 * Theory
 *
 * The sum of zeroes is zero, so a row whose columns are all zeroed, parity too, is right.
 * That is the only thing that may be done to whole rows without writing them: after a
 * discard a member may return anything, and parity that belongs to nothing would later
 * destroy a neighbour's data. So a discard is a write-zeroes of the whole rows it covers
 * (which lets a disk unmap them), if all members can do that cheaply, and otherwise
 * nothing at all. A write-zeroes of less than a row is an ordinary write of zeroes.
 *
 * A member that turns out to refuse WRITE_ZEROES is not at fault: the request is done
 * again with zeroes that are written.
 */
#include "raid456.h"

/* If a member refused, its row would hold what no log announces until it has been written after all. */
static bool members_offload(const struct r5_conf *conf)
{
	const struct emd_map *map = conf->map;
	bool all = !conf->array->log;
	u32 i;

	for (i = 0; all && i < map->slots; i++) {
		struct mdk_member *member = emd_slot_get(map, i);

		if (!member)
			continue;
		all = bdev_write_zeroes_sectors(emd_member_bdev(member)) != 0;
		emd_member_put(member);
	}
	return all;
}

static int zero_range(struct r5_batch *batch, u64 begin, u64 end, u32 slice, bool offload)
{
	const struct emd_geometry *geo = &batch->conf->map->geo;
	struct emd_stripe_cursor cursor;
	struct emd_stripe_piece piece;
	int error = 0;

	if (begin >= end)
		return 0;
	emd_stripe_begin(geo, begin, &cursor);
	while (!error && emd_stripe_cut(geo, begin, end, slice, &cursor, &piece))
		error = r5_batch_add(batch, &piece, NULL, offload);
	return error;
}

int r5_zero(struct r5_batch *batch)
{
	const struct emd_geometry *geo = &batch->conf->map->geo;
	struct bio *bio = batch->io->bio;
	u64 row = emd_geometry_row_sectors(geo);
	u64 begin = bio->bi_iter.bi_sector, end = bio_end_sector(bio);
	u64 first = emd_div(begin + row - 1, row) * row, last = emd_div(end, row) * row;
	bool discard = bio_op(bio) == REQ_OP_DISCARD;
	bool offload = !r5_io_careful(batch->io) && first < last && members_offload(batch->conf);
	u32 slice = r5_io_slice(batch->io);

	/* There may be very many rows: only a worker can be held up when they take too much memory. */
	if (!(batch->io->flags & EMD_IO_CAN_WAIT))
		return -ENOMEM;
	if (discard && (first >= last || (!offload && !r5_io_careful(batch->io))))
		return 0;
	if (first >= last)
		return zero_range(batch, begin, end, slice, false);

	if (!discard)
		zero_range(batch, begin, first, slice, false);
	zero_range(batch, first, last, offload ? geo->chunk_sectors : slice, offload);
	if (!discard)
		zero_range(batch, last, end, slice, false);
	return 0;
}
