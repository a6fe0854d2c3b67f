// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes of a run, and how they are stopped while a page is mended.
 */
#include "mirror.h"

#include <linux/slab.h>

#include "narrow.h"

#define RESERVED_WRITES	16

/*
 * One copy of a write.
 * @sector:  of the device
 * @round:   not 0 if it is to replace bad blocks
 * @counts:  what reaches its member can be read from it
 * @fast:    an error is the member's end, and is to come at once
 * @refused: its member has not taken it and keeps a list of bad blocks
 * @late:    may be written after the answer, or has to wait for others: see mirror_behind.h
 */
struct mirror_copy {
	struct bio		bio;
	struct mirror_write	*write;
	struct mdk_member	*member;
	u64			sector;
	u32			round;
	bool			counts;
	bool			fast;
	bool			refused;
	bool			late;
};

/*
 * A run's write under way; one allocation.
 * @pending: bios under way, and one while they are being sent
 * @reached: a member that counts has taken it
 * @stale:   one that cannot be spared, the last, has not: what is read from now on may be the old
 * @narrows: a copy is to be written again in pieces, by @work, until nothing is bad that need not be
 * @refused: what a member said that did not take a discard or zeroes
 * @late:    of a write with copies that are late; else NULL
 */
struct mirror_write {
	struct emd_io		*io;
	struct mirror_conf	*conf;
	atomic_t		pending;
	bool			reached;
	bool			stale;
	bool			narrows;
	blk_status_t		refused;
	struct mirror_late	*late;
	struct bvec_iter	run;
	struct work_struct	work;
	u32			nr;
	struct mirror_copy	copy[];
};

int mirror_writes_init(struct mirror_conf *conf)
{
	u32 most = emd_map_replaces(conf->map) ? 2 * conf->copies : conf->copies;
	size_t size = struct_size((struct mirror_write *)NULL, copy, most);

	return mempool_init_kmalloc_pool(&conf->writes, RESERVED_WRITES, size);
}

/* -- stopping -------------------------------------------------------------------------------- */

static void writes_ended(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct mirror_array, writes)->stopped);
}

int mirror_array_init_writes(struct mirror_array *array)
{
	spin_lock_init(&array->lock);
	init_completion(&array->stopped);
	array->parked_end = &array->parked;
	return percpu_ref_init(&array->writes, writes_ended, PERCPU_REF_ALLOW_REINIT, GFP_KERNEL);
}

void mirror_stop_writes(struct mirror_array *array)
{
	reinit_completion(&array->stopped);
	percpu_ref_kill(&array->writes);
	wait_for_completion(&array->stopped);
}

void mirror_resume_writes(struct mirror_array *array)
{
	struct emd_io *io, *next;

	/* Under the lock, so that who finds writes stopped is parked before this looks. */
	spin_lock_irq(&array->lock);
	percpu_ref_reinit(&array->writes);
	io = array->parked;
	array->parked = NULL;
	array->parked_end = &array->parked;
	spin_unlock_irq(&array->lock);
	for (; io; io = next) {
		next = io->pers_private;
		io->pers_private = NULL;
		mirror_submit(io);
	}
}

bool mirror_write_enter(struct mirror_array *array, struct emd_io *io)
{
	unsigned long flags;
	bool live;

	if (likely(percpu_ref_tryget_live(&array->writes)))
		return true;
	spin_lock_irqsave(&array->lock, flags);
	live = percpu_ref_tryget_live(&array->writes);
	if (!live) {
		io->pers_private = NULL;
		*array->parked_end = io;
		array->parked_end = (struct emd_io **)&io->pers_private;
	}
	spin_unlock_irqrestore(&array->lock, flags);
	return live;
}

/* -- writing --------------------------------------------------------------------------------- */

static void write_end(struct mirror_write *write)
{
	struct mirror_conf *conf = write->conf;
	struct emd_io *io = write->io;
	blk_status_t status = BLK_STS_OK;
	bool answered = false;

	if (write->refused)
		status = write->refused;
	else if (!write->reached || write->stale)
		status = BLK_STS_IOERR;
	if (unlikely(write->late)) {
		answered = write->late->answered;
		mirror_late_end(conf, write->late);
	}
	mempool_free(write, &conf->writes);
	percpu_ref_put(&conf->array->writes);
	if (unlikely(answered))
		emd_io_end(io, status);	/* its bio is gone: the next flush says so */
	else
		mirror_run_end(io, status);
}

