// SPDX-License-Identifier: GPL-2.0-only
/* md/ of an array: level, geometry, size, metadata; the rest is with what it belongs to. */
#include <linux/sched/mm.h>

#include "emd_array_private.h"
#include "emd_bitmap.h"

static bool differs(const struct emd_array *a)
{
	return a->reshape_position != EMD_POS_MAX || rcu_access_pointer(a->reshape) || emd_array_running(a);
}

/* "new (old)" while a change is proposed or under way. */
static ssize_t show_pair(struct emd_array *a, char *page, u32 next, u32 now)
{
	if (next != now && differs(a))
		return sysfs_emit(page, "%u (%u)\n", next, now);
	return sysfs_emit(page, "%u\n", now);
}

/* Inactive with a position: the second value of an interrupted reshape; without: the only one. */
static int store_geometry(struct emd_array *a, const struct emd_geometry *next)
{
	if (emd_array_running(a))
		return emd_reshape_propose(a, next);
	a->next = *next;
	if (a->reshape_position == EMD_POS_MAX)
		a->geo = *next;
	return 0;
}

/* -- geometry ------------------------------------------------------------------------------------- */

static ssize_t raid_disks_show(struct emd_array *a, char *page)
{
	return show_pair(a, page, a->next.raid_disks, a->geo.raid_disks);
}

static ssize_t raid_disks_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_geometry next = a->next;
	unsigned int n;
	int error;

	if (kstrtouint(page, 10, &n) || !n || n > EMD_MAX_MEMBERS)
		return emd_refuse(a, -EINVAL, "raid_disks has to be between 1 and %d", EMD_MAX_MEMBERS);
	next.raid_disks = n;
	if (emd_array_running(a) && emd_reshape_only_mirrors(a, &next))
		error = n == a->geo.raid_disks ? 0 : emd_array_set_mirrors(a, n);
	else
		error = store_geometry(a, &next);
	return error ?: len;
}
EMD_ATTR_RW_FLAGS(raid_disks, EMD_ATTR_SETTLE);

static ssize_t chunk_size_show(struct emd_array *a, char *page)
{
	return show_pair(a, page, a->next.chunk_sectors << SECTOR_SHIFT, a->geo.chunk_sectors << SECTOR_SHIFT);
}

static ssize_t chunk_size_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_geometry next = a->next;
	unsigned int bytes;
	int error;

	if (kstrtouint(page, 10, &bytes) || bytes % SECTOR_SIZE)
		return emd_refuse(a, -EINVAL, "chunk_size is a number of bytes, a multiple of 512");
	next.chunk_sectors = bytes >> SECTOR_SHIFT;
	error = store_geometry(a, &next);
	return error ?: len;
}
EMD_ATTR_RW_FLAGS(chunk_size, EMD_ATTR_SETTLE);

static ssize_t layout_show(struct emd_array *a, char *page)
{
	return show_pair(a, page, a->next.layout, a->geo.layout);
}

static ssize_t layout_store(struct emd_array *a, const char *page, size_t len)
{
	struct emd_geometry next = a->next;
	int error;

	if (kstrtouint(page, 10, &next.layout))
		return emd_refuse(a, -EINVAL, "layout is a number");
	error = store_geometry(a, &next);
	return error ?: len;
}
EMD_ATTR_RW_FLAGS(layout, EMD_ATTR_SETTLE);

static ssize_t component_size_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%llu\n", (unsigned long long)a->geo.member_sectors / 2);
}

static ssize_t component_size_store(struct emd_array *a, const char *page, size_t len)
{
	u64 kib, sectors;
	int error;

	if (emd_parse_sectors(page, NULL, &kib) || kib > EMD_POS_MAX / 4)
		return emd_refuse(a, -EINVAL, "component_size is a number of KiB");
	sectors = kib * 2;
	if (emd_array_running(a)) {
		error = emd_array_set_member_sectors(a, sectors);
		return error ?: len;
	}
	if (a->geo.member_sectors && sectors > a->geo.member_sectors)
		return emd_refuse(a, -ENOSPC, "component_size of an inactive array can only be made smaller");
	a->geo.member_sectors = sectors;
	a->next.member_sectors = sectors;
	return len;
}
EMD_ATTR_RW(component_size);

