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
 *
 * A completion hands an operation to the work of its CPU. One that comes while a submitter sends, from within what it sends, as that of
 * memory does, leaves it to the submitter instead, who runs it when everything is sent: nobody has to be woken, and the stack is as
 * flat as the work's. Only who is not within submit_bio() does that, because there nothing is sent before it returns; and it ends after
 * some rounds, because rows that come free bring other submitters' operations.
 */
#include "log.h"

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

/* -- runners ------------------------------------------------------------------------------------ */

static void run_all(struct llist_node *ops)
{
	struct r5_op *op, *next;
	struct blk_plug plug;

	ops = llist_reverse_order(ops);
	blk_start_plug(&plug);
	llist_for_each_entry_safe(op, next, ops, queue)
		op->run(op);
	blk_finish_plug(&plug);
}

static void runner_work(struct work_struct *work)
{
	run_all(llist_del_all(&container_of(work, struct r5_runner, work)->ops));
}

void r5_op_queue_work(struct r5_op *op)
{
	struct r5_array *array = op->conf->array;
	int cpu = raw_smp_processor_id();
	struct r5_runner *runner = per_cpu_ptr(array->runners, cpu);

	if (llist_add(&op->queue, &runner->ops))
		queue_work_on(cpu, emd_array_wq(op->conf->map->array, EMD_QUEUE_RUN), &runner->work);
}

/* Not of an array, which may be gone when its last operation has ended here. */
static DEFINE_PER_CPU(struct r5_submitter, submitters);

/* @task is this one only if this one has put it there; so it does not matter which CPU we are on by now. */
static bool submitter_takes(struct r5_op *op)
{
	struct r5_submitter *s = raw_cpu_ptr(&submitters);

	if (!in_task() || READ_ONCE(s->task) != current)
		return false;
	llist_add(&op->queue, s->ops);
	return true;
}

void r5_op_queue(struct r5_op *op)
{
	if (!submitter_takes(op))
		r5_op_queue_work(op);
}

void r5_here_begin(struct r5_here *here)
{
	struct r5_submitter *s = raw_cpu_ptr(&submitters);

	init_llist_head(&here->ops);
	here->submitter = NULL;
	if (current->bio_list || !current->plug || cmpxchg(&s->task, NULL, current))
		return;
	s->ops = &here->ops;
	here->submitter = s;
}

void r5_here_end(struct r5_here *here)
{
	struct blk_plug *plug = current->plug;
	struct r5_op *op, *next;
	struct llist_node *ops;
	unsigned int round;

	if (!here->submitter)
		return;
	blk_finish_plug(plug);
	for (round = 0; round < R5_HERE_ROUNDS && (ops = llist_del_all(&here->ops)); round++)
		run_all(ops);
	smp_store_release(&here->submitter->task, NULL);
	llist_for_each_entry_safe(op, next, llist_reverse_order(llist_del_all(&here->ops)), queue)
		r5_op_queue_work(op);
	current->plug = plug;	/* as those who are sending what is in it still do */
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
	r5_log_destroy(array->log);	/* behind those who may have told it of an operation just now */
	free_percpu(array->runners);
	kvfree(array->buckets);
}

const struct emd_shared_kind r5_array_kind = {
	.size = sizeof(struct r5_array),
	.init = array_init,
	.exit = array_exit,
};
