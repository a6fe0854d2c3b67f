/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An array: a member with a block device, a map, a gate, a sync thread and perhaps a reshape.
 *
 * Who waits for what (top down):
 *   config_mutex > toplevel topology mutex > member_lock (parent > child) > range lock > row shard lock
 *
 * Whoever holds config_mutex allocates without I/O (memalloc_noio_save()): a write may be held until a failure is
 * acknowledged, and that needs this mutex.
 */
#ifndef _EMD_ARRAY_H
#define _EMD_ARRAY_H

#include <linux/blkdev.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "core/emd_reshape_math.h"
#include "emd_map.h"
#include "emd_range.h"

struct emd_bitmap;
struct emd_sync;
struct emd_reshape;

/**
 * struct emd_bitmap_config - what was stored in md/bitmap/; config_mutex
 * @location:	  sector on each member; 0: no bitmap
 * @space:	  sectors that are there for it; 0: not said
 * @chunk_bytes:  of a region, a power of two; 0: not said
 * @time_base:	  jiffies after which a region that is written no more may get clean; twice that at most
 * @external:	  nothing stands before the bits
 * @can_clear:	  bits may be taken back. A failure ends it; who keeps the metadata, or without one the array, allows it again
 * @kept:	  it was forbidden by a store
 */
struct emd_bitmap_config {
	u64			location;
	u64			space;
	u32			chunk_bytes;
	unsigned long		time_base;
	bool			external;
	bool			can_clear;
	bool			kept;
};

/**
 * struct emd_parity_log_config - the partial parity log of a RAID5; config_mutex, and not changed while the array runs
 * @wanted:    consistency_policy is ppl
 * @signature: of its headers
 * @unit_bytes: in which it counts the array's sectors; 0: it was not said how the headers look
 */
struct emd_parity_log_config {
	bool			wanted;
	u32			signature;
	u32			unit_bytes;
};

/**
 * struct emd_array - fields that more than one file uses; the rest is private to its file
 * @member:       the object in the tree
 * @disk:         gendisk, /dev/emdN
 * @config_mutex: serialises every change of configuration (sysfs stores, failure work,
 *                end of sync, spare activation)
 * @map:          what serves I/O; NULL while inactive. During a reshape: the *old* side
 * @bitmap:       the write-intent bitmap; NULL without one, and while inactive
 * @bitmap_config: where it is or will be
 * @parity_log:   the partial parity log; the personality keeps it
 * @backlog:      writes that may be answered before write-mostly members have them (md: bitmap/backlog); @backlog_used: the most there were
 * @reshape:      NULL unless a reshape position is set (running or not); owns the new side's map
 * @bad_round:    changes, behind the list, when bad blocks are added to a member's; see emd_array_bad_round()
 * @geo:          geometry in force
 * @next:         proposed geometry (raid_disks, chunk_size, layout stored on a running array);
 *                equal to @geo when nothing is proposed. Protected by config_mutex.
 * @next_backward: -1 by the rules, else the direction that was stored
 * @state:        array_state without write-pending; see emd_array_state()
 * @ranges:       users' requests against suspension, sync and reshape windows
 * @sync:         the sync engine's part (emd_sync.c)
 * @suspend:      the window of suspend_lo/suspend_hi
 * @resync_start: member sectors from which redundancy is not known to be right; EMD_POS_MAX: it is.
 *                Written by the sync engine and by the attribute. config_mutex.
 * @reshape_position: stored while the array is inactive, for its start; EMD_POS_MAX: none.
 *                From then on the position is the reshape engine's. config_mutex.
 * @stripe_cache_size: md's attribute, kept for its users; nothing depends on it
 * @skip_copy:    whole rows of a level with parity are written from their submitter's pages, see emd_array_skip_copy.c. config_mutex
 * @stable_writes: the block layer knows that these may not change meanwhile: always with @skip_copy, and longer. config_mutex
 * @depth:        arrays above this one (0: top level)
 * @rank, @queues: of the works of its I/O, see emd_array_queues.h. Topology mutex; @queues is read without
 * @array_sectors: visible size
 * @external_size: array_size was stored: do not follow the geometry
 * @last_error:   sentence for emd/last_error, set by emd_refuse()
 */
struct emd_array {
	struct mdk_member	member;
	struct gendisk		*disk;
	struct mutex		config_mutex;

	struct emd_map __rcu	*map;
	struct emd_reshape __rcu *reshape;
	struct emd_bitmap __rcu	*bitmap;
	u32			bad_round;

	struct emd_geometry	geo;
	struct emd_geometry	next;
	int			next_backward;

	enum emd_array_state	state;
	struct emd_range_lock	*ranges;
	struct emd_range_window	suspend;
	struct emd_sync		*sync;

	u64			resync_start;
	u64			reshape_position;
	struct emd_bitmap_config bitmap_config;
	struct emd_parity_log_config parity_log;
	u32			backlog;
	u32			backlog_used;
	unsigned int		stripe_cache_size;
	bool			skip_copy;
	bool			stable_writes;
	unsigned int		depth;
	unsigned int		rank;
	struct emd_queues	*queues;

