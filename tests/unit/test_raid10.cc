// SPDX-License-Identifier: GPL-2.0-or-later
// RAID10 against a second mapping that walks from copy to copy as the format's text does: every place, no place used
// twice, the inverse, the span of a range of members, the size, and which sets of members may be lost.
#include "core/emd_geometry.h"
#include "core/emd_mstate.h"
#include "core/emd_reshape_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

using u32 = __u32;
using u64 = __u64;
using Place = std::pair<u32, u64>;

constexpr u32 kChunk = 8;

struct Layout {
	u32 near, far;
	bool offset, sets;

	u32 number() const
	{
		return near | far << 8 | (offset ? EMD_LAYOUT_RAID10_OFFSET : 0) | (sets ? EMD_LAYOUT_RAID10_FAR_SETS : 0);
	}
};

emd_geometry make(const Layout &layout, u32 disks, u64 rows)
{
	return {10, layout.number(), disks, kChunk, rows * kChunk, nullptr, 0};
}

u64 naive_chunks(const Layout &l, u32 n, u64 rows)
{
	return rows / l.far * n / l.near;
}

u32 naive_next_slot(const Layout &l, u32 n, u32 d)
{
	if (!l.sets)
		return (d + l.near) % n;
	const u32 size = l.near * l.far, last = (n / size - 1) * size;
	if (n % size && d + l.near > last && d >= last)
		return (d + l.near - last) % (size + n % size) + last;
	return (d + l.near) % size + size * (d / size);
}

// All copies of a chunk as (slot, row), by the walk.
std::vector<Place> naive_copies(const Layout &l, u32 n, u64 rows, u64 chunk)
{
	const u64 used = (naive_chunks(l, n, rows) * l.near * l.far + n - 1) / n;
	const u64 stride = l.offset ? 1 : used / l.far;
	std::vector<Place> all;
	u64 row = chunk * l.near / n * (l.offset ? l.far : 1);
	u32 dev = u32(chunk * l.near % n);
	for (u32 j = 0; j < l.near; j++) {
		u32 d = dev;
		for (u32 f = 0; f < l.far; f++) {
			all.emplace_back(d, row + f * stride);
			d = naive_next_slot(l, n, d);
		}
		if (++dev == n)
			dev = 0, row++;
	}
	return all;
}

struct Case {
	Layout layout;
	u32 disks;
	u64 rows;
};

std::string name(const Case &c)
{
	return "n" + std::to_string(c.layout.near) + " f" + std::to_string(c.layout.far) + (c.layout.offset ? " offset" : "") +
	       (c.layout.sets ? " sets" : "") + " on " + std::to_string(c.disks) + ", " + std::to_string(c.rows) + " rows";
}

// All layouts up to seven members, also those that have to be refused.
std::vector<Case> every_case()
{
	std::vector<Case> all;
	for (u32 n = 2; n <= 7; n++)
		for (u32 near = 1; near <= n; near++)
			for (u32 far = 1; far <= n; far++)
				for (int kind = 0; kind < 4; kind++)
					for (u64 rows : {u64{2 * n}, u64{2 * n + 1}, u64{2 * n + 2}, u64{3 * n + 2}})
						all.push_back({{near, far, (kind & 1) != 0, (kind & 2) != 0}, n, rows});
	return all;
}

bool valid(const Case &c)
{
	const auto geo = make(c.layout, c.disks, c.rows);
	return !emd_geometry_validate(&geo, nullptr);
}

// Does the walk itself keep all copies apart: no place twice, the copies of a chunk on different members?
bool naive_sound(const Case &c)
{
	std::map<Place, u64> used;
	for (u64 chunk = 0; chunk < naive_chunks(c.layout, c.disks, c.rows); chunk++) {
		std::map<u32, int> slots;
		for (const auto &place : naive_copies(c.layout, c.disks, c.rows, chunk))
			if (place.second >= c.rows || slots[place.first]++ || !used.emplace(place, chunk).second)
				return false;
	}
	return true;
}

