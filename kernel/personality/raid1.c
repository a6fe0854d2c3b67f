// SPDX-License-Identifier: GPL-2.0-only
#include "raid1.h"

#include <linux/slab.h>

static int raid1_validate(const struct emd_geometry *geo, const char **why)
{
	return 0;	/* any number of copies will do */
}

static int array_init(struct emd_shared *shared)
{
	struct raid1_array *array = container_of(shared, struct raid1_array, shared);
	int error;

	init_rwsem(&array->mending);
	array->wq = alloc_workqueue("emd_raid1", WQ_MEM_RECLAIM, 0);
	if (!array->wq)
		return -ENOMEM;
	error = raid1_array_init_writes(array);
	if (error)
		destroy_workqueue(array->wq);
	return error;
}

static void array_exit(struct emd_shared *shared)
{
	struct raid1_array *array = container_of(shared, struct raid1_array, shared);

	destroy_workqueue(array->wq);
	percpu_ref_exit(&array->writes);
}

static const struct emd_shared_kind raid1_array_kind = {
	.size = sizeof(struct raid1_array),
	.init = array_init,
	.exit = array_exit,
};

static int conf_init(struct raid1_conf *conf, struct emd_map *map)
{
	int error;

	conf->map = map;
	error = raid1_reads_init(conf);
	if (error)
		return error;
	error = raid1_writes_init(conf);
	if (error)
		goto exit_reads;
	error = emd_batch_bios_init(&conf->windows);
	if (error)
		goto exit_writes;
	return 0;

exit_writes:
	mempool_exit(&conf->writes);
exit_reads:
	raid1_reads_exit(conf);
	return error;
}

static int raid1_start(struct emd_map *map)
{
	struct emd_shared *shared = emd_shared_get(&raid1_array_kind, map->array);
	struct raid1_conf *conf;
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
	conf->array = container_of(shared, struct raid1_array, shared);
	map->private = conf;
	return 0;
}

static void raid1_stop(struct emd_map *map)
{
	struct raid1_conf *conf = map->private;

	/* The last to end a read may still be in the work that did. */
	flush_workqueue(conf->array->wq);
	bioset_exit(&conf->windows);
	mempool_exit(&conf->writes);
	raid1_reads_exit(conf);
	emd_shared_put(&conf->array->shared);
	kfree(conf);
}

static void raid1_submit(struct emd_io *io)
{
	if (bio_op(io->bio) == REQ_OP_READ)
		raid1_read(io->map->private, io);
	else
		raid1_write(io->map->private, io);
}

const struct emd_personality emd_raid1 = {
	.name		= "raid1",
	.level		= 1,
	.redundant	= true,
	.validate	= raid1_validate,
	.start		= raid1_start,
	.stop		= raid1_stop,
	.submit		= raid1_submit,
	.sync		= raid1_sync,
};
