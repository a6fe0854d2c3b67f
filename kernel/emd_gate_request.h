/* SPDX-License-Identifier: GPL-2.0-only */
/* A request while it is behind the gate: what the files of the gate share, and nobody else. */
#ifndef _EMD_GATE_REQUEST_H
#define _EMD_GATE_REQUEST_H

#include "emd_array_private.h"
#include "emd_spare.h"

#define EMD_STACKED_ARRAYS	4	/* arrays that may call each other directly */

struct emd_gate_request {
	struct emd_io		io;
	struct emd_array	*array;
	struct bio		*bio;
	bio_end_io_t		*end_io;
	void			*private;
	struct block_device	*bdev;
	struct emd_range_holder	holder;
	struct percpu_ref	*noted;		/* in the bitmap; NULL without one */
	struct llist_node	held;
	unsigned long		started;
	unsigned int		sectors;
	bool			write;
	bool			ranged;
	bool			counted;
};

DECLARE_PER_CPU(struct emd_spare, emd_gate_spares);

/* Interrupts are off. An array's reserve goes before the spare ones: somebody may wait for it. */
static __always_inline void emd_gate_request_free(struct emd_gate *g, struct emd_gate_request *rq)
{
	if (READ_ONCE(g->requests.curr_nr) < g->requests.min_nr || !emd_spare_keep(&emd_gate_spares, &rq->held))
		mempool_free(rq, &g->requests);
}

static inline struct emd_gate_request *emd_gate_request_of(struct emd_io *io)
{
	return container_of(io, struct emd_gate_request, io);
}

static inline struct emd_array *emd_gate_array(struct emd_gate *g)
{
	return container_of(g, struct emd_array_private, gate)->array;
}

/* The last array of a stack of EMD_STACKED_ARRAYS hands the way up, and gets the way down, to its worker. */
static inline bool emd_gate_is_deep(const struct emd_array *a)
{
	return a->depth && a->depth % EMD_STACKED_ARRAYS == 0;
}

/* emd_gate.c */
void emd_gate_admit_init(struct emd_gate *g);

/* emd_gate_end.c */
void emd_gate_end_module_init(void);
void emd_gate_end_init(struct emd_gate *g);
/** emd_gate_request_done() - what emd_io_end() does for a request. Context: any. */
void emd_gate_request_done(struct emd_io *io, blk_status_t status);
/** emd_gate_remapped_end() - bi_end_io of a request's bio that was sent on itself, to the member in its pers_private. Context: any. */
void emd_gate_remapped_end(struct bio *bio);

/* emd_gate_mode.c */
/** emd_gate_mode_init() - shut; emd_gate_mode_exit() takes it back. Return: 0 or -ENOMEM. */
int emd_gate_mode_init(struct emd_gate *g);
void emd_gate_mode_exit(struct emd_gate *g);

/* emd_gate_flush.c */
/** emd_gate_answered_end() - a request that was answered early has ended; it still keeps the array. Any context. */
void emd_gate_answered_end(struct emd_array *a);
void emd_gate_flush_init(struct emd_gate *g);

#endif
