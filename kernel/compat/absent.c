// SPDX-License-Identifier: GPL-2.0
/* Control: compiles on no kernel. */
#include <linux/blkdev.h>

int probe(struct block_device *bdev);
int probe(struct block_device *bdev)
{
	return emd_no_kernel_has_this(bdev);
}
