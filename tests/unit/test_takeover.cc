// SPDX-License-Identifier: GPL-2.0-or-later
// Takeover: what is accepted maps every sector to where it was, and what moves data is refused.
#include "core/emd_takeover.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <tuple>
#include <vector>

namespace {

emd_geometry geometry(int level, unsigned layout, unsigned disks, unsigned chunk = 128)
{
	emd_geometry geo{};
	geo.level = level;
	geo.layout = layout;
	geo.raid_disks = disks;
	geo.chunk_sectors = level == 1 ? 0 : chunk;
	geo.member_sectors = chunk * 60ULL;
	return geo;
}

bool maps_alike(const emd_geometry &a, const emd_geometry &b)
{
	const __u64 end = emd_geometry_array_sectors(&a);
	if (end != emd_geometry_array_sectors(&b))
		return false;
	for (__u64 sector = 0; sector < end; sector += 8) {
		emd_place pa, pb;
		emd_geometry_map(&a, sector, &pa);
		emd_geometry_map(&b, sector, &pb);
		const auto moved = [&](unsigned slot) {	 // pairs of mirrors are what single members were
			return a.level == 10 && b.level == 0 ? slot / 2 : a.level == 0 && b.level == 10 ? slot * 2 : slot;
		};
		if (moved(pa.slot) != pb.slot || pa.sector != pb.sector)
			return false;
	}
	return true;
}

TEST(Takeover, WhatIsAcceptedMovesNothing)
{
	std::set<std::tuple<int, unsigned, unsigned, int>> accepted;  // from level, layout, disks; to level
	for (int level : {0, 1, 4, 5, 6})
		for (unsigned layout = 0; layout < (level == 6 ? 21u : level == 5 ? 6u : 1u); layout++)
			for (unsigned disks = 1; disks <= 6; disks++) {
				const emd_geometry from = geometry(level, layout, disks);
				if (emd_geometry_validate(&from, nullptr))
					continue;
				for (int target : {0, 1, 4, 5, 6}) {
					emd_geometry to;
					const char *why = nullptr;
					if (target == level)
						continue;
					if (emd_takeover_geometry(&from, target, &to, &why)) {
						EXPECT_NE(why, nullptr);
						continue;
					}
					EXPECT_EQ(to.level, target);
					EXPECT_EQ(emd_geometry_array_sectors(&to), emd_geometry_array_sectors(&from));
					// Pairs of mirrors hold everything twice: which copy is named first may change.
					if (disks != 2 || to.raid_disks != 2) {
						EXPECT_TRUE(maps_alike(from, to)) << level << " to " << target;
					}
					accepted.emplace(level, layout, disks, target);
				}
			}
	for (unsigned disks : {2u, 3u, 4u}) {
		EXPECT_TRUE(accepted.count({0, 0, disks, 4}));
		EXPECT_TRUE(accepted.count({0, 0, disks, 5}));
	}
	EXPECT_TRUE(accepted.count({5, EMD_LAYOUT_PARITY_LAST, 4, 4}));
	EXPECT_TRUE(accepted.count({5, EMD_LAYOUT_PARITY_LAST, 4, 0}));
	EXPECT_TRUE(accepted.count({4, 0, 4, 0}));
	EXPECT_TRUE(accepted.count({4, 0, 4, 5}));
	EXPECT_TRUE(accepted.count({1, 0, 2, 5}));
	EXPECT_TRUE(accepted.count({5, EMD_LAYOUT_LEFT_SYMMETRIC, 2, 1}));
	// Q comes and goes on a last member: each layout of RAID5 has one of RAID6 that is the same without it.
	for (unsigned layout = 0; layout < 6; layout++) {
		EXPECT_TRUE(accepted.count({5, layout, 4, 6})) << layout;
		EXPECT_TRUE(accepted.count({6, layout < 5 ? layout + 16 : 5, 5, 5})) << layout;
		EXPECT_EQ(accepted.count({6, layout, 5, 5}), layout == EMD_LAYOUT_PARITY_LAST) << layout;
	}
	EXPECT_TRUE(accepted.count({4, 0, 4, 6}));
	EXPECT_TRUE(accepted.count({6, EMD_LAYOUT_PARITY_LAST, 5, 4}));
	EXPECT_FALSE(accepted.count({5, EMD_LAYOUT_LEFT_SYMMETRIC, 2, 6}));
	EXPECT_FALSE(accepted.count({5, EMD_LAYOUT_LEFT_SYMMETRIC, 4, 4}));
	EXPECT_FALSE(accepted.count({5, EMD_LAYOUT_LEFT_SYMMETRIC, 4, 0}));
	EXPECT_FALSE(accepted.count({1, 0, 3, 5}));
}

TEST(Takeover, PairsOfMirrorsAreMembersOfRaid0)
{
	for (unsigned disks : {1u, 2u, 3u, 5u}) {
		const emd_geometry raid0 = geometry(0, 0, disks);
		emd_geometry raid10, back;
		ASSERT_EQ(emd_takeover_geometry(&raid0, 10, &raid10, nullptr), 0);
		EXPECT_EQ(raid10.raid_disks, 2 * disks);
		EXPECT_EQ(raid10.layout, unsigned(EMD_LAYOUT_RAID10_NEAR(2)));
		EXPECT_TRUE(maps_alike(raid0, raid10));
		ASSERT_EQ(emd_takeover_geometry(&raid10, 0, &back, nullptr), 0);
		EXPECT_EQ(back.raid_disks, disks);
		EXPECT_TRUE(maps_alike(raid10, back));
		for (unsigned slot = 0; slot < disks; slot++) {
			EXPECT_EQ(emd_takeover_slot(&raid0, &raid10, slot), 2 * slot);
			EXPECT_EQ(emd_takeover_slot(&raid10, &raid0, 2 * slot), slot);
			EXPECT_EQ(emd_takeover_slot(&raid10, &raid0, 2 * slot + 1), slot);
		}
	}
	for (const emd_geometry &from : {geometry(10, 0x102, 3), geometry(10, 0x103, 6), geometry(10, 0x201, 4), geometry(10, 0x10201, 4)}) {
		emd_geometry to;
		const char *why = nullptr;
		EXPECT_EQ(emd_takeover_geometry(&from, 0, &to, &why), -EINVAL);
		EXPECT_NE(why, nullptr);
	}
	const emd_geometry four = geometry(4, 0, 4);
	emd_geometry three;
	ASSERT_EQ(emd_takeover_geometry(&four, 0, &three, nullptr), 0);
	EXPECT_EQ(emd_takeover_slot(&four, &three, 2), 2u);
	EXPECT_EQ(emd_takeover_slot(&four, &three, 3), EMD_NO_SLOT);
}

std::vector<__u32> members(const emd_geometry &from, const emd_geometry &to, std::vector<__u8> standing)
{
	std::vector<__u32> origin(to.raid_disks);
	emd_takeover_members(&from, &to, standing.data(), origin.data());
	return origin;
}

using Members = std::vector<__u32>;
const __u8 kGood = EMD_STANDING_GOOD, kStale = EMD_STANDING_STALE, kNone = EMD_STANDING_NOBODY;

TEST(Takeover, AHoleAmongMirrorsIsFilledByOneThatWouldBeGivenUp)
{
	const emd_geometry two = geometry(1, 0, 2), three = geometry(1, 0, 3), four = geometry(1, 0, 4), raid0 = geometry(0, 0, 1);
	EXPECT_EQ(members(three, two, {kNone, kGood, kGood}), (Members{2, 1}));
	EXPECT_EQ(members(three, two, {kGood, kStale, kGood}), (Members{0, 2}));
	EXPECT_EQ(members(three, two, {kGood, kGood, kGood}), (Members{0, 1}));
	EXPECT_EQ(members(four, two, {kNone, kNone, kGood, kGood}), (Members{2, 3}));
	EXPECT_EQ(members(three, two, {kStale, kGood, kStale}), (Members{0, 1}));
	EXPECT_EQ(members(two, raid0, {kNone, kGood}), (Members{1}));
	EXPECT_EQ(members(two, four, {kNone, kGood}), (Members{EMD_NO_SLOT, 1, EMD_NO_SLOT, EMD_NO_SLOT}));
}

TEST(Takeover, NoGoodMirrorIsGivenUpWhileAPlaceIsWithoutOne)
{
	for (unsigned disks = 1; disks <= 5; disks++)
		for (unsigned fewer = 1; fewer <= 5; fewer++)
			for (unsigned all = 0; all < 243; all++) {
				std::vector<__u8> standing(5);
				for (unsigned i = 0, rest = all; i < 5; i++, rest /= 3)
					standing[i] = static_cast<__u8>(rest % 3);
				const Members origin = members(geometry(1, 0, disks), geometry(1, 0, fewer), standing);
				unsigned good = 0, kept = 0;
				std::set<__u32> taken;
				for (unsigned i = 0; i < disks; i++)
					good += standing[i] == kGood;
				for (unsigned slot = 0; slot < fewer; slot++) {
					if (origin[slot] == EMD_NO_SLOT)
						continue;
					ASSERT_LT(origin[slot], disks);
					EXPECT_TRUE(taken.insert(origin[slot]).second);
					EXPECT_NE(standing[origin[slot]], kNone);
					EXPECT_TRUE(slot >= disks || standing[slot] != kGood || origin[slot] == slot) << "nobody moves without need";
					kept += standing[origin[slot]] == kGood;
				}
				EXPECT_EQ(kept, std::min(good, fewer));
			}
}

TEST(Takeover, OfAPairTheFirstOfTheBestStays)
{
	const emd_geometry pairs = geometry(10, EMD_LAYOUT_RAID10_NEAR(2), 4), raid0 = geometry(0, 0, 2);
	EXPECT_EQ(members(pairs, raid0, {kGood, kGood, kStale, kGood}), (Members{0, 3}));
	EXPECT_EQ(members(pairs, raid0, {kNone, kStale, kNone, kNone}), (Members{1, EMD_NO_SLOT}));
	EXPECT_EQ(members(raid0, pairs, {kGood, kGood}), (Members{0, EMD_NO_SLOT, 1, EMD_NO_SLOT}));
	// Who is at the end of RAID5 has nothing that another one could do with.
	EXPECT_EQ(members(geometry(5, 5, 3), raid0, {kNone, kGood, kGood}), (Members{EMD_NO_SLOT, 1}));
}

TEST(Takeover, ZonesStayWhereTheyAre)
{
	const __u32 slots[] = {0, 1};
	const emd_zone zone{128 * 10, 0, 2, slots};
	emd_geometry from = geometry(0, 1, 2), to;
	from.zones = &zone;
	from.nr_zones = 1;
	EXPECT_EQ(emd_takeover_geometry(&from, 5, &to, nullptr), -EINVAL);
}

TEST(Takeover, SameNoticesAnotherLayout)
{
	for (unsigned a = 0; a < 6; a++)
		for (unsigned b = 0; b < 6; b++) {
			const emd_geometry x = geometry(5, a, 4), y = geometry(5, b, 4);
			EXPECT_EQ(emd_takeover_same(&x, &y) != 0, maps_alike(x, y)) << a << " and " << b;
		}
}

}  // namespace
