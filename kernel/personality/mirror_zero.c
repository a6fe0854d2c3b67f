// SPDX-License-Identifier: GPL-2.0-only
/*
 * WRITE_ZEROES that some member did not take after all.
 *
 * Theory
 *
 * What members say of themselves is not always true when it comes to it. Then some copies are zeroes and others are
 * not, and no error would tell which. So nobody is failed for it: the request is handed to a worker, and all
 * copies are written with zeroes as with any data.
 */
#include "mirror.h"
#include "narrow.h"

#define ZERO_PAGES	32	/* written at a time */

/*
 * What begins at member sector @at of @slot. Return: false if it was to have zeroes, has not, not even in parts, and
 * cannot be spared.
 */
static bool zero_copy(struct mirror_conf *conf, u32 slot, blk_opf_t opf, u64 at, unsigned int sectors,
		      struct page **pages)
{
	struct emd_map *map = conf->map;
	struct mdk_member *member = emd_slot_get_writable(map, slot);
	blk_status_t status;
	bool spared = true;

	if (!member)
		return true;
	status = emd_slot_rw(map, &conf->windows, slot, opf, at, sectors, pages);
	if (status && !emd_slot_refused(map, &conf->windows, slot, at, sectors, pages, 0, status))
		spared = !MDU_MSTATE_LIVE(emd_member_state(member));
	emd_member_put(member);
	return spared;
}

static bool zero_all(struct mirror_conf *conf, blk_opf_t opf, u64 sector, unsigned int sectors, struct page **pages)
{
	const struct emd_map *map = conf->map;
	struct emd_place place;
	u32 copy, slot;

	for (copy = 0; copy < conf->copies; copy++) {
		emd_geometry_copy(&map->geo, sector, copy, &place);
		/* And on its replacement. */
		for (slot = place.slot; slot < map->slots; slot += map->geo.raid_disks)
			if (!zero_copy(conf, slot, opf, place.sector, sectors, pages))
				return false;
	}
	return mirror_reached(conf, sector, sectors);
}

void mirror_zero(struct mirror_conf *conf, struct emd_io *io)
{
	blk_opf_t opf = REQ_OP_WRITE | (io->bio->bi_opf & (REQ_FUA | REQ_SYNC));
	u64 sector = io->bio->bi_iter.bi_sector, end = bio_end_sector(io->bio);
	struct page *pages[ZERO_PAGES];
	unsigned int i, some;
	bool reached = true;

	if (!mirror_write_enter(conf->array, io))
		return;
	mirror_behind_drain(&conf->array->behind);
	for (i = 0; i < ZERO_PAGES; i++)
		pages[i] = ZERO_PAGE(0);
	for (; reached && sector < end; sector += some) {
		some = min_t(u64, end - sector, ZERO_PAGES * PAGE_SECTORS);
		some = mirror_run_sectors(conf, sector, some);
		reached = zero_all(conf, opf, sector, some, pages);
	}
	percpu_ref_put(&conf->array->writes);
	emd_io_end(io, reached ? BLK_STS_OK : BLK_STS_IOERR);
}
