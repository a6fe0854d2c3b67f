/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RAID4, RAID5 and RAID6: striped data with one or two parity columns per row.
 *
 * Theory
 *
 * A request runs to completion in its submitter. It is cut into *pieces*
 * (core/emd_stripe_plan.h): uniform parts of one row, at most a slice (64 KiB) per column.
 * A piece is one *operation*, one object with its member bios inside:
 *
 *	hold	small writes, while their submitter has plugged	gather.c
 *	build	plan the piece, take the memory for it		op.c
 *	lock	the piece's blocks of the row, or queue		row.c
 *	run	phase 1: read what the plan asks for		small.c, read.c
 *		phase 2: parity, write				full.c, small.c
 *	end	unlock, start whom that lets in, count down the request
 *
 * Rules that keep it right:
 *
 * 1. Memory is taken before the row is locked, so who holds a lock never waits for anything
 *    but disks. All memory of a request is taken before its first operation starts, or
 *    the request is handed to a worker (emd_io_punt()) which may wait.
 * 2. A completion never starts an operation and never computes: it hands the operation to
 *    the runner of its CPU, or back to its submitter (row.c). So the stack does not grow with synchronous
 *    members, and parity is computed in process context.
 * 3. Two writers never hold the same blocks of a row. Parity is computed from bytes that
 *    nobody else can change: from a private copy of the data, unless it is stable.
 * 4. Until phase 2 nothing on disk has changed. Whatever goes wrong before (a read error,
 *    a member that went) ends the operation, and the request is submitted once more,
 *    *carefully*: from a worker, a page at a time, with memory for every plan, so that an
 *    operation can change its plan in place; and if too many columns of a page cannot be read, but not
 *    all in the same place, once more by blocks. Writes are idempotent, so to do them again
 *    is harmless. A plan that was made before the row was held is looked at again if bad blocks
 *    have been found since: they can be read, and hold what is stale (op.c).
 * 5. In phase 2 each member write stands for itself. If one fails, that member is failed
 *    (or what could not be written recorded, if it keeps a list of bad blocks: then no plan reads it)
 *    and the row is right for the others. If more fail than there is parity, or it is a
 *    member that stays because too few are left, the request fails. From then on nothing
 *    is computed from parity any more (emd_array_broken()), as it speaks of data that is
 *    not there.
 *
 * Parity is summed over *places*. With one parity a column's place is its number, and all
 * columns weigh the same. With two it is the power of 2 that the layout gives its slot
 * (emd_pq.h), then P, then Q; there may be places without a column.
 */
#ifndef _EMD_RAID456_H
#define _EMD_RAID456_H

#include <linux/llist.h>
#include <linux/mempool.h>
#include <linux/mutex.h>

#include "../../core/emd_math.h"
#include "../../core/emd_stripe_plan.h"
#include "../../emd_compat.h"
#include "../../emd_personality.h"
#include "../shared.h"
#include "../window_io.h"

#define R5_SLICE_SECTORS	128U		/* 64 KiB: n of them stay in the L2 cache */
#define R5_CAREFUL_SECTORS	PAGE_SECTORS	/* slice of careful operations and of the reserve, at most */
#define R5_MEMORY_LIMIT		(64L << 20)	/* bytes in operations, per map */

/* -- row locks (row.c) ----------------------------------------------------------------------- */

/**
 * struct r5_lock - a claim on blocks of a row
 * @row, @mask: which; see emd_stripe_mask()
 * @shared: claims that are shared do not exclude each other
 * @held:   granted; written under the bucket's lock
 * @granted: called when a claim that had to wait is granted, in any context
 */
struct r5_lock {
	struct list_head	link;
	u64			row;
	u64			mask;
	bool			shared;
	bool			held;
	void			(*granted)(struct r5_lock *lock);
};

struct r5_bucket {
	spinlock_t		lock;
	struct list_head	claims;	/* of several rows, in order of arrival */
} ____cacheline_aligned_in_smp;

/* Operations that are to be run in process context on one CPU. */
struct r5_runner {
	struct llist_head	ops;
	struct work_struct	work;
};

