// SPDX-License-Identifier: GPL-2.0-or-later
// Plans of parity writes: every small row, every written run of columns, every combination of
// column states is carried out on bytes, and what survives is compared with what was written.
#include "core/emd_stripe_plan.h"

#include "galois.h"

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
	u32 data, parity, first, last;
	std::vector<u8> state;

	u32 columns() const { return data + parity; }
	bool writes(u32 c) const { return c >= first && c < last; }
	bool readable(u32 c) const { return state[c] == EMD_COLUMN_PRESENT; }
	u32 count(u8 what) const { return u32(std::count(state.begin(), state.end(), what)); }
	u32 unknown() const { return columns() - count(EMD_COLUMN_PRESENT); }
	std::string text() const
	{
		std::string s = "data " + std::to_string(data) + " parity " + std::to_string(parity) + " [" +
				std::to_string(first) + "," + std::to_string(last) + ") states ";
		for (u8 x : state)
			s += "PBA"[x];
		return s;
	}
	emd_stripe_kind plan(std::vector<u8> &todo) const
	{
		return emd_stripe_plan(data, parity, first, last, state.data(), todo.data());
	}
};

template <typename Body> void for_each_case(Body body)
{
	for (u32 parity = 1; parity <= 2; parity++)
		for (u32 data = parity; data <= 5; data++)
			for (u32 first = 0; first < data; first++)
				for (u32 last = first + 1; last <= data; last++) {
					Case c{data, parity, first, last, std::vector<u8>(data + parity)};
					u32 combinations = 1;
					for (u32 i = 0; i < c.columns(); i++)
						combinations *= 3;
					for (u32 k = 0; k < combinations; k++) {
						for (u32 i = 0, rest = k; i < c.columns(); i++, rest /= 3)
							c.state[i] = u8(rest % 3);
						body(c);
					}
				}
}

// Weight of data column @i in parity @p: 1 in P, a power of 2 in Q.
u8 weight(u32 p, u32 i)
{
	return p ? galois::power(i) : 1;
}

// An equation over the data columns of a row: what a column holds, or what is wanted.
struct Equation {
	std::vector<u8> factor;
	u8 value = 0;

	void subtract(const Equation &other, u8 times)
	{
		for (size_t i = 0; i < factor.size(); i++)
			factor[i] ^= galois::times(times, other.factor[i]);
		value ^= galois::times(times, other.value);
	}
};

Equation column_equation(const Case &c, u32 column)
{
	Equation e{std::vector<u8>(c.data), 0};
	for (u32 i = 0; i < c.data; i++)
		e.factor[i] = column < c.data ? column == i : weight(column - c.data, i);
	return e;
}

// The value of @wanted as it follows from the columns that are known, if it does.
std::optional<u8> follows(const Case &c, const std::vector<std::optional<u8>> &known, Equation wanted)
{
	std::vector<Equation> rows;
	for (u32 i = 0; i < c.columns(); i++)
		if (known[i]) {
			rows.push_back(column_equation(c, i));
			rows.back().value = *known[i];
		}
	for (u32 i = 0; i < c.data; i++) {
		const auto pivot = std::find_if(rows.begin(), rows.end(), [&](const Equation &e) { return e.factor[i]; });
		if (pivot == rows.end())
			continue;
		const Equation used = *pivot;
		const u8 scale = galois::inverse(used.factor[i]);
		rows.erase(pivot);
		for (Equation &e : rows)
			e.subtract(used, galois::times(e.factor[i], scale));
		wanted.subtract(used, galois::times(wanted.factor[i], scale));
	}
	if (std::any_of(wanted.factor.begin(), wanted.factor.end(), [](u8 f) { return f; }))
		return std::nullopt;
	return wanted.value;
}

// What a reader gets for a column, directly or through parity.
std::optional<u8> read_back(const Case &c, const std::vector<std::optional<u8>> &disk, u32 column)
{
	return disk[column] ? disk[column] : follows(c, disk, column_equation(c, column));
}

