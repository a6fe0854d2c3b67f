/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Levels that keep copies: RAID1 and RAID10.
 *
 * Theory
 *
 * A *run* is a range of array sectors each copy of which is in one piece on one member: for RAID10 what lies in one
 * chunk, for RAID1 anything. A request of one run is served as it is, a longer one run by run. All that
 * follows is about one run, and asks the geometry where its copies are; so RAID1 is RAID10 with as many copies as
 * members, and nothing here knows the difference.
 *
 * A write goes to all copies whose member takes writes, rebuild targets too, and succeeds when it
 * reached one that counts: a member whose data may be read there. A member that keeps a list of bad blocks is not failed
 * for an error: the copy is written again in pieces by a worker, and what fails then is recorded. Data is not copied: if
 * its owner changes it meanwhile, the copies may differ in those bytes and in no others.
 *
 * A read goes to one member. When that answers with an error the run is handed to a
 * worker (mirror_mend.c), which reads another copy, tries to mend the first, and ends the
 * read: it reads page by page, and writes back what cannot be read. Only if the
 * write fails is the member failed, or the place recorded if it keeps a list of bad blocks. While a page is mended no write may be under way,
 * because what is written back would undo it; so mending stops all writes for that time.
 * A member that is marked failfast is neither mended nor does it get a list: its first error is its end, unless it has the last copy.
 * A resync copies between members too; it and mending exclude each other.
 *
 * Members that are marked write-mostly may get their copies after the write was answered: mirror_behind.h.
 */
#ifndef _EMD_MIRROR_H
#define _EMD_MIRROR_H

#include <linux/mempool.h>
#include <linux/percpu-refcount.h>
#include <linux/rwsem.h>

#include "../emd_compat.h"
#include "../emd_personality.h"
#include "mirror_behind.h"
#include "shared.h"
#include "window_io.h"

/**
 * struct mirror_array - what the maps of one array share
 * @writes:  live while writes may go; one reference per write under way
 * @stopped: completed when the last write has ended after mirror_stop_writes()
 * @lock:    protects @parked
 * @parked:  writes that came while mending, linked by emd_io.pers_private
 * @mending: readers are syncs, the writer mends
 * @behind:  writes that are answered before all members have them
 */
struct mirror_array {
	struct emd_shared	shared;
	struct percpu_ref	writes;
	struct completion	stopped;
	spinlock_t		lock;
	struct emd_io		*parked;
	struct emd_io		**parked_end;
	struct rw_semaphore	mending;
	struct mirror_behind	behind;
};

/* What one CPU knows of a member: how many reads are under way, and the member sector where the last one ended. */
struct mirror_load {
	atomic_t	reads;
	u64		last_end;
};

/**
 * struct mirror_conf - private data of a map
 * @copies:  of each run
 * @writes:  memory of writes
 * @reads:   bios of reads
 * @windows: bios of syncs and of mending
 * @load:    per slot
 * @lags:    RAID1 with members that are marked write-mostly, and others: they may get a write late
 * @lates:   memory of RAID1's writes of which copies are late
 */
struct mirror_conf {
	struct emd_map		*map;
	struct mirror_array	*array;
	u32			copies;
	mempool_t		writes;
	struct bio_set		reads;
	struct bio_set		windows;
	struct mirror_load __percpu *load;
	bool			lags;
	mempool_t		lates;
};

/* The read of a run, under way: in front of its clone. */
struct mirror_read {
	struct emd_io		*io;
	struct mirror_conf	*conf;
	struct mdk_member	*member;
	atomic_t		*load;
	struct work_struct	work;
	struct bvec_iter	run;
	u32			copy;
	bool			fast;	/* an error is the member's end, and is to come at once */
	struct bio		clone;
};

/* Of requests to a member that is marked failfast: neither the path to it nor the device tries again for long. */
#define MIRROR_FAST	(REQ_FAILFAST_DEV | REQ_FAILFAST_TRANSPORT)

/** mirror_fast() - is a member of which others have copies to be failed rather than waited for? An array answers for itself. */
static inline bool mirror_fast(const struct mdk_member *member)
{
	return unlikely(test_bit(EMD_MF_FAILFAST, &member->flags)) && member->type == MDU_MTYPE_LEAF;
}

