/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the framework share, and nobody else. */
#ifndef _EMD_ARRAY_PRIVATE_H
#define _EMD_ARRAY_PRIVATE_H

#include "emd_array_sysfs.h"
#include "emd_gate.h"
#include "emd_metapersonality.h"
#include "emd_personality.h"

#define EMD_TAG_SIZE	64
#define EMD_DEFAULT_IDLE_MS	200
#define EMD_DEFAULT_TIME_BASE	(5 * HZ)

/**
 * struct emd_array_private
 * @number: N of emdN; @registered among all arrays
 * @level_word: what was stored in level while it was not (yet) a level: "container"
 * @tag: metadata_version behind "external:"; empty for none
 * @failure_work: does what failures call for
 * @old_maps: number of maps that were taken out of service and have not ended
 * @config_open: opens, claimed and stopping, under one lock so that one excludes the other
 * @opens: users of the disk
 * @claimed: member of another array: nobody may open it
 * @stopping: on its way out: stores and opens fail
 * @broken: a member failed that cannot be spared
 * @broken_told: bit 0: and the event has been sent
 * @redundancy_shown: the attributes of a redundant level are there; @show_work sees to it
 * @release_work: makes it its own array again after it was a member
 * @md_dir, @own_dir: md/ and emd/ under the disk; @linked_slots: rdN up to which there may be links
 * @unacked: failures that the monitor has not made durable; @unacked_since jiffies of the first
 * @scratch: states by slot, for the holder of member_lock
 * @gone: completed when nothing but memory is left
 */
struct emd_array_private {
	struct emd_gate		gate;
	struct emd_array	*array;
	unsigned int		number;
	struct list_head	registered;
	char			level_word[16];
	char			tag[EMD_TAG_SIZE];

	struct work_struct	failure_work;
	atomic_t		old_maps;

	spinlock_t		config_open;
	unsigned int		opens;
	bool			claimed;
	bool			stopping;
	bool			broken;
	unsigned long		broken_told;
	bool			redundancy_shown;
	struct work_struct	show_work;
	struct work_struct	release_work;
	struct emd_dir		*md_dir;
	struct emd_dir		*own_dir;
	u32			linked_slots;

	atomic_t		unacked;
	unsigned long		unacked_since;

	mdu_mstate_t		scratch[EMD_MAX_MEMBERS];
	struct completion	*gone;
};

extern struct workqueue_struct *emd_config_wq;

static inline struct emd_gate *emd_array_gate(struct emd_array *a)
{
	return &a->priv->gate;
}

/* Redundant levels know dirty and clean, ranges and sync. */
static inline bool emd_array_redundant(const struct emd_array *a)
{
	return a->member.pers && a->member.pers->redundant;
}

/* emd_array.c */
/** emd_array_alloc() - inactive, not linked, without a disk. Return: array or ERR_PTR. */
struct emd_array *emd_array_alloc(unsigned int number);
/** emd_array_release() - everything but the memory; nothing is in flight. emd_array_free() - the memory. */
void emd_array_release(struct emd_array *a);
void emd_array_free(struct emd_array *a);
const char *emd_array_state_word(enum emd_array_state state);
/** emd_array_state_find() - by word, as stored; -EINVAL if there is no such state. */
int emd_array_state_find(const char *page);
int emd_array_module_init(void);
void emd_array_module_exit(void);

/** emd_array_set_state() - array_state from now on, with notification. config_mutex or the gate's mode is held. */
void emd_array_set_state(struct emd_array *a, enum emd_array_state state);

/** emd_array_health() - what the children's states make of the geometry in force, or of the worse of @both (during a reshape). Any context. */
mdu_mstate_t emd_array_health(struct emd_array *a, bool both);

/** emd_array_update_health() - derive the array's member state from its children; events when it changes. Process context. */
void emd_array_update_health(struct emd_array *a);

/** emd_array_states() - states of the placed children by slot into @states (raid_disks entries); member_lock held. */
void emd_array_states(struct emd_array *a, u32 raid_disks, mdu_mstate_t *states);

/** emd_array_next_placed() - the next member that has its place, also as a replacement, behind *@place (-1: the first), with a reference; NULL at the end. Any context. */
struct mdk_member *emd_array_next_placed(struct emd_array *a, int *place);

