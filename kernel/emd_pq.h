/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * P and Q of RAID6 over virtually contiguous memory.
 *
 * Theory
 *
 * P is the sum of the data, Q the sum of the data each times its own power of 2 in GF(2^8) (emd_geometry_q_power()).
 * So a row is described by an array of *places*: place i holds the data whose power is i, the
 * last two are P and Q. A place that no slot has, or that is all zero, is NULL (a hole). Two
 * unknown places follow from the others, because any two of the equations that they leave are independent.
 *
 * With AVX2 that is done in one pass over memory (core/emd_gf_wide.h), or else by the kernel's lib/raid6.
 *
 * Lengths are multiples of 512, addresses of 64. The array is used up by each function: who calls again fills it in anew. Context: process.
 */
#ifndef _EMD_PQ_H
#define _EMD_PQ_H

#include <linux/types.h>

#define EMD_PQ_STEP	4096U

/** emd_pq_generate() - P and Q from the data. */
void emd_pq_generate(void **at, unsigned int nr, size_t bytes);

/** emd_pq_wide() - may emd_pq_copy() and emd_pq_change_one() be called here? */
bool emd_pq_wide(void);

/**
 * emd_pq_copy() - each place of data becomes a copy of that of @from, NULL where it is a hole; and P and Q are those of the copies
 *
 * The sources are read once, and may change meanwhile. They may be at any address; up to EMD_PQ_STEP bytes.
 */
void emd_pq_copy(void **at, const void *const *from, unsigned int nr, size_t bytes);

/**
 * emd_pq_right() - how far are P and Q known to be those of the data?
 *
 * Looks at steps of EMD_PQ_STEP bytes; the last may be shorter. Return: the bytes of all steps before the first that is not right, or of which it is
 * not known. Nothing is written.
 */
size_t emd_pq_right(void **at, unsigned int nr, size_t bytes);

/** emd_pq_change() - P and Q follow a change: the data places hold old ^ new, those that stay are holes. */
void emd_pq_change(void **at, unsigned int nr, size_t bytes);

/** emd_pq_change_one() - @p and @q follow a change of the data of @place from @old to @new. */
void emd_pq_change_one(void *p, void *q, unsigned int place, const void *old, const void *new, size_t bytes);

/** emd_pq_solve() - places @a and @b from all others; @a == @b: only that one. Nothing else changes. */
void emd_pq_solve(void **at, unsigned int nr, unsigned int a, unsigned int b, size_t bytes);

#endif
