// SPDX-License-Identifier: GPL-2.0-only
/*
 * md/bitmap/: where the write-intent bitmap is and what it does. Names, units and errno are md's. The place is a sector on
 * each member, because EMD has no superblock from which it could be counted.
 */
#include <linux/ctype.h>
#include <linux/log2.h>

#include "emd_array_private.h"
#include "emd_bitmap.h"

/* The bitmap, kept by *@map (NULL: the array does not run). */
static struct emd_bitmap *enter(struct emd_array *a, struct emd_map **map)
{
	*map = emd_map_enter(a);
	smp_rmb();	/* pairs with emd_map_swap(): with the new map the new bitmap is seen */
	return *map ? emd_bitmap_of(a) : NULL;
}

/* -- place and shape -------------------------------------------------------------------------------- */

static ssize_t location_show(struct emd_array *a, char *page)
{
	u64 location = READ_ONCE(a->bitmap_config.location);

	return location ? sysfs_emit(page, "+%llu\n", location) : sysfs_emit(page, "none\n");
}

static int check_still(struct emd_array *a)
{
	if (emd_sync_running(a) || rcu_access_pointer(a->reshape))
		return emd_refuse(a, -EBUSY, "%s is at work on a resync, recovery or reshape", a->member.name);
	return 0;
}

/* Bits that are to stay are set on the members before the bitmap goes: nothing is written to those of an array that is only read. */
static int check_fillable(struct emd_array *a, const struct emd_bitmap *bm)
{
	if (emd_array_external(a) && bm->regions.header && !emd_array_writable(a))
		return emd_refuse(a, -EROFS, "%s is read-only: its bitmap goes when it is writable, or stopped", a->member.name);
	return 0;
}

static int store_none(struct emd_array *a)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);
	int error = check_still(a);

	if (!error && bm)
		error = check_fillable(a, bm);
	if (!error && bm)
		error = emd_bitmap_remove(a);
	if (!error)
		a->bitmap_config.location = 0;
	return error;
}

static int store_place(struct emd_array *a, const char *page)
{
	struct emd_bitmap_config *c = &a->bitmap_config;
	u64 location;
	int error;

	if (emd_parse_sectors(*page == '+' ? page + 1 : page, NULL, &location) || !location || location > EMD_POS_MAX / 4)
		return emd_refuse(a, -EINVAL, "bitmap/location is none, or a sector on each member (+N)");
	if (c->location)
		return emd_refuse(a, -EBUSY, "%s has a bitmap at sector %llu: store none first", a->member.name,
				  c->location);
	error = emd_array_refuse_beside_log(a);
	if (error)
		return error;
	if (!emd_array_running(a)) {
		c->location = location;
		return 0;
	}
	if (!emd_array_writable(a))
		return emd_refuse(a, -EROFS, "%s is read-only", a->member.name);
	if (emd_reshape_pending(a))
		return emd_refuse(a, -EBUSY, "a reshape is proposed or under way, which cannot have a bitmap");
	error = check_still(a);
	if (error)
		return error;
	c->location = location;
	error = emd_bitmap_add(a);
	if (error)
		c->location = 0;
	return error;
}

static ssize_t location_store(struct emd_array *a, const char *page, size_t len)
{
	int error = emd_word_is(page, "none") ? store_none(a) : store_place(a, page);

	return error ?: len;
}
EMD_ATTR_RW(location);

static int must_be_without(struct emd_array *a)
{
	return emd_refuse(a, -EBUSY, "%s has a bitmap: store none in bitmap/location first", a->member.name);
}

static ssize_t chunksize_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%u\n", a->bitmap_config.chunk_bytes);
}

