// SPDX-License-Identifier: GPL-2.0-only
// What is said before a volume is deleted or renamed, and what speaks against it.
#include "plan_world.h"

#include "libemd/plan/subarray.h"

#include <gtest/gtest.h>

namespace emd::plan {
namespace {

// Two volumes on three disks and a spare.
Container two_volumes()
{
    Container c = three_disks(1);
    c.volumes.push_back(raid5(1, "vol1", 3, kComponent));
    for (Volume &v : c.volumes)
        v.uuid[0] = static_cast<std::uint8_t>(v.index + 1);
    return c;
}

// As IMSM does it: numbers close up, and identities are made of them.
Express changes_of(const Container &now)
{
    return [now](const Change &change) -> Result<Container> {
        Container after = now;
        if (const auto *rename = std::get_if<change::VolumeRenamed>(&change)) {
            after.volumes.at(rename->volume).name = rename->name;
            after.volumes.at(rename->volume).uuid[1]++;
            return after;
        }
        after.volumes.erase(after.volumes.begin() + std::get<change::VolumeDeleted>(change).volume);
        for (Volume &v : after.volumes) {
            v.index = static_cast<unsigned>(&v - after.volumes.data());
            v.uuid[0] = static_cast<std::uint8_t>(v.index + 1);
        }
        for (Disk &d : after.disks)
            if (after.volumes.empty() && d.state == DiskState::Active)
                d.state = DiskState::Spare;
        return after;
    };
}

std::string text(const Container &c, unsigned number, bool force = false)
{
    const auto plan = plan_delete_volume(c, number, force, changes_of(c));
    return plan ? to_text(*plan) : plan.error().text() + "\n";
}

TEST(PlanSubarray, WhoIsBehindIsTold)
{
    EXPECT_EQ(text(two_volumes(), 0), R"(delete volume 0
  vol0 (raid5, 3 disks, 128.00 MiB)
  volume vol1 becomes volume 0
  volume vol1: its identity was 00000002:00000000:00000000:00000000 and becomes 00000001:00000000:00000000:00000000: emdadm.conf and mdadm.conf may name it
   1  metadata: volume 0 is deleted
   2  metadata: write to all disks and flush
)");
    EXPECT_EQ(text(two_volumes(), 1), R"(delete volume 1
  vol1 (raid5, 3 disks, 128.00 MiB)
   1  metadata: volume 1 is deleted
   2  metadata: write to all disks and flush
)");
}

TEST(PlanSubarray, TheLastOneLeavesSpares)
{
    EXPECT_EQ(text(three_disks(1), 0), R"(delete volume 0
  vol0 (raid5, 3 disks, 128.00 MiB)
  /dev/sda, /dev/sdb, /dev/sdc become spares
   1  metadata: volume 0 is deleted
   2  metadata: write to all disks and flush
)");
}

TEST(PlanSubarray, WhatIsNotThereIsNotDeleted)
{
    EXPECT_EQ(text(two_volumes(), 2), "there is no volume 2: the container has 0 (vol0), 1 (vol1)\n");
    Container c = two_volumes();
    c.volumes[0].index = 3;  // DDF leaves holes
    EXPECT_EQ(text(c, 0), "there is no volume 0: the container has 3 (vol0), 1 (vol1)\n");
    c.volumes.clear();
    EXPECT_EQ(text(c, 0), "there is no volume 0: the container has none\n");
}

TEST(PlanSubarray, ADeletionThatWasCutShortIsFinished)
{
    Container c = three_disks(1);
    c.volumes.clear();
    c.uneven = true;
    EXPECT_EQ(text(c, 0), R"(finish the deletion of the last volume, which had not reached all disks
   1  metadata: write to all disks and flush
)");
}

TEST(PlanSubarray, WhatRunsIsGivenUpByForceAlone)
{
    Container c = two_volumes();
    c.volumes[1].activity = Activity::Reshape;
    EXPECT_EQ(text(c, 1), "volume vol1: a reshape is recorded in it, and would be given up half done: assemble it and let that end, or use --force\n");
    EXPECT_TRUE(text(c, 0).starts_with("delete volume 0")) << "that is the other volume's";
    EXPECT_TRUE(text(c, 1, true).starts_with("delete volume 1"));
}

TEST(PlanSubarray, ADiskThatDoesNotHearOfItKeepsTheVolume)
{
    for (const DiskState state : {DiskState::Missing, DiskState::Failed}) {
        Container c = two_volumes();
        c.disks[1].state = state;
        c.disks[1].present = state == DiskState::Failed;
        if (state == DiskState::Missing)
            c.disks[1].path.clear();
        const std::string word = state == DiskState::Missing ? "SERIAL-b" : "/dev/sdb";
        EXPECT_EQ(text(c, 1), word + " is not here, or failed, and would keep the record of volume vol1: connect it, or use --force\n");
        EXPECT_NE(text(c, 1, true).find(word + " keeps its record of vol1: the other disks outvote it, but alone it brings the volume back"), std::string::npos);
    }
}

TEST(PlanSubarray, AnotherName)
{
    const Container c = two_volumes();
    const auto renamed = [&](const Container &now, unsigned number, const std::string &name, bool force = false) {
        const auto plan = plan_rename_volume(now, number, name, force, changes_of(now));
        return plan ? to_text(*plan) : plan.error().text();
    };
    EXPECT_EQ(renamed(c, 1, "new"), R"(rename volume 1
  vol1 becomes new
  volume vol1: its identity was 00000002:00000000:00000000:00000000 and becomes 00000102:00000000:00000000:00000000: emdadm.conf and mdadm.conf may name it
   1  metadata: volume 1 is called new
   2  metadata: write to all disks and flush
)");
    EXPECT_EQ(renamed(c, 2, "new"), "there is no volume 2: the container has 0 (vol0), 1 (vol1)");
    EXPECT_EQ(renamed(c, 1, "vol1"), "volume 1 is called vol1 already");
    Container away = c;
    away.disks[2].state = DiskState::Missing;
    EXPECT_EQ(renamed(away, 0, "new"), "/dev/sdc is not here and would keep the old name of volume vol0: connect it, or use --force");
    EXPECT_NE(renamed(away, 0, "new", true).find("/dev/sdc keeps the name vol0"), std::string::npos);
    away.disks[2].state = DiskState::Failed;
    EXPECT_TRUE(renamed(away, 0, "new").starts_with("rename volume 0")) << "nobody counts on it";
}

TEST(PlanSubarray, TheFormatHasTheLastWord)
{
    const auto plan = plan_delete_volume(two_volumes(), 0, true, [](const Change &) -> Result<Container> { return fail(Errc::Busy, "not now"); });
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().text(), "not now");
}

}  // namespace
}  // namespace emd::plan
