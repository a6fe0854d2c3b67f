// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations: their memory, their member bios, their end.
 */
#include "raid456.h"

#include <linux/slab.h>

#include "../../emd_buffer.h"
#include "../narrow.h"

/* -- memory --------------------------------------------------------------------------------- */

static gfp_t op_gfp(const struct emd_io *io)
{
	gfp_t gfp = io->flags & EMD_IO_CAN_WAIT ? GFP_NOIO | __GFP_NORETRY : GFP_NOWAIT;

	return gfp | __GFP_NOWARN;
}

static void *buffer_alloc(struct r5_op *op, gfp_t gfp)
{
	unsigned int bytes = r5_op_bytes(op);
	struct page *page;

	op->cost += max_t(size_t, bytes, PAGE_SIZE);
	if (!op->reserved)
		return emd_buffer_alloc(bytes, gfp);
	page = mempool_alloc(&op->conf->reserve_pages, GFP_NOIO);
	return page ? page_address(page) : NULL;
}

static void buffer_free(struct r5_op *op, void *buffer)
{
	if (!buffer)
		return;
	if (op->reserved)
		mempool_free(virt_to_page(buffer), &op->conf->reserve_pages);
	else
		emd_buffer_free(buffer, r5_op_bytes(op));
}

/* A full write of pages that nobody changes is sent from where they are; Q wants all columns mapped at once. */
static bool op_copies(const struct r5_op *op)
{
	return op->zero || op->kind != EMD_STRIPE_FULL || (IS_ENABLED(CONFIG_HIGHMEM) && op->conf->parity > 1) ||
	       !(op->io->flags & EMD_IO_STABLE);
}

/* P and Q are computed together, whether both are written or not. */
static bool pq_needs_data(const struct r5_op *op, u32 i)
{
	return i >= op->conf->data && op->conf->parity > 1 && op->kind != EMD_STRIPE_BARE;
}

static bool column_needs_data(const struct r5_op *op, u32 i)
{
	if (bio_op(op->io->bio) == REQ_OP_READ || op->careful)
		return true;
	if (r5_op_in_piece(op, i))
		return op_copies(op);
	return op->column[i].todo || op->column[i].solve || pq_needs_data(op, i);
}

static bool column_needs_old(const struct r5_op *op, u32 i)
{
	const struct r5_column *column = &op->column[i];

	return op->careful || (r5_op_in_piece(op, i) && (column->todo & EMD_COLUMN_READ || column->solve));
}

static bool op_alloc_buffers(struct r5_op *op, gfp_t gfp)
{
	u32 i;

	if (op->offload)
		return true;
	r5_for_each_column(op, i) {
		struct r5_column *column = &op->column[i];

		if (column_needs_data(op, i)) {
			column->data = buffer_alloc(op, gfp);
			if (!column->data)
				return false;
		}
		if (bio_op(op->io->bio) != REQ_OP_READ && column_needs_old(op, i)) {
			column->old = buffer_alloc(op, gfp);
			if (!column->old)
				return false;
		}
	}
	return true;
}

size_t r5_op_size(const struct r5_conf *conf)
{
	return struct_size((struct r5_op *)NULL, column, r5_columns(conf)) + conf->twins * sizeof(struct r5_twin) +
	       (conf->parity > 1 ? conf->places * sizeof(void *) : 0);
}

static struct r5_op *op_alloc(struct r5_conf *conf, struct emd_io *io, gfp_t gfp, bool reserved)
{
	size_t size = r5_op_size(conf);
	struct r5_op *op = reserved ? mempool_alloc(&conf->reserve_ops, GFP_NOIO) : emd_buffer_alloc(size, gfp);

	BUILD_BUG_ON(sizeof(struct r5_op) + EMD_MAX_MEMBERS * (sizeof(struct r5_column) + sizeof(struct r5_twin)) +
		     (EMD_Q_POWERS + 2) * sizeof(void *) > EMD_BUFFER_MAX);
	if (!op)
		return NULL;
	memset(op, 0, sizeof(*op));
	op->conf = conf;
	op->io = io;
	op->cost = max(size, PAGE_SIZE);
	op->reserved = reserved;
	op->twin = (struct r5_twin *)&op->column[r5_columns(conf)];
	op->at = (void **)&op->twin[conf->twins];
	return op;
}

