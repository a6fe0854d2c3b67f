// SPDX-License-Identifier: GPL-2.0-only
#include "emd_xor.h"

#include <linux/minmax.h>
#include <linux/raid/xor.h>
#include <linux/string.h>

void emd_xor(void *dst, void **src, unsigned int nr, size_t bytes)
{
	while (nr) {
		unsigned int some = min_t(unsigned int, nr, MAX_XOR_BLOCKS);

		xor_blocks(some, bytes, dst, src);
		src += some;
		nr -= some;
	}
}

void emd_xor_sum(void *dst, void **src, unsigned int nr, size_t bytes)
{
	if (dst == src[0]) {
		emd_xor(dst, src + 1, nr - 1, bytes);
	} else if (nr == 1) {
		memcpy(dst, src[0], bytes);
	} else {
		memset(dst, 0, bytes);	/* less than a copy of the first */
		emd_xor(dst, src, nr, bytes);
	}
}

/* -- comparisons ------------------------------------------------------------------------ */

#if defined(CONFIG_X86_64) && !defined(CONFIG_UML)
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

static bool begin_wide(void)
{
	if (!boot_cpu_has(X86_FEATURE_AVX2) || !irq_fpu_usable())
		return false;
	kernel_fpu_begin();
	return true;
}

/* 128 bytes at a time; what differs is gathered in one register and looked at in the end. */
static bool zero_wide(const void *a, size_t bytes)
{
	bool zero;

	asm volatile("vpxor %%ymm0, %%ymm0, %%ymm0\n\t"
		     "1:\n\t"
		     "vpor (%[a]), %%ymm0, %%ymm0\n\t"
		     "vpor 32(%[a]), %%ymm0, %%ymm0\n\t"
		     "vpor 64(%[a]), %%ymm0, %%ymm0\n\t"
		     "vpor 96(%[a]), %%ymm0, %%ymm0\n\t"
		     "sub $-128, %[a]\n\t"
		     "sub $128, %[bytes]\n\t"
		     "jnz 1b\n\t"
		     "vptest %%ymm0, %%ymm0\n\t"
		     "setz %[zero]"
		     : [a] "+r" (a), [bytes] "+r" (bytes), [zero] "=q" (zero) : : "cc", "memory");
	kernel_fpu_end();
	return zero;
}

static bool same_wide(const void *a, const void *b, size_t bytes)
{
	bool same;

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
	kernel_fpu_end();
	return same;
}
#else
static bool begin_wide(void)
{
	return false;
}

static bool zero_wide(const void *a, size_t bytes)
{
	return false;
}

static bool same_wide(const void *a, const void *b, size_t bytes)
{
	return false;
}
#endif

static bool zero_by_words(const void *sum, size_t bytes)
{
	const unsigned long *word = sum, *end = sum + bytes;

	for (; word != end; word += 8)
		if (word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7])
			return false;
	return true;
}

bool emd_xor_zero(const void *sum, size_t bytes)
{
	return begin_wide() ? zero_wide(sum, bytes) : zero_by_words(sum, bytes);
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
	return begin_wide() ? same_wide(a, b, bytes) : same_by_words(a, b, bytes);
}
