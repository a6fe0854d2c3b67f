// SPDX-License-Identifier: GPL-2.0-only
/*
 * A window of copies: copy (resync, recovery) or compare (check, repair).
 *
 * Theory
 *
 * A window is a range of member sectors on all members. What lies there is a set of *pieces*: runs, or parts of them.
 * Resync, check and repair take those whose first copy lies in the window, wherever the others are; so they meet
 * each piece once. A recovery takes what lies in the window on a target, and reads it wherever else it is. Writes to all
 * these array sectors are locked out: the engine has asked the geometry which they are.
 *
 * Pieces are gathered until the window's memory is full, then read together, and written together. RAID1's
 * window is one piece.
 */
#include "mirror.h"
#include "../emd_xor.h"

#include <linux/blkdev.h>
#include <linux/slab.h>

/* @status: of the last I/O. @pages: where its data is or will be; NULL: it is only written. */
struct piece_copy {
	struct emd_place place;
	struct page **pages;
	blk_status_t status;
};

struct piece {
	u64 sector;
	unsigned int sectors;
	u32 source;		/* of a copy */
	struct piece_copy *copy;
};

/* Pieces under way, and how much memory of the window they have: up to page @page of member @row. */
struct batch_of_pieces {
	struct emd_map *map;
	struct mirror_conf *conf;
	struct emd_window *w;
	struct piece *piece;
	unsigned int nr, room;
	unsigned int row, page, pages_per_row;
};

static bool compares(const struct emd_window *w)
{
	return w->action == EMD_SYNC_CHECK || w->action == EMD_SYNC_REPAIR;
}

static bool readable(const struct batch_of_pieces *b, const struct piece *p, u32 copy)
{
	const struct emd_place *place = &p->copy[copy].place;

	return emd_slot_readable(b->map, place->slot, place->sector, p->sectors);
}

static bool in_window(const struct emd_window *w, const struct emd_place *place)
{
	return place->sector >= w->begin && place->sector < w->end;
}

static unsigned int page_sectors(const struct piece *p, unsigned int offset)
{
	return min_t(unsigned int, PAGE_SECTORS, p->sectors - offset);
}

static void copy_error(struct batch_of_pieces *b, const struct piece_copy *copy)
{
	struct mdk_member *member = emd_slot_get(b->map, copy->place.slot);

	if (!member)
		return;
	emd_member_error(b->map->array, member);
	emd_member_put(member);
}

/* One page of copy @copy, from or to the memory of copy @from. */
static blk_status_t page_rw(struct batch_of_pieces *b, struct piece *p, u32 copy, blk_opf_t opf, unsigned int offset,
			    u32 from)
{
	return mirror_rw(b->conf, copy, opf, p->sector + offset, page_sectors(p, offset),
			 &p->copy[from].pages[offset / PAGE_SECTORS]);
}

/* This page of @copy cannot be read: take it from another copy, and write it back. Return: 0, or -EIO if nobody has it. */
static int mend_page(struct batch_of_pieces *b, struct piece *p, u32 copy, unsigned int offset)
{
	u32 other;

	for (other = 0; other < b->conf->copies; other++)
		if (other != copy && readable(b, p, other) && !page_rw(b, p, other, REQ_OP_READ, offset, copy))
			break;
	if (other == b->conf->copies)
		return -EIO;
	if (page_rw(b, p, copy, REQ_OP_WRITE, offset, copy))
		copy_error(b, &p->copy[copy]);
	return 0;
}

/* Reads a copy again, page by page. */
static int reread(struct batch_of_pieces *b, struct piece *p, u32 copy)
{
	unsigned int offset;

	for (offset = 0; offset < p->sectors; offset += PAGE_SECTORS)
		if (page_rw(b, p, copy, REQ_OP_READ, offset, copy) && mend_page(b, p, copy, offset))
			return -EIO;
	return 0;
}

/* -- reading what is gathered -------------------------------------------------------------------- */