static void op_release(struct r5_op *op)
{
	struct r5_conf *conf = op->conf;
	u32 i;

	r5_for_each_column(op, i) {
		buffer_free(op, op->column[i].data);
		buffer_free(op, op->column[i].old);
	}
	if (op->reserved)
		mempool_free(op, &conf->reserve_ops);
	else
		emd_buffer_free(op, r5_op_size(conf));
}

void r5_op_free(struct r5_op *op)
{
	struct r5_conf *conf = op->conf;

	atomic_long_sub(op->cost, &conf->used);
	if (wq_has_sleeper(&conf->room))
		wake_up(&conf->room);
	op_release(op);
}

/* -- building ------------------------------------------------------------------------------- */

/* What the rebuild has not reached it will compute; what it has passed must be kept up. */
static bool kept_up(const struct emd_map *map, u32 slot, u64 sector)
{
	return emd_slot_writable(map, slot) && sector < READ_ONCE(map->slot[slot].member->filled);
}

static u8 column_state(const struct emd_map *map, u32 slot, u64 sector, u32 sectors)
{
	if (emd_slot_readable(map, slot, sector, sectors))
		return EMD_COLUMN_PRESENT;
	if (kept_up(map, slot, sector))
		return EMD_COLUMN_BLIND;
	/* It has just failed, and its replacement has not got the slot yet. */
	return emd_map_replaces(map) && kept_up(map, map->geo.raid_disks + slot, sector) ? EMD_COLUMN_BLIND : EMD_COLUMN_ABSENT;
}

static u32 column_slot(const struct r5_conf *conf, const struct emd_row *row, u32 i)
{
	if (i < conf->data)
		return emd_row_data_slot(row, i);
	return i == conf->data ? row->p : row->q;
}

static u32 column_place(const struct r5_conf *conf, const struct emd_row *row, u32 slot, u32 i)
{
	if (i >= conf->data)
		return conf->places - r5_columns(conf) + i;
	return conf->parity > 1 ? emd_row_q_power(row, slot) : i;
}

static u64 op_member_sector(const struct r5_op *op)
{
	return op->piece.row * op->conf->map->geo.chunk_sectors + op->piece.lo;
}

/* All of it but the bio, which is initialised when it is sent. */
static void column_clear(struct r5_column *column)
{
	const size_t bio = offsetof(struct r5_column, op);

	memset((void *)column + bio, 0, sizeof(*column) - bio);
}

static void op_init_columns(struct r5_op *op, const struct bvec_iter *at)
{
	unsigned int chunk_bytes = op->conf->map->geo.chunk_sectors << SECTOR_SHIFT;
	u64 sector = op_member_sector(op);
	struct emd_row row;
	u32 i;

	emd_geometry_row(&op->conf->map->geo, op->piece.row, &row);
	r5_for_each_column(op, i) {
		struct r5_column *column = &op->column[i];

		column_clear(column);
		column->op = op;
		column->slot = column_slot(op->conf, &row, i);
		column->place = column_place(op->conf, &row, column->slot, i);
		column->state = column_state(op->conf->map, column->slot, sector,
					     op->piece.hi - op->piece.lo);
		if (!at || !r5_op_in_piece(op, i))
			continue;
		column->from = i == op->piece.first ? *at : op->column[i - 1].from;
		if (i > op->piece.first)
			bio_advance_iter(op->io->bio, &column->from, chunk_bytes);
	}
}

/*
 * Parity that no resync has made right is worth nothing: then a row that is written gets its
 * parity anew, and what was written survives the loss of a member from then on. Not all of it,
 * if columns are missing: as many parities must be believed as there are.
 */
static void distrust_parity(const struct r5_op *op, u8 *state)
{
	u64 end = op_member_sector(op) + op->piece.hi - op->piece.lo;
	u32 i, unknown = 0;

	if (emd_map_agrees(op->conf->map, end))
		return;
	for (i = 0; i < r5_columns(op->conf); i++)
		unknown += state[i] != EMD_COLUMN_PRESENT;
	for (i = r5_columns(op->conf); i-- > op->conf->data && unknown < op->conf->parity;) {
		if (state[i] != EMD_COLUMN_PRESENT)
			continue;
		state[i] = EMD_COLUMN_BLIND;
		unknown++;
	}
}

