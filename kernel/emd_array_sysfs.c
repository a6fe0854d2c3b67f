// SPDX-License-Identifier: GPL-2.0-only
/* Directories and the way into attributes; which attributes there are stands in emd_sysfs_*.c. */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "emd_array_private.h"

static struct emd_dir *kobj_dir(struct kobject *kobj)
{
	return container_of(kobj, struct emd_dir, kobj);
}

static struct emd_attr *to_attr(struct attribute *attr)
{
	return container_of(attr, struct emd_attr, attr);
}

bool emd_word_is(const char *page, const char *word)
{
	return sysfs_streq(page, word);
}

int emd_parse_sectors(const char *page, const char *none, u64 *value)
{
	unsigned long long v;

	if (none && emd_word_is(page, none)) {
		*value = EMD_POS_MAX;
		return 0;
	}
	if (kstrtoull(page, 10, &v))
		return -EINVAL;
	*value = v;
	return 0;
}

/* -- show and store ------------------------------------------------------------------------------- */

static ssize_t dir_show(struct kobject *kobj, struct attribute *attribute, char *page)
{
	struct emd_attr *attr = to_attr(attribute);
	struct mdk_member *m = kobj_dir(kobj)->member;

	if (attr->member_show)
		return attr->member_show(m, page);
	return attr->show ? attr->show(emd_member_array(m), page) : -EIO;
}

/* Where a store is serialised: the array's own configuration, or the one of a member's parent. */
static struct emd_array *governing_array(struct emd_attr *attr, struct mdk_member *m)
{
	return attr->member_store ? emd_member_array(m->parent) : emd_member_array(m);
}

static ssize_t call_store(struct emd_attr *attr, struct emd_array *a, struct mdk_member *m, const char *page,
			  size_t len)
{
	if (attr->member_store)
		return attr->member_store(a, m, page, len);
	return attr->store(a, page, len);
}

static ssize_t dir_store(struct kobject *kobj, struct attribute *attribute, const char *page, size_t len)
{
	struct emd_attr *attr = to_attr(attribute);
	struct mdk_member *m = kobj_dir(kobj)->member;
	struct emd_array *a;
	unsigned int noio;
	ssize_t ret;

	if (!attr->store && !attr->member_store)
		return -EIO;
	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	a = governing_array(attr, m);
	if (attr->flags & EMD_ATTR_UNLOCKED)
		return READ_ONCE(a->priv->stopping) ? -ENODEV : call_store(attr, a, m, page, len);
	if (mutex_lock_interruptible(&a->config_mutex))
		return -EINTR;
	noio = memalloc_noio_save();	/* see emd_array.h */
	a->last_error[0] = '\0';
	ret = a->priv->stopping ? -ENODEV : call_store(attr, a, m, page, len);
	memalloc_noio_restore(noio);
	mutex_unlock(&a->config_mutex);
	if (attr->flags & EMD_ATTR_SETTLE)
		flush_work(&a->priv->show_work);
	return ret;
}

static const struct sysfs_ops dir_ops = { .show = dir_show, .store = dir_store };

static void dir_release(struct kobject *kobj)
{
	struct emd_dir *dir = kobj_dir(kobj);
	struct mdk_member *m = dir->member;

	kfree(dir);
	emd_member_forget(m);	/* last: the module may be waiting for it */
}

static const struct kobj_type dir_type = { .release = dir_release, .sysfs_ops = &dir_ops };

struct emd_dir *emd_dir_create(struct mdk_member *m, struct kobject *parent, const char *name,
			       const struct attribute_group *const *groups)
{
	struct emd_dir *dir = kzalloc(sizeof(*dir), GFP_KERNEL);
	int error;

	if (!dir)
		return ERR_PTR(-ENOMEM);
	emd_member_keep(m);
	dir->member = m;
	kobject_init(&dir->kobj, &dir_type);
	error = kobject_add(&dir->kobj, parent, "%s", name);
	if (!error)
		error = sysfs_create_groups(&dir->kobj, (const struct attribute_group **)groups);
	if (error) {
		kobject_put(&dir->kobj);
		return ERR_PTR(error);
	}
	return dir;
}

