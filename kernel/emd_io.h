/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * emd_io: one request to an array, under one map. Made by the gate (for users and for
 * parent arrays) and by the movers (sync, reshape); consumed by a personality.
 */
#ifndef _EMD_IO_H
#define _EMD_IO_H

#include "emd_map.h"

/**
 * struct emd_io - a request as a personality sees it
 * @map:   geometry and members; held until emd_io_end()
 * @bio:   array sectors of @map's geometry, within the array and within one side of a
 *         reshape. READ, WRITE (with FUA/PREFLUSH already taken apart: a personality
 *         sees PREFLUSH only on an empty bio), DISCARD, WRITE_ZEROES. The personality may
 *         advance, split, clone or remap it, but must end the *request* exactly once
 *         with emd_io_end().
 * @flags: EMD_IO_*
 * @pers_private, @pending, @status, @rest: free for the personality
 * @done:  emd_io_end() calls it
 * @punt:  emd_io_punt() calls it
 */
struct emd_io {
	struct emd_map		*map;
	struct bio		*bio;
	unsigned int		flags;
	void			*pers_private;
	atomic_t		pending;
	blk_status_t		status;
	struct bvec_iter	rest;
	void			(*done)(struct emd_io *io, blk_status_t status);
	void			(*punt)(struct emd_io *io);
	void			*done_private;
};

#define EMD_IO_STABLE	0x1	/* nobody changes the pages meanwhile: no copy is needed */
#define EMD_IO_CAN_WAIT	0x4	/* from a worker: memory may be waited for */
#define EMD_IO_WHOLE	0x8	/* the bio may be remapped itself (it is no part of a chain) */
#define EMD_IO_SPLIT	0x10	/* of the personality: it serves the request in parts */
#define EMD_IO_AS_DATA	0x20	/* of the personality: zeroes that have to be written as data */
#define EMD_IO_ENDED	0x40	/* of the personality: the bio itself was sent, so the block layer has ended it */
#define EMD_IO_MOVER	0x2	/* from sync or reshape: ranges are locked already, do not take row locks against users */

/**
 * emd_io_end() - the request is complete
 *
 * For a write the gate may keep the user waiting until the failure of a member that the
 * write had to leave out is durable. Context: any, also hard interrupt.
 */
static inline void emd_io_end(struct emd_io *io, blk_status_t status)
{
	io->done(io, status);
}

/**
 * emd_io_answer() - tell the submitter of a write that it is complete, before it is
 *
 * For all others it goes on until emd_io_end(): it keeps its range, its map, and its regions dirty; a flush waits for it. @io->bio is gone.
 * Context: any. Return: false if it may not be answered yet: nobody keeps a bitmap that would know of it after a crash, or a failure
 * is not durable.
 */
bool emd_io_answer(struct emd_io *io);

/** emd_array_backlog() - how many writes may be answered early now (md: bitmap/backlog); 0 without a bitmap, or while a flush waits. Any context. */
u32 emd_array_backlog(const struct emd_array *a);

/** emd_array_backlog_used() - so many are under way. Any context. */
void emd_array_backlog_used(struct emd_array *a, u32 nr);

/**
 * emd_io_punt() - call the personality's submit again with @io from a worker, EMD_IO_CAN_WAIT set
 *
 * For a personality that would have to wait for memory. Context: any.
 */
static inline void emd_io_punt(struct emd_io *io)
{
	io->punt(io);
}

/**
 * emd_map_rw() - synchronous read or write of array sectors through a map, past the gate
 * @op:     REQ_OP_READ or REQ_OP_WRITE (with REQ_FUA if wanted)
 * @vecs:   whole pages, as many as @sectors need; data is stable, the table is not changed
 *
 * Any size: the personality cuts it, and a larger one has more full rows. Allocates nothing itself. For the movers. Context: process, may sleep; no bio of the caller may be pending on
 * current->bio_list. Return: 0 or -EIO.
 */
int emd_map_rw(struct emd_map *map, blk_opf_t op, sector_t sector, unsigned int sectors,
	       struct bio_vec *vecs);

/**
 * emd_member_error() - a member answered an I/O with an error that makes it unfit
 *
 * Fails the member unless that would take the last copy of data that it still holds
 * (RAID1's last member, a level without redundancy: the error goes to the user instead).
 * Idempotent. Context: any. Work that may sleep (new map, events) is queued.
 */
void emd_member_error(struct emd_array *a, struct mdk_member *m);

