// SPDX-License-Identifier: GPL-2.0
/* Control: compiles on every kernel. */
#include <linux/blkdev.h>

int probe(struct block_device *bdev);
int probe(struct block_device *bdev)
{
	return bdev->bd_dev;
}
