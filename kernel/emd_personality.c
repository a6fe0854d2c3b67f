// SPDX-License-Identifier: GPL-2.0-only
/* Which levels there are. */
#include <linux/seq_file.h>
#include <linux/string.h>

#include "emd_personality.h"

static const struct {
	const struct emd_personality *pers;
	const char *alias;	/* md's other word for it */
} personalities[] = {
	{ &emd_linear, "linear" },
	{ &emd_raid0, "stripe" },
	{ &emd_raid1, "mirror" },
	{ &emd_raid4, "4" },
	{ &emd_raid5, "5" },
	{ &emd_raid6, "6" },
	{ &emd_raid10, "10" },
};

const struct emd_personality *emd_personality_find(int level)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(personalities); i++)
		if (personalities[i].pers->level == level)
			return personalities[i].pers;
	return NULL;
}

const struct emd_personality *emd_personality_by_name(const char *name)
{
	unsigned int i;
	int level;

	if (!kstrtoint(name, 10, &level))
		return emd_personality_find(level);
	for (i = 0; i < ARRAY_SIZE(personalities); i++)
		if (sysfs_streq(name, personalities[i].pers->name) || sysfs_streq(name, personalities[i].alias))
			return personalities[i].pers;
	return NULL;
}

void emd_personality_list(struct seq_file *seq)
{
	unsigned int i;

	seq_puts(seq, "Personalities :");
	for (i = 0; i < ARRAY_SIZE(personalities); i++)
		seq_printf(seq, " [%s]", personalities[i].pers->name);
	seq_puts(seq, "\n");
}