/* May its submitter have been told that it is written, or be told yet? */
static bool may_be_answered(const struct mirror_copy *copy)
{
	return copy->late && copy->write->late->data;
}

/* A member that is not written and not failed either: who was told otherwise must not read there what was before. Any context. */
static void copy_lost(struct mirror_copy *copy)
{
	if (MDU_MSTATE_LIVE(emd_member_state(copy->member))) {
		WRITE_ONCE(copy->write->stale, true);
		if (unlikely(may_be_answered(copy)))
			emd_member_lost_answered(copy->member, copy->sector,
						 copy->sector + (copy->write->run.bi_size >> SECTOR_SHIFT));
	}
	emd_member_put(copy->member);
}

/* Where the data of a copy is: the submitter has his own back once the write is answered. */
static struct bio *copy_source(const struct mirror_copy *copy, struct bvec_iter *from)
{
	const struct mirror_late *late = copy->write->late;

	if (unlikely(copy->late && late->data)) {
		*from = late->data->bi_iter;
		return late->data;
	}
	*from = copy->write->run;
	return copy->write->io->bio;
}

static int copy_narrow(struct mirror_copy *copy)
{
	struct bvec_iter from;
	struct bio *source = copy_source(copy, &from);

	return emd_narrow_write(copy->member, &copy->write->conf->windows, source, from, copy->sector);
}

/* All others have ended. */
static void write_narrow(struct work_struct *work)
{
	struct mirror_write *write = container_of(work, struct mirror_write, work);
	u32 i;

	for (i = 0; i < write->nr; i++) {
		struct mirror_copy *copy = &write->copy[i];

		if (!copy->refused)
			continue;
		if (copy_narrow(copy) < 0)
			copy_lost(copy);
		else
			emd_member_put(copy->member);
	}
	/* Also what has reached a copy may be bad there by now: of two writes to one place, one has to see what both have lost. */
	write->reached = mirror_reached(write->conf, write->run.bi_sector, write->run.bi_size >> SECTOR_SHIFT);
	write_end(write);
}

static void write_put(struct mirror_write *write)
{
	if (!atomic_dec_and_test(&write->pending))
		return;
	if (likely(!write->narrows)) {
		write_end(write);
		return;
	}
	INIT_WORK(&write->work, write_narrow);
	queue_work(emd_array_wq(write->conf->map->array, EMD_QUEUE_MEMBERS), &write->work);
}

/* Of a copy that is not late, or of who sends them: when all of them have ended well, a write behind is answered. */
static noinline void await_put(struct mirror_write *write)
{
	struct mirror_late *late = write->late;

	if (atomic_dec_and_test(&late->awaited) && late->data && READ_ONCE(late->reached) && !READ_ONCE(write->narrows) &&
	    !READ_ONCE(write->stale))
		late->answered = emd_io_answer(write->io);
}

/*
 * Return: true if nothing is bad there, not any more, or need not be good: a discard leaves what it likes. What it was sent to may
 * have been good then: two writes of the same place may be under way, and the other one has failed.
 */
static noinline bool copy_replaces(struct mirror_copy *copy)
{
	return bio_op(&copy->bio) == REQ_OP_DISCARD ||
	       emd_member_written(copy->member, copy->sector,
				  copy->sector + (copy->write->run.bi_size >> SECTOR_SHIFT), copy->round);
}

static void copy_error(struct mirror_copy *copy)
{
	emd_member_error(copy->write->conf->map->array, copy->member);
	copy_lost(copy);
}

static void copy_refused(struct mirror_copy *copy)
{
	copy->refused = true;
	WRITE_ONCE(copy->write->narrows, true);	/* the reference is write_narrow()'s */
}

