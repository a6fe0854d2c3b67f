// SPDX-License-Identifier: GPL-2.0-only
/* Nobody keeps metadata: every change of state is in force at once. */
#include "emd_metapersonality.h"

static bool none_dirty(struct emd_array *a)
{
	return true;
}

static bool none_idle(struct emd_array *a)
{
	return true;
}

static bool none_failed(struct emd_array *a, struct mdk_member *m)
{
	return false;
}

const struct emd_metapersonality emd_meta_none = {
	.name = "none",
	.dirty = none_dirty,
	.idle = none_idle,
	.failed = none_failed,
};
