// SPDX-License-Identifier: GPL-2.0-only
// emdmon and the reshape of a volume: places for the new members, checkpoints, the end.
#include "unit/monitor_lab.h"

using namespace emd;
using namespace emd::mon;

namespace {

using toy::Lab;
using toy::kGrown;
using toy::propose;
using toy::run;

TEST(MonitorReshape, SparesAreRecordedThenReservedAndTheGateArmed)
{
    Lab lab(1);
    lab.start();
    propose(lab);
    const auto answers = lab.ask(change::ReshapeStarted{0, kGrown, {}});
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_TRUE(answers[0].ok) << answers[0].text;
    ASSERT_TRUE(lab.volume().reshape);
    EXPECT_EQ(lab.volume().reshape->target_slots.at(3).disk, 3);
    EXPECT_EQ(lab.kernel.members.at("dev-sdd").reserved, "3");
    EXPECT_EQ(lab.kernel.members.at("dev-sdd").slot, "none");
    EXPECT_EQ(lab.attribute("own:reshape_acked"), "0");
    EXPECT_GT(lab.journal.find("store new_dev"), lab.journal.find("write 48 at 0"));
    const protocol::Answer sync = lab.sync();
    EXPECT_EQ(sync.checkpoint, 0u);
    EXPECT_EQ(sync.reserved_slots, std::vector<unsigned>{3});
}

TEST(MonitorReshape, NotProposedIsRefused)
{
    Lab lab(1);
    lab.start();
    const auto answers = lab.ask(change::ReshapeStarted{0, kGrown, {}});
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_FALSE(answers[0].ok);
    EXPECT_FALSE(lab.volume().reshape);
}

TEST(MonitorReshape, TooFewSparesIsRefusedInWords)
{
    Lab lab(0);
    lab.start();
    propose(lab);
    const auto answers = lab.ask(change::ReshapeStarted{0, kGrown, {}});
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].text, "vol0: 1 more disks are needed, 0 suitable spares are there; vol0: no suitable spare");
    EXPECT_TRUE(lab.journal.lines.empty());
}

TEST(MonitorReshape, RefusedByTheKernelIsUndone)
{
    Lab lab(1);
    lab.start();
    propose(lab);
    lab.kernel.refuse.insert("slot");
    const auto answers = lab.ask(change::ReshapeStarted{0, kGrown, {}});
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_FALSE(answers[0].ok);
    EXPECT_NE(answers[0].text.find("slot"), std::string::npos);
    EXPECT_FALSE(lab.volume().reshape);
    EXPECT_EQ(lab.on_disk().disks[3].state, DiskState::Spare);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdd"));
}

TEST(MonitorReshape, WithdrawnGivesBackTheReservation)
{
    Lab lab(1);
    lab.start();
    propose(lab);
    (void)lab.ask(change::ReshapeStarted{0, kGrown, {}}, 1);
    const auto answers = lab.ask(change::ReshapeWithdrawn{0}, 2);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_TRUE(answers[0].ok) << answers[0].text;
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdd"));
    EXPECT_FALSE(lab.volume().reshape);
}

TEST(MonitorReshape, CheckpointIsFlushedWrittenFlushedAndThenAcknowledged)
{
    Lab lab(1);
    lab.start();
    run(lab);
    lab.attribute("reshape_position") = "5600";
    lab.keeper->pass(lab.now);
    const toy::Journal &j = lab.journal;
    const int write = j.find("write"), ack = j.find("store reshape_acked 5000");
    for (const char *disk : {"flush 0", "flush 16", "flush 32", "flush 48"}) {
        ASSERT_GE(j.find(disk), 0);
        EXPECT_LT(j.find(disk), write) << "data before metadata: " << disk;
        EXPECT_LT(j.find(disk, j.find("at 0")), ack) << "metadata before the answer: " << disk;
    }
    EXPECT_EQ(lab.volume().reshape->position, 5000u) << "what the format can record";
    EXPECT_EQ(lab.sync().checkpoint, 5000u);
}

// Killed between two disks: what the one says is acted on from now on, so the others must not say anything else.
TEST(MonitorReshape, ANewMonitorWritesWhatItFoundToAllDisksBeforeItAnswers)
{
    Lab lab(1);
    lab.start();
    run(lab);
    const std::uint64_t older = lab.newest();
    lab.attribute("reshape_position") = "5000";
    lab.keeper->pass(lab.now);
    ASSERT_GT(lab.newest(), older);
    for (auto &[dev, number] : lab.disks.durable)
        if (dev != toy::dev(0))
            number = lab.disks.written[dev] = older;
    lab.attribute("own:reshape_acked") = "0";
    lab.journal.lines.clear();
    lab.start();
    EXPECT_EQ(lab.sync().checkpoint, 5000u);
    for (const auto &[dev, number] : lab.disks.durable)
        EXPECT_GT(number, older) << dev.minor << " still has the older record";
    const int ack = lab.journal.find("store reshape_acked 5000");
    for (const char *disk : {"write 0", "write 16", "write 32", "write 48"}) {
        ASSERT_GE(lab.journal.find(disk), 0) << disk;
        EXPECT_LT(lab.journal.find(disk), ack) << disk;
    }
}

TEST(MonitorReshape, SmallerPositionIsNoRegress)
{
    Lab lab(1);
    lab.start();
    run(lab);
    lab.attribute("reshape_position") = "5000";
    lab.settle();
    lab.attribute("reshape_position") = "0";
    lab.settle();
    EXPECT_EQ(lab.volume().reshape->position, 5000u);
}

TEST(MonitorReshape, NoneAloneIsNotTheEnd)
{
    Lab lab(1);
    lab.start();
    run(lab);
    lab.attribute("sync_completed") = "none";
    lab.attribute("sync_action") = "idle";
    lab.attribute("reshape_position") = "none";
    lab.settle();
    EXPECT_TRUE(lab.volume().reshape) << "the geometry still reads two values";
    lab.attribute("raid_disks") = "4";
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_FALSE(lab.volume().reshape);
    EXPECT_EQ(lab.volume().shape, kGrown);
    EXPECT_EQ(lab.attribute("array_state"), "active");
}

TEST(MonitorReshape, WhatTheToolOwnsIsNeverStored)
{
    Lab lab(1);
    lab.start();
    run(lab);
    for (const char *position : {"2000", "5000", "9000", "none"}) {
        lab.attribute("reshape_position") = position;
        lab.settle();
    }
    lab.attribute("sync_action") = "idle";
    lab.attribute("raid_disks") = "4";
    lab.settle();
    EXPECT_FALSE(lab.volume().reshape);
    EXPECT_GE(lab.journal.find("store reshape_acked 5000"), 0);
    for (const char *owned : {"sync_max", "sync_min", "suspend_lo", "suspend_hi", "raid_disks", "chunk_size", "layout",
                              "new_level", "reshape_position", "array_size", "metadata_version"})
        EXPECT_EQ(lab.journal.find(fmt::format("store {} ", owned)), -1) << owned;
}

TEST(MonitorReshape, NoSpareIsTakenInMidReshape)
{
    Lab lab(2);
    lab.start();
    run(lab);
    lab.attribute("array_state") = "active";
    lab.kernel.fail_member("dev-sda");
    lab.settle();
    EXPECT_EQ(lab.on_disk().disks[0].state, DiskState::Failed);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sde"));
}

}  // namespace
