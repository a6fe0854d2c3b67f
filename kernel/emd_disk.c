// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

#include "emd_array_private.h"
#include "emd_compat.h"
#include "emd_disk.h"
#include "emd_raw_read.h"

static int emd_major;

/* -- the block device ----------------------------------------------------------------------------- */

static int emd_disk_open(struct gendisk *disk, emd_mode_t mode)
{
	struct emd_array *a = disk->private_data;
	struct emd_array_private *p = a->priv;
	int error = 0;

	spin_lock(&p->config_open);
	if (p->stopping)
		error = -ENODEV;
	else if (p->claimed)
		error = -EBUSY;
	else
		p->opens++;
	spin_unlock(&p->config_open);
	if (unlikely(atomic_read(&p->gate.early)))
		wake_up_all(&p->gate.opened);	/* see emd_gate_await_early() */
	return error;
}

static void emd_disk_release(struct gendisk *disk)
{
	struct emd_array *a = disk->private_data;

	spin_lock(&a->priv->config_open);
	a->priv->opens--;
	spin_unlock(&a->priv->config_open);
}

EMD_DEFINE_DISK_OPEN_RELEASE(emd_disk);

/* Segments of reads and writes are not limited, so nobody has to count them. */
static bool within_limits(const struct bio *bio)
{
	return (bio_op(bio) == REQ_OP_READ || bio_op(bio) == REQ_OP_WRITE) &&
	       bio_sectors(bio) <= queue_max_sectors(bio->bi_bdev->bd_disk->queue);
}

static void disk_submit_bio(struct bio *bio)
{
	if (unlikely(!within_limits(bio))) {
		bio = bio_split_to_limits(bio);
		if (!bio)
			return;
	}
	emd_gate_submit(bio->bi_bdev->bd_disk->private_data, bio);
}

/* The last reference to the disk is gone, and so nobody knows the array any more. */
static void disk_free(struct gendisk *disk)
{
	emd_array_free(disk->private_data);
}

static const struct block_device_operations disk_ops = {
	.owner = THIS_MODULE,
	.open = emd_disk_bdo_open,
	.release = emd_disk_bdo_release,
	.submit_bio = disk_submit_bio,
	.ioctl = emd_raw_read_ioctl,
	.compat_ioctl = blkdev_compat_ptr_ioctl,
	.free_disk = disk_free,
};

/* -- life -------------------------------------------------------------------------------------------- */

static void array_gone(struct mdk_member *m)
{
	struct emd_array *a = emd_member_array(m);
	struct completion *gone = a->priv->gone;

	if (m->parent != &emd_toplevel)
		emd_array_forget_child(m);
	cancel_work_sync(&a->priv->failure_work);
	cancel_work_sync(&a->priv->show_work);
	emd_array_hide(a);
	del_gendisk(a->disk);
	emd_array_release(a);
	mutex_lock(&emd_topology_mutex);
	emd_array_unregister(a);
	mutex_unlock(&emd_topology_mutex);
	emd_proc_notify();
	if (gone)
		complete(gone);
}

static void array_free(struct mdk_member *m)
{
	put_disk(emd_member_array(m)->disk);
}

static struct gendisk *disk_alloc(struct emd_array *a)
{
	struct gendisk *disk = emd_disk_alloc();

	if (!disk)
		return NULL;
	disk->major = emd_major;
	disk->first_minor = a->priv->number;
	disk->minors = 1;
	disk->fops = &disk_ops;
	disk->private_data = a;
	strscpy(disk->disk_name, a->member.name, sizeof(disk->disk_name));
	return disk;
}

static int create(unsigned int number)
{
	struct emd_array *a = emd_array_alloc(number);
	int error = -ENOMEM;

	if (IS_ERR(a))
		return PTR_ERR(a);
	a->member.destructor = array_gone;
	a->member.free = array_free;
	a->disk = disk_alloc(a);
	if (!a->disk)
		goto free;
	error = device_add_disk(NULL, a->disk, NULL);
	if (error)
		goto put_disk;
	error = emd_array_show(a);
	if (error)
		goto del_disk;
	error = emd_member_link(&a->member, &emd_toplevel, number);
	if (error)
		goto hide;
	emd_array_register(a);
	return 0;
hide:
	emd_array_hide(a);
del_disk:
	del_gendisk(a->disk);
put_disk:
	emd_array_release(a);
	emd_member_discard(&a->member);
	put_disk(a->disk);	/* and so the array */
	return error;
free:
	emd_array_release(a);
	emd_member_discard(&a->member);
	emd_array_free(a);
	return error;
}

static int parse_number(const char *name, unsigned int *number)
{
	char digits[16];

	if (strncmp(name, "emd", 3))
		return -EINVAL;
	strscpy(digits, name + 3, sizeof(digits));
	strim(digits);
	if (!digits[0]) {
		for (*number = 0; emd_array_by_number(*number); ++*number)
			;
		return 0;
	}
	return kstrtouint(digits, 10, number) || *number > MINORMASK ? -EINVAL : 0;
}

int emd_disk_create(const char *name)
{
	unsigned int number;
	int error;

	mutex_lock(&emd_topology_mutex);
	error = parse_number(name, &number);
	if (!error)
		error = emd_array_by_number(number) ? -EEXIST : create(number);
	mutex_unlock(&emd_topology_mutex);
	if (!error)
		emd_proc_notify();
	return error;
}

static struct emd_array *any_toplevel(void)
{
	struct emd_array *found = NULL;
	struct mdk_member *m;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &emd_toplevel) {
		if (emd_member_tryget(m)) {
			found = emd_member_array(m);
			break;
		}
	}
	mutex_unlock(&emd_topology_mutex);
	return found;
}

void emd_disk_clear_all(void)
{
	struct emd_array *a;

	while ((a = any_toplevel())) {
		emd_array_teardown(a);
		emd_member_put(&a->member);
	}
}

int emd_disk_module_init(void)
{
	emd_major = register_blkdev(0, "emd");
	return emd_major < 0 ? emd_major : 0;
}

void emd_disk_module_exit(void)
{
	unregister_blkdev(emd_major, "emd");
}