/* emd_array_sysfs.c */
/** emd_array_show() - md/ and emd/ of an array that has a disk. emd_array_hide() - and away. */
int emd_array_show(struct emd_array *a);
void emd_array_hide(struct emd_array *a);
void emd_array_show_work(struct work_struct *work);
/** emd_array_show_child() - dev-X of @m in md/ and emd/, and the links of the block layer. config_mutex held. */
int emd_array_show_child(struct emd_array *a, struct mdk_member *m);
/** emd_array_forget_child() - undo it. Takes config_mutex. Not from an attribute of @m. */
void emd_array_forget_child(struct mdk_member *m);
/** emd_array_update_links() - md/rdN as the slots are now. config_mutex held. */
void emd_array_update_links(struct emd_array *a);
/** emd_array_refresh_child() - the state of @m has changed: wake its pollers. config_mutex held. */
void emd_array_refresh_child(struct mdk_member *m);

/* emd_array_registry.c */
/** emd_array_by_dev() - the array whose disk has this number, or NULL. Topology mutex held. */
struct emd_array *emd_array_by_dev(dev_t dev);
/** emd_array_by_number() - top-level or nested. Topology mutex held. */
struct emd_array *emd_array_by_number(unsigned int number);
/** emd_array_next() - the next array behind @number, with a reference on its member; NULL at the end. Takes the topology mutex. */
struct emd_array *emd_array_next(int number);
/** emd_array_register() - @a exists. emd_array_unregister() - and no more. Topology mutex held. */
void emd_array_register(struct emd_array *a);
void emd_array_unregister(struct emd_array *a);

/* emd_array_map.c */
/**
 * emd_array_refresh_map() - a map for the membership as it is now, when nobody was added who has a place
 * Does not wait for operations on the old map. config_mutex held.
 */
void emd_array_refresh_map(struct emd_array *a);
int emd_array_map_module_init(void);
void emd_array_map_module_exit(void);

/* emd_array_start.c */
/** emd_array_start() - from inactive to @state (readonly, read-auto, active, clean). config_mutex held. */
int emd_array_start(struct emd_array *a, enum emd_array_state state);
/** emd_array_set_readonly() - running, from writable to @state. config_mutex held. */
int emd_array_set_readonly(struct emd_array *a, enum emd_array_state state);
/** emd_array_set_writable() - running, from readonly or read-auto. config_mutex held. */
int emd_array_set_writable(struct emd_array *a);
/** emd_array_stop() - from running to inactive; the caller has seen that nobody has it open. config_mutex held. */
void emd_array_stop(struct emd_array *a);
/** emd_array_resize() - visible size after a change of geometry or array_size. config_mutex held. */
void emd_array_resize(struct emd_array *a);
/** emd_array_set_member_sectors() - component_size of a running array. config_mutex held. */
int emd_array_set_member_sectors(struct emd_array *a, u64 sectors);
/**
 * emd_array_set_mirrors() - more or fewer mirrors of a RAID1, at once. config_mutex held.
 *
 * New ones are missing; of fewer those in the first slots stay, the others become spares. Return: 0 or an error, which is said.
 */
int emd_array_set_mirrors(struct emd_array *a, u32 mirrors);
/** emd_array_takeover() - another level for the same data, at once. config_mutex held. */
int emd_array_takeover(struct emd_array *a, const char *word);
/** emd_array_limits() - queue limits from geometry and members. config_mutex held. */
int emd_array_limits(struct emd_array *a);
/** emd_array_max_sectors() - size that the geometry in force gives. config_mutex held. */
u64 emd_array_max_sectors(struct emd_array *a);

/* emd_array_skip_copy.c; config_mutex held */
/** emd_array_set_skip_copy() - from now on, write whole rows from their submitters' pages, or not. Return: 0, -ENODEV, -EBUSY, -ENOMEM. */
int emd_array_set_skip_copy(struct emd_array *a, bool on);
/** emd_array_forget_skip_copy() - @a stops, or has no parity any more; no request is under way. */
void emd_array_forget_skip_copy(struct emd_array *a);

