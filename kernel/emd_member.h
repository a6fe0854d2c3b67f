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
#include <linux/blk-cgroup.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "core/emd_mstate.h"
#include "emd_badblocks.h"

struct emd_array;
struct emd_dir;
struct emd_personality;
struct emd_metapersonality;

#define EMD_NAME_SIZE	32

/* mdk_member.flags: bits that the parent's users set, beside the state. Atomic bit operations. */
enum emd_member_flag {
	EMD_MF_BLOCKED,		/* its failure is not durable yet: writes wait (md: blocked) */
	EMD_MF_UNACKED,		/* the metapersonality holds a reference until it is */
	EMD_MF_WRITE_MOSTLY,
	EMD_MF_FAILFAST,
	EMD_MF_EXTERNAL_BBL,
	EMD_MF_WRITE_ERROR,
	EMD_MF_PLACED,		/* has not only a slot number, but its place in the map */
	EMD_MF_RESERVED,	/* took its place by a reservation, at the start of the present reshape */
	EMD_MF_BITMAP,		/* all but what has bits is as its parent's data: recovered by the bitmap */
	EMD_MF_HANDLED,		/* the parent has done what a failure calls for */
	EMD_MF_BAD_UNACKED,	/* has bad blocks that are not durable: the parent holds a reference until they are */
	EMD_MF_BAD_CHANGED,	/* its list has changed, and its pollers are still to be told */
	EMD_MF_WANT_REPLACEMENT, /* holds its data, and shall be replaced by another */
	EMD_MF_REPLACEMENT,	/* replaces another, or will when the array starts */
};

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
 * @new_data_offset: where data begins after a reshape; equal to @data_offset otherwise
 * @recovered:   sectors from @data_offset that hold the parent's data (md: recovery_start);
 *               EMD_POS_MAX when in sync. Durable: moves after the caches have been flushed.
 * @filled:      a rebuild target's position as reads and writes see it: what lies before it holds the
 *               parent's data, and is kept up. Never behind @recovered. One for all maps, as an old one
 *               may be in use while a new one is published. Sync engine, WRITE_ONCE.
 * @bad:         its bad blocks; NULL until somebody keeps a list of them, and then until its end
 * @has_bad:     there are some. What is read or written tests it, and looks at @bad only then.
 * @reserved_slot: slot it takes when the proposed reshape starts; -1 for none
 * @replaces: slot whose member it is to replace (emd_array_replace.c); -1 for none. Its own @priority is -1 until it does.
 *               Written with config_mutex and the parent's member_lock.
 * @flags:       enum emd_member_flag
 * @log_sector, @log_sectors: of the device: its partial parity log (md: ppl_sector, ppl_size); not changed while it has its place
 * @errors:      I/O errors that were corrected (md: errors); set by the personality
 * @md_dir, @own_dir: dev-X directories under the parent's md/ and emd/; NULL without a parent array
 * @ref:         sentinel + one per child + one per I/O + named holders
 * @memory:      references to the bare memory: the object's own, one per map that names it
 *               and one per directory. What they see may be destroyed; emd_member_tryget() says so.
 * @destructor:  process context, once, after unlinking: gives back what the member holds
 * @free:        after @destructor, when nobody refers to the memory: frees it. May sleep.
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
	sector_t		new_data_offset;
	u64			recovered;
	u64			filled;
	int			reserved_slot;
	int			replaces;
	sector_t		log_sector;
	u32			log_sectors;
	bool			has_bad;
	unsigned long		flags;
	struct emd_badblocks	*bad;
	atomic_t		errors;
	struct emd_dir		*md_dir;
	struct emd_dir		*own_dir;

	struct percpu_ref	ref;
	struct kref		memory;
	struct work_struct	release_work;
	void			(*destructor)(struct mdk_member *m);
	void			(*free)(struct mdk_member *m);
	char			name[EMD_NAME_SIZE];
};

/** emd_toplevel - the root: its children are the top-level arrays. */
extern struct mdk_member emd_toplevel;

/** emd_topology_mutex - held to link, unlink or move members, and to look for conflicts between them. */
extern struct mutex emd_topology_mutex;

int emd_member_module_init(void);
void emd_member_module_exit(void);

/**
 * emd_member_init() - a new member: state UNKNOWN, reference count 1 (the sentinel), not linked
 * @m: zeroed memory of the caller, whose @destructor and @free are set; both are required
 *
 * Return: 0 or -ENOMEM (then nothing has to be undone).
 */
int emd_member_init(struct mdk_member *m, enum mdu_mtype type, const char *name);

/** emd_member_freed() - the memory of a member that was once initialised has been freed; the module may not go before. */
void emd_member_freed(void);

/** emd_member_discard() - undo emd_member_init() of a member that was never linked; does not call @destructor or @free. */
void emd_member_discard(struct mdk_member *m);

/**
 * emd_member_link() - make @m a child of @parent
 *
 * The child takes a reference on its parent. Context: topology mutex held.
 * Return: 0; -ENODEV when the parent is on its way out; -EEXIST when another child of an
 * array has this priority (-1 is no index and may repeat).
 */
int emd_member_link(struct mdk_member *m, struct mdk_member *parent, int priority);

/** emd_member_unlink() - take a live member out of its parent, to link it elsewhere. Topology mutex held. */
void emd_member_unlink(struct mdk_member *m);

