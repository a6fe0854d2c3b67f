// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads: what is there is remapped, what is missing is computed from the others.
 *
 * Theory
 *
 * A request within one chunk of a readable member is sent on itself, as in RAID0; of a larger one each such chunk
 * becomes a clone. Neither takes a lock. Only a chunk on a missing member becomes an operation, over exactly the range that
 * was asked for; it shares the row's blocks with other readers and keeps writers out.
 *
 * When a member answers with an error the request is done again carefully, a page of one
 * column at a time: read it once more, and if that fails compute it from the others and
 * write it back, which lets the disk replace its sector. Only if it refuses that is it
 * failed. The page is private and the row's blocks are held exclusively, so neither the
 * reader nor a writer can change what is written back.
 *
 * Two missing chunks of a row that are both asked for as a whole are one operation: to compute the one is to compute
 * the other. Its piece reaches from the first to the second; what lies between is remapped.
 *
 * Q is read only if the column cannot be had without it: when another data column or P is
 * unknown, too. That may turn out on the way, from columns that cannot be read either; then a
 * careful operation begins again with what it knows now, and writes all of them back.
 */
#include "raid456.h"

/* -- healthy: clones ------------------------------------------------------------------------ */

struct r5_clone {
	struct emd_io *io;
	struct mdk_member *member;
	struct bio bio;
};

static struct r5_clone *to_clone(struct bio *bio)
{
	return container_of(bio, struct r5_clone, bio);
}

int r5_clones_init(struct bio_set *clones)
{
	return bioset_init(clones, BIO_POOL_SIZE, offsetof(struct r5_clone, bio), 0);
}

static void clone_end_io(struct bio *bio)
{
	struct emd_io *io = to_clone(bio)->io;
	blk_status_t status = bio->bi_status ? R5_STS_AGAIN : BLK_STS_OK;

	r5_clone_drop(bio);
	r5_io_put(io, status);
}

void r5_clone_drop(struct bio *clone)
{
	emd_member_put(to_clone(clone)->member);
	bio_put(clone);
}

void r5_clone_submit(struct bio *clone)
{
	r5_io_begin(to_clone(clone)->io);
	emd_member_submit(to_clone(clone)->member, clone);
}

/* Return: 1 if a clone serves @place, 0 if its member does not, or -ENOMEM. */
static int read_clone(struct r5_batch *batch, const struct emd_place *place,
		      const struct bvec_iter *at)
{
	gfp_t gfp = batch->io->flags & EMD_IO_CAN_WAIT ? GFP_NOIO : GFP_NOWAIT;
	struct emd_map *map = batch->conf->map;
	struct mdk_member *member;
	struct bio *clone;

	if (!emd_slot_readable(map, place->slot, place->sector, place->len))
		return 0;
	member = emd_slot_get(map, place->slot);
	if (!member)
		return 0;
	clone = bio_alloc_clone(emd_member_bdev(member), batch->io->bio, gfp, &batch->conf->clones);
	if (!clone) {
		emd_member_put(member);
		return -ENOMEM;
	}
	to_clone(clone)->io = batch->io;
	to_clone(clone)->member = member;
	clone->bi_opf &= ~(REQ_NOWAIT | REQ_POLLED);
	clone->bi_iter = *at;
	clone->bi_iter.bi_size = place->len << SECTOR_SHIFT;
	clone->bi_iter.bi_sector = map->slot[place->slot].offset + place->sector;
	clone->bi_end_io = clone_end_io;
	if (batch->io->flags & EMD_IO_CAN_WAIT)
		r5_clone_submit(clone);
	else
		bio_list_add(&batch->clones, clone);
	return 1;
}

/* -- healthy, and within one chunk: the bio itself ------------------------------------------------- */

static void whole_end_io(struct bio *bio)
{
	struct emd_io *io = bio->bi_private;

	emd_member_put(io->pers_private);
	if (likely(!bio->bi_status)) {
		io->flags |= EMD_IO_ENDED;
		emd_io_end(io, BLK_STS_OK);
		return;
	}
	/* Again, carefully: it is what it was before it was sent, but for what the request's end restores. */
	bio->bi_status = BLK_STS_OK;
	bio->bi_iter = io->rest;
	io->pers_private = R5_BY_PAGES;
	emd_io_punt(io);
}

