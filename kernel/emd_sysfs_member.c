// SPDX-License-Identifier: GPL-2.0-only
/* md/dev-X: what a member is in its array. The same for a disk and for an array. */
#include "emd_array_private.h"
#include "emd_leaf.h"

/* -- state ------------------------------------------------------------------------------------------ */

static const char *gross_word(struct mdk_member *m)
{
	if (m->state & MDU_MSTATE_FAILED)
		return "faulty";
	if (m->state & MDU_MSTATE_TEARDOWN)
		return "removed";	/* not md's word: md has no such moment */
	if (test_bit(EMD_MF_PLACED, &m->flags) ? MDU_MSTATE_READABLE(m->state) :
						 m->priority >= 0 && m->recovered == EMD_POS_MAX)
		return "in_sync";
	return "spare";
}

static ssize_t state_show(struct mdk_member *m, char *page)
{
	static const struct {
		int bit;
		const char *word;
	} words[] = {
		{ EMD_MF_WRITE_MOSTLY, "write_mostly" }, { EMD_MF_BLOCKED, "blocked" },
		{ EMD_MF_WRITE_ERROR, "write_error" }, { EMD_MF_WANT_REPLACEMENT, "want_replacement" },
		{ EMD_MF_REPLACEMENT, "replacement" }, { EMD_MF_FAILFAST, "failfast" },
		{ EMD_MF_EXTERNAL_BBL, "external_bbl" },
	};
	int len = sysfs_emit(page, "%s", gross_word(m));
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (test_bit(words[i].bit, &m->flags))
			len += sysfs_emit_at(page, len, ",%s", words[i].word);
	return len + sysfs_emit_at(page, len, "\n");
}

static int store_faulty(struct emd_array *a, struct mdk_member *m)
{
	if (!emd_array_running(a))
		return emd_refuse(a, -EINVAL, "%s is inactive", a->member.name);
	return emd_array_fail(a, m);
}

/*
 * A member that is alive stays blocked until its bad blocks are known. A monitor that keeps no list of them any more
 * will never know them, so the member fails, and is blocked for that.
 */
static int store_unblocked(struct emd_array *a, struct mdk_member *m)
{
	if (!m->bad || !MDU_MSTATE_LIVE(emd_member_state(m)))
		emd_array_acknowledge(a, m);
	else if (!emd_array_acknowledge_bad(a, m) && !test_bit(EMD_MF_EXTERNAL_BBL, &m->flags))
		return emd_array_fail(a, m);
	return 0;
}

static int store_insync(struct emd_array *a, struct mdk_member *m)
{
	if (m->priority >= 0 || m->replaces >= 0)
		return emd_refuse(a, -EINVAL, "%s is in a slot", m->name);
	m->recovered = EMD_POS_MAX;
	return 0;
}

static int store_not_insync(struct emd_array *a, struct mdk_member *m)
{
	if (emd_array_running(a) || m->priority < 0)
		return emd_refuse(a, -EINVAL, "%s has to be in a slot of an inactive array", m->name);
	m->recovered = 0;
	return 0;
}

static int store_blocked(struct emd_array *a, struct mdk_member *m)
{
	set_bit(EMD_MF_BLOCKED, &m->flags);
	return 0;
}

static int store_external_bbl(struct emd_array *a, struct mdk_member *m)
{
	int error = emd_array_keep_bad(m);

	if (error)
		return emd_refuse(a, error, "no memory for a list of bad blocks");
	set_bit(EMD_MF_EXTERNAL_BBL, &m->flags);
	return 0;
}

/* In an array that runs it is told by the slot that a spare is given. */
static int check_replacement(struct emd_array *a, struct mdk_member *m)
{
	if (emd_array_running(a))
		return emd_refuse(a, -EBUSY, "%s is running: give %s the slot of a member that has want_replacement",
				  a->member.name, m->name);
	if (m->priority >= 0 || m->replaces >= 0)
		return emd_refuse(a, -EBUSY, "%s is in slot %d already", m->name, max(m->priority, m->replaces));
	return 0;
}

static int store_replacement(struct emd_array *a, struct mdk_member *m)
{
	int error = check_replacement(a, m);

	if (!error)
		set_bit(EMD_MF_REPLACEMENT, &m->flags);
	return error;
}

static int store_not_replacement(struct emd_array *a, struct mdk_member *m)
{
	int error = check_replacement(a, m);

	if (!error)
		clear_bit(EMD_MF_REPLACEMENT, &m->flags);
	return error;
}

static int store_re_add(struct emd_array *a, struct mdk_member *m)
{
	return emd_refuse(a, -EBUSY, "%s: a failed member is gone; add the device again", m->name);
}

struct state_command {
	const char *word;
	int (*run)(struct emd_array *a, struct mdk_member *m);
	int set, clear;		/* flag + 1, or 0 */
};

