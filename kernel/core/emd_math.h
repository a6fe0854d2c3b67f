/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What core/ takes from its surroundings: errno, NULL, and 64-bit division, which a
 * 32-bit kernel has only as a function.
 */
#ifndef _EMD_CORE_MATH_H
#define _EMD_CORE_MATH_H

#include <linux/errno.h>
#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/math64.h>
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif

/** emd_div_rem() - quotient of @n by @d, and the rest in *@rem. @d must not be 0. */
static inline __u64 emd_div_rem(__u64 n, __u32 d, __u32 *rem)
{
#ifdef __KERNEL__
	return div_u64_rem(n, d, rem);
#else
	*rem = (__u32)(n % d);
	return n / d;
#endif
}

/** emd_div() - quotient of two 64-bit numbers, rounded down. @d must not be 0. */
static inline __u64 emd_div(__u64 n, __u64 d)
{
#ifdef __KERNEL__
	return div64_u64(n, d);
#else
	return n / d;
#endif
}

/** emd_mod() - rest of the division of two 64-bit numbers. @d must not be 0. */
static inline __u64 emd_mod(__u64 n, __u64 d)
{
	return n - emd_div(n, d) * d;
}

/** emd_is_pow2() - is exactly one bit of @n set? */
static inline int emd_is_pow2(__u64 n)
{
	return n && !(n & (n - 1));
}

/** emd_shift() - log2 of @n, a power of two. */
static inline unsigned int emd_shift(__u32 n)
{
	return (unsigned int)__builtin_ctz(n);
}

#endif