/** emd_member_set_priority() - move @m within its parent's child_set. Return: 0 or -EEXIST. */
int emd_member_set_priority(struct mdk_member *m, int priority);

/**
 * emd_member_supplant() - @m, which replaces slot @priority, takes it, in one step for all who look
 *
 * They change roles: who had the slot replaces it now. If @m lives no more nothing changes hands. Topology mutex held.
 * Return: the live member that had the slot, with a reference to its memory; NULL if there was none
 */
struct mdk_member *emd_member_supplant(struct mdk_member *m, int priority);

/**
 * emd_member_renumber() - give all children of @parent new indices in one step
 * @index: of a child, perhaps the one that it has; under member_lock. Those of live ones stay unique.
 *
 * Who looks under member_lock sees all as they were or all as they are. Topology mutex held.
 */
void emd_member_renumber(struct mdk_member *parent, int (*index)(const struct mdk_member *m, const void *context), const void *context);

/** emd_member_child() - the child of @parent with this index, or NULL; the parent's member_lock is held. */
struct mdk_member *emd_member_child(struct mdk_member *parent, int priority);

/**
 * emd_member_event() - change the state as core/emd_mstate.c allows
 * Not for FAIL and TEARDOWN, which emd_member_retire() handles. Context: any. Return: 0 or -EINVAL.
 */
int emd_member_event(struct mdk_member *m, enum emd_mevent event);

/**
 * emd_member_retire() - FAIL or TEARDOWN: final state, and the sentinel dropped, in one
 * critical section of the parent's lock
 *
 * Context: any. Return: true if this call dropped the sentinel.
 */
bool emd_member_retire(struct mdk_member *m, enum emd_mevent event);

/** emd_member_retire_locked() - the same, with the parent's member_lock held. */
bool emd_member_retire_locked(struct mdk_member *m, enum emd_mevent event);

/** emd_member_refcount() - references now; exact while nothing moves. Context: any. */
long emd_member_refcount(struct mdk_member *m);

/** emd_member_state() - @m's state at this moment. */
static inline mdu_mstate_t emd_member_state(const struct mdk_member *m)
{
	return READ_ONCE(m->state);
}

/** emd_member_keep() - a reference to the bare memory; pair with emd_member_forget(). */
static inline void emd_member_keep(struct mdk_member *m)
{
	kref_get(&m->memory);
}

/** emd_member_forget() - return it. Context: process. */
void emd_member_forget(struct mdk_member *m);

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

/**
 * emd_member_submit_wait() - the same, and wait for its end
 * @bio: bi_private and bi_end_io are set here; it stays the caller's
 *
 * Context: may sleep, and with no other bio of the caller's pending.
 * Return: how @bio ended.
 */
blk_status_t emd_member_submit_wait(struct mdk_member *m, struct bio *bio);

/* For who has seen has_bad; pairs with emd_array_keep_bad(). */
static inline struct emd_badblocks *emd_member_badblocks(const struct mdk_member *m)
{
	smp_rmb();
	return m->bad;
}

/** emd_member_first_bad() - the first sector of the device in [@begin, @end) that is known to be bad, @end if there is none. Any context. */
static inline u64 emd_member_first_bad(const struct mdk_member *m, u64 begin, u64 end)
{
	return likely(!READ_ONCE(m->has_bad)) ? end : emd_badblocks_first(emd_member_badblocks(m), begin, end);
}

/**
 * emd_member_write_round() - before a write of the device's sectors [@begin, @end) is sent
 * Return: 0 if nothing there is bad, else the write's success has to be told to emd_member_written(). Any context.
 */
static inline u32 emd_member_write_round(const struct mdk_member *m, u64 begin, u64 end)
{
	return likely(!READ_ONCE(m->has_bad)) ? 0 : emd_badblocks_round(emd_member_badblocks(m), begin, end);
}

/** emd_member_lists_bad() - does somebody keep a list of its bad blocks? Any context. */
static inline bool emd_member_lists_bad(const struct mdk_member *m)
{
	return test_bit(EMD_MF_EXTERNAL_BBL, &m->flags);
}

/**
 * emd_member_replaces() - is it to replace another one, and has not yet?
 *
 * Then it must not lack anything that the other one has: it is failed for a write that it refuses, even if it keeps a list.
 * True until no operation sees the other one in the slot any more. Any context.
 */
static inline bool emd_member_replaces(const struct mdk_member *m)
{
	return test_bit(EMD_MF_REPLACEMENT, &m->flags);
}

/* Is there something in its list? */
static inline bool emd_member_has_bad(const struct mdk_member *m)
{
	return unlikely(READ_ONCE(m->has_bad));
}

/** emd_member_bdev() - block device behind a member (an array's own gendisk for an array). */
struct block_device *emd_member_bdev(struct mdk_member *m);

/** emd_member_bio() - @bio, initialised for no device, is for @m, and on whose account @source is. Context: any. */
static inline void emd_member_bio(struct bio *bio, struct mdk_member *m, struct bio *source)
{
	bio->bi_bdev = emd_member_bdev(m);
	if (likely(bio_blkcg_css(source)))
		bio_clone_blkg_association(bio, source);
	else	/* it was sent itself, and has lost its account when that ended */
		bio_associate_blkg(bio);
}

#endif
