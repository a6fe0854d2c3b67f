// SPDX-License-Identifier: GPL-2.0-only
/* Layouts in which parity, or one of two, does not go round. */
#include "emd_parity.h"

static int first_or_last(const struct emd_geometry *geo, __u32 slot, __u32 parities)
{
	if (geo->layout == EMD_LAYOUT_PARITY_FIRST)
		return slot < parities;
	return geo->layout == EMD_LAYOUT_PARITY_LAST && slot >= geo->raid_disks - parities;
}

int emd_parity_alone(const struct emd_geometry *geo, __u32 slot)
{
	if (slot >= geo->raid_disks)
		return 0;
	switch (geo->level) {
	case 4:
		return slot == geo->raid_disks - 1;
	case 5:
		return first_or_last(geo, slot, 1);
	case 6:
		if (geo->layout == EMD_LAYOUT_PARITY_FIRST_6 && slot == 0)
			return 1;
		/* RAID5 with Q on a last member more. */
		if (geo->layout >= EMD_LAYOUT_LEFT_ASYMMETRIC_6)
			return slot == geo->raid_disks - 1;
		return first_or_last(geo, slot, 2);
	}
	return 0;
}
