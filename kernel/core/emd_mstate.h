/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State of a member: tests and transitions. Pure.
 *
 * The 2004 design's READABLE test is also true for 0 (UNKNOWN); EMD demands one
 * gross state. FAILED and TEARDOWN are final.
 */
#ifndef _EMD_CORE_MSTATE_H
#define _EMD_CORE_MSTATE_H

#include <emd/emd.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef __u32 mdu_mstate_t;

/* Readable: exactly one of OPTIMAL and DEGRADED, and nothing else. */
#define MDU_MSTATE_READABLE(state) \
	((state) == MDU_MSTATE_OPTIMAL || (state) == MDU_MSTATE_DEGRADED)

/* Writable: readable, or a rebuild target. */
#define MDU_MSTATE_WRITABLE(state) \
	MDU_MSTATE_READABLE((state) & ~(mdu_mstate_t)MDU_MSTATE_REBUILD_TARGET)

/* Is an array whole by what its children say, whatever its parent makes of it? */
#define MDU_MSTATE_WHOLE(state) \
	(((state) & (MDU_MSTATE_OPTIMAL | MDU_MSTATE_DEGRADED)) != 0)

/* May somebody take a new reference? Never once the member is on its way out. */
#define MDU_MSTATE_LIVE(state) \
	(!((state) & (MDU_MSTATE_FAILED | MDU_MSTATE_TEARDOWN)))

enum emd_mevent {
	EMD_MEV_ACTIVATE,	/* becomes a member that holds its data */
	EMD_MEV_REBUILD,	/* becomes a target: written, not read */
	EMD_MEV_INSYNC,		/* the rebuild has reached its end */
	EMD_MEV_DEGRADE,	/* (array) children say: redundancy lost */
	EMD_MEV_RESTORE,	/* (array) children say: redundancy back */
	EMD_MEV_INIT,		/* has a place, but its rebuild has not begun: neither read nor written */
	EMD_MEV_INIT_DONE,
	EMD_MEV_SPARE,		/* gives its place up: holds nothing for the parent any more */
	EMD_MEV_RELEASE,	/* the same for an array, which still is what its own children make of it */
	EMD_MEV_FAIL,
	EMD_MEV_TEARDOWN,
	EMD_NR_MEVENTS,
};

/**
 * emd_mstate_next() - legal successor of @state under @event
 *
 * Return: the new state, or -1 if the event cannot happen in that state.
 */
int emd_mstate_next(mdu_mstate_t state, enum emd_mevent event);

/** emd_mstate_valid() - is this combination of bits one that a member may have? */
int emd_mstate_valid(mdu_mstate_t state);

/**
 * emd_mstate_words() - append the words of @state to @buf, comma separated ("unknown" for 0)
 *
 * Return: length as snprintf() would return it.
 */
int emd_mstate_words(mdu_mstate_t state, char *buf, __u32 size);

/**
 * emd_mstate_array() - what the states of an array's children make of the array
 * @geo_level, @raid_disks, @layout: the geometry that decides how many may be missing
 * @child: state per slot; MDU_MSTATE_UNKNOWN for an empty slot
 *
 * A slot counts as present when its child is readable. Return: MDU_MSTATE_OPTIMAL,
 * MDU_MSTATE_DEGRADED or MDU_MSTATE_FAILED.
 */
mdu_mstate_t emd_mstate_array(__s32 level, __u32 layout, __u32 raid_disks,
			      const mdu_mstate_t *child);

/** emd_mstate_redundant() - is anything still stored twice, so that a pass could compare it? Arguments as above. */
int emd_mstate_redundant(__s32 level, __u32 layout, __u32 raid_disks, const mdu_mstate_t *child);

#ifdef __cplusplus
}
#endif
#endif
