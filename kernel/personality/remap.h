/* SPDX-License-Identifier: GPL-2.0-only */
/* What linear and RAID0 share: every array sector is one sector of one member. */
#ifndef _EMD_REMAP_H
#define _EMD_REMAP_H

#include "emd_personality.h"

int emd_remap_start(struct emd_map *map);
void emd_remap_stop(struct emd_map *map);
void emd_remap_submit(struct emd_io *io);
struct mdk_member *emd_remap_bio(const struct emd_map *map, struct bio *bio);

#endif
