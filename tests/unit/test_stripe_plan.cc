// SPDX-License-Identifier: GPL-2.0-or-later
// Plans of parity writes: every small row, every written run of columns, every combination of
// column states is carried out on bytes, and what survives is compared with what was written.
#include "core/emd_stripe_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using u8 = __u8;
using u32 = __u32;
using u64 = __u64;

// -- the plan -----------------------------------------------------------------------------------

struct Case {
	u32 data, first, last;
	std::vector<u8> state;

	bool writes(u32 c) const { return c >= first && c < last; }
	bool readable(u32 c) const { return state[c] == EMD_COLUMN_PRESENT; }
	u32 absent() const { return u32(std::count(state.begin(), state.end(), EMD_COLUMN_ABSENT)); }
	std::string text() const
	{
		std::string s = "data " + std::to_string(data) + " [" + std::to_string(first) + "," +
				std::to_string(last) + ") states ";
		for (u8 x : state)
			s += "PBA"[x];
		return s;
	}
};

template <typename Body> void for_each_case(Body body)
{
	for (u32 data = 1; data <= 5; data++)
		for (u32 first = 0; first < data; first++)
			for (u32 last = first + 1; last <= data; last++) {
				Case c{data, first, last, std::vector<u8>(data + 1)};
				u32 combinations = 1;
				for (u32 i = 0; i <= data; i++)
					combinations *= 3;
				for (u32 k = 0; k < combinations; k++) {
					for (u32 i = 0, rest = k; i <= data; i++, rest /= 3)
						c.state[i] = u8(rest % 3);
					body(c);
				}
			}
}

// Can the new parity be had at all? Each thing that can be read is a sum of old data columns, a bit per
// column; the wanted one is the sum of the columns that stay. Tries all sums of readable things.
bool parity_computable(const Case &c)
{
	std::vector<u32> known;
	u32 wanted = 0;
	for (u32 i = 0; i < c.data; i++) {
		if (c.readable(i))
			known.push_back(1u << i);
		if (!c.writes(i))
			wanted |= 1u << i;
	}
	if (c.readable(c.data))
		known.push_back((1u << c.data) - 1);
	for (u32 set = 0; set < 1u << known.size(); set++) {
		u32 sum = 0;
		for (u32 i = 0; i < known.size(); i++)
			sum ^= set >> i & 1 ? known[i] : 0;
		if (sum == wanted)
			return true;
	}
	return false;
}

// Does exactly what the plan says with one byte per column, as the module does.
std::vector<std::optional<u8>> carry_out(const Case &c, emd_stripe_kind kind, const std::vector<u8> &todo,
					 std::vector<std::optional<u8>> disk, const std::vector<u8> &fresh)
{
	u8 parity = 0;
	for (u32 i = 0; i <= c.data; i++)
		if (todo[i] & EMD_COLUMN_READ) {
			EXPECT_TRUE(c.readable(i)) << "reads column " << i << " of " << c.text();
			parity ^= disk[i].value_or(0xff);
		}
	for (u32 i = c.first; i < c.last; i++)
		parity ^= fresh[i];
	for (u32 i = 0; i <= c.data; i++)
		if (todo[i] & EMD_COLUMN_WRITE) {
			EXPECT_NE(c.state[i], EMD_COLUMN_ABSENT) << c.text();
			EXPECT_TRUE(i == c.data || c.writes(i)) << c.text();
			EXPECT_FALSE(i == c.data && kind == EMD_STRIPE_BARE);
			disk[i] = i == c.data ? parity : fresh[i];
		}
	return disk;
}

// What a reader gets for data column i, directly or through parity.
std::optional<u8> read_back(const std::vector<std::optional<u8>> &disk, u32 i)
{
	if (disk[i])
		return disk[i];
	u8 sum = 0;
	for (u32 j = 0; j < disk.size(); j++) {
		if (j == i)
			continue;
		if (!disk[j])
			return std::nullopt;
		sum ^= *disk[j];
	}
	return sum;
}