static ssize_t array_size_show(struct emd_array *a, char *page)
{
	if (a->external_size)
		return sysfs_emit(page, "%llu\n", (unsigned long long)a->array_sectors / 2);
	return sysfs_emit(page, "default\n");
}

static ssize_t array_size_store(struct emd_array *a, const char *page, size_t len)
{
	u64 kib = 0, max = emd_array_max_sectors(a);
	bool follow = emd_word_is(page, "default");

	if (!follow && (emd_parse_sectors(page, NULL, &kib) || kib > EMD_POS_MAX / 4))
		return emd_refuse(a, -EINVAL, "array_size is a number of KiB, or \"default\"");
	if (emd_array_running(a) && kib * 2 > max)
		return emd_refuse(a, -E2BIG, "%s has %llu KiB, not %llu", a->member.name, max / 2, kib);
	a->external_size = !follow;
	a->array_sectors = kib * 2;
	if (emd_array_running(a))
		emd_array_resize(a);
	return len;
}
EMD_ATTR_RW(array_size);

static struct attribute *geometry_attrs[] = {
	&raid_disks_attr.attr, &chunk_size_attr.attr, &layout_attr.attr, &component_size_attr.attr,
	&array_size_attr.attr, NULL
};
const struct attribute_group emd_geometry_attr_group = { .attrs = geometry_attrs };

/* -- level ------------------------------------------------------------------------------------------- */

static ssize_t level_show(struct emd_array *a, char *page)
{
	const struct emd_personality *pers = READ_ONCE(a->member.pers);

	if (pers)
		return sysfs_emit(page, "%s\n", pers->name);
	return sysfs_emit(page, "%s\n", a->priv->level_word);
}

static int store_inactive_level(struct emd_array *a, const char *word)
{
	const struct emd_personality *pers = emd_personality_by_name(word);

	if (!word[0])
		return emd_refuse(a, -EINVAL, "level is a word");
	strscpy(a->priv->level_word, pers ? pers->name : word, sizeof(a->priv->level_word));
	a->geo.level = pers ? pers->level : EMD_LEVEL_NONE;
	a->next.level = a->geo.level;
	return 0;
}

static ssize_t level_store(struct emd_array *a, const char *page, size_t len)
{
	char word[sizeof(a->priv->level_word)];
	int error;

	if (strscpy(word, page, sizeof(word)) < 0)
		return emd_refuse(a, -EINVAL, "there is no such level");
	strim(word);
	error = emd_array_running(a) ? emd_array_takeover(a, word) : store_inactive_level(a, word);
	return error ?: len;
}
EMD_ATTR_RW_FLAGS(level, EMD_ATTR_SETTLE);

/* -- array_state -------------------------------------------------------------------------------------- */

static ssize_t array_state_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%s\n", emd_array_state_word(emd_array_state(a)));
}

static bool opened(struct emd_array *a)
{
	return READ_ONCE(a->priv->opens) || READ_ONCE(a->priv->claimed) || atomic_read(&emd_array_gate(a)->early);
}

static int in_use(struct emd_array *a)
{
	return emd_refuse(a, -EBUSY, "%s is in use", a->member.name);
}

static int store_inactive(struct emd_array *a)
{
	if (!emd_array_running(a))
		return 0;
	if (opened(a))
		return in_use(a);
	emd_array_stop(a);
	return 0;
}

static int store_read_only(struct emd_array *a, enum emd_array_state state)
{
	if (!emd_array_running(a))
		return emd_array_start(a, state);
	if (emd_array_writable(a) && opened(a))
		return in_use(a);
	return emd_array_set_readonly(a, state);
}