static const struct state_command commands[] = {
	{ "faulty", store_faulty },
	{ "remove", emd_array_remove },
	{ "blocked", store_blocked },
	{ "-blocked", store_unblocked },
	{ "insync", store_insync },
	{ "-insync", store_not_insync },
	{ "re-add", store_re_add },
	{ "writemostly", NULL, EMD_MF_WRITE_MOSTLY + 1 },
	{ "-writemostly", NULL, 0, EMD_MF_WRITE_MOSTLY + 1 },
	{ "write_error", NULL, EMD_MF_WRITE_ERROR + 1 },
	{ "-write_error", NULL, 0, EMD_MF_WRITE_ERROR + 1 },
	{ "failfast", NULL, EMD_MF_FAILFAST + 1 },
	{ "-failfast", NULL, 0, EMD_MF_FAILFAST + 1 },
	{ "want_replacement", emd_array_want_replacement },
	{ "-want_replacement", NULL, 0, EMD_MF_WANT_REPLACEMENT + 1 },
	{ "replacement", store_replacement },
	{ "-replacement", store_not_replacement },
	{ "external_bbl", store_external_bbl },
	{ "-external_bbl", NULL, 0, EMD_MF_EXTERNAL_BBL + 1 },
};

static int change_flag(struct emd_array *a, struct mdk_member *m, const struct state_command *c)
{
	if (c->set)
		set_bit(c->set - 1, &m->flags);
	if (c->clear)
		clear_bit(c->clear - 1, &m->flags);
	/* Write-mostly is part of the map. */
	if (emd_array_running(a) && (c->set ?: c->clear) == EMD_MF_WRITE_MOSTLY + 1)
		return emd_array_rebuild_map(a);
	return 0;
}

static ssize_t state_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	unsigned int i;
	int error;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!emd_word_is(page, commands[i].word))
			continue;
		error = commands[i].run ? commands[i].run(a, m) : change_flag(a, m, &commands[i]);
		if (error)
			return error;
		emd_member_notify(m, "state");
		return len;
	}
	return emd_refuse(a, -EINVAL, "a member's state takes no such word");
}
EMD_MEMBER_ATTR_RW(state);

/* -- place ---------------------------------------------------------------------------------------------- */

static ssize_t slot_show(struct mdk_member *m, char *page)
{
	int slot = max(m->priority, m->replaces);

	return slot < 0 ? sysfs_emit(page, "none\n") : sysfs_emit(page, "%d\n", slot);
}

static ssize_t slot_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	int slot = -1, error;

	if (!emd_word_is(page, "none") && (kstrtoint(page, 10, &slot) || slot < 0))
		return emd_refuse(a, -EINVAL, "slot is a number, or \"none\"");
	error = emd_array_place(a, m, slot);
	if (error)
		return error;
	emd_member_notify(m, "state");
	return len;
}
EMD_MEMBER_ATTR_RW(slot);

static bool in_running_slot(struct emd_array *a, struct mdk_member *m)
{
	return emd_array_running(a) && (m->priority >= 0 || m->replaces >= 0);
}

static ssize_t offset_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%llu\n", (unsigned long long)m->data_offset);
}

static ssize_t offset_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	u64 offset;

	if (emd_parse_sectors(page, NULL, &offset))
		return emd_refuse(a, -EINVAL, "offset is a number of sectors");
	if (in_running_slot(a, m))
		return emd_refuse(a, -EBUSY, "%s is in a slot of a running array", m->name);
	if (emd_array_external(a) && m->data_size)
		return emd_refuse(a, -EBUSY, "offset has to be stored before size");
	m->data_offset = offset;
	m->new_data_offset = offset;
	return len;
}
EMD_MEMBER_ATTR_RW(offset);

static ssize_t new_offset_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%llu\n", (unsigned long long)m->new_data_offset);
}

/* Moving data down makes a reshape run forward, moving it up backward. */
static bool direction_fits(struct emd_array *a, struct mdk_member *m, u64 offset)
{
	if (offset == m->data_offset || a->next_backward < 0)
		return true;
	return (offset > m->data_offset) == (a->next_backward == 1);
}

static ssize_t new_offset_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	u64 offset;

	if (emd_parse_sectors(page, NULL, &offset))
		return emd_refuse(a, -EINVAL, "new_offset is a number of sectors");
	if (emd_sync_running(a) || (emd_array_running(a) && rcu_access_pointer(a->reshape)))
		return emd_refuse(a, -EBUSY, "%s is at work on a resync, recovery or reshape", a->member.name);
	if (!direction_fits(a, m, offset))
		return emd_refuse(a, -EINVAL, "new_offset contradicts the direction of the reshape");
	if (offset > m->data_offset && offset + a->geo.member_sectors > m->total_size)
		return emd_refuse(a, -E2BIG, "%s has no room for its data at %llu", m->name, offset);
	m->new_data_offset = offset;
	return len;
}
EMD_MEMBER_ATTR_RW(new_offset);

static ssize_t size_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%llu\n", (unsigned long long)m->data_size / 2);
}

static bool overlaps(struct mdk_member *m, u64 sectors)
{
	bool found;

	if (m->type != MDU_MTYPE_LEAF)
		return false;
	mutex_lock(&emd_topology_mutex);
	found = emd_leaf_overlap(emd_member_leaf(m), m->data_offset, m->data_offset + sectors);
	mutex_unlock(&emd_topology_mutex);
	return found;
}

