/* SPDX-License-Identifier: GPL-2.0-only */
/* Which slots hold parity and nothing else. Pure. */
#ifndef _EMD_CORE_PARITY_H
#define _EMD_CORE_PARITY_H

#include "emd_geometry.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * emd_parity_alone() - does the member in @slot hold nothing but parity, in all rows?
 *
 * Who misses it misses no data, whatever its parity was worth. Return: 0 or 1; 0 for levels without parity.
 */
int emd_parity_alone(const struct emd_geometry *geo, __u32 slot);

#ifdef __cplusplus
}
#endif
#endif