/**
 * struct r5_submitter - who runs on one CPU what ends while he sends it
 * @task: NULL: nobody; @ops: his, see struct r5_here
 */
struct r5_submitter {
	struct task_struct	*task;
	struct llist_head	*ops;
};

#define R5_HERE_ROUNDS	16

/* Operations that their submitter runs himself, between r5_here_begin() and r5_here_end(). */
struct r5_here {
	struct llist_head	ops;
	struct r5_submitter	*submitter;
};

/**
 * r5_here_begin() - operations whose members answer at once are not left to a worker
 * Context: a task that flushes its plug; within submit_bio(), or where another does it already, nothing happens.
 */
void r5_here_begin(struct r5_here *here);

/** r5_here_end() - send what the task has plugged, and run what has come back. Of the array nothing need be left then. */
void r5_here_end(struct r5_here *here);

/**
 * struct r5_array - what the maps of one array share
 * @buckets: hash of row locks; its size is a power of two
 * @log:     the partial parity log (log.h); NULL without one
 */
struct r5_log;
struct r5_array {
	struct emd_shared	shared;
	struct r5_bucket	*buckets;
	unsigned int		bucket_mask;
	struct r5_runner __percpu *runners;
	struct r5_log		*log;
};

extern const struct emd_shared_kind r5_array_kind;

/** r5_lock_row() - claim; Return: true if held at once, false if @lock->granted will be called. Any context. */
bool r5_lock_row(struct r5_array *array, struct r5_lock *lock);

/** r5_unlock_row() - give it back and grant what that lets in. Any context. */
void r5_unlock_row(struct r5_array *array, struct r5_lock *lock);

/* -- one map -------------------------------------------------------------------------------- */

/**
 * struct r5_conf - private data of a map
 * @data, @parity: columns of each kind in a row
 * @places: places that parity is summed over, at least as many as columns
 * @twins:   members that are being replaced
 * @row_sectors: array sectors of a row
 * @used:    bytes in operations; beyond R5_MEMORY_LIMIT submitters hand over to the worker
 * @room:    waits for @used to fall
 * @reserve: one operation and its pages, for the worker alone; its user holds
 *           @reserve_mutex while it collects them
 * @clones:  bios of healthy reads
 * @windows: bios of syncs
 */
struct r5_conf {
	struct emd_map		*map;
	struct r5_array		*array;
	u32			data, parity, places, twins;
	u64			row_sectors;
	atomic_long_t		used;
	wait_queue_head_t	room;
	struct mutex		reserve_mutex;
	mempool_t		reserve_ops;
	mempool_t		reserve_pages;
	struct bio_set		clones;
	struct bio_set		windows;
};

static inline u32 r5_columns(const struct r5_conf *conf)
{
	return conf->data + conf->parity;
}

/* -- operations (op.c) ---------------------------------------------------------------------- */

#define R5_COLUMN_REFUSED	0x80	/* not written yet; the member has a reference, and keeps a list of bad blocks */

/**
 * struct r5_column - one member's part of an operation
 * @bio, @vec: what is sent; nothing else comes before @op (op_clear())
 * @slot:   which member of the map
 * @state:  enum emd_column_state
 * @todo:   EMD_COLUMN_READ | EMD_COLUMN_WRITE | R5_COLUMN_REFUSED
 * @place:  where parity sums it
 * @round:  not 0 if the write is to replace bad blocks
 * @failed: its last I/O failed, or its member was not to be had
 * @solve:  what it held is to be computed from the columns that are read
 * @data:   what is read or will be written; NULL if the user's pages serve
 * @old:    RMW: what the disk held
 * @from:   where the column's data begins in the request's bio
 */
struct r5_column {
	struct bio		bio;
	struct bio_vec		vec;
	struct r5_op		*op;
	struct mdk_member	*member;
	u32			slot;
	u8			state;
	u8			todo;
	bool			failed;
	bool			solve;
	u32			place;
	u32			round;
	void			*data;
	void			*old;
	struct bvec_iter	from;
};

