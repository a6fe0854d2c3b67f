/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GF(2^8) of RAID6 in plain C: P and Q for machines whose kernel has no faster way to change them, and the constants that
 * faster ways multiply by. Pure.
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

/** emd_gf_times() - product. */
__u8 emd_gf_times(__u8 a, __u8 b);

/** emd_gf_power() - 2 to the @exponent. */
__u8 emd_gf_power(__u32 exponent);

/** emd_gf_inverse() - what @a, not 0, is to be multiplied by for 1. */
__u8 emd_gf_inverse(__u8 a);

/**
 * struct emd_gf_table - all products of a constant
 * @low:  with 0 to 15
 * @high: with 0, 16, 32 to 240; with a byte: the sum of one of each
 */
struct emd_gf_table {
	__u8	low[16];
	__u8	high[16];
};

/** emd_gf_table_fill() - fill in those of @factor. */
void emd_gf_table_fill(struct emd_gf_table *table, __u8 factor);

#ifdef __cplusplus
}
#endif
#endif
