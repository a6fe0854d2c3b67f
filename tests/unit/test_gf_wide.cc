// SPDX-License-Identifier: GPL-2.0-or-later
// P and Q by vector registers, byte by byte, against products computed bit by bit: all numbers of places, all that can be unknown.
#include "core/emd_gf_wide.h"

#include "galois.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#ifdef __x86_64__

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t guard = 64; // before and behind, where nothing may be written

// What galois:: says, once for all: it is slow.
std::uint8_t times(std::uint8_t a, std::uint8_t b)
{
	static const auto products = [] {
		std::vector<std::array<std::uint8_t, 256>> all(256);
		for (unsigned x = 0; x < 256; x++)
			for (unsigned y = 0; y < 256; y++)
				all[x][y] = galois::times(std::uint8_t(x), std::uint8_t(y));
		return all;
	}();
	return products[a][b];
}

std::uint8_t power(unsigned exponent)
{
	static const auto powers = [] {
		std::array<std::uint8_t, 255> all{};
		for (unsigned i = 0; i < all.size(); i++)
			all[i] = galois::power(i);
		return all;
	}();
	return powers[exponent % powers.size()];
}

// A row whose P and Q are right. Places lie at odd addresses, each between guards.
class Row {
public:
	Row(unsigned places, std::size_t bytes, unsigned holes, std::mt19937 &random) : bytes_(bytes), hole_(places)
	{
		for (unsigned i = 0; holes && i + 2 < places; i++)
			hole_[i] = random() % holes == 0;
		for (unsigned i = 0; i < places; i++) {
			memory_.emplace_back(bytes + 2 * guard + 1);
			for (auto &byte : memory_.back())
				byte = std::uint8_t(random());
		}
		for (std::size_t at = 0; at < bytes; at++) {
			std::uint8_t p = 0, q = 0;
			for (unsigned i = 0; i + 2 < places; i++) {
				if (hole_[i])
					continue;
				p ^= byte(i, at);
				q ^= times(power(i), byte(i, at));
			}
			byte(places - 2, at) = p;
			byte(places - 1, at) = q;
		}
	}
	unsigned places() const { return unsigned(memory_.size()); }
	bool isHole(unsigned i) const { return hole_[i]; }
	std::uint8_t &byte(unsigned i, std::size_t at) { return memory_[i][guard + i % 2 + at]; }
	void spoil(unsigned i)
	{
		for (std::size_t at = 0; at < bytes_; at++)
			byte(i, at) ^= 0xa5;
	}
	std::vector<void *> pointers()
	{
		std::vector<void *> all;
		for (unsigned i = 0; i < places(); i++)
			all.push_back(hole_[i] ? nullptr : &byte(i, 0));
		return all;
	}
	const std::vector<Bytes> &memory() const { return memory_; }

private:
	std::size_t bytes_;
	std::vector<bool> hole_;
	std::vector<Bytes> memory_;
};

class GaloisWide : public testing::Test {
protected:
	void SetUp() override
	{
		if (!__builtin_cpu_supports("avx2"))
			GTEST_SKIP() << "this CPU has no AVX2";
	}
	std::mt19937 random{6};
};

const unsigned allPlaces[] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 40, 130, 255, 257};
const std::size_t allBytes[] = {128, 512, 1536, 4096 + 512};

TEST(Galois, ConstantsAreThoseOfTheNaiveModel)
{
	for (unsigned a = 0; a < 256; a++) {
		emd_gf_table table;
		emd_gf_table_fill(&table, std::uint8_t(a));
		for (unsigned b = 0; b < 256; b++) {
			EXPECT_EQ(emd_gf_times(std::uint8_t(a), std::uint8_t(b)), times(std::uint8_t(a), std::uint8_t(b)));
			EXPECT_EQ(table.low[b % 16] ^ table.high[b / 16], times(std::uint8_t(a), std::uint8_t(b)));
		}
		EXPECT_EQ(emd_gf_power(a), power(a));
		EXPECT_EQ(emd_gf_inverse(std::uint8_t(a)), galois::inverse(std::uint8_t(a)));
	}
}

TEST_F(GaloisWide, GenerationMakesPAndQAndNothingElse)
{
	for (unsigned places : allPlaces)
		for (unsigned holes : {0u, 3u, 1u}) {
			Row row(places, 1536, holes, random), right = row;
			row.spoil(places - 2);
			row.spoil(places - 1);
			emd_gf_wide_generate(row.pointers().data(), places, 0, 1536);
			ASSERT_EQ(row.memory(), right.memory()) << places << " places";
		}
}

