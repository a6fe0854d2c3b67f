/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that EMD builds for, behind one set of names.
 *
 * The rest of the module is written for these names and holds no #if about kernels. Which branch is taken is probed at
 * build time: kernel/compat/NAME.c compiles or not, and EMD_HAVE_NAME says so. Version numbers would lie, because
 * stable kernels carry backports.
 */
#ifndef _EMD_COMPAT_H
#define _EMD_COMPAT_H

#include <linux/blkdev.h>

#include "emd_compat_config.h"

/* --- opening block devices ------------------------------------------------------------------------------------- */

#ifdef EMD_HAVE_BDEV_FILE_OPEN
typedef blk_mode_t emd_mode_t;
#define EMD_MODE_READ	BLK_OPEN_READ
#define EMD_MODE_WRITE	BLK_OPEN_WRITE
#else
typedef fmode_t emd_mode_t;
#define EMD_MODE_READ	FMODE_READ
#define EMD_MODE_WRITE	FMODE_WRITE
#endif

/**
 * struct emd_bdev - a block device that is held open
 * @bdev: the device, or NULL when closed
 * @file: what keeps it open, on kernels that open a device as a file
 * @mode: how it was opened
 * @holder: on whose behalf
 */
struct emd_bdev {
	struct block_device *bdev;
	struct file *file;
	void *holder;
	emd_mode_t mode;
};

/**
 * emd_bdev_open() - open a device exclusively
 * @out: written on success only
 * @dev: its number
 * @mode: EMD_MODE_READ, EMD_MODE_WRITE or both
 * @holder: who claims it; claims by the same holder may share it
 *
 * Context: may sleep. Return: 0, -EBUSY when somebody else has claimed it, or what the driver said.
 */
static inline int emd_bdev_open(struct emd_bdev *out, dev_t dev, emd_mode_t mode, void *holder)
{
#ifdef EMD_HAVE_BDEV_FILE_OPEN
	struct file *file = bdev_file_open_by_dev(dev, mode, holder, NULL);

	if (IS_ERR(file))
		return PTR_ERR(file);
	*out = (struct emd_bdev){ .bdev = file_bdev(file), .file = file, .holder = holder, .mode = mode };
#else
	struct block_device *bdev = blkdev_get_by_dev(dev, mode | FMODE_EXCL, holder);

	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	*out = (struct emd_bdev){ .bdev = bdev, .holder = holder, .mode = mode };
#endif
	return 0;
}

/**
 * emd_bdev_close() - close what emd_bdev_open() opened
 * @b: may be closed already
 *
 * Context: may sleep. The claim is given up when this returns.
 */
static inline void emd_bdev_close(struct emd_bdev *b)
{
	if (!b->bdev)
		return;
#ifdef EMD_HAVE_BDEV_FILE_OPEN
	bdev_fput(b->file);
#else
	blkdev_put(b->bdev, b->mode | FMODE_EXCL);
#endif
	*b = (struct emd_bdev){ };
}

/* --- being a block device -------------------------------------------------------------------------------------- */

/**
 * EMD_DEFINE_DISK_OPEN_RELEASE() - adapt a driver's open and release to the kernel
 * @name: the driver has int name_open(struct gendisk *, emd_mode_t) and void name_release(struct gendisk *)
 *
 * Defines name_bdo_open and name_bdo_release for its struct block_device_operations.
 */
#ifdef EMD_HAVE_BDO_OPEN_GENDISK
#define EMD_DEFINE_DISK_OPEN_RELEASE(name)						\
static int name##_bdo_open(struct gendisk *disk, blk_mode_t mode)			\
{											\
	return name##_open(disk, mode);							\
}											\
static void name##_bdo_release(struct gendisk *disk)					\
{											\
	name##_release(disk);								\
}
#else
#define EMD_DEFINE_DISK_OPEN_RELEASE(name)						\
static int name##_bdo_open(struct block_device *bdev, fmode_t mode)			\
{											\
	return name##_open(bdev->bd_disk, mode);					\
}											\
static void name##_bdo_release(struct gendisk *disk, fmode_t mode)			\
{											\
	name##_release(disk);								\
}
#endif

/**
 * emd_disk_alloc() - allocate the gendisk of a driver that takes bios
 *
 * Context: may sleep. Return: the disk, whose limits are still to be set, or NULL without memory. put_disk() frees it.
 */
static inline struct gendisk *emd_disk_alloc(void)
{
#ifdef EMD_HAVE_BLK_ALLOC_DISK_LIMITS
	struct gendisk *disk = blk_alloc_disk(NULL, NUMA_NO_NODE);

	return IS_ERR(disk) ? NULL : disk;
#else
	return blk_alloc_disk(NUMA_NO_NODE);
#endif
}

/**
 * emd_end_io_acct() - account the end of what bio_start_io_acct() began
 * @sectors: of the whole bio, which may have been consumed since
 */
static inline void emd_end_io_acct(struct block_device *bdev, enum req_op op, unsigned int sectors,
				   unsigned long started)
{
#ifdef EMD_HAVE_BDEV_END_IO_ACCT_SECTORS
	bdev_end_io_acct(bdev, op, sectors, started);
#else
	bdev_end_io_acct(bdev, op, started);
#endif
}

