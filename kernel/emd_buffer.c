// SPDX-License-Identifier: GPL-2.0-only
/* Buffers kept per CPU; the Theory is in the header. */
#include "emd_buffer.h"

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#define NR_ORDERS	(ilog2(EMD_BUFFER_MAX) - PAGE_SHIFT + 1)
#define TRIM_EVERY	HZ
/* What one CPU keeps at most. Nothing under KASAN, which sees late users of pages that were freed. */
#define MOST_BYTES	(IS_ENABLED(CONFIG_KASAN) ? 0 : 4U << 20)

/**
 * struct magazine - one CPU's buffers
 * @lock:  others come only to trim
 * @first: a list by order; a buffer's first word points to the next
 * @nr:    in each list
 * @bytes: in all of them
 * @least: fewest in each list since the last trim: so many were not needed
 */
struct magazine {
	spinlock_t	lock;
	void		*first[NR_ORDERS];
	unsigned int	nr[NR_ORDERS];
	unsigned int	bytes;
	unsigned int	least[NR_ORDERS];
};

static struct magazine __percpu *magazines;
static bool trim_armed;

static void give_back(void *buffer, unsigned int order)
{
	__free_pages(virt_to_page(buffer), order);
}

/* -- trimming --------------------------------------------------------------------------- */

static void *take(struct magazine *m, unsigned int order)
{
	void *buffer = m->first[order];

	if (buffer) {
		m->first[order] = *(void **)buffer;
		m->nr[order]--;
		m->bytes -= PAGE_SIZE << order;
		m->least[order] = min(m->least[order], m->nr[order]);
	}
	return buffer;
}

/* Gives back @most buffers of a list. */
static void shrink(struct magazine *m, unsigned int order, unsigned int most)
{
	unsigned long flags;
	void *buffer;

	for (; most; most--) {
		spin_lock_irqsave(&m->lock, flags);
		buffer = take(m, order);
		spin_unlock_irqrestore(&m->lock, flags);
		if (!buffer)
			return;
		give_back(buffer, order);
	}
}

static void trim(struct work_struct *work);
static DECLARE_DELAYED_WORK(trim_work, trim);

static void arm_trim(void)
{
	smp_mb();	/* pairs with trim(): who finds it armed has its buffer seen */
	if (READ_ONCE(trim_armed))
		return;
	WRITE_ONCE(trim_armed, true);
	queue_delayed_work(system_unbound_wq, &trim_work, TRIM_EVERY);
}

static void trim(struct work_struct *work)
{
	unsigned int order;
	bool more = false;
	int cpu;

	WRITE_ONCE(trim_armed, false);	/* who gives one back from now on arms it again */
	smp_mb();	/* pairs with arm_trim() */
	for_each_possible_cpu(cpu) {
		struct magazine *m = per_cpu_ptr(magazines, cpu);

		for (order = 0; order < NR_ORDERS; order++) {
			shrink(m, order, READ_ONCE(m->least[order]));
			WRITE_ONCE(m->least[order], READ_ONCE(m->nr[order]));
			more |= READ_ONCE(m->nr[order]) != 0;
		}
	}
	if (more)
		arm_trim();
}

/* -- use ---------------------------------------------------------------------------------- */

void *emd_buffer_alloc(unsigned int bytes, gfp_t gfp)
{
	unsigned int order = get_order(bytes);
	struct magazine *m = raw_cpu_ptr(magazines);
	unsigned long flags;
	struct page *page;
	void *buffer;

	spin_lock_irqsave(&m->lock, flags);
	buffer = take(m, order);
	spin_unlock_irqrestore(&m->lock, flags);
	if (buffer)
		return buffer;
	page = alloc_pages(gfp | __GFP_COMP, order);
	if (page)
		return page_address(page);
	mod_delayed_work(system_unbound_wq, &trim_work, 0);	/* other CPUs may have what is missing here */
	return NULL;
}

static bool has_room(const struct magazine *m, unsigned int order)
{
	return m->bytes + (PAGE_SIZE << order) <= MOST_BYTES;
}

/* The list with most bytes; @order when no other has more. */
static unsigned int fullest(const struct magazine *m, unsigned int order)
{
	unsigned int i, most = order;

	for (i = 0; i < NR_ORDERS; i++)
		if (m->nr[i] << i > m->nr[most] << most)
			most = i;
	return most;
}

/*
 * A full magazine gives one of its fullest list for one of another: what large requests have left would otherwise keep
 * small ones with the page allocator until the next trim.
 */
void emd_buffer_free(void *buffer, unsigned int bytes)
{
	unsigned int order = get_order(bytes), other = order;
	struct magazine *m = raw_cpu_ptr(magazines);
	void *instead = NULL;
	unsigned long flags;
	bool keep;

	spin_lock_irqsave(&m->lock, flags);
	if (unlikely(!has_room(m, order))) {
		other = fullest(m, order);
		if (other != order)
			instead = take(m, other);
	}
	keep = has_room(m, order);
	if (keep) {
		*(void **)buffer = m->first[order];
		m->first[order] = buffer;
		m->nr[order]++;
		m->bytes += PAGE_SIZE << order;
	}
	spin_unlock_irqrestore(&m->lock, flags);
	if (instead)
		give_back(instead, other);
	if (keep)
		arm_trim();
	else
		give_back(buffer, order);
}

/* -- life ----------------------------------------------------------------------------------- */

int emd_buffer_module_init(void)
{
	int cpu;

	magazines = alloc_percpu(struct magazine);
	if (!magazines)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		spin_lock_init(&per_cpu_ptr(magazines, cpu)->lock);
	return 0;
}

void emd_buffer_module_exit(void)
{
	unsigned int order;
	int cpu;

	cancel_delayed_work_sync(&trim_work);
	for_each_possible_cpu(cpu)
		for (order = 0; order < NR_ORDERS; order++)
			shrink(per_cpu_ptr(magazines, cpu), order, UINT_MAX);
	free_percpu(magazines);
}
