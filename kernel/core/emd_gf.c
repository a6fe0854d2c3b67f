// SPDX-License-Identifier: GPL-2.0-only
/*
 * Theory
 *
 * A byte is a polynomial over GF(2) modulo x^8 + x^4 + x^3 + x^2 + 1; to double it is to shift it, and to subtract the
 * modulus (0x1d in the byte) if a bit falls out. A sum of data times powers of 2 needs nothing else, by
 * Horner's rule: from the highest power down, double what there is and add the next. Eight bytes at once.
 */
#include <linux/types.h>

#include "emd_gf.h"

#define TOP_BITS	0x8080808080808080ULL

static __u64 twice(__u64 bytes)
{
	return ((bytes & ~TOP_BITS) << 1) ^ ((bytes & TOP_BITS) >> 7) * 0x1d;
}

void emd_gf_change(void **at, __u32 nr, __u32 bytes)
{
	__u64 *p = at[nr - 2], *q = at[nr - 1];
	__u32 word, i;

	for (word = 0; word < bytes / 8; word++) {
		__u64 sum = 0, weighted = 0;

		for (i = nr - 2; i-- > 0;) {
			__u64 data = ((const __u64 *)at[i])[word];

			sum ^= data;
			weighted = twice(weighted) ^ data;
		}
		p[word] ^= sum;
		q[word] ^= weighted;
	}
}
