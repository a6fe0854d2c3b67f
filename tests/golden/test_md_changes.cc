// SPDX-License-Identifier: GPL-2.0-only
// What happens to an array of md while EMD runs it, as it then stands on the disks.
#include "golden/allocations.h"
#include "golden/golden.h"
#include "golden/md_disks.h"

#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v090_words.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/monitor/settled.h"
#include "libemd/plan/assemble.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace emd::md {
namespace {

TEST(MdChanges, DirtyAndClean)
{
    Disks disks("md12-raid5-parity-first");
    const std::uint64_t events = disks.v1(0).events;
    disks.change(change::MarkDirty{0});
    for (std::size_t i = 0; i < 4; i++) {
        EXPECT_EQ(disks.v1(i).resync_offset, 0u);
        EXPECT_EQ(disks.v1(i).events, events + 1);
    }
    EXPECT_TRUE(disks.load()->view().volumes[0].dirty);
    disks.change(change::MarkClean{0});
    EXPECT_EQ(disks.v1(2).resync_offset, kInSync);
    EXPECT_EQ(disks.v1(2).events, events + 2);
    EXPECT_FALSE(disks.load()->view().volumes[0].dirty);
}

TEST(MdChanges, WhoIsReadWhileTheOthersGetTwoRecordsIsNotMissed)
{
    Disks disks("md12-raid5-parity-first");
    const auto old = disks.content(1);
    disks.change(change::MarkDirty{0});
    disks.change(change::MarkClean{0});
    const auto written = disks.content(1);
    int readings = 0, pauses = 0;
    const auto load = [&]() -> Result<std::unique_ptr<Metadata>> {
        disks.content(1) = readings++ == 0 ? old : written;
        return disks.load();
    };
    const auto pause = [&] { pauses++; };
    EXPECT_EQ(health((*load())->view().volumes[0]), Health::Degraded);  // or this says nothing
    readings = 0;
    EXPECT_EQ(health((*load_settled(load, pause))->view().volumes[0]), Health::Optimal);
    EXPECT_EQ(pauses, 1);

    readings = pauses = 0;
    const auto missing = [&]() -> Result<std::unique_ptr<Metadata>> {
        readings++;
        disks.content(1) = old;
        return disks.load();
    };
    EXPECT_EQ(health((*load_settled(missing, pause))->view().volumes[0]), Health::Degraded);
    EXPECT_EQ(readings, 2);  // twice the same: so it is

    // What is planned by one reading is tried on another.
    disks.content(1) = written;
    const Container known = disks.load()->view();
    readings = pauses = 0;
    const auto tried = load_like(known, load, pause);
    ASSERT_TRUE(tried);
    EXPECT_EQ(health((*tried)->view().volumes[0]), Health::Optimal);
    EXPECT_EQ(pauses, 1);
    const auto never = load_like(known, missing, pause);
    ASSERT_FALSE(never);
    EXPECT_EQ(never.error().code(), Errc::Busy);
}

TEST(MdChanges, AFailedMemberIsToldNothingAndIsNoMemberAnyMore)
{
    Disks disks("md12-raid5-parity-first");
    const std::uint64_t events = disks.v1(1).events;
    disks.change(change::DiskFailed{1});
    EXPECT_EQ(disks.v1(1).events, events);
    EXPECT_EQ(disks.v1(0).events, events + 1);
    EXPECT_EQ(disks.v1(0).roles[1], kRoleFaulty);
    const auto again = disks.load();
    EXPECT_EQ(again->view().disks[1].state, DiskState::Failed);
    EXPECT_EQ(health(again->view().volumes[0]), Health::Degraded);
}

// It is only one event behind then, and md would take it back.
TEST(MdChanges, WhoIsAwayGivesUpItsPlaceWithTheFirstChange)
{
    Disks all("md12-raid5-parity-first"), some("md12-raid5-parity-first", {0, 2, 3});
    EXPECT_EQ(some.array->view().disks[1].state, DiskState::Missing);
    EXPECT_FALSE(some.volume().slots[1].in_sync);
    some.change(change::DiskFailed{1});
    EXPECT_EQ(some.v1(0).roles[1], kRoleFaulty);
    EXPECT_EQ(some.v1(0).events, all.v1(1).events + 1);
}

// What emdmon writes before it answers anybody: nothing has changed since, but somebody has not got the last change.
TEST(MdChanges, WhoIsOneChangeBehindGetsTheChange)
{
    for (const std::size_t images : {1u, 2u}) {
        SCOPED_TRACE(images);
        Disks disks("md12-raid5-parity-first");
        disks.change_in_part(change::DiskFailed{3}, images);
        const V1 told = disks.v1(0);
        ASSERT_EQ(told.events, disks.v1(2).events + 1);
        disks.array = disks.load();
        EXPECT_TRUE(disks.array->view().uneven);
        disks.store();
        EXPECT_FALSE(disks.array->view().uneven);
        for (const std::size_t i : {0u, 1u, 2u}) {
            EXPECT_EQ(disks.v1(i).events, told.events) << i;
            EXPECT_EQ(disks.v1(i).roles, told.roles) << i;
        }
        EXPECT_EQ(disks.v1(2).roles.at(disks.v1(3).dev_number), kRoleFaulty);
        EXPECT_FALSE(disks.load()->view().uneven);
    }
}

TEST(MdChanges, AStaleMemberIsNotWrittenAndItsPlaceIsMissing)
{
    Disks disks("md10-raid5-degraded");
    for (const Image &image : disks.array->prepare())
        EXPECT_EQ(disks.array->view().disks[static_cast<std::size_t>(image.disk)].state, DiskState::Active);
}

void rebuild(Disks &disks)
{
    disks.add_blank("new", disks.bytes());
    disks.change(change::DiskFailed{1});
    disks.change(change::SpareAdded{spare("new", disks.bytes())});
    EXPECT_EQ(disks.load()->view().disks.size(), 5u);
    const int index = disks.index_of("new");
    ASSERT_LT(index, 5);
    EXPECT_EQ(disks.array->view().disks[static_cast<std::size_t>(index)].state, DiskState::Spare);
    disks.change(change::RebuildStarted{0, 1, index});
    EXPECT_EQ(disks.volume().activity, Activity::Rebuild);
    disks.change(change::SyncProgress{0, 4096});
}

TEST(MdChanges, ASpareIsRebuilt)
{
    Disks disks("md12-raid5-parity-first");
    rebuild(disks);
    EXPECT_EQ(disks.v1(4).recovery_offset, 4096u);
    EXPECT_NE(disks.v1(4).device, disks.v1(0).device);
    auto again = disks.load();
    EXPECT_EQ(again->view().volumes[0].activity, Activity::Rebuild);
    EXPECT_EQ(again->view().volumes[0].checkpoint, 4096u);
    EXPECT_EQ(again->view().volumes[0].slots[1].data_offset, disks.v1(0).data_offset);
    disks.change(change::SyncFinished{0});
    EXPECT_EQ(disks.v1(4).role(), 1);
    EXPECT_FALSE(disks.v1(4).features & kRecovery);
    again = disks.load();
    EXPECT_EQ(health(again->view().volumes[0]), Health::Optimal);
}

// As it is stopped cleanly in the midst of it: not dirty, so that it can be started again.
TEST(MdChanges, ARebuildCanBeClean)
{
    Disks disks("md12-raid5-parity-first");
    rebuild(disks);
    disks.change(change::MarkDirty{0});
    disks.change(change::MarkClean{0});
    EXPECT_EQ(disks.v1(0).resync_offset, kInSync);
    EXPECT_EQ(disks.v1(4).recovery_offset, 4096u);
    const auto again = disks.load();
    const Volume &volume = again->view().volumes[0];
    EXPECT_FALSE(volume.dirty);
    EXPECT_EQ(volume.activity, Activity::Rebuild);
    EXPECT_EQ(volume.checkpoint, 4096u);
    EXPECT_TRUE(plan::plan_volume(again->view(), volume, "container", "volume", {}));
}

// Written before the others it says itself that it is not in sync; the others, read alone, know it as a spare.
TEST(MdChanges, ACutWhileASpareBecomesAMemberLeavesNobodyInSyncWhoIsNot)
{
    for (const unsigned phases : {0u, 1u, 2u}) {
        Disks disks("md12-raid5-parity-first");
        disks.add_blank("new", disks.bytes());
        disks.change(change::DiskFailed{1});
        disks.change(change::SpareAdded{spare("new", disks.bytes())});
        disks.change(change::RebuildStarted{0, 1, disks.index_of("new")}, phases);
        const auto again = disks.load();
        EXPECT_FALSE(again->view().volumes[0].slots[1].in_sync) << phases;
        EXPECT_EQ(disks.v1(4).role() == 1, phases > 0) << phases;
        EXPECT_EQ(disks.v1(0).roles[disks.v1(4).dev_number] == 1, phases > 1) << phases;
    }
}

TEST(MdChanges, Version090HasNoPlaceForARebuildAndStartsItAgain)
{
    Disks disks("md090-raid1-spare");
    disks.without_bitmap();
    disks.change(change::DiskFailed{1});
    EXPECT_EQ(disks.v090(0).disks[1].state, V090::kFaulty | V090::kRemoved);
    EXPECT_EQ(disks.v090(0).failed, 1u);
    disks.change(change::RebuildStarted{0, 1, 2});
    EXPECT_EQ(disks.after(2).state, DiskState::Spare);  // their order is another now
    disks.change(change::SyncFinished{0});
    EXPECT_EQ(disks.v090(2).self.number, 1u);
    EXPECT_EQ(disks.v090(2).self.state, V090::kActive | V090::kSync);
    disks.change(change::MarkDirty{0});
    EXPECT_FALSE(disks.v090(0).state & V090::kClean);
    EXPECT_TRUE(disks.load()->view().volumes[0].dirty);
    disks.change(change::MarkClean{0});
    EXPECT_TRUE(disks.v090(0).state & V090::kClean);
    EXPECT_EQ(disks.v090(0).cp_events, disks.v090(0).events);
    EXPECT_EQ(health(disks.load()->view().volumes[0]), Health::Optimal);
}

// Not by any way: also a monitor that is started for it finds nothing that it may write.
TEST(MdChanges, WhatIsRefusedIsNeverWritten)
{
    for (const char *name : {"md12-reshape-raid5-3to4-backup", "md090-raid1-spare"}) {
        Disks disks(name);
        ASSERT_FALSE(disks.volume().read_write) << name;
        for (const Change &change : {Change(change::SpareAdded{spare("new", disks.bytes())}), Change(change::DiskFailed{1}),
                                     Change(change::MarkDirty{0}), Change(change::MarkClean{0})}) {
            const auto done = disks.array->apply(change);
            ASSERT_FALSE(done) << name;
            EXPECT_NE(done.error().text().find("must not be written: "), std::string::npos) << done.error().text();
        }
        EXPECT_TRUE(disks.array->prepare().empty()) << name;
    }
}

// It was away while the others changed: as a member it would tell the next reader what was true then.
TEST(MdChanges, ASpareThatWasAwayTellsOfTheArrayWhatTheOthersSay)
{
    Disks disks("md12-raid5-parity-first");
    disks.add_blank("new", disks.bytes());
    disks.change(change::SpareAdded{spare("new", disks.bytes())});
    disks.edit(4, [](Block &block) {
        put(block, offsetof(V1Bytes, raid_disks), Le32(3));
        put(block, offsetof(V1Bytes, features), Le32(kBitmap));
    });
    disks.array = disks.load();
    ASSERT_TRUE(disks.volume().read_write) << disks.volume().refused;
    ASSERT_EQ(disks.array->view().disks[static_cast<std::size_t>(disks.index_of("new"))].state, DiskState::Spare);
    disks.change(change::DiskFailed{1});
    disks.change(change::RebuildStarted{0, 1, disks.index_of("new")});
    EXPECT_EQ(disks.v1(4).raid_disks, 4u);
    EXPECT_EQ(disks.v1(4).features, disks.v1(0).features | kRecovery);
    disks.change(change::SyncFinished{0});
    const auto again = disks.load();
    EXPECT_TRUE(again->view().volumes[0].read_write);
    EXPECT_EQ(health(again->view().volumes[0]), Health::Optimal);
}

TEST(MdChanges, ASpareOf090ThatWasAwayTellsOfTheArrayWhatTheOthersSay)
{
    Disks disks("md090-raid1-spare");
    disks.without_bitmap();
    disks.edit(2, [](Block &block) {
        put(block, 4 * kRaidDisks, Le32(3));
        put(block, 4 * kState, Le32(V090::kHasBitmap | V090::kClean));
    });
    disks.array = disks.load();
    disks.change(change::MarkDirty{0});
    EXPECT_EQ(disks.v090(2).raid_disks, 2u);
    EXPECT_EQ(disks.v090(2).state, disks.v090(0).state);
}

TEST(MdChanges, ASpareThatIsTooSmallByNowIsLeftOut)
{
    Disks disks("md12-raid5-parity-first");
    disks.add_blank("new", disks.bytes());
    disks.change(change::SpareAdded{spare("new", disks.bytes())});
    disks.edit(4, [](Block &block) { put(block, offsetof(V1Bytes, data_size), Le64(8)); });
    disks.array = disks.load();
    EXPECT_TRUE(disks.volume().read_write) << disks.volume().refused;
    EXPECT_EQ(disks.array->view().disks[static_cast<std::size_t>(disks.index_of("new"))].state, DiskState::Failed);
}

TEST(MdChanges, AHotReplacementWhoseNewDiskIsAwayIsRefused)
{
    Disks disks("md12-raid5-parity-first");
    for (std::size_t i = 0; i < 4; i++)
        disks.edit(i, [](Block &block) {
            ASSERT_GT(read_at<Le32>(block, offsetof(V1Bytes, max_dev))->get(), 4u);
            put(block, sizeof(V1Bytes) + 2 * 4, Le16(1));
        });
    disks.array = disks.load();
    EXPECT_FALSE(disks.volume().read_write);
    EXPECT_FALSE(disks.volume().readable);
    EXPECT_NE(disks.volume().refused.find("replaced"), std::string::npos) << disks.volume().refused;
}

// Without an entry it would be rebuilt, and be a spare again after the next boot.
TEST(MdChanges, ASpareWithoutAnEntryGetsOneWhenItIsRebuilt)
{
    for (const std::uint32_t number : {700u, 5000u}) {
        Disks disks("md12-raid5-parity-first");
        disks.add_blank("new", disks.bytes());
        disks.change(change::SpareAdded{spare("new", disks.bytes())});
        disks.edit(4, [&](Block &block) { put(block, offsetof(V1Bytes, dev_number), Le32(number)); });
        disks.array = disks.load();
        disks.change(change::DiskFailed{1});
        const change::RebuildStarted start{0, 1, disks.index_of("new")};
        if (number > 1920) {
            EXPECT_FALSE(disks.array->apply(start));
            continue;
        }
        disks.change(start);
        disks.change(change::SyncFinished{0});
        EXPECT_EQ(disks.v1(4).role(), 1);
        EXPECT_EQ(health(disks.load()->view().volumes[0]), Health::Optimal);
    }
}

// The kernel's sizes are in KiB: what lies behind the first member would be half a KiB away from where md has it.
TEST(MdChanges, HalfAKibibyteIsNotMapped)
{
    const auto less = [](Block &block) {
        const std::uint64_t size = read_at<Le64>(block, offsetof(V1Bytes, data_size))->get();
        put(block, offsetof(V1Bytes, data_size), Le64(size - 1));
        put(block, offsetof(V1Bytes, chunk_sectors), Le32(0));
    };
    Disks linear("md10-linear");
    linear.edit(0, less);
    linear.edit(1, [](Block &block) { put(block, offsetof(V1Bytes, chunk_sectors), Le32(0)); });
    linear.array = linear.load();
    EXPECT_FALSE(linear.volume().read_write);
    EXPECT_FALSE(linear.volume().readable);
    EXPECT_NE(linear.volume().refused.find("half a KiB"), std::string::npos) << linear.volume().refused;

    Disks mirror("md12-raid1-4kn");
    for (const std::size_t disk : {0, 1})
        mirror.edit(disk, [](Block &block) { put(block, offsetof(V1Bytes, features), Le32(0)); });  // it has a bitmap
    mirror.array = mirror.load();
    ASSERT_TRUE(mirror.volume().read_write) << mirror.volume().refused;
    const std::uint64_t size = mirror.v1(0).size;
    for (const std::size_t disk : {0, 1})
        mirror.edit(disk, [&](Block &block) { put(block, offsetof(V1Bytes, size), Le64(size - 1)); });
    mirror.array = mirror.load();
    EXPECT_FALSE(mirror.volume().read_write);
    EXPECT_TRUE(mirror.volume().readable);
}

TEST(MdChanges, NothingIsAllocatedForWhatTheKernelReports)
{
    Disks disks("md12-raid5-parity-first");
    rebuild(disks);
    std::vector<Image> images = disks.array->prepare();
    for (const Change &change : {Change(change::MarkDirty{0}), Change(change::SyncProgress{0, 8192}), Change(change::SyncFinished{0}),
                                 Change(change::MarkClean{0}), Change(change::DiskFailed{2})}) {
        bool done = false;
        unsigned long count = 0;
        {
            const unsigned long before = golden::allocations();
            done = disks.array->apply(change).has_value();
            disks.array->encode(images);
            count = golden::allocations() - before;
        }
        EXPECT_TRUE(done) << change.index();
        EXPECT_EQ(count, 0u) << change.index();
    }
}

TEST(MdChanges, WithoutRedundancyNothingIsEverWritten)
{
    Disks disks("md12-raid0-equal");
    const V1 before = disks.v1(0);
    disks.change(change::MarkDirty{0});
    disks.change(change::MarkClean{0});
    EXPECT_EQ(disks.v1(0).checksum, before.checksum);
    disks.add_blank("new", disks.bytes());
    disks.change(change::SpareAdded{spare("new", disks.bytes())});  // for a takeover to come
    EXPECT_EQ(disks.v1(0).checksum, before.checksum);
}

// It has the record of a first write alone, and is away at the next start, of which the first record has the same number.
TEST(MdChanges, WhoIsMissedByOthersOfAsManyEventsIsOld)
{
    for (const char *version : {"1.2", "1.0"})
        for (const std::size_t alone : {0, 1, 2}) {
            SCOPED_TRACE(fmt::format("{}, d{}", version, alone));
            NewArray want;
            want.name = "vol";
            want.version = version;
            want.shape = {5, EMD_LAYOUT_LEFT_SYMMETRIC, 3, 128, 0};
            want.assume_clean = true;
            Disks disks(want, 3, 0, 20480);
            const std::vector<std::vector<std::byte>> before{disks.content(0), disks.content(1), disks.content(2)};
            disks.change(change::MarkDirty{0});
            for (std::size_t disk = 0; disk < 3; disk++)
                if (disk != alone)
                    disks.content(disk) = before[disk];
            disks.array = disks.load(alone);
            const auto &all = disks.array->view().disks;
            const auto missing = std::ranges::find(all, false, &Disk::present) - all.begin();
            ASSERT_TRUE(disks.array->apply(change::DiskFailed{static_cast<int>(missing)}));
            disks.change(change::MarkDirty{0});
            ASSERT_EQ(disks.v1(0).events, disks.v1(1).events);
            ASSERT_EQ(disks.v1(1).events, disks.v1(2).events);

            EXPECT_EQ(disks.after(alone).state, DiskState::Failed) << "it has not got what was written without it";
            disks.array = disks.load();
            EXPECT_EQ(health(disks.volume()), Health::Degraded);
            EXPECT_FALSE(disks.volume().slots[alone].in_sync);
            EXPECT_TRUE(disks.volume().dirty);
        }
}

}  // namespace
}  // namespace emd::md