/* What it has taken is still listed as bad, so nobody reads it: again. */
static noinline void copy_still_bad(struct mirror_copy *copy)
{
	if (bio_op(&copy->bio) != REQ_OP_WRITE) {
		WRITE_ONCE(copy->write->refused, BLK_STS_NOTSUPP);
		emd_member_put(copy->member);
	} else if (emd_member_replaces(copy->member)) {
		copy_error(copy);
	} else {
		copy_refused(copy);
	}
}

static noinline void copy_failed(struct mirror_copy *copy, blk_status_t status)
{
	struct mirror_write *write = copy->write;

	if (bio_op(&copy->bio) != REQ_OP_WRITE) {
		WRITE_ONCE(write->refused, status);
		emd_member_put(copy->member);
	} else if (copy->fast && emd_member_error_fast(write->conf->map->array, copy->member)) {
		copy_lost(copy);
	} else if (copy->fast || emd_member_keeps_bad(copy->member, status)) {
		copy_refused(copy);
	} else {
		copy_error(copy);
	}
}

static void copy_end_io(struct bio *bio)
{
	struct mirror_copy *copy = container_of(bio, struct mirror_copy, bio);
	struct mirror_write *write = copy->write;

	bio_uninit(bio);
	if (unlikely(bio->bi_status)) {
		copy_failed(copy, bio->bi_status);
	} else if (emd_member_has_bad(copy->member) && !copy_replaces(copy)) {
		copy_still_bad(copy);
	} else {
		if (copy->counts) {
			WRITE_ONCE(write->reached, true);
			if (unlikely(write->late) && !copy->late)
				WRITE_ONCE(write->late->reached, true);
		}
		emd_member_put(copy->member);
	}
	if (unlikely(write->late) && !copy->late)
		await_put(write);
	write_put(write);
}

/* The copy of @run that begins at member sector @sector of @slot. Return: 0, or -ENOMEM when it could not be prepared. */
static int copy_init(struct mirror_write *write, u32 slot, u64 sector, const struct bvec_iter *run, gfp_t gfp)
{
	struct emd_map *map = write->conf->map;
	struct mirror_copy *copy = &write->copy[write->nr];
	u32 sectors = run->bi_size >> SECTOR_SHIFT;
	struct mdk_member *member = emd_slot_get_writable(map, slot);
	struct bvec_iter from;
	int error;

	if (!member)
		return 0;
	copy->write = write;
	copy->late = unlikely(write->late) && mirror_late_slot(write->conf, write->late, slot);
	error = bio_init_clone(NULL, &copy->bio, copy_source(copy, &from), gfp);
	if (error) {
		emd_member_put(member);
		return error;
	}
	emd_member_bio(&copy->bio, member, write->io->bio);
	copy->member = member;
	copy->sector = map->slot[slot].offset + sector;
	copy->round = emd_member_write_round(member, copy->sector, copy->sector + sectors);
	copy->counts = slot < map->geo.raid_disks && sector + sectors <= READ_ONCE(member->filled);
	copy->refused = false;
	copy->fast = mirror_fast(member);
	if (unlikely(copy->fast))
		copy->bio.bi_opf |= MIRROR_FAST;
	copy->bio.bi_opf &= ~(REQ_NOWAIT | REQ_POLLED);
	copy->bio.bi_iter = from;
	copy->bio.bi_iter.bi_sector = copy->sector;
	copy->bio.bi_end_io = copy_end_io;
	write->nr++;
	return 0;
}

/* All copies, and those on replacements. */
static int copies_init(struct mirror_write *write, const struct bvec_iter *run, gfp_t gfp)
{
	struct emd_map *map = write->conf->map;
	struct emd_place place;
	int error = 0;
	u32 nth;

	for (nth = 0; nth < write->conf->copies && !error; nth++) {
		emd_geometry_copy(&map->geo, run->bi_sector, nth, &place);
		error = copy_init(write, place.slot, place.sector, run, gfp);
		if (!error && emd_map_replaces(map))
			error = copy_init(write, map->geo.raid_disks + place.slot, place.sector, run, gfp);
	}
	return error;
}