std::vector<u8> row_of(const Case &c, std::vector<u8> data)
{
	for (u32 p = 0; p < c.parity; p++) {
		u8 sum = 0;
		for (u32 i = 0; i < c.data; i++)
			sum ^= galois::times(weight(p, i), data[i]);
		data.push_back(sum);
	}
	return data;
}

// Can the new value of each parity that is written be had at all from the new data and what can be read?
bool parity_computable(const Case &c)
{
	std::vector<std::optional<u8>> known(c.columns());
	for (u32 i = 0; i < c.columns(); i++)
		if (c.readable(i))
			known[i] = 0;
	for (u32 p = 0; p < c.parity; p++) {
		Equation stays = column_equation(c, c.data + p);
		for (u32 i = c.first; i < c.last; i++)
			stays.factor[i] = 0;
		if (c.state[c.data + p] != EMD_COLUMN_ABSENT && !follows(c, known, stays))
			return false;
	}
	return true;
}

// The row that the plan leads to, for each parity on its own; what the plan did not read is poison.
std::vector<u8> new_row(const Case &c, emd_stripe_kind kind, std::vector<std::optional<u8>> old, const std::vector<u8> &fresh)
{
	const std::vector<std::optional<u8>> known = old;
	if (kind == EMD_STRIPE_SOLVE)
		for (u32 i = 0; i < c.columns(); i++) {
			old[i] = read_back(c, known, i);
			EXPECT_TRUE(old[i]) << c.text();
		}
	std::vector<u8> row(c.columns());
	for (u32 i = 0; i < c.data; i++)
		row[i] = c.writes(i) ? fresh[i] : old[i].value_or(0xaa);
	if (kind != EMD_STRIPE_RMW)
		return row_of(c, std::vector<u8>(row.begin(), row.begin() + c.data));
	for (u32 p = 0; p < c.parity; p++) {
		row[c.data + p] = old[c.data + p].value_or(0x55);
		for (u32 i = c.first; i < c.last; i++)
			row[c.data + p] ^= galois::times(weight(p, i), old[i].value_or(0x77) ^ fresh[i]);
	}
	return row;
}

// Does exactly what the plan says with one byte per column, as the module does.
std::vector<std::optional<u8>> carry_out(const Case &c, emd_stripe_kind kind, const std::vector<u8> &todo,
					 std::vector<std::optional<u8>> disk, const std::vector<u8> &fresh)
{
	std::vector<std::optional<u8>> read(c.columns());
	for (u32 i = 0; i < c.columns(); i++)
		if (todo[i] & EMD_COLUMN_READ) {
			EXPECT_TRUE(c.readable(i)) << "reads column " << i << " of " << c.text();
			read[i] = disk[i];
		}
	const std::vector<u8> row = new_row(c, kind, read, fresh);
	for (u32 i = 0; i < c.columns(); i++)
		if (todo[i] & EMD_COLUMN_WRITE) {
			EXPECT_NE(c.state[i], EMD_COLUMN_ABSENT) << c.text();
			EXPECT_TRUE(i >= c.data || c.writes(i)) << c.text();
			EXPECT_FALSE(i >= c.data && kind == EMD_STRIPE_BARE);
			disk[i] = row[i];
		}
	return disk;
}

// A row with random content, before and after the write.
struct Row {
	std::vector<u8> fresh, want;			// of the data columns; of all
	std::vector<std::optional<u8>> disk;

	Row(const Case &c, std::mt19937 &random) : fresh(c.data), disk(c.columns())
	{
		std::vector<u8> old(c.data);
		for (u32 i = 0; i < c.data; i++)
			old[i] = u8(random()), fresh[i] = u8(random());
		const std::vector<u8> before = row_of(c, old);
		for (u32 i = 0; i < c.columns(); i++)
			if (c.readable(i))
				disk[i] = before[i];
		std::copy(fresh.begin() + c.first, fresh.begin() + c.last, old.begin() + c.first);
		want = row_of(c, old);
	}
};

