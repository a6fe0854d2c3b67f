// SPDX-License-Identifier: GPL-2.0-only
/* The Theory is in emd_array_queues.h. */
#include "emd_array_queues.h"

#include <linux/blkdev.h>
#include <linux/major.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

static const struct {
	const char *name;
	unsigned int flags;
} kinds[EMD_NR_QUEUES] = {
	[EMD_QUEUE_RUN]		= { "run", WQ_HIGHPRI },
	[EMD_QUEUE_MEMBERS]	= { "members", WQ_UNBOUND },
	[EMD_QUEUE_MEND]	= { "mend", WQ_UNBOUND },
	[EMD_QUEUE_END]		= { "end", WQ_UNBOUND },
	[EMD_QUEUE_ADMIT]	= { "admit", WQ_UNBOUND },
};

static struct emd_queues *ranks[EMD_MAX_DEPTH];	/* made when they are needed, kept until the module goes; topology mutex */

static bool own_queues = true;
module_param(own_queues, bool, 0644);
MODULE_PARM_DESC(own_queues, "an array that is made on device mapper or loop devices has work queues of its own: there may be an array below (Y)");

static void queues_free(struct emd_queues *q)
{
	int i;

	if (!q)
		return;
	for (i = 0; i < EMD_NR_QUEUES; i++)
		if (q->wq[i])
			destroy_workqueue(q->wq[i]);
	kfree(q);
}

static struct emd_queues *queues_alloc(const char *name, bool own)
{
	struct emd_queues *q = kzalloc(sizeof(*q), GFP_KERNEL);
	int i;

	if (!q)
		return NULL;
	q->own = own;
	for (i = 0; i < EMD_NR_QUEUES; i++) {
		q->wq[i] = alloc_workqueue("%s_%s", WQ_MEM_RECLAIM | kinds[i].flags, 0, name, kinds[i].name);
		if (!q->wq[i]) {
			queues_free(q);
			return NULL;
		}
	}
	return q;
}

static int rank_make(unsigned int rank)
{
	char name[16];

	if (ranks[rank])
		return 0;
	snprintf(name, sizeof(name), rank ? "emd_%u" : "emd", rank);
	ranks[rank] = queues_alloc(name, false);
	return ranks[rank] ? 0 : -ENOMEM;
}

struct workqueue_struct *emd_array_wq(const struct emd_array *a, enum emd_queue kind)
{
	return READ_ONCE(a->queues)->wq[kind];
}

static int own_alone(struct emd_array *a)
{
	struct emd_queues *q;

	if (a->queues->own)
		return 0;
	q = queues_alloc(a->member.name, true);
	if (!q)
		return -ENOMEM;
	smp_store_release(&a->queues, q);
	return 0;
}

int emd_array_own_queues(struct emd_array *a)
{
	struct mdk_member *m = &a->member;
	int error = 0;

	lockdep_assert_held(&emd_topology_mutex);
	for (; !error && m != &emd_toplevel; m = m->parent)
		error = own_alone(emd_member_array(m));
	return error;
}

/* The inner ones first: then nothing is ever on the queues of an array above it. */
static int sink(struct emd_array *a, unsigned int rank)
{
	struct mdk_member *child;
	int error;

	rank = max(a->rank, rank);
	emd_for_each_child(child, &a->member) {
		error = child->type == MDU_MTYPE_ARRAY ? sink(emd_member_array(child), rank + 1) : 0;
		if (error)
			return error;
	}
	a->rank = rank;
	if (a->queues->own)
		return 0;
	if (rank >= EMD_MAX_DEPTH)
		return own_alone(a);
	error = rank_make(rank);
	if (!error)
		smp_store_release(&a->queues, ranks[rank]);
	return error;
}

int emd_array_sink(struct emd_array *a, struct emd_array *child)
{
	int error = child->queues->own ? emd_array_own_queues(a) : 0;

	lockdep_assert_held(&emd_topology_mutex);
	return error ?: sink(child, a->rank + 1);
}

bool emd_bdev_may_hide_array(struct block_device *bdev)
{
	return READ_ONCE(own_queues) && (bdev->bd_disk->fops->submit_bio || bdev->bd_disk->major == LOOP_MAJOR);
}

void emd_array_queues_init(struct emd_array *a)
{
	a->queues = ranks[0];
}

void emd_array_queues_exit(struct emd_array *a)
{
	if (a->queues->own)
		queues_free(a->queues);
}

int emd_queues_module_init(void)
{
	return rank_make(0);
}

void emd_queues_module_exit(void)
{
	unsigned int rank;

	for (rank = 0; rank < EMD_MAX_DEPTH; rank++)
		queues_free(ranks[rank]);
}