/**
 * emd_member_error_fast() - a request has failed that was to fail at once rather than be tried for long (failfast)
 *
 * Fails the member, as emd_member_error() does. If it holds the last copy of something, or may because another has bad blocks, nothing
 * happens: the request is to be made again, as one that may take its time. Any context. Return: true if the member is failed.
 */
bool emd_member_error_fast(struct emd_array *a, struct mdk_member *m);

/** emd_member_unfit() - emd_member_error(), for who knows the member only and holds a reference to it. Any context. */
void emd_member_unfit(struct mdk_member *m);

/**
 * emd_member_error_only_copy() - @bio of @m, of a level without redundancy, has ended: is it an error of the member?
 *
 * The error is the user's. EAGAIN, and refused discards or zeroes, say nothing about the member. Context: any.
 */
void emd_member_error_only_copy(struct emd_array *a, struct mdk_member *m, const struct bio *bio);

/**
 * emd_member_keeps_bad() - is what a failed write of a member with redundancy cost to be recorded, instead of its life?
 *
 * It is where somebody keeps a list of bad blocks (external_bbl), for errors that may be those of a place; but not of a member that replaces
 * another, see emd_member_replaces(). Any context.
 */
bool emd_member_keeps_bad(const struct mdk_member *m, blk_status_t status);

/**
 * emd_member_bad(), emd_member_lost() - sectors [@begin, @end) of the device were refused; or hold nothing that may be read
 *
 * They are not read from now on. With external metadata, writes are reported only when that is durable, as with a failure.
 * If there is no room in the list the member is failed, and if it refuses too much in one piece. Context: any; a reference to @m is held.
 * Return: true if the member stays, without these sectors.
 */
bool emd_member_bad(struct mdk_member *m, u64 begin, u64 end);
bool emd_member_lost(struct mdk_member *m, u64 begin, u64 end);

/** emd_array_keep_bad() - from now on @m has a list of bad blocks, whoever wants to see it. config_mutex held. Return: 0 or -ENOMEM. */
int emd_array_keep_bad(struct mdk_member *m);

/**
 * emd_member_lost_answered() - @m, which has the last copy, has not taken a write that was answered
 *
 * [@begin, @end) of the device is not read until it is written again. If somebody keeps its list of bad blocks he is told; if not,
 * it is known until the member goes. Without room in the list nothing of the member is read any more. After emd_array_keep_bad();
 * any context; a reference to @m is held.
 */
void emd_member_lost_answered(struct mdk_member *m, u64 begin, u64 end);

/**
 * emd_member_written() - a write for which emd_member_write_round() gave @round has succeeded: bad blocks there are good again
 *
 * Unless others have failed meanwhile (emd_badblocks_written()), or there were none when it was sent (@round 0). Any context.
 * Return: false if some of it is bad, and has to be written again before it counts as written: nobody reads it.
 */
bool emd_member_written(struct mdk_member *m, u64 begin, u64 end, u32 round);

/**
 * emd_array_bad_round() - for who looks at lists of bad blocks, and acts on what they say later: if it has changed by then, they may have
 *
 * Behind a lock that whoever added to a list gave back since, it has. Any context.
 */
u32 emd_array_bad_round(const struct emd_array *a);

/**
 * emd_array_parity_log() - shall it have a partial parity log?
 * @signature, @unit_bytes: of its headers, and in which entries count sectors
 *
 * Each member of its slots has a place for it then (mdk_member.log_sector). While the array starts or runs: the same answer always.
 */
bool emd_array_parity_log(const struct emd_array *a, u32 *signature, u32 *unit_bytes);

/**
 * emd_array_broken() - has a write failed on a member that could not be spared?
 *
 * What it wrote on the others stands: parity there is not that of what the members hold. Nothing may be computed from it
 * until somebody has started the array anew, by force. Any context; true before the write that failed has ended.
 */
bool emd_array_broken(const struct emd_array *a);

/* Work queues of an array: by what a work may wait for, see emd_array_queues.h. */
enum emd_queue {
	EMD_QUEUE_RUN,
	EMD_QUEUE_MEMBERS,
	EMD_QUEUE_MEND,
	EMD_QUEUE_END,
	EMD_QUEUE_ADMIT,
	EMD_NR_QUEUES
};

/** emd_array_wq() - a queue of @a as it is now, to queue a work of @a at once. Any context. */
struct workqueue_struct *emd_array_wq(const struct emd_array *a, enum emd_queue kind);

/** emd_flush_members() - flush the volatile caches of all live members; a member that fails it is failed. Process context. */
int emd_flush_members(struct emd_array *a);

#endif