static ssize_t size_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	u64 kib, sectors;

	if (emd_parse_sectors(page, NULL, &kib) || kib > EMD_POS_MAX / 4)
		return emd_refuse(a, -EINVAL, "size is a number of KiB");
	sectors = kib * 2;
	if (m->new_data_offset != m->data_offset)
		return emd_refuse(a, -EINVAL, "%s is about to move to another offset", m->name);
	if (!sectors)
		sectors = m->total_size - min(m->total_size, m->data_offset);
	if (m->data_offset + sectors > m->total_size)
		return emd_refuse(a, -EINVAL, "%s ends before %llu sectors", m->name, m->data_offset + sectors);
	if (sectors < a->geo.member_sectors)
		return emd_refuse(a, -EINVAL, "size of %s would be less than component_size", m->name);
	if (overlaps(m, sectors))
		return emd_refuse(a, -EBUSY, "%s holds data of another array there", m->name);
	m->data_size = sectors;
	if (emd_array_running(a))
		emd_sync_reconsider(a);	/* it may be a spare now */
	return len;
}
EMD_MEMBER_ATTR_RW(size);

/* What is durable, as a monitor will record it. */
static ssize_t recovery_start_show(struct mdk_member *m, char *page)
{
	u64 recovered = READ_ONCE(m->recovered);

	if (recovered == EMD_POS_MAX)
		return sysfs_emit(page, "none\n");
	return sysfs_emit(page, "%llu\n", (unsigned long long)recovered);
}

static ssize_t recovery_start_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	u64 recovered;

	if (emd_parse_sectors(page, "none", &recovered))
		return emd_refuse(a, -EINVAL, "recovery_start is a number of sectors, or \"none\"");
	if (in_running_slot(a, m))
		return emd_refuse(a, -EBUSY, "%s is in a slot of a running array", m->name);
	m->recovered = recovered;
	return len;
}
EMD_MEMBER_ATTR_RW(recovery_start);

/* -- errors --------------------------------------------------------------------------------------------------- */

static ssize_t errors_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%d\n", atomic_read(&m->errors));
}

static ssize_t errors_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	unsigned int errors;

	if (kstrtouint(page, 10, &errors))
		return emd_refuse(a, -EINVAL, "errors is a number");
	atomic_set(&m->errors, errors);
	return len;
}
EMD_MEMBER_ATTR_RW(errors);

/* -- bad blocks ----------------------------------------------------------------------------------------------- */

static ssize_t bad_blocks_show(struct mdk_member *m, char *page)
{
	return READ_ONCE(m->has_bad) ? emd_badblocks_show(emd_member_badblocks(m), page, false) : 0;
}

static ssize_t unacknowledged_bad_blocks_show(struct mdk_member *m, char *page)
{
	return READ_ONCE(m->has_bad) ? emd_badblocks_show(emd_member_badblocks(m), page, true) : 0;
}

/* "start length", with at most one newline behind it. */
static int parse_range(const char *page, u64 *begin, u64 *length)
{
	char start[24];
	size_t digits = strcspn(page, " ");

	if (!page[digits] || digits >= sizeof(start))
		return -EINVAL;
	strscpy(start, page, digits + 1);
	return emd_parse_sectors(start, NULL, begin) ?: emd_parse_sectors(page + digits + 1, NULL, length);
}

static ssize_t store_bad(struct emd_array *a, struct mdk_member *m, const char *page, size_t len, bool known)
{
	u64 begin, length;
	int error;

	if (parse_range(page, &begin, &length) || !length)
		return emd_refuse(a, -EINVAL, "bad blocks are \"start length\", in sectors of the device");
	if (begin >= m->total_size || length > m->total_size - begin)
		return emd_refuse(a, -EINVAL, "%s has %llu sectors", m->name, (unsigned long long)m->total_size);
	if (!m->bad)
		return emd_refuse(a, -ENOSPC, "%s keeps no bad blocks: store external_bbl into its state first", m->name);
	error = emd_array_add_bad(a, m, begin, begin + length, known);
	if (error)
		return emd_refuse(a, error, "the list of bad blocks of %s takes no more", m->name);
	return len;
}

static ssize_t bad_blocks_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	return store_bad(a, m, page, len, true);
}
EMD_MEMBER_ATTR_RW(bad_blocks);

static ssize_t unacknowledged_bad_blocks_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	return store_bad(a, m, page, len, false);
}
EMD_MEMBER_ATTR_RW(unacknowledged_bad_blocks);

static struct attribute *member_attrs[] = {
	&state_attr.attr, &slot_attr.attr, &offset_attr.attr, &new_offset_attr.attr, &size_attr.attr,
	&recovery_start_attr.attr, &errors_attr.attr, &bad_blocks_attr.attr,
	&unacknowledged_bad_blocks_attr.attr, NULL
};
const struct attribute_group emd_member_attr_group = { .attrs = member_attrs };