static ssize_t chunksize_store(struct emd_array *a, const char *page, size_t len)
{
	u64 bytes;

	if (emd_bitmap_of(a))
		return must_be_without(a);
	if (emd_parse_sectors(page, NULL, &bytes) || bytes < EMD_MIN_CHUNK_SECTORS * SECTOR_SIZE || !is_power_of_2(bytes))
		return emd_refuse(a, -EINVAL, "bitmap/chunksize is a number of bytes, a power of two from %llu on",
				  (u64)EMD_MIN_CHUNK_SECTORS * SECTOR_SIZE);
	if (bytes > U32_MAX)
		return emd_refuse(a, -EOVERFLOW, "bitmap/chunksize is less than 4 GiB");
	a->bitmap_config.chunk_bytes = bytes;
	return len;
}
EMD_ATTR_RW(chunksize);

static ssize_t metadata_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%s\n", a->bitmap_config.external ? "external" : "internal");
}

static ssize_t metadata_store(struct emd_array *a, const char *page, size_t len)
{
	bool external = emd_word_is(page, "external");

	if (a->bitmap_config.location)
		return must_be_without(a);
	if (!external && !emd_word_is(page, "internal"))
		return emd_refuse(a, -EINVAL, "bitmap/metadata is internal (a header of %u bytes, then bits) or external (bits)",
				  EMD_BITMAP_HEADER_BYTES);
	a->bitmap_config.external = external;
	return len;
}
EMD_ATTR_RW(metadata);

static ssize_t space_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%llu\n", a->bitmap_config.space);
}

static ssize_t space_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);
	u64 sectors;

	if (emd_parse_sectors(page, NULL, &sectors) || !sectors)
		return emd_refuse(a, -EINVAL, "bitmap/space is a number of sectors");
	if (bm && sectors < bm->bytes >> SECTOR_SHIFT)
		return emd_refuse(a, -EFBIG, "the bitmap needs %u sectors", bm->bytes >> SECTOR_SHIFT);
	a->bitmap_config.space = sectors;
	return len;
}
EMD_ATTR_RW(space);

/* -- behaviour --------------------------------------------------------------------------------------- */

static ssize_t time_base_show(struct emd_array *a, char *page)
{
	unsigned int ms = jiffies_to_msecs(a->bitmap_config.time_base);

	if (ms % 1000)
		return sysfs_emit(page, "%u.%03u\n", ms / 1000, ms % 1000);
	return sysfs_emit(page, "%u\n", ms / 1000);
}

static ssize_t time_base_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);
	unsigned int ms;

	if (emd_parse_seconds(page, &ms))
		return emd_refuse(a, -EINVAL, "bitmap/time_base is a number of seconds with at most three decimals");
	WRITE_ONCE(a->bitmap_config.time_base, max(msecs_to_jiffies(ms), 1UL));
	if (bm)
		mod_delayed_work(emd_array_wq(a, EMD_QUEUE_MEMBERS), &bm->clean, a->bitmap_config.time_base);
	return len;
}
EMD_ATTR_RW(time_base);

static ssize_t can_clear_show(struct emd_array *a, char *page)
{
	if (!rcu_access_pointer(a->bitmap))
		return sysfs_emit(page, "\n");
	return sysfs_emit(page, "%s\n", READ_ONCE(a->bitmap_config.can_clear) ? "true" : "false");
}

static ssize_t can_clear_store(struct emd_array *a, const char *page, size_t len)
{
	bool can = emd_word_is(page, "true");

	if (!emd_bitmap_of(a))
		return emd_refuse(a, -ENOENT, "%s has no bitmap", a->member.name);
	if (!can && !emd_word_is(page, "false"))
		return emd_refuse(a, -EINVAL, "bitmap/can_clear is true or false");
	/* A failure forbids it from any context: asked afterwards, one that came before is seen, and one that comes later is not undone. */
	WRITE_ONCE(a->bitmap_config.can_clear, can);
	if (can && emd_array_degraded(a)) {
		WRITE_ONCE(a->bitmap_config.can_clear, false);
		return emd_refuse(a, -EBUSY, "%s is degraded: its bits are needed", a->member.name);
	}
	a->bitmap_config.kept = !can;
	return len;
}
EMD_ATTR_RW(can_clear);