TEST(StripePlan, WhatIsCarriedOutLosesNothing)
{
	std::mt19937 random(1);
	for_each_case([&](const Case &c) {
		std::vector<u8> todo(c.data + 1);
		const auto kind = emd_stripe_plan(c.data, 1, c.first, c.last, c.state.data(), todo.data());
		if (kind == EMD_STRIPE_LOST)
			return;

		std::vector<u8> old(c.data), fresh(c.data), want(c.data);
		std::vector<std::optional<u8>> disk(c.data + 1);
		u8 parity = 0;
		for (u32 i = 0; i < c.data; i++) {
			old[i] = u8(random()), fresh[i] = u8(random());
			parity ^= old[i];
			want[i] = c.writes(i) ? fresh[i] : old[i];
			if (c.readable(i))
				disk[i] = old[i];
		}
		if (c.readable(c.data))
			disk[c.data] = parity;

		// Whatever could be read before, and all that was written, can be read afterwards.
		const auto before = disk;
		disk = carry_out(c, kind, todo, disk, fresh);
		for (u32 i = 0; i < c.data; i++)
			if (c.writes(i) || read_back(before, i)) {
				ASSERT_EQ(read_back(disk, i), want[i]) << c.text() << " column " << i;
			}
		// Parity agrees with the data wherever there is parity that somebody may use.
		if (disk[c.data]) {
			u8 sum = 0;
			for (u32 i = 0; i < c.data; i++)
				sum ^= want[i];
			ASSERT_EQ(*disk[c.data], sum) << c.text();
		}
	});
}

TEST(StripePlan, RefusesOnlyWhatCannotBeDone)
{
	for_each_case([&](const Case &c) {
		std::vector<u8> todo(c.data + 1, 0xff);
		const auto kind = emd_stripe_plan(c.data, 1, c.first, c.last, c.state.data(), todo.data());
		const bool parity_gone = c.state[c.data] == EMD_COLUMN_ABSENT;
		const bool can = c.absent() <= 1 && (parity_gone || parity_computable(c));
		ASSERT_EQ(kind != EMD_STRIPE_LOST, can) << c.text();
		if (!can) {
			ASSERT_EQ(todo, std::vector<u8>(c.data + 1)) << c.text();
		}
	});
}

TEST(StripePlan, ReadsAsLittleAsPossible)
{
	for_each_case([&](const Case &c) {
		if (c.absent() || std::count(c.state.begin(), c.state.end(), EMD_COLUMN_BLIND))
			return;
		std::vector<u8> todo(c.data + 1);
		const u32 w = c.last - c.first;
		const auto kind = emd_stripe_plan(c.data, 1, c.first, c.last, c.state.data(), todo.data());
		const u32 reads = u32(std::count_if(todo.begin(), todo.end(), [](u8 t) { return t & EMD_COLUMN_READ; }));
		ASSERT_EQ(reads, w == c.data ? 0 : std::min(c.data - w, w + 1)) << c.text();
		ASSERT_EQ(kind == EMD_STRIPE_FULL, w == c.data);
	});
}

// A write that fails on any one member, or never reaches it, leaves the row right for the others.
TEST(StripePlan, OneFailedWriteIsSurvived)
{
	std::mt19937 random(2);
	for_each_case([&](const Case &c) {
		std::vector<u8> todo(c.data + 1);
		const auto kind = emd_stripe_plan(c.data, 1, c.first, c.last, c.state.data(), todo.data());
		if (kind == EMD_STRIPE_LOST || std::count(c.state.begin(), c.state.end(), EMD_COLUMN_PRESENT) <= c.data)
			return;
		for (u32 failed = 0; failed <= c.data; failed++) {
			std::vector<u8> fresh(c.data), want(c.data);
			std::vector<std::optional<u8>> disk(c.data + 1);
			u8 parity = 0;
			for (u32 i = 0; i < c.data; i++) {
				disk[i] = u8(random()), fresh[i] = u8(random());
				parity ^= *disk[i];
				want[i] = c.writes(i) ? fresh[i] : *disk[i];
			}
			disk[c.data] = parity;
			disk = carry_out(c, kind, todo, disk, fresh);
			disk[failed].reset();
			for (u32 i = 0; i < c.data; i++)
				ASSERT_EQ(read_back(disk, i), want[i]) << c.text() << " failed " << failed;
		}
	});
}

// -- the cut ------------------------------------------------------------------------------------

emd_geometry raid5(u32 disks, u32 chunk)
{
	return {5, EMD_LAYOUT_LEFT_SYMMETRIC, disks, chunk, u64(chunk) * 64, nullptr, 0};
}

