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
	if (dst != src[0])
		memcpy(dst, src[0], bytes);
	emd_xor(dst, src + 1, nr - 1, bytes);
}
