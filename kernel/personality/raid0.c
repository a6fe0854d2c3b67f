// SPDX-License-Identifier: GPL-2.0-only
/* RAID0: chunks in turn over all members that reach so far (zones, when they are unequal). */
#include "remap.h"

static int raid0_validate(const struct emd_geometry *geo, const char **why)
{
	return 0;	/* chunk, zones and layout: emd_geometry_validate() */
}

const struct emd_personality emd_raid0 = {
	.name = "raid0",
	.level = 0,
	.validate = raid0_validate,
	.start = emd_remap_start,
	.stop = emd_remap_stop,
	.submit = emd_remap_submit,
	.remap = emd_remap_bio,
};