void r5_op_plan(struct r5_op *op)
{
	u32 i, columns = r5_columns(op->conf);
	u8 state[EMD_MAX_MEMBERS], todo[EMD_MAX_MEMBERS];

	for (i = 0; i < columns; i++)
		state[i] = op->column[i].state;
	distrust_parity(op, state);
	op->kind = emd_stripe_plan(op->conf->data, op->conf->parity, op->piece.first,
				   op->piece.last, state, todo);
	for (i = 0; i < columns; i++) {
		op->column[i].todo = todo[i];
		op->column[i].solve = op->kind == EMD_STRIPE_SOLVE && !(todo[i] & EMD_COLUMN_READ);
	}
}

/* Are all columns there, and may parity be believed? */
static bool op_row_is_whole(const struct r5_op *op)
{
	u32 sectors = op->piece.hi - op->piece.lo;
	u64 sector = op_member_sector(op);

	return emd_map_readable(op->conf->map, sector, sectors) && emd_map_agrees(op->conf->map, sector + sectors);
}

/* A careful operation may change its plan, so it has all columns. */
static bool op_is_sparse(const struct r5_op *op)
{
	u32 written = op->piece.last - op->piece.first;

	return bio_op(op->io->bio) != REQ_OP_READ && !op->careful &&
	       emd_stripe_modifies(op->conf->data, op->conf->parity, written) && op_row_is_whole(op);
}

static void op_plan_sparse(struct r5_op *op)
{
	u32 i;

	op->kind = EMD_STRIPE_RMW;
	r5_for_each_column(op, i)
		op->column[i].todo = EMD_COLUMN_READ | EMD_COLUMN_WRITE;
}

/* Columns that are bad in some place may all be good in another. */
static bool op_may_do_less(const struct r5_op *op)
{
	u32 i;

	if (op->careful && (op->io->pers_private == R5_BY_BLOCKS || op->piece.hi - op->piece.lo == 1))
		return false;
	r5_for_each_column(op, i)
		if (op->column[i].state == EMD_COLUMN_BLIND)
			return true;
	return false;
}

blk_status_t r5_op_undone(const struct r5_op *op)
{
	return !op->careful || op_may_do_less(op) ? R5_STS_AGAIN : BLK_STS_IOERR;
}

static bool bio_has_pages(struct bio *bio)
{
	return bio_op(bio) == REQ_OP_READ || bio_op(bio) == REQ_OP_WRITE;
}

static struct r5_op *op_build(struct r5_conf *conf, struct emd_io *io,
			      const struct emd_stripe_piece *piece, const struct bvec_iter *at,
			      bool offload, bool reserved)
{
	struct r5_op *op = op_alloc(conf, io, op_gfp(io), reserved);

	if (!op)
		return ERR_PTR(-ENOMEM);
	op->piece = *piece;
	op->careful = r5_io_careful(io);
	op->zero = !bio_has_pages(io->bio);
	op->offload = offload;
	op->bad_round = emd_array_bad_round(conf->map->array);
	op->sparse = op_is_sparse(op);
	op_init_columns(op, at);
	if (op->sparse)
		op_plan_sparse(op);
	else if (bio_op(io->bio) != REQ_OP_READ)
		r5_op_plan(op);
	if (op->kind == EMD_STRIPE_LOST) {
		int error = op_may_do_less(op) ? -EAGAIN : -EIO;

		op_release(op);
		return ERR_PTR(error);
	}
	if (!op_alloc_buffers(op, op_gfp(io))) {
		op_release(op);
		return ERR_PTR(-ENOMEM);
	}
	atomic_long_add(op->cost, &conf->used);
	return op;
}

