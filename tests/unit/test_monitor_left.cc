// SPDX-License-Identifier: GPL-2.0-only
// Volumes that somebody holds, and volumes that he has left frozen or with a proposal.
#include "unit/monitor_lab.h"

#include <algorithm>

using namespace emd;
using namespace emd::mon;

namespace {

using toy::Lab;

TEST(MonitorLeft, FrozenVolumeGetsNoSpareButItsFailureIsHandled)
{
    Lab lab(1);
    lab.held = true;
    lab.start();
    lab.attribute("metadata_version") = "external:-emd127/0";
    lab.attribute("array_state") = "active";
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    EXPECT_EQ(lab.on_disk().disks[1].state, DiskState::Failed);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdd"));
    EXPECT_EQ(lab.volume().activity, Activity::None);
    lab.attribute("metadata_version") = "external:/emd127/0";
    lab.settle();
    EXPECT_TRUE(lab.kernel.members.contains("dev-sdd"));
}

TEST(MonitorLeft, FrozenByNobodyIsThawedAfterTenSeconds)
{
    Lab lab;
    lab.start();
    lab.attribute("metadata_version") = "external:-emd127/0";
    lab.attribute("sync_action") = "frozen";
    lab.attribute("raid_disks") = "4 (3)";
    lab.settle();
    EXPECT_EQ(lab.attribute("sync_action"), "frozen");
    lab.settle();
    EXPECT_EQ(lab.attribute("metadata_version"), "external:/emd127/0");
    EXPECT_EQ(lab.attribute("raid_disks"), "3");
    EXPECT_EQ(lab.attribute("sync_action"), "idle");
}

// As emdadm leaves it when it is killed between its proposal of a RAID6 of five and its record.
void leave_proposal(Lab &lab)
{
    lab.attribute("metadata_version") = "external:-emd127/0";
    lab.attribute("sync_action") = "frozen";
    lab.kernel.attributes["sync_max"] = "0";
    lab.attribute("raid_disks") = "5 (3)";
    lab.attribute("chunk_size") = "131072 (65536)";
    lab.kernel.attributes["new_level"] = "raid6";
}

TEST(MonitorLeft, AProposalOfNobodyIsForgottenAndTheNextFailureRebuilt)
{
    Lab lab(1);
    lab.start();
    leave_proposal(lab);
    lab.settle();
    EXPECT_EQ(lab.attribute("new_level"), "raid6");
    lab.settle();
    EXPECT_EQ(lab.attribute("new_level"), "raid5");
    EXPECT_EQ(lab.attribute("raid_disks"), "3");
    EXPECT_EQ(lab.attribute("chunk_size"), "65536");
    EXPECT_EQ(lab.attribute("metadata_version"), "external:/emd127/0");
    EXPECT_EQ(lab.attribute("sync_action"), "idle");
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    EXPECT_EQ(lab.kernel.members.at("dev-sdd").slot, "1");
    EXPECT_EQ(lab.attribute("sync_action"), "recover");
    EXPECT_EQ(lab.attribute("sync_max"), "max") << "the rebuild would wait for ever";
}

// As emdadm leaves it when it is killed before it has recorded that a member leaves: what the kernel does not use it does not rebuild.
TEST(MonitorLeft, TheEndsOfMembersThatNobodyRecordedAreUsedAgain)
{
    Container c = toy::container(1);
    c.format = FormatId::Md1;
    Lab lab(c);
    lab.kernel.attributes["component_size"] = "32768";
    lab.start();
    lab.settle();
    lab.attribute("metadata_version") = "external:-emd127/0";
    lab.attribute("sync_action") = "frozen";
    lab.attribute("component_size") = "16384";
    lab.attribute("raid_disks") = "2 (3)";
    lab.settle();
    EXPECT_EQ(lab.attribute("component_size"), "16384") << "somebody may still be at it";
    lab.settle();
    EXPECT_EQ(lab.attribute("component_size"), "32768");
    EXPECT_EQ(lab.attribute("raid_disks"), "3");
    EXPECT_EQ(lab.attribute("sync_action"), "idle");
}

// An older emdmon thawed it without that.
TEST(MonitorLeft, AProposalOfNobodyIsForgottenInAThawedVolume)
{
    Lab lab(1);
    leave_proposal(lab);
    lab.attribute("metadata_version") = "external:/emd127/0";
    lab.attribute("sync_action") = "idle";
    lab.start();
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    lab.settle();
    EXPECT_EQ(lab.attribute("sync_max"), "max");
    EXPECT_EQ(lab.attribute("sync_action"), "recover");
}

TEST(MonitorLeft, WhoHoldsTheContainerKeepsItsProposal)
{
    Lab lab(1);
    lab.held = true;
    lab.start();
    leave_proposal(lab);
    for (int i = 0; i < 3; i++)
        lab.settle();
    EXPECT_EQ(lab.attribute("new_level"), "raid6");
    EXPECT_EQ(lab.attribute("sync_max"), "0");
}

TEST(MonitorLeft, WhatIsRefusedDoesNotKeepAVolumeFrozen)
{
    for (const char *refused : {"reshape_position", "sync_max"}) {
        Lab lab(1);
        lab.start();
        leave_proposal(lab);
        lab.kernel.refuse.insert(refused);
        lab.settle();
        lab.settle();
        EXPECT_EQ(lab.attribute("metadata_version"), "external:/emd127/0") << refused;
        EXPECT_EQ(lab.attribute("sync_action"), "idle") << refused;
        EXPECT_TRUE(std::ranges::any_of(lab.log, [&](const std::string &line) { return line.find(refused) != line.npos; }));
    }
}

}  // namespace