static int store_active(struct emd_array *a)
{
	if (!emd_array_running(a))
		return emd_array_start(a, EMD_ARRAY_ACTIVE);
	if (!emd_array_writable(a))
		return emd_array_set_writable(a);
	/* The answer to write-pending: dirty is durable. */
	if (READ_ONCE(emd_array_gate(a)->pending))
		emd_gate_open(a);
	return 0;
}

static int store_clean(struct emd_array *a)
{
	if (!emd_array_running(a))
		return emd_refuse(a, -EINVAL, "%s is inactive: start it with readonly, read-auto or active",
				  a->member.name);
	if (!emd_array_writable(a))
		return emd_array_set_writable(a);
	if (!emd_array_redundant(a))
		return 0;
	if (emd_gate_shut(a, false, EMD_ARRAY_CLEAN))
		return emd_refuse(a, -EBUSY, "%s has writes under way", a->member.name);
	emd_gate_release(a);
	return 0;
}

static int store_state(struct emd_array *a, enum emd_array_state state)
{
	switch (state) {
	case EMD_ARRAY_INACTIVE:
		return store_inactive(a);
	case EMD_ARRAY_READONLY:
	case EMD_ARRAY_READ_AUTO:
		return store_read_only(a, state);
	case EMD_ARRAY_ACTIVE:
		return store_active(a);
	case EMD_ARRAY_CLEAN:
		return store_clean(a);
	default:
		return emd_refuse(a, -EINVAL, "array_state takes clear, inactive, readonly, read-auto, clean and active");
	}
}

/* The directory of this very attribute goes while it is being stored to. */
static int clear_from_attribute(struct emd_array *a, struct attribute *attr)
{
	struct kobject *dir = &a->priv->md_dir->kobj;
	struct kernfs_node *node;
	int error;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	kobject_get(dir);
	node = sysfs_break_active_protection(dir, attr);
	error = emd_array_clear(a);
	if (node)
		sysfs_unbreak_active_protection(node);
	kobject_put(dir);
	module_put(THIS_MODULE);
	return error;
}

static ssize_t array_state_store(struct emd_array *a, const char *page, size_t len);
EMD_ATTR_RW_FLAGS(array_state, EMD_ATTR_UNLOCKED);

static bool stops(int state)
{
	return state == EMD_ARRAY_CLEAR || state == EMD_ARRAY_INACTIVE || state == EMD_ARRAY_READONLY || state == EMD_ARRAY_READ_AUTO;
}

static ssize_t array_state_store(struct emd_array *a, const char *page, size_t len)
{
	int state = emd_array_state_find(page), error;
	unsigned int noio;

	if (stops(state) && emd_gate_await_early(a))
		return -EINTR;
	if (state == EMD_ARRAY_CLEAR) {
		error = clear_from_attribute(a, &array_state_attr.attr);
		return error ?: len;
	}
	if (mutex_lock_interruptible(&a->config_mutex))
		return -EINTR;
	noio = memalloc_noio_save();	/* see emd_array.h */
	a->last_error[0] = '\0';
	error = a->priv->stopping ? -ENODEV : store_state(a, state);
	if (!error)
		emd_array_notify(a, "array_state");
	memalloc_noio_restore(noio);
	mutex_unlock(&a->config_mutex);
	/* Who has started an array expects to find the attributes of its level. */
	flush_work(&a->priv->show_work);
	return error ?: len;
}

/* -- metadata and members ------------------------------------------------------------------------------- */

static ssize_t metadata_version_show(struct emd_array *a, char *page)
{
	if (emd_array_external(a))
		return sysfs_emit(page, "external:%s\n", a->priv->tag);
	return sysfs_emit(page, "none\n");
}

static int set_tag(struct emd_array *a, const char *page)
{
	char tag[EMD_TAG_SIZE];

	if (strscpy(tag, page, sizeof(tag)) < 0)
		return emd_refuse(a, -EINVAL, "metadata_version is longer than %d characters", EMD_TAG_SIZE - 1);
	strim(tag);
	strscpy(a->priv->tag, tag, sizeof(a->priv->tag));
	a->member.metapers = &emd_meta_external;
	return 0;
}