bool r5_read_whole(struct emd_io *io)
{
	struct emd_map *map = io->map;
	struct bio *bio = io->bio;
	struct mdk_member *member;
	struct emd_place place;

	if (!(io->flags & EMD_IO_WHOLE) || r5_io_careful(io))
		return false;
	emd_geometry_map(&map->geo, bio->bi_iter.bi_sector, &place);
	if (place.len < bio_sectors(bio) || !emd_slot_readable(map, place.slot, place.sector, bio_sectors(bio)))
		return false;
	member = emd_slot_get(map, place.slot);
	if (!member)
		return false;
	io->pers_private = member;
	io->rest = bio->bi_iter;
	bio->bi_end_io = whole_end_io;
	bio->bi_private = io;
	bio->bi_iter.bi_sector = map->slot[place.slot].offset + place.sector;
	emd_member_submit(member, bio);
	return true;
}

/* -- missing or unreadable: operations on one column, or two ------------------------------------ */

/* The next chunk of the row, before array sector @end, that is missing as the whole one of @column is; or @column. */
static u32 missing_too(const struct r5_conf *conf, u64 row, u32 column, u64 sector, u64 end)
{
	const struct emd_geometry *geo = &conf->map->geo;
	u32 i, chunk = geo->chunk_sectors;

	for (i = column + 1; i < conf->data && sector + (u64)(i - column + 1) * chunk <= end; i++)
		if (!emd_slot_readable(conf->map, emd_geometry_data_slot(geo, row, i), row * chunk, chunk))
			return i;
	return column;
}

/* *@also becomes the array sector of a later chunk that is served, too. */
static int read_column(struct r5_batch *batch, const struct emd_place *place, u32 slice, struct bvec_iter at, u64 end_sector,
		       u64 *also)
{
	const struct emd_geometry *geo = &batch->conf->map->geo;
	u64 row = place->sector >> emd_shift(geo->chunk_sectors);
	u32 column = emd_geometry_column(geo, row, place->slot), second = column;
	u32 lo = place->sector & (geo->chunk_sectors - 1), end = lo + place->len;
	int error = 0;

	if (batch->conf->parity > 1 && place->len == geo->chunk_sectors && !r5_io_careful(batch->io))
		second = missing_too(batch->conf, row, column, at.bi_sector, end_sector);
	if (second != column)
		*also = at.bi_sector + (u64)(second - column) * geo->chunk_sectors;
	while (!error && lo < end) {
		struct emd_stripe_piece piece = {
			.row = row, .first = column, .last = second + 1,
			.lo = lo, .hi = min(end, round_down(lo, slice) + slice),
		};

		error = r5_batch_add(batch, &piece, &at, false);
		bio_advance_iter(batch->io->bio, &at, (piece.hi - lo) << SECTOR_SHIFT);
		lo = piece.hi;
	}
	return error;
}

int r5_read(struct r5_batch *batch)
{
	struct bio *bio = batch->io->bio;
	struct bvec_iter at = bio->bi_iter;
	u64 sector = at.bi_sector, end = bio_end_sector(bio), served = end;
	bool careful = r5_io_careful(batch->io);

	while (sector < end) {
		struct emd_place place;
		int done = 0;

		emd_geometry_map(&batch->conf->map->geo, sector, &place);
		place.len = min_t(u64, place.len, end - sector);
		if (sector == served)
			done = 1;
		else if (!careful)
			done = read_clone(batch, &place, &at);
		if (!done)
			done = read_column(batch, &place, r5_io_slice(batch->io), at, end, &served);
		if (done < 0)
			return done;
		bio_advance_iter(bio, &at, place.len << SECTOR_SHIFT);
		sector += place.len;
	}
	return 0;
}

/* -- the operation -------------------------------------------------------------------------- */

