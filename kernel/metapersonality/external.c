// SPDX-License-Identifier: GPL-2.0-only
/*
 * A monitor in user space keeps the metadata. It sees array_state and dev-X/state change,
 * writes, and answers: `active` lets the first writes go, `clean` shuts the gate again,
 * `-blocked` lets the writes end that missed a failed member.
 */
#include "emd_metapersonality.h"

static bool external_dirty(struct emd_array *a)
{
	return false;
}

static bool external_idle(struct emd_array *a)
{
	return false;
}

static bool external_failed(struct emd_array *a, struct mdk_member *m)
{
	return true;
}

const struct emd_metapersonality emd_meta_external = {
	.name = "external",
	.external = true,
	.dirty = external_dirty,
	.idle = external_idle,
	.failed = external_failed,
};
