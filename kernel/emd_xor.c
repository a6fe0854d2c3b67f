// SPDX-License-Identifier: GPL-2.0-only
#include "emd_xor.h"

#include <linux/minmax.h>
#include <linux/raid/xor.h>
#include <linux/string.h>

#include "emd_wide.h"

#ifdef EMD_HAS_WIDE
/* -- sums, by registers: 256 bytes of one column after the other; nothing is read or written twice --------- */

#define WIDE_BYTES	256U		/* in eight registers */

static __always_inline void wide_load(const void *from, size_t at)
{
	asm volatile("vmovdqu (%0,%1), %%ymm0\n\t"
		     "vmovdqu 32(%0,%1), %%ymm1\n\t"
		     "vmovdqu 64(%0,%1), %%ymm2\n\t"
		     "vmovdqu 96(%0,%1), %%ymm3\n\t"
		     "vmovdqu 128(%0,%1), %%ymm4\n\t"
		     "vmovdqu 160(%0,%1), %%ymm5\n\t"
		     "vmovdqu 192(%0,%1), %%ymm6\n\t"
		     "vmovdqu 224(%0,%1), %%ymm7"
		     : : "r" (from), "r" (at) : "memory");
}

static __always_inline void wide_add(const void *from, size_t at)
{
	asm volatile("vpxor (%0,%1), %%ymm0, %%ymm0\n\t"
		     "vpxor 32(%0,%1), %%ymm1, %%ymm1\n\t"
		     "vpxor 64(%0,%1), %%ymm2, %%ymm2\n\t"
		     "vpxor 96(%0,%1), %%ymm3, %%ymm3\n\t"
		     "vpxor 128(%0,%1), %%ymm4, %%ymm4\n\t"
		     "vpxor 160(%0,%1), %%ymm5, %%ymm5\n\t"
		     "vpxor 192(%0,%1), %%ymm6, %%ymm6\n\t"
		     "vpxor 224(%0,%1), %%ymm7, %%ymm7"
		     : : "r" (from), "r" (at) : "memory");
}

static __always_inline void wide_store(void *to, size_t at)
{
	asm volatile("vmovdqu %%ymm0, (%0,%1)\n\t"
		     "vmovdqu %%ymm1, 32(%0,%1)\n\t"
		     "vmovdqu %%ymm2, 64(%0,%1)\n\t"
		     "vmovdqu %%ymm3, 96(%0,%1)\n\t"
		     "vmovdqu %%ymm4, 128(%0,%1)\n\t"
		     "vmovdqu %%ymm5, 160(%0,%1)\n\t"
		     "vmovdqu %%ymm6, 192(%0,%1)\n\t"
		     "vmovdqu %%ymm7, 224(%0,%1)"
		     : : "r" (to), "r" (at) : "memory");
}

/* As wide_add(), and what is added is stored as well. */
static __always_inline void wide_add_copy(const void *from, void *to, size_t at)
{
	asm volatile("vmovdqu (%0,%2), %%ymm8\n\t"
		     "vmovdqu 32(%0,%2), %%ymm9\n\t"
		     "vmovdqu 64(%0,%2), %%ymm10\n\t"
		     "vmovdqu 96(%0,%2), %%ymm11\n\t"
		     "vmovdqu 128(%0,%2), %%ymm12\n\t"
		     "vmovdqu 160(%0,%2), %%ymm13\n\t"
		     "vmovdqu 192(%0,%2), %%ymm14\n\t"
		     "vmovdqu 224(%0,%2), %%ymm15\n\t"
		     "vmovdqu %%ymm8, (%1,%2)\n\t"
		     "vmovdqu %%ymm9, 32(%1,%2)\n\t"
		     "vmovdqu %%ymm10, 64(%1,%2)\n\t"
		     "vmovdqu %%ymm11, 96(%1,%2)\n\t"
		     "vmovdqu %%ymm12, 128(%1,%2)\n\t"
		     "vmovdqu %%ymm13, 160(%1,%2)\n\t"
		     "vmovdqu %%ymm14, 192(%1,%2)\n\t"
		     "vmovdqu %%ymm15, 224(%1,%2)\n\t"
		     "vpxor %%ymm8, %%ymm0, %%ymm0\n\t"
		     "vpxor %%ymm9, %%ymm1, %%ymm1\n\t"
		     "vpxor %%ymm10, %%ymm2, %%ymm2\n\t"
		     "vpxor %%ymm11, %%ymm3, %%ymm3\n\t"
		     "vpxor %%ymm12, %%ymm4, %%ymm4\n\t"
		     "vpxor %%ymm13, %%ymm5, %%ymm5\n\t"
		     "vpxor %%ymm14, %%ymm6, %%ymm6\n\t"
		     "vpxor %%ymm15, %%ymm7, %%ymm7"
		     : : "r" (from), "r" (to), "r" (at) : "memory");
}

