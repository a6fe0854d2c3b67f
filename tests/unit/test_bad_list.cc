// SPDX-License-Identifier: GPL-2.0-or-later
// Lists of bad blocks against a naive model, which knows of each sector what is known about it.
#include "core/emd_bad_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
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

TEST(BadList, TakesAsManyRangesAsItSaysAndNoMore)
{
	auto list = empty();

	for (__u64 i = 0; i < EMD_BAD_RANGES; i++)
		ASSERT_EQ(emd_bad_add(list.get(), 4 * i, 4 * i + 3, EMD_BAD_ACKED), 0);
	const emd_bad_list full = *list;

	EXPECT_EQ(emd_bad_add(list.get(), 1000000, 1000001, EMD_BAD_ACKED), -ENOSPC);
	EXPECT_EQ(emd_bad_remove(list.get(), 1, 2), -ENOSPC) << "that would make two of one";
	EXPECT_EQ(memcmp(&full, list.get(), sizeof(full)), 0) << "a refused change has changed something";
	EXPECT_EQ(emd_bad_add(list.get(), 3, 4, EMD_BAD_ACKED), 0) << "one between two makes them one";
	EXPECT_EQ(list->nr, EMD_BAD_RANGES - 1);
	EXPECT_EQ(emd_bad_remove(list.get(), 0, 8), 0);
	EXPECT_EQ(list->nr, EMD_BAD_RANGES - 2);
}

TEST(BadList, LongRangesAreSeveral)
{
	auto list = empty();
	constexpr __u64 kEnd = 5ULL << 32;

	ASSERT_EQ(emd_bad_add(list.get(), 10, kEnd, EMD_BAD_UNACKED), 0);
	EXPECT_EQ(emd_bad_first(list.get(), kEnd - 1, kEnd + 1), kEnd - 1);
	EXPECT_EQ(emd_bad_first(list.get(), kEnd, kEnd + 1), kEnd + 1);
	ASSERT_EQ(emd_bad_add(list.get(), 10, kEnd, EMD_BAD_ACKED), 0);
	EXPECT_EQ(list->unacked, 0U);
	ASSERT_EQ(emd_bad_remove(list.get(), 0, kEnd), 0);
	EXPECT_EQ(list->nr, 0U);
}
