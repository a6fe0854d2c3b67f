// SPDX-License-Identifier: GPL-2.0-only
// emdmon and a takeover between RAID0 and RAID10 that whoever wanted it did not bring to its end.
#include "unit/monitor_lab.h"

using namespace emd;
using namespace emd::mon;
using namespace std::chrono_literals;

namespace {

using toy::Lab;

// The kernel has not been told yet that it is a RAID0.
TEST(MonitorTakeover, WhatIsRecordedWithoutRedundancyIsNotDirty)
{
    Container c = toy::container(0);
    c.volumes[0].shape.level = 0;
    Lab lab(c);
    lab.start();
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "active");
    EXPECT_EQ(lab.journal.find("write "), -1) << "nothing to record";
}

// Recorded as RAID0 of sda and sdb; sdc was a mirror.
Container striped()
{
    Container c = toy::container(0);
    c.disks[2].state = DiskState::Spare;
    c.volumes[0].shape = {0, 0, 2, 128, 65536};
    c.volumes[0].slots = {{0, true}, {1, true}};
    return c;
}

// The kernel as a dead emdadm has left it: still a RAID10, frozen.
void leave_half(Lab &lab)
{
    lab.attribute("level") = "raid10";
    lab.attribute("array_state") = "active";
    lab.attribute("metadata_version") = "external:-emd127/0";
    lab.attribute("sync_action") = "frozen";
    lab.kernel.members.at("dev-sdc").slot = "none";  // what the toy does not do when it takes the level
}

TEST(MonitorTakeover, WhatIsRecordedTheKernelFollowsWhenNobodyHoldsIt)
{
    Lab lab(striped());
    leave_half(lab);
    lab.start();
    EXPECT_EQ(lab.attribute("level"), "raid10");
    lab.settle();
    EXPECT_EQ(lab.attribute("level"), "raid0");
    EXPECT_EQ(lab.attribute("metadata_version"), "external:/emd127/0");
    EXPECT_EQ(lab.attribute("sync_action"), "idle");
    const int level = lab.journal.find("store level raid0"), thawed = lab.journal.find("store metadata_version");
    EXPECT_TRUE(level >= 0 && level < thawed);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdc"));
    EXPECT_TRUE(std::ranges::any_of(lab.log, [](const std::string &line) {
        return line.find("taken over as raid0, as it is recorded, and thawed") != line.npos;
    }));
}

TEST(MonitorTakeover, ANumberOfMirrorsThatIsRecordedTheKernelFollows)
{
    Container c = toy::container(0);
    c.volumes[0].shape = {1, 0, 2, 0, 65536};
    c.volumes[0].slots = {{0, true}, {1, true}};
    c.disks[2].state = DiskState::Spare;
    Lab lab(c);
    leave_half(lab);
    lab.attribute("level") = "raid1";
    lab.attribute("raid_disks") = "3";
    lab.attribute("chunk_size") = "0";
    lab.start();
    lab.settle();
    EXPECT_EQ(lab.attribute("raid_disks"), "2");
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdc"));
}

TEST(MonitorTakeover, ARefusedLevelIsSaidAndTheVolumeThawed)
{
    Lab lab(striped());
    leave_half(lab);
    lab.kernel.refuse.insert("level");
    lab.start();
    lab.settle();
    EXPECT_EQ(lab.attribute("level"), "raid10");
    EXPECT_EQ(lab.attribute("metadata_version"), "external:/emd127/0");
    EXPECT_TRUE(lab.kernel.members.contains("dev-sdc"));
}

TEST(MonitorTakeover, AFailedRecordIsNotFollowed)
{
    Container c = striped();
    c.disks[0].state = DiskState::Failed;
    c.volumes[0].slots[0].in_sync = false;
    Lab lab(c);
    leave_half(lab);
    lab.kernel.fail_member("dev-sda");
    lab.start();
    lab.settle();
    EXPECT_EQ(lab.attribute("metadata_version"), "external:/emd127/0");
    EXPECT_EQ(lab.attribute("level"), "raid10");
    EXPECT_TRUE(lab.kernel.members.contains("dev-sdc"));
}

// As md's records do: nobody is called failed whom the volume cannot do without.
void keep_needed(Lab &lab)
{
    lab.archive.refuses = [&lab](const Change &change) {
        const auto *failed = std::get_if<change::DiskFailed>(&change);
        return failed != nullptr && needs(lab.keeper->view().volumes[0], failed->disk);
    };
}

