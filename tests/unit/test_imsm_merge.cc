// SPDX-License-Identifier: GPL-2.0-only
// IMSM: who belongs together.
#include "imsm_disks.h"

namespace emd::imsm {
namespace {

TEST(ImsmMerge, AMissingMemberIsMissing)
{
    Disks disks(3);
    auto metadata = disks.create(3);
    ASSERT_TRUE(metadata->apply(volume("data", 5, {0, 1, 2})));
    disks.write(*metadata);
    const auto loaded = Disks::load(disks.media({0, 2}));
    EXPECT_EQ(loaded->view().disks[1].state, DiskState::Missing);
    EXPECT_EQ(health(loaded->view().volumes[0]), Health::Degraded);
}

TEST(ImsmMerge, SidesThatRanApartAreNotMixed)
{
    Disks disks(2);
    auto metadata = disks.create(2);
    ASSERT_TRUE(metadata->apply(volume("data", 1, {0, 1})));
    disks.write(*metadata);
    auto left = Disks::load(disks.media({0})), right = Disks::load(disks.media({1}));
    ASSERT_TRUE(left->apply(change::DiskFailed{1}));
    ASSERT_TRUE(right->apply(change::DiskFailed{0}));
    disks.write(*left);
    disks.write(*left);
    disks.write(*right);
    const auto both = disks.load();
    EXPECT_FALSE(both->view().volumes[0].read_write);
    EXPECT_NE(both->view().volumes[0].refused.find("apart"), std::string::npos);
    EXPECT_TRUE(Disks::load(disks.media({1}))->view().volumes[0].read_write);
}

TEST(ImsmMerge, AMemberThatSomebodyMadeASpareIsNotTrusted)
{
    Disks disks(3);
    auto metadata = disks.create(3);
    ASSERT_TRUE(metadata->apply(volume("data", 5, {0, 1, 2})));
    disks.write(*metadata);
    auto other = imsm().create(disks.media({1}));
    ASSERT_TRUE(other);
    disks.write(**other);
    const auto loaded = disks.load();
    EXPECT_FALSE(loaded->view().volumes[0].slots[1].in_sync);
}

// One generation behind and not listed: only a drive that its own record lists was a member before.
TEST(ImsmMerge, ACopyOfAMemberIsNoSpare)
{
    Disks disks(2);
    auto metadata = disks.create(2);
    ASSERT_TRUE(metadata->apply(volume("data", 1, {0, 1})));
    disks.write(*metadata);
    disks.add().bytes = disks[0].bytes;
    ASSERT_TRUE(metadata->apply(change::MarkDirty{0}));
    disks.write(*metadata);
    const auto loaded = disks.load();
    ASSERT_EQ(loaded->view().disks.size(), 3u);
    EXPECT_EQ(loaded->view().disks[2].state, DiskState::Failed);
    EXPECT_FALSE(loaded->view().uneven);
    const auto before = disks[2].bytes;
    disks.write(*loaded);
    EXPECT_EQ(disks[2].bytes, before);
}

// Both sides are a generation from each other, and one does not list the disks of the other.
TEST(ImsmMerge, TheOtherSideIsNoSpare)
{
    Disks disks(4);
    auto metadata = disks.create(4);
    ASSERT_TRUE(metadata->apply(volume("data", 10, {0, 1, 2, 3})));
    disks.write(*metadata);
    auto left = Disks::load(disks.media({0, 2})), right = Disks::load(disks.media({1, 3}));
    Shape target = left->view().volumes[0].shape;
    target.level = 0;
    target.layout = 0;
    target.raid_disks = 2;
    ASSERT_TRUE(left->apply(change::Takeover{0, target, {left->view().volumes[0].slots[0], left->view().volumes[0].slots[2]}}));
    ASSERT_TRUE(right->apply(change::DiskFailed{right->view().volumes[0].slots[0].disk}));
    ASSERT_TRUE(right->apply(change::DiskFailed{right->view().volumes[0].slots[2].disk}));
    disks.write(*left);
    disks.write(*left);
    disks.write(*right);
    const auto both = disks.load();
    EXPECT_FALSE(both->view().volumes[0].read_write);
    EXPECT_EQ(both->view().volumes[0].shape.level, 0);
    EXPECT_EQ(std::ranges::count(both->view().disks, DiskState::Spare, &Disk::state), 0);
    EXPECT_EQ(std::ranges::count(both->view().disks, DiskState::Failed, &Disk::state), 2);
}

TEST(ImsmMerge, ForeignDisksAreRefused)
{
    Disks disks(4);
    auto first = imsm().create(disks.media({0, 1})), second = imsm().create(disks.media({2, 3}));
    ASSERT_TRUE((*first)->apply(volume("a", 1, {0, 1})) && (*second)->apply(volume("b", 1, {0, 1})));
    disks.write(**first);
    disks.write(**second);
    EXPECT_EQ(load_container(disks.media()).error().code(), Errc::Invalid);
    Disks blank(1);
    EXPECT_EQ(load_container(blank.media()).error().code(), Errc::NotFound);
    EXPECT_FALSE(imsm().probe(blank[0])->found);
}

}  // namespace
}  // namespace emd::imsm