struct r5_op *r5_op_build(struct r5_conf *conf, struct emd_io *io,
			  const struct emd_stripe_piece *piece, const struct bvec_iter *at,
			  bool offload)
{
	if (!(io->flags & EMD_IO_CAN_WAIT)) {
		if (atomic_long_read(&conf->used) > R5_MEMORY_LIMIT)
			return ERR_PTR(-ENOMEM);
	} else {
		wait_event(conf->room, atomic_long_read(&conf->used) <= R5_MEMORY_LIMIT);
	}
	return op_build(conf, io, piece, at, offload, false);
}

struct r5_op *r5_op_build_reserved(struct r5_conf *conf, struct emd_io *io,
				   const struct emd_stripe_piece *piece,
				   const struct bvec_iter *at, bool offload)
{
	struct r5_op *op;

	mutex_lock(&conf->reserve_mutex);
	op = op_build(conf, io, piece, at, offload, true);
	mutex_unlock(&conf->reserve_mutex);
	return op;
}

/* -- member bios ---------------------------------------------------------------------------- */

static u64 column_sector(const struct r5_column *column)
{
	return column->op->conf->map->slot[column->slot].offset + op_member_sector(column->op);
}

static void column_refused(struct r5_column *column)
{
	column->todo |= R5_COLUMN_REFUSED;
	WRITE_ONCE(column->op->narrows, true);
}

/* It was to replace bad blocks. As long as they are listed it has not been written. */
static noinline void column_replaced(struct r5_column *column)
{
	u64 sector = column_sector(column), end = sector + column->op->piece.hi - column->op->piece.lo;

	if (emd_member_written(column->member, sector, end, column->round))
		return;
	column->failed = true;
	if (!column->op->offload)
		column_refused(column);
}

/* A member that is not written and not failed either. */
static void column_lost(struct r5_column *column)
{
	if (MDU_MSTATE_LIVE(emd_member_state(column->member)))
		WRITE_ONCE(column->op->stale, true);
}

static void column_error(struct r5_column *column, struct bio *bio)
{
	column->failed = true;
	/* A member that cannot be read is tried again; one that refuses WRITE_ZEROES gets zeroes. */
	if (!op_is_write(bio_op(bio)) || bio_op(bio) == REQ_OP_WRITE_ZEROES)
		return;
	if (emd_member_keeps_bad(column->member, bio->bi_status)) {
		column_refused(column);
		return;
	}
	emd_member_error(column->op->conf->map->array, column->member);
	column_lost(column);
}

static void op_narrow(struct r5_op *op);

/* All bios of a write have ended. Any context. */
static void op_written(struct r5_op *op)
{
	if (likely(!op->narrows)) {
		op->run(op);
		return;
	}
	op->then = op->run;
	op->run = op_narrow;
	r5_op_queue_work(op);
}

static void column_end_io(struct bio *bio)
{
	struct r5_column *column = bio->bi_private;
	struct r5_op *op = column->op;
	bool write = op_is_write(bio_op(bio));

	if (bio->bi_status)
		column_error(column, bio);
	else if (unlikely(column->round))
		column_replaced(column);
	bio_uninit(bio);
	if (!(column->todo & R5_COLUMN_REFUSED))
		emd_member_put(column->member);
	if (!atomic_dec_and_test(&op->pending))
		return;
	if (write)
		op_written(op);
	else
		r5_op_queue(op);
}

/* The bio's payload: nothing, the user's pages, or one buffer. */
static void column_fill_bio(struct r5_op *op, struct r5_column *column, u8 what, struct bio *bio)
{
	void *buffer = what == EMD_COLUMN_READ && column->old && r5_op_in_piece(op, column - op->column) ?
		       column->old : column->data;

	if (buffer) {
		__bio_add_page(bio, virt_to_page(buffer), r5_op_bytes(op), 0);
		return;
	}
	if (!op->offload) {
		bio->bi_io_vec = op->io->bio->bi_io_vec;
		bio->bi_iter = column->from;
		bio_set_flag(bio, BIO_CLONED);
	}
	bio->bi_iter.bi_size = r5_op_bytes(op);
}

static blk_opf_t column_opf(const struct r5_op *op, u8 what)
{
	blk_opf_t flags = r5_io_flags(op->io);

	if (what == EMD_COLUMN_READ)
		return REQ_OP_READ | (flags & ~REQ_FUA);
	if (!op->offload)
		return REQ_OP_WRITE | flags;
	return REQ_OP_WRITE_ZEROES | flags | (op->io->bio->bi_opf & REQ_NOUNMAP);
}