/* It has refused nothing, so nothing is tried again. */
static noinline void copy_unsent(struct mirror_copy *copy)
{
	struct mirror_write *write = copy->write;

	bio_uninit(&copy->bio);
	copy_lost(copy);
	write_put(write);
}

/* All late copies, whose turn has come; none is sent to who has failed meanwhile. */
static void send_late(struct mirror_write *write)
{
	u32 i;

	for (i = 0; i < write->nr; i++) {
		struct mirror_copy *copy = &write->copy[i];

		if (!copy->late)
			continue;
		if (MDU_MSTATE_LIVE(emd_member_state(copy->member)))
			emd_member_submit(copy->member, &copy->bio);
		else
			copy_unsent(copy);
	}
	write_put(write);
}

static void late_work(struct work_struct *work)
{
	send_late(container_of(work, struct mirror_late, work)->owner);
}

/* Those who would have got a late copy have failed: then it is a write like any other, and waits for nobody. Return: true if it is. */
static noinline bool lacks_late(struct mirror_write *write)
{
	u32 i;

	for (i = 0; i < write->nr; i++)
		if (write->copy[i].late)
			return false;
	mirror_late_end(write->conf, write->late);
	write->late = NULL;
	return true;
}

static noinline void send_in_order(struct mirror_write *write)
{
	struct mirror_late *late = write->late;
	u32 i;

	atomic_add(write->nr + 1, &write->pending);	/* and send_late() */
	for (i = 0; i < write->nr; i++)
		if (!write->copy[i].late)
			atomic_inc(&late->awaited);
	for (i = 0; i < write->nr; i++)
		if (!write->copy[i].late)
			emd_member_submit(write->copy[i].member, &write->copy[i].bio);
	if (mirror_late_go(write->conf, late))
		send_late(write);
	await_put(write);
	write_put(write);
}

static void write_undo(struct mirror_write *write)
{
	while (write->nr) {
		struct mirror_copy *copy = &write->copy[--write->nr];

		bio_uninit(&copy->bio);
		emd_member_put(copy->member);
	}
	if (unlikely(write->late))
		mirror_late_end(write->conf, write->late);
	mempool_free(write, &write->conf->writes);
}

/* Return: 0, or -ENOMEM. */
static noinline int write_late(struct mirror_write *write, gfp_t gfp)
{
	struct mirror_late *late = mirror_late_begin(write->conf, write->io, &write->run, gfp);

	if (IS_ERR(late))
		return PTR_ERR(late);
	write->late = late;
	if (!late)
		return 0;
	late->owner = write;
	INIT_WORK(&late->work, late_work);
	return 0;
}

static struct mirror_write *write_prepare(struct mirror_conf *conf, struct emd_io *io, const struct bvec_iter *run)
{
	gfp_t gfp = io->flags & EMD_IO_CAN_WAIT ? GFP_NOIO : GFP_NOWAIT | __GFP_NOWARN;
	struct mirror_write *write = mempool_alloc(&conf->writes, gfp);

	if (!write)
		return NULL;
	write->io = io;
	write->conf = conf;
	write->reached = false;
	write->stale = false;
	write->narrows = false;
	write->run = *run;
	write->refused = BLK_STS_OK;
	write->late = NULL;
	write->nr = 0;
	atomic_set(&write->pending, 1);
	if ((mirror_late_concerns(conf) && write_late(write, gfp)) || copies_init(write, run, gfp)) {
		write_undo(write);
		return NULL;
	}
	return write;
}

bool mirror_write(struct mirror_conf *conf, struct emd_io *io, const struct bvec_iter *run)
{
	struct mirror_write *write;
	u32 i;

	if (!mirror_write_enter(conf->array, io))
		return false;
	write = write_prepare(conf, io, run);
	if (!write) {
		percpu_ref_put(&conf->array->writes);
		emd_io_punt(io);
		return false;
	}
	mirror_run_begin(io);
	if (unlikely(write->late) && !lacks_late(write)) {
		send_in_order(write);
		return true;
	}
	atomic_add(write->nr, &write->pending);
	for (i = 0; i < write->nr; i++)
		emd_member_submit(write->copy[i].member, &write->copy[i].bio);
	write_put(write);
	return true;
}
