// SPDX-License-Identifier: GPL-2.0
/* A block device is opened as a file, not as a bare block_device (6.9). */
#include <linux/blkdev.h>

struct block_device *probe(dev_t dev, void *holder, const struct blk_holder_ops *ops);
struct block_device *probe(dev_t dev, void *holder, const struct blk_holder_ops *ops)
{
	struct file *file = bdev_file_open_by_dev(dev, BLK_OPEN_READ, holder, ops);

	if (IS_ERR(file))
		return NULL;
	bdev_fput(file);
	return file_bdev(file);
}