void emd_dir_remove(struct emd_dir *dir)
{
	if (!dir)
		return;
	kobject_del(&dir->kobj);
	kobject_put(&dir->kobj);
}

void emd_array_notify(struct emd_array *a, const char *attr)
{
	if (a->priv->md_dir)
		sysfs_notify(&a->priv->md_dir->kobj, NULL, attr);
}

void emd_array_notify_own(struct emd_array *a, const char *attr)
{
	if (a->priv->own_dir)
		sysfs_notify(&a->priv->own_dir->kobj, NULL, attr);
}

void emd_member_notify(struct mdk_member *m, const char *attr)
{
	if (m->md_dir)
		sysfs_notify(&m->md_dir->kobj, NULL, attr);
}

/* -- an array's directories -------------------------------------------------------------------------- */

static const struct attribute_group *const md_groups[] = {
	&emd_array_attr_group, &emd_geometry_attr_group, &emd_reshape_attr_group, &emd_bitmap_attr_group,
	&emd_bitmap_set_attr_group, &emd_log_attr_group, NULL
};
static const struct attribute_group *const own_groups[] = {
	&emd_own_attr_group, &emd_node_attr_group, &emd_reshape_own_group, &emd_bitmap_own_attr_group,
	&emd_sync_own_attr_group, NULL
};
static const struct attribute_group *const redundancy_groups[] = {
	&emd_redundancy_attr_group, &emd_sync_attr_group, NULL
};

int emd_array_show(struct emd_array *a)
{
	struct kobject *disk = &disk_to_dev(a->disk)->kobj;
	struct emd_dir *dir = emd_dir_create(&a->member, disk, "md", md_groups);

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	a->priv->md_dir = dir;
	dir = emd_dir_create(&a->member, disk, "emd", own_groups);
	if (IS_ERR(dir)) {
		emd_dir_remove(a->priv->md_dir);
		a->priv->md_dir = NULL;
		return PTR_ERR(dir);
	}
	a->priv->own_dir = dir;
	kobject_uevent(disk, KOBJ_CHANGE);
	return 0;
}

void emd_array_hide(struct emd_array *a)
{
	emd_dir_remove(a->priv->own_dir);
	emd_dir_remove(a->priv->md_dir);
	a->priv->own_dir = NULL;
	a->priv->md_dir = NULL;
}

/*
 * By work, because removing a group waits for those who are in one of its attributes,
 * and they may wait for the config_mutex of the caller.
 */
void emd_array_show_work(struct work_struct *work)
{
	struct emd_array_private *p = container_of(work, struct emd_array_private, show_work);
	struct emd_array *a = p->array;
	bool wanted = emd_array_redundant(a) || emd_reshape_pending(a);

	if (wanted == p->redundancy_shown || !p->md_dir)
		return;
	if (!wanted)
		sysfs_remove_groups(&p->md_dir->kobj, (const struct attribute_group **)redundancy_groups);
	else if (sysfs_create_groups(&p->md_dir->kobj, (const struct attribute_group **)redundancy_groups))
		return;
	p->redundancy_shown = wanted;
}

void emd_array_show_redundancy(struct emd_array *a)
{
	queue_work(emd_config_wq, &a->priv->show_work);
}

/* -- a member's directories ---------------------------------------------------------------------------- */

static const struct attribute_group *const member_groups[] = { &emd_member_attr_group, &emd_member_log_attr_group, NULL };
static const struct attribute_group *const member_own_groups[] = {
	&emd_member_own_attr_group, &emd_node_attr_group, NULL
};

static void remove_child_dirs(struct mdk_member *m, struct emd_dir *md_dir, struct emd_dir *own_dir)
{
	emd_dir_remove(own_dir);
	if (md_dir)
		sysfs_remove_link(&md_dir->kobj, "block");
	emd_dir_remove(md_dir);
}

/*
 * What lsblk follows. The block layer makes the links only for a device that was claimed
 * through it, which an array inside of an array is not.
 */
