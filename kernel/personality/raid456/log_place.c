// SPDX-License-Identifier: GPL-2.0-only
/*
 * The partial parity log: its memory, and its areas on members that come.
 */
#include "log.h"

#include <linux/crc32.h>
#include <linux/gfp.h>
#include <linux/slab.h>

u32 r5_log_crc(const void *bytes, size_t nr)
{
	return ~__crc32c_le(~0U, bytes, nr);
}

static u32 header_checksum(struct r5_log_header *header)
{
	__le32 kept = header->checksum;
	u32 sum;

	BUILD_BUG_ON(sizeof(struct r5_log_header) != R5_LOG_HEADER_BYTES);
	header->checksum = 0;
	sum = r5_log_crc(header, sizeof(*header));
	header->checksum = kept;
	return sum;
}

void r5_log_seal(struct r5_log *log, struct r5_log_header *header, u64 generation, u32 entries)
{
	memset(header->reserved, 0xff, sizeof(header->reserved));
	header->signature = cpu_to_le32(log->signature);
	header->padding = 0;
	header->generation = cpu_to_le64(generation);
	header->entries = cpu_to_le32(entries);
	memset(&header->entry[entries], 0, (R5_LOG_ENTRIES - entries) * sizeof(header->entry[0]));
	memset(header->rest, 0, sizeof(header->rest));
	header->checksum = cpu_to_le32(header_checksum(header));
}

/* -- I/O that is waited for ----------------------------------------------------------------------- */

/* @memory: physically contiguous. Config context: no bio of the caller is pending. */
static int transfer(struct mdk_member *m, blk_opf_t opf, u64 sector, void *memory, unsigned int bytes)
{
	blk_status_t status;
	struct bio_vec vec;
	struct bio bio;

	if (!emd_member_tryget(m))
		return -ENODEV;
	bio_init(&bio, emd_member_bdev(m), &vec, 1, opf);
	__bio_add_page(&bio, virt_to_page(memory), bytes, 0);
	bio.bi_iter.bi_sector = sector;
	status = emd_member_submit_wait(m, &bio);
	bio_uninit(&bio);
	emd_member_put(m);
	return blk_status_to_errno(status);
}

/* All of the area but its front, which the next write is for. @header is zeroed meanwhile. */
static int wipe(struct r5_log_slot *s, struct mdk_member *m)
{
	u32 at, some, step = R5_LOG_BUFFER_BYTES >> SECTOR_SHIFT;
	void *zeros = alloc_pages_exact(R5_LOG_BUFFER_BYTES, GFP_KERNEL | __GFP_ZERO);
	int error = zeros ? 0 : -ENOMEM;

	for (at = 0; !error && at < m->log_sectors; at += some) {
		some = min(step, m->log_sectors - at);
		error = transfer(m, REQ_OP_WRITE, m->log_sector + at, zeros, some << SECTOR_SHIFT);
	}
	if (!error)	/* what was there must not come back when the power goes */
		error = transfer(m, REQ_OP_WRITE | REQ_PREFLUSH | REQ_FUA, m->log_sector, zeros, R5_LOG_HEADER_BYTES);
	if (zeros)
		free_pages_exact(zeros, R5_LOG_BUFFER_BYTES);
	return error;
}

static int write_front(struct r5_log *log, struct mdk_member *m)
{
	struct r5_log_header *header = (void *)get_zeroed_page(GFP_KERNEL);
	u64 generation;
	int error;

	if (!header)
		return -ENOMEM;
	spin_lock_irq(&log->lock);
	generation = ++log->generation;
	spin_unlock_irq(&log->lock);
	r5_log_seal(log, header, generation, 0);
	error = transfer(m, REQ_OP_WRITE | REQ_FUA, m->log_sector, header, R5_LOG_HEADER_BYTES);
	free_page((unsigned long)header);
	return error;
}

/* -- members that come and go ----------------------------------------------------------------------- */

static u32 least_sectors(u32 room)
{
	return 3 * R5_LOG_HEADER_SECTORS + (room >> SECTOR_SHIFT);
}

/* log->lock held. @m: NULL if the slot is empty. Return: whose memory is to be given back. */
static struct mdk_member *slot_take(struct r5_log_slot *s, struct mdk_member *m, bool front, bool unusable)
{
	struct mdk_member *old = s->member;

	s->member = m;
	s->front = front;
	s->unusable = unusable;
	s->at = R5_LOG_HEADER_SECTORS;
	if (m) {
		emd_member_keep(m);
		s->sector = m->log_sector;
		s->sectors = m->log_sectors;
	}
	return old;
}

static void slot_change(struct r5_log_slot *s, struct mdk_member *m, bool front, bool unusable)
{
	struct mdk_member *old;

	spin_lock_irq(&s->log->lock);
	old = slot_take(s, m, front, unusable);
	spin_unlock_irq(&s->log->lock);
	if (old)
		emd_member_forget(old);
}

/* It has fronts, or writes them just now. */
static bool announces(struct r5_log *log)
{
	return READ_ONCE(log->state) == R5_LOG_FRONT || READ_ONCE(log->state) == R5_LOG_ON;
}

/* A member that comes while the array runs. If its area fails it will fail, when it is first needed. */
static void slot_welcome(struct r5_log_slot *s, struct mdk_member *m)
{
	struct r5_log *log = s->log;
	bool front = false, unusable = m->log_sectors < least_sectors(log->room) || wipe(s, m), taken = false;
	struct mdk_member *old = NULL;

	while (!taken) {
		if (announces(log) && !front) {
			unusable = unusable || write_front(log, m);
			front = true;
		}
		spin_lock_irq(&log->lock);
		taken = front || !announces(log);
		if (taken)
			old = slot_take(s, m, front, unusable);
		spin_unlock_irq(&log->lock);
	}
	if (old)
		emd_member_forget(old);
}

