// SPDX-License-Identifier: GPL-2.0-only
/* All arrays, nested or not, by number. */
#include "emd_array_private.h"

static LIST_HEAD(arrays);

struct emd_array *emd_array_by_number(unsigned int number)
{
	struct emd_array_private *p;

	lockdep_assert_held(&emd_topology_mutex);
	list_for_each_entry(p, &arrays, registered)
		if (p->number == number)
			return p->array;
	return NULL;
}

struct emd_array *emd_array_by_dev(dev_t dev)
{
	struct emd_array_private *p;

	lockdep_assert_held(&emd_topology_mutex);
	list_for_each_entry(p, &arrays, registered)
		if (!p->stopping && disk_devt(p->array->disk) == dev)
			return p->array;
	return NULL;
}

struct emd_array *emd_array_next(int number)
{
	struct emd_array_private *p;
	struct emd_array *found = NULL;

	mutex_lock(&emd_topology_mutex);
	list_for_each_entry(p, &arrays, registered)
		if ((int)p->number > number && (!found || p->number < found->priv->number) && MDU_MSTATE_LIVE(p->array->member.state))
			found = p->array;
	if (found && !emd_member_tryget(&found->member))
		found = NULL;
	mutex_unlock(&emd_topology_mutex);
	return found;
}

void emd_array_register(struct emd_array *a)
{
	lockdep_assert_held(&emd_topology_mutex);
	list_add_tail(&a->priv->registered, &arrays);
}

void emd_array_unregister(struct emd_array *a)
{
	lockdep_assert_held(&emd_topology_mutex);
	list_del(&a->priv->registered);
}
