/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all maps of one array share.
 *
 * Theory
 *
 * A map is replaced while operations under the old one are still in flight. What orders
 * operations among themselves (row locks, the pause of writes for a repair) must therefore
 * not belong to a map: two writers of one stripe row may hold different maps. A
 * personality keeps such state in an object that embeds struct emd_shared; the first map
 * of an array makes it, each further one of the same personality finds it, and it goes
 * with the last.
 */
#ifndef _EMD_SHARED_H
#define _EMD_SHARED_H

#include <linux/list.h>

struct emd_array;
struct emd_shared;

/**
 * struct emd_shared_kind - one personality's sort of shared state
 * @size: of the object, which begins with struct emd_shared
 * @init: the rest of it is zero. May sleep. Return: 0 or errno
 * @exit: undoes @init; nothing refers to the object any more. May sleep.
 */
struct emd_shared_kind {
	size_t size;
	int (*init)(struct emd_shared *shared);
	void (*exit)(struct emd_shared *shared);
};

struct emd_shared {
	struct list_head link;
	const struct emd_shared_kind *kind;
	const struct emd_array *array;
	unsigned int users;
};

/** emd_shared_get() - @array's object of @kind, made if there is none. May sleep. Return: it, or ERR_PTR. */
struct emd_shared *emd_shared_get(const struct emd_shared_kind *kind, const struct emd_array *array);

/** emd_shared_put() - give it back. May sleep. */
void emd_shared_put(struct emd_shared *shared);

#endif
