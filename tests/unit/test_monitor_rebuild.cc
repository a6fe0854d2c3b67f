// SPDX-License-Identifier: GPL-2.0-only
// What emdmon records of a volume that misses a member, or is being rebuilt: who may come back, and whether it is clean.
#include "unit/monitor_lab.h"

using namespace emd;
using namespace emd::mon;

namespace {

using toy::Lab;

TEST(MonitorRebuild, ARecoveryMayBeOverBeforeItIsAskedFor)
{
    Lab lab(1);
    lab.start();
    lab.attribute("array_state") = "active";
    lab.kernel.busy_once = {"sync_action"};  // it runs, and "idle" is what is read then
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    EXPECT_EQ(lab.kernel.members.at("dev-sdd").slot, "1");
    EXPECT_EQ(lab.attribute("sync_action"), "recover");
    EXPECT_EQ(lab.sync().text, "");
}

// What a volume with parity that misses a member is started from: only if it was not being written.
TEST(MonitorRebuild, ARebuildThatIsNotWrittenIsClean)
{
    Lab lab(1);
    lab.start();
    lab.attribute("array_state") = "active";
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    lab.attribute("sync_completed") = "20000 / 65536";
    lab.settle();
    ASSERT_EQ(lab.volume().activity, Activity::Rebuild);
    EXPECT_TRUE(lab.volume().dirty);
    lab.attribute("array_state") = "active-idle";
    lab.settle();
    EXPECT_FALSE(lab.volume().dirty);
    EXPECT_EQ(lab.volume().activity, Activity::Rebuild);
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "active");
    EXPECT_TRUE(lab.volume().dirty);
    lab.kernel.volume_exists = false;  // stopped
    lab.settle();
    EXPECT_FALSE(lab.volume().dirty);
    EXPECT_EQ(lab.volume().activity, Activity::Rebuild);
    EXPECT_EQ(lab.volume().checkpoint, 20000u);
}

// Nobody could read the parity's members meanwhile: a resync that is owed stays owed.
TEST(MonitorRebuild, ARebuildBesideAResyncStaysDirty)
{
    Container c = toy::container(0);
    c.volumes[0].activity = Activity::Rebuild;
    c.volumes[0].slots[2].in_sync = false;
    c.volumes[0].dirty = true;
    Lab lab(c);
    lab.attribute("resync_start") = "0";
    lab.start();
    EXPECT_TRUE(lab.volume().dirty);
    lab.attribute("resync_start") = "none";
    lab.settle();
    EXPECT_FALSE(lab.volume().dirty);
}

// It goes on; nothing is written before somebody writes.
TEST(MonitorRebuild, ARecordedRebuildDoesNotMakeAVolumeDirty)
{
    Container c = toy::container(0);
    c.volumes[0].activity = Activity::Rebuild;
    c.volumes[0].slots[2].in_sync = false;
    Lab lab(c);
    lab.attribute("array_state") = "readonly";
    lab.start();
    EXPECT_EQ(lab.attribute("array_state"), "clean");
    EXPECT_FALSE(lab.volume().dirty);
}

// It may be another disk under the same number, on which nothing is recorded.
TEST(MonitorRebuild, ASpareThatLeftAndIsAddedAgainIsToldThatItIsAMember)
{
    Lab lab(1);
    lab.start();
    lab.attribute("array_state") = "active";
    const auto sdd = lab.kernel.container.extract("dev-sdd");
    lab.now += std::chrono::seconds(60);
    lab.settle();
    lab.kernel.container["dev-sdd"] = sdd.mapped();
    const Disk fresh{"S9", 90000, DiskState::Spare, true, toy::dev(3), "/dev/sdd", 512};
    ASSERT_TRUE(lab.ask(change::SpareAdded{fresh}).at(0).ok);
    ASSERT_EQ(lab.on_disk().disks.size(), 4u);
    EXPECT_EQ(lab.on_disk().disks[3].serial, "S9");
    lab.journal.lines.clear();
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    ASSERT_TRUE(lab.kernel.members.contains("dev-sdd"));
    EXPECT_EQ(lab.kernel.members.at("dev-sdd").slot, "1");
    EXPECT_GE(lab.journal.find("write 48"), 0);
    EXPECT_EQ(lab.archive.snapshots.at(lab.disks.durable.at(toy::dev(3))).volumes[0].activity, Activity::Rebuild);
}

// The write is answered all the same: what the record misses may not keep its place.
TEST(MonitorRebuild, AMissingDiskIsFailedAlsoWhileAMemberCannotBeRead)
{
    Lab lab(toy::missing_third());
    lab.kernel.members.erase("dev-sdc");
    lab.kernel.members.at("dev-sda").size = "?";
    lab.start();
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "active");
    EXPECT_EQ(lab.on_disk().disks[2].state, DiskState::Failed);
    EXPECT_EQ(lab.on_disk().disks[0].state, DiskState::Active) << "it is only not known";
}

}  // namespace