TEST_F(GaloisWide, OfARangeOnlyTheRangeIsTouched)
{
	Row row(6, 1024, 0, random), right = row;
	for (unsigned place : {4u, 5u})
		for (std::size_t at = 256; at < 640; at++)
			row.byte(place, at) ^= 1;
	emd_gf_wide_generate(row.pointers().data(), 6, 256, 640);
	EXPECT_EQ(row.memory(), right.memory());
	row.byte(4, 255) ^= 1;
	row.byte(5, 640) ^= 1;
	const auto before = row.memory();
	emd_gf_wide_generate(row.pointers().data(), 6, 256, 640);
	EXPECT_EQ(row.memory(), before);
}

TEST_F(GaloisWide, ACopyIsOfTheSourceAndItsParityOfTheCopy)
{
	for (unsigned places : allPlaces)
		for (std::size_t bytes : allBytes)
			for (unsigned holes : {0u, 3u}) {
				Row source(places, bytes, holes, random), row = source;
				for (unsigned i = 0; i < places; i++)
					if (!row.isHole(i))
						row.spoil(i);
				const auto from = source.pointers();
				const auto before = source.memory();
				emd_gf_wide_copy(row.pointers().data(), from.data(), places, 0, bytes);
				ASSERT_EQ(row.memory(), before) << places << " places, " << bytes << " bytes";
				ASSERT_EQ(source.memory(), before);
			}
}

TEST_F(GaloisWide, EachWrongByteIsSeenAndNothingIsWritten)
{
	for (unsigned places : allPlaces)
		for (unsigned holes : {0u, 3u}) {
			const std::size_t bytes = 512;
			Row row(places, bytes, holes, random);
			const auto pointers = row.pointers();
			EXPECT_TRUE(emd_gf_wide_right(pointers.data(), places, 0, bytes));
			for (unsigned i = 0; i < places; i++) {
				if (row.isHole(i))
					continue;
				auto &byte = row.byte(i, random() % bytes);
				const auto was = byte;
				byte ^= std::uint8_t(1u << random() % 8);
				ASSERT_FALSE(emd_gf_wide_right(pointers.data(), places, 0, bytes)) << "place " << i << " of " << places;
				byte = was;
			}
			const auto before = row.memory();
			EXPECT_TRUE(emd_gf_wide_right(pointers.data(), places, 0, bytes));
			EXPECT_EQ(row.memory(), before);
		}
	Row row(5, 128, 0, random);
	for (unsigned place = 3; place < 5; place++)
		for (std::size_t at = 0; at < 128; at++) {
			row.byte(place, at) ^= 0x10;
			EXPECT_FALSE(emd_gf_wide_right(row.pointers().data(), 5, 0, 128)) << at;
			row.byte(place, at) ^= 0x10;
		}
}

TEST_F(GaloisWide, ParityFollowsAChangeOfOnePlace)
{
	for (unsigned place = 0; place < 255; place++) {
		const std::size_t bytes = allBytes[place % std::size(allBytes)];
		// As if they were three places of a row: its new data, P and Q.
		Row row(3, bytes, 0, random), right = row;
		Bytes old(bytes);
		for (std::size_t at = 0; at < bytes; at++) {
			const auto difference = std::uint8_t(random());
			old[at] = row.byte(0, at) ^ difference;
			right.byte(1, at) ^= difference;
			right.byte(2, at) ^= times(power(place), difference);
		}
		const auto before = old;
		emd_gf_table table;
		emd_gf_table_fill(&table, emd_gf_power(place));
		emd_gf_wide_change(&row.byte(1, 0), &row.byte(2, 0), &table, old.data(), &row.byte(0, 0), 0, bytes);
		ASSERT_EQ(row.memory(), right.memory()) << "place " << place;
		ASSERT_EQ(old, before);
	}
}

void loseAndSolve(const Row &right, unsigned a, unsigned b, std::size_t bytes)
{
	Row row = right;
	row.spoil(a);
	if (a != b)
		row.spoil(b);
	auto pointers = row.pointers();
	const auto before = pointers;
	emd_gf_solve solve;
	emd_gf_solve_begin(&solve, row.places(), a, b);
	emd_gf_wide_solve(&solve, pointers.data(), row.places(), 0, bytes);
	ASSERT_EQ(row.memory(), right.memory()) << "places " << a << " and " << b << " of " << row.places();
	ASSERT_EQ(pointers, before);
}

TEST_F(GaloisWide, AnyTwoPlacesFollowFromTheOthers)
{
	for (unsigned places : allPlaces) {
		const unsigned holes = places % 3 ? 0 : 4, step = places > 24 ? 7 : 1;
		const std::size_t bytes = allBytes[places <= 24 ? places % std::size(allBytes) : 0];
		const Row right(places, bytes, holes, random);
		loseAndSolve(right, places - 1, places - 1, bytes);
		for (unsigned a = 0; a < places; a += a + step < places - 2 ? step : 1)
			for (unsigned b = a + 1; b < places; b += b + step < places - 2 ? step : 1)
				if (!right.isHole(a) && !right.isHole(b)) {
					loseAndSolve(right, a, b, bytes);
					loseAndSolve(right, b, a, bytes);
				}
	}
}

} // namespace

#endif
