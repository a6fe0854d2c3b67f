/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The partial parity log of RAID5: before data and parity of a row are written, the member that has the row's parity holds, durable, the
 * sum of the data that the write leaves alone. Its form is that of md's 1.x and of IMSM (docs/decisions/0012).
 *
 * Theory
 *
 * A *unit* is a header and the partial parity of the writes that the header announces, one write with FUA. Each slot has a log of its
 * own, with one unit at a time: writes come with all that they are going to send (r5_log_write()), wait, and become the next unit together.
 *
 *	idle	nothing waits
 *	flush	all members, if anything was written since they were flushed last: what the unit before announced is durable then
 *	write	the unit
 *	run	its writes go out as they would have without a log; when all have ended, from the beginning
 *
 * So at each instant the newest whole unit of a slot's log announces all that may be other in its rows than their parity knows, and
 * when a unit is cut off itself, nothing is.
 *
 * The area of a member begins with a header without entries, the *front*, which is not written again as long as the array runs. The
 * units follow each other behind it, and begin anew there. A reader follows headers from the front as long as generations do not fall,
 * so what is left of earlier rounds is none of the chain; and as the front stays, a unit that is cut off never takes the chain
 * with it. Areas that are too small for that have all units at the front, as md has them there.
 *
 * As long as parity was not made right everywhere (the map does not agree), nothing is announced and there are no fronts: whoever
 * finds a log takes it for the end of the resync. When parity is right, all that was not announced has to end first (R5_LOG_DRAIN),
 * then the fronts are written (R5_LOG_FRONT), then everything is announced (R5_LOG_ON).
 *
 * A row whose parity has no member is not announced: its data cannot disagree with anything. A member that fails while it is logged is
 * left out as in any other write. If it cannot be left out, the writes have not begun, and fail.
 */
#ifndef _EMD_RAID456_LOG_H
#define _EMD_RAID456_LOG_H

#include "../../core/emd_reshape_math.h"
#include "raid456.h"

#define R5_LOG_HEADER_BYTES	4096U
#define R5_LOG_HEADER_SECTORS	(R5_LOG_HEADER_BYTES >> SECTOR_SHIFT)
#define R5_LOG_ENTRIES		148U
#define R5_LOG_BUFFERS		2U
#define R5_LOG_BUFFER_BYTES	(R5_SLICE_SECTORS << SECTOR_SHIFT)	/* the partial parity of any one operation fits */
#define R5_LOG_RING_SECTORS	2048U	/* md has more than one unit in an area from this size on */

/* As it is on disk. Little-endian. */
struct r5_log_entry {
	__le64	sector;			/* of the array, in units: the first that is written */
	__le32	parity_bytes;		/* of partial parity; 0: the row is written whole */
	__le32	data_bytes;		/* of all columns that are written */
	__le32	parity_slot;
	__le32	checksum;		/* CRC-32C of the partial parity */
};

struct r5_log_header {
	u8	reserved[512];		/* all ones */
	__le32	signature;
	__le32	padding;
	__le64	generation;
	__le32	entries;
	__le32	checksum;		/* CRC-32C of the header, with 0 here */
	struct r5_log_entry entry[R5_LOG_ENTRIES];
	u8	rest[8];
};

enum r5_log_state { R5_LOG_OFF, R5_LOG_DRAIN, R5_LOG_FRONT, R5_LOG_ON };

enum r5_log_phase {
	R5_LOG_IDLE,
	R5_LOG_BUSY,			/* somebody sees to it */
	R5_LOG_FLUSHING,
	R5_LOG_FLUSHED,
	R5_LOG_WRITING,
	R5_LOG_WRITTEN,
	R5_LOG_RUNNING,
	R5_LOG_ENDED,
};

struct r5_log_flush {
	struct bio		bio;
	struct r5_log_slot	*slot;
	struct mdk_member	*member;
};

/**
 * struct r5_log_slot - the log of one slot
 * @phase, @waiting, @end, @member, @at, @front, @unusable: under r5_log.lock
 * @waiting: operations, linked by r5_op.queue, in order of arrival; @end: where the next is linked
 * @unit:   those of the unit under way
 * @left:   what the phase waits for
 * @dirty:  something was written since all members were flushed
 * @failed: the unit was not written, or the members could not be flushed, and nobody has failed for it
 * @member: who is in the slot, with a reference to its memory; its area is @sector, @sectors of the device
 * @at:     sectors into the area: where the next unit goes; @was: where the one under way is
 * @front:  the area begins with a header of this array; @fronting: that is what is to be written
 * @unusable: the area could not be emptied
 * @writes: the member under way, with a reference for its I/O; @header, @buffer: what is sent
 */
struct r5_log_slot {
	struct r5_log		*log;
	u32			index;
	enum r5_log_phase	phase;
	struct llist_node	*waiting, **end, *unit;
	atomic_t		left;
	bool			dirty, failed, front, fronting, unusable;
	struct mdk_member	*member, *writes;
	u64			sector;
	u32			sectors, at, was;
	struct r5_log_header	*header;
	void			*buffer[R5_LOG_BUFFERS];
	struct bio		bio;
	struct bio_vec		vec[1 + R5_LOG_BUFFERS];
	struct r5_log_flush	*flush;
	struct work_struct	work;
};

/**
 * struct r5_log - of an array
 * @lock:     a leaf, any context
 * @unlogged: writes under way that were not announced
 * @fronts:   slots whose front is still to be written
 * @generation: of the newest unit of all slots; each has the next
 * @unit_shift: entries count sectors of the array in units of so many
 * @room:     bytes of partial parity in a unit, at least that of any operation
 */
struct r5_log {
	struct emd_array	*array;
	spinlock_t		lock;
	enum r5_log_state	state;
	u32			unlogged;
	u32			fronts;
	u64			generation;
	u32			signature;
	u32			unit_shift;
	u32			room;
	u32			slots;
	struct r5_log_slot	slot[];
};

/**
 * r5_log_attach() - the log follows @map's members, before it is published
 *
 * The first map of an array makes the log, if one was asked for: its areas have fronts without entries, or no headers; if parity
 * is not right everywhere, no headers. Those of members that come later are emptied. config_mutex held, may sleep. Return: 0 or errno.
 */
int r5_log_attach(struct r5_array *array, struct emd_map *map);

/** r5_log_destroy() - @log, or NULL, has nothing under way; may sleep. */
void r5_log_destroy(struct r5_log *log);

/** r5_log_seal() - complete a header: its first @entries are filled in. */
void r5_log_seal(struct r5_log *log, struct r5_log_header *header, u64 generation, u32 entries);

/** r5_log_crc() - CRC-32C. */
u32 r5_log_crc(const void *bytes, size_t nr);

/** r5_log_ring() - does the area have room for more than one unit? */
static inline bool r5_log_ring(u32 sectors)
{
	return sectors >= R5_LOG_RING_SECTORS;
}

/** r5_log_work() - of a slot: brings it from phase to phase (log.c). */
void r5_log_work(struct work_struct *work);

#endif