#define MOST_BEHIND	16383	/* md's limit */

/* How many of RAID1's writes may be answered before its write-mostly members have them. */
static ssize_t backlog_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%u\n", READ_ONCE(a->backlog));
}

static bool has_write_mostly(struct emd_array *a)
{
	struct mdk_member *m;
	bool found = false;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member)
		found |= test_bit(EMD_MF_WRITE_MOSTLY, &m->flags);
	mutex_unlock(&emd_topology_mutex);
	return found;
}

static ssize_t backlog_store(struct emd_array *a, const char *page, size_t len)
{
	u64 backlog;

	if (emd_parse_sectors(page, NULL, &backlog) || backlog > MOST_BEHIND)
		return emd_refuse(a, -EINVAL, "bitmap/backlog is a number of writes up to %u; 0: none is answered early",
				  MOST_BEHIND);
	if (backlog && a->geo.level != 1)
		return emd_refuse(a, -EINVAL, "%s is not RAID1, which alone writes behind", a->member.name);
	if (backlog && !has_write_mostly(a))
		return emd_refuse(a, -EINVAL, "%s has no member that is marked writemostly, so none that could be written behind",
				  a->member.name);
	WRITE_ONCE(a->backlog, backlog);
	return len;
}
EMD_ATTR_RW(backlog);

static ssize_t max_backlog_used_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%u\n", READ_ONCE(a->backlog_used));
}

static ssize_t max_backlog_used_store(struct emd_array *a, const char *page, size_t len)
{
	WRITE_ONCE(a->backlog_used, 0);
	return len;
}
EMD_ATTR_RW(max_backlog_used);

/* What stands before the bits, as hexadecimal digits: opaque here, and whoever keeps the metadata changes it. */
static ssize_t superblock_show(struct emd_array *a, char *page)
{
	u8 header[EMD_BITMAP_HEADER_BYTES];
	struct emd_map *map;
	struct emd_bitmap *bm = enter(a, &map);
	bool there = bm && emd_bitmap_header(bm, header);

	if (map)
		emd_map_exit(map);
	if (!there)
		return sysfs_emit(page, "none\n");
	bin2hex(page, header, sizeof(header));
	page[2 * sizeof(header)] = '\n';
	return 2 * sizeof(header) + 1;
}

static ssize_t superblock_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);
	u8 header[EMD_BITMAP_HEADER_BYTES];
	int error;

	if (!bm)
		return emd_refuse(a, -ENOENT, "%s has no bitmap", a->member.name);
	if (!bm->regions.header)
		return emd_refuse(a, -EINVAL, "the bitmap of %s has no superblock: bitmap/metadata is external", a->member.name);
	if (strcspn(page, "\n") != 2 * sizeof(header) || hex2bin(header, page, sizeof(header)))
		return emd_refuse(a, -EINVAL, "bitmap/superblock is %zu bytes as %zu hexadecimal digits", sizeof(header),
				  2 * sizeof(header));
	error = emd_bitmap_put_header(a, header);
	return error ? emd_refuse(a, error, "no member has taken the superblock of the bitmap") : len;
}
EMD_ATTR_RW(superblock);

static struct attribute *bitmap_attrs[] = {
	&location_attr.attr, &chunksize_attr.attr, &metadata_attr.attr, &space_attr.attr, &time_base_attr.attr,
	&can_clear_attr.attr, &superblock_attr.attr, &backlog_attr.attr, &max_backlog_used_attr.attr, NULL
};
const struct attribute_group emd_bitmap_attr_group = { .name = "bitmap", .attrs = bitmap_attrs };

/* -- bits that somebody else knows of ------------------------------------------------------------------ */

static bool parse_number(const char **at, u64 *value)
{
	const char *begin = *at;

	for (*value = 0; isdigit(**at) && *value < U32_MAX; (*at)++)
		*value = *value * 10 + (**at - '0');
	return *at > begin && *value < U32_MAX;
}