	sector_t		array_sectors;
	bool			external_size;
	char			last_error[160];
	struct emd_array_private *priv;		/* of emd_array.c and emd_gate.c */
};

static inline struct emd_array *emd_member_array(struct mdk_member *m)
{
	return container_of(m, struct emd_array, member);
}

/** emd_refuse() - remember why a store was refused, return the errno: `return emd_refuse(a, -EINVAL, "sync_max %llu is not ...", v);` */
__printf(3, 4) int emd_refuse(struct emd_array *a, int error, const char *fmt, ...);

/* -- the framework's services to the engines ------------------------------------------------ */

/** emd_array_event() - uevent on the array's disk ("EMD_EVENT=fail" ...) and poll notification of @attr (md/ group), either may be NULL. Any context that may sleep. */
void emd_array_event(struct emd_array *a, const char *event, const char *attr);

/** emd_proc_notify() - /proc/emdstat has changed. Any context. */
void emd_proc_notify(void);

/** emd_array_state() - array_state as it is read, with write-pending, active-idle and broken. */
enum emd_array_state emd_array_state(struct emd_array *a);

/** emd_array_failure_unacked() - does a member's failure wait until it is durable? What was written without it is not safe before. Any context. */
bool emd_array_failure_unacked(struct emd_array *a);

/** emd_array_running() - has it a personality and a map? config_mutex held, or a stale answer must do. */
static inline bool emd_array_running(const struct emd_array *a)
{
	return rcu_access_pointer(a->map);
}

/** emd_array_external() - does somebody else keep the metadata? */
bool emd_array_external(const struct emd_array *a);

/** emd_array_degraded() - slots without a readable member; counted, never stored. */
unsigned int emd_array_degraded(struct emd_array *a);

/** emd_array_comparable() - do its members still hold anything twice, or with parity? A pass has nothing to do else. */
bool emd_array_comparable(struct emd_array *a);

/**
 * emd_array_release_writes() - writes that wait at the gate are tried again
 *
 * For whoever makes emd_reshape_blocks() change its mind. Context: any.
 */
void emd_array_release_writes(struct emd_array *a);

/**
 * emd_array_write_pending() - the end of a pass has to be recorded: array_state reads
 * write-pending and new writes wait until the monitor answers `active`; nothing without a monitor
 */
void emd_array_write_pending(struct emd_array *a);

/** emd_array_show_redundancy() - the attributes of a pass will appear or vanish, as the level and a pending reshape demand (by work: they may be in use). Any context. */
void emd_array_show_redundancy(struct emd_array *a);

/** emd_array_end_read_auto() - read-auto becomes writable, as by a first write; nothing in other states. config_mutex held. */
void emd_array_end_read_auto(struct emd_array *a);

/** emd_array_notify_own() - wake the pollers of attribute @attr in emd/. Context: may sleep. */
void emd_array_notify_own(struct emd_array *a, const char *attr);

/** emd_array_rebuild_map() - new map from the children as they are now; waits for operations on the old one. config_mutex held. */
int emd_array_rebuild_map(struct emd_array *a);

/** emd_array_activate_spares() - give spares that have a slot their place: recovery's start. config_mutex held. Return: number activated. */
int emd_array_activate_spares(struct emd_array *a);

/** emd_array_spares_wait() - is there one that emd_array_activate_spares() would activate? config_mutex held. */
bool emd_array_spares_wait(struct emd_array *a);

/** emd_array_activate_reserved() - all reserved members into their slots, or none (reshape's start). config_mutex held. */
int emd_array_activate_reserved(struct emd_array *a);

/** emd_array_deactivate_reserved() - undo emd_array_activate_reserved() of a reshape that could not begin: the members have their reservations again. config_mutex held. */
void emd_array_deactivate_reserved(struct emd_array *a);

/** emd_array_member_insync() - recovery of slot @slot is complete. config_mutex held. */
void emd_array_member_insync(struct emd_array *a, u32 slot);

/** emd_array_replaces() - is there a member that replaces another, or waits to? config_mutex held. */
bool emd_array_replaces(struct emd_array *a);

/** emd_array_replaced() - recovery of the replacement of slot @slot is complete: it takes the slot, and whom it replaced is failed. config_mutex held. Return: 0 or -ENOMEM, and nothing has changed. */
int emd_array_replaced(struct emd_array *a, u32 slot);

/** emd_array_set_geometry() - the end of a reshape or a takeover: @geo is in force. config_mutex held. */
int emd_array_set_geometry(struct emd_array *a, const struct emd_geometry *geo);

/** emd_array_refuse_beside_log() - -EBUSY if there is a partial parity log: for changes of the shape, or of who has a slot. config_mutex held. */
int emd_array_refuse_beside_log(struct emd_array *a);

/** emd_array_writable() - false while readonly or read-auto. */
bool emd_array_writable(struct emd_array *a);

