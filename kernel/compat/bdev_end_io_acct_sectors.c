// SPDX-License-Identifier: GPL-2.0
/* Accounting counts the sectors at the end of a bio, not at its start. */
#include <linux/blkdev.h>

void probe(struct block_device *bdev);
void probe(struct block_device *bdev)
{
	bdev_end_io_acct(bdev, REQ_OP_READ, 8U, 0UL);
}