static ssize_t metadata_version_store(struct emd_array *a, const char *page, size_t len)
{
	bool external = !strncmp(page, "external:", 9);
	unsigned int major, minor;
	int error = 0;

	if (external && emd_array_external(a))
		error = set_tag(a, page + 9);
	else if (!list_empty(&a->member.child_set))
		error = emd_refuse(a, -EBUSY, "%s has members", a->member.name);
	else if (external)
		error = set_tag(a, page + 9);
	else if (emd_word_is(page, "none"))
		a->member.metapers = &emd_meta_none;
	else if (sscanf(page, "%u.%u", &major, &minor) != 2)
		error = emd_refuse(a, -EINVAL, "metadata_version is none or external:...");
	else
		error = emd_refuse(a, -ENOENT, "the kernel writes no metadata: use external:...");
	return error ?: len;
}
EMD_ATTR_RW(metadata_version);

static ssize_t new_dev_store(struct emd_array *a, const char *page, size_t len)
{
	unsigned int major, minor;
	int error;
	char end;
	dev_t dev;

	if (sscanf(page, "%u:%u%c", &major, &minor, &end) < 2)
		return emd_refuse(a, -EINVAL, "new_dev is MAJOR:MINOR");
	dev = MKDEV(major, minor);
	if (MAJOR(dev) != major || MINOR(dev) != minor)
		return emd_refuse(a, -EOVERFLOW, "there is no device %u:%u", major, minor);
	error = emd_array_add(a, dev);
	return error ?: len;
}
EMD_ATTR_WO(new_dev);

/* -- clean and dirty --------------------------------------------------------------------------------------- */

static ssize_t safe_mode_delay_show(struct emd_array *a, char *page)
{
	unsigned int ms = emd_array_gate(a)->idle_ms;

	return sysfs_emit(page, "%u.%03u\n", ms / 1000, ms % 1000);
}

int emd_parse_seconds(const char *page, unsigned int *ms)
{
	unsigned int whole, fraction = 0, digits;
	const char *point = strchr(page, '.');
	char text[16];

	if (strscpy(text, page, sizeof(text)) < 0)
		return -EINVAL;
	if (point) {
		text[point - page] = '\0';
		digits = strcspn(point + 1, "\n");
		if (digits > 3 || (digits && kstrtouint(point + 1, 10, &fraction)))
			return -EINVAL;
		for (; digits < 3; digits++)
			fraction *= 10;
	}
	if (kstrtouint(text, 10, &whole) || whole > UINT_MAX / 1000 / HZ)
		return -EINVAL;
	*ms = whole * 1000 + fraction;
	return 0;
}

static ssize_t safe_mode_delay_store(struct emd_array *a, const char *page, size_t len)
{
	unsigned int ms;

	if (emd_parse_seconds(page, &ms))
		return emd_refuse(a, -EINVAL, "safe_mode_delay is a number of seconds with at most three decimals");
	emd_gate_set_idle(a, ms);
	return len;
}
EMD_ATTR_RW(safe_mode_delay);

static ssize_t resync_start_show(struct emd_array *a, char *page)
{
	u64 start = READ_ONCE(a->resync_start);

	if (start == EMD_POS_MAX)
		return sysfs_emit(page, "none\n");
	return sysfs_emit(page, "%llu\n", (unsigned long long)start);
}

/* It says more than the bits do: what lies behind is not known to be right. */
static int store_beside_bitmap(struct emd_array *a, u64 start)
{
	struct emd_bitmap *bm = emd_bitmap_of(a);

	if (!emd_array_writable(a))
		return emd_refuse(a, -EROFS, "%s is read-only, and its bitmap would have to be written", a->member.name);
	if (start < a->geo.member_sectors)
		emd_bitmap_set(a, bm->array_units ? 0 : start >> bm->shift, bm->regions.nr - 1);
	else
		emd_bitmap_synced(a, EMD_POS_MAX);
	return 0;
}

