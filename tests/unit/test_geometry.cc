// SPDX-License-Identifier: GPL-2.0-or-later
// The geometry against a second one, written straight from the tables of the on-disk
// formats, over every small array: same place, no place used twice, inverses agree.
#include "core/emd_geometry.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using u32 = __u32;
using u64 = __u64;

constexpr int kLayouts5[] = {0, 1, 2, 3, 4, 5};
constexpr int kLayouts6[] = {0, 1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 18, 19, 20};

struct Row {
	int p = -1;
	int q = -1;
	std::vector<int> data;
};

Row naive_row5(int layout, int n, long s)
{
	const int p = (layout == 0 || layout == 2) ? n - 1 - int(s % n) : (layout == 1 || layout == 3) ? int(s % n)
		    : layout == 4 ? 0 : n - 1;
	Row row{p, -1, {}};
	for (int i = 0; i < n - 1; i++)
		row.data.push_back(layout == 2 || layout == 3 ? (p + 1 + i) % n : i >= p ? i + 1 : i);
	return row;
}

// RAID6's asymmetric rule: two slots are skipped at P; when P is last, Q is slot 0.
int naive_skip_pq(int n, int p, int i)
{
	if (p == n - 1)
		return i + 1;
	return i >= p ? i + 2 : i;
}

Row naive_row6(int layout, int n, long s)
{
	const int left = n - 1 - int(s % n), right = int(s % n);
	Row row;
	if (layout >= 16) { // RAID5's row over all slots but the last
		row = naive_row5(layout - 16, n - 1, s);
		row.q = n - 1;
		return row;
	}
	switch (layout) {
	case 0: case 2: case 10: row.p = left; break;
	case 1: case 3: case 8: row.p = right; break;
	case 4: row.p = 0; break;
	case 5: row.p = n - 2; break;
	case 9: row.p = n - 1 - int((s + 1) % n); break;
	}
	row.q = layout == 10 ? (row.p + n - 1) % n : (row.p + 1) % n;
	for (int i = 0; i < n - 2; i++) {
		switch (layout) {
		case 0: case 1: case 8: case 9: row.data.push_back(naive_skip_pq(n, row.p, i)); break;
		case 2: case 3: row.data.push_back((row.p + 2 + i) % n); break;
		case 4: row.data.push_back(i + 2); break;
		case 5: row.data.push_back(i); break;
		case 10: row.data.push_back((row.p + 1 + i) % n); break;
		}
	}
	return row;
}

Row naive_row(const emd_geometry &geo, long s)
{
	const int n = int(geo.raid_disks);
	if (geo.level == 4)
		return naive_row5(EMD_LAYOUT_PARITY_LAST, n, s);
	if (geo.level == 5)
		return naive_row5(int(geo.layout), n, s);
	return naive_row6(int(geo.layout), n, s);
}

emd_geometry make(int level, u32 layout, u32 disks, u32 chunk, u64 member)
{
	return {level, layout, disks, chunk, member, nullptr, 0};
}

std::vector<emd_geometry> parity_geometries()
{
	std::vector<emd_geometry> all;
	for (u32 n = 2; n <= 9; n++)
		all.push_back(make(4, 0, n, 8, 8 * 5));
	for (int layout : kLayouts5)
		for (u32 n = 2; n <= 9; n++)
			for (u32 chunk : {8u, 32u})
				all.push_back(make(5, u32(layout), n, chunk, u64(chunk) * (2 * n + 1)));
	for (int layout : kLayouts6)
		for (u32 n = 4; n <= 9; n++)
			all.push_back(make(6, u32(layout), n, 8, 8 * (2 * u64(n) + 1)));
	return all;
}

std::string name(const emd_geometry &geo)
{
	return "level " + std::to_string(geo.level) + " layout " + std::to_string(geo.layout) + " disks " +
	       std::to_string(geo.raid_disks) + " chunk " + std::to_string(geo.chunk_sectors);
}

