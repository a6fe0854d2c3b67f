// SPDX-License-Identifier: GPL-2.0-or-later
// Which members hold parity alone: as the map says it, sector by sector.
#include "core/emd_parity.h"

#include <gtest/gtest.h>

#include <set>

namespace {

TEST(Parity, AloneIsWhereNoSectorOfTheArrayLies)
{
	unsigned alone = 0;
	for (int level : {0, 1, 4, 5, 6, 10})
		for (unsigned layout = 0; layout < (level == 6 ? 21u : level == 5 ? 6u : 1u); layout++)
			for (unsigned disks = 2; disks <= 7; disks++) {
				emd_geometry geo{};
				geo.level = level;
				geo.layout = level == 10 ? 0x102 : layout;
				geo.raid_disks = disks;
				geo.chunk_sectors = level == 1 ? 0 : 16;
				geo.member_sectors = 16 * 3 * 84;
				if (emd_geometry_validate(&geo, nullptr))
					continue;
				std::set<unsigned> data;
				for (__u64 sector = 0; sector < emd_geometry_array_sectors(&geo); sector += 16) {
					emd_place place;
					emd_geometry_map(&geo, sector, &place);
					data.insert(place.slot);
				}
				for (unsigned slot = 0; slot < disks; slot++) {
					const bool parity = level >= 4 && level <= 6 && !data.contains(slot);
					EXPECT_EQ(emd_parity_alone(&geo, slot), parity) << level << ' ' << layout << ' ' << disks << ' ' << slot;
					alone += parity;
				}
				EXPECT_EQ(emd_parity_alone(&geo, disks), 0);
			}
	EXPECT_GT(alone, 20u);
}

}  // namespace