/* Bits that are set anywhere are gathered in one more register. */
static __always_inline void wide_note(void)
{
	asm volatile("vpor %%ymm0, %%ymm1, %%ymm1\n\t"
		     "vpor %%ymm2, %%ymm3, %%ymm3\n\t"
		     "vpor %%ymm4, %%ymm5, %%ymm5\n\t"
		     "vpor %%ymm6, %%ymm7, %%ymm7\n\t"
		     "vpor %%ymm1, %%ymm3, %%ymm3\n\t"
		     "vpor %%ymm5, %%ymm7, %%ymm7\n\t"
		     "vpor %%ymm3, %%ymm8, %%ymm8\n\t"
		     "vpor %%ymm7, %%ymm8, %%ymm8" : :);
}

static __always_inline void wide_note_begin(void)
{
	asm volatile("vpxor %%ymm8, %%ymm8, %%ymm8" : :);
}

static __always_inline bool wide_noted(void)
{
	bool zero;

	asm volatile("vptest %%ymm8, %%ymm8\n\tsetz %0" : "=q" (zero) : : "cc");
	return !zero;
}

/*
 * Bytes [@at, @end) of @first and @nr more, to @to or, without @store, noted. @nr is a constant, or many: the addresses of five
 * are in registers.
 */
static __always_inline void wide_columns(void *to, bool store, const void *first, void *const *src, unsigned int nr, size_t at,
					 size_t end)
{
	const void *a = nr > 0 ? src[0] : NULL, *b = nr > 1 ? src[1] : NULL, *c = nr > 2 ? src[2] : NULL;
	const void *d = nr > 3 ? src[3] : NULL, *e = nr > 4 ? src[4] : NULL;
	unsigned int i;

	for (; at < end; at += WIDE_BYTES) {
		wide_load(first, at);
		if (nr > 0)
			wide_add(a, at);
		if (nr > 1)
			wide_add(b, at);
		if (nr > 2)
			wide_add(c, at);
		if (nr > 3)
			wide_add(d, at);
		if (nr > 4)
			wide_add(e, at);
		for (i = 5; i < nr; i++)
			wide_add(src[i], at);
		if (store)
			wide_store(to, at);
		else
			wide_note();
	}
}

static __always_inline void wide_some(void *to, bool store, const void *first, void *const *src, unsigned int nr, size_t at, size_t end)
{
	switch (nr) {
	case 1:
		wide_columns(to, store, first, src, 1, at, end);
		break;
	case 2:
		wide_columns(to, store, first, src, 2, at, end);
		break;
	case 3:
		wide_columns(to, store, first, src, 3, at, end);
		break;
	case 4:
		wide_columns(to, store, first, src, 4, at, end);
		break;
	case 5:
		wide_columns(to, store, first, src, 5, at, end);
		break;
	default:
		wide_columns(to, store, first, src, nr, at, end);
	}
}

static void sum_wide(void *to, const void *first, void *const *src, unsigned int nr, size_t bytes)
{
	size_t at, end;

	for (at = 0; at < bytes; at = end) {
		end = min(bytes, at + emd_wide_most(nr));
		emd_wide_begin();
		wide_some(to, true, first, src, nr, at, end);
		emd_wide_end();
	}
}

static bool part_is_zero(void *const *src, unsigned int nr, size_t at, size_t end)
{
	wide_note_begin();
	wide_some(NULL, false, src[0], src + 1, nr - 1, at, end);
	return !wide_noted();
}

static size_t zeros_wide(void *const *src, unsigned int nr, size_t bytes)
{
	size_t at = 0, end, step;
	bool zero = true;

	while (zero && at < bytes) {
		end = min(bytes, at + emd_wide_most(nr));
		emd_wide_begin();
		while (zero && at < end) {
			step = min_t(size_t, EMD_XOR_STEP, end - at);
			zero = part_is_zero(src, nr, at, at + step);
			at += zero ? step : 0;
		}
		emd_wide_end();
	}
	return at;
}

static void copy_sum_wide(void *sum, void *const *to, const void *const *from, unsigned int nr, size_t bytes)
{
	unsigned int i;
	size_t at;

	emd_wide_begin();
	for (at = 0; at < bytes; at += WIDE_BYTES) {
		wide_load(from[0], at);
		if (to[0])
			wide_store(to[0], at);
		for (i = 1; i < nr; i++) {
			if (to[i])
				wide_add_copy(from[i], to[i], at);
			else
				wide_add(from[i], at);
		}
		wide_store(sum, at);
	}
	emd_wide_end();
}

