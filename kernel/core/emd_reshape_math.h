/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arithmetic of a reshape: units, critical section, safe position, conversions.
 * Pure. Source of the formulas: docs/external-reshape-design.txt, section
 * "Geometry". Positions are array sectors unless the name says member.
 */
#ifndef _EMD_CORE_RESHAPE_MATH_H
#define _EMD_CORE_RESHAPE_MATH_H

#include "emd_geometry.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EMD_POS_MAX	(~0ULL)

/**
 * struct emd_reshape_plan - two geometries and what follows from them
 * @data_old:  data disks before (Do)
 * @data_new:  data disks after (Dn)
 * @chunk_old: chunk before, sectors (co)
 * @chunk_new: chunk after, sectors (cn)
 * @delta:     new data offset - old data offset, member sectors (negative: data moves down)
 * @backward:  direction: from the end to the start
 * @w:         max(co, cn)
 * @step:      G = w * Dn, smallest step that the kernel can make
 * @unit:      U = lcm(co * Do, w * Dn)
 * @member_sectors: S', per member, rounded down to a multiple of w
 * @array_old: array sectors before
 * @array_new: array sectors after (positions run over [0, array_new))
 */
struct emd_reshape_plan {
	__u32 data_old, data_new;
	__u32 chunk_old, chunk_new;
	__s64 delta;
	__u8 backward;
	__u32 w;
	__u64 step;
	__u64 unit;
	__u64 member_sectors;
	__u64 array_old, array_new;
};

/**
 * emd_reshape_plan_init() - fill @plan from two geometries
 * @backward: -1 to choose by the rules (more data disks or delta < 0: forward; fewer or
 *            delta > 0: backward; in place: forward), 0 or 1 to demand a direction
 *
 * RAID1 takes part as one data disk with a chunk of one page. Return: 0, or -EINVAL
 * with @why set (direction not valid over the whole range, arithmetic overflow, ...).
 */
int emd_reshape_plan_init(struct emd_reshape_plan *plan,
			  const struct emd_geometry *from, const struct emd_geometry *to,
			  __s64 delta, int backward, const char **why);

/** emd_reshape_start() - position at which the work begins: 0, or array_new going backward. */
__u64 emd_reshape_start(const struct emd_reshape_plan *plan);

/** emd_reshape_end() - position at which the work ends. */
__u64 emd_reshape_end(const struct emd_reshape_plan *plan);

/** emd_reshape_to_member() - sync_max / sync_completed value for array position @pos. */
__u64 emd_reshape_to_member(const struct emd_reshape_plan *plan, __u64 pos);

/** emd_reshape_from_member() - array position for a sync_max / sync_completed value. */
__u64 emd_reshape_from_member(const struct emd_reshape_plan *plan, __u64 value);

/**
 * emd_reshape_safe() - Psafe(D): how far data may be moved while checkpoint @durable holds
 *
 * Forward: the result is an upper bound for the position (>= @durable), a multiple of
 * step, at most the end. Backward: a lower bound (<= @durable).
 */
__u64 emd_reshape_safe(const struct emd_reshape_plan *plan, __u64 durable);

/** emd_reshape_critical() - true if not even one step fits below Psafe(@durable): a backup is needed. */
int emd_reshape_critical(const struct emd_reshape_plan *plan, __u64 durable);

/**
 * emd_reshape_critical_sectors() - array sectors that will have to be backed up in the
 * whole run (KU, or everything).
 */
__u64 emd_reshape_critical_sectors(const struct emd_reshape_plan *plan);

/** emd_reshape_advance() - @pos moved on by @sectors in the direction of the work, stopping at the end. */
__u64 emd_reshape_advance(const struct emd_reshape_plan *plan, __u64 pos, __u64 sectors);

/**
 * emd_reshape_window() - where a window that begins at @pos ends
 * @limit:  not beyond this position (M), a multiple of step
 * @budget: array sectors that the mover can hold; at least step
 *
 * Ends at a multiple of unit when a unit fits the budget, else at a multiple of step, so
 * that the mover rests where no old row is cut whenever that is possible. @pos must be
 * before @limit and a multiple of step.
 */
__u64 emd_reshape_window(const struct emd_reshape_plan *plan, __u64 pos, __u64 limit, __u64 budget);

/** emd_reshape_whole() - does @pos cut no old and no new row (a multiple of unit, or an end of the work)? */
int emd_reshape_whole(const struct emd_reshape_plan *plan, __u64 pos);

/**
 * emd_reshape_before() - true if @a is reached before @b in the direction of the work (a
 * strictly earlier).
 */
int emd_reshape_before(const struct emd_reshape_plan *plan, __u64 a, __u64 b);

#ifdef __cplusplus
}
#endif
#endif
