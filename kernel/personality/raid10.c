// SPDX-License-Identifier: GPL-2.0-only
/* RAID10: every chunk on several members; which ones, and where, is core/emd_raid10.c. */
#include "mirror.h"

const struct emd_personality emd_raid10 = {
	.name		= "raid10",
	.level		= 10,
	.redundant	= true,
	.validate	= mirror_validate,
	.start		= mirror_start,
	.stop		= mirror_stop,
	.submit		= mirror_submit,
	.sync		= mirror_sync,
};
