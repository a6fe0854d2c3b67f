// SPDX-License-Identifier: GPL-2.0-only
/*
 * The partial parity log: from operations to units.
 */
#include "log.h"

/* -- the unit in the making --------------------------------------------------------------------- */

/*
 * struct making - what a unit has so far
 * @bytes: partial parity in each buffer; @buffer is the one that is being filled
 * @room:  for partial parity, in bytes
 */
struct making {
	struct r5_log_slot	*slot;
	u32			entries;
	unsigned int		bytes[R5_LOG_BUFFERS];
	unsigned int		buffer;
	unsigned int		room;
};

static bool op_is_whole_row(const struct r5_op *op)
{
	return op->piece.first == 0 && op->piece.last == op->conf->data;
}

static unsigned int partial_bytes(const struct r5_op *op)
{
	return op_is_whole_row(op) ? 0 : r5_op_bytes(op);
}

/* The new parity without the new data is what the write leaves alone, however it was planned. */
static void partial_parity(struct r5_op *op, void *to)
{
	struct r5_sum sum = r5_sum_begin(to, r5_op_bytes(op), true);
	u32 i;

	r5_sum_add(&sum, op->column[op->conf->data].data);
	for (i = op->piece.first; i < op->piece.last; i++)
		r5_sum_add(&sum, op->column[i].data);
	r5_sum_end(&sum);
}

/* Return: where @bytes more go, or NULL if they do not fit. */
static void *making_room(struct making *m, unsigned int bytes)
{
	if (m->bytes[m->buffer] + bytes > R5_LOG_BUFFER_BYTES) {
		if (m->buffer + 1 == R5_LOG_BUFFERS)
			return NULL;
		m->buffer++;
	}
	return m->slot->buffer[m->buffer] + m->bytes[m->buffer];
}

/* Of an operation that began when another member had the slot: this one holds nothing of its row, and its own is on its way out. */
static bool is_for_another(const struct making *m, const struct r5_op *op)
{
	return op->conf->map->slot[m->slot->index].member != m->slot->writes;
}

/* Return: false if there is no room for it. */
static bool making_add(struct making *m, struct r5_op *op)
{
	struct r5_log_entry *entry = &m->slot->header->entry[m->entries];
	const struct emd_geometry *geo = &op->conf->map->geo;
	unsigned int bytes = partial_bytes(op);
	u64 sector = op->piece.row * op->conf->row_sectors + (u64)op->piece.first * geo->chunk_sectors + op->piece.lo;
	void *to = NULL;

	if (is_for_another(m, op))
		return true;
	if (m->entries == R5_LOG_ENTRIES || bytes > m->room)
		return false;
	if (bytes) {
		to = making_room(m, bytes);
		if (!to)
			return false;
		partial_parity(op, to);
		m->bytes[m->buffer] += bytes;
		m->room -= bytes;
	}
	entry->sector = cpu_to_le64(sector >> m->slot->log->unit_shift);
	entry->parity_bytes = cpu_to_le32(bytes);
	entry->data_bytes = cpu_to_le32(r5_op_bytes(op) * (op->piece.last - op->piece.first));
	entry->parity_slot = cpu_to_le32(m->slot->index);
	entry->checksum = cpu_to_le32(bytes ? r5_log_crc(to, bytes) : 0);
	m->entries++;
	return true;
}

/* -- a slot from phase to phase ------------------------------------------------------------------- */

/* log->lock held, so that who kicks a slot does not need the log any more behind the lock: his operation may have ended by then. */
static void slot_kick(struct r5_log_slot *s)
{
	queue_work(emd_array_wq(s->log->array, EMD_QUEUE_RUN), &s->work);
}

static void kick_all(struct r5_log *log)
{
	u32 i;

	for (i = 0; i < log->slots; i++)
		slot_kick(&log->slot[i]);
}

static void slot_reached(struct r5_log_slot *s, enum r5_log_phase phase)
{
	struct r5_log *log = s->log;
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	s->phase = phase;
	slot_kick(s);
	spin_unlock_irqrestore(&log->lock, flags);
}

/* A member that stays although it has not done what it was to do. */
static void member_refused(struct r5_log_slot *s, struct mdk_member *m)
{
	emd_member_error(s->log->array, m);
	if (MDU_MSTATE_LIVE(emd_member_state(m)))
		WRITE_ONCE(s->failed, true);
}

static void flush_put(struct r5_log_slot *s)
{
	if (atomic_dec_and_test(&s->left))
		slot_reached(s, R5_LOG_FLUSHED);
}