static int link_disks(struct emd_array *a, struct mdk_member *m)
{
	struct block_device *bdev = emd_member_bdev(m);
	int error;

	if (m->type == MDU_MTYPE_LEAF)
		return bd_link_disk_holder(bdev, a->disk);
	error = sysfs_create_link(a->disk->slave_dir, bdev_kobj(bdev), kobject_name(bdev_kobj(bdev)));
	if (error)
		return error;
	error = sysfs_create_link(bdev->bd_holder_dir, &disk_to_dev(a->disk)->kobj, a->disk->disk_name);
	if (error)
		sysfs_remove_link(a->disk->slave_dir, kobject_name(bdev_kobj(bdev)));
	return error;
}

static void unlink_disks(struct emd_array *a, struct mdk_member *m)
{
	struct block_device *bdev = emd_member_bdev(m);

	if (m->type == MDU_MTYPE_LEAF) {
		bd_unlink_disk_holder(bdev, a->disk);
		return;
	}
	sysfs_remove_link(bdev->bd_holder_dir, a->disk->disk_name);
	sysfs_remove_link(a->disk->slave_dir, kobject_name(bdev_kobj(bdev)));
}

int emd_array_show_child(struct emd_array *a, struct mdk_member *m)
{
	struct emd_dir *md_dir, *own_dir = NULL;
	char name[EMD_NAME_SIZE + 8];
	int error;

	snprintf(name, sizeof(name), "dev-%s", m->name);
	strreplace(name, '/', '!');
	md_dir = emd_dir_create(m, &a->priv->md_dir->kobj, name, member_groups);
	if (IS_ERR(md_dir))
		return PTR_ERR(md_dir);
	error = sysfs_create_link(&md_dir->kobj, bdev_kobj(emd_member_bdev(m)), "block");
	if (error)
		goto remove;
	own_dir = emd_dir_create(m, &a->priv->own_dir->kobj, name, member_own_groups);
	if (IS_ERR(own_dir)) {
		error = PTR_ERR(own_dir);
		own_dir = NULL;
		goto remove;
	}
	error = link_disks(a, m);
	if (error)
		goto remove;
	m->md_dir = md_dir;
	m->own_dir = own_dir;
	return 0;
remove:
	remove_child_dirs(m, md_dir, own_dir);
	return error;
}

static void rd_name(char *name, size_t size, int slot)
{
	snprintf(name, size, "rd%d", slot);
}

void emd_array_forget_child(struct mdk_member *m)
{
	struct emd_array *a = emd_member_array(m->parent);
	struct emd_dir *md_dir, *own_dir;

	mutex_lock(&a->config_mutex);
	md_dir = m->md_dir;
	own_dir = m->own_dir;
	m->md_dir = NULL;
	m->own_dir = NULL;
	if (md_dir)
		unlink_disks(a, m);
	mutex_unlock(&a->config_mutex);
	remove_child_dirs(m, md_dir, own_dir);
}

void emd_array_refresh_child(struct mdk_member *m)
{
	emd_member_notify(m, "state");
	emd_member_notify(m, "slot");
}

static struct mdk_member *linked_member(struct emd_array *a, int slot)
{
	struct mdk_member *m;

	emd_for_each_child(m, &a->member)
		if (m->priority == slot && m->md_dir && test_bit(EMD_MF_PLACED, &m->flags) &&
		    MDU_MSTATE_LIVE(m->state))
			return m;
	return NULL;
}

void emd_array_update_links(struct emd_array *a)
{
	u32 slots = max3(a->geo.raid_disks, a->next.raid_disks, a->priv->linked_slots);
	struct mdk_member *m;
	char name[16];
	u32 i;

	if (!a->priv->md_dir)
		return;
	mutex_lock(&emd_topology_mutex);
	for (i = 0; i < slots; i++) {
		rd_name(name, sizeof(name), i);
		sysfs_remove_link(&a->priv->md_dir->kobj, name);
		m = linked_member(a, i);
		if (m && sysfs_create_link(&a->priv->md_dir->kobj, &m->md_dir->kobj, name))
			pr_warn("%s: no link %s\n", a->member.name, name);
	}
	mutex_unlock(&emd_topology_mutex);
	a->priv->linked_slots = slots;
}
