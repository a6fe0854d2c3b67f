// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads: what is there is remapped, what is missing is computed from the others.
 *
 * Theory
 *
 * A request within one chunk of a readable member is sent on itself, as in RAID0; of a larger one each such chunk
 * becomes a clone. Neither takes a lock. What is missing becomes an operation, over exactly the range that
 * was asked for; it shares the row's blocks with other readers and keeps writers out.
 *
 * Chunks of a row that are asked for as a whole, and of which one is missing, are one operation: what the missing one is computed
 * from is read once. It is copied to the reader's pages while it is summed up; they cannot be summed up themselves, as
 * their owner may change them, or have given one of them for two chunks.
 *
 * When a member answers with an error the request is done again carefully, a page of one
 * column at a time: read it once more, and if that fails compute it from the others and
 * write it back, which lets the disk replace its sector. Only if it refuses that is it
 * failed. The page is private and the row's blocks are held exclusively, so neither the
 * reader nor a writer can change what is written back.
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

/* -- missing or unreadable: operations --------------------------------------------------------- */

/* @chunks: of the row, from @place on; of one it may be a part. */
static int read_columns(struct r5_batch *batch, const struct emd_place *place, u32 chunks, struct bvec_iter at)
{
	const struct emd_geometry *geo = &batch->conf->map->geo;
	u64 row = place->sector >> emd_shift(geo->chunk_sectors);
	u32 column = emd_geometry_column(geo, row, place->slot), slice = r5_io_slice(batch->io);
	u32 lo = place->sector & (geo->chunk_sectors - 1), end = lo + place->len;
	int error = 0;

	while (!error && lo < end) {
		struct emd_stripe_piece piece = {
			.row = row, .first = column, .last = column + chunks,
			.lo = lo, .hi = min(end, round_down(lo, slice) + slice),
		};

		error = r5_batch_add(batch, &piece, &at, false);
		bio_advance_iter(batch->io->bio, &at, (piece.hi - lo) << SECTOR_SHIFT);
		lo = piece.hi;
	}
	return error;
}

/* -- runs: chunks of a row that are asked for as a whole, or one, or a part of one ------------------------- */

/* How many chunks the run has that begins at @place; @sectors are asked for from there on. */
static u32 run_chunks(const struct r5_conf *conf, const struct emd_place *place, u64 sectors)
{
	const struct emd_geometry *geo = &conf->map->geo;
	unsigned int shift = emd_shift(geo->chunk_sectors);

	if (place->len < geo->chunk_sectors)
		return 1;
	return min_t(u64, sectors >> shift, conf->data - emd_geometry_column(geo, place->sector >> shift, place->slot));
}

static u32 run_slot(const struct r5_conf *conf, const struct emd_place *place, u32 chunk)
{
	const struct emd_geometry *geo = &conf->map->geo;
	u64 row = place->sector >> emd_shift(geo->chunk_sectors);

	return chunk ? emd_geometry_data_slot(geo, row, emd_geometry_column(geo, row, place->slot) + chunk) : place->slot;
}

static bool run_readable(const struct r5_conf *conf, const struct emd_place *place, u32 chunks)
{
	u32 i;

	for (i = 0; i < chunks; i++)
		if (!emd_slot_readable(conf->map, run_slot(conf, place, i), place->sector, place->len))
			return false;
	return true;
}

static int read_run(struct r5_batch *batch, const struct emd_place *place, u32 chunks, struct bvec_iter at)
{
	u32 i;

	if (r5_io_careful(batch->io) || (chunks > 1 && !run_readable(batch->conf, place, chunks)))
		return read_columns(batch, place, chunks, at);
	for (i = 0; i < chunks; i++) {
		struct emd_place one = { .slot = run_slot(batch->conf, place, i), .sector = place->sector, .len = place->len };
		int done = read_clone(batch, &one, &at);

		if (!done)
			done = read_columns(batch, &one, 1, at);
		if (done < 0)
			return done;
		bio_advance_iter(batch->io->bio, &at, one.len << SECTOR_SHIFT);
	}
	return 0;
}

int r5_read(struct r5_batch *batch)
{
	struct bio *bio = batch->io->bio;
	struct bvec_iter at = bio->bi_iter;
	u64 sector = at.bi_sector, end = bio_end_sector(bio);
	int error = 0;

	while (!error && sector < end) {
		struct emd_place place;
		u32 chunks = 1;

		emd_geometry_map(&batch->conf->map->geo, sector, &place);
		place.len = min_t(u64, place.len, end - sector);
		if (!r5_io_careful(batch->io))
			chunks = run_chunks(batch->conf, &place, end - sector);
		error = read_run(batch, &place, chunks, at);
		bio_advance_iter(bio, &at, chunks * place.len << SECTOR_SHIFT);
		sector += chunks * place.len;
	}
	return error;
}

/* -- the operation -------------------------------------------------------------------------- */

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

/* What is asked for goes to the reader, and what is missing of it is computed. */
static void read_deliver(struct r5_op *op)
{
	bool with_q = op->conf->parity > 1 && op->column[r5_columns(op->conf) - 1].todo;
	u32 i;

	if (with_q)
		r5_pq_solve(op);
	for (i = 0; !with_q && i < op->conf->data; i++) {
		if (op->column[i].solve) {
			r5_scatter_sum(op, i);
			return;
		}
	}
	for (i = op->piece.first; i < op->piece.last; i++)
		r5_scatter(op, i);
}

static void read_solve(struct r5_op *op)
{
	if (r5_op_blind(op)) {
		if (op->careful)
			r5_read_run(op);
		else
			r5_op_end(op, R5_STS_AGAIN);
		return;
	}
	read_deliver(op);
	if (read_mends(op))
		r5_op_issue(op, EMD_COLUMN_WRITE, read_written_back);
	else
		r5_op_end(op, BLK_STS_OK);
}

static bool computes(const struct r5_op *op)
{
	u32 i;

	for (i = op->piece.first; i < op->piece.last; i++)
		if (op->column[i].state != EMD_COLUMN_PRESENT)
			return true;
	return false;
}

/* Plans to read what is wanted, or what that follows from. Return: false if it does not. */
static bool read_plan(struct r5_op *op)
{
	u32 i, columns = r5_columns(op->conf), unknown = 0;
	bool others = computes(op);

	for (i = 0; i < columns; i++) {
		struct r5_column *column = &op->column[i];
		bool needed = others ? i <= op->conf->data || unknown > 1 : r5_op_in_piece(op, i);

		column->solve = needed && column->state != EMD_COLUMN_PRESENT;
		column->todo = needed && !column->solve ? EMD_COLUMN_READ : 0;
		unknown += column->solve;
	}
	return unknown <= op->conf->parity && (!unknown || !emd_array_broken(op->conf->map->array));
}

/* What is there as far as is known is tried itself; if it cannot be read this is done again, carefully, and it is computed. */
void r5_read_run(struct r5_op *op)
{
	if (read_plan(op))
		r5_op_issue(op, EMD_COLUMN_READ, read_solve);
	else
		r5_op_end(op, r5_op_undone(op));
}
