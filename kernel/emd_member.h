/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mdk_member: one object for a disk and for an array (2004 design).
 *
 * Theory
 *
 * The tree hangs from one root, emd_toplevel. A child holds one reference on its
 * parent from the moment it is linked until it is destroyed, so a parent outlives
 * its children. Each member is born with one reference, the *sentinel*; failing
 * or tearing down a member drops the sentinel exactly once, under the parent's
 * member_lock, together with the state change that forbids new references. What
 * keeps the object alive afterwards is I/O in flight and named holders; when the
 * last of them goes, the member unlinks itself and its destructor runs in process
 * context.
 *
 * @ref is a percpu_ref whose initial reference *is* the sentinel: percpu_ref_kill()
 * drops it, percpu_ref_tryget_live() fails from then on (that is the 2004 rule
 * "no new reference once the state says so", made one atomic decision), and the
 * release callback runs when the last reference is put.
 *
 * Lock order: parent before child, never two peers, never child before parent. No
 * sleeping, no allocation and no I/O under member_lock. Failure travels upward by
 * work items, never while a child's lock is held.
 */
#ifndef _EMD_MEMBER_H
#define _EMD_MEMBER_H

#include <linux/bio.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/percpu-refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "core/emd_mstate.h"

struct emd_array;
struct emd_leaf;
struct emd_personality;
struct emd_metapersonality;

#define EMD_NAME_SIZE	32

/**
 * struct mdk_member - a disk or an array
 * @member_lock: protects every field below but @ref; held to walk @child_set
 * @type:        MDU_MTYPE_LEAF or MDU_MTYPE_ARRAY
 * @subtype:     leaf: disk or partition; array: its level
 * @state:       one gross state and its modifier bits; written under the *own*
 *               member_lock, read in the I/O path without (any stale value must do)
 * @total_size:  sectors of the device
 * @data_size:   sectors that hold data of the parent
 * @data_offset: where they begin
 * @parent:      NULL only for the root
 * @child_set:   children, ordered by @priority, lowest first
 * @child_set_gencount: changes on each insertion, removal and priority change
 * @peer_links:  position in the parent's child_set
 * @priority:    child of an array: component index (md's slot), -1 for none;
 *               top-level array: order of number assignment
 * @ref:         sentinel + one per child + one per I/O + named holders
 * @destructor:  process context, once, after unlinking; frees the container of the member
 */
struct mdk_member {
	spinlock_t		member_lock;
	enum mdu_mtype		type;
	int			subtype;
	mdu_mstate_t		state;

	sector_t		total_size;
	sector_t		data_size;
	sector_t		data_offset;

	struct mdk_member	*parent;
	struct list_head	child_set;
	u32			child_set_gencount;
	struct list_head	peer_links;

	const struct emd_personality *pers;
	const struct emd_metapersonality *metapers;
	void			*metadata_private;
	void			*pers_private;
	void			*parent_pers_private;

	int			priority;
	struct percpu_ref	ref;
	struct work_struct	release_work;
	void			(*destructor)(struct mdk_member *m);
	char			name[EMD_NAME_SIZE];
};

/** emd_toplevel - the root: its children are the top-level arrays. */
extern struct mdk_member emd_toplevel;

/** emd_for_each_child - walk children by priority; the parent's member_lock (or the topology mutex) is held. */
#define emd_for_each_child(child, parent) \
	list_for_each_entry(child, &(parent)->child_set, peer_links)

/**
 * emd_member_tryget() - take the reference that one I/O holds
 *
 * Context: any, under RCU or with the map that names @m held.
 * Return: false once the sentinel of @m has been dropped.
 */
static inline bool emd_member_tryget(struct mdk_member *m)
{
	return percpu_ref_tryget_live(&m->ref);
}

/** emd_member_put() - return it. Context: any, also hard interrupt. */
static inline void emd_member_put(struct mdk_member *m)
{
	percpu_ref_put(&m->ref);
}

/**
 * emd_member_submit() - send @bio to a member
 * @m: the caller holds an I/O reference until bi_end_io
 * @bio: bi_sector counts from the beginning of the *device* (add the slot's data
 *       offset before). For a leaf the bio goes to the block layer; for an array it
 *       goes straight into that array's gate, without the block layer.
 *
 * Context: process context, never waits.
 */
void emd_member_submit(struct mdk_member *m, struct bio *bio);

/** emd_member_bdev() - block device behind a member (an array's own gendisk for an array). */
struct block_device *emd_member_bdev(struct mdk_member *m);

#endif
