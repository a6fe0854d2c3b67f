// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recovery of replacements: a member's window is copied as it is.
 *
 * Theory
 *
 * What stands on a member is the same for every level, so no personality takes part as long as the member can be read. Only a
 * page that cannot is a matter of the level: its own recovery makes it from the other members, under a map in which
 * the replacement has the place of the one that it replaces. That map serves nobody else, and names no member that the published one
 * does not; so it needs to know of no failure.
 *
 * Parity that no resync has made right would make something else of such a page. It is not asked then.
 */
#include <linux/slab.h>

#include "emd_personality.h"
#include "emd_sync.h"
#include "personality/narrow.h"
#include "personality/window_io.h"

/**
 * struct emd_replace - of a pass
 * @others: the map with the replacements in place
 * @bios:   of the copies
 */
struct emd_replace {
	struct emd_map *others;
	struct bio_set bios;
};

int emd_replace_begin(struct emd_sync *s)
{
	struct emd_replace *r = kzalloc(sizeof(*r), GFP_KERNEL);

	if (!r)
		return -ENOMEM;
	if (emd_batch_bios_init(&r->bios))
		goto free;
	r->others = emd_map_build_replaced(s->array);
	if (IS_ERR(r->others))
		goto exit;
	s->replace = r;
	return 0;
exit:
	bioset_exit(&r->bios);
free:
	kfree(r);
	return -ENOMEM;
}

void emd_replace_end(struct emd_sync *s)
{
	struct emd_replace *r = s->replace;

	if (!r)
		return;
	s->replace = NULL;
	emd_map_retire(r->others);
	bioset_exit(&r->bios);
	kfree(r);
}

static u32 replacement(const struct emd_map *map, u32 slot)
{
	return map->geo.raid_disks + slot;
}

static int write_copy(struct emd_replace *r, struct emd_map *map, u32 slot, u64 sector, unsigned int sectors,
		      struct page **pages)
{
	u32 to = replacement(map, slot);
	blk_status_t status = emd_slot_rw(map, &r->bios, to, REQ_OP_WRITE, sector, sectors, pages);

	return status && !emd_slot_refused(map, &r->bios, to, sector, sectors, pages, 0, status) ? -EIO : 0;
}

static bool read_copy(struct emd_replace *r, struct emd_map *map, u32 slot, u64 sector, unsigned int sectors,
		      struct page **pages)
{
	return emd_slot_readable(map, slot, sector, sectors) &&
	       !emd_slot_rw(map, &r->bios, slot, REQ_OP_READ, sector, sectors, pages);
}

/* A page that the member does not give. */
static int make_page(struct emd_replace *r, const struct emd_window *w, u64 sector, unsigned int sectors)
{
	struct emd_window page = {
		.begin = sector, .end = sector + sectors, .action = EMD_SYNC_RECOVER, .pages = w->pages,
	};
	struct emd_map *map = r->others;

	if (emd_geometry_parity_disks(&map->geo) && !emd_map_agrees(map, page.end))
		return -EIO;
	return map->pers->sync(map, &page);
}

static int copy_by_pages(struct emd_replace *r, struct emd_map *map, u32 slot, const struct emd_window *w)
{
	struct page **pages = w->pages[slot];
	unsigned int some;
	u64 sector;
	int error = 0;

	for (sector = w->begin; sector < w->end && !error; sector += some) {
		some = min_t(u64, w->end - sector, PAGE_SECTORS);
		if (read_copy(r, map, slot, sector, some, pages))
			error = write_copy(r, map, slot, sector, some, pages);
		else
			error = make_page(r, w, sector, some);
	}
	return error;
}

int emd_replace_window(struct emd_sync *s, struct emd_map *map, struct emd_window *w)
{
	struct emd_replace *r = s->replace;
	unsigned int sectors = w->end - w->begin;
	int error = 0;
	u32 slot;

	for (slot = 0; slot < map->geo.raid_disks && !error; slot++) {
		u32 to = replacement(map, slot);

		if (!emd_slot_writable(map, to) || emd_slot_filled(map, to, w->begin, sectors))
			continue;
		if (read_copy(r, map, slot, w->begin, sectors, w->pages[slot]))
			error = write_copy(r, map, slot, w->begin, sectors, w->pages[slot]);
		else
			error = copy_by_pages(r, map, slot, w);
	}
	return error;
}
