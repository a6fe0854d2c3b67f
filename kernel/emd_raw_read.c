// SPDX-License-Identifier: GPL-2.0-only
/*
 * EMD_IOC_READ: reads an array past the page cache of its block device.
 *
 * Theory
 *
 * The reshape manager reads what it has suspended, in order to back it up. Were that a read with O_DIRECT, it would begin with
 * writing back what the page cache of the block device holds dirty in this range (the metadata of a file system, as a
 * rule) and wait for it; and that write waits until the manager has released the range. So this read asks the array
 * alone. It returns what has reached the array, which is what a backup has to hold: data that are still in the page cache
 * may not go to the disks before the file system says so.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/uaccess.h>

#include "emd_raw_read.h"

static int fill_bio(struct bio *bio, unsigned int bytes)
{
	unsigned int part;
	struct page *page;

	for (; bytes; bytes -= part) {
		part = min_t(unsigned int, bytes, PAGE_SIZE);
		page = alloc_page(GFP_KERNEL);
		if (!page)
			return -ENOMEM;
		if (bio_add_page(bio, page, part, 0) != part) {
			__free_page(page);
			return -EINVAL;
		}
	}
	return 0;
}

static int copy_out(struct bio *bio, char __user *to)
{
	struct bvec_iter_all iter;
	struct bio_vec *part;

	bio_for_each_segment_all(part, bio, iter) {
		if (copy_to_user(to, page_address(part->bv_page) + part->bv_offset, part->bv_len))
			return -EFAULT;
		to += part->bv_len;
	}
	return 0;
}

static int read_range(struct block_device *bdev, const struct emd_read_range *range)
{
	unsigned int block = bdev_logical_block_size(bdev);
	struct bio *bio;
	int error;

	if (!range->bytes || range->bytes > EMD_READ_MAX_BYTES || range->bytes % block || range->reserved ||
	    range->sector % (block >> SECTOR_SHIFT))
		return -EINVAL;
	bio = bio_alloc(bdev, DIV_ROUND_UP(range->bytes, PAGE_SIZE), REQ_OP_READ, GFP_KERNEL);
	bio->bi_iter.bi_sector = range->sector;
	error = fill_bio(bio, range->bytes);
	if (!error)
		error = submit_bio_wait(bio);
	if (!error)
		error = copy_out(bio, u64_to_user_ptr(range->buffer));
	bio_free_pages(bio);
	bio_put(bio);
	return error;
}

int emd_raw_read_ioctl(struct block_device *bdev, emd_mode_t mode, unsigned int cmd, unsigned long arg)
{
	struct emd_read_range range;

	if (cmd != EMD_IOC_READ)
		return -ENOTTY;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(&range, (void __user *)arg, sizeof(range)))
		return -EFAULT;
	return read_range(bdev, &range);
}
