// SPDX-License-Identifier: GPL-2.0
/* open and release of a block driver get the gendisk (6.5). */
#include <linux/blkdev.h>

static int probe_open(struct gendisk *disk, blk_mode_t mode)
{
	return mode & BLK_OPEN_WRITE ? -EROFS : 0;
}

static void probe_release(struct gendisk *disk)
{
}

const struct block_device_operations probe;
const struct block_device_operations probe = { .open = probe_open, .release = probe_release };
