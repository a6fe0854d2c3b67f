// SPDX-License-Identifier: GPL-2.0-only
/*
 * The partial parity log of a RAID5, as it is ordered: consistency_policy is ppl, each member says where its area is, and ppl_header
 * how headers look. What keeps it is the personality (personality/raid456/log.h); here is what may be ordered, and what it forbids.
 *
 * It belongs to one shape and to these members: while it is kept there is no reshape, no other level, no replacement and no bitmap.
 */
#include <linux/log2.h>

#include "emd_array_private.h"

bool emd_array_parity_log(const struct emd_array *a, u32 *signature, u32 *unit_bytes)
{
	*signature = a->parity_log.signature;
	*unit_bytes = a->parity_log.unit_bytes;
	return a->parity_log.wanted;
}

int emd_array_want_parity_log(struct emd_array *a, bool wanted)
{
	if (wanted == a->parity_log.wanted)
		return 0;
	if (emd_array_running(a))
		return emd_refuse(a, -EBUSY, "%s is running: stop it to begin or end its partial parity log", a->member.name);
	a->parity_log.wanted = wanted;
	return 0;
}

int emd_array_refuse_beside_log(struct emd_array *a)
{
	if (!a->parity_log.wanted)
		return 0;
	return emd_refuse(a, -EBUSY, "%s has a partial parity log, which belongs to its shape and its members as they are", a->member.name);
}

/* -- places ------------------------------------------------------------------------------------------- */

const char *emd_array_log_misfit(struct emd_array *a, struct mdk_member *m)
{
	u64 end = m->log_sector + m->log_sectors;

	if (!a->parity_log.wanted)
		return NULL;
	if (!m->log_sectors)
		return "has no place for the partial parity log: store ppl_sector and ppl_size first";
	if (end > m->total_size)
		return "ends before its partial parity log does";
	if (m->log_sector < m->data_offset + a->geo.member_sectors && m->data_offset < end)
		return "has its data where its partial parity log would be";
	return NULL;
}

static int check_places(struct emd_array *a)
{
	const char *misfit;
	struct mdk_member *m;
	int error = 0;

	mutex_lock(&emd_topology_mutex);
	emd_for_each_child(m, &a->member) {
		misfit = m->priority >= 0 && MDU_MSTATE_LIVE(m->state) ? emd_array_log_misfit(a, m) : NULL;
		if (misfit && !error)
			error = emd_refuse(a, -EINVAL, "%s %s", m->name, misfit);
	}
	mutex_unlock(&emd_topology_mutex);
	return error;
}

int emd_array_check_parity_log(struct emd_array *a)
{
	if (!a->parity_log.wanted)
		return 0;
	if (a->geo.level != 5)
		return emd_refuse(a, -EINVAL, "%s is no RAID5, which alone has a partial parity log", a->member.name);
	if (!a->parity_log.unit_bytes)
		return emd_refuse(a, -EINVAL, "it is not said how the headers of %s's partial parity log look: store \"signature unit\" in ppl_header",
				  a->member.name);
	if (a->bitmap_config.location)
		return emd_refuse(a, -EINVAL, "%s has a bitmap, beside which there is no partial parity log", a->member.name);
	if (a->reshape_position != EMD_POS_MAX || emd_array_replaces(a))
		return emd_refuse(a, -EBUSY, "%s is being reshaped, or a member replaced, which cannot be logged", a->member.name);
	return check_places(a);
}

/* -- attributes of a member ------------------------------------------------------------------------------ */

static int check_unplaced(struct emd_array *a, struct mdk_member *m)
{
	if (emd_array_running(a) && m->priority >= 0)
		return emd_refuse(a, -EBUSY, "%s is in a slot of a running array", m->name);
	return 0;
}

static ssize_t ppl_sector_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%llu\n", (unsigned long long)m->log_sector);
}

static ssize_t ppl_sector_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	u64 sector;
	int error = check_unplaced(a, m);

	if (error)
		return error;
	if (emd_parse_sectors(page, NULL, &sector) || sector >= m->total_size)
		return emd_refuse(a, -EINVAL, "ppl_sector is a sector of the device, which has %llu", (u64)m->total_size);
	m->log_sector = sector;
	return len;
}
EMD_MEMBER_ATTR_RW(ppl_sector);

static ssize_t ppl_size_show(struct mdk_member *m, char *page)
{
	return sysfs_emit(page, "%u\n", m->log_sectors);
}

#define MOST_LOG_SECTORS	65535U	/* what md's superblock can say */

static ssize_t ppl_size_store(struct emd_array *a, struct mdk_member *m, const char *page, size_t len)
{
	u64 sectors;
	int error = check_unplaced(a, m);

	if (error)
		return error;
	if (emd_parse_sectors(page, NULL, &sectors) || sectors > MOST_LOG_SECTORS)
		return emd_refuse(a, -EINVAL, "ppl_size is a number of sectors up to %u", MOST_LOG_SECTORS);
	m->log_sectors = sectors;
	return len;
}
EMD_MEMBER_ATTR_RW(ppl_size);

static struct attribute *member_log_attrs[] = { &ppl_sector_attr.attr, &ppl_size_attr.attr, NULL };
const struct attribute_group emd_member_log_attr_group = { .attrs = member_log_attrs };

/* -- attributes of an array -------------------------------------------------------------------------------- */

static ssize_t ppl_header_show(struct emd_array *a, char *page)
{
	if (!a->parity_log.unit_bytes)
		return sysfs_emit(page, "none\n");
	return sysfs_emit(page, "%u %u\n", a->parity_log.signature, a->parity_log.unit_bytes);
}

static ssize_t ppl_header_store(struct emd_array *a, const char *page, size_t len)
{
	unsigned int signature, unit;
	int end = 0;

	if (emd_array_running(a))
		return emd_refuse(a, -EBUSY, "%s is running", a->member.name);
	if (sscanf(page, "%u %u%n", &signature, &unit, &end) != 2 || (page[end] && page[end] != '\n') ||
	    !is_power_of_2(unit) || unit < SECTOR_SIZE || unit > PAGE_SIZE)
		return emd_refuse(a, -EINVAL, "ppl_header is \"signature unit\": a number, and how many bytes entries count the array in (512 to %lu)",
				  PAGE_SIZE);
	a->parity_log.signature = signature;
	a->parity_log.unit_bytes = unit;
	return len;
}
EMD_ATTR_RW(ppl_header);

static struct attribute *log_attrs[] = { &ppl_header_attr.attr, NULL };
const struct attribute_group emd_log_attr_group = { .attrs = log_attrs };