// Every place is used once, parity excluded, and @len is neither too long nor crosses anything.
void expect_bijection(const emd_geometry &geo, const std::vector<u64> &member_size, u64 parity_sectors)
{
	std::set<std::pair<u32, u64>> used;
	const u64 size = emd_geometry_array_sectors(&geo);
	emd_place last{};

	for (u64 x = 0; x < size; x++) {
		emd_place place{};
		emd_geometry_map(&geo, x, &place);
		ASSERT_LT(place.slot, geo.raid_disks) << x;
		ASSERT_LT(place.sector, member_size[place.slot]) << x;
		ASSERT_TRUE(used.emplace(place.slot, place.sector).second) << x;
		ASSERT_GE(place.len, 1u);
		ASSERT_LE(x + place.len, size);
		if (x && last.len > 1) {
			ASSERT_EQ(place.slot, last.slot) << x;
			ASSERT_EQ(place.sector, last.sector + 1) << x;
			ASSERT_EQ(place.len, last.len - 1) << x;
		}
		last = place;
	}
	EXPECT_EQ(last.len, 1u);
	EXPECT_EQ(size + parity_sectors, std::accumulate(member_size.begin(), member_size.end(), u64{0}));
}

TEST(Geometry, RowsAgreeWithTheTables)
{
	for (const auto &geo : parity_geometries()) {
		SCOPED_TRACE(name(geo));
		ASSERT_EQ(emd_geometry_validate(&geo, nullptr), 0);
		for (u64 row : {u64{0}, u64{1}, u64{2}, u64{3}, u64{5}, u64{8}, u64{62}, u64{1} << 40, (u64{1} << 40) + 7}) {
			const Row want = naive_row(geo, long(row));
			EXPECT_EQ(int(emd_geometry_p_slot(&geo, row)), want.p);
			EXPECT_EQ(int(emd_geometry_q_slot(&geo, row)), want.q);
			ASSERT_EQ(want.data.size(), emd_geometry_data_disks(&geo));
			for (u32 i = 0; i < want.data.size(); i++) {
				const u32 slot = u32(want.data[i]);
				EXPECT_EQ(emd_geometry_data_slot(&geo, row, i), slot) << "row " << row;
				EXPECT_EQ(emd_geometry_column(&geo, row, slot), i) << "row " << row;
			}
			EXPECT_EQ(emd_geometry_column(&geo, row, u32(want.p)), EMD_NO_SLOT);
			if (want.q >= 0) {
				EXPECT_EQ(emd_geometry_column(&geo, row, u32(want.q)), EMD_NO_SLOT);
			}
		}
	}
}

// Facts of the format: data slots are counted from the one behind Q, without P; in DDF layouts every slot counts.
TEST(Geometry, PowersOfQAreThoseOfTheLayout)
{
	for (const auto &geo : parity_geometries()) {
		if (geo.level != 6)
			continue;
		SCOPED_TRACE(name(geo));
		const bool ddf = geo.layout >= 8 && geo.layout <= 10;
		EXPECT_EQ(emd_geometry_q_powers(&geo), ddf ? geo.raid_disks : geo.raid_disks - 2);
		for (u64 row = 0; row < 2 * geo.raid_disks; row++) {
			const Row want = naive_row(geo, long(row));
			u32 power = 0;
			for (u32 i = 1; i <= geo.raid_disks; i++) {
				const u32 slot = u32(want.q + int(i)) % geo.raid_disks;
				if (int(slot) == want.p || int(slot) == want.q)
					continue;
				EXPECT_EQ(emd_geometry_q_power(&geo, row, slot), ddf ? slot : power) << "row " << row << " slot " << slot;
				power++;
			}
		}
	}
}

TEST(Geometry, ParityLevelsMapEachSectorOnce)
{
	for (const auto &geo : parity_geometries()) {
		SCOPED_TRACE(name(geo));
		const u64 parity = geo.member_sectors * emd_geometry_parity_disks(&geo);
		expect_bijection(geo, std::vector<u64>(geo.raid_disks, geo.member_sectors), parity);
		EXPECT_EQ(emd_geometry_row_sectors(&geo) * (geo.member_sectors / geo.chunk_sectors),
			  emd_geometry_array_sectors(&geo));
	}
}

TEST(Geometry, StripedSectorsLieWhereTheTableSays)
{
	for (const auto &geo : parity_geometries()) {
		SCOPED_TRACE(name(geo));
		const u64 d = emd_geometry_data_disks(&geo);
		for (u64 x = 0; x < emd_geometry_array_sectors(&geo); x++) {
			const u64 c = x / geo.chunk_sectors, row = c / d;
			emd_place place{};
			emd_geometry_map(&geo, x, &place);
			ASSERT_EQ(int(place.slot), naive_row(geo, long(row)).data[c % d]);
			ASSERT_EQ(place.sector, row * geo.chunk_sectors + x % geo.chunk_sectors);
		}
	}
}

