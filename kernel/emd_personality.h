/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A level: geometry and bios, nothing else. Failure handling, spares, sizes, quiescing,
 * takeover and reshape are generic; a personality holds no line about them.
 */
#ifndef _EMD_PERSONALITY_H
#define _EMD_PERSONALITY_H

#include "emd_io.h"

#define EMD_WINDOW_SECTORS	2048U	/* at most, of a window */

/**
 * struct emd_window - a range that a sync holds; writes to it wait, reads go on
 * @begin, @end: *member* sectors [begin, end), multiples of a page; striped: whole chunks, or a part of one
 * @action: EMD_SYNC_RESYNC, RECOVER, CHECK or REPAIR
 * @mismatches: out, sectors found inconsistent
 * @pages: scratch memory of the engine: enough for (end - begin) sectors of each member
 * @run:   so many sectors of it lie side by side, from each multiple of that on; a power of two
 */
struct emd_window {
	u64 begin, end;
	enum emd_sync_action action;
	u64 mismatches;
	struct page ***pages;	/* [slot][page] */
	unsigned int run;
};

struct emd_personality {
	const char *name;	/* md's word: "raid5" */
	int level;
	bool redundant;		/* has resync, recovery, check */

	/** @validate: Required. Pure; emd_geometry_validate() has passed. *@why names the field at fault. */
	int (*validate)(const struct emd_geometry *geo, const char **why);
	/** @start: Optional. Private data for a new map; undoes on error. May sleep. */
	int (*start)(struct emd_map *map);
	/** @stop: Optional. No operation is in flight on @map. */
	void (*stop)(struct emd_map *map);
	/**
	 * @submit: Required. Owns @io and ends it exactly once. Never waits for anything that
	 * a bio on current->bio_list might have to release: enqueue or punt instead.
	 */
	void (*submit)(struct emd_io *io);
	/**
	 * @remap: Optional, without @redundant. @bio's first sector becomes that of the member's device on which all of it lies.
	 * Never waits. Return: that member, kept by @map; or NULL with nothing changed: then @submit is asked.
	 */
	struct mdk_member *(*remap)(const struct emd_map *map, struct bio *bio);
	/**
	 * @sync: Required if @redundant. Rebuilds, checks or repairs @w on all members; users'
	 * writes to the range are held off and drained. Process context, may sleep.
	 * Return: 0, or -EIO when the range cannot be made consistent (the engine stops there).
	 */
	int (*sync)(struct emd_map *map, struct emd_window *w);
};

/** emd_personality_find() - by level; NULL if EMD does not have it. */
const struct emd_personality *emd_personality_find(int level);

/** emd_personality_by_name() - by md's word ("raid5", "5", "stripe", ...), for the level attribute. */
const struct emd_personality *emd_personality_by_name(const char *name);

struct seq_file;
/** emd_personality_list() - the first line of /proc/emdstat. */
void emd_personality_list(struct seq_file *seq);

extern const struct emd_personality emd_linear, emd_raid0, emd_raid1, emd_raid4, emd_raid5, emd_raid6, emd_raid10;

#endif
