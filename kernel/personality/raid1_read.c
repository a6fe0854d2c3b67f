// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads of RAID1: which member.
 *
 * Theory
 *
 * What follows on the last read of this CPU goes to the same member: that keeps streams
 * together, in the disk's cache and on its track. Any other read goes to the member with
 * fewer reads under way, as far as this CPU knows: its own. Nothing shared is written.
 * A member that is marked write-mostly is read only if no other can be.
 *
 * After an unclean stop copies may differ until the resync has passed. What it has not passed is read from
 * the member that the resync will copy from, and from no other: the same sector never reads as one thing now and
 * as another later.
 */
#include "raid1.h"

static struct raid1_read *to_read(struct bio *clone)
{
	return container_of(clone, struct raid1_read, clone);
}

int raid1_reads_init(struct raid1_conf *conf)
{
	size_t size = struct_size((struct raid1_cpu *)NULL, reads, conf->map->geo.raid_disks);

	conf->cpu = __alloc_percpu(size, __alignof__(struct raid1_cpu));
	if (!conf->cpu)
		return -ENOMEM;
	if (!bioset_init(&conf->reads, BIO_POOL_SIZE, offsetof(struct raid1_read, clone), 0))
		return 0;
	free_percpu(conf->cpu);
	return -ENOMEM;
}

void raid1_reads_exit(struct raid1_conf *conf)
{
	bioset_exit(&conf->reads);
	free_percpu(conf->cpu);
}

/* Is @slot a better choice than @best for a read that begins at @sector? */
static bool read_prefers(const struct emd_map *map, const struct raid1_cpu *cpu, u64 sector,
			 u32 slot, u32 best)
{
	if (best == EMD_NO_SLOT)
		return true;
	if (map->slot[slot].write_mostly != map->slot[best].write_mostly)
		return map->slot[best].write_mostly;
	if (sector == cpu->last_end && (slot == cpu->last_slot || best == cpu->last_slot))
		return slot == cpu->last_slot;
	return atomic_read(&cpu->reads[slot]) < atomic_read(&cpu->reads[best]);
}

u32 raid1_source(const struct emd_map *map, u64 sector, unsigned int sectors)
{
	u32 slot, source = EMD_NO_SLOT;

	for (slot = 0; slot < map->geo.raid_disks; slot++)
		if (emd_slot_readable(map, slot, sector, sectors) &&
		    (source == EMD_NO_SLOT || (map->slot[source].write_mostly && !map->slot[slot].write_mostly)))
			source = slot;
	return source;
}

static u32 read_choose(const struct raid1_conf *conf, struct raid1_cpu *cpu, u64 sector,
		       unsigned int sectors)
{
	const struct emd_map *map = conf->map;
	u32 slot, best = EMD_NO_SLOT;

	if (unlikely(!emd_map_agrees(map, sector + sectors)))
		return raid1_source(map, sector, sectors);
	for (slot = 0; slot < map->geo.raid_disks; slot++)
		if (emd_slot_readable(map, slot, sector, sectors) &&
		    read_prefers(map, cpu, sector, slot, best))
			best = slot;
	cpu->last_slot = best;
	cpu->last_end = sector + sectors;
	return best;
}

static void read_end_io(struct bio *clone)
{
	struct raid1_read *read = to_read(clone);
	struct emd_io *io = read->io;

	atomic_dec(read->load);
	emd_member_put(read->member);
	if (clone->bi_status) {
		INIT_WORK(&read->work, raid1_mend);
		queue_work(read->conf->array->wq, &read->work);
		return;
	}
	bio_put(clone);
	emd_io_end(io, BLK_STS_OK);
}

/* A member with a reference; EMD_NO_SLOT if none can be read. Members may vanish meanwhile. */
static u32 read_take(struct raid1_conf *conf, struct emd_io *io, struct mdk_member **member,
		     atomic_t **load)
{
	u64 sector = io->bio->bi_iter.bi_sector;
	struct raid1_cpu *cpu;
	u32 slot;

	do {
		cpu = get_cpu_ptr(conf->cpu);
		slot = read_choose(conf, cpu, sector, bio_sectors(io->bio));
		*load = slot == EMD_NO_SLOT ? NULL : &cpu->reads[slot];
		put_cpu_ptr(conf->cpu);
		if (slot == EMD_NO_SLOT)
			return slot;
		*member = emd_slot_get(conf->map, slot);
	} while (!*member);
	return slot;
}

void raid1_read(struct raid1_conf *conf, struct emd_io *io)
{
	gfp_t gfp = io->flags & EMD_IO_CAN_WAIT ? GFP_NOIO : GFP_NOWAIT | __GFP_NOWARN;
	struct mdk_member *member;
	struct raid1_read *read;
	struct bio *clone;
	atomic_t *load;
	u32 slot = read_take(conf, io, &member, &load);

	if (slot == EMD_NO_SLOT) {
		emd_io_end(io, BLK_STS_IOERR);
		return;
	}
	clone = bio_alloc_clone(emd_member_bdev(member), io->bio, gfp, &conf->reads);
	if (!clone) {
		emd_member_put(member);
		emd_io_punt(io);
		return;
	}
	read = to_read(clone);
	read->io = io;
	read->conf = conf;
	read->member = member;
	read->load = load;
	read->slot = slot;
	read->sector = io->bio->bi_iter.bi_sector;
	read->sectors = bio_sectors(io->bio);
	atomic_inc(load);
	clone->bi_opf &= ~(REQ_NOWAIT | REQ_POLLED);
	clone->bi_iter.bi_sector += conf->map->slot[slot].offset;
	clone->bi_end_io = read_end_io;
	emd_member_submit(member, clone);
}
