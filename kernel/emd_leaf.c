// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include <linux/slab.h>

#include "emd_leaf.h"

static LIST_HEAD(leaves);

/* Claims of arrays with external metadata are made in this name, and so shared among them. */
static char shared_holder[] = "emd: shared by volumes";

void emd_leaf_close(struct mdk_member *m)
{
	struct emd_leaf *leaf = emd_member_leaf(m);

	mutex_lock(&emd_topology_mutex);
	list_del(&leaf->all);
	mutex_unlock(&emd_topology_mutex);
	emd_bdev_close(&leaf->bdev);
}

static void leaf_free(struct mdk_member *m)
{
	kfree(emd_member_leaf(m));
	emd_member_freed();
}

struct emd_leaf *emd_leaf_open(dev_t dev, bool shared)
{
	struct emd_leaf *leaf = kzalloc(sizeof(*leaf), GFP_KERNEL);
	char name[EMD_NAME_SIZE];
	int error;

	lockdep_assert_held(&emd_topology_mutex);
	if (!leaf)
		return ERR_PTR(-ENOMEM);
	error = emd_bdev_open(&leaf->bdev, dev, EMD_MODE_READ | EMD_MODE_WRITE, shared ? (void *)shared_holder : leaf);
	if (error)
		goto free;
	snprintf(name, sizeof(name), "%pg", leaf->bdev.bdev);
	leaf->member.destructor = emd_leaf_close;
	leaf->member.free = leaf_free;
	error = emd_member_init(&leaf->member, MDU_MTYPE_LEAF, name);
	if (error)
		goto close;
	leaf->member.subtype = bdev_is_partition(leaf->bdev.bdev);
	leaf->member.total_size = bdev_nr_sectors(leaf->bdev.bdev);
	list_add(&leaf->all, &leaves);
	return leaf;
close:
	emd_bdev_close(&leaf->bdev);
free:
	kfree(leaf);
	return ERR_PTR(error);
}

void emd_leaf_discard(struct emd_leaf *leaf)
{
	list_del(&leaf->all);
	emd_member_discard(&leaf->member);
	emd_bdev_close(&leaf->bdev);
	kfree(leaf);
	emd_member_freed();
}

bool emd_leaf_overlap(const struct emd_leaf *leaf, sector_t begin, sector_t end)
{
	const struct emd_leaf *other;

	lockdep_assert_held(&emd_topology_mutex);
	list_for_each_entry(other, &leaves, all) {
		const struct mdk_member *m = &other->member;

		if (other == leaf || other->bdev.bdev != leaf->bdev.bdev || !m->data_size)
			continue;
		if (begin < m->data_offset + m->data_size && m->data_offset < end)
			return true;
	}
	return false;
}