/*
 * The same write to whom replaces a column's member. It ends with the operation, whatever becomes of it.
 * @sector, @round: of the device, and not 0 if the write is to replace bad blocks there
 */
struct r5_twin {
	struct bio		bio;
	struct bio_vec		vec;
	struct r5_op		*op;
	struct mdk_member	*member;
	u64			sector;
	u32			round;
};

/* What the partial parity log knows of a write that was sent. */
enum r5_logged { R5_NOT_LOGGED, R5_ANNOUNCED, R5_UNLOGGED };

/**
 * struct r5_op - a piece of a request on its way
 * @run:     what to do next in process context; set before r5_op_queue() and r5_op_issue()
 * @pending: member bios under way, and one while they are being sent
 * @kind:    how a write is done
 * @bad_round: emd_array_bad_round() of its columns' states
 * @cost:    bytes counted in r5_conf.used
 * @zero:    the data is zeroes, there are no pages
 * @offload: WRITE_ZEROES is sent to members
 * @careful: has memory for every plan (rule 4)
 * @reserved: came from the reserve
 * @narrows: columns are refused
 * @then:    of an operation that narrows: @run once that is done
 * @stale:   a member that cannot be spared has missed a write
 * @refused: a replacement has not taken WRITE_ZEROES
 * @logged:  enum r5_logged
 * @sparse:  RMW with all members there: only the written columns and parity exist (r5_for_each_column())
 * @twin:    room for the writes to replacements, as many as there are; @twins of them were sent
 * @at:      two parities: room for the places of a row
 */
struct r5_op {
	struct r5_conf		*conf;
	struct emd_io		*io;
	struct emd_stripe_piece	piece;
	struct r5_lock		lock;
	struct llist_node	queue;
	void			(*run)(struct r5_op *op);
	void			(*then)(struct r5_op *op);
	atomic_t		pending;
	enum emd_stripe_kind	kind;
	u32			bad_round;
	size_t			cost;
	bool			zero, offload, careful, reserved, narrows, stale, refused, sparse;
	u8			logged;
	struct r5_twin		*twin;
	u32			twins;
	void			**at;
	struct r5_column	column[];
};

/** r5_op_size() - bytes of an operation with its columns and places. */
size_t r5_op_size(const struct r5_conf *conf);

static inline unsigned int r5_op_bytes(const struct r5_op *op)
{
	return (op->piece.hi - op->piece.lo) << SECTOR_SHIFT;
}

/* Is the column written, or asked for by a read? */
static inline bool r5_op_in_piece(const struct r5_op *op, u32 column)
{
	return column >= op->piece.first && column < op->piece.last;
}

static inline u32 r5_op_next(const struct r5_op *op, u32 column)
{
	column++;
	return op->sparse && column == op->piece.last ? op->conf->data : column;
}

/* The columns that the operation has, by their numbers. */
#define r5_for_each_column(op, i)						\
	for ((i) = (op)->sparse ? (op)->piece.first : 0; (i) < r5_columns((op)->conf); \
	     (i) = r5_op_next(op, i))

/**
 * r5_op_build() - an operation for @piece, not started
 * @at: position of the piece's first column in the bio; NULL without pages
 * @offload: a full piece of zeroes is to be sent as WRITE_ZEROES
 *
 * Plans a write. Context: process; waits for memory only if @io says so. Return: the
 * operation, ERR_PTR(-ENOMEM), ERR_PTR(-EIO) when the piece cannot be done, or ERR_PTR(-EAGAIN) when it may in smaller
 * pieces, carefully.
 */
struct r5_op *r5_op_build(struct r5_conf *conf, struct emd_io *io,
			  const struct emd_stripe_piece *piece, const struct bvec_iter *at,
			  bool offload);

/** r5_op_build_reserved() - the same from the reserve: a piece of a page at most, a worker; never -ENOMEM. */
struct r5_op *r5_op_build_reserved(struct r5_conf *conf, struct emd_io *io,
				   const struct emd_stripe_piece *piece,
				   const struct bvec_iter *at, bool offload);

/** r5_op_free() - give back the memory of an operation that holds no lock. Any context. */
void r5_op_free(struct r5_op *op);

