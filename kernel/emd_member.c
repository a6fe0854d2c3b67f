// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of a member: born with its sentinel, linked, retired once, destroyed when idle.
 *
 * Theory
 *
 * Which 2004 rule stands where:
 *  - "no new reference once FAILED": emd_member_retire_locked() changes the state and kills
 *    the percpu_ref in one critical section of the parent's lock; percpu_ref_tryget_live()
 *    cannot succeed afterwards. The I/O path needs no lock, because whoever looks at a
 *    member does so through a map (RCU and a reference on the memory), and the decision
 *    "is it still alive" and the taking of the reference are one atomic step.
 *  - "removed once failed and idle": the release callback of the percpu_ref. It may run in
 *    a hard interrupt, so it only queues @release_work.
 *  - release is iterative: destroying a member puts the reference it had on its parent,
 *    and that queues the parent's own work at most. A tree of any depth costs no stack.
 */
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "emd_member.h"

struct mdk_member emd_toplevel;
DEFINE_MUTEX(emd_topology_mutex);

static struct workqueue_struct *release_wq;

/* Members whose memory is not freed yet. */
static atomic_t memories;
static DECLARE_WAIT_QUEUE_HEAD(no_memories);

static void member_idle(struct percpu_ref *ref)
{
	struct mdk_member *m = container_of(ref, struct mdk_member, ref);

	queue_work(release_wq, &m->release_work);
}

/* One that was retired left the set then, as far as maps are concerned. */
static void unlink_child(struct mdk_member *m, struct mdk_member *parent)
{
	unsigned long flags;

	spin_lock_irqsave(&parent->member_lock, flags);
	list_del_init(&m->peer_links);
	if (MDU_MSTATE_LIVE(m->state))
		parent->child_set_gencount++;
	spin_unlock_irqrestore(&parent->member_lock, flags);
}

static void member_destroy(struct work_struct *work)
{
	struct mdk_member *m = container_of(work, struct mdk_member, release_work);
	struct mdk_member *parent = m->parent;

	mutex_lock(&emd_topology_mutex);
	unlink_child(m, parent);
	mutex_unlock(&emd_topology_mutex);
	percpu_ref_exit(&m->ref);
	m->destructor(m);
	emd_member_forget(m);
	emd_member_put(parent);
}

int emd_member_init(struct mdk_member *m, enum mdu_mtype type, const char *name)
{
	int error = percpu_ref_init(&m->ref, member_idle, 0, GFP_KERNEL);

	if (error)
		return error;
	spin_lock_init(&m->member_lock);
	m->type = type;
	m->state = MDU_MSTATE_UNKNOWN;
	INIT_LIST_HEAD(&m->child_set);
	INIT_LIST_HEAD(&m->peer_links);
	INIT_WORK(&m->release_work, member_destroy);
	kref_init(&m->memory);
	atomic_set(&m->errors, 0);
	m->priority = -1;
	m->reserved_slot = -1;
	m->replaces = -1;
	m->recovered = ~0ULL;
	strscpy(m->name, name, sizeof(m->name));
	atomic_inc(&memories);
	return 0;
}

void emd_member_freed(void)
{
	if (atomic_dec_and_test(&memories))
		wake_up_all(&no_memories);
}

void emd_member_discard(struct mdk_member *m)
{
	percpu_ref_exit(&m->ref);
}

static void member_free(struct kref *memory)
{
	struct mdk_member *m = container_of(memory, struct mdk_member, memory);

	emd_badblocks_free(m->bad);
	m->free(m);
}

void emd_member_forget(struct mdk_member *m)
{
	kref_put(&m->memory, member_free);
}

struct mdk_member *emd_member_child(struct mdk_member *parent, int priority)
{
	struct mdk_member *child;

	lockdep_assert_held(&parent->member_lock);
	emd_for_each_child(child, parent)
		if (child->priority == priority && MDU_MSTATE_LIVE(child->state))
			return child;
	return NULL;
}

/* Indices of an array's children are unique; the root's priorities need not be. */
static bool index_taken(struct mdk_member *parent, int priority)
{
	return parent->type == MDU_MTYPE_ARRAY && priority >= 0 && emd_member_child(parent, priority);
}

static void insert_sorted(struct mdk_member *m, struct mdk_member *parent)
{
	struct mdk_member *child;
	struct list_head *before = &parent->child_set;

	emd_for_each_child(child, parent) {
		if (child->priority > m->priority) {
			before = &child->peer_links;
			break;
		}
	}
	list_add_tail(&m->peer_links, before);
	parent->child_set_gencount++;
}

int emd_member_link(struct mdk_member *m, struct mdk_member *parent, int priority)
{
	unsigned long flags;
	int error = 0;

	lockdep_assert_held(&emd_topology_mutex);
	if (!emd_member_tryget(parent))
		return -ENODEV;
	spin_lock_irqsave(&parent->member_lock, flags);
	if (index_taken(parent, priority)) {
		error = -EEXIST;
	} else {
		m->parent = parent;
		m->priority = priority;
		insert_sorted(m, parent);
	}
	spin_unlock_irqrestore(&parent->member_lock, flags);
	if (error)
		emd_member_put(parent);
	return error;
}

void emd_member_unlink(struct mdk_member *m)
{
	struct mdk_member *parent = m->parent;

	lockdep_assert_held(&emd_topology_mutex);
	unlink_child(m, parent);
	m->parent = NULL;
	m->priority = -1;
	emd_member_put(parent);
}

