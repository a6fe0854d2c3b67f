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
 * Members that @to has more are missing (their slots are the last ones); members that it
 * has fewer are dropped. Return: 0 or -EINVAL.
 */
int emd_takeover_geometry(const struct emd_geometry *from, __s32 level, struct emd_geometry *to, const char **why);

/** emd_takeover_same() - do both geometries map every array sector to the same place? Looks at whole cycles of rows. */
int emd_takeover_same(const struct emd_geometry *a, const struct emd_geometry *b);

#ifdef __cplusplus
}
#endif
#endif