/* -- mirror.c -- */
int mirror_validate(const struct emd_geometry *geo, const char **why);
int mirror_start(struct emd_map *map);
void mirror_stop(struct emd_map *map);
void mirror_submit(struct emd_io *io);
/** mirror_submit_split() - submit a request that has not begun, run by run. */
void mirror_submit_split(struct emd_io *io);

/** mirror_run_begin() - a run of @io is about to be sent: mirror_run_end() will be called for it. */
static inline void mirror_run_begin(struct emd_io *io)
{
	if (io->flags & EMD_IO_SPLIT)
		atomic_inc(&io->pending);
}

/** mirror_run_end() - a run of @io, or all of it, has ended. Any context. */
void mirror_run_end(struct emd_io *io, blk_status_t status);

/** mirror_run_sectors() - how many of @sectors from @sector on are one run. */
static inline unsigned int mirror_run_sectors(const struct mirror_conf *conf, u64 sector, unsigned int sectors)
{
	u32 chunk = conf->map->geo.chunk_sectors;

	return chunk ? min_t(u64, sectors, chunk - (sector & (chunk - 1))) : sectors;
}

/** mirror_late_concerns() - is a write, or may it be, one that mirror_late_begin() has to know of? */
static inline bool mirror_late_concerns(const struct mirror_conf *conf)
{
	if (unlikely(conf->lags))
		return READ_ONCE(conf->array->behind.nr) || emd_array_backlog(conf->map->array);
	return unlikely(READ_ONCE(conf->array->behind.nr)) && conf->map->geo.level == 1;	/* no other has the memory for it */
}

/** mirror_rw() - synchronous I/O on pages of one copy, within a run. A worker. */
blk_status_t mirror_rw(struct mirror_conf *conf, u32 copy, blk_opf_t opf, u64 sector, unsigned int sectors,
		       struct page **pages);

/** mirror_readable() - may this copy of a run be read? */
bool mirror_readable(const struct mirror_conf *conf, u32 copy, u64 sector, unsigned int sectors);

/**
 * mirror_reached() - after a write that some copies have refused in places: may each sector be read of some copy?
 *
 * What has reached a replacement does not count: nobody reads there.
 */
bool mirror_reached(const struct mirror_conf *conf, u64 sector, unsigned int sectors);

/* -- mirror_read.c -- */
int mirror_reads_init(struct mirror_conf *conf);
void mirror_reads_exit(struct mirror_conf *conf);
/**
 * mirror_read() - read a run of @io, or as much of it, in *@run, as one copy has
 * Return: false if @io was punted and comes again with this run.
 */
bool mirror_read(struct mirror_conf *conf, struct emd_io *io, struct bvec_iter *run);
/**
 * mirror_source() - the copy of a run that a resync copies from; EMD_NO_SLOT if none can be read
 * @in_part: bad blocks do not matter: the resync takes those from other copies, page by page
 */
u32 mirror_source(const struct mirror_conf *conf, u64 sector, unsigned int sectors, bool in_part);

/* -- mirror_write.c -- */
int mirror_writes_init(struct mirror_conf *conf);
/** mirror_write() - write a run of @io. Return: false if @io was parked or punted and comes again with this run. */
bool mirror_write(struct mirror_conf *conf, struct emd_io *io, const struct bvec_iter *run);
int mirror_array_init_writes(struct mirror_array *array);

/** mirror_stop_writes() - park new writes and wait for those under way. Process context; @array->mending held. */
void mirror_stop_writes(struct mirror_array *array);
/** mirror_resume_writes() - let writes go again. */
void mirror_resume_writes(struct mirror_array *array);
/** mirror_write_enter() - Return: true if @io may go, with a reference to @array->writes; false if it was parked. */
bool mirror_write_enter(struct mirror_array *array, struct emd_io *io);

/* -- mirror_zero.c -- */
/** mirror_zero() - write zeroes to all of @io as data, and end it, unless it has to be parked. A worker. */
void mirror_zero(struct mirror_conf *conf, struct emd_io *io);

/* -- mirror_mend.c -- */
/** mirror_mend() - a mirror_read has failed: serve its run from another copy and mend its own. Frees it. */
void mirror_mend(struct work_struct *work);

/* -- mirror_sync.c -- */
int mirror_sync(struct emd_map *map, struct emd_window *w);

#endif
