/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * P and Q of RAID6 over virtually contiguous memory; the kernel's lib/raid6 does the work.
 *
 * Theory
 *
 * P is the sum of the data, Q the sum of the data each times its own power of 2 in GF(2^8) (emd_geometry_q_power()).
 * So a row is described by an array of *places*: place i holds the data whose power is i, the
 * last two are P and Q. A place that no slot has, or that is all zero, is NULL (a hole). Two
 * unknown places follow from the others, because any two of the equations that they leave are independent.
 *
 * Lengths are multiples of 512 up to EMD_PQ_STEP (a page of zeroes stands in for holes), addresses
 * of 64. All of them may replace holes in the array by that page, which nobody may write. Context: process.
 */
#ifndef _EMD_PQ_H
#define _EMD_PQ_H

#include <linux/types.h>

#define EMD_PQ_STEP	4096U

/** emd_pq_generate() - P and Q from the data. */
void emd_pq_generate(void **at, unsigned int nr, size_t bytes);

/** emd_pq_change() - P and Q follow a change: the data places hold old ^ new, those that stay are holes. */
void emd_pq_change(void **at, unsigned int nr, size_t bytes);

/** emd_pq_solve() - places @a and @b from all others; @a == @b: only that one. Nothing else changes. */
void emd_pq_solve(void **at, unsigned int nr, unsigned int a, unsigned int b, size_t bytes);

#endif
