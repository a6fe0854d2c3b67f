/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _EMD_RAW_READ_H
#define _EMD_RAW_READ_H

#include <emd/emd.h>

#include "emd_compat.h"

/**
 * emd_raw_read_ioctl() - ioctl of an array's block device: EMD_IOC_READ, and nothing else
 *
 * Context: process; sleeps until the disks have answered.
 */
int emd_raw_read_ioctl(struct block_device *bdev, emd_mode_t mode, unsigned int cmd, unsigned long arg);

#endif