TEST(Raid10, WhatIsTakenIsSound)
{
	int taken = 0;
	for (const auto &c : every_case()) {
		if (!valid(c))
			continue;
		EXPECT_TRUE(naive_sound(c)) << name(c);
		taken++;
	}
	EXPECT_GT(taken, 300);
}

TEST(Raid10, UsualLayoutsAreTaken)
{
	for (u32 n = 2; n <= 7; n++)
		for (u32 copies = 2; copies <= n; copies++)
			for (const Layout &l : {Layout{copies, 1, false, false}, Layout{1, copies, false, false}, Layout{1, copies, true, false},
						Layout{1, copies, false, true}, Layout{1, copies, true, true}})
				EXPECT_TRUE(valid({l, n, 4 * n})) << name({l, n, 4 * n});
}

TEST(Raid10, WhyNot)
{
	const auto why = [](u32 layout, u32 disks, u64 rows) {
		const emd_geometry geo{10, layout, disks, kChunk, rows * kChunk, nullptr, 0};
		const char *sentence = "";
		EXPECT_NE(emd_geometry_validate(&geo, &sentence), 0);
		return std::string(sentence);
	};
	EXPECT_NE(why(0x101, 4, 8).find("two copies"), std::string::npos);
	EXPECT_NE(why(0x100, 4, 8).find("two copies"), std::string::npos);
	EXPECT_NE(why(2, 4, 8).find("two copies"), std::string::npos);
	EXPECT_NE(why(0x105, 4, 8).find("more copies than members"), std::string::npos);
	EXPECT_NE(why(0x102, 1, 8).find("more copies than members"), std::string::npos);
	EXPECT_NE(why(0x20201, 4, 8).find("bit 18"), std::string::npos);
	EXPECT_NE(why(0x80102, 4, 8).find("bits"), std::string::npos);
	EXPECT_NE(why(0x10202, 5, 8).find("multiple of the near"), std::string::npos);
	EXPECT_NE(why(0x40202, 6, 8).find("multiple of the far set"), std::string::npos);
	EXPECT_NE(why(0x301, 4, 2).find("less than a chunk"), std::string::npos);
}

TEST(Raid10, EveryCopyLiesWhereTheWalkComes)
{
	for (const auto &c : every_case()) {
		if (!valid(c))
			continue;
		SCOPED_TRACE(name(c));
		const auto geo = make(c.layout, c.disks, c.rows);
		const u64 chunks = naive_chunks(c.layout, c.disks, c.rows);
		ASSERT_EQ(emd_geometry_array_sectors(&geo), chunks * kChunk);
		ASSERT_EQ(emd_geometry_copies(&geo), c.layout.near * c.layout.far);
		ASSERT_EQ(emd_geometry_max_failures(&geo), c.layout.near * c.layout.far - 1);
		for (u64 x = 0; x < chunks * kChunk; x += 3) {
			auto want = naive_copies(c.layout, c.disks, c.rows, x / kChunk);
			std::vector<Place> got;
			for (u32 copy = 0; copy < emd_geometry_copies(&geo); copy++) {
				emd_place place{};
				emd_geometry_copy(&geo, x, copy, &place);
				ASSERT_EQ(place.sector % kChunk, x % kChunk);
				ASSERT_EQ(place.len, kChunk - x % kChunk);
				got.emplace_back(place.slot, place.sector / kChunk);
			}
			ASSERT_EQ(got[0], want[0]) << x;
			std::sort(got.begin(), got.end());
			std::sort(want.begin(), want.end());
			ASSERT_EQ(got, want) << "sector " << x;
		}
	}
}

