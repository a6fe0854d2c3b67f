/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads and writes of members for a sync: several at once, then wait for all.
 *
 * Context of all: process, may sleep, no bio pending on current->bio_list.
 */
#ifndef _EMD_WINDOW_IO_H
#define _EMD_WINDOW_IO_H

#include <linux/completion.h>

#include "../emd_map.h"

/** emd_batch_bios_init() - a set of bios for batches; bioset_exit() ends it. Return: 0 or -ENOMEM. */
int emd_batch_bios_init(struct bio_set *bios);

/**
 * struct emd_batch - I/Os under way
 * @bios: where their bios come from, made by emd_batch_bios_init(); of the caller
 */
struct emd_batch {
	struct bio_set *bios;
	atomic_t pending;
	struct completion done;
};

void emd_batch_begin(struct emd_batch *batch, struct bio_set *bios);

/**
 * emd_batch_add() - start one I/O on slot @slot
 * @opf:     REQ_OP_READ or REQ_OP_WRITE with flags
 * @sector:  member sector, relative to the slot's data
 * @sectors: length; @pages are filled one after the other
 * @status:  set to the error, if there is one; valid after emd_batch_wait(). A slot without a usable
 *           member answers BLK_STS_IOERR. Several I/Os may share it.
 */
void emd_batch_add(struct emd_batch *batch, const struct emd_map *map, u32 slot, blk_opf_t opf,
		   u64 sector, unsigned int sectors, struct page **pages, blk_status_t *status);

/** emd_batch_wait() - wait for what was added since emd_batch_begin(). */
void emd_batch_wait(struct emd_batch *batch);

/** emd_slot_rw() - one I/O, waited for. */
blk_status_t emd_slot_rw(const struct emd_map *map, struct bio_set *bios, u32 slot, blk_opf_t opf,
			 u64 sector, unsigned int sectors, struct page **pages);

/** emd_slot_rw_part() - the same within one page, from @from sectors on. */
blk_status_t emd_slot_rw_part(const struct emd_map *map, struct bio_set *bios, u32 slot, blk_opf_t opf, u64 sector,
			      unsigned int sectors, struct page *page, unsigned int from);

#endif