TEST(Geometry, Raid0OverEqualMembers)
{
	for (u32 n = 1; n <= 6; n++) {
		const auto geo = make(0, 0, n, 16, 16 * 7);
		SCOPED_TRACE(name(geo));
		expect_bijection(geo, std::vector<u64>(n, geo.member_sectors), 0);
		emd_place place{};
		emd_geometry_map(&geo, 16 * 5 + 3, &place);
		EXPECT_EQ(place.slot, 5 % n);
		EXPECT_EQ(place.sector, 5 / n * 16 + 3);
	}
}

TEST(Geometry, Raid1IsTheArrayOnEachMember)
{
	const auto geo = make(1, 0, 3, 0, 1001);
	ASSERT_EQ(emd_geometry_validate(&geo, nullptr), 0);
	EXPECT_EQ(emd_geometry_array_sectors(&geo), 1001u);
	EXPECT_EQ(emd_geometry_max_failures(&geo), 2u);
	EXPECT_EQ(emd_geometry_data_disks(&geo), 1u);
	for (u32 copy = 0; copy < emd_geometry_copies(&geo); copy++) {
		emd_place place{};
		emd_geometry_copy(&geo, 77, copy, &place);
		EXPECT_EQ(std::make_tuple(place.slot, place.sector, place.len), std::make_tuple(copy, u64{77}, u64{924}));
	}
}

TEST(Geometry, Raid10NearCopies)
{
	for (u32 n = 2; n <= 7; n++)
		for (u32 nc = 2; nc <= n; nc++) {
			const u64 rows = 2 * n + 1;
			const auto geo = make(10, u32(EMD_LAYOUT_RAID10_NEAR(nc)), n, 8, 8 * rows);
			SCOPED_TRACE(name(geo));
			ASSERT_EQ(emd_geometry_validate(&geo, nullptr), 0);
			EXPECT_EQ(emd_geometry_array_sectors(&geo), rows * n / nc * 8);
			EXPECT_EQ(emd_geometry_max_failures(&geo), nc - 1);
			std::set<std::pair<u32, u64>> used;
			for (u64 x = 0; x < emd_geometry_array_sectors(&geo); x++) {
				u64 t = x / 8 * nc, dev = t % n, row = t / n; // as the format's text walks
				for (u32 copy = 0; copy < nc; copy++) {
					emd_place place{};
					emd_geometry_copy(&geo, x, copy, &place);
					ASSERT_EQ(place.slot, dev);
					ASSERT_EQ(place.sector, row * 8 + x % 8);
					ASSERT_LT(place.sector, geo.member_sectors);
					ASSERT_EQ(place.len, 8 - x % 8);
					ASSERT_TRUE(used.emplace(place.slot, place.sector).second);
					if (++dev == n)
						dev = 0, row++;
				}
			}
		}
}

// -- zones --------------------------------------------------------------------------------------

struct Zoned {
	std::vector<emd_zone> zones;
	std::vector<u32> slots;
	emd_geometry geo;
	int nr;

	Zoned(int level, u32 layout, u32 chunk, const std::vector<u64> &size)
		: zones(size.size()), slots(size.size() * size.size()),
		  geo(make(level, layout, u32(size.size()), chunk, 0)),
		  nr(emd_geometry_zones(&geo, size.data(), zones.data(), slots.data()))
	{
		geo.zones = zones.data();
		geo.nr_zones = nr > 0 ? u32(nr) : 0;
	}
};

// RAID0 as its text says it, by walking chunk after chunk.
std::vector<std::pair<u32, u64>> naive_raid0(u32 layout, u64 chunk, std::vector<u64> size)
{
	std::vector<std::pair<u32, u64>> chunks;
	for (auto &s : size)
		s -= s % chunk;
	for (u64 floor = 0;;) {
		std::vector<u32> members;
		u64 next = ~u64{0};
		for (u32 i = 0; i < size.size(); i++)
			if (size[i] > floor) {
				members.push_back(i);
				next = std::min(next, size[i]);
			}
		if (members.empty())
			return chunks;
		const u64 begin = chunks.size(), m = members.size();
		for (u64 k = 0; k < (next - floor) / chunk * m; k++)
			chunks.emplace_back(members[(layout == 1 ? begin + k : k) % m], floor + k / m * chunk);
		floor = next;
	}
}

