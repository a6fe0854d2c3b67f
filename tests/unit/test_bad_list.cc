// SPDX-License-Identifier: GPL-2.0-or-later
// Lists of bad blocks against a naive model, which knows of each sector what is known about it.
#include "core/emd_bad_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

struct Model {
	std::vector<int> kind;

	explicit Model(size_t sectors) : kind(sectors, EMD_BAD_NONE) {}

	void add(__u64 begin, __u64 end, int what)
	{
		for (__u64 s = begin; s < end; s++)
			kind[s] = std::max(kind[s], what);
	}
	void remove(__u64 begin, __u64 end)
	{
		std::fill(kind.begin() + (long)begin, kind.begin() + (long)end, EMD_BAD_NONE);
	}
	__u64 first(__u64 begin, __u64 end) const
	{
		while (begin < end && kind[begin] == EMD_BAD_NONE)
			begin++;
		return begin;
	}
};

void expect_same(const emd_bad_list &list, const Model &model)
{
	std::vector<int> kind(model.kind.size(), EMD_BAD_NONE);
	__u32 unacked = 0;

	for (__u32 i = 0; i < list.nr; i++) {
		const emd_bad_range &r = list.range[i];

		ASSERT_GT(r.sectors, 0U);
		if (i > 0) {
			const emd_bad_range &before = list.range[i - 1];
			const __u64 end = before.begin + before.sectors;

			ASSERT_LE(end, r.begin);
			EXPECT_FALSE(end == r.begin && before.kind == r.kind) << "two that are one, at " << r.begin;
		}
		unacked += r.kind == EMD_BAD_UNACKED;
		for (__u64 s = r.begin; s < r.begin + r.sectors; s++)
			kind[s] = (int)r.kind;
	}
	EXPECT_EQ(kind, model.kind);
	EXPECT_EQ(list.unacked, unacked);
}

std::unique_ptr<emd_bad_list> empty()
{
	return std::make_unique<emd_bad_list>();
}

} // namespace

TEST(BadList, IsWhatANaiveModelSays)
{
	constexpr __u64 kSectors = 300;
	std::mt19937 random(7);

	for (int round = 0; round < 40; round++) {
		auto list = empty();
		Model model(kSectors);

		for (int step = 0; step < 150; step++) {
			const __u64 begin = random() % kSectors;
			const __u64 end = std::min<__u64>(kSectors, begin + 1 + random() % 24);
			const int what = (int)(random() % 3);

			if (what == EMD_BAD_NONE) {
				ASSERT_EQ(emd_bad_remove(list.get(), begin, end), 0);
				model.remove(begin, end);
			} else {
				ASSERT_EQ(emd_bad_add(list.get(), begin, end, (emd_bad_kind)what), 0);
				model.add(begin, end, what);
			}
			ASSERT_NO_FATAL_FAILURE(expect_same(*list, model));
			EXPECT_EQ(emd_bad_first(list.get(), begin, kSectors), model.first(begin, kSectors));
		}
	}
}

namespace {

// What the kernel shows: in lines of at most 512 sectors.
std::string text_of(const emd_bad_list &list, int kind = 0)
{
	std::string text;

	for (__u32 i = 0; i < list.nr; i++) {
		const emd_bad_range &r = list.range[i];

		for (__u32 done = 0; done < r.sectors && (!kind || (int)r.kind == kind); done += emd_bad_line(&r, done))
			text += std::to_string(r.begin + done) + " " + std::to_string(emd_bad_line(&r, done)) + "\n";
	}
	return text;
}

struct Kind {
	__u64 step;	// from one range to the next
	__u64 sectors;
	__u64 first;
};

} // namespace

TEST(BadList, TakesWhatAPageShowsAndNoMore)
{
	for (const Kind &k : {Kind{4, 3, 0}, Kind{2, 1, 0}, Kind{600, 513, 7}, Kind{505, 500, 1ULL << 63}, Kind{9, 8, 99999000}}) {
		auto list = empty();
		__u64 nr = 0;

		while (emd_bad_add(list.get(), k.first + k.step * nr, k.first + k.step * nr + k.sectors, EMD_BAD_ACKED) == 0)
			nr++;
		const emd_bad_list full = *list;
		const std::string text = text_of(full);

		EXPECT_EQ(list->text, text.size());
		EXPECT_LE(text.size(), EMD_BAD_TEXT);
		EXPECT_GT(text.size(), EMD_BAD_TEXT - 60) << "there was more room";
		EXPECT_EQ(list->nr, nr);
		EXPECT_EQ(emd_bad_add(list.get(), k.first + k.step * nr, k.first + k.step * nr + k.sectors, EMD_BAD_UNACKED), -ENOSPC);
		EXPECT_EQ(memcmp(&full, list.get(), sizeof(full)), 0) << "a refused change has changed something";
		EXPECT_EQ(emd_bad_add(list.get(), k.first + k.sectors, k.first + k.step, EMD_BAD_ACKED), 0)
			<< "what stands between two makes them one";
		EXPECT_EQ(list->nr, nr - 1);
		EXPECT_EQ(emd_bad_remove(list.get(), k.first, k.first + 2 * k.step), 0);
		EXPECT_EQ(list->nr, nr - 2);
		EXPECT_EQ(list->text, text_of(*list).size());
	}
}