/* What a disk can do, beside its struct queue_limits. I/O statistics are always kept. */
#define EMD_FEAT_WRITE_CACHE	BIT(0)	/* gets flushes */
#define EMD_FEAT_FUA		BIT(1)	/* takes writes with FUA as they are */
#define EMD_FEAT_NOWAIT		BIT(2)	/* honours REQ_NOWAIT */
#define EMD_FEAT_STABLE_WRITES	BIT(3)	/* pages must not change while they are written */
#define EMD_FEAT_ROTATIONAL	BIT(4)

/**
 * emd_limits_stack() - narrow an array's limits to what a member can do
 * @lim: the array's, begun with blk_set_stacking_limits()
 * @bdev: the member
 * @data_offset: where the array's data begins on it, in sectors
 * @name: of the array, for the kernel's message about misalignment
 */
static inline void emd_limits_stack(struct queue_limits *lim, struct block_device *bdev, sector_t data_offset,
				    const char *name)
{
#ifdef EMD_HAVE_QUEUE_LIMITS_STACK_BDEV
	queue_limits_stack_bdev(lim, bdev, data_offset, name);
#else
	if (blk_stack_limits(lim, &bdev_get_queue(bdev)->limits, get_start_sect(bdev) + data_offset))
		pr_notice("%s: %pg is misaligned\n", name, bdev);
#endif
}

/**
 * emd_limits_set_discard() - state what the array does with discards
 * @lim: the array's limits
 * @max_sectors: largest discard, 0 for none at all
 * @granularity_bytes: smallest useful one; ignored without discards
 */
static inline void emd_limits_set_discard(struct queue_limits *lim, unsigned int max_sectors,
					  unsigned int granularity_bytes)
{
	lim->max_hw_discard_sectors = max_sectors;
	lim->max_discard_sectors = max_sectors;
	lim->discard_granularity = max_sectors ? granularity_bytes : 0;
	lim->discard_alignment = 0;
}

/** emd_limits_set_request() - state the largest read or write, in sectors */
static inline void emd_limits_set_request(struct queue_limits *lim, unsigned int max_sectors)
{
	lim->max_hw_sectors = max_sectors;
	lim->max_sectors = max_sectors;
#ifdef EMD_HAVE_QUEUE_LIMITS_SET
	lim->max_user_sectors = max_sectors;	/* max_sectors is computed from it, and small without it */
#endif
}

/**
 * emd_disk_set_limits() - put limits and features into effect
 * @disk: the array's
 * @lim: complete limits; may be adjusted by the block layer
 * @features: EMD_FEAT_*
 *
 * Context: may sleep; the caller serialises changes and sees to it that bios in flight respect both old and new.
 * Return: 0, or -EINVAL when the limits contradict each other.
 */
static inline int emd_disk_set_limits(struct gendisk *disk, struct queue_limits *lim, unsigned int features)
{
	struct request_queue *q = disk->queue;
#ifdef EMD_HAVE_QUEUE_LIMITS_SET
	static const struct {
		unsigned int ours;
		blk_features_t theirs;
	} map[] = {
		{ EMD_FEAT_WRITE_CACHE, BLK_FEAT_WRITE_CACHE },
		{ EMD_FEAT_FUA, BLK_FEAT_FUA },
		{ EMD_FEAT_NOWAIT, BLK_FEAT_NOWAIT },
		{ EMD_FEAT_STABLE_WRITES, BLK_FEAT_STABLE_WRITES },
		{ EMD_FEAT_ROTATIONAL, BLK_FEAT_ROTATIONAL },
	};
	unsigned int i;

	lim->features |= BLK_FEAT_IO_STAT;
	for (i = 0; i < ARRAY_SIZE(map); i++) {
		if (features & map[i].ours)
			lim->features |= map[i].theirs;
		else
			lim->features &= ~map[i].theirs;
	}
	return queue_limits_set(q, lim);
#else
	static const struct {
		unsigned int ours;
		unsigned int flag;
	} map[] = {
		{ EMD_FEAT_NOWAIT, QUEUE_FLAG_NOWAIT },
		{ EMD_FEAT_STABLE_WRITES, QUEUE_FLAG_STABLE_WRITES },
	};
	unsigned int i;

	q->limits = *lim;
	blk_queue_write_cache(q, features & EMD_FEAT_WRITE_CACHE, features & EMD_FEAT_FUA);
	for (i = 0; i < ARRAY_SIZE(map); i++) {
		if (features & map[i].ours)
			blk_queue_flag_set(map[i].flag, q);
		else
			blk_queue_flag_clear(map[i].flag, q);
	}
	if (features & EMD_FEAT_ROTATIONAL)
		blk_queue_flag_clear(QUEUE_FLAG_NONROT, q);
	else
		blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_flag_set(QUEUE_FLAG_IO_STAT, q);
	disk_update_readahead(disk);
	return 0;
#endif
}

#endif /* _EMD_COMPAT_H */
