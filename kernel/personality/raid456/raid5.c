// SPDX-License-Identifier: GPL-2.0-only
/*
 * RAID4, RAID5 and RAID6 as personalities.
 */
#include "log.h"

static int r5_validate(const struct emd_geometry *geo, const char **why)
{
	if (geo->chunk_sectors < PAGE_SECTORS) {
		*why = "chunk size is smaller than a page of this machine";
		return -EINVAL;
	}
	return 0;
}

/* Room for one careful operation: two pages per column. */
static int conf_init_reserve(struct r5_conf *conf)
{
	int error;

	mutex_init(&conf->reserve_mutex);
	error = mempool_init_kmalloc_pool(&conf->reserve_ops, 1, r5_op_size(conf));
	if (error)
		return error;
	error = mempool_init_page_pool(&conf->reserve_pages, 2 * r5_columns(conf), 0);
	if (error)
		mempool_exit(&conf->reserve_ops);
	return error;
}

static void conf_exit_reserve(struct r5_conf *conf)
{
	mempool_exit(&conf->reserve_pages);
	mempool_exit(&conf->reserve_ops);
}

static int conf_init(struct r5_conf *conf, struct emd_map *map)
{
	int error;

	conf->map = map;
	conf->data = emd_geometry_data_disks(&map->geo);
	conf->parity = emd_geometry_parity_disks(&map->geo);
	conf->row_sectors = emd_geometry_row_sectors(&map->geo);
	conf->places = conf->parity > 1 ? emd_geometry_q_powers(&map->geo) + 2 : r5_columns(conf);
	conf->twins = emd_map_replacements(map);
	init_waitqueue_head(&conf->room);
	error = conf_init_reserve(conf);
	if (error)
		return error;
	error = r5_clones_init(&conf->clones);
	if (error)
		goto exit_reserve;
	error = emd_batch_bios_init(&conf->windows);
	if (error)
		goto exit_clones;
	return 0;

exit_clones:
	bioset_exit(&conf->clones);
exit_reserve:
	conf_exit_reserve(conf);
	return error;
}

static void r5_stop(struct emd_map *map)
{
	struct r5_conf *conf = map->private;

	bioset_exit(&conf->windows);
	bioset_exit(&conf->clones);
	conf_exit_reserve(conf);
	emd_shared_put(&conf->array->shared);
	kfree(conf);
}

static int r5_start(struct emd_map *map)
{
	struct emd_shared *shared = emd_shared_get(&r5_array_kind, map->array);
	struct r5_conf *conf;
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
	conf->array = container_of(shared, struct r5_array, shared);
	map->private = conf;
	error = r5_log_attach(conf->array, map);
	if (error)
		r5_stop(map);
	return error;
}

const struct emd_personality emd_raid4 = {
	.name		= "raid4",
	.level		= 4,
	.redundant	= true,
	.validate	= r5_validate,
	.start		= r5_start,
	.stop		= r5_stop,
	.submit		= r5_submit,
	.sync		= r5_sync,
};

const struct emd_personality emd_raid5 = {
	.name		= "raid5",
	.level		= 5,
	.redundant	= true,
	.validate	= r5_validate,
	.start		= r5_start,
	.stop		= r5_stop,
	.submit		= r5_submit,
	.sync		= r5_sync,
};

const struct emd_personality emd_raid6 = {
	.name		= "raid6",
	.level		= 6,
	.redundant	= true,
	.validate	= r5_validate,
	.start		= r5_start,
	.stop		= r5_stop,
	.submit		= r5_submit,
	.sync		= r5_sync,
};
