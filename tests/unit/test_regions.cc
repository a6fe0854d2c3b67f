// SPDX-License-Identifier: GPL-2.0-or-later
// Regions of the write-intent bitmap: writes, commits, cleaning and power cuts in random order. Wherever the power goes, a region
// that some members may hold other data of than others has its bit on every member.
#include "core/emd_regions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace {

constexpr __u32 kBlockBits = 64;

struct Regions : emd_regions {
	std::vector<__u8> states, bits;
	std::vector<emd_regions_block> blocks;

	Regions(__u32 count, __u32 header_bits) : emd_regions{}
	{
		nr = count;
		header = header_bits;
		block_bits = kBlockBits;
		nr_blocks = emd_regions_blocks(nr, header, block_bits);
		states.assign(nr, EMD_REGION_CLEAN);
		bits.assign(nr_blocks * kBlockBits / 8, 0);
		blocks.assign(nr_blocks, emd_regions_block{});
		state = states.data();
		image = bits.data();
		block = blocks.data();
	}
	Regions(const Regions &) = delete;
	Regions &operator=(const Regions &) = delete;

	bool bit(const std::vector<__u8> &of, __u32 i) const
	{
		const __u32 b = header + i;
		return of[b / 8] >> (b % 8) & 1;
	}
};

// An array in small: what each member holds of a region is the number of the last write that reached it, in its cache or durably.
class World {
public:
	World(unsigned seed, __u32 header) : random_(seed), r_(kRegions, header)
	{
		for (__u8 &byte : r_.bits)
			byte = 0;
		for (auto &member : members_) {
			member.cached.assign(kRegions, 0);
			member.durable.assign(kRegions, 0);
			member.image = r_.bits;
		}
	}

	void step()
	{
		switch (below(8)) {
		case 0:
		case 1: ask(); break;
		case 2: issue(); break;
		case 3: write_one(); break;
		case 4: commit_begin(); break;
		case 5: commit_one(); break;
		case 6: clean(); break;
		case 7: destage(); break;
		}
	}

	// What the members would hold after a power cut now.
	void check() const
	{
		for (__u32 i = 0; i < kRegions; i++) {
			const bool differ = members_[0].durable[i] != members_[1].durable[i];
			for (const Member &member : members_)
				ASSERT_TRUE(!differ || r_.bit(member.image, i)) << "region " << i;
		}
	}
	unsigned issued() const { return issued_; }
	unsigned cleaned() const { return cleaned_; }

private:
	static constexpr __u32 kRegions = 150;
	struct Member {
		std::vector<unsigned> cached, durable;	// last write, by region
		std::vector<__u8> image;
	};
	struct Write {
		__u32 first, last;
		unsigned number;
		unsigned epoch;
		bool issued = false;
		unsigned reached = 0;	// members
	};

	__u32 below(__u32 n) { return std::uniform_int_distribution<__u32>(0, n - 1)(random_); }

	void ask()
	{
		if (writes_.size() > 6)
			return;
		const __u32 first = below(kRegions);
		writes_.push_back({first, std::min(kRegions - 1, first + below(3)), ++number_, epoch_});
	}

	// As the gate does: without the lock first, then with it; who has to wait holds no epoch.
	void issue()
	{
		for (Write &w : writes_) {
			if (w.issued)
				continue;
			w.epoch = epoch_;
			w.issued = emd_regions_writable(&r_, w.first, w.last) ||
				   emd_regions_want(&r_, w.first, w.last) == EMD_REGIONS_GO;
			issued_ += w.issued;
		}
	}

	void write_one()
	{
		for (Write &w : writes_) {
			if (!w.issued)
				continue;
			for (__u32 i = w.first; i <= w.last; i++)
				members_[w.reached].cached[i] = std::max(members_[w.reached].cached[i], w.number);
			if (++w.reached == members_.size())
				std::erase_if(writes_, [&](const Write &x) { return x.number == w.number; });
			return;
		}
	}

	void commit_begin()
	{
		if (committing_)
			return;
		committing_ = emd_regions_begin(&r_) > 0;
		committed_ = 0;
	}

	// One member has the commit; the last one ends it. Now and then it fails before.
	void commit_one()
	{
		if (!committing_)
			return;
		if (below(10) == 0) {
			emd_regions_end(&r_, false);
			committing_ = false;
			return;
		}
		__u32 end = 0;
		for (__u32 b = emd_regions_next_run(&r_, 0, &end); b < r_.nr_blocks; b = emd_regions_next_run(&r_, end, &end))
			std::copy(r_.bits.begin() + b * kBlockBits / 8, r_.bits.begin() + end * kBlockBits / 8,
				  members_[committed_].image.begin() + b * kBlockBits / 8);
		if (++committed_ == members_.size()) {
			emd_regions_end(&r_, true);
			committing_ = false;
		}
	}

	// Candidates, then another epoch; when the old one has no write left: flush, and clean what is idle still.
	void clean()
	{
		if (!draining_) {
			draining_ = emd_regions_mark_idle(&r_) > 0;
			epoch_ += draining_;
			return;
		}
		for (const Write &w : writes_)
			if (w.issued && w.epoch < epoch_)
				return;
		for (Member &member : members_)
			member.durable = member.cached;
		cleaned_ += emd_regions_settle_idle(&r_, below(4) == 0);
		draining_ = false;
	}

