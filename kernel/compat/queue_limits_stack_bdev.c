// SPDX-License-Identifier: GPL-2.0
/* The limits of a member are stacked from its block device (6.9). */
#include <linux/blkdev.h>

void probe(struct queue_limits *lim, struct block_device *bdev);
void probe(struct queue_limits *lim, struct block_device *bdev)
{
	queue_limits_stack_bdev(lim, bdev, 0, "probe");
}