/* 128 bytes at a time; what differs is gathered in one register and looked at in the end. */
static bool same_wide(const void *a, const void *b, size_t bytes)
{
	bool same;

	emd_wide_begin();
	asm volatile("vpxor %%ymm0, %%ymm0, %%ymm0\n\t"
		     "1:\n\t"
		     "vmovdqu (%[a]), %%ymm1\n\t"
		     "vmovdqu 32(%[a]), %%ymm2\n\t"
		     "vmovdqu 64(%[a]), %%ymm3\n\t"
		     "vmovdqu 96(%[a]), %%ymm4\n\t"
		     "vpxor (%[b]), %%ymm1, %%ymm1\n\t"
		     "vpxor 32(%[b]), %%ymm2, %%ymm2\n\t"
		     "vpxor 64(%[b]), %%ymm3, %%ymm3\n\t"
		     "vpxor 96(%[b]), %%ymm4, %%ymm4\n\t"
		     "vpor %%ymm1, %%ymm0, %%ymm0\n\t"
		     "vpor %%ymm2, %%ymm0, %%ymm0\n\t"
		     "vpor %%ymm3, %%ymm0, %%ymm0\n\t"
		     "vpor %%ymm4, %%ymm0, %%ymm0\n\t"
		     "sub $-128, %[a]\n\t"
		     "sub $-128, %[b]\n\t"
		     "sub $128, %[bytes]\n\t"
		     "jnz 1b\n\t"
		     "vptest %%ymm0, %%ymm0\n\t"
		     "setz %[same]"
		     : [a] "+r" (a), [b] "+r" (b), [bytes] "+r" (bytes), [same] "=q" (same) : : "cc", "memory");
	emd_wide_end();
	return same;
}
#else
static void sum_wide(void *to, const void *first, void *const *src, unsigned int nr, size_t bytes)
{
}

static size_t zeros_wide(void *const *src, unsigned int nr, size_t bytes)
{
	return 0;
}

static void copy_sum_wide(void *sum, void *const *to, const void *const *from, unsigned int nr, size_t bytes)
{
}

static bool same_wide(const void *a, const void *b, size_t bytes)
{
	return false;
}
#endif

/* -- sums ------------------------------------------------------------------------------------- */

static void add_blocks(void *dst, void **src, unsigned int nr, size_t bytes)
{
	while (nr) {
		unsigned int some = min_t(unsigned int, nr, MAX_XOR_BLOCKS);

		xor_blocks(some, bytes, dst, src);
		src += some;
		nr -= some;
	}
}

void emd_xor(void *dst, void **src, unsigned int nr, size_t bytes)
{
	if (emd_wide())
		sum_wide(dst, dst, src, nr, bytes);
	else
		add_blocks(dst, src, nr, bytes);
}

void emd_xor_sum(void *dst, void **src, unsigned int nr, size_t bytes)
{
	if (emd_wide()) {
		sum_wide(dst, src[0], src + 1, nr - 1, bytes);
		return;
	}
	if (dst != src[0])
		memcpy(dst, src[0], bytes);
	add_blocks(dst, src + 1, nr - 1, bytes);
}

bool emd_xor_copies(void)
{
	return emd_wide();
}

void emd_xor_copy_sum(void *sum, void *const *to, const void *const *from, unsigned int nr, size_t bytes)
{
	copy_sum_wide(sum, to, from, nr, bytes);
}

/* -- comparisons ------------------------------------------------------------------------------ */

static bool zero_by_words(const void *sum, size_t bytes)
{
	const unsigned long *word = sum, *end = sum + bytes;

	for (; word != end; word += 8)
		if (word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7])
			return false;
	return true;
}

/* Adds a part of all others to the first. */
static void add_part(void **src, unsigned int nr, size_t at, size_t bytes)
{
	void *part[MAX_XOR_BLOCKS];
	unsigned int i, some, j;

	for (i = 1; i < nr; i += some) {
		some = min_t(unsigned int, nr - i, MAX_XOR_BLOCKS);
		for (j = 0; j < some; j++)
			part[j] = src[i + j] + at;
		xor_blocks(some, bytes, src[0] + at, part);
	}
}

size_t emd_xor_zeros(void **src, unsigned int nr, size_t bytes)
{
	size_t at, step;

	if (emd_wide())
		return zeros_wide(src, nr, bytes);
	for (at = 0; at < bytes; at += step) {
		step = min_t(size_t, EMD_XOR_STEP, bytes - at);
		add_part(src, nr, at, step);
		if (!zero_by_words(src[0] + at, step)) {
			add_part(src, nr, at, step);	/* as it was: it is looked at again */
			break;
		}
	}
	return at;
}

static bool same_by_words(const void *a, const void *b, size_t bytes)
{
	const unsigned long *x = a, *y = b, *end = a + bytes;

	for (; x != end; x += 8, y += 8)
		if ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) |
		    (x[4] ^ y[4]) | (x[5] ^ y[5]) | (x[6] ^ y[6]) | (x[7] ^ y[7]))
			return false;
	return true;
}

bool emd_xor_same(const void *a, const void *b, size_t bytes)
{
	return emd_wide() ? same_wide(a, b, bytes) : same_by_words(a, b, bytes);
}