/* It has not what the column's member has. If it has got the slot meanwhile, it may be that it cannot be spared there. */
static void twin_error(struct r5_twin *twin)
{
	struct r5_op *op = twin->op;

	emd_member_error(op->conf->map->array, twin->member);
	if (MDU_MSTATE_LIVE(emd_member_state(twin->member)))
		WRITE_ONCE(op->stale, true);
}

static void twin_end_io(struct bio *bio)
{
	struct r5_twin *twin = bio->bi_private;
	struct r5_op *op = twin->op;
	u64 end = twin->sector + op->piece.hi - op->piece.lo;

	if (bio->bi_status && bio_op(bio) == REQ_OP_WRITE_ZEROES)
		WRITE_ONCE(op->refused, true);
	else if (bio->bi_status)
		twin_error(twin);
	else if (unlikely(twin->round) && !emd_member_written(twin->member, twin->sector, end, twin->round))
		twin_error(twin);
	bio_uninit(bio);
	emd_member_put(twin->member);
	if (atomic_dec_and_test(&op->pending))
		op_written(op);
}

/* What is written to a column is written to the replacement of its member, whether that takes it or not. */
static noinline void twin_send(struct r5_op *op, struct r5_column *column)
{
	const struct emd_map *map = op->conf->map;
	u32 slot = map->geo.raid_disks + column->slot;
	struct mdk_member *member = emd_slot_get_writable(map, slot);
	struct r5_twin *twin;
	struct bio *bio;

	if (!member)
		return;
	twin = &op->twin[op->twins++];
	bio = &twin->bio;
	twin->op = op;
	twin->member = member;
	twin->sector = map->slot[slot].offset + op_member_sector(op);
	twin->round = emd_member_write_round(member, twin->sector, twin->sector + op->piece.hi - op->piece.lo);
	bio_init(bio, NULL, &twin->vec, 1, column_opf(op, EMD_COLUMN_WRITE));
	emd_member_bio(bio, member, op->io->bio);
	column_fill_bio(op, column, EMD_COLUMN_WRITE, bio);
	bio->bi_iter.bi_sector = twin->sector;
	bio->bi_ioprio = op->io->bio->bi_ioprio;
	bio->bi_private = twin;
	bio->bi_end_io = twin_end_io;
	atomic_inc(&op->pending);
	emd_member_submit(member, bio);
}

static void column_send(struct r5_op *op, struct r5_column *column, u8 what)
{
	struct bio *bio = &column->bio;
	u64 sector = column_sector(column);

	if (unlikely(op->conf->twins) && what == EMD_COLUMN_WRITE)
		twin_send(op, column);
	column->member = emd_slot_get(op->conf->map, column->slot);
	column->failed = !column->member;
	if (column->failed)
		return;
	column->round = what == EMD_COLUMN_READ ? 0 :
			emd_member_write_round(column->member, sector, sector + op->piece.hi - op->piece.lo);
	bio_init(bio, NULL, &column->vec, 1, column_opf(op, what));
	emd_member_bio(bio, column->member, op->io->bio);
	column_fill_bio(op, column, what, bio);
	bio->bi_iter.bi_sector = sector;
	bio->bi_ioprio = op->io->bio->bi_ioprio;
	bio->bi_private = column;
	bio->bi_end_io = column_end_io;
	atomic_inc(&op->pending);
	emd_member_submit(column->member, bio);
}

void r5_op_issue(struct r5_op *op, u8 what, void (*run)(struct r5_op *op))
{
	u32 i;

	op->run = run;
	op->twins = 0;
	atomic_set(&op->pending, 1);
	r5_for_each_column(op, i)
		if (op->column[i].todo & what)
			column_send(op, &op->column[i], what);
	if (!atomic_dec_and_test(&op->pending))
		return;
	if (what == EMD_COLUMN_WRITE)
		op_written(op);
	else
		op->run(op);
}

