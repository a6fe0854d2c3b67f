/* SPDX-License-Identifier: GPL-2.0-only */
/* A block device as a member. One leaf per membership: a disk of two volumes has two. */
#ifndef _EMD_LEAF_H
#define _EMD_LEAF_H

#include "emd_compat.h"
#include "emd_member.h"

struct emd_leaf {
	struct mdk_member	member;
	struct emd_bdev		bdev;
	struct list_head	all;	/* every leaf, under the topology mutex */
};

static inline struct emd_leaf *emd_member_leaf(struct mdk_member *m)
{
	return container_of(m, struct emd_leaf, member);
}

/**
 * emd_leaf_open() - claim a block device and make a leaf of it, not linked
 * @shared: share the claim with other shared leaves (arrays with external metadata)
 *
 * Context: topology mutex held; may sleep. Return: leaf, or ERR_PTR: -EBUSY when somebody
 * else has claimed it, or what opening it said.
 */
struct emd_leaf *emd_leaf_open(dev_t dev, bool shared);

/** emd_leaf_close() - a leaf's destructor, or the last thing that a replacement of it does. Topology mutex not held. */
void emd_leaf_close(struct mdk_member *m);

/** emd_leaf_discard() - undo emd_leaf_open() of a leaf that was never linked. Topology mutex held. */
void emd_leaf_discard(struct emd_leaf *leaf);

/**
 * emd_leaf_overlap() - does another leaf of the same disk hold data in [begin, end)?
 * Context: topology mutex held. Leaves without a size hold nothing.
 */
bool emd_leaf_overlap(const struct emd_leaf *leaf, sector_t begin, sector_t end);

#endif