TEST(Raid10, OwnerIsTheInverse)
{
	for (const auto &c : every_case()) {
		if (!valid(c))
			continue;
		SCOPED_TRACE(name(c));
		const auto geo = make(c.layout, c.disks, c.rows);
		u64 owned = 0;
		for (u32 slot = 0; slot < c.disks; slot++)
			for (u64 sector = 0; sector < geo.member_sectors; sector += 5) {
				emd_owner owner{};
				emd_place place{};
				const bool used = emd_geometry_owner(&geo, slot, sector, &owner);
				ASSERT_EQ(owner.len, kChunk - sector % kChunk);
				if (!used)
					continue;
				ASSERT_LT(owner.sector, emd_geometry_array_sectors(&geo));
				emd_geometry_copy(&geo, owner.sector, owner.copy, &place);
				ASSERT_EQ(place.slot, slot) << sector;
				ASSERT_EQ(place.sector, sector);
			}
		for (u32 slot = 0; slot < c.disks; slot++)
			for (u64 row = 0; row < c.rows; row++) {
				emd_owner owner{};
				owned += emd_geometry_owner(&geo, slot, row * kChunk, &owner);
			}
		ASSERT_EQ(owned, emd_geometry_array_sectors(&geo) / kChunk * emd_geometry_copies(&geo));
	}
}

TEST(Raid10, SpanHoldsAllOwners)
{
	for (const auto &c : every_case()) {
		if (!valid(c))
			continue;
		SCOPED_TRACE(name(c));
		const auto geo = make(c.layout, c.disks, c.rows);
		for (u64 begin = 0; begin < c.rows; begin++)
			for (u64 end = begin + 1; end <= std::min(begin + 3, c.rows); end++) {
				u64 lo = ~u64{0}, hi = 0, got_lo = 0, got_hi = 0;
				emd_geometry_span(&geo, begin * kChunk + 3, end * kChunk - 2, &got_lo, &got_hi);
				for (u64 row = begin; row < end; row++)
					for (u32 slot = 0; slot < c.disks; slot++) {
						emd_owner owner{};
						if (!emd_geometry_owner(&geo, slot, row * kChunk, &owner))
							continue;
						lo = std::min(lo, owner.sector);
						hi = std::max(hi, owner.sector + kChunk);
					}
				ASSERT_LE(got_hi, emd_geometry_array_sectors(&geo));
				if (hi) {
					ASSERT_LE(got_lo, lo) << begin << ".." << end;
					ASSERT_GE(got_hi, hi) << begin << ".." << end;
				}
				if (hi && end == begin + 1 && !c.layout.sets) {
					ASSERT_EQ(got_lo, lo) << begin;
					ASSERT_EQ(got_hi, hi) << begin;
				}
			}
	}
}

TEST(Raid10, SpanOfOtherLevelsIsWholeRows)
{
	u64 lo = 0, hi = 0;
	const emd_geometry raid5{5, 2, 4, 16, 160, nullptr, 0}, raid1{1, 0, 3, 0, 160, nullptr, 0}, chunked{1, 0, 2, 16, 160, nullptr, 0};
	emd_geometry_span(&raid5, 20, 33, &lo, &hi);
	EXPECT_EQ(std::make_pair(lo, hi), std::make_pair(u64{48}, u64{144}));
	emd_geometry_span(&raid1, 24, 40, &lo, &hi);
	EXPECT_EQ(std::make_pair(lo, hi), std::make_pair(u64{24}, u64{40}));
	emd_geometry_span(&chunked, 24, 40, &lo, &hi);
	EXPECT_EQ(std::make_pair(lo, hi), std::make_pair(u64{24}, u64{40}));
}

