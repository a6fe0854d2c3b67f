/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who makes the kernel's changes of state durable: nobody (none), or a monitor in user
 * space that is asked through sysfs (external). The module knows no on-disk format.
 */
#ifndef _EMD_METAPERSONALITY_H
#define _EMD_METAPERSONALITY_H

#include "emd_member.h"

struct emd_metapersonality {
	const char *name;
	bool external;		/* disks may be shared with other arrays of the same kind */

	/** @dirty: a write waits. Return: true if it may go now, false if somebody will answer `active`. Process context. */
	bool (*dirty)(struct emd_array *a);
	/** @idle: no write for safe_mode_delay. Return: true if the array may be called clean now. Process context. */
	bool (*idle)(struct emd_array *a);
	/**
	 * @failed: @m is about to fail. Return: true to keep it, and the writes that miss it,
	 * until emd_array_acknowledge(). Context: any, parent's member_lock held.
	 */
	bool (*failed)(struct emd_array *a, struct mdk_member *m);
};

extern const struct emd_metapersonality emd_meta_none, emd_meta_external;

#endif