/* What is refused is written again in pieces. The row is held, so nobody reads or writes there meanwhile. */
static void column_narrow(struct r5_op *op, struct r5_column *column)
{
	struct bio *source = &column->bio;
	int ret;

	bio_init(source, NULL, &column->vec, 1, column_opf(op, EMD_COLUMN_WRITE));
	column_fill_bio(op, column, EMD_COLUMN_WRITE, source);
	ret = emd_narrow_write(column->member, &op->conf->windows, source, source->bi_iter, column_sector(column));
	bio_uninit(source);
	column->failed = ret != 0;
	if (ret < 0)
		column_lost(column);
	column->todo &= ~R5_COLUMN_REFUSED;
	emd_member_put(column->member);
}

/* On a runner. It waits for disks here, as nothing else on it does: errors are rare, and wait for nothing but disks. */
static void op_narrow(struct r5_op *op)
{
	u32 i;

	op->narrows = false;
	r5_for_each_column(op, i)
		if (op->column[i].todo & R5_COLUMN_REFUSED)
			column_narrow(op, &op->column[i]);
	op->run = op->then;
	op->run(op);
}

bool r5_op_blind(struct r5_op *op)
{
	bool any = false;
	u32 i;

	r5_for_each_column(op, i) {
		struct r5_column *column = &op->column[i];

		if (!(column->todo & EMD_COLUMN_READ) || !column->failed)
			continue;
		column->state = column->member ? EMD_COLUMN_BLIND : EMD_COLUMN_ABSENT;
		any = true;
	}
	return any;
}

/* -- from start to end ---------------------------------------------------------------------- */

/* The states of a held row's columns, less those whose blocks were found bad since they were taken. Return: true if there are any. */
static bool op_finds_bad(struct r5_op *op)
{
	const struct emd_map *map = op->conf->map;
	u32 i, sectors = op->piece.hi - op->piece.lo;
	u64 sector = op_member_sector(op);
	bool any = false;

	r5_for_each_column(op, i) {
		struct r5_column *column = &op->column[i];

		if (column->state != EMD_COLUMN_PRESENT || emd_slot_readable(map, column->slot, sector, sectors))
			continue;
		column->state = column_state(map, column->slot, sector, sectors);
		any = true;
	}
	return any;
}

/* Bad blocks have been found since it was planned, perhaps by whoever held its row. Return: can it be run? */
static noinline bool op_plan_again(struct r5_op *op)
{
	if (op->sparse)
		return op_row_is_whole(op);
	if (!op_finds_bad(op))
		return true;
	/* A read is planned when it runs. What reads nothing needs no other plan. */
	if (bio_op(op->io->bio) == REQ_OP_READ || op->kind == EMD_STRIPE_FULL || op->kind == EMD_STRIPE_BARE)
		return true;
	if (op->careful)
		r5_op_plan(op);
	return op->careful && op->kind != EMD_STRIPE_LOST;
}

/* The row is held. */
static void op_begin(struct r5_op *op)
{
	if (unlikely(op->bad_round != emd_array_bad_round(op->conf->map->array)) && !op_plan_again(op))
		r5_op_end(op, r5_op_undone(op));
	else if (bio_op(op->io->bio) == REQ_OP_READ)
		r5_read_run(op);
	else
		r5_write_run(op);
}

static void op_granted(struct r5_lock *lock)
{
	/* Not by who unlocks: it may be another's operation, which would wait until he gets the CPU. */
	r5_op_queue_work(container_of(lock, struct r5_op, lock));
}

void r5_op_start(struct r5_op *op)
{
	bool read = bio_op(op->io->bio) == REQ_OP_READ;

	r5_io_begin(op->io);
	op->run = op_begin;
	op->lock.row = op->piece.row;
	op->lock.mask = emd_stripe_mask(&op->conf->map->geo, op->piece.lo, op->piece.hi);
	op->lock.shared = read && !op->careful;
	op->lock.granted = op_granted;
	if (r5_lock_row(op->conf->array, &op->lock))
		op_begin(op);
}

void r5_op_end(struct r5_op *op, blk_status_t status)
{
	struct emd_io *io = op->io;

	r5_unlock_row(op->conf->array, &op->lock);
	r5_op_free(op);
	r5_io_put(io, status);
}