static void flush_end(struct bio *bio)
{
	struct r5_log_flush *f = bio->bi_private;

	if (bio->bi_status)
		member_refused(f->slot, f->member);
	bio_uninit(bio);
	emd_member_put(f->member);
	flush_put(f->slot);
}

static bool has_cache(struct mdk_member *m)
{
	return m->type == MDU_MTYPE_ARRAY || bdev_write_cache(emd_member_bdev(m));
}

/* The members of all slots that have something to flush, with a reference for their I/O. */
static u32 take_members(struct r5_log_slot *s)
{
	struct r5_log *log = s->log;
	unsigned long flags;
	u32 i, nr = 0;

	spin_lock_irqsave(&log->lock, flags);
	for (i = 0; i < log->slots; i++) {
		struct mdk_member *m = log->slot[i].member;

		if (m && has_cache(m) && emd_member_tryget(m))
			s->flush[nr++].member = m;
	}
	spin_unlock_irqrestore(&log->lock, flags);
	return nr;
}

static void slot_flush(struct r5_log_slot *s)
{
	u32 i, nr = take_members(s);

	s->dirty = false;
	atomic_set(&s->left, 1 + nr);
	for (i = 0; i < nr; i++) {
		struct r5_log_flush *f = &s->flush[i];

		f->slot = s;
		bio_init(&f->bio, emd_member_bdev(f->member), NULL, 0, REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC);
		f->bio.bi_private = f;
		f->bio.bi_end_io = flush_end;
		emd_member_submit(f->member, &f->bio);
	}
	flush_put(s);
}

/* The next one comes in its place: behind a gap it would not be found. */
static void unit_failed(struct r5_log_slot *s)
{
	unsigned long flags;

	member_refused(s, s->writes);
	spin_lock_irqsave(&s->log->lock, flags);
	if (s->member == s->writes)
		s->at = s->was;
	spin_unlock_irqrestore(&s->log->lock, flags);
}

static void unit_end(struct bio *bio)
{
	struct r5_log_slot *s = bio->bi_private;

	if (bio->bi_status)
		unit_failed(s);
	bio_uninit(bio);
	emd_member_put(s->writes);
	slot_reached(s, R5_LOG_WRITTEN);
}

static u32 unit_sectors(const struct making *m)
{
	return R5_LOG_HEADER_SECTORS + ((m->bytes[0] + m->bytes[1]) >> SECTOR_SHIFT);
}

/* Behind the last unit a header fits, as md's reader stops one short of the end. Return: sectors into the area. log->lock held. */
static u32 unit_place(struct r5_log_slot *s, u32 sectors)
{
	u32 at = s->at;

	s->was = at;
	if (s->fronting || !r5_log_ring(s->sectors))
		return 0;
	if (at + sectors + R5_LOG_HEADER_SECTORS > s->sectors)
		at = R5_LOG_HEADER_SECTORS;
	s->at = at + sectors;
	return at;
}

/* Who gets the next unit; NULL if the slot has no member that could be written, and so no parity either. */
static void unit_take_member(struct r5_log_slot *s)
{
	struct r5_log *log = s->log;

	spin_lock_irq(&log->lock);
	s->writes = s->member && emd_member_tryget(s->member) ? s->member : NULL;
	spin_unlock_irq(&log->lock);
}

/* Return: false if its member has lost the slot meanwhile. */
static bool unit_take_place(struct r5_log_slot *s, u32 sectors, u64 *sector, u64 *generation)
{
	struct r5_log *log = s->log;
	bool same;

	spin_lock_irq(&log->lock);
	same = s->member == s->writes;
	if (same) {
		*sector = s->sector + unit_place(s, sectors);
		*generation = ++log->generation;
	}
	spin_unlock_irq(&log->lock);
	return same;
}

static void unit_unsent(struct r5_log_slot *s)
{
	if (s->writes)
		emd_member_put(s->writes);
	slot_reached(s, R5_LOG_WRITTEN);
}

