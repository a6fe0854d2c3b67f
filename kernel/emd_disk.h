/* SPDX-License-Identifier: GPL-2.0-only */
/* The block device of an array. */
#ifndef _EMD_DISK_H
#define _EMD_DISK_H

int emd_disk_module_init(void);
void emd_disk_module_exit(void);

/**
 * emd_disk_create() - a new, empty array with the block device emdN
 * @name: "emdN", or "emd" for the first free number
 *
 * Context: may sleep. Return: 0, -EINVAL for another name, -EEXIST, -ENOMEM.
 */
int emd_disk_create(const char *name);

/** emd_disk_clear_all() - stop and remove all top-level arrays and what is below them. Nobody has them open. */
void emd_disk_clear_all(void);

#endif