static int read_pieces(struct batch_of_pieces *b)
{
	struct emd_batch batch;
	struct blk_plug plug;
	unsigned int i;
	int error = 0;
	u32 copy;

	emd_batch_begin(&batch, &b->conf->windows);
	blk_start_plug(&plug);
	for (i = 0; i < b->nr; i++) {
		struct piece *p = &b->piece[i];

		for (copy = 0; copy < b->conf->copies; copy++) {
			struct piece_copy *c = &p->copy[copy];

			/* A source that has just gone answers with an error, and another copy is read. */
			if (c->pages && (!compares(b->w) || readable(b, p, copy)))
				emd_batch_add(&batch, b->map, c->place.slot, REQ_OP_READ, c->place.sector, p->sectors,
					      c->pages, &c->status);
		}
	}
	blk_finish_plug(&plug);
	emd_batch_wait(&batch);
	for (i = 0; i < b->nr; i++)
		for (copy = 0; copy < b->conf->copies && !error; copy++)
			if (b->piece[i].copy[copy].status)
				error = reread(b, &b->piece[i], copy);
	return error;
}

/* -- resync and recovery --------------------------------------------------------------------------- */

static bool is_target(const struct batch_of_pieces *b, const struct piece *p, u32 copy)
{
	const struct emd_place *place = &p->copy[copy].place;

	if (copy == p->source || !emd_slot_writable(b->map, place->slot))
		return false;
	return b->w->action != EMD_SYNC_RECOVER || (!readable(b, p, copy) && in_window(b->w, place));
}

static int copy_pieces(struct batch_of_pieces *b)
{
	struct emd_batch batch;
	struct blk_plug plug;
	unsigned int i;
	int error = read_pieces(b);
	u32 copy;

	if (error)
		return error;
	emd_batch_begin(&batch, &b->conf->windows);
	blk_start_plug(&plug);
	for (i = 0; i < b->nr; i++) {
		struct piece *p = &b->piece[i];

		p->copy[p->source].status = BLK_STS_OK;
		for (copy = 0; copy < b->conf->copies; copy++) {
			struct piece_copy *c = &p->copy[copy];

			if (is_target(b, p, copy))
				emd_batch_add(&batch, b->map, c->place.slot, REQ_OP_WRITE, c->place.sector, p->sectors,
					      p->copy[p->source].pages, &c->status);
		}
	}
	blk_finish_plug(&plug);
	emd_batch_wait(&batch);
	for (i = 0; i < b->nr; i++) {
		for (copy = 0; copy < b->conf->copies; copy++) {
			if (!b->piece[i].copy[copy].status)
				continue;
			copy_error(b, &b->piece[i].copy[copy]);
			error = -EIO;
		}
	}
	return error;
}

/* -- check and repair ------------------------------------------------------------------------------ */

static bool pages_differ(const struct piece *p, unsigned int offset, u32 a, u32 b)
{
	unsigned int page = offset / PAGE_SECTORS;

	return !emd_xor_same(page_address(p->copy[a].pages[page]), page_address(p->copy[b].pages[page]),
			     page_sectors(p, offset) << SECTOR_SHIFT);
}

/* Compares all copies of a page with the first. */
static int compare_page(struct batch_of_pieces *b, struct piece *p, unsigned int offset, u32 first)
{
	bool mismatch = false;
	int error = 0;
	u32 copy;

	for (copy = first + 1; copy < b->conf->copies; copy++) {
		if (!readable(b, p, copy) || !pages_differ(p, offset, first, copy))
			continue;
		mismatch = true;
		if (b->w->action != EMD_SYNC_REPAIR || !page_rw(b, p, copy, REQ_OP_WRITE, offset, first))
			continue;
		copy_error(b, &p->copy[copy]);
		error = -EIO;
	}
	if (mismatch)
		b->w->mismatches += page_sectors(p, offset);
	return error;
}

static int compare_pieces(struct batch_of_pieces *b)
{
	int error = read_pieces(b);
	unsigned int i, offset;

	for (i = 0; i < b->nr; i++) {
		struct piece *p = &b->piece[i];
		u32 first = 0;

		while (first < b->conf->copies && !readable(b, p, first))
			first++;
		for (offset = 0; !error && offset < p->sectors; offset += PAGE_SECTORS)
			error = compare_page(b, p, offset, first);
	}
	return error;
}

/* -- gathering --------------------------------------------------------------------------------------- */

static int do_pieces(struct batch_of_pieces *b)
{
	int error = compares(b->w) ? compare_pieces(b) : copy_pieces(b);

	b->nr = 0;
	b->row = 0;
	b->page = 0;
	return error;
}

static struct page **take_pages(struct batch_of_pieces *b, unsigned int nr)
{
	if (b->page + nr > b->pages_per_row) {
		b->row++;
		b->page = 0;
	}
	if (b->row >= b->map->geo.raid_disks)
		return NULL;
	b->page += nr;
	return &b->w->pages[b->row][b->page - nr];
}