const std::vector<std::vector<u64>> kSizes = {
	{64, 64, 64}, {64, 128, 128}, {128, 64, 128}, {131, 67, 200, 66}, {16, 32, 48, 64, 80},
	{80, 64, 48, 32, 16}, {64, 64, 256, 160, 256}, {1000}, {16, 1000}, {48, 48, 80, 80, 80, 112, 112},
};

TEST(Geometry, Raid0ZonesAgreeWithAWalk)
{
	for (u32 layout : {EMD_LAYOUT_RAID0_ORIGINAL, EMD_LAYOUT_RAID0_ALTERNATE})
		for (const auto &size : kSizes) {
			const Zoned z(0, layout, 16, size);
			const auto want = naive_raid0(layout, 16, size);
			ASSERT_GT(z.nr, 0);
			ASSERT_EQ(emd_geometry_validate(&z.geo, nullptr), 0);
			ASSERT_EQ(emd_geometry_array_sectors(&z.geo), want.size() * 16);
			auto whole = size;
			for (auto &s : whole)
				s -= s % 16;
			expect_bijection(z.geo, whole, 0);
			for (u64 x = 0; x < want.size() * 16; x++) {
				emd_place place{};
				emd_geometry_map(&z.geo, x, &place);
				ASSERT_EQ(place.slot, want[x / 16].first) << "layout " << layout << " sector " << x;
				ASSERT_EQ(place.sector, want[x / 16].second + x % 16);
			}
		}
}

TEST(Geometry, EqualMembersAreOneZone)
{
	EXPECT_EQ(Zoned(0, 0, 16, {64, 64, 64}).nr, 1);
	EXPECT_EQ(Zoned(0, 0, 16, {64, 79, 70}).nr, 1);
	EXPECT_EQ(Zoned(0, 0, 16, {64, 80, 64}).nr, 2);
}

TEST(Geometry, LinearConcatenatesMembers)
{
	for (u32 chunk : {0u, 16u})
		for (const auto &size : kSizes) {
			const Zoned z(EMD_LEVEL_LINEAR, 0, chunk, size);
			auto usable = size;
			for (auto &s : usable)
				s -= chunk ? s % chunk : 0;
			ASSERT_EQ(z.nr, int(size.size()));
			ASSERT_EQ(emd_geometry_validate(&z.geo, nullptr), 0);
			expect_bijection(z.geo, usable, 0);
			u64 x = 0;
			for (u32 i = 0; i < size.size(); x += usable[i++]) {
				emd_place place{};
				emd_geometry_map(&z.geo, x, &place);
				EXPECT_EQ(std::make_tuple(place.slot, place.sector, place.len),
					  std::make_tuple(i, u64{0}, usable[i]));
			}
		}
	const auto equal = make(EMD_LEVEL_LINEAR, 0, 4, 0, 101);
	ASSERT_EQ(emd_geometry_validate(&equal, nullptr), 0);
	expect_bijection(equal, {101, 101, 101, 101}, 0);
}

TEST(Geometry, ZonesOfImpossibleMembersAreRefused)
{
	EXPECT_EQ(Zoned(0, 1, 16, {64, 15}).nr, -EINVAL);
	EXPECT_EQ(Zoned(EMD_LEVEL_LINEAR, 0, 0, {64, 0}).nr, -EINVAL);
	EXPECT_EQ(Zoned(0, 1, 0, {64, 64}).nr, -EINVAL);
	EXPECT_EQ(Zoned(5, 1, 16, {64, 64}).nr, -EINVAL);
	EXPECT_EQ(Zoned(0, 1, 16, {u64{1} << 62, u64{1} << 62, u64{1} << 62}).nr, -EINVAL);
}

// -- limits -------------------------------------------------------------------------------------