static void unit_send(struct r5_log_slot *s, const struct making *m)
{
	struct bio *bio = &s->bio;
	u64 sector, generation;
	u32 i;

	if (!unit_take_place(s, unit_sectors(m), &sector, &generation)) {
		unit_unsent(s);
		return;
	}
	if (unlikely(s->unusable)) {
		bio_init(bio, emd_member_bdev(s->writes), NULL, 0, REQ_OP_WRITE);
		bio->bi_private = s;
		bio->bi_status = BLK_STS_IOERR;
		unit_end(bio);
		return;
	}
	r5_log_seal(s->log, s->header, generation, m->entries);
	bio_init(bio, emd_member_bdev(s->writes), s->vec, ARRAY_SIZE(s->vec), REQ_OP_WRITE | REQ_SYNC | REQ_META | REQ_FUA);
	__bio_add_page(bio, virt_to_page(s->header), R5_LOG_HEADER_BYTES, 0);
	for (i = 0; i < R5_LOG_BUFFERS; i++)
		if (m->bytes[i])
			__bio_add_page(bio, virt_to_page(s->buffer[i]), m->bytes[i], 0);
	bio->bi_iter.bi_sector = sector;
	bio->bi_private = s;
	bio->bi_end_io = unit_end;
	emd_member_submit(s->writes, bio);
}

static struct r5_op *op_of(struct llist_node *node)
{
	return container_of(node, struct r5_op, queue);
}

/* All that waits. Others only add, and nobody else takes. */
static struct llist_node *take_waiting(struct r5_log_slot *s)
{
	struct llist_node *node;

	spin_lock_irq(&s->log->lock);
	node = s->waiting;
	s->waiting = NULL;
	s->end = &s->waiting;
	spin_unlock_irq(&s->log->lock);
	return node;
}

/* What was taken and had no room: it stands before what has come meanwhile. */
static void give_back_waiting(struct r5_log_slot *s, struct llist_node *node)
{
	struct llist_node *last = node;

	while (last->next)
		last = last->next;
	spin_lock_irq(&s->log->lock);
	last->next = s->waiting;
	if (!s->waiting)
		s->end = &last->next;
	s->waiting = node;
	spin_unlock_irq(&s->log->lock);
}

/* As many of those that wait as there is room for. Return: how many. */
static u32 gather_unit(struct r5_log_slot *s, struct making *m)
{
	struct llist_node *node = take_waiting(s), **end = &s->unit;
	u32 taken = 0;

	while (node && making_add(m, op_of(node))) {
		*end = node;
		end = &node->next;
		node = node->next;
		taken++;
	}
	*end = NULL;
	if (node)
		give_back_waiting(s, node);
	return taken;
}

/* The next unit. A front has no writes. */
static void slot_write(struct r5_log_slot *s)
{
	struct making m = { .slot = s, .room = s->log->room };

	s->unit = NULL;
	unit_take_member(s);
	atomic_set(&s->left, s->fronting ? 0 : gather_unit(s, &m));
	/* What the unit before has announced may not be durable, or was refused by a member that stays: it is to remain the newest. */
	if (READ_ONCE(s->failed) || emd_array_broken(s->log->array)) {
		s->failed = true;
		s->dirty = true;
		unit_unsent(s);
	} else if (!s->writes || (!m.entries && !s->fronting)) {
		unit_unsent(s);
	} else {
		unit_send(s, &m);
	}
}

/* A front is there, or its member is not. With the last of them all that waits may go. */
static void front_ended(struct r5_log_slot *s)
{
	struct r5_log *log = s->log;
	bool last;

	spin_lock_irq(&log->lock);
	s->fronting = false;
	s->front = true;
	if (READ_ONCE(s->failed)) {
		s->unusable = true;
		s->failed = false;
	}
	last = --log->fronts == 0;
	if (last)
		log->state = R5_LOG_ON;
	s->phase = R5_LOG_IDLE;
	if (last)
		kick_all(log);
	spin_unlock_irq(&log->lock);
}

/* The unit is durable, so its writes may begin; or it never will be, and they have not begun. */
static void unit_ended(struct r5_log_slot *s)
{
	struct llist_node *node = s->unit, *next;
	bool failed = s->failed;
	struct blk_plug plug;

	s->unit = NULL;
	if (failed) {
		s->failed = false;
		slot_reached(s, R5_LOG_ENDED);
	} else {
		s->dirty = true;
		spin_lock_irq(&s->log->lock);
		s->phase = R5_LOG_RUNNING;
		spin_unlock_irq(&s->log->lock);
	}
	blk_start_plug(&plug);
	for (; node; node = next) {
		struct r5_op *op = op_of(node);

		next = node->next;
		if (failed) {
			r5_op_end(op, BLK_STS_IOERR);
		} else {
			r5_write_send(op);
		}
	}
	blk_finish_plug(&plug);
}

