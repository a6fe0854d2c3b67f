/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects that are not in use stay with the CPU that gave them back: the allocator would clear each that it hands out, and all
 * fields of a request are set anyway. None stay under KASAN, which sees late users of what was freed.
 */
#ifndef _EMD_SPARE_H
#define _EMD_SPARE_H

#include <linux/llist.h>
#include <linux/percpu.h>

#define EMD_SPARE_MOST	(IS_ENABLED(CONFIG_KASAN) ? 0 : 128)

/* What one CPU keeps; a static percpu variable. */
struct emd_spare {
	struct llist_node	*first;
	unsigned int		nr;
};

/** emd_spare_take() - one of this CPU's, or NULL. Context: interrupts are off. */
static __always_inline struct llist_node *emd_spare_take(struct emd_spare __percpu *spares)
{
	struct emd_spare *spare = this_cpu_ptr(spares);
	struct llist_node *node = spare->first;

	if (node) {
		spare->first = node->next;
		spare->nr--;
	}
	return node;
}

/** emd_spare_keep() - keep one. Return: false if there are enough. Context: interrupts are off. */
static __always_inline bool emd_spare_keep(struct emd_spare __percpu *spares, struct llist_node *node)
{
	struct emd_spare *spare = this_cpu_ptr(spares);

	if (spare->nr >= EMD_SPARE_MOST)
		return false;
	node->next = spare->first;
	spare->first = node;
	spare->nr++;
	return true;
}

/** emd_spare_drain() - one of any CPU's, or NULL when all are gone. Nobody else uses them any more. */
static inline struct llist_node *emd_spare_drain(struct emd_spare __percpu *spares)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct emd_spare *spare = per_cpu_ptr(spares, cpu);
		struct llist_node *node = spare->first;

		if (node) {
			spare->first = node->next;
			return node;
		}
	}
	return NULL;
}

#endif