static ssize_t resync_start_store(struct emd_array *a, const char *page, size_t len)
{
	u64 start;

	if (emd_parse_sectors(page, "none", &start))
		return emd_refuse(a, -EINVAL, "resync_start is a number of sectors, or \"none\"");
	if (emd_array_running(a) && !emd_sync_frozen(a))
		return emd_refuse(a, -EBUSY, "resync_start can be set only while %s is inactive or frozen",
				  a->member.name);
	if (emd_array_running(a) && emd_array_refuse_beside_log(a))
		return -EBUSY;
	if (emd_bitmap_of(a)) {
		int error = store_beside_bitmap(a, start);

		if (error)
			return error;
	}
	WRITE_ONCE(a->resync_start, start);
	return len;
}
EMD_ATTR_RW(resync_start);

static ssize_t consistency_policy_show(struct emd_array *a, char *page)
{
	if (!emd_array_running(a))
		return sysfs_emit(page, a->parity_log.wanted ? "ppl\n" : "unknown\n");
	if (rcu_access_pointer(a->bitmap))
		return sysfs_emit(page, "bitmap\n");
	if (a->parity_log.wanted)
		return sysfs_emit(page, "ppl\n");
	return sysfs_emit(page, "%s\n", emd_array_redundant(a) ? "resync" : "none");
}

/* What it shall have from its start on, and of a running array what it has. */
static ssize_t consistency_policy_store(struct emd_array *a, const char *page, size_t len)
{
	bool log = emd_word_is(page, "ppl");

	if (log || (emd_word_is(page, "resync") && (!emd_array_running(a) || a->parity_log.wanted)))
		return emd_array_want_parity_log(a, log) ?: len;
	if (emd_word_is(page, rcu_access_pointer(a->bitmap) ? "bitmap" : "resync") && emd_array_redundant(a))
		return len;
	return emd_refuse(a, -EINVAL, "%s can have no other consistency policy than it has", a->member.name);
}
EMD_ATTR_RW(consistency_policy);

static struct attribute *array_attrs[] = {
	&level_attr.attr, &array_state_attr.attr, &metadata_version_attr.attr, &new_dev_attr.attr,
	&safe_mode_delay_attr.attr, &resync_start_attr.attr, &consistency_policy_attr.attr, NULL
};
const struct attribute_group emd_array_attr_group = { .attrs = array_attrs };

/* -- only while redundant ------------------------------------------------------------------------------------ */

static ssize_t degraded_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%u\n", emd_array_degraded(a));
}
EMD_ATTR_RO(degraded);

static ssize_t stripe_cache_size_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%u\n", a->stripe_cache_size);
}

static ssize_t stripe_cache_size_store(struct emd_array *a, const char *page, size_t len)
{
	unsigned int pages;

	if (!emd_geometry_parity_disks(&a->geo))
		return -ENODEV;
	if (kstrtouint(page, 10, &pages) || pages <= 16 || pages > 32768)
		return emd_refuse(a, -EINVAL, "stripe_cache_size is a number between 17 and 32768");
	a->stripe_cache_size = pages;
	return len;
}
EMD_ATTR_RW(stripe_cache_size);

static ssize_t skip_copy_show(struct emd_array *a, char *page)
{
	return sysfs_emit(page, "%d\n", READ_ONCE(a->skip_copy));
}

static ssize_t skip_copy_store(struct emd_array *a, const char *page, size_t len)
{
	unsigned long on;
	int error;

	if (kstrtoul(page, 10, &on))
		return emd_refuse(a, -EINVAL, "skip_copy is 0 or 1");
	error = emd_array_set_skip_copy(a, on);
	return error ?: len;
}
EMD_ATTR_RW(skip_copy);

static struct attribute *redundancy_attrs[] = { &degraded_attr.attr, &stripe_cache_size_attr.attr, &skip_copy_attr.attr, NULL };
const struct attribute_group emd_redundancy_attr_group = { .attrs = redundancy_attrs };
