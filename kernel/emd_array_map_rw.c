// SPDX-License-Identifier: GPL-2.0-only
/* Synchronous reads and writes of array sectors through a map, for the movers. */
#include "emd_array.h"
#include "emd_io.h"
#include "emd_personality.h"

/*
 * One bio for all of it, however large: personalities cut it, and the larger it is the more full rows it
 * has. The caller's vectors are its table, so nothing is allocated here.
 */
struct map_rw {
	struct emd_io		io;
	struct bio		bio;
	struct completion	woken;
	blk_status_t		status;
	bool			again;
};

static void rw_done(struct emd_io *io, blk_status_t status)
{
	struct map_rw *rw = container_of(io, struct map_rw, io);

	rw->status = status;
	complete(&rw->woken);
}

/* The waiting mover is the worker that the personality asks for. */
static void rw_punt(struct emd_io *io)
{
	struct map_rw *rw = container_of(io, struct map_rw, io);

	rw->again = true;
	complete(&rw->woken);
}

int emd_map_rw(struct emd_map *map, blk_opf_t op, sector_t sector, unsigned int sectors,
	       struct bio_vec *vecs)
{
	struct map_rw rw = {
		.io = {
			.map = map,
			.bio = &rw.bio,
			.flags = EMD_IO_STABLE | EMD_IO_MOVER | EMD_IO_CAN_WAIT,
			.done = rw_done,
			.punt = rw_punt,
		},
	};
	unsigned int nr = DIV_ROUND_UP(sectors, PAGE_SECTORS);

	init_completion(&rw.woken);
	bio_init(&rw.bio, map->array->disk->part0, vecs, nr, op);
	rw.bio.bi_vcnt = nr;
	rw.bio.bi_iter.bi_sector = sector;
	rw.bio.bi_iter.bi_size = sectors << SECTOR_SHIFT;
	do {
		rw.again = false;
		map->pers->submit(&rw.io);
		wait_for_completion_io(&rw.woken);
	} while (rw.again);
	bio_uninit(&rw.bio);
	return blk_status_to_errno(rw.status);
}
