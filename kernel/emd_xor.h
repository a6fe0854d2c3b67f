/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parity arithmetic over virtually contiguous memory.
 *
 * The one place where the module adds up bytes: with AVX2 in one pass, whatever the number of sources, where what is only to be
 * compared is not stored at all; or else by the kernel's xor_blocks(), and in words of which eight are compared at a time,
 * where memcmp() and memchr_inv() take one. Lengths are multiples of 512 bytes, addresses of 64. Context: process
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

#define EMD_XOR_STEP	4096U

/** emd_xor_copies() - may emd_xor_copy_sum() be called here? */
bool emd_xor_copies(void);

/**
 * emd_xor_copy_sum() - each of @nr columns is copied, if there is a place for it in @to, and @sum becomes the sum of what was copied
 *
 * The sources are read once, and may change meanwhile. They and the places may be at any address; up to EMD_XOR_STEP bytes.
 */
void emd_xor_copy_sum(void *sum, void *const *to, const void *const *from, unsigned int nr, size_t bytes);

/**
 * emd_xor_zeros() - where is the sum of @nr columns nothing but zeros?
 *
 * Looks at steps of EMD_XOR_STEP bytes; the last may be shorter. Return: the bytes of all steps before the first that has anything else. The first column is used up so far, and in that step.
 */
size_t emd_xor_zeros(void **src, unsigned int nr, size_t bytes);

/** emd_xor_same() - do both hold the same? */
bool emd_xor_same(const void *a, const void *b, size_t bytes);

#endif
