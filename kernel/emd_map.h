/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The map: an immutable picture of an array (geometry and members) for the I/O path.
 *
 * Theory
 *
 * A personality's private mapping is valid only while child_set_gencount is the one
 * it was made from (2004 rule). Here map and gencount are one object: whoever changes
 * the membership builds a new map under the array's configuration mutex and publishes
 * it by RCU *before* the lock is released; an operation that entered under the old map
 * keeps that map (and so the members' memory) until it ends. emd_map_replace() returns
 * only when every operation on the old map has ended, and that is why the rebuild of a
 * new member can never pass a write that did not see it (rule M19).
 *
 * Failure of a member does not wait for a new map: emd_member_tryget() refuses it at
 * once, and the slot's member state says so. The new map without it follows.
 *
 * Who holds the reference of an I/O? With redundancy the I/O itself: a member that fails goes when its own last one
 * has ended, however long others of the same map last. Without redundancy there is nothing that a map could go on
 * without, so no member leaves while it serves; the map holds one reference on each (@holds), taken in the critical
 * section that saw the member alive, and given back when the map's last user has gone. So a request that holds the map
 * holds its members, and takes no reference of its own; that a member has failed it sees by its state (emd_slot_held()).
 */
#ifndef _EMD_MAP_H
#define _EMD_MAP_H

#include <linux/percpu-refcount.h>

#include "core/emd_geometry.h"
#include "emd_member.h"

/**
 * struct emd_slot - one component of an array under a map
 * @member:   NULL when the slot is empty
 * @offset:   data offset under *this* geometry, sectors on the device
 * @write_mostly: read only if there is no other
 */
struct emd_slot {
	struct mdk_member	*member;
	sector_t		offset;
	bool			write_mostly;
};

/**
 * struct emd_map - geometry + members, immutable once published
 * @ref:      one per operation; killed by emd_map_replace()
 * @gencount: child_set_gencount that the map was built from
 * @geo:      the geometry; its zones belong to the map
 * @pers:     serves this geometry
 * @private:  owned by @pers (start/stop)
 * @holds:    a reference on each member, until the map ends
 * @skip_copy: the pages of a write do not change while it lasts (emd_array_skip_copy.c)
 * @slots:    entries of @slot: @geo.raid_disks, and as many again while a member is being replaced. The replacement of slot i
 *            is slot raid_disks + i: written with it, and not read (emd_array_replace.c)
 */
struct emd_map {
	struct percpu_ref	ref;
	struct rcu_head		rcu;
	struct work_struct	retire_work;	/* ends the map when it has drained */
	struct emd_array	*array;
	u32			gencount;
	struct emd_geometry	geo;
	const struct emd_personality *pers;
	void			*private;
	bool			holds;
	bool			skip_copy;
	u32			slots;
	struct emd_slot		slot[];
};

/**
 * emd_map_enter() - the current map of @a, with a reference; NULL if the array is going away
 *
 * Context: any. Pair with emd_map_exit() when the operation has ended.
 */
struct emd_map *emd_map_enter(struct emd_array *a);

static inline bool emd_map_tryget(struct emd_map *map)
{
	return percpu_ref_tryget(&map->ref);
}

/*
 * percpu_ref_tryget_live() and percpu_ref_put() for several at once, with interrupts off: that is an RCU critical section, as
 * percpu_ref needs one, and who keeps spare objects of a CPU is in one anyway.
 */
static __always_inline bool emd_ref_tryget_live_irqsoff(struct percpu_ref *ref)
{
	unsigned long __percpu *count;

	if (unlikely(!__ref_is_percpu(ref, &count)))
		return percpu_ref_tryget_live(ref);
	this_cpu_inc(*count);
	return true;
}

static __always_inline void emd_ref_put_irqsoff(struct percpu_ref *ref)
{
	unsigned long __percpu *count;

	if (__ref_is_percpu(ref, &count))
		this_cpu_dec(*count);
	else if (unlikely(atomic_long_dec_and_test(&ref->data->count)))
		ref->data->release(ref);
}

static inline void emd_map_exit(struct emd_map *map)
{
	percpu_ref_put(&map->ref);
}

/** emd_map_replaces() - is a member being replaced, and so written in two places? */
static inline bool emd_map_replaces(const struct emd_map *map)
{
	return unlikely(map->slots > map->geo.raid_disks);
}

/** emd_map_replacements() - how many members are being replaced. */
u32 emd_map_replacements(const struct emd_map *map);

/**
 * emd_slot_readable() - may slot @i be read for member sectors [sector, sector + len)?
 *
 * True for a readable member, and for a rebuild target below its @filled position; but not where it has bad blocks.
 */
bool emd_slot_readable(const struct emd_map *map, u32 i, u64 sector, u64 len);

/** emd_slot_filled() - the same without regard to bad blocks: does the slot hold its data there, as far as its disk can? */
bool emd_slot_filled(const struct emd_map *map, u32 i, u64 sector, u64 len);

/** emd_slot_good_sectors() - how many of @len sectors from @sector on may be read before the first bad one; 0 if the slot is not filled there. */
u64 emd_slot_good_sectors(const struct emd_map *map, u32 i, u64 sector, u64 len);

/** emd_map_readable() - may every slot be read for these member sectors? */
bool emd_map_readable(const struct emd_map *map, u64 sector, u64 len);

/** emd_slot_writable() - does slot @i take writes (readable, or a rebuild target)? */
bool emd_slot_writable(const struct emd_map *map, u32 i);

/** emd_map_agrees() - are all copies known to agree, or parity to be right, up to member sector @end (below md's resync_start)? Context: any. */
bool emd_map_agrees(const struct emd_map *map, u64 end);

/** emd_slot_get() - slot @i's member with an I/O reference, or NULL if empty or on its way out. */
struct mdk_member *emd_slot_get(const struct emd_map *map, u32 i);

/** emd_slot_held() - the same of a map that holds its members: without a reference, valid as long as the map. */
static inline struct mdk_member *emd_slot_held(const struct emd_map *map, u32 i)
{
	struct mdk_member *m = map->slot[i].member;

	return likely(m && MDU_MSTATE_LIVE(emd_member_state(m))) ? m : NULL;
}

/** emd_slot_get_writable() - as emd_slot_get(), or NULL if the slot does not take writes. */
struct mdk_member *emd_slot_get_writable(const struct emd_map *map, u32 i);

/**
 * emd_map_build() - a map from the array's present children, unpublished
 * @geo: geometry to serve; zones (if any) are copied
 * @new_offset: use the members' new data offsets (the target side of a reshape)
 *
 * Context: process, configuration mutex held. Calls pers->start. Return: map or ERR_PTR.
 */
struct emd_map *emd_map_build(struct emd_array *a, const struct emd_geometry *geo,
			      const struct emd_personality *pers, bool new_offset);

/**
 * emd_map_build_replaced() - the same for the geometry in force, with the replacement of slot @slot in the place of whom it replaces
 *
 * A recovery under it makes it from the other members alone, and those are all that are there.
 */
struct emd_map *emd_map_build_replaced(struct emd_array *a, u32 slot);

/**
 * emd_map_replace() - publish @map as the array's map; wait for the old one's operations; free the old
 * @map: NULL to take the array out of service
 */
void emd_map_replace(struct emd_array *a, struct emd_map *map);

/**
 * emd_map_swap() - publish @map and leave the old one to end by itself
 *
 * For the removal of members, which needs not wait for a slow disk. emd_map_replace() also
 * waits for maps that were swapped out before.
 */
void emd_map_swap(struct emd_array *a, struct emd_map *map);

/** emd_map_retire() - the same for a map that nobody can find any more, without waiting. */
void emd_map_retire(struct emd_map *map);

/** emd_map_destroy() - end a map that was never published, or that a reshape side owned: drain, stop, free. */
void emd_map_destroy(struct emd_map *map);

#endif