TEST(BadList, DoesNotSplitWhatWouldBeTooMuchToShow)
{
	auto list = empty();
	__u64 nr = 0;

	while (emd_bad_add(list.get(), 100000 + 512 * nr, 100000 + 512 * nr + 511, EMD_BAD_ACKED) == 0)
		nr++;
	int error = 0;

	for (__u64 i = 0; i < nr && !error; i++) {
		const emd_bad_list before = *list;

		error = emd_bad_remove(list.get(), 100000 + 512 * i + 5, 100000 + 512 * i + 6);
		if (error) {
			EXPECT_EQ(error, -ENOSPC);
			EXPECT_EQ(memcmp(&before, list.get(), sizeof(before)), 0) << "a refused change has changed something";
		}
	}
	EXPECT_NE(error, 0);
	EXPECT_LE(text_of(*list).size(), EMD_BAD_TEXT);
}

// Whatever is not acknowledged can be: by its lines as they are shown, or by halves of them.
TEST(BadList, WhatIsListedCanBeAcknowledged)
{
	std::mt19937 random(11);

	for (int round = 0; round < 6; round++) {
		const __u64 spread = 1ULL << (9 + random() % 30);
		auto list = empty();

		for (int step = round % 3 ? 2000 : 100; step; step--) {
			const __u64 begin = random() % spread, end = begin + 1 + random() % 3000;

			if (!emd_bad_all(list.get(), begin, end))
				emd_bad_add(list.get(), begin, end, random() % 2 ? EMD_BAD_ACKED : EMD_BAD_UNACKED);
		}
		while (list->unacked) {
			const std::string text = text_of(*list, EMD_BAD_UNACKED);
			__u64 begin = 0, sectors = 0;

			ASSERT_LE(text_of(*list).size(), 4096U - 26);
			ASSERT_EQ(sscanf(text.c_str(), "%llu %llu", &begin, &sectors), 2);
			if (round % 2)
				sectors = (sectors + 1) / 2;
			ASSERT_EQ(emd_bad_add(list.get(), begin, begin + sectors, EMD_BAD_ACKED), 0);
			ASSERT_EQ(list->text, text_of(*list).size());
		}
	}
}

TEST(BadList, LongRangesAreRefused)
{
	auto list = empty();

	EXPECT_EQ(emd_bad_add(list.get(), 10, 5ULL << 32, EMD_BAD_UNACKED), -ENOSPC);
	EXPECT_EQ(emd_bad_add(list.get(), 10, 5ULL << 32, EMD_BAD_ACKED), -ENOSPC);
	EXPECT_EQ(list->nr, 0U);
	EXPECT_EQ(emd_bad_remove(list.get(), 0, 5ULL << 32), 0);
}

TEST(BadList, ARunIsWhatIsBadWithoutAGap)
{
	auto list = empty();

	ASSERT_EQ(emd_bad_add(list.get(), 10, 20, EMD_BAD_ACKED), 0);
	ASSERT_EQ(emd_bad_add(list.get(), 20, 30, EMD_BAD_UNACKED), 0);
	ASSERT_EQ(emd_bad_add(list.get(), 31, 40, EMD_BAD_UNACKED), 0);
	EXPECT_EQ(emd_bad_run(list.get(), 9), 0U);
	EXPECT_EQ(emd_bad_run(list.get(), 10), 20U);
	EXPECT_EQ(emd_bad_run(list.get(), 29), 20U);
	EXPECT_EQ(emd_bad_run(list.get(), 30), 0U);
	EXPECT_EQ(emd_bad_run(list.get(), 39), 9U);
	EXPECT_EQ(emd_bad_run(list.get(), 40), 0U);
}