/** r5_op_start() - lock the row and run; at once, or when the lock is granted. Process context. */
void r5_op_start(struct r5_op *op);

/** r5_op_queue() - call @op->run, which may not wait, on this CPU's runner or in the submitter (row.c). Any context. */
void r5_op_queue(struct r5_op *op);

/** r5_op_queue_work() - call @op->run on this CPU's runner. Any context. */
void r5_op_queue_work(struct r5_op *op);

/** r5_op_end() - the operation is over: unlock, free, count down the request. Any context. */
void r5_op_end(struct r5_op *op, blk_status_t status);

/**
 * r5_op_issue() - send a bio for each column whose todo has @what
 * @run: what to do when all have ended; in process context for reads, in any for writes
 *
 * A column whose member is not to be had counts as failed. Process context.
 */
void r5_op_issue(struct r5_op *op, u8 what, void (*run)(struct r5_op *op));

/** r5_op_plan() - (again) fill in kind and todo of a write from the columns' states. */
void r5_op_plan(struct r5_op *op);

/**
 * r5_op_undone() - the status of an operation that cannot be done as it is, and has changed nothing
 *
 * R5_STS_AGAIN, if it may in another way: carefully, or in smaller pieces, because columns that are bad in one place may be good
 * in another; or BLK_STS_IOERR.
 */
blk_status_t r5_op_undone(const struct r5_op *op);

/** r5_op_blind() - mark columns that could not be read. Return: true if there are any. */
bool r5_op_blind(struct r5_op *op);

/* -- requests (request.c) ------------------------------------------------------------------- */

/* Status of a request that is to be submitted again, carefully (rule 4). No member's answer is passed on, so it is free. */
#define R5_STS_AGAIN	BLK_STS_AGAIN

/* What emd_io.pers_private says of a request that is done carefully: in pieces of a page, or of a block of the members, at most. */
#define R5_BY_PAGES	((void *)1)
#define R5_BY_BLOCKS	((void *)2)

static inline bool r5_io_careful(const struct emd_io *io)
{
	return io->pers_private;
}

/** r5_io_slice() - how much of a chunk an operation of @io deals with at most, in sectors. */
u32 r5_io_slice(const struct emd_io *io);

/** r5_io_begin() - one more part is under way; the submitter's own count keeps the request open meanwhile. */
void r5_io_begin(struct emd_io *io);

/** r5_io_put() - a part has ended; with the last, the request ends or is submitted again. Any context. */
void r5_io_put(struct emd_io *io, blk_status_t status);

/** r5_io_flags() - operation flags that go on to the members. */
blk_opf_t r5_io_flags(const struct emd_io *io);

/**
 * struct r5_batch - the parts of a request that is being submitted
 * @ops, @clones: built and not yet started (rule 1); empty in a worker, which starts each at once
 */
struct r5_batch {
	struct r5_conf		*conf;
	struct emd_io		*io;
	struct list_head	ops;
	struct bio_list		clones;
};

/**
 * r5_batch_add() - build an operation, see r5_op_build()
 *
 * A piece that cannot be done fails the request, not the batch. Return: 0, or -ENOMEM
 * when the batch has to be given up (never in a worker).
 */
int r5_batch_add(struct r5_batch *batch, const struct emd_stripe_piece *piece,
		 const struct bvec_iter *at, bool offload);

/* What a request is cut into. Return: 0, or -ENOMEM when the batch has to be given up. */
int r5_read(struct r5_batch *batch);				/* read.c */
int r5_write(struct r5_batch *batch);				/* write.c */
int r5_zero(struct r5_batch *batch);				/* zero.c */

/** r5_read_whole() - send a healthy read within one chunk on. Return: false, and nothing has happened, if it is not such a one (read.c). */
bool r5_read_whole(struct emd_io *io);

/**
 * r5_hold() - hold a small write until its submitter unplugs, for what follows it (gather.c)
 *
 * Return: false, and nothing has happened, if it is not such a one, or nobody has plugged.
 */
bool r5_hold(struct emd_io *io);

