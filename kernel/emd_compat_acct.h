/* SPDX-License-Identifier: GPL-2.0 */
/*
 * I/O statistics of a disk that takes bios: what bio_start_io_acct() and bdev_end_io_acct() count, mostly without calling them.
 *
 * They count, and they note for how long the disk was busy. The latter is nothing as long as the clock (bd_stamp, in jiffies) stands where the request
 * before found it, so most requests are only counted, here. As soon as it has moved on, and for partitions, the kernel's functions do it all.
 * Kernels differ in which of the two counts requests and sectors; each way to begin fits each way to end, so this one has to agree.
 */
#ifndef _EMD_COMPAT_ACCT_H
#define _EMD_COMPAT_ACCT_H

#include <linux/jiffies.h>
#include <linux/part_stat.h>

#include "emd_compat.h"

#ifdef EMD_HAVE_BDEV_END_IO_ACCT_SECTORS
#define EMD_ACCT_COUNTS_AT_END	true
#else
#define EMD_ACCT_COUNTS_AT_END	false
#endif

/* Nothing has to be said about the disk's time at @now. */
static __always_inline bool emd_acct_only_counts(struct block_device *bdev, unsigned long now)
{
	return likely(READ_ONCE(bdev->bd_stamp) == now && !bdev_is_partition(bdev));
}

/* Preemption is off. */
static __always_inline void emd_acct_count(struct block_device *bdev, enum req_op op, unsigned int sectors)
{
	const int group = op_stat_group(op);

	__part_stat_add(bdev, ios[group], 1);
	__part_stat_add(bdev, sectors[group], sectors);
}

/** emd_acct_start() - a request begins: all of @bio, of @sectors. Context: any. Return: when, for emd_acct_end(). */
static __always_inline unsigned long emd_acct_start(struct bio *bio, unsigned int sectors)
{
	struct block_device *bdev = bio->bi_bdev;
	const enum req_op op = bio_op(bio);
	unsigned long now = jiffies;

	if (!emd_acct_only_counts(bdev, now))
		return bio_start_io_acct(bio);
	part_stat_lock();
	if (!EMD_ACCT_COUNTS_AT_END)
		emd_acct_count(bdev, op, sectors);
	local_inc(&this_cpu_ptr(bdev->bd_stats)->in_flight[op_is_write(op)]);
	part_stat_unlock();
	return now;
}

/** emd_acct_end() - it ends; @bdev is what its bio was for when it began, at @started. Context: any. */
static __always_inline void emd_acct_end(struct block_device *bdev, enum req_op op, unsigned int sectors, unsigned long started)
{
	unsigned long now = jiffies;

	if (!emd_acct_only_counts(bdev, now)) {
		emd_end_io_acct(bdev, op, sectors, started);
		return;
	}
	part_stat_lock();
	if (EMD_ACCT_COUNTS_AT_END)
		emd_acct_count(bdev, op, sectors);
	if (now != started)
		__part_stat_add(bdev, nsecs[op_stat_group(op)], jiffies_to_nsecs(now - started));
	local_dec(&this_cpu_ptr(bdev->bd_stats)->in_flight[op_is_write(op)]);
	part_stat_unlock();
}

#endif
