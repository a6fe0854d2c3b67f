// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes of whole rows without a copy: parity is computed from the pages of who submits them, and those are what the members get.
 *
 * Theory
 *
 * If a page changes between the two, data and parity differ, nobody is told, and what is computed from them when a member
 * has gone is wrong: the bytes of a *neighbour*. So the block layer has to say that pages stay as they are
 * (EMD_FEAT_STABLE_WRITES): then a file system and its page cache wait before they change one that is being written. It asks when it is
 * mounted. So it is said before the first such write, while nobody has the array open, and no array above it that runs may fail to say
 * it, too; and it is taken back when the last such write has ended. The page cache of the array's own device need not know: it writes single
 * pages, which are no rows and copied. Who writes with O_DIRECT from memory that he changes meanwhile is beyond all that: it is he who
 * must not.
 */
#include "emd_array_private.h"

static bool in_use(struct emd_array *a)
{
	struct emd_array_private *p = a->priv;
	bool used;

	spin_lock(&p->config_open);
	used = p->opens || p->claimed;
	spin_unlock(&p->config_open);
	return used;
}

static int say_stable(struct emd_array *a, bool stable)
{
	int error;

	a->stable_writes = stable;
	error = emd_array_limits(a);
	if (error)
		a->stable_writes = !stable;
	return error;
}

/* All requests that have entered the map before have ended on return. */
static int publish(struct emd_array *a, bool on)
{
	int error;

	WRITE_ONCE(a->skip_copy, on);
	error = emd_array_rebuild_map(a);
	if (error)
		WRITE_ONCE(a->skip_copy, !on);
	return error;
}

static int refuse_in_use(struct emd_array *a)
{
	return emd_refuse(a, -EBUSY, "%s is in use: who has it open may change pages while they are written", a->member.name);
}

static int skip(struct emd_array *a)
{
	int error = in_use(a) ? refuse_in_use(a) : say_stable(a, true);

	if (error)
		return error;
	error = in_use(a) ? refuse_in_use(a) : publish(a, true);	/* who opens it now has been told */
	if (error)
		say_stable(a, false);
	return error;
}

static int copy_again(struct emd_array *a)
{
	return publish(a, false) ?: say_stable(a, false);
}

int emd_array_set_skip_copy(struct emd_array *a, bool on)
{
	lockdep_assert_held(&a->config_mutex);
	if (!emd_array_running(a) || !emd_geometry_parity_disks(&a->geo))
		return emd_refuse(a, -ENODEV, "%s has no parity", a->member.name);
	if (on == a->skip_copy)
		return 0;
	if (rcu_access_pointer(a->reshape))
		return emd_refuse(a, -EBUSY, "%s is being reshaped", a->member.name);
	return on ? skip(a) : copy_again(a);
}

void emd_array_forget_skip_copy(struct emd_array *a)
{
	WRITE_ONCE(a->skip_copy, false);
	a->stable_writes = false;
}
