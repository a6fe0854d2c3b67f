/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RAID1: every member holds the array.
 *
 * Theory
 *
 * A write goes to all members that take writes, rebuild targets too, and succeeds when it
 * reached one that counts: a member whose data may be read there. Data is not copied: if
 * its owner changes it meanwhile, the copies may differ in those bytes and in no others.
 *
 * A read goes to one member. When that answers with an error the request is handed to a
 * worker (raid1_mend.c), which reads from another, tries to mend the first, and ends the
 * request: it reads page by page, and writes back what cannot be read. Only if the
 * write fails is the member failed. While a page is mended no write may be under way,
 * because what is written back would undo it; so mending stops all writes for that time.
 * A resync copies between members too; it and mending exclude each other.
 */
#ifndef _EMD_RAID1_H
#define _EMD_RAID1_H

#include <linux/mempool.h>
#include <linux/percpu-refcount.h>
#include <linux/rwsem.h>

#include "../emd_compat.h"
#include "../emd_personality.h"
#include "shared.h"
#include "window_io.h"

/**
 * struct raid1_array - what the maps of one array share
 * @writes:  live while writes may go; one reference per write under way
 * @stopped: completed when the last write has ended after raid1_stop_writes()
 * @lock:    protects @parked
 * @parked:  writes that came while mending, linked by emd_io.pers_private
 * @mending: readers are syncs, the writer mends
 * @wq:      reads that failed
 */
struct raid1_array {
	struct emd_shared	shared;
	struct percpu_ref	writes;
	struct completion	stopped;
	spinlock_t		lock;
	struct emd_io		*parked;
	struct emd_io		**parked_end;
	struct rw_semaphore	mending;
	struct workqueue_struct	*wq;
};

/* What one CPU knows of the members: where its last read ended, how many are under way. */
struct raid1_cpu {
	u32		last_slot;
	u64		last_end;
	atomic_t	reads[];	/* per slot */
};

/**
 * struct raid1_conf - private data of a map
 * @writes:  memory of writes
 * @reads:   bios of reads
 * @windows: bios of syncs and of mending
 */
struct raid1_conf {
	struct emd_map		*map;
	struct raid1_array	*array;
	mempool_t		writes;
	struct bio_set		reads;
	struct bio_set		windows;
	struct raid1_cpu __percpu *cpu;
};

/* A read under way: in front of its clone. */
struct raid1_read {
	struct emd_io		*io;
	struct raid1_conf	*conf;
	struct mdk_member	*member;
	atomic_t		*load;
	struct work_struct	work;
	u64			sector;
	unsigned int		sectors;
	u32			slot;
	struct bio		clone;
};

/* raid1_read.c */
int raid1_reads_init(struct raid1_conf *conf);
void raid1_reads_exit(struct raid1_conf *conf);
void raid1_read(struct raid1_conf *conf, struct emd_io *io);
/** raid1_source() - the slot that a resync of these sectors copies from; EMD_NO_SLOT if none can be read. */
u32 raid1_source(const struct emd_map *map, u64 sector, unsigned int sectors);

/* raid1_write.c */
int raid1_writes_init(struct raid1_conf *conf);
void raid1_write(struct raid1_conf *conf, struct emd_io *io);
int raid1_array_init_writes(struct raid1_array *array);

/** raid1_stop_writes() - park new writes and wait for those under way. Process context; @array->mending held. */
void raid1_stop_writes(struct raid1_array *array);
/** raid1_resume_writes() - let writes go again. */
void raid1_resume_writes(struct raid1_array *array);

/* raid1_zero.c */
/** raid1_zero() - write zeroes as data; ends @io, and the reference of write_enter(). A worker. */
void raid1_zero(struct raid1_conf *conf, struct emd_io *io);

/* raid1_mend.c */
/** raid1_mend() - @read has failed: serve its request from another member and mend its own. Frees @read. */
void raid1_mend(struct work_struct *work);

/* raid1_sync.c */
int raid1_sync(struct emd_map *map, struct emd_window *w);

#endif
