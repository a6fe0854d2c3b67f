// SPDX-License-Identifier: GPL-2.0-only
/* What a gate is made of, and the memory of requests that all gates share. */
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "emd_gate_request.h"

#define RESERVED_REQUESTS 16

static struct kmem_cache *request_cache;

DEFINE_PER_CPU(struct emd_spare, emd_gate_spares);

int emd_gate_init(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);
	int error;

	spin_lock_init(&g->lock);
	emd_gate_admit_init(g);
	emd_gate_end_init(g);
	emd_gate_flush_init(g);
	error = mempool_init_slab_pool(&g->requests, RESERVED_REQUESTS, request_cache);
	if (error)
		return error;
	error = bioset_init(&g->splits, BIO_POOL_SIZE, EMD_GATE_FRONT_PAD, 0);
	if (error)
		goto free_requests;
	error = emd_gate_mode_init(g);
	if (error)
		goto free_splits;
	return 0;
free_splits:
	bioset_exit(&g->splits);
free_requests:
	mempool_exit(&g->requests);
	return error;
}

void emd_gate_destroy(struct emd_array *a)
{
	struct emd_gate *g = emd_array_gate(a);

	cancel_delayed_work_sync(&g->tick);
	cancel_work_sync(&g->open_work);
	cancel_work_sync(&g->submit_work);
	cancel_work_sync(&g->flush_work);
	cancel_work_sync(&g->flushed_work);
	cancel_work_sync(&g->punted_work);
	cancel_work_sync(&g->held_work);
	cancel_work_sync(&g->ended_work);
	emd_gate_mode_exit(g);
	bioset_exit(&g->splits);
	mempool_exit(&g->requests);
}

int emd_gate_module_init(void)
{
	emd_gate_end_module_init();
	request_cache = KMEM_CACHE(emd_gate_request, 0);
	return request_cache ? 0 : -ENOMEM;
}

void emd_gate_module_exit(void)
{
	struct llist_node *spare;

	while ((spare = emd_spare_drain(&emd_gate_spares)))
		kmem_cache_free(request_cache, llist_entry(spare, struct emd_gate_request, held));
	kmem_cache_destroy(request_cache);
}
