/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * P and Q of RAID6 in plain C. Pure. For machines whose kernel has no faster way to change them.
 */
#ifndef _EMD_CORE_GF_H
#define _EMD_CORE_GF_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * emd_gf_change() - P and Q follow a change of the data
 * @at:    @nr buffers: differences (old ^ new) by their power of 2 in GF(2^8), then P, then Q
 * @bytes: of each, a multiple of 8
 */
void emd_gf_change(void **at, __u32 nr, __u32 bytes);

#ifdef __cplusplus
}
#endif
#endif
