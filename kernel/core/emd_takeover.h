/* SPDX-License-Identifier: GPL-2.0-only */
/* Takeover: another level for the same data in the same places. Pure. */
#ifndef _EMD_CORE_TAKEOVER_H
#define _EMD_CORE_TAKEOVER_H

#include "emd_geometry.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * emd_takeover_geometry() - the geometry of @level that holds @from's data where it is
 * @from:  in force; RAID0 with one zone only
 * @level: wanted
 * @to:    out
 * @why:   set to a static sentence on refusal; may be NULL
 *
 * Members that @to has more are missing; members that it has fewer are dropped; emd_takeover_members() says which.
 * Return: 0 or -EINVAL.
 */
int emd_takeover_geometry(const struct emd_geometry *from, __s32 level, struct emd_geometry *to, const char **why);

/**
 * emd_takeover_slot() - the slot of @to that holds what @slot of @from holds; EMD_NO_SLOT: none does
 *
 * Two slots for one hold the same.
 */
__u32 emd_takeover_slot(const struct emd_geometry *from, const struct emd_geometry *to, __u32 slot);

/* What is in a slot, the better the higher. */
enum emd_standing {
	EMD_STANDING_NOBODY,
	EMD_STANDING_STALE,	/* a member that does not hold all its data */
	EMD_STANDING_GOOD,
};

/**
 * emd_takeover_members() - who takes which slot of @to
 * @standing: of each slot of @from, enum emd_standing
 * @origin:   out, of each slot of @to: the slot of @from whose member takes it; EMD_NO_SLOT: nobody
 *
 * Of two for one slot it is the first of those that are best. Mirrors all hold the same: a slot that would have no good one gets the
 * first good one that would have none. Who takes no slot is given up.
 */
void emd_takeover_members(const struct emd_geometry *from, const struct emd_geometry *to, const __u8 *standing, __u32 *origin);

/** emd_takeover_same() - do both geometries map every array sector to the same place, by emd_takeover_slot()? Looks at whole cycles of rows. */
int emd_takeover_same(const struct emd_geometry *a, const struct emd_geometry *b);

#ifdef __cplusplus
}
#endif
#endif