/* Return: what is to be done, by the caller alone; R5_LOG_BUSY: nothing. */
static enum r5_log_phase slot_claim(struct r5_log_slot *s)
{
	struct r5_log *log = s->log;
	enum r5_log_phase phase;

	spin_lock_irq(&log->lock);
	phase = s->phase;
	if (phase == R5_LOG_ENDED)
		phase = s->phase = R5_LOG_IDLE;
	if (phase == R5_LOG_IDLE && !s->fronting && (log->state != R5_LOG_ON || !s->waiting))
		phase = R5_LOG_BUSY;
	else if (phase == R5_LOG_IDLE || phase == R5_LOG_FLUSHED || phase == R5_LOG_WRITTEN)
		s->phase = R5_LOG_BUSY;
	else
		phase = R5_LOG_BUSY;
	spin_unlock_irq(&log->lock);
	return phase;
}

/* Phases that end are told by slot_reached(). */
static void slot_enter(struct r5_log_slot *s, enum r5_log_phase phase)
{
	spin_lock_irq(&s->log->lock);
	s->phase = phase;
	spin_unlock_irq(&s->log->lock);
}

void r5_log_work(struct work_struct *work)
{
	struct r5_log_slot *s = container_of(work, struct r5_log_slot, work);

	switch (slot_claim(s)) {
	case R5_LOG_IDLE:
		if (s->dirty) {
			slot_enter(s, R5_LOG_FLUSHING);
			slot_flush(s);
			break;
		}
		fallthrough;
	case R5_LOG_FLUSHED:
		slot_enter(s, R5_LOG_WRITING);
		slot_write(s);
		break;
	case R5_LOG_WRITTEN:
		if (s->fronting)
			front_ended(s);
		else
			unit_ended(s);
		break;
	default:
		break;
	}
}

/* -- operations --------------------------------------------------------------------------------------- */

/* Nothing is under way that was not announced: fronts, where there are none. log->lock held. */
static void begin_fronts(struct r5_log *log)
{
	u32 i;

	log->state = R5_LOG_FRONT;
	for (i = 0; i < log->slots; i++) {
		struct r5_log_slot *s = &log->slot[i];

		s->fronting = s->member && !s->front;
		log->fronts += s->fronting;
	}
	if (!log->fronts)
		log->state = R5_LOG_ON;
	kick_all(log);
}

/* As long as parity is not right everywhere. log->lock held. */
static bool goes_unlogged(const struct r5_log *log, const struct r5_op *op)
{
	return log->state == R5_LOG_OFF && !emd_map_agrees(op->conf->map, EMD_POS_MAX);
}

/* log->lock held. */
static void wait_in_line(struct r5_log *log, struct r5_log_slot *s, struct r5_op *op)
{
	op->queue.next = NULL;
	*s->end = &op->queue;
	s->end = &op->queue.next;
	if (log->state == R5_LOG_OFF)
		log->state = R5_LOG_DRAIN;
	if (log->state == R5_LOG_DRAIN && !log->unlogged)
		begin_fronts(log);
	else
		slot_kick(s);
}

void r5_log_write(struct r5_op *op)
{
	const struct r5_column *parity = &op->column[op->conf->data];
	struct r5_log *log = op->conf->array->log;
	struct r5_log_slot *s = &log->slot[parity->slot];
	bool waits;
	unsigned long flags;

	if (!(parity->todo & EMD_COLUMN_WRITE)) {
		r5_write_send(op);
		return;
	}
	spin_lock_irqsave(&log->lock, flags);
	waits = !goes_unlogged(log, op);
	op->logged = waits ? R5_ANNOUNCED : R5_UNLOGGED;
	if (waits)
		wait_in_line(log, s, op);
	else
		log->unlogged++;
	spin_unlock_irqrestore(&log->lock, flags);
	/* Who waits is another's from here on. */
	if (!waits)
		r5_write_send(op);
}

static void unlogged_ended(struct r5_log *log)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	if (!--log->unlogged && log->state == R5_LOG_DRAIN)
		begin_fronts(log);
	spin_unlock_irqrestore(&log->lock, flags);
}

void r5_log_ended(struct r5_op *op)
{
	struct r5_log *log = op->conf->array->log;
	struct r5_log_slot *s = &log->slot[op->column[op->conf->data].slot];

	if (op->logged == R5_UNLOGGED)
		unlogged_ended(log);
	else if (atomic_dec_and_test(&s->left))
		slot_reached(s, R5_LOG_ENDED);
}
