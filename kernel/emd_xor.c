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

bool emd_xor_zero(const void *sum, size_t bytes)
{
	const unsigned long *word = sum, *end = sum + bytes;

	for (; word != end; word += 8)
		if (word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7])
			return false;
	return true;
}

bool emd_xor_same(const void *a, const void *b, size_t bytes)
{
	const unsigned long *x = a, *y = b, *end = a + bytes;

	for (; x != end; x += 8, y += 8)
		if ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) |
		    (x[4] ^ y[4]) | (x[5] ^ y[5]) | (x[6] ^ y[6]) | (x[7] ^ y[7]))
			return false;
	return true;
}
