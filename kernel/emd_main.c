// SPDX-License-Identifier: GPL-2.0-only
/* The module: parameters, initialisation, and the end of everything. */
#include <linux/module.h>

#include "emd_array_private.h"
#include "emd_buffer.h"
#include "emd_disk.h"
#include "emd_proc.h"

static int new_array_set(const char *value, const struct kernel_param *param)
{
	return emd_disk_create(value);
}

static const struct kernel_param_ops new_array_ops = { .set = new_array_set };
module_param_cb(new_array, &new_array_ops, NULL, 0200);
MODULE_PARM_DESC(new_array, "write emdN to make an empty array of that name, emd for the first free number");

static int __init emd_init(void)
{
	int error = emd_buffer_module_init();

	if (error)
		return error;
	error = emd_member_module_init();
	if (error)
		goto exit_buffers;
	error = emd_array_module_init();
	if (error)
		goto exit_members;
	error = emd_sync_module_init();
	if (error)
		goto exit_arrays;
	error = emd_disk_module_init();
	if (error)
		goto exit_sync;
	error = emd_proc_module_init();
	if (error)
		goto exit_disks;
	return 0;
exit_disks:
	emd_disk_module_exit();
exit_sync:
	emd_sync_module_exit();
exit_arrays:
	emd_array_module_exit();
exit_members:
	emd_member_module_exit();
exit_buffers:
	emd_buffer_module_exit();
	return error;
}

/* emd_member_module_exit() returns when every member is destroyed: nothing can leak unseen. */
static void __exit emd_exit(void)
{
	emd_proc_module_exit();
	emd_disk_clear_all();
	emd_member_module_exit();
	emd_disk_module_exit();
	emd_sync_module_exit();
	emd_array_module_exit();
	emd_buffer_module_exit();
}

module_init(emd_init);
module_exit(emd_exit);

MODULE_DESCRIPTION("EMD: software RAID with external metadata");
MODULE_LICENSE("GPL");
