/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parity arithmetic over virtually contiguous memory.
 *
 * The one place where the module adds up bytes. It rests on the kernel's xor_blocks();
 * faster kernels (copy and sum in one pass, check without a store) belong behind the same
 * functions. The comparisons are by AVX2
 * where there is any, or else take eight words at a time, where memcmp() and memchr_inv() take one. Lengths are multiples of 512 bytes, addresses of 64. Context: process
 * or softirq; a call lasts as long as it takes to read its sources.
 */
#ifndef _EMD_XOR_H
#define _EMD_XOR_H

#include <linux/types.h>

#define EMD_XOR_ALIGN	64	/* of each address */
#define EMD_XOR_UNIT	512	/* of each length */

/** emd_xor() - add @nr sources to @dst. */
void emd_xor(void *dst, void **src, unsigned int nr, size_t bytes);

/** emd_xor_sum() - @dst becomes the sum of @nr sources, at least one; @dst may be the first of them. */
void emd_xor_sum(void *dst, void **src, unsigned int nr, size_t bytes);

/** emd_xor_zero() - is the sum nothing but zeros? */
bool emd_xor_zero(const void *sum, size_t bytes);

/** emd_xor_same() - do both hold the same? */
bool emd_xor_same(const void *a, const void *b, size_t bytes);

#endif
