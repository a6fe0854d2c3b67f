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
 *
 * A replacement that keeps a list of bad blocks has in it what is lost: what neither the other members give nor the member itself. Of a
 * page that the others do not give as a whole it gets what the member has of it, block by block: nothing may be missing there that
 * is not missing now. Without a list the pass ends.
 */
#include <linux/slab.h>

#include "emd_personality.h"
#include "emd_sync.h"
#include "personality/narrow.h"
#include "personality/window_io.h"

/**
 * struct emd_replace - of a pass
 * @bios:   of the copies
 * @slots:  how many slots the geometry has
 * @others: by slot that has a replacement: the map with that one in place
 */
struct emd_replace {
	struct bio_set bios;
	u32 slots;
	struct emd_map *others[];
};

static u32 replacement(const struct emd_map *map, u32 slot)
{
	return map->geo.raid_disks + slot;
}

static int build_others(struct emd_sync *s, struct emd_replace *r)
{
	const struct emd_map *published = rcu_dereference_protected(s->array->map, lockdep_is_held(&s->array->config_mutex));
	struct emd_map *map;
	u32 i;

	for (i = 0; i < r->slots; i++) {
		if (!published->slot[replacement(published, i)].member)
			continue;
		map = emd_map_build_replaced(s->array, i);
		if (IS_ERR(map))
			return PTR_ERR(map);
		r->others[i] = map;
	}
	return 0;
}

int emd_replace_begin(struct emd_sync *s)
{
	u32 slots = s->array->geo.raid_disks;
	struct emd_replace *r = kzalloc(struct_size(r, others, slots), GFP_KERNEL);

	if (!r)
		return -ENOMEM;
	r->slots = slots;
	if (emd_batch_bios_init(&r->bios)) {
		kfree(r);
		return -ENOMEM;
	}
	s->replace = r;
	if (build_others(s, r)) {
		emd_replace_end(s);
		return -ENOMEM;
	}
	return 0;
}

void emd_replace_end(struct emd_sync *s)
{
	struct emd_replace *r = s->replace;
	u32 i;

	if (!r)
		return;
	s->replace = NULL;
	for (i = 0; i < r->slots; i++)
		if (r->others[i])
			emd_map_retire(r->others[i]);
	bioset_exit(&r->bios);
	kfree(r);
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
static int make_page(struct emd_replace *r, u32 slot, const struct emd_window *w, u64 sector, unsigned int sectors)
{
	struct emd_window page = {
		.begin = sector, .end = sector + sectors, .action = EMD_SYNC_RECOVER,
		.pages = w->pages, .run = w->run,
	};
	struct emd_map *map = r->others[slot];

	if (!map)
		return -EAGAIN;		/* it came on the way: the next pass has it */
	if (emd_geometry_parity_disks(&map->geo) && !emd_map_agrees(map, page.end))
		return -EIO;
	return map->pers->sync(map, &page);
}

/* Does its list say that it has not got what is to be there? */
static bool lacks(const struct emd_map *map, u32 to, u64 sector, unsigned int sectors)
{
	const struct emd_slot *slot = &map->slot[to];
	u64 begin = slot->offset + sector, end = begin + sectors;

	return slot->member && emd_member_first_bad(slot->member, begin, end) < end;
}

/* What the others do not give of a page, the member may: it need not be bad in the same places. */
static int copy_by_blocks(struct emd_replace *r, struct emd_map *map, u32 slot, const struct emd_window *w, u64 sector,
			  unsigned int sectors)
{
	unsigned int block = max(emd_map_block_sectors(map), emd_map_block_sectors(r->others[slot]));
	u64 end = sector + sectors;
	int error = 0;

	for (; sector < end && !error; sector += block)
		if (lacks(map, replacement(map, slot), sector, block) &&
		    read_copy(r, map, slot, sector, block, w->pages[slot]))
			error = write_copy(r, map, slot, sector, block, w->pages[slot]);
	return error;
}

static int replace_page(struct emd_replace *r, struct emd_map *map, u32 slot, const struct emd_window *w, u64 sector,
			unsigned int sectors)
{
	u32 to = replacement(map, slot);
	int error;

	if (read_copy(r, map, slot, sector, sectors, w->pages[slot]))
		return write_copy(r, map, slot, sector, sectors, w->pages[slot]);
	error = make_page(r, slot, w, sector, sectors);
	if (error == -EIO && emd_slot_bad(map, to, sector, sectors))
		error = 0;
	if (!error && lacks(map, to, sector, sectors))
		error = copy_by_blocks(r, map, slot, w, sector, sectors);
	return error;
}

static int copy_by_pages(struct emd_replace *r, struct emd_map *map, u32 slot, const struct emd_window *w)
{
	unsigned int some;
	u64 sector;
	int error = 0;

	for (sector = w->begin; sector < w->end && !error; sector += some) {
		some = min_t(u64, w->end - sector, PAGE_SECTORS);
		error = replace_page(r, map, slot, w, sector, some);
	}
	return error;
}

int emd_replace_window(struct emd_sync *s, struct emd_map *map, struct emd_window *w)
{
	struct emd_replace *r = s->replace;
	unsigned int sectors = w->end - w->begin;
	int error = 0;
	u32 slot;

	if (!r)
		return -EAGAIN;		/* as in make_page() */
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