// The arithmetic of a reshape counts in rows: what it takes has them, every copy in its row; the others are refused.
TEST(Raid10, OnlyWhatHasRowsIsReshaped)
{
	int taken = 0, refused = 0;
	for (const auto &c : every_case()) {
		if (!valid(c))
			continue;
		SCOPED_TRACE(name(c));
		const auto geo = make(c.layout, c.disks, c.rows);
		const emd_geometry raid5{5, 2, 3, kChunk, geo.member_sectors, nullptr, 0};
		emd_reshape_plan there, back;
		const char *why = nullptr;
		const bool from = !emd_reshape_plan_init(&there, &geo, &raid5, -4096, 0, &why);
		const bool to = !emd_reshape_plan_init(&back, &raid5, &geo, -4096, 0, nullptr);
		ASSERT_EQ(from, to);
		if (!from) {
			EXPECT_NE(std::string(why).find("near copies"), std::string::npos);
			refused++;
			continue;
		}
		taken++;
		ASSERT_EQ(there.array_old, emd_geometry_array_sectors(&geo));
		ASSERT_EQ(back.array_new, emd_geometry_array_sectors(&geo));
		for (u64 x = 0; x < there.array_old; x += kChunk)
			for (u32 copy = 0; copy < emd_geometry_copies(&geo); copy++) {
				emd_place place{};
				emd_geometry_copy(&geo, x, copy, &place);
				ASSERT_EQ(place.sector / kChunk, x / (u64{kChunk} * there.data_old)) << x;
			}
	}
	EXPECT_GT(taken, 30);
	EXPECT_GT(refused, 200);
}

// Every set of lost members: failed exactly if the walk finds a chunk without a copy, redundant if one with two.
TEST(Raid10, StateFollowsFromTheCopies)
{
	for (const auto &c : every_case()) {
		if (!valid(c))
			continue;
		SCOPED_TRACE(name(c));
		for (u32 lost = 0; lost < 1u << c.disks; lost++) {
			std::vector<mdu_mstate_t> child;
			for (u32 i = 0; i < c.disks; i++)
				child.push_back(lost >> i & 1 ? MDU_MSTATE_UNKNOWN : MDU_MSTATE_OPTIMAL);
			bool whole = true, twice = false;
			for (u64 chunk = 0; chunk < c.disks; chunk++) {
				u32 alive = 0;
				for (const auto &place : naive_copies(c.layout, c.disks, 4 * c.disks * c.layout.far, chunk))
					alive += !(lost >> place.first & 1);
				whole &= alive > 0;
				twice |= alive > 1;
			}
			const mdu_mstate_t want = !lost ? MDU_MSTATE_OPTIMAL : whole ? MDU_MSTATE_DEGRADED : MDU_MSTATE_FAILED;
			ASSERT_EQ(emd_mstate_array(10, c.layout.number(), c.disks, child.data()), want) << "lost " << lost;
			ASSERT_EQ(emd_mstate_redundant(10, c.layout.number(), c.disks, child.data()) != 0, twice) << "lost " << lost;
		}
	}
}

TEST(Raid10, StateOfALayoutThatIsNoneIsFailed)
{
	const mdu_mstate_t child[] = {MDU_MSTATE_OPTIMAL, MDU_MSTATE_UNKNOWN};
	EXPECT_EQ(emd_mstate_array(10, 0, 2, child), mdu_mstate_t{MDU_MSTATE_FAILED});
	EXPECT_EQ(emd_mstate_redundant(10, 0, 2, child), 0);
}

TEST(Raid10, OtherLevelsAreRedundantWhileSomethingCanBeCompared)
{
	const mdu_mstate_t here = MDU_MSTATE_OPTIMAL, gone = MDU_MSTATE_UNKNOWN;
	const mdu_mstate_t all[] = {here, here, here, here}, one[] = {here, gone, here, here}, two[] = {gone, gone, here, here},
			   three[] = {gone, gone, gone, here};
	for (int level : {1, 4, 5, 6})
		EXPECT_TRUE(emd_mstate_redundant(level, 0, 4, all));
	EXPECT_TRUE(emd_mstate_redundant(1, 0, 4, two));
	EXPECT_FALSE(emd_mstate_redundant(1, 0, 4, three));
	EXPECT_FALSE(emd_mstate_redundant(5, 2, 4, one));
	EXPECT_TRUE(emd_mstate_redundant(6, 2, 4, one));
	EXPECT_FALSE(emd_mstate_redundant(6, 2, 4, two));
	EXPECT_FALSE(emd_mstate_redundant(0, 0, 4, all));
}

}  // namespace
