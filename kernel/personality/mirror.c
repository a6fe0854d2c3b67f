// SPDX-License-Identifier: GPL-2.0-only
#include "mirror.h"

#include <linux/slab.h>

int mirror_validate(const struct emd_geometry *geo, const char **why)
{
	return 0;	/* any number of copies will do: emd_geometry_validate() */
}

static int array_init(struct emd_shared *shared)
{
	struct mirror_array *array = container_of(shared, struct mirror_array, shared);

	init_rwsem(&array->mending);
	mirror_behind_init(&array->behind);
	return mirror_array_init_writes(array);
}

static void array_exit(struct emd_shared *shared)
{
	struct mirror_array *array = container_of(shared, struct mirror_array, shared);

	percpu_ref_exit(&array->writes);
}

static const struct emd_shared_kind mirror_array_kind = {
	.size = sizeof(struct mirror_array),
	.init = array_init,
	.exit = array_exit,
};

static int conf_init(struct mirror_conf *conf, struct emd_map *map)
{
	int error;

	conf->map = map;
	conf->copies = emd_geometry_copies(&map->geo);
	error = mirror_reads_init(conf);
	if (error)
		return error;
	error = mirror_writes_init(conf);
	if (error)
		goto exit_reads;
	error = emd_batch_bios_init(&conf->windows);
	if (error)
		goto exit_writes;
	error = mirror_lates_init(conf);
	if (error)
		goto exit_windows;
	return 0;

exit_windows:
	bioset_exit(&conf->windows);
exit_writes:
	mempool_exit(&conf->writes);
exit_reads:
	mirror_reads_exit(conf);
	return error;
}

int mirror_start(struct emd_map *map)
{
	struct emd_shared *shared = emd_shared_get(&mirror_array_kind, map->array);
	struct mirror_conf *conf;
	int error;

	if (IS_ERR(shared))
		return PTR_ERR(shared);
	conf = kzalloc(sizeof(*conf), GFP_KERNEL);
	error = conf ? conf_init(conf, map) : -ENOMEM;
	if (error) {
		kfree(conf);
		emd_shared_put(shared);
		return error;
	}
	conf->array = container_of(shared, struct mirror_array, shared);
	map->private = conf;
	return 0;
}

void mirror_stop(struct emd_map *map)
{
	struct mirror_conf *conf = map->private;

	mempool_exit(&conf->lates);
	bioset_exit(&conf->windows);
	mempool_exit(&conf->writes);
	mirror_reads_exit(conf);
	emd_shared_put(&conf->array->shared);
	kfree(conf);
}

/* -- requests, run by run --------------------------------------------------------------------- */

void mirror_run_end(struct emd_io *io, blk_status_t status)
{
	if (io->flags & EMD_IO_SPLIT) {
		if (status)
			WRITE_ONCE(io->status, status);
		if (!atomic_dec_and_test(&io->pending))
			return;
		status = READ_ONCE(io->status);
	}
	if (status && bio_op(io->bio) == REQ_OP_WRITE_ZEROES && !(io->flags & EMD_IO_AS_DATA)) {
		io->flags |= EMD_IO_AS_DATA;
		emd_io_punt(io);
		return;
	}
	emd_io_end(io, status);
}

/* A read may make @run shorter. */
static bool submit_run(struct mirror_conf *conf, struct emd_io *io, struct bvec_iter *run)
{
	return bio_op(io->bio) == REQ_OP_READ ? mirror_read(conf, io, run) : mirror_write(conf, io, run);
}

/* From @io->rest on; whoever has punted or parked it comes back here. */
static void submit_runs(struct mirror_conf *conf, struct emd_io *io)
{
	while (io->rest.bi_size) {
		struct bvec_iter run = io->rest;

		run.bi_size = mirror_run_sectors(conf, run.bi_sector, run.bi_size >> SECTOR_SHIFT) << SECTOR_SHIFT;
		if (!submit_run(conf, io, &run))
			return;
		bio_advance_iter(io->bio, &io->rest, run.bi_size);
	}
	mirror_run_end(io, BLK_STS_OK);
}

void mirror_submit_split(struct emd_io *io)
{
	io->flags |= EMD_IO_SPLIT;
	io->rest = io->bio->bi_iter;
	atomic_set(&io->pending, 1);
	submit_runs(io->map->private, io);
}

void mirror_submit(struct emd_io *io)
{
	struct mirror_conf *conf = io->map->private;
	struct bvec_iter run = io->bio->bi_iter;
	unsigned int sectors = bio_sectors(io->bio);

	if (unlikely(io->flags & EMD_IO_AS_DATA)) {
		mirror_zero(conf, io);
	} else if (io->flags & EMD_IO_SPLIT) {
		submit_runs(conf, io);
	} else if (mirror_run_sectors(conf, run.bi_sector, sectors) == sectors) {
		submit_run(conf, io, &run);
	} else {
		mirror_submit_split(io);
	}
}

/* -- one copy ---------------------------------------------------------------------------------- */

bool mirror_readable(const struct mirror_conf *conf, u32 copy, u64 sector, unsigned int sectors)
{
	struct emd_place place;

	emd_geometry_copy(&conf->map->geo, sector, copy, &place);
	return emd_slot_readable(conf->map, place.slot, place.sector, sectors);
}

static bool readable_somewhere(const struct mirror_conf *conf, u64 sector, unsigned int sectors)
{
	u32 copy;

	for (copy = 0; copy < conf->copies; copy++)
		if (mirror_readable(conf, copy, sector, sectors))
			return true;
	return false;
}

bool mirror_reached(const struct mirror_conf *conf, u64 sector, unsigned int sectors)
{
	u64 end = sector + sectors;

	if (readable_somewhere(conf, sector, sectors))
		return true;
	while (sector < end && readable_somewhere(conf, sector, 1))
		sector++;
	return sector == end;
}

blk_status_t mirror_rw(struct mirror_conf *conf, u32 copy, blk_opf_t opf, u64 sector, unsigned int sectors,
		       struct page **pages)
{
	struct emd_place place;

	emd_geometry_copy(&conf->map->geo, sector, copy, &place);
	return emd_slot_rw(conf->map, &conf->windows, place.slot, opf, place.sector, sectors, pages);
}