/* Places and memory of all copies. Return: false if the memory does not suffice, -EIO if there is nothing to read. */
static int fill_piece(struct batch_of_pieces *b, struct piece *p)
{
	unsigned int nr = DIV_ROUND_UP(p->sectors, PAGE_SECTORS);
	u32 copy;

	for (copy = 0; copy < b->conf->copies; copy++) {
		struct piece_copy *c = &p->copy[copy];

		emd_geometry_copy(&b->map->geo, p->sector, copy, &c->place);
		c->status = BLK_STS_OK;
		c->pages = NULL;
	}
	p->source = mirror_source(b->conf, p->sector, p->sectors);
	if (!compares(b->w) && p->source == EMD_NO_SLOT)
		return -EIO;
	for (copy = 0; copy < b->conf->copies; copy++) {
		if (!compares(b->w) && copy != p->source)
			continue;
		p->copy[copy].pages = take_pages(b, nr);
		if (!p->copy[copy].pages)
			return -ENOSPC;
	}
	return 0;
}

static int add_piece(struct batch_of_pieces *b, const struct emd_owner *owner, unsigned int sectors)
{
	struct piece *p = &b->piece[b->nr];
	int error = -ENOSPC;

	if (b->nr < b->room) {
		p->sector = owner->sector;
		p->sectors = sectors;
		error = fill_piece(b, p);
	}
	if (!error)
		b->nr++;
	return error;
}

/* Is what @owner says to be dealt with here, on slot @slot in the window? */
static bool wanted(const struct batch_of_pieces *b, const struct emd_owner *owner, unsigned int sectors)
{
	const struct emd_map *map = b->map;
	struct emd_place place;
	u32 copy;

	if (b->w->action != EMD_SYNC_RECOVER)
		return !owner->copy;
	/* By the first of its targets in the window. */
	for (copy = 0; copy <= owner->copy; copy++) {
		emd_geometry_copy(&map->geo, owner->sector, copy, &place);
		if (emd_slot_writable(map, place.slot) && in_window(b->w, &place) &&
		    !emd_slot_readable(map, place.slot, place.sector, sectors))
			return copy == owner->copy;
	}
	return false;
}

static int gather_slot(struct batch_of_pieces *b, u32 slot)
{
	u64 sector = b->w->begin;
	int error = 0;

	while (!error && sector < b->w->end) {
		struct emd_owner owner;
		bool used = emd_geometry_owner(&b->map->geo, slot, sector, &owner);
		unsigned int sectors = min(owner.len, b->w->end - sector);

		sector += sectors;
		if (!used || !wanted(b, &owner, sectors))
			continue;
		error = add_piece(b, &owner, sectors);
		if (error == -ENOSPC)
			error = do_pieces(b) ?: add_piece(b, &owner, sectors);
	}
	return error;
}

static int sync_pieces(struct batch_of_pieces *b)
{
	int error = 0;
	u32 slot;

	down_read(&b->conf->array->mending);
	for (slot = 0; slot < b->map->geo.raid_disks && !error; slot++)
		error = gather_slot(b, slot);
	if (!error && b->nr)
		error = do_pieces(b);
	up_read(&b->conf->array->mending);
	return error;
}

/* As many pieces as all members have in a window: there are never more at once. */
static int pieces_alloc(struct batch_of_pieces *b)
{
	u32 chunk = b->map->geo.chunk_sectors;
	u64 sectors = b->w->end - b->w->begin;
	struct piece_copy *copy;
	unsigned int i;

	b->room = chunk ? DIV_ROUND_UP(sectors, min_t(u64, chunk, sectors)) * b->map->geo.raid_disks : 1;
	b->piece = kvmalloc_array(b->room, sizeof(struct piece) + b->conf->copies * sizeof(*copy), GFP_NOIO);
	if (!b->piece)
		return -ENOMEM;
	copy = (struct piece_copy *)(b->piece + b->room);
	for (i = 0; i < b->room; i++)
		b->piece[i].copy = copy + i * b->conf->copies;
	return 0;
}

int mirror_sync(struct emd_map *map, struct emd_window *w)
{
	struct batch_of_pieces b = {
		.map = map, .conf = map->private, .w = w,
		.pages_per_row = DIV_ROUND_UP(w->end - w->begin, PAGE_SECTORS),
	};
	int error = pieces_alloc(&b);

	w->mismatches = 0;
	if (error)
		return error;
	error = sync_pieces(&b);
	kvfree(b.piece);
	return error;
}
