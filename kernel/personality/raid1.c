// SPDX-License-Identifier: GPL-2.0-only
/* RAID1: every member holds the array. */
#include "mirror.h"

const struct emd_personality emd_raid1 = {
	.name		= "raid1",
	.level		= 1,
	.redundant	= true,
	.validate	= mirror_validate,
	.start		= mirror_start,
	.stop		= mirror_stop,
	.submit		= mirror_submit,
	.sync		= mirror_sync,
};
