// SPDX-License-Identifier: GPL-2.0-only
#include "shared.h"

#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/slab.h>

static LIST_HEAD(all_shared);
static DEFINE_MUTEX(shared_mutex);	/* the list, and users of each object */

static struct emd_shared *shared_find(const struct emd_shared_kind *kind,
				      const struct emd_array *array)
{
	struct emd_shared *shared;

	list_for_each_entry(shared, &all_shared, link)
		if (shared->kind == kind && shared->array == array)
			return shared;
	return NULL;
}

static struct emd_shared *shared_make(const struct emd_shared_kind *kind,
				      const struct emd_array *array)
{
	struct emd_shared *shared = kzalloc(kind->size, GFP_KERNEL);
	int error;

	if (!shared)
		return ERR_PTR(-ENOMEM);
	shared->kind = kind;
	shared->array = array;
	error = kind->init(shared);
	if (error) {
		kfree(shared);
		return ERR_PTR(error);
	}
	list_add(&shared->link, &all_shared);
	return shared;
}

struct emd_shared *emd_shared_get(const struct emd_shared_kind *kind, const struct emd_array *array)
{
	struct emd_shared *shared;

	mutex_lock(&shared_mutex);
	shared = shared_find(kind, array);
	if (!shared)
		shared = shared_make(kind, array);
	if (!IS_ERR(shared))
		shared->users++;
	mutex_unlock(&shared_mutex);
	return shared;
}

void emd_shared_put(struct emd_shared *shared)
{
	bool last;

	mutex_lock(&shared_mutex);
	last = !--shared->users;
	if (last)
		list_del(&shared->link);
	mutex_unlock(&shared_mutex);
	if (!last)
		return;
	shared->kind->exit(shared);
	kfree(shared);
}
