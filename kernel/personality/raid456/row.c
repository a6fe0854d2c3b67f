// SPDX-License-Identifier: GPL-2.0-only
/*
 * Row locks, and the runners that carry on where a completion must not.
 *
 * Theory
 *
 * A hash bucket holds the claims on its rows, held and waiting, in order of arrival. A
 * claim is granted when no earlier claim of the same row meets its mask (two shared claims
 * never meet). So it is FIFO: nobody is overtaken by a claim that conflicts with his, and
 * as a claimant holds one claim at a time (a sync claims several rows, in ascending
 * order, and nobody else waits while holding) there is no cycle. There is no row object
 * that could be freed too early: the claims are the row.
 */
#include "raid456.h"

#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/slab.h>

#define BUCKETS_PER_CPU	64
#define BUCKETS_MAX	4096

static struct r5_bucket *row_bucket(struct r5_array *array, u64 row)
{
	return &array->buckets[hash_64(row, 32) & array->bucket_mask];
}

/* What earlier claims of a row keep from later ones. */
struct row_taken {
	u64 by_any;
	u64 by_exclusive;
};

static bool claim_fits(const struct r5_lock *lock, const struct row_taken *taken)
{
	return !(lock->mask & (lock->shared ? taken->by_exclusive : taken->by_any));
}

static void claim_take(const struct r5_lock *lock, struct row_taken *taken)
{
	taken->by_any |= lock->mask;
	if (!lock->shared)
		taken->by_exclusive |= lock->mask;
}

bool r5_lock_row(struct r5_array *array, struct r5_lock *lock)
{
	struct r5_bucket *bucket = row_bucket(array, lock->row);
	struct row_taken taken = { };
	struct r5_lock *other;
	unsigned long flags;
	bool held;

	spin_lock_irqsave(&bucket->lock, flags);
	list_for_each_entry(other, &bucket->claims, link)
		if (other->row == lock->row)
			claim_take(other, &taken);
	held = claim_fits(lock, &taken);
	lock->held = held;
	list_add_tail(&lock->link, &bucket->claims);
	spin_unlock_irqrestore(&bucket->lock, flags);
	return held;
}

void r5_unlock_row(struct r5_array *array, struct r5_lock *lock)
{
	struct r5_bucket *bucket = row_bucket(array, lock->row);
	struct row_taken taken = { };
	struct r5_lock *other;
	unsigned long flags;

	spin_lock_irqsave(&bucket->lock, flags);
	list_del(&lock->link);
	list_for_each_entry(other, &bucket->claims, link) {
		if (other->row != lock->row)
			continue;
		if (!other->held && claim_fits(other, &taken)) {
			other->held = true;
			other->granted(other);
		}
		claim_take(other, &taken);
	}
	spin_unlock_irqrestore(&bucket->lock, flags);
}

static void runner_work(struct work_struct *work)
{
	struct r5_runner *runner = container_of(work, struct r5_runner, work);
	struct llist_node *ops = llist_reverse_order(llist_del_all(&runner->ops));
	struct r5_op *op, *next;
	struct blk_plug plug;

	blk_start_plug(&plug);
	llist_for_each_entry_safe(op, next, ops, queue)
		op->run(op);
	blk_finish_plug(&plug);
}

void r5_op_queue(struct r5_op *op)
{
	struct r5_array *array = op->conf->array;
	int cpu = raw_smp_processor_id();
	struct r5_runner *runner = per_cpu_ptr(array->runners, cpu);

	if (llist_add(&op->queue, &runner->ops))
		queue_work_on(cpu, emd_array_wq(op->conf->map->array, EMD_QUEUE_RUN), &runner->work);
}

static int array_init_runners(struct r5_array *array)
{
	int cpu;

	array->runners = alloc_percpu(struct r5_runner);
	if (!array->runners)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct r5_runner *runner = per_cpu_ptr(array->runners, cpu);

		init_llist_head(&runner->ops);
		INIT_WORK(&runner->work, runner_work);
	}
	return 0;
}

static int array_init(struct emd_shared *shared)
{
	struct r5_array *array = container_of(shared, struct r5_array, shared);
	unsigned int i, nr = min_t(unsigned int, BUCKETS_MAX,
				   roundup_pow_of_two(BUCKETS_PER_CPU * num_possible_cpus()));

	array->buckets = kvcalloc(nr, sizeof(*array->buckets), GFP_KERNEL);
	if (!array->buckets)
		return -ENOMEM;
	array->bucket_mask = nr - 1;
	for (i = 0; i < nr; i++) {
		spin_lock_init(&array->buckets[i].lock);
		INIT_LIST_HEAD(&array->buckets[i].claims);
	}
	if (!array_init_runners(array))
		return 0;
	kvfree(array->buckets);
	return -ENOMEM;
}

static void array_exit(struct emd_shared *shared)
{
	struct r5_array *array = container_of(shared, struct r5_array, shared);
	int cpu;

	/* The last to end an operation may still be in the work that did. */
	for_each_possible_cpu(cpu)
		flush_work(&per_cpu_ptr(array->runners, cpu)->work);
	free_percpu(array->runners);
	kvfree(array->buckets);
}

const struct emd_shared_kind r5_array_kind = {
	.size = sizeof(struct r5_array),
	.init = array_init,
	.exit = array_exit,
};