void expect_partition(const emd_geometry &geo, u64 begin, u64 end, u32 slice)
{
	const u64 row_sectors = emd_geometry_row_sectors(&geo);
	std::vector<u8> seen(end - begin);
	emd_stripe_cursor cursor{};
	emd_stripe_piece p{};
	u64 last_row = 0;

	emd_stripe_begin(&geo, begin, &cursor);
	while (emd_stripe_cut(&geo, begin, end, slice, &cursor, &p)) {
		ASSERT_GE(p.row, last_row);
		last_row = p.row;
		ASSERT_LT(p.lo, p.hi);
		ASSERT_LE(p.hi, geo.chunk_sectors);
		ASSERT_LE(p.hi - p.lo, slice);
		ASSERT_EQ(p.lo / slice, (p.hi - 1) / slice) << "a slice is aligned";
		ASSERT_LT(p.first, p.last);
		for (u32 c = p.first; c < p.last; c++)
			for (u32 s = p.lo; s < p.hi; s++) {
				const u64 x = p.row * row_sectors + u64(c) * geo.chunk_sectors + s;
				ASSERT_GE(x, begin);
				ASSERT_LT(x, end);
				ASSERT_EQ(seen[x - begin]++, 0) << x;
			}
	}
	for (u64 x = begin; x < end; x++)
		ASSERT_EQ(seen[x - begin], 1) << x << " of [" << begin << "," << end << ")";
	EXPECT_EQ(emd_stripe_cut(&geo, begin, end, slice, &cursor, &p), 0);
}

TEST(StripeCut, PiecesAreTheRequest)
{
	for (u32 disks = 2; disks <= 5; disks++)
		for (u32 slice : {8u, 16u, 128u}) {
			const auto geo = raid5(disks, 16);
			const u64 row = emd_geometry_row_sectors(&geo);
			for (u64 begin = 0; begin < row; begin += begin < 20 ? 1 : 3)
				for (u64 end = begin + 1; end <= 3 * row; end += end < begin + 20 ? 1 : 5)
					expect_partition(geo, begin, end, slice);
		}
}

TEST(StripeCut, FarPositionsDoNotOverflow)
{
	auto geo = raid5(256, EMD_MAX_CHUNK_SECTORS);
	const u64 row = emd_geometry_row_sectors(&geo), begin = row * (u64{1} << 30) + 12345;
	geo.member_sectors = u64{1} << 54;
	expect_partition(geo, begin, begin + 1000, 128);
	expect_partition(geo, begin - 12345 + row - 100, begin - 12345 + row + 100, 128);
}

TEST(StripeCut, WholeRowsAreFullPieces)
{
	const auto geo = raid5(5, 128);
	emd_stripe_cursor cursor{};
	emd_stripe_piece p{};
	const u64 begin = 7 * 512, end = 9 * 512;
	emd_stripe_begin(&geo, begin, &cursor);
	for (u64 row = 7; row < 9; row++) {
		ASSERT_TRUE(emd_stripe_cut(&geo, begin, end, 128, &cursor, &p));
		EXPECT_EQ(p.row, row);
		EXPECT_EQ(p.lo, 0u);
		EXPECT_EQ(p.hi, 128u);
		EXPECT_EQ(p.first, 0u);
		EXPECT_EQ(p.last, 4u);
	}
	EXPECT_FALSE(emd_stripe_cut(&geo, begin, end, 128, &cursor, &p));
}

// -- the mask -----------------------------------------------------------------------------------

TEST(StripeMask, MeetsExactlyWhenBlocksAreShared)
{
	for (u32 chunk : {8u, 16u, 128u, 512u, 1024u, 4096u}) {
		const auto geo = raid5(3, chunk);
		const u32 block = std::max(8u, chunk / 64), step = std::max(1u, chunk / 48);
		for (u32 lo = 0; lo < chunk; lo += step)
			for (u32 hi = lo + 1; hi <= chunk; hi += step) {
				u64 want = 0;
				for (u32 s = lo; s < hi; s++)
					want |= u64{1} << (s / block);
				ASSERT_EQ(emd_stripe_mask(&geo, lo, hi), want) << chunk << " [" << lo << "," << hi << ")";
			}
	}
}

} // namespace
