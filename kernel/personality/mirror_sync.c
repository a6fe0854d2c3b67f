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
 * What a copy cannot be read of, known as bad or found out to be, is taken from another one and written back: page by page,
 * and block by block where no copy has the page. A block that no copy has is *lost*. Where lists of bad blocks are kept, that
 * is what the targets of a recovery are told to have there, and all copies after a resync; it is neither compared nor copied.
 * Without lists it ends the pass.
 *
 * Pieces are gathered until the window's memory is full, then read together, and written together. RAID1's
 * window is one piece.
 */
#include "mirror.h"
#include "../emd_xor.h"

#include <linux/bitmap.h>
#include <linux/blkdev.h>
#include <linux/slab.h>

#include "narrow.h"

/* @status: of the last I/O. @pages: where its data is or will be; NULL: it is only written. */
struct piece_copy {
	struct emd_place place;
	struct page **pages;
	blk_status_t status;
};

/* @source: of a copy. @lost: sectors that nobody has; @loses: there are some. */
struct piece {
	u64 sector;
	unsigned int sectors;
	u32 source;
	bool loses;
	DECLARE_BITMAP(lost, EMD_WINDOW_SECTORS);
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

/* Is it there, as far as its disk has no bad blocks? */
static bool readable(const struct batch_of_pieces *b, const struct piece *p, u32 copy)
{
	const struct emd_place *place = &p->copy[copy].place;

	return emd_slot_filled(b->map, place->slot, place->sector, p->sectors);
}

static bool has_bad(const struct batch_of_pieces *b, const struct piece *p, u32 copy, unsigned int offset,
		    unsigned int sectors)
{
	const struct emd_place *place = &p->copy[copy].place;

	return !emd_slot_readable(b->map, place->slot, place->sector + offset, sectors);
}

/* Is anything of it lost? */
static bool loses(const struct piece *p, unsigned int offset, unsigned int sectors)
{
	return p->loses && find_next_bit(p->lost, offset + sectors, offset) < offset + sectors;
}

static bool in_window(const struct emd_window *w, const struct emd_place *place)
{
	return place->sector >= w->begin && place->sector < w->end;
}

static unsigned int page_sectors(const struct piece *p, unsigned int offset)
{
	return min_t(unsigned int, PAGE_SECTORS, p->sectors - offset);
}

/* A part of a page of copy @copy, from or to the memory of copy @from. */
static blk_status_t part_rw(struct batch_of_pieces *b, struct piece *p, u32 copy, blk_opf_t opf, unsigned int offset,
			    unsigned int sectors, u32 from)
{
	const struct emd_place *place = &p->copy[copy].place;

	return emd_slot_rw_part(b->map, &b->conf->windows, place->slot, opf, place->sector + offset, sectors,
				p->copy[from].pages[offset / PAGE_SECTORS], offset % PAGE_SECTORS);
}

/* A write of it has failed. Return: 0 if that is recorded or it is written after all, or -EIO. */
static int part_refused(struct batch_of_pieces *b, struct piece *p, u32 copy, unsigned int offset, unsigned int sectors,
			u32 from, blk_status_t status)
{
	const struct emd_place *place = &p->copy[copy].place;

	return emd_slot_refused(b->map, &b->conf->windows, place->slot, place->sector + offset, sectors,
				&p->copy[from].pages[offset / PAGE_SECTORS], offset % PAGE_SECTORS, status) ? 0 : -EIO;
}

static int write_part(struct batch_of_pieces *b, struct piece *p, u32 copy, unsigned int offset, unsigned int sectors,
		      u32 from)
{
	blk_status_t status = part_rw(b, p, copy, REQ_OP_WRITE, offset, sectors, from);

	return status ? part_refused(b, p, copy, offset, sectors, from, status) : 0;
}

static bool read_part(struct batch_of_pieces *b, struct piece *p, u32 copy, unsigned int offset, unsigned int sectors,
		      u32 into)
{
	return readable(b, p, copy) && !has_bad(b, p, copy, offset, sectors) &&
	       !part_rw(b, p, copy, REQ_OP_READ, offset, sectors, into);
}

static bool is_target(const struct batch_of_pieces *b, const struct piece *p, u32 copy)
{
	const struct emd_place *place = &p->copy[copy].place;

	if (copy == p->source || !emd_slot_writable(b->map, place->slot))
		return false;
	return b->w->action != EMD_SYNC_RECOVER || (!readable(b, p, copy) && in_window(b->w, place));
}

/* Nobody has this. Return: 0 if there are lists to say so, or -EIO. */
static int lose_part(struct batch_of_pieces *b, struct piece *p, unsigned int offset, unsigned int sectors)
{
	bool recorded = true;
	u32 copy;

	for (copy = 0; copy < b->conf->copies; copy++) {
		const struct emd_place *place = &p->copy[copy].place;

		if (compares(b->w))
			recorded &= !readable(b, p, copy) || emd_slot_keeps_bad(b->map, place->slot);
		else if (is_target(b, p, copy) || (copy == p->source && b->w->action == EMD_SYNC_RESYNC))
			recorded &= emd_slot_bad(b->map, place->slot, place->sector + offset, sectors);
	}
	if (!recorded)
		return -EIO;
	bitmap_set(p->lost, offset, sectors);
	p->loses = true;
	return 0;
}

/* From another copy, into the memory of @copy. Those that are marked so are the last to be read: see mirror_source(). */
static bool read_other(struct batch_of_pieces *b, struct piece *p, u32 copy, bool write_mostly, unsigned int offset,
		       unsigned int sectors)
{
	u32 other;

	for (other = 0; other < b->conf->copies; other++)
		if (other != copy && b->map->slot[p->copy[other].place.slot].write_mostly == write_mostly &&
		    read_part(b, p, other, offset, sectors, copy))
			return true;
	return false;
}

/* @copy cannot be read here: take it from another copy, and write it back. Return: false if none has it. */
static bool mend_part(struct batch_of_pieces *b, struct piece *p, u32 copy, unsigned int offset, unsigned int sectors)
{
	if (!read_other(b, p, copy, false, offset, sectors) && !read_other(b, p, copy, true, offset, sectors))
		return false;
	write_part(b, p, copy, offset, sectors, copy);
	return true;
}

/* A page of @copy that no copy has as a whole. */
static int reread_blocks(struct batch_of_pieces *b, struct piece *p, u32 copy, unsigned int offset, unsigned int sectors)
{
	unsigned int end = offset + sectors, block = emd_map_block_sectors(b->map);
	int error = 0;

	for (; offset < end && !error; offset += block)
		if (!loses(p, offset, block) && !read_part(b, p, copy, offset, block, copy) &&
		    !mend_part(b, p, copy, offset, block))
			error = lose_part(b, p, offset, block);
	return error;
}

/* Reads a copy again, page by page. */
static int reread(struct batch_of_pieces *b, struct piece *p, u32 copy)
{
	unsigned int offset, sectors;
	int error = 0;

	for (offset = 0; !error && offset < p->sectors; offset += sectors) {
		sectors = page_sectors(p, offset);
		if (!read_part(b, p, copy, offset, sectors, copy) && !mend_part(b, p, copy, offset, sectors))
			error = reread_blocks(b, p, copy, offset, sectors);
	}
	return error;
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

			if (!c->pages || (compares(b->w) && !readable(b, p, copy)))
				continue;
			/* A source that has just gone answers with an error, too, and another copy is read. */
			if (has_bad(b, p, copy, 0, p->sectors))
				c->status = BLK_STS_MEDIUM;
			else
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

static void write_copy(struct batch_of_pieces *b, struct emd_batch *batch, struct piece *p, u32 copy)
{
	struct piece_copy *c = &p->copy[copy];
	unsigned int offset, some;

	for (offset = 0; offset < p->sectors; offset += some) {
		some = p->loses ? page_sectors(p, offset) : p->sectors;
		if (!loses(p, offset, some))
			emd_batch_add(batch, b->map, c->place.slot, REQ_OP_WRITE, c->place.sector + offset, some,
				      &p->copy[p->source].pages[offset / PAGE_SECTORS], &c->status);
	}
}

/* What is not lost of a page that loses blocks. */
static int write_rest(struct batch_of_pieces *b, struct piece *p, u32 copy, unsigned int offset)
{
	unsigned int end = offset + page_sectors(p, offset), block = emd_map_block_sectors(b->map);
	int error = 0;

	for (; offset < end && !error; offset += block)
		if (!loses(p, offset, block))
			error = write_part(b, p, copy, offset, block, p->source);
	return error;
}

/* After the batch: pages that lose blocks, and all that has not been written. Return: 0, or -EIO if the target has gone. */
static int copy_ended(struct batch_of_pieces *b, struct piece *p, u32 copy)
{
	blk_status_t status = p->copy[copy].status;
	unsigned int offset;
	int error = 0;

	for (offset = 0; (status || p->loses) && !error && offset < p->sectors; offset += PAGE_SECTORS) {
		if (loses(p, offset, page_sectors(p, offset)))
			error = write_rest(b, p, copy, offset);
		else if (status)
			error = part_refused(b, p, copy, offset, page_sectors(p, offset), p->source, status);
	}
	return error;
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
		for (copy = 0; copy < b->conf->copies; copy++)
			if (is_target(b, p, copy))
				write_copy(b, &batch, p, copy);
	}
	blk_finish_plug(&plug);
	emd_batch_wait(&batch);
	for (i = 0; i < b->nr; i++)
		for (copy = 0; copy < b->conf->copies; copy++)
			if (is_target(b, &b->piece[i], copy) && copy_ended(b, &b->piece[i], copy))
				error = -EIO;
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
		if (b->w->action == EMD_SYNC_REPAIR && write_part(b, p, copy, offset, page_sectors(p, offset), first))
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
			if (!loses(p, offset, page_sectors(p, offset)))
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
	p->loses = false;
	bitmap_zero(p->lost, EMD_WINDOW_SECTORS);
	p->source = mirror_source(b->conf, p->sector, p->sectors, true);
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
		    !emd_slot_filled(map, place.slot, place.sector, sectors))
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
