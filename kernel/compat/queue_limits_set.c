// SPDX-License-Identifier: GPL-2.0
/* Limits and features change together and are validated (6.9 and 6.11). */
#include <linux/blkdev.h>

int probe(struct request_queue *q, struct queue_limits *lim);
int probe(struct request_queue *q, struct queue_limits *lim)
{
	lim->features |= BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA | BLK_FEAT_NOWAIT | BLK_FEAT_IO_STAT;
	return queue_limits_set(q, lim);
}
