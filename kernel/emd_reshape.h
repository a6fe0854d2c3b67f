/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reshape in progress: two geometries, two maps, one position. For emd_reshape*.c, the
 * sync engine that runs the pass, and their attributes.
 */
#ifndef _EMD_RESHAPE_H
#define _EMD_RESHAPE_H

#include "emd_sync.h"

/**
 * struct emd_reshape - exists while the array has a reshape position, running or not
 * @array:	whose; its @map is the old side
 * @plan:	arithmetic
 * @to:		geometry of the new side
 * @map:	the new side. RCU; replaced with config_mutex held
 * @pos:	private progress (array sectors). Changes only inside a window that excludes all
 *		requests, so whoever has entered the range lock sees a stable value
 * @published:	C: data before it are durable in the new layout on all members that have not failed
 * @resumed:	it was under way when the array was started
 * @lost:	a window was read but could not be written, and its old place is gone: never go on
 * @budget:	array sectors that @vecs hold
 * @vecs:	the moving window, a page each
 * @zeroed:	they hold nothing but zeros
 */
struct emd_reshape {
	struct emd_array	*array;
	struct emd_reshape_plan	plan;
	struct emd_geometry	to;
	struct emd_map __rcu	*map;
	u64			pos;
	u64			published;
	bool			resumed;
	bool			lost;
	u64			budget;
	struct bio_vec		*vecs;
	bool			zeroed;
};

/** emd_reshape_of() - the reshape of @a or NULL; config_mutex held. */
static inline struct emd_reshape *emd_reshape_of(struct emd_array *a)
{
	return rcu_dereference_protected(a->reshape, lockdep_is_held(&a->config_mutex));
}

/* -- emd_reshape.c: begin and end -------------------------------------------------------------- */

/**
 * emd_reshape_plan_of() - the plan of the running or the proposed change. config_mutex
 * held. Return: 0, or -ENODATA without a change, or -EINVAL.
 */
int emd_reshape_plan_of(struct emd_array *a, struct emd_reshape_plan *plan);

/**
 * emd_reshape_begin() - `reshape` was stored in sync_action: begin the proposed change, or go on with the one under way
 *
 * All reserved members get their slots, or none. config_mutex held.
 * Return: 0, or -EINVAL, -EBUSY, -EROFS, -ENOMEM; then nothing has changed.
 */
int emd_reshape_begin(struct emd_array *a);

/**
 * emd_reshape_turn() - what has been moved is to be moved back: the sides are exchanged, nothing moves
 *
 * A reshape that goes forwards, rests, and is recorded as far as it is. Afterwards sync_min and sync_max are 0, and array_size is what the array
 * has. config_mutex held. Return: 0, or -EBUSY, -EINVAL, -EIO, -EROFS, -ENOMEM; then nothing has changed.
 */
int emd_reshape_turn(struct emd_array *a);

/** emd_reshape_prepare() - as emd_sync_prepare(). */
bool emd_reshape_prepare(struct emd_sync *s);

/** emd_reshape_conclude() - as emd_sync_conclude(): a complete reshape leaves the new geometry in force. */
void emd_reshape_conclude(struct emd_sync *s);

/**
 * emd_reshape_map() - the new side's map with a reference (emd_map_exit()). Under RCU or
 * config_mutex, or by the worker.
 */
struct emd_map *emd_reshape_map(struct emd_reshape *r);

/* -- emd_reshape_pass.c ------------------------------------------------------------------------ */

/** emd_reshape_pages_alloc() - memory for the moving window. Return: 0 or -ENOMEM. */
int emd_reshape_pages_alloc(struct emd_reshape *r);
void emd_reshape_pages_free(struct emd_reshape *r);

/** emd_reshape_pass() - move until the end, or until told to stop. As emd_sync_pass(). */
int emd_reshape_pass(struct emd_sync *s);

#endif
