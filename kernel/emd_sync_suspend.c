// SPDX-License-Identifier: GPL-2.0-only
/*
 * The range whose writes wait, for whoever makes a backup of it: suspend_lo and suspend_hi.
 *
 * Theory
 *
 * The suspension is a window of the range lock like any other; lo >= hi is an empty one. A change
 * waits for the writes that are under way in the part that is added, and for nothing else: not for reads, not
 * for config_mutex (what those writes need may need that), not for requests that are parked, because those hold
 * nothing.
 */
#include "emd_sync.h"

int emd_suspend_set(struct emd_array *a, u64 lo, u64 hi)
{
	struct emd_sync *s = a->sync;
	int ret;

	lockdep_assert_held(&s->suspend_mutex);
	ret = emd_range_change(a->ranges, &a->suspend, lo, hi);
	if (ret)
		return ret;
	WRITE_ONCE(s->suspend_lo, lo);
	WRITE_ONCE(s->suspend_hi, hi);
	return 0;
}

void emd_sync_unsuspend(struct emd_array *a)
{
	mutex_lock(&a->sync->suspend_mutex);
	emd_suspend_set(a, 0, 0);
	mutex_unlock(&a->sync->suspend_mutex);
}
