// SPDX-License-Identifier: GPL-2.0-only
/* Linear: the members one behind the other. */
#include "remap.h"

static int linear_validate(const struct emd_geometry *geo, const char **why)
{
	return 0;	/* the zones say it all, and emd_geometry_validate() has seen them */
}

const struct emd_personality emd_linear = {
	.name = "linear",
	.level = EMD_LEVEL_LINEAR,
	.validate = linear_validate,
	.start = emd_remap_start,
	.stop = emd_remap_stop,
	.submit = emd_remap_submit,
	.remap = emd_remap_bio,
};