/* emd_array_parity_log.c; config_mutex held */
/** emd_array_want_parity_log() - consistency_policy, from the next start on. Return: 0 or -EBUSY. */
int emd_array_want_parity_log(struct emd_array *a, bool wanted);
/** emd_array_check_parity_log() - can @a start with the log that was ordered, if one was? */
int emd_array_check_parity_log(struct emd_array *a);
/** emd_array_log_misfit() - why @m has no place for the log of @a; NULL if it has, or there is none. */
const char *emd_array_log_misfit(struct emd_array *a, struct mdk_member *m);

/* emd_array_members.c */
int emd_array_add(struct emd_array *a, dev_t dev);
int emd_array_place(struct emd_array *a, struct mdk_member *m, int slot);
int emd_array_remove(struct emd_array *a, struct mdk_member *m);
/** emd_array_make_spare() - @m gives its place up and holds nothing of its parent any more. config_mutex held. */
void emd_array_make_spare(struct mdk_member *m);

/* emd_array_fail.c */
void emd_array_failure_work(struct work_struct *work);
/** emd_array_fail() - by order of a user. Return: 0 or -EBUSY when the array would break. */
int emd_array_fail(struct emd_array *a, struct mdk_member *m);
/** emd_array_acknowledge() - @m's failure, and its bad blocks, are durable. */
void emd_array_acknowledge(struct emd_array *a, struct mdk_member *m);
void emd_array_drop_reservations(struct emd_array *a);

/* emd_array_replace.c; config_mutex held */
/** emd_array_want_replacement() - @m, which holds its data, shall be replaced. */
int emd_array_want_replacement(struct emd_array *a, struct mdk_member *m);
/** emd_array_replacement_of() - the live member that replaces slot @slot or will, NULL if there is none. */
struct mdk_member *emd_array_replacement_of(struct emd_array *a, int slot);
/** emd_array_in_sync() - has slot @slot a member that is placed and in sync? */
bool emd_array_in_sync(struct emd_array *a, int slot);
/** emd_array_replaceable() - would a spare that is given slot @slot replace its member? */
bool emd_array_replaceable(struct emd_array *a, int slot);
/** emd_array_place_replacement() - @m, a spare that fits, replaces slot @slot from the next recovery on. */
int emd_array_place_replacement(struct emd_array *a, struct mdk_member *m, int slot);
/** emd_array_assign_replacement() - the same, when that has been looked at. */
void emd_array_assign_replacement(struct emd_array *a, struct mdk_member *m, int slot);
/** emd_array_drop_replacement() - @m replaces nobody any more, and is a spare. */
int emd_array_drop_replacement(struct emd_array *a, struct mdk_member *m);
/** emd_array_inherit() - the member of slot @slot has gone: what replaces it, if anything, takes the slot with what it has. */
void emd_array_inherit(struct emd_array *a, int slot);
/** emd_array_inherit_all() - the same for all slots, at the start of the array. */
void emd_array_inherit_all(struct emd_array *a);

/* emd_array_bad.c */
/** emd_array_add_bad() - by order of whoever keeps the metadata; @known: it is durable. config_mutex held. Return: 0 or -ENOSPC. */
int emd_array_add_bad(struct emd_array *a, struct mdk_member *m, u64 begin, u64 end, bool known);
/** emd_array_acknowledge_bad() - let writes end if no bad block of @m, which has a list, waits to be durable; does nothing to one that has failed. Return: false if one does. Any context. */
bool emd_array_acknowledge_bad(struct emd_array *a, struct mdk_member *m);
/** emd_array_forget_bad() - @m, an array, is nobody's member now: it has neither a list nor what was told about one. topology mutex held. */
void emd_array_forget_bad(struct mdk_member *m);
/** emd_array_tell_bad() - wake the pollers of lists that have changed. config_mutex not held; may sleep. */
void emd_array_tell_bad(struct emd_array *a);

/* emd_array_teardown.c */
/** emd_array_teardown() - everything below @a, then @a; asynchronous but for the I/O, which has ended on return. No lock held. */
void emd_array_teardown(struct emd_array *a);
/** emd_array_clear() - stop and remove the array; returns when it is gone. No lock held. Return: 0, -EBUSY or -ENODEV. */
int emd_array_clear(struct emd_array *a);

#endif