static struct r5_column *wanted_column(struct r5_op *op)
{
	return &op->column[op->piece.first];
}

static bool is_wanted(const struct r5_op *op, u32 i)
{
	return i == op->piece.first || i + 1 == op->piece.last;
}

static void read_scatter(const struct r5_op *op)
{
	r5_scatter(op, op->piece.first);
	if (op->piece.first + 1 < op->piece.last)
		r5_scatter(op, op->piece.last - 1);
}

/* In any context: what was computed has been written back, or its member has been failed. */
static void read_written_back(struct r5_op *op)
{
	u32 i;

	for (i = 0; i < r5_columns(op->conf); i++) {
		struct r5_column *column = &op->column[i];

		if (column->todo & EMD_COLUMN_WRITE && !column->failed)
			atomic_inc(&column->member->errors);
	}
	r5_op_end(op, BLK_STS_OK);
}

/* Columns that could not be read and are known now. Return: true if there are any. */
static bool read_mends(struct r5_op *op)
{
	bool any = false;
	u32 i;

	for (i = 0; i < r5_columns(op->conf); i++) {
		struct r5_column *column = &op->column[i];
		bool mend = op->careful && column->solve && column->state == EMD_COLUMN_BLIND;

		column->todo = mend ? EMD_COLUMN_WRITE : 0;
		any |= mend;
	}
	return any;
}

/* Over what another column holds, in its buffer: nobody will look at that again. */
static void read_sum(struct r5_op *op)
{
	u32 i, wanted = op->piece.first, other = wanted ? 0 : 1;
	struct r5_sum sum = r5_sum_begin(op->column[other].data, r5_op_bytes(op), false);

	for (i = other + 1; i <= op->conf->data; i++)
		if (i != wanted)
			r5_sum_add(&sum, op->column[i].data);
	r5_sum_end(&sum);
	swap(op->column[wanted].data, op->column[other].data);
}

static void read_others(struct r5_op *op);

static void read_solve(struct r5_op *op)
{
	bool with_q = op->column[r5_columns(op->conf) - 1].todo && op->conf->parity > 1;

	if (r5_op_blind(op)) {
		if (op->careful)
			read_others(op);
		else
			r5_op_end(op, R5_STS_AGAIN);
		return;
	}
	if (with_q)
		r5_pq_solve(op);
	else
		read_sum(op);
	read_scatter(op);
	if (read_mends(op))
		r5_op_issue(op, EMD_COLUMN_WRITE, read_written_back);
	else
		r5_op_end(op, BLK_STS_OK);
}

/* Plans to read what the wanted column follows from. Return: false if it does not. */
static bool read_plan(struct r5_op *op)
{
	u32 i, columns = r5_columns(op->conf), unknown = 0;

	for (i = 0; i < columns; i++) {
		struct r5_column *column = &op->column[i];
		bool needed = i <= op->conf->data || unknown > 1;

		column->solve = needed && (is_wanted(op, i) || column->state != EMD_COLUMN_PRESENT);
		column->todo = needed && !column->solve ? EMD_COLUMN_READ : 0;
		unknown += column->solve;
	}
	return unknown <= op->conf->parity && !emd_array_broken(op->conf->map->array);
}

static void read_others(struct r5_op *op)
{
	if (read_plan(op))
		r5_op_issue(op, EMD_COLUMN_READ, read_solve);
	else
		r5_op_end(op, r5_op_undone(op));
}

static void read_tried_itself(struct r5_op *op)
{
	if (r5_op_blind(op)) {
		read_others(op);
		return;
	}
	read_scatter(op);
	r5_op_end(op, BLK_STS_OK);
}

void r5_read_run(struct r5_op *op)
{
	struct r5_column *wanted = wanted_column(op);

	if (op->careful && wanted->state == EMD_COLUMN_PRESENT) {
		wanted->todo = EMD_COLUMN_READ;
		r5_op_issue(op, EMD_COLUMN_READ, read_tried_itself);
	} else {
		read_others(op);
	}
}