static void follow(struct r5_log *log, struct emd_map *map)
{
	u32 i;

	for (i = 0; i < log->slots; i++) {
		struct r5_log_slot *s = &log->slot[i];
		struct mdk_member *m = map->slot[i].member;

		if (m == s->member)
			continue;
		if (m)
			slot_welcome(s, m);
		else
			slot_change(s, NULL, false, false);
	}
}

/* -- the log of an array ------------------------------------------------------------------------------ */

static bool is_header(struct r5_log_header *header)
{
	return le32_to_cpu(header->checksum) == header_checksum(header);
}

/*
 * What the area of a member begins with when the array starts. Return: 1: a header of this log that announces nothing, 0: none,
 * -EUCLEAN: one that somebody has to see to first; errno.
 */
static int read_front(struct r5_log *log, struct mdk_member *m, bool agrees)
{
	struct r5_log_header *header = (void *)get_zeroed_page(GFP_KERNEL);
	int ret;

	if (!header)
		return -ENOMEM;
	ret = transfer(m, REQ_OP_READ, m->log_sector, header, R5_LOG_HEADER_BYTES);
	if (!ret && is_header(header)) {
		ret = 1;
		if (!agrees || header->entries || le32_to_cpu(header->signature) != log->signature)
			ret = -EUCLEAN;
		log->generation = max(log->generation, le64_to_cpu(header->generation));
	}
	if (ret >= 0 && r5_log_ring(m->log_sectors)) {
		int error = transfer(m, REQ_OP_READ, m->log_sector + R5_LOG_HEADER_SECTORS, header, R5_LOG_HEADER_BYTES);

		if (error || is_header(header))	/* units that the next ones would be followed by */
			ret = error ?: -EUCLEAN;
	}
	free_page((unsigned long)header);
	return ret;
}

static int slot_init(struct r5_log *log, u32 index)
{
	struct r5_log_slot *s = &log->slot[index];
	u32 i;

	s->log = log;
	s->index = index;
	s->end = &s->waiting;
	s->dirty = true;	/* what was written before anything was announced */
	INIT_WORK(&s->work, r5_log_work);
	s->header = (void *)get_zeroed_page(GFP_KERNEL);
	s->flush = kcalloc(log->slots, sizeof(*s->flush), GFP_KERNEL);
	for (i = 0; i < R5_LOG_BUFFERS; i++)
		s->buffer[i] = alloc_pages_exact(R5_LOG_BUFFER_BYTES, GFP_KERNEL);
	return s->header && s->flush && s->buffer[0] && s->buffer[1] ? 0 : -ENOMEM;
}

static void slot_exit(struct r5_log_slot *s)
{
	u32 i;

	if (!s->log)
		return;
	flush_work(&s->work);
	if (s->member)
		emd_member_forget(s->member);
	for (i = 0; i < R5_LOG_BUFFERS; i++)
		if (s->buffer[i])
			free_pages_exact(s->buffer[i], R5_LOG_BUFFER_BYTES);
	kfree(s->flush);
	free_page((unsigned long)s->header);
}

void r5_log_destroy(struct r5_log *log)
{
	u32 i;

	if (!log)
		return;
	for (i = 0; i < log->slots; i++)
		slot_exit(&log->slot[i]);
	kfree(log);
}

/* The areas are large enough for any operation, and those that are large have room for more in a unit. */
static int settle_room(struct r5_log *log, struct emd_map *map)
{
	u32 i, least = U32_MAX;

	for (i = 0; i < log->slots; i++)
		if (map->slot[i].member)
			least = min(least, map->slot[i].member->log_sectors);
	log->room = R5_LOG_BUFFERS * R5_LOG_BUFFER_BYTES;
	if (least < least_sectors(log->room))
		log->room = R5_LOG_BUFFER_BYTES;
	return least < least_sectors(log->room) ? -ENOSPC : 0;
}

static int begin(struct r5_log *log, struct emd_map *map)
{
	bool agrees = emd_map_agrees(map, EMD_POS_MAX), fronts = true;
	int ret = settle_room(log, map);
	u32 i;

	for (i = 0; !ret && i < log->slots; i++)
		ret = slot_init(log, i);
	for (i = 0; ret >= 0 && i < log->slots; i++) {
		struct mdk_member *m = map->slot[i].member;

		if (!m)
			continue;
		ret = read_front(log, m, agrees);
		slot_change(&log->slot[i], m, ret > 0, false);
		fronts &= ret > 0;
	}
	if (agrees && fronts)
		log->state = R5_LOG_ON;
	return min(ret, 0);
}

static int create(struct r5_array *array, struct emd_map *map, u32 signature, u32 unit_bytes)
{
	u32 slots = map->geo.raid_disks;
	struct r5_log *log = kzalloc(struct_size(log, slot, slots), GFP_KERNEL);
	int error;

	if (!log)
		return -ENOMEM;
	log->array = map->array;
	log->slots = slots;
	log->signature = signature;
	log->unit_shift = ilog2(unit_bytes >> SECTOR_SHIFT);
	spin_lock_init(&log->lock);
	error = begin(log, map);
	if (error)
		r5_log_destroy(log);
	else
		array->log = log;
	return error;
}

int r5_log_attach(struct r5_array *array, struct emd_map *map)
{
	u32 signature, unit_bytes;

	if (array->log)
		follow(array->log, map);
	else if (emd_array_parity_log(map->array, &signature, &unit_bytes))
		return create(array, map, signature, unit_bytes);
	return 0;
}
