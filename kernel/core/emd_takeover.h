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
 * Members that @to has more are missing; members that it has fewer are dropped; emd_takeover_slot() says which.
 * Return: 0 or -EINVAL.
 */
int emd_takeover_geometry(const struct emd_geometry *from, __s32 level, struct emd_geometry *to, const char **why);

/**
 * emd_takeover_slot() - the slot of @to that the member in @slot of @from takes; EMD_NO_SLOT: it is dropped
 *
 * Two members for one slot hold the same; one of them becomes a spare.
 */
__u32 emd_takeover_slot(const struct emd_geometry *from, const struct emd_geometry *to, __u32 slot);

/** emd_takeover_same() - do both geometries map every array sector to the same place, by emd_takeover_slot()? Looks at whole cycles of rows. */
int emd_takeover_same(const struct emd_geometry *a, const struct emd_geometry *b);

#ifdef __cplusplus
}
#endif
#endif
