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

static __u8 twice_byte(__u8 a)
{
	return (__u8)(a << 1 ^ (a >> 7) * 0x1d);
}

__u8 emd_gf_times(__u8 a, __u8 b)
{
	__u8 product = 0;

	for (; b; b >>= 1, a = twice_byte(a))
		product ^= b & 1 ? a : 0;
	return product;
}

__u8 emd_gf_power(__u32 exponent)
{
	__u8 power = 1;

	for (exponent %= 255; exponent; exponent--)
		power = twice_byte(power);
	return power;
}

/* 255 elements are not 0, so a to the 255 is 1, and a to the 254 its inverse: the product of a to the 2, 4, 8 to 128. */
__u8 emd_gf_inverse(__u8 a)
{
	__u8 inverse = 1;
	int i;

	for (i = 0; i < 7; i++) {
		a = emd_gf_times(a, a);
		inverse = emd_gf_times(inverse, a);
	}
	return inverse;
}

/* Of 1, 2, 4 and 8 units by doubling; of what lies between by sums. Return: 16 units. */
static __u8 fill_products(__u8 *product, __u8 unit)
{
	__u32 bit, i;

	product[0] = 0;
	for (bit = 1; bit < 16; bit *= 2, unit = twice_byte(unit))
		for (i = 0; i < bit; i++)
			product[bit + i] = product[i] ^ unit;
	return unit;
}

void emd_gf_table_fill(struct emd_gf_table *table, __u8 factor)
{
	fill_products(table->high, fill_products(table->low, factor));
}
