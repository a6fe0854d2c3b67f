/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The write-intent bitmap of an array: md's bits, at a place that was given through sysfs.
 *
 * Theory
 *
 * core/emd_regions.h says what a bit means. Here it meets the members. A write passes the gate, and then, if all its regions
 * are dirty already, without a lock or a shared line. Otherwise it is parked, as everything at the gate, and a worker
 * writes the bits of all that wait in one go to all members; then they are submitted again. Who comes meanwhile is in the
 * next commit. A member on which the bitmap cannot be written is failed, as for any write.
 *
 * Who knows that no write is in flight in a region that is to get clean? Nobody counts by region. There are two percpu
 * references, of which one is live: each write holds the one that was live when it came. Cleaning marks its candidates,
 * makes the other reference live, and when the old one has no holder left, every write from before the mark has ended;
 * whoever came later has taken the mark away. Then the members are flushed, and only if none is missing are the bits
 * taken back: what was written beside a missing member keeps its bits, and that is what a re-add recovers.
 *
 * The header in front of the bits, where there is one, shares its block with bits, so it is written here, too: as it was
 * read, or as whoever keeps the metadata gave it later. Nobody here looks into it. New members get it with the bits.
 */
#ifndef _EMD_BITMAP_H
#define _EMD_BITMAP_H

#include <linux/bio.h>
#include <linux/workqueue.h>

#include "core/emd_regions.h"
#include "emd_array.h"

#define EMD_BITMAP_HEADER_BYTES	256U
#define EMD_BITMAP_MAX_REGIONS	(1U << 22)	/* all may be looked at under the lock */

/* Writes that came while it was the epoch. */
struct emd_bitmap_epoch {
	struct percpu_ref	ref;
	struct emd_bitmap	*bitmap;
};

/**
 * struct emd_bitmap - exists while the array runs with one
 * @regions:	what is known of each region; @lock
 * @shift:	log2 of a region's sectors
 * @array_units: regions are of array sectors (RAID10), not of member sectors
 * @location, @bytes, @grain: first sector on each member, length, and what is written at once, a logical block of every member
 * @durable:	all members have the bits of all regions that are dirty
 * @written:	there has been a commit
 * @next, @now:	writes that wait for the next commit, for the one under way
 * @committing, @cleaning: one commit, one cleaning at a time; the image changes only with @committing held
 * @commit, @clean: the workers; @dying: they are not started by themselves any more
 * @writers, @epoch: see above; @draining: the other epoch may have writers yet; @drained: it has none any more
 * @commits:	how many there have been
 */
struct emd_bitmap {
	struct emd_array	*array;
	struct emd_regions	regions;
	unsigned int		shift;
	bool			array_units;
	bool			durable;
	bool			written;
	unsigned int		epoch;
	struct emd_bitmap_epoch	writers[2];

	spinlock_t		lock;
	struct bio_list		next;
	struct bio_list		now;
	struct mutex		committing;
	struct mutex		cleaning;
	struct work_struct	commit;
	struct delayed_work	clean;
	bool			draining;
	bool			drained;
	bool			dying;
	u64			commits;

	u64			location;
	unsigned int		bytes;
	unsigned int		grain;
	struct bio_set		bios;
};

/** emd_bitmap_of() - for those who hold what keeps it: config_mutex, a map, or the pass that is running. */
static inline struct emd_bitmap *emd_bitmap_of(struct emd_array *a)
{
	return rcu_dereference_check(a->bitmap, true);
}

/**
 * emd_bitmap_enter() - may @bio, a write under geometry @geo, go on?
 *
 * The caller holds a map, which keeps the bitmap. Context: process, never waits.
 * Return: what emd_bitmap_exit() takes when the write has ended; NULL if @bio was parked, or ended with EAGAIN for
 * REQ_NOWAIT: the caller forgets it.
 */
struct percpu_ref *emd_bitmap_enter(struct emd_bitmap *bm, const struct emd_geometry *geo, struct bio *bio);

/** emd_bitmap_exit() - Context: any. */
static inline void emd_bitmap_exit(struct percpu_ref *writers)
{
	percpu_ref_put(writers);
}

/** emd_bitmap_start() - the array is about to run: load the bitmap that was configured, if there is one. config_mutex held. */
int emd_bitmap_start(struct emd_array *a);

/** emd_bitmap_add() - the same for an array that runs already. config_mutex held. */
int emd_bitmap_add(struct emd_array *a);

/** emd_bitmap_misfit() - why @m cannot hold the bitmap of running array @a; NULL if it can, or there is none. config_mutex held. */
const char *emd_bitmap_misfit(struct emd_array *a, struct mdk_member *m);

/**
 * emd_bitmap_remove() - a running array goes on without; what others believe of it has all bits set. config_mutex held.
 * Return: 0, -ENOMEM, or -EIO: no member has taken the bits, and it stays.
 */
int emd_bitmap_remove(struct emd_array *a);

/** emd_bitmap_stop() - the array has stopped, no operation is in flight: bits that may be taken back are. config_mutex held. */
void emd_bitmap_stop(struct emd_array *a);

/** emd_bitmap_write_all() - the whole bitmap to all members; returns when it is there. For the running pass, or with config_mutex held. */
void emd_bitmap_write_all(struct emd_array *a);

/**
 * emd_bitmap_header() - @header := what stands before the bits, EMD_BITMAP_HEADER_BYTES. Context: process, waits for a commit.
 * Return: false if nothing does.
 */
bool emd_bitmap_header(struct emd_bitmap *bm, u8 *header);

/**
 * emd_bitmap_put_header() - another header, with the bits as they are; returns when it is durable on all members. config_mutex held.
 * Return: 0; -EIO: no member has taken it.
 */
int emd_bitmap_put_header(struct emd_array *a, const u8 *header);

/** emd_bitmap_set() - regions [first, last] are to be resynced; returns when that is durable. config_mutex held. */
void emd_bitmap_set(struct emd_array *a, u32 first, u32 last);

/** emd_bitmap_idle_end() - up to where a pass has nothing to do, from member sector @pos on; @end at most, in steps of @window. @pos: it has. */
u64 emd_bitmap_idle_end(struct emd_array *a, enum emd_sync_action action, u64 pos, u64 end, unsigned int window);

/** emd_bitmap_synced() - a resync has made everything below member sector @pos durable; EMD_POS_MAX: it is complete. */
void emd_bitmap_synced(struct emd_array *a, u64 pos);

/* emd_bitmap_io.c */
int emd_bitmap_init_bios(struct emd_bitmap *bm);

/** emd_bitmap_read() - the image from all members that are in sync: what one has is set. Return: 0, 1 if they differ, or -EIO. */
int emd_bitmap_read(struct emd_bitmap *bm);

/** emd_bitmap_write() - the blocks of the commit to all members; those that fail it are failed. Return: 0 or -EIO. Process context. */
int emd_bitmap_write(struct emd_bitmap *bm);

#endif