TEST(StripePlan, WhatIsCarriedOutLosesNothing)
{
	std::mt19937 random(1);
	for_each_case([&](const Case &c) {
		std::vector<u8> todo(c.columns());
		const auto kind = c.plan(todo);
		if (kind == EMD_STRIPE_LOST)
			return;

		// Whatever could be read before, and all that was written, can be read afterwards.
		Row row(c, random);
		const auto before = row.disk, after = carry_out(c, kind, todo, row.disk, row.fresh);
		for (u32 i = 0; i < c.data; i++)
			if (c.writes(i) || read_back(c, before, i)) {
				ASSERT_EQ(read_back(c, after, i), row.want[i]) << c.text() << " column " << i;
			}
		// Parity agrees with the data wherever there is parity that somebody may use.
		for (u32 i = c.data; i < c.columns(); i++)
			if (after[i]) {
				ASSERT_EQ(*after[i], row.want[i]) << c.text();
			}
	});
}

TEST(StripePlan, RefusesOnlyWhatCannotBeDone)
{
	for_each_case([&](const Case &c) {
		std::vector<u8> todo(c.columns(), 0xff);
		const auto kind = c.plan(todo);
		const bool can = c.count(EMD_COLUMN_ABSENT) <= c.parity && parity_computable(c);
		ASSERT_EQ(kind != EMD_STRIPE_LOST, can) << c.text();
		if (!can) {
			ASSERT_EQ(todo, std::vector<u8>(c.columns())) << c.text();
		}
	});
}

TEST(StripePlan, ModifiesAsThePlanDoes)
{
	for_each_case([](const Case &c) {
		if (c.unknown())
			return;
		std::vector<u8> todo(c.columns());
		EXPECT_EQ(emd_stripe_modifies(c.data, c.parity, c.last - c.first) != 0, c.plan(todo) == EMD_STRIPE_RMW) << c.text();
		for (u32 i = 0; i < c.columns(); i++)	/* what RMW leaves alone need not even be looked at */
			if (c.plan(todo) == EMD_STRIPE_RMW) {
				EXPECT_EQ(todo[i], c.writes(i) || i >= c.data ? EMD_COLUMN_READ | EMD_COLUMN_WRITE : 0) << c.text();
			}
	});
}

TEST(StripePlan, ReadsAsLittleAsPossible)
{
	for_each_case([&](const Case &c) {
		std::vector<u8> todo(c.columns());
		const auto kind = c.plan(todo);
		ASSERT_TRUE(kind != EMD_STRIPE_SOLVE || (c.parity == 2 && c.unknown() == 2)) << c.text();
		if (c.unknown())
			return;
		const u32 w = c.last - c.first;
		const u32 reads = u32(std::count_if(todo.begin(), todo.end(), [](u8 t) { return t & EMD_COLUMN_READ; }));
		ASSERT_EQ(reads, w == c.data ? 0 : std::min(c.data - w, w + c.parity)) << c.text();
		ASSERT_EQ(kind == EMD_STRIPE_FULL, w == c.data);
	});
}

// Writes that fail on members, or never reach them, leave the row right for the others: as many as there is parity to spare.
TEST(StripePlan, FailedWritesAreSurvived)
{
	std::mt19937 random(2);
	for_each_case([&](const Case &c) {
		std::vector<u8> todo(c.columns());
		const auto kind = c.plan(todo);
		if (kind == EMD_STRIPE_LOST || c.unknown() > c.parity)
			return;
		Row row(c, random);
		const auto written = carry_out(c, kind, todo, row.disk, row.fresh);
		const auto gone = u32(std::count(written.begin(), written.end(), std::nullopt));
		for (u32 a = 0; a < c.columns(); a++)
			for (u32 b = a; b < c.columns(); b++) {
				auto disk = written;
				disk[a].reset();
				disk[b].reset();
				if (u32(std::count(disk.begin(), disk.end(), std::nullopt)) > std::max(gone, c.parity))
					continue;
				for (u32 i = 0; i < c.data; i++)
					ASSERT_EQ(read_back(c, disk, i), row.want[i]) << c.text() << " without " << a << ", " << b;
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
