// SPDX-License-Identifier: GPL-2.0-only
/* emd/ of an array and emd/dev-X: what md has no word for. */
#include "emd_array_private.h"

/* -- a node of the tree: disk or array ----------------------------------------------------------------- */

static ssize_t type_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%s\n", m->type == MDU_MTYPE_ARRAY ? "array" : "leaf");
}
EMD_MEMBER_ATTR_RO(type);

static ssize_t subtype_show(struct mdk_member *m, char *page)
{
	if (m->type == MDU_MTYPE_ARRAY)
		return sysfs_emit(page, "%s\n", m->pers ? m->pers->name : "none");
	return sysfs_emit(page, "%s\n", m->subtype ? "partition" : "disk");
}
EMD_MEMBER_ATTR_RO(subtype);

static ssize_t name_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%s\n", m->name);
}
EMD_MEMBER_ATTR_RO(name);

static ssize_t parent_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%s\n", m->parent->name);
}
EMD_MEMBER_ATTR_RO(parent);

static ssize_t node_state_show(struct mdk_member *m, char *page)
{
	mdu_mstate_t state = emd_member_state(m);
	char words[64];

	emd_mstate_words(state, words, sizeof(words));
	return sysfs_emit(page, "0x%02x %s\n", state, words);
}

static struct emd_attr node_state_attr = {
	.attr = { .name = "state", .mode = 0444 }, .member_show = node_state_show,
};

static ssize_t priority_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%d\n", m->priority);
}
EMD_MEMBER_ATTR_RO(priority);

static ssize_t refcount_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%ld\n", emd_member_refcount(m));
}
EMD_MEMBER_ATTR_RO(refcount);

static ssize_t gencount_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%u\n", m->child_set_gencount);
}
EMD_MEMBER_ATTR_RO(gencount);

static ssize_t total_size_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%llu\n", (unsigned long long)m->total_size);
}
EMD_MEMBER_ATTR_RO(total_size);

static ssize_t data_size_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%llu\n", (unsigned long long)m->data_size);
}
EMD_MEMBER_ATTR_RO(data_size);

static ssize_t data_offset_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%llu\n", (unsigned long long)m->data_offset);
}
EMD_MEMBER_ATTR_RO(data_offset);

static struct attribute *node_attrs[] = {
	&type_attr.attr, &subtype_attr.attr, &name_attr.attr, &parent_attr.attr, &node_state_attr.attr,
	&priority_attr.attr, &refcount_attr.attr, &gencount_attr.attr, &total_size_attr.attr,
	&data_size_attr.attr, &data_offset_attr.attr, NULL
};
const struct attribute_group emd_node_attr_group = { .attrs = node_attrs };

/* -- a member ----------------------------------------------------------------------------------------------- */

static ssize_t reserved_slot_show(struct mdk_member *m, char *page)
{
	int slot = m->reserved_slot;

	return slot < 0 ? sysfs_emit(page, "none\n") : sysfs_emit(page, "%d\n", slot);
}
EMD_MEMBER_ATTR_RO(reserved_slot);

static struct attribute *member_own_attrs[] = { &reserved_slot_attr.attr, NULL };
const struct attribute_group emd_member_own_attr_group = { .attrs = member_own_attrs };

/* -- an array ------------------------------------------------------------------------------------------------- */

static ssize_t last_error_show(struct emd_array *a, char *page)
{
	return a->last_error[0] ? sysfs_emit(page, "%s\n", a->last_error) : 0;
}
EMD_ATTR_RO(last_error);

static ssize_t unacked_ms_show(struct emd_array *a, char *page)
{
	bool waiting = atomic_read(&a->priv->unacked) || READ_ONCE(emd_array_gate(a)->pending);

	return sysfs_emit(page, "%u\n", waiting ? jiffies_to_msecs(jiffies - a->priv->unacked_since) : 0);
}
EMD_ATTR_RO(unacked_ms);

static ssize_t map_gen_show(struct emd_array *a, char *page)
{
	struct emd_map *map = emd_map_enter(a);
	u32 gencount;

	if (!map)
		return sysfs_emit(page, "none\n");
	gencount = map->gencount;
	emd_map_exit(map);
	return sysfs_emit(page, "%u\n", gencount);
}
EMD_ATTR_RO(map_gen);

static ssize_t abi_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%d\n", EMD_ABI_VERSION);
}
EMD_ATTR_RO(abi);

static struct attribute *own_attrs[] = {
	&last_error_attr.attr, &unacked_ms_attr.attr, &map_gen_attr.attr, &abi_attr.attr, NULL
};
const struct attribute_group emd_own_attr_group = { .attrs = own_attrs };