TEST(MonitorTakeover, AFailureBeforeTheKernelFollowedIsDurableInTheOldShapeBeforeWritesGoOn)
{
    Container c = striped();
    c.volumes[0].shape.chunk_sectors = 128;
    Lab lab(c);
    leave_half(lab);
    lab.attribute("level") = "raid5";
    lab.attribute("raid_disks") = "3";
    lab.attribute("layout") = "5";
    lab.kernel.members.at("dev-sdc").slot = "2";
    keep_needed(lab);
    lab.start();
    lab.kernel.fail_member("dev-sda");
    lab.keeper->pass(lab.now);
    EXPECT_EQ(lab.journal.find("store dev-sda/state -blocked"), -1) << "the record could not say that it has failed";
    EXPECT_EQ(lab.volume().shape.level, 0);
    lab.settle();
    lab.settle();
    EXPECT_EQ(lab.volume().shape.level, 5);
    EXPECT_EQ(lab.on_disk().disks[0].state, DiskState::Failed);
    EXPECT_EQ(lab.volume().slots[2].disk, 2);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sda")) << "acknowledged, and removed";
    EXPECT_EQ(lab.attribute("level"), "raid5");
    EXPECT_EQ(lab.attribute("metadata_version"), "external:/emd127/0");
}

// There is no other shape that could be recorded: nothing keeps it frozen.
TEST(MonitorTakeover, AVolumeThatHasLostTooMuchIsThawed)
{
    Lab lab(toy::missing_third());
    lab.kernel.members.erase("dev-sdc");
    keep_needed(lab);
    lab.start();
    lab.attribute("metadata_version") = "external:-emd127/0";
    lab.attribute("sync_action") = "frozen";
    lab.kernel.fail_member("dev-sda");
    lab.settle();
    lab.settle();
    EXPECT_EQ(lab.attribute("metadata_version"), "external:/emd127/0");
    EXPECT_EQ(lab.attribute("sync_action"), "idle");
    EXPECT_EQ(lab.on_disk().disks[0].state, DiskState::Active);
}

TEST(MonitorTakeover, WhatADiskThatIsNeededDoesNotTakeIsTakenBackOrWaits)
{
    Lab lab;
    keep_needed(lab);
    lab.start();
    lab.disks.broken.insert(toy::dev(1));
    const Shape before = lab.volume().shape;
    const change::Takeover to_raid0{0, {0, 0, 2, 128, 65536}, {{0, true}, {1, true}}};
    const auto answer = lab.ask(to_raid0).at(0);
    EXPECT_FALSE(answer.ok);
    EXPECT_NE(answer.text.find("/dev/sdb does not take its metadata"), answer.text.npos) << answer.text;
    EXPECT_EQ(lab.volume().shape, before);
    EXPECT_EQ(lab.on_disk().disks[1].state, DiskState::Failed) << "the old shape can do without";

    Container c = striped();
    Lab other(c);
    other.attribute("level") = "raid0";
    for (const char *name : {"sync_action", "sync_completed", "resync_start", "reshape_position"})
        other.kernel.attributes.erase(name);
    keep_needed(other);
    other.start();
    other.disks.broken.insert(toy::dev(1));
    const change::Takeover to_raid5{0, {5, 5, 3, 128, 65536}, {{0, true}, {1, true}, {}}};
    EXPECT_FALSE(other.ask(to_raid5).at(0).ok);
    EXPECT_EQ(other.on_disk().disks[1].state, DiskState::Active) << "without it there would be no data";
    EXPECT_EQ(other.volume().shape.level, 0) << "nothing is recorded on others that it does not have";
    other.disks.broken.clear();
    other.settle();
    EXPECT_EQ(other.disks.durable[toy::dev(1)], other.newest()) << "it is written again until it takes it";
    EXPECT_TRUE(other.ask(to_raid5, 2).at(0).ok);
}

TEST(MonitorTakeover, StaysUntilTheKernelHasFollowedToRaid10)
{
    Container c = toy::container(0);
    c.volumes[0].shape = {10, 0x102, 6, 128, 65536};
    c.volumes[0].slots = {{0, true}, {}, {1, true}, {}, {2, true}, {}};
    Lab lab(c);
    for (const char *name : {"sync_action", "sync_completed", "resync_start", "reshape_position"})
        lab.kernel.attributes.erase(name);
    lab.attribute("level") = "raid0";
    lab.attribute("metadata_version") = "external:-emd127/0";
    lab.start();
    for (int i = 0; i < 3; i++) {
        EXPECT_FALSE(lab.keeper->done(lab.now));
        lab.settle();
    }
    EXPECT_EQ(lab.attribute("level"), "raid10");
    EXPECT_EQ(lab.attribute("metadata_version"), "external:/emd127/0");
}

// Nothing else would ever write the record of a RAID0.
TEST(MonitorTakeover, ARecordThatDidNotReachAllDisksIsWrittenBeforeTheFirstWrite)
{
    for (const bool uneven : {false, true}) {
        Container c = striped();
        c.uneven = uneven;
        Lab lab(c);
        for (const char *name : {"sync_action", "sync_completed", "resync_start", "reshape_position"})
            lab.kernel.attributes.erase(name);
        lab.attribute("level") = "raid0";
        lab.attribute("array_state") = "readonly";
        lab.start();
        EXPECT_EQ(lab.attribute("array_state"), "clean");
        const int written = lab.journal.find("write "), opened = lab.journal.find("store array_state");
        EXPECT_EQ(written >= 0, uneven);
        EXPECT_LT(written, opened);
    }
}

}  // namespace