/* N or N-M, and the white space behind it. */
static bool parse_range(const char **at, u64 *first, u64 *last)
{
	if (!parse_number(at, first))
		return false;
	*last = *first;
	if (**at == '-') {
		(*at)++;
		if (!parse_number(at, last))
			return false;
	}
	if (**at && !isspace(**at))
		return false;
	*at = skip_spaces(*at);
	return true;
}

static int check_ranges(struct emd_array *a, const struct emd_bitmap *bm, const char *page)
{
	u64 first, last;

	while (*page) {
		if (!parse_range(&page, &first, &last) || first > last)
			return emd_refuse(a, -EINVAL, "bitmap_set_bits takes numbers of regions and ranges N-M");
		if (last >= bm->regions.nr)
			return emd_refuse(a, -EINVAL, "the bitmap has no region %llu, the last is %u", last,
					  bm->regions.nr - 1);
	}
	return 0;
}

static ssize_t bitmap_set_bits_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);
	u64 first, last, begin;
	int error;

	if (!bm)
		return emd_refuse(a, -ENOENT, "%s has no bitmap", a->member.name);
	error = emd_array_writable(a) ? check_still(a) : emd_refuse(a, -EROFS, "%s is read-only", a->member.name);
	if (!error)
		error = check_ranges(a, bm, skip_spaces(page));
	if (error)
		return error;
	for (page = skip_spaces(page); *page && parse_range(&page, &first, &last);) {
		emd_bitmap_set(a, first, last);
		begin = bm->array_units ? 0 : first << bm->shift;
		WRITE_ONCE(a->resync_start, min(a->resync_start, begin));
	}
	emd_sync_wake(a);
	return len;
}
EMD_ATTR_WO(bitmap_set_bits);

static struct attribute *set_bits_attrs[] = { &bitmap_set_bits_attr.attr, NULL };
const struct attribute_group emd_bitmap_set_attr_group = { .attrs = set_bits_attrs };

/* -- emd/: what it is doing ------------------------------------------------------------------------------ */

static ssize_t count_show(struct emd_array *a, char *page, enum emd_region_state state)
{
	struct emd_map *map;
	struct emd_bitmap *bm = enter(a, &map);
	u32 nr = 0;

	if (bm) {
		spin_lock_irq(&bm->lock);
		nr = emd_regions_count(&bm->regions, state);
		spin_unlock_irq(&bm->lock);
	}
	if (map)
		emd_map_exit(map);
	return bm ? sysfs_emit(page, "%u\n", nr) : sysfs_emit(page, "none\n");
}

static ssize_t bitmap_dirty_show(struct emd_array *a, char *page)
{
	return count_show(a, page, EMD_REGION_SETTING);
}
EMD_ATTR_RO(bitmap_dirty);

static ssize_t bitmap_unsynced_show(struct emd_array *a, char *page)
{
	return count_show(a, page, EMD_REGION_UNSYNCED);
}
EMD_ATTR_RO(bitmap_unsynced);

static ssize_t bitmap_regions_show(struct emd_array *a, char *page)
{
	return count_show(a, page, EMD_REGION_CLEAN);
}
EMD_ATTR_RO(bitmap_regions);

static ssize_t bitmap_commits_show(struct emd_array *a, char *page)
{
	struct emd_map *map;
	struct emd_bitmap *bm = enter(a, &map);
	u64 commits = bm ? READ_ONCE(bm->commits) : 0;

	if (map)
		emd_map_exit(map);
	return bm ? sysfs_emit(page, "%llu\n", commits) : sysfs_emit(page, "none\n");
}
EMD_ATTR_RO(bitmap_commits);

static struct attribute *own_attrs[] = {
	&bitmap_dirty_attr.attr, &bitmap_unsynced_attr.attr, &bitmap_regions_attr.attr, &bitmap_commits_attr.attr, NULL
};
const struct attribute_group emd_bitmap_own_attr_group = { .attrs = own_attrs };