/** emd_array_dirty() - make the array active (write-pending handshake), as before the first write of a sync; may sleep. */
int emd_array_dirty(struct emd_array *a);

/* -- the engines' services to the framework (emd_sync.c, emd_reshape.c) ---------------------- */

struct seq_file;

/** emd_sync_show() - the progress line of /proc/emdstat, nothing when nothing runs. Context: process. */
void emd_sync_show(struct seq_file *seq, struct emd_array *a);

int emd_sync_module_init(void);
void emd_sync_module_exit(void);

/** emd_sync_create() - for a new array, before it has attributes. Return: 0 or -ENOMEM. */
int emd_sync_create(struct emd_array *a);

/** emd_sync_destroy() - after its attributes are gone; config_mutex not held. */
void emd_sync_destroy(struct emd_array *a);

/** emd_sync_unsuspend() - nothing is suspended any more: the array stops, and writes that wait have to fail. Process context. */
void emd_sync_unsuspend(struct emd_array *a);

/** emd_sync_wake() - something changed that may start, stop or finish a pass (members, state, freeze). Any context. */
void emd_sync_wake(struct emd_array *a);

/** emd_sync_reconsider() - emd_sync_wake(), and sync_action reads at once what is due now. config_mutex held. */
void emd_sync_reconsider(struct emd_array *a);

/** emd_sync_quiesce() - stop the running pass and wait for it; nothing starts until emd_sync_resume(). config_mutex held. */
void emd_sync_quiesce(struct emd_array *a);
void emd_sync_resume(struct emd_array *a);

/** emd_sync_frozen() - is sync_action frozen? */
bool emd_sync_frozen(struct emd_array *a);
/** emd_sync_thaw() - and no more. config_mutex held. */
void emd_sync_thaw(struct emd_array *a);

/** emd_sync_running() - is a pass at work, or ordered and about to begin? */
bool emd_sync_running(struct emd_array *a);

/** emd_sync_running_word() - sync_action's word for it; emd_sync_running() is true. */
const char *emd_sync_running_word(struct emd_array *a);

/** emd_sync_attr_group - md/ attributes that exist only while the level is redundant: sync_*, suspend_*, mismatch_cnt, ... */
extern const struct attribute_group emd_sync_attr_group;

/** emd_sync_own_attr_group - emd/sync_skipped: member sectors that the bitmap has spared the last pass. */
extern const struct attribute_group emd_sync_own_attr_group;

/** emd_reshape_attr_group - reshape_position, reshape_direction in md/; emd_reshape_own_group - emd/reshape_acked, emd/reshape_unit. */
extern const struct attribute_group emd_reshape_attr_group;
extern const struct attribute_group emd_reshape_own_group;

/** emd_reshape_pending() - is a change proposed, running, or stored for the start? The attributes of a pass are needed then. A stale answer must do. */
bool emd_reshape_pending(struct emd_array *a);

/** emd_reshape_propose() - validate @next on a running array and store it as a->next (EBUSY, EROFS, EINVAL as md). config_mutex held. */
int emd_reshape_propose(struct emd_array *a, const struct emd_geometry *next);

/**
 * emd_reshape_only_mirrors() - does @next differ from RAID1 in force by the number of mirrors at most?
 *
 * Then no data have to move, and it is never proposed: emd_array_set_mirrors(). With another chunk, layout or level proposed before, the
 * number belongs to that change. config_mutex held.
 */
bool emd_reshape_only_mirrors(const struct emd_array *a, const struct emd_geometry *next);

/**
 * emd_reshape_forget() - nothing is proposed any more: geometry, direction, new offsets, reserved slots and gate in one step
 *
 * There is no reshape under way. config_mutex held.
 */
void emd_reshape_forget(struct emd_array *a);

/** emd_reshape_assembled() - the array is being started with a position, @writable or read-only: make the new side. a->map is there. config_mutex held. */
int emd_reshape_assembled(struct emd_array *a, u64 position, bool writable);

/**
 * emd_reshape_route() - which map serves array sector @sector, and up to where
 * @limit: in: end of the request; out: first sector that another map serves
 *
 * The caller has entered the range lock with the whole request, so the answer is stable.
 * Return: the map with a reference (emd_map_exit()), or NULL if there is no reshape.
 */
struct emd_map *emd_reshape_route(struct emd_array *a, u64 sector, u64 *limit);

/** emd_reshape_blocks() - must a write to [begin, end) wait for a checkpoint (gate on reshape_acked)? */
bool emd_reshape_blocks(struct emd_array *a, u64 begin, u64 end);

/** emd_reshape_swap_map() - the new side's map from the children as they are now, if there is a reshape. Without memory the old one goes on serving. config_mutex held. */
void emd_reshape_swap_map(struct emd_array *a);

/** emd_reshape_free() - drop the new side (stop of the array); a->reshape_position remembers where it was. config_mutex held. */
void emd_reshape_free(struct emd_array *a);

#endif
