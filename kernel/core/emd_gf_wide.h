/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * P and Q of RAID6 by the 32-byte registers of AVX2, each byte of memory read once and written once.
 *
 * Theory
 *
 * The formulas are those of H. P. Anvin, "The mathematics of RAID-6": P is the sum of the data D_i, Q that of g^i D_i, with g = 2
 * in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. Let P' and Q' be the same sums without what is unknown. Then
 *
 *	D_x alone with P:	D_x = g^-x (Q + Q'), P = P' + D_x
 *	D_x alone with Q:	D_x = P + P', Q = Q' + g^x D_x
 *	D_x and D_y:		D_x = (g^y (P + P') + Q + Q') / (g^x + g^y), D_y = P + P' + D_x
 *
 * All data is summed up by Horner's rule, 128 bytes of one place after the other, in registers; what the formula makes of that
 * is stored. To multiply by a constant two tables of 16 bytes are enough, one for each half of a byte.
 *
 * A row is an array of @nr places as in emd_pq.h: data by its power of 2, NULL where there is none, then P, then Q. Each function works on the
 * bytes [@at, @end) of each place, a multiple of EMD_GF_WIDE_BYTES; addresses are any. Pure, but for the vector registers: the caller
 * makes sure that there is AVX2 and that they are his. Only where the compiler builds for x86-64.
 */
#ifndef _EMD_CORE_GF_WIDE_H
#define _EMD_CORE_GF_WIDE_H

#include <linux/types.h>

#include "emd_gf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EMD_GF_WIDE_BYTES	128U

/** emd_gf_wide_generate() - P and Q from the data. */
void emd_gf_wide_generate(void *const *place, __u32 nr, __u64 at, __u64 end);

/**
 * emd_gf_wide_copy() - the same while each place of data becomes a copy of that of @from
 * @from: nr - 2 sources, NULL where @place has none; they may change meanwhile: P and Q are those of the copies
 */
void emd_gf_wide_copy(void *const *place, const void *const *from, __u32 nr, __u64 at, __u64 end);

/** emd_gf_wide_right() - Return: 1 if P and Q are those of the data, or 0. Nothing is written. */
int emd_gf_wide_right(void *const *place, __u32 nr, __u64 at, __u64 end);

/**
 * emd_gf_wide_change() - @p and @q follow a change of one place from @old to @new
 * @power: of 2, for that place
 */
void emd_gf_wide_change(void *p, void *q, const struct emd_gf_table *power, const void *old, const void *new_data, __u64 at, __u64 end);

/**
 * struct emd_gf_solve - how unknown places follow from the others; of emd_gf_solve_begin()
 * @first, @second: which; the same if it is only Q
 * @a, @b: what the formula multiplies by
 */
struct emd_gf_solve {
	__u32			first, second;
	struct emd_gf_table	a, b;
};

/**
 * emd_gf_solve_begin() - of @nr places @a and @b are unknown
 *
 * Two different ones, or twice Q: one that is not Q is the plain sum of the others.
 */
void emd_gf_solve_begin(struct emd_gf_solve *solve, __u32 nr, __u32 a, __u32 b);

/** emd_gf_wide_solve() - the unknown places from all others. @place is as before when it returns. */
void emd_gf_wide_solve(const struct emd_gf_solve *solve, void **place, __u32 nr, __u64 at, __u64 end);

#ifdef __cplusplus
}
#endif
#endif