/** r5_io_start() - cut a request and start what it is made of. Process context; waits only if @io says so. */
void r5_io_start(struct emd_io *io);

/** r5_submit() - struct emd_personality.submit */
void r5_submit(struct emd_io *io);

/** r5_clones_init() - the set of bios that healthy reads take their clones from (read.c). */
int r5_clones_init(struct bio_set *clones);

/** r5_clone_submit() - send a clone that r5_read() has put into the batch (read.c). */
void r5_clone_submit(struct bio *clone);

/** r5_clone_drop() - give up a clone that was not sent (read.c). */
void r5_clone_drop(struct bio *clone);

/* -- what operations do (process context) --------------------------------------------------- */

void r5_read_run(struct r5_op *op);				/* read.c */
void r5_write_run(struct r5_op *op);				/* write.c */
void r5_small_run(struct r5_op *op);				/* small.c: phase 1 */
void r5_full_run(struct r5_op *op);				/* full.c */
void r5_write_out(struct r5_op *op);				/* write.c: phase 2 */
void r5_write_send(struct r5_op *op);				/* write.c: phase 2, once it is in the log */
void r5_log_write(struct r5_op *op);				/* log.c: r5_write_send(), once it is durable that it will be */
void r5_log_ended(struct r5_op *op);				/* log.c: the members have answered; any context */
int r5_sync(struct emd_map *map, struct emd_window *w);		/* sync.c */

/* -- pq.c: two parities ----------------------------------------------------------------------- */

#define R5_GATHER_PLACES	18U	/* of a row whose data is copied and summed up in one pass, at most */

/** r5_pq_generate() - bytes [@from, @from + @bytes) of P and Q from all data. */
void r5_pq_generate(struct r5_op *op, unsigned int from, unsigned int bytes);

/** r5_pq_copy() - the same, and all data from @from, by columns; as emd_pq_copy(). There are R5_GATHER_PLACES at most. */
void r5_pq_copy(struct r5_op *op, const void *const *from, unsigned int at, unsigned int bytes);

/** r5_pq_generate_stable() - P and Q from the user's data where it lies. No column has been sent yet. */
void r5_pq_generate_stable(struct r5_op *op);

/** r5_pq_reconstruct() - P and Q from all data. */
void r5_pq_reconstruct(struct r5_op *op);

/** r5_pq_modify() - P and Q follow the written columns from their old data to the new. */
void r5_pq_modify(struct r5_op *op);

/** r5_pq_solve() - the columns to be solved, one or two, from all others. */
void r5_pq_solve(struct r5_op *op);

/* -- parity.c ------------------------------------------------------------------------------- */

/** r5_gather() - copy the user's data to the written columns; @full: they are all data, make parity of them. */
void r5_gather(struct r5_op *op, bool full);

/** r5_gather_stable() - parity of a full piece from the user's data where it lies. */
void r5_gather_stable(struct r5_op *op);

/** r5_scatter() - copy what column @i holds into the request's bio, where it begins there. */
void r5_scatter(const struct r5_op *op, u32 i);

/** r5_scatter_sum() - the same of all columns of the piece; data column @missing holds nothing, and is the sum of the other data and P. */
void r5_scatter_sum(struct r5_op *op, u32 missing);

/** r5_settle_stable() - EMD_IO_STABLE goes unless the pages can be summed where they are. Once for all rows, as it looks at all pages. */
void r5_settle_stable(struct emd_io *io);

/**
 * struct r5_sum - a sum in the making; begin with r5_sum_begin(), end with r5_sum_end()
 * @dst: where; @fresh: it holds nothing yet
 */
struct r5_sum {
	void *dst;
	size_t bytes;
	bool fresh;
	unsigned int nr;
	void *src[8];
};

static inline struct r5_sum r5_sum_begin(void *dst, size_t bytes, bool fresh)
{
	struct r5_sum sum;

	sum.dst = dst;
	sum.bytes = bytes;
	sum.fresh = fresh;
	sum.nr = 0;
	return sum;
}

void r5_sum_add(struct r5_sum *sum, void *src);
void r5_sum_end(struct r5_sum *sum);

#endif