	void destage()
	{
		Member &member = members_[below(2)];
		const __u32 i = below(kRegions);
		member.durable[i] = member.cached[i];
	}

	std::mt19937 random_;
	Regions r_;
	std::vector<Member> members_{2};
	std::vector<Write> writes_;
	unsigned number_ = 0, epoch_ = 0, issued_ = 0, cleaned_ = 0;
	bool committing_ = false, draining_ = false;
	size_t committed_ = 0;
};

TEST(Regions, WhateverMayDifferHasItsBitOnEveryMember)
{
	for (unsigned seed = 0; seed < 60; seed++) {
		World world(seed, seed % 2 ? 0 : 32);
		for (int i = 0; i < 4000; i++) {
			world.step();
			world.check();
			if (HasFatalFailure())
				FAIL() << "seed " << seed << ", step " << i;
		}
		EXPECT_GT(world.issued(), 100U);
		EXPECT_GT(world.cleaned(), 50U);
	}
}

TEST(Regions, AWriteWaitsForTheCommitThatTakesItUp)
{
	Regions r(200, 32);

	EXPECT_EQ(emd_regions_want(&r, 10, 11), EMD_REGIONS_NEXT);
	EXPECT_EQ(emd_regions_begin(&r), 1U);
	EXPECT_TRUE(r.bit(r.bits, 10) && r.bit(r.bits, 11));
	EXPECT_EQ(emd_regions_want(&r, 10, 10), EMD_REGIONS_THIS);
	EXPECT_EQ(emd_regions_want(&r, 11, 12), EMD_REGIONS_NEXT);
	EXPECT_FALSE(r.bit(r.bits, 12)) << "the image is stable while it is written";
	emd_regions_end(&r, true);
	EXPECT_EQ(emd_regions_want(&r, 10, 11), EMD_REGIONS_GO);
	EXPECT_TRUE(emd_regions_writable(&r, 10, 11));
	EXPECT_FALSE(emd_regions_writable(&r, 11, 12));
	EXPECT_EQ(emd_regions_begin(&r), 1U);
	emd_regions_end(&r, false);
	EXPECT_EQ(emd_regions_want(&r, 12, 12), EMD_REGIONS_NEXT) << "it failed and is asked for again";
	EXPECT_EQ(emd_regions_begin(&r), 1U);
}

TEST(Regions, RunsOfACommit)
{
	Regions r(300, 32);	// blocks end before regions 32, 96, 160, 224, 288
	__u32 end = 0;

	for (__u32 i : {0, 40, 230})
		emd_regions_want(&r, i, i);
	EXPECT_EQ(emd_regions_begin(&r), 3U);
	EXPECT_EQ(emd_regions_next_run(&r, 0, &end), 0U);
	EXPECT_EQ(end, 2U);
	EXPECT_EQ(emd_regions_next_run(&r, end, &end), 4U);
	EXPECT_EQ(end, 5U);
	EXPECT_EQ(emd_regions_next_run(&r, end, &end), r.nr_blocks);
	emd_regions_end(&r, true);
	emd_regions_rewrite(&r);
	EXPECT_EQ(emd_regions_begin(&r), r.nr_blocks);
	emd_regions_end(&r, true);
	EXPECT_EQ(emd_regions_count(&r, EMD_REGION_DIRTY), 3U);
}

TEST(Regions, LoadedOnesAreUnsyncedWhereTheArrayIsNot)
{
	Regions r(300, 32);

	for (__u32 i : {0, 5, 100, 299})
		r.bits[(32 + i) / 8] |= __u8(1U << (32 + i) % 8);
	r.bits[0] = 0xff;	// header
	emd_regions_load(&r, 100);
	EXPECT_EQ(emd_regions_count(&r, EMD_REGION_SETTING), 4U);
	EXPECT_EQ(emd_regions_count(&r, EMD_REGION_UNSYNCED), 2U);
	EXPECT_EQ(emd_regions_next(&r, 0, 300, EMD_REGION_UNSYNCED), 100U);
	EXPECT_EQ(emd_regions_next(&r, 101, 300, EMD_REGION_UNSYNCED), 299U);
	EXPECT_EQ(emd_regions_next(&r, 101, 250, EMD_REGION_UNSYNCED), 250U);
	EXPECT_EQ(emd_regions_next(&r, 1, 300, EMD_REGION_SETTING), 5U);
	EXPECT_EQ(emd_regions_mark_idle(&r), 2U) << "what is not in sync is no candidate";
	EXPECT_EQ(emd_regions_settle_idle(&r, false), 2U);
	emd_regions_synced(&r, 0, 200);
	EXPECT_EQ(emd_regions_count(&r, EMD_REGION_UNSYNCED), 1U);
	EXPECT_EQ(emd_regions_mark_idle(&r), 1U);
	emd_regions_unsync(&r, 0, 300);
	EXPECT_EQ(emd_regions_count(&r, EMD_REGION_UNSYNCED), 2U);
	EXPECT_EQ(r.bits[0], 0xff);
}

}  // namespace