int emd_member_set_priority(struct mdk_member *m, int priority)
{
	struct mdk_member *parent = m->parent;
	unsigned long flags;
	int error = 0;

	spin_lock_irqsave(&parent->member_lock, flags);
	if (m->priority != priority) {
		if (index_taken(parent, priority)) {
			error = -EEXIST;
		} else {
			list_del(&m->peer_links);
			m->priority = priority;
			insert_sorted(m, parent);
		}
	}
	spin_unlock_irqrestore(&parent->member_lock, flags);
	return error;
}

void emd_member_renumber(struct mdk_member *parent, int (*index)(const struct mdk_member *m, const void *context), const void *context)
{
	struct mdk_member *m, *next;
	unsigned long flags;
	LIST_HEAD(all);

	lockdep_assert_held(&emd_topology_mutex);
	spin_lock_irqsave(&parent->member_lock, flags);
	list_splice_init(&parent->child_set, &all);
	list_for_each_entry_safe(m, next, &all, peer_links) {
		m->priority = index(m, context);
		list_del(&m->peer_links);
		insert_sorted(m, parent);
	}
	spin_unlock_irqrestore(&parent->member_lock, flags);
}

static void move_to(struct mdk_member *m, int priority)
{
	list_del(&m->peer_links);
	m->priority = priority;
	insert_sorted(m, m->parent);
}

struct mdk_member *emd_member_supplant(struct mdk_member *m, int priority)
{
	struct mdk_member *parent = m->parent, *before = NULL;
	unsigned long flags;

	lockdep_assert_held(&emd_topology_mutex);
	spin_lock_irqsave(&parent->member_lock, flags);
	if (MDU_MSTATE_LIVE(m->state)) {
		before = emd_member_child(parent, priority);
		if (before) {
			emd_member_keep(before);
			move_to(before, -1);
			before->replaces = priority;
		}
		move_to(m, priority);
	}
	m->replaces = -1;
	parent->child_set_gencount++;
	spin_unlock_irqrestore(&parent->member_lock, flags);
	return before;
}

/* The own lock nests in the parent's, which is of the same class. */
static int change_state(struct mdk_member *m, enum emd_mevent event)
{
	unsigned long flags;
	int next;

	spin_lock_irqsave_nested(&m->member_lock, flags, SINGLE_DEPTH_NESTING);
	next = emd_mstate_next(m->state, event);
	if (next >= 0)
		WRITE_ONCE(m->state, next);
	spin_unlock_irqrestore(&m->member_lock, flags);
	return next < 0 ? -EINVAL : 0;
}

int emd_member_event(struct mdk_member *m, enum emd_mevent event)
{
	if (WARN_ON_ONCE(event == EMD_MEV_FAIL || event == EMD_MEV_TEARDOWN))
		return -EINVAL;
	return change_state(m, event);
}

bool emd_member_retire_locked(struct mdk_member *m, enum emd_mevent event)
{
	bool live = MDU_MSTATE_LIVE(m->state);

	lockdep_assert_held(&m->parent->member_lock);
	change_state(m, event);
	if (live) {
		m->parent->child_set_gencount++;
		percpu_ref_kill(&m->ref);
	}
	return live;
}

bool emd_member_retire(struct mdk_member *m, enum emd_mevent event)
{
	struct mdk_member *parent = m->parent;
	unsigned long flags;
	bool first;

	spin_lock_irqsave(&parent->member_lock, flags);
	first = emd_member_retire_locked(m, event);
	spin_unlock_irqrestore(&parent->member_lock, flags);
	return first;
}

/*
 * A percpu_ref counts the sentinel and a bias (its sign bit) in its atomic part while the
 * rest is spread over the CPUs.
 */
long emd_member_refcount(struct mdk_member *m)
{
	unsigned long __percpu *spread;
	unsigned long sum = 0;
	int cpu;

	rcu_read_lock();
	if (__ref_is_percpu(&m->ref, &spread))
		for_each_possible_cpu(cpu)
			sum += READ_ONCE(*per_cpu_ptr(spread, cpu));
	if (m->ref.data)
		sum += atomic_long_read(&m->ref.data->count);
	rcu_read_unlock();
	return sum & LONG_MAX;
}

static void root_released(struct percpu_ref *ref)
{
	complete(emd_toplevel.metadata_private);
}

int emd_member_module_init(void)
{
	int error;

	release_wq = alloc_workqueue("emd_release", 0, 0);
	if (!release_wq)
		return -ENOMEM;
	error = percpu_ref_init(&emd_toplevel.ref, root_released, 0, GFP_KERNEL);
	if (error) {
		destroy_workqueue(release_wq);
		return error;
	}
	spin_lock_init(&emd_toplevel.member_lock);
	INIT_LIST_HEAD(&emd_toplevel.child_set);
	INIT_LIST_HEAD(&emd_toplevel.peer_links);
	strscpy(emd_toplevel.name, "toplevel_arrays", sizeof(emd_toplevel.name));
	return 0;
}

void emd_member_module_exit(void)
{
	DECLARE_COMPLETION_ONSTACK(released);

	emd_toplevel.metadata_private = &released;
	percpu_ref_kill(&emd_toplevel.ref);
	wait_for_completion(&released);
	percpu_ref_exit(&emd_toplevel.ref);
	destroy_workqueue(release_wq);
	/* The driver core may release a disk or a directory, by our code, long after it has gone. */
	wait_event(no_memories, !atomic_read(&memories));
}