TEST(Geometry, RefusalsNameTheFieldAtFault)
{
	struct Case {
		emd_geometry geo;
		const char *word;
	};
	const Case cases[] = {
		{make(7, 0, 4, 16, 64), "level"},
		{make(5, 6, 4, 16, 64), "layout"},
		{make(6, 6, 4, 16, 64), "layout"},
		{make(6, 21, 4, 16, 64), "layout"},
		{make(10, 0x101, 4, 16, 64), "layout"},
		{make(5, 0, 1, 16, 64), "members"},
		{make(6, 0, 3, 16, 64), "members"},
		{make(10, 0x103, 2, 16, 64), "members"},
		{make(0, 0, 0, 16, 64), "members"},
		{make(0, 0, 257, 16, 64), "members"},
		{make(0, 0, 2, 24, 72), "chunk"},
		{make(5, 0, 3, 0, 64), "chunk"},
		{make(5, 0, 3, 4, 64), "chunk"},
		{make(5, 0, 3, 1u << 18, u64{1} << 20), "chunk"},
		{make(5, 0, 3, 16, 65), "member size"},
		{make(1, 0, 2, 0, 0), "member size"},
		{make(0, 0, 4, 16, u64{1} << 62), "member size"},
	};
	for (const auto &c : cases) {
		const char *why = nullptr;
		SCOPED_TRACE(name(c.geo));
		EXPECT_EQ(emd_geometry_validate(&c.geo, &why), -EINVAL);
		ASSERT_NE(why, nullptr);
		EXPECT_NE(std::string(why).find(c.word), std::string::npos) << why;
	}
}

TEST(Geometry, BadZonesAreRefused)
{
	const u32 slots[] = {0, 1, 2, 9};
	const auto with = [](int level, u32 layout, const std::vector<emd_zone> &zones) {
		auto geo = make(level, layout, 3, 16, 0);
		geo.zones = zones.data();
		geo.nr_zones = u32(zones.size());
		return emd_geometry_validate(&geo, nullptr);
	};
	EXPECT_EQ(with(0, 1, {{48, 0, 3, slots}, {80, 16, 2, slots}}), 0);
	EXPECT_EQ(with(0, 0, {{48, 0, 3, slots}, {64, 16, 1, slots}}), 0) << "one member: all layouts are the same";
	EXPECT_EQ(with(0, 0, {{48, 0, 3, slots}, {80, 16, 2, slots}}), -EINVAL) << "ambiguous layout";
	EXPECT_EQ(with(5, 0, {{48, 0, 3, slots}}), -EINVAL);
	EXPECT_EQ(with(0, 1, {{48, 0, 3, slots}, {48, 16, 2, slots}}), -EINVAL) << "empty zone";
	EXPECT_EQ(with(0, 1, {{47, 0, 3, slots}}), -EINVAL);
	EXPECT_EQ(with(0, 1, {{48, 0, 0, slots}}), -EINVAL);
	EXPECT_EQ(with(0, 1, {{32, 0, 2, slots + 2}}), -EINVAL);
	EXPECT_EQ(with(EMD_LEVEL_LINEAR, 0, {{48, 0, 2, slots}}), -EINVAL);
}

TEST(Geometry, SizesPerLevel)
{
	struct Case {
		emd_geometry geo;
		u32 data, parity, copies, failures;
		u64 row;
	};
	const Case cases[] = {
		{make(EMD_LEVEL_LINEAR, 0, 3, 0, 64), 3, 0, 1, 0, 8}, {make(0, 0, 3, 16, 64), 3, 0, 1, 0, 48},
		{make(1, 0, 3, 0, 64), 1, 0, 3, 2, 8},		      {make(4, 0, 3, 16, 64), 2, 1, 1, 1, 32},
		{make(5, 2, 5, 16, 64), 4, 1, 1, 1, 64},	      {make(6, 2, 5, 16, 64), 3, 2, 1, 2, 48},
		{make(10, 0x102, 5, 16, 64), 2, 0, 2, 1, 32},
	};
	for (const auto &c : cases) {
		SCOPED_TRACE(name(c.geo));
		EXPECT_EQ(emd_geometry_data_disks(&c.geo), c.data);
		EXPECT_EQ(emd_geometry_parity_disks(&c.geo), c.parity);
		EXPECT_EQ(emd_geometry_copies(&c.geo), c.copies);
		EXPECT_EQ(emd_geometry_max_failures(&c.geo), c.failures);
		EXPECT_EQ(emd_geometry_row_sectors(&c.geo), c.row);
	}
}

} // namespace
