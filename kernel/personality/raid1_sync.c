// SPDX-License-Identifier: GPL-2.0-only
/*
 * A window of RAID1: copy (resync, recovery) or compare (check, repair).
 */
#include "raid1.h"

#include <linux/slab.h>

struct copies {
	struct emd_map *map;
	struct raid1_conf *conf;
	struct emd_window *w;
	unsigned int sectors;
	u32 slots;
	blk_status_t *status;	/* per slot: of the last I/O */
};

static bool readable(const struct copies *c, u32 slot)
{
	return emd_slot_readable(c->map, slot, c->w->begin, c->sectors);
}

static unsigned int page_sectors(const struct copies *c, unsigned int offset)
{
	return min_t(unsigned int, PAGE_SECTORS, c->sectors - offset);
}

static blk_status_t page_rw(struct copies *c, u32 slot, blk_opf_t opf, unsigned int offset,
			    u32 from)
{
	return emd_slot_rw(c->map, &c->conf->windows, slot, opf, c->w->begin + offset,
			   page_sectors(c, offset), &c->w->pages[from][offset / PAGE_SECTORS]);
}

static void slot_error(struct copies *c, u32 slot)
{
	struct mdk_member *member = emd_slot_get(c->map, slot);

	if (!member)
		return;
	emd_member_error(c->map->array, member);
	emd_member_put(member);
}

/*
 * @slot's page cannot be read: take it from another member, and write it back unless
 * @slot is only read from. Return: 0, or -EIO if nobody has it.
 */
static int mend_page(struct copies *c, u32 slot, unsigned int offset)
{
	u32 other;

	for (other = 0; other < c->slots; other++)
		if (other != slot && readable(c, other) &&
		    !emd_slot_rw(c->map, &c->conf->windows, other, REQ_OP_READ, c->w->begin + offset,
				 page_sectors(c, offset),
				 &c->w->pages[slot][offset / PAGE_SECTORS]))
			break;
	if (other == c->slots)
		return -EIO;
	if (page_rw(c, slot, REQ_OP_WRITE, offset, slot))
		slot_error(c, slot);
	return 0;
}

/* Reads @slot's window again, page by page. */
static int reread(struct copies *c, u32 slot)
{
	unsigned int offset;

	for (offset = 0; offset < c->sectors; offset += PAGE_SECTORS)
		if (page_rw(c, slot, REQ_OP_READ, offset, slot) && mend_page(c, slot, offset))
			return -EIO;
	return 0;
}

/* -- resync and recovery --------------------------------------------------------------------- */

static bool is_target(const struct copies *c, u32 slot, u32 source)
{
	if (slot == source || !emd_slot_writable(c->map, slot))
		return false;
	return c->w->action != EMD_SYNC_RECOVER || !readable(c, slot);
}

static int copy_window(struct copies *c)
{
	u32 slot, source = raid1_source(c->map, c->w->begin, c->sectors);
	struct emd_batch batch;
	int error = 0;

	if (source == EMD_NO_SLOT)
		return -EIO;
	if (emd_slot_rw(c->map, &c->conf->windows, source, REQ_OP_READ, c->w->begin, c->sectors,
			c->w->pages[source]) && reread(c, source))
		return -EIO;

	emd_batch_begin(&batch, &c->conf->windows);
	for (slot = 0; slot < c->slots; slot++)
		if (is_target(c, slot, source))
			emd_batch_add(&batch, c->map, slot, REQ_OP_WRITE, c->w->begin, c->sectors,
				      c->w->pages[source], &c->status[slot]);
	emd_batch_wait(&batch);
	for (slot = 0; slot < c->slots; slot++) {
		if (!c->status[slot])
			continue;
		slot_error(c, slot);
		error = -EIO;
	}
	return error;
}

/* -- check and repair ------------------------------------------------------------------------ */

static int read_all(struct copies *c)
{
	struct emd_batch batch;
	int error = 0;
	u32 slot;

	emd_batch_begin(&batch, &c->conf->windows);
	for (slot = 0; slot < c->slots; slot++)
		if (readable(c, slot))
			emd_batch_add(&batch, c->map, slot, REQ_OP_READ, c->w->begin, c->sectors,
				      c->w->pages[slot], &c->status[slot]);
	emd_batch_wait(&batch);
	for (slot = 0; slot < c->slots && !error; slot++)
		if (c->status[slot])
			error = reread(c, slot);
	return error;
}

static bool pages_differ(const struct copies *c, unsigned int offset, u32 a, u32 b)
{
	struct page ***pages = c->w->pages;
	unsigned int page = offset / PAGE_SECTORS;

	return memcmp(page_address(pages[a][page]), page_address(pages[b][page]),
		      page_sectors(c, offset) << SECTOR_SHIFT);
}

/* Compares all copies of a page with the first. */
static int compare_page(struct copies *c, unsigned int offset, u32 first)
{
	bool mismatch = false;
	int error = 0;
	u32 slot;

	for (slot = first + 1; slot < c->slots; slot++) {
		if (!readable(c, slot) || !pages_differ(c, offset, first, slot))
			continue;
		mismatch = true;
		if (c->w->action != EMD_SYNC_REPAIR || !page_rw(c, slot, REQ_OP_WRITE, offset, first))
			continue;
		slot_error(c, slot);
		error = -EIO;
	}
	if (mismatch)
		c->w->mismatches += page_sectors(c, offset);
	return error;
}

static int compare_window(struct copies *c)
{
	u32 first = 0;
	unsigned int offset;
	int error = read_all(c);

	while (first < c->slots && !readable(c, first))
		first++;
	for (offset = 0; !error && offset < c->sectors; offset += PAGE_SECTORS)
		error = compare_page(c, offset, first);
	return error;
}

int raid1_sync(struct emd_map *map, struct emd_window *w)
{
	struct raid1_conf *conf = map->private;
	struct copies c = {
		.map = map, .conf = conf, .w = w,
		.sectors = w->end - w->begin, .slots = map->geo.raid_disks,
	};
	int error;

	w->mismatches = 0;
	c.status = kcalloc(c.slots, sizeof(*c.status), GFP_NOIO);
	if (!c.status)
		return -ENOMEM;
	down_read(&conf->array->mending);
	if (w->action == EMD_SYNC_CHECK || w->action == EMD_SYNC_REPAIR)
		error = compare_window(&c);
	else
		error = copy_window(&c);
	up_read(&conf->array->mending);
	kfree(c.status);
	return error;
}
