// SPDX-License-Identifier: GPL-2.0-only
// emdmon's keeper against a toy container: what it does, in which order, without what, and that it may be killed after
// every single action.
#include "unit/monitor_lab.h"

#include <algorithm>

using namespace emd;
using namespace emd::mon;
using namespace std::chrono_literals;

namespace {

using toy::Lab;

TEST(MonitorKeeper, NothingToDoWritesNothing)
{
    Lab lab(1);
    lab.start();
    EXPECT_TRUE(lab.journal.lines.empty());
}

TEST(MonitorKeeper, WritePendingIsAnsweredWhenDirtyIsDurable)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "active");
    EXPECT_TRUE(lab.volume().dirty);
    // flush of the data on all disks, metadata, flush, second phase, flush, and only then the answer
    const std::vector<std::string> expected{
        "flush 0",      "flush 16",      "flush 32",      "write 0 at 512", "write 16 at 512", "write 32 at 512",
        "flush 0",      "flush 16",      "flush 32",      "write 0 at 0",   "write 16 at 0",   "write 32 at 0",
        "flush 0",      "flush 16",      "flush 32",      "store array_state active"};
    EXPECT_EQ(lab.journal.lines, expected);
}

TEST(MonitorKeeper, IdleBecomesCleanInTheKernelFirst)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    lab.journal.lines.clear();
    lab.attribute("array_state") = "active-idle";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "clean");
    EXPECT_FALSE(lab.volume().dirty);
    EXPECT_EQ(lab.journal.lines.front(), "store array_state clean");
}

TEST(MonitorKeeper, FailureIsDurableBeforeTheMemberIsUnblocked)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "write-pending";
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    const int last_flush = lab.journal.find("flush 32", lab.journal.find("write 32 at 0"));
    ASSERT_GE(last_flush, 0);
    EXPECT_GT(lab.journal.find("-blocked"), last_flush);
    EXPECT_EQ(lab.journal.find("write 16"), -1) << "a failed disk is not written";
    EXPECT_EQ(lab.on_disk().disks[1].state, DiskState::Failed);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdb")) << "removed in the end";
}

TEST(MonitorKeeper, BusyMemberIsRemovedLater)
{
    Lab lab;
    lab.start();
    lab.kernel.remove_is_busy = true;
    lab.attribute("array_state") = "active";
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    EXPECT_EQ(lab.kernel.members.at("dev-sdb").state, "faulty");
    lab.kernel.remove_is_busy = false;
    lab.settle();
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdb"));
}

TEST(MonitorKeeper, DiskThatTakesNoMetadataIsFailed)
{
    Lab lab;
    lab.start();
    lab.disks.broken.insert(toy::dev(2));
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "active");
    EXPECT_EQ(lab.on_disk().disks[2].state, DiskState::Failed);
    EXPECT_GE(lab.journal.find("store dev-sdc/state faulty"), 0);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdc"));
    EXPECT_EQ(lab.disks.durable[toy::dev(0)], lab.disks.durable[toy::dev(1)]);
}

TEST(MonitorKeeper, NoAnswerWhileNoDiskTakesTheRecord)
{
    Lab lab;
    lab.start();
    for (int i = 0; i < 3; i++)
        lab.disks.broken.insert(toy::dev(i));
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "write-pending");
    EXPECT_EQ(lab.journal.find("store array_state"), -1);
    EXPECT_FALSE(lab.sync().text.empty());
}

TEST(MonitorKeeper, SpareTakesTheSlot)
{
    Lab lab(1);
    lab.start();
    lab.attribute("array_state") = "active";
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    const toy::Member &spare = lab.kernel.members.at("dev-sdd");
    EXPECT_EQ(spare.slot, "1");
    EXPECT_EQ(spare.size, "32768");
    EXPECT_EQ(lab.attribute("sync_action"), "recover");
    EXPECT_EQ(lab.volume().activity, Activity::Rebuild);
    EXPECT_GT(lab.journal.find("store new_dev"), lab.journal.find("write 48")) << "recorded before the kernel knows";

    lab.attribute("sync_completed") = "20000 / 65536";
    lab.settle();
    EXPECT_EQ(lab.volume().checkpoint, 20000u);

    lab.kernel.members.at("dev-sdd").state = "in_sync";
    lab.attribute("sync_action") = "idle";
    lab.attribute("sync_completed") = "none";
    lab.attribute("array_state") = "write-pending";  // as at the end of every pass
    lab.settle();
    EXPECT_EQ(lab.volume().activity, Activity::None);
    EXPECT_TRUE(lab.volume().slots[1].in_sync);
    EXPECT_EQ(lab.volume().slots[1].disk, 3);
    EXPECT_EQ(lab.attribute("array_state"), "active");
}

TEST(MonitorKeeper, ASpareThatLeftTheContainerIsNotTaken)
{
    Lab lab(1);
    lab.start();
    lab.attribute("array_state") = "active";
    const auto sdd = lab.kernel.container.extract("dev-sdd");
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdd"));
    EXPECT_EQ(lab.volume().activity, Activity::None);
    lab.kernel.container["dev-sdd"] = sdd.mapped();
    lab.now += std::chrono::seconds(60);
    lab.settle();
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdd")) << "what would be recorded on it is not known";
}

// RAID10 of (a, b) and (c, d) without a mirror that works.
Container without_mirrors(int spares)
{
    Container c = toy::container(1 + spares);
    c.disks[3].state = DiskState::Active;
    for (const int mirror : {1, 3})
        c.disks[static_cast<std::size_t>(mirror)].state = DiskState::Failed;
    Volume &v = c.volumes[0];
    v.shape = {10, 0x102, 4, 128, 65536};
    v.slots = {{0, true}, {1, false}, {2, true}, {3, false}};
    return c;
}

TEST(MonitorKeeper, TwoMirrorsAreRebuiltOneAfterTheOther)
{
    Lab lab(without_mirrors(2));
    lab.kernel.members.erase("dev-sdb");
    lab.attribute("level") = "raid10";
    lab.attribute("raid_disks") = "4";
    lab.attribute("layout") = "258";
    lab.start();
    for (const auto &[name, slot] : {std::pair("dev-sde", "1"), std::pair("dev-sdf", "3")}) {
        lab.settle();
        ASSERT_TRUE(lab.kernel.members.contains(name)) << name;
        EXPECT_EQ(lab.kernel.members.at(name).slot, slot);
        EXPECT_EQ(lab.volume().activity, Activity::Rebuild);
        lab.kernel.members.at(name).state = "in_sync";
        lab.attribute("sync_action") = "idle";
        lab.settle();
    }
    EXPECT_EQ(lab.volume().activity, Activity::None);
    EXPECT_EQ(health(lab.volume()), Health::Optimal);
}

TEST(MonitorKeeper, FrozenVolumeGetsNoSpareButItsFailureIsHandled)
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

TEST(MonitorKeeper, FrozenByNobodyIsThawedAfterTenSeconds)
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

TEST(MonitorKeeper, AProposalOfNobodyIsForgottenAndTheNextFailureRebuilt)
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

// An older emdmon thawed it without that.
TEST(MonitorKeeper, AProposalOfNobodyIsForgottenInAThawedVolume)
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

TEST(MonitorKeeper, WhoHoldsTheContainerKeepsItsProposal)
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

TEST(MonitorKeeper, WhatIsRefusedDoesNotKeepAVolumeFrozen)
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

TEST(MonitorKeeper, TooSmallSpareIsNamed)
{
    Container c = toy::container(1);
    c.disks[3].sectors = 65536 - 4096;
    Lab lab(c);
    lab.start();
    lab.attribute("array_state") = "active";
    lab.kernel.fail_member("dev-sda");
    lab.settle();
    EXPECT_TRUE(std::ranges::count(lab.log, "vol0: spare /dev/sdd is 2048 KiB too small"));
}

TEST(MonitorKeeper, RefusedSpareIsTriedAgainLaterAndNamed)
{
    Lab lab(1);
    lab.start();
    lab.kernel.refuse.insert("new_dev");
    lab.attribute("array_state") = "active";
    lab.kernel.fail_member("dev-sda");
    lab.settle();
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdd"));
    EXPECT_NE(lab.sync().text.find("/dev/sdd"), std::string::npos);
    lab.kernel.refuse.clear();
    lab.now += 40s;
    lab.settle();
    EXPECT_TRUE(lab.kernel.members.contains("dev-sdd"));
    EXPECT_EQ(lab.sync().text, "");
}

TEST(MonitorKeeper, MissingDiskIsFailedBeforeTheFirstWriteAndNotEarlier)
{
    Container c = toy::container(0);
    c.disks[2].state = DiskState::Missing;
    c.disks[2].present = false;
    c.volumes[0].slots[2].in_sync = false;
    Lab lab(c);
    lab.kernel.members.erase("dev-sdc");
    lab.start();
    EXPECT_TRUE(lab.journal.lines.empty()) << "it may still come";
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_EQ(lab.on_disk().disks[2].state, DiskState::Failed);
    EXPECT_EQ(lab.attribute("array_state"), "active");
}

// A disk that a reshape has brought, and that is away: what it gets in the meantime it would not know of.
TEST(MonitorKeeper, MissingDiskThatAReshapeHasBroughtIsFailedBeforeTheFirstWrite)
{
    for (const bool here : {false, true}) {
        SCOPED_TRACE(here);
        Container c = toy::container(1);
        Volume &v = c.volumes[0];
        ReshapeRecord r;
        r.target = v.shape;
        r.target.raid_disks = 4;
        r.target_slots = v.slots;
        r.target_slots.push_back({.disk = 3, .in_sync = true});
        v.reshape = r;
        v.activity = Activity::Reshape;
        c.disks[3].state = here ? DiskState::Active : DiskState::Missing;
        c.disks[3].present = here;
        Lab lab(c);
        lab.start();
        EXPECT_EQ(lab.on_disk().disks[3].state, c.disks[3].state) << "it may still come";
        lab.attribute("array_state") = "write-pending";
        lab.settle();
        EXPECT_EQ(lab.on_disk().disks[3].state, here ? DiskState::Active : DiskState::Failed);
        EXPECT_EQ(lab.attribute("array_state"), "active");
    }
}

// It starts as active, and nobody is asked before a user writes.
TEST(MonitorKeeper, MissingDiskIsFailedBeforeAnArrayStartsThatHasToBeSynced)
{
    Container c = toy::container(0);
    c.disks[2].state = DiskState::Missing;
    c.disks[2].present = false;
    c.volumes[0].slots[2].in_sync = false;
    Lab lab(c);
    lab.kernel.members.erase("dev-sdc");
    lab.attribute("array_state") = "readonly";
    lab.attribute("resync_start") = "0";
    lab.start();
    EXPECT_EQ(lab.attribute("array_state"), "active");
    const int active = lab.journal.find("store array_state active");
    ASSERT_GE(active, 0);
    EXPECT_EQ(lab.journal.find("write", active), -1) << "all of it was durable before";
    EXPECT_EQ(lab.on_disk().disks[2].state, DiskState::Failed);
}

TEST(MonitorKeeper, AssembledReadOnlyBecomesWritableOnceUnlessFrozen)
{
    Lab lab;
    lab.held = true;
    lab.attribute("array_state") = "readonly";
    lab.attribute("metadata_version") = "external:-emd127/0";
    lab.start();
    EXPECT_EQ(lab.attribute("array_state"), "readonly");
    lab.attribute("metadata_version") = "external:/emd127/0";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "clean");
    lab.attribute("array_state") = "readonly";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "readonly") << "somebody wants it so";
}

TEST(MonitorKeeper, ResyncIsRecordedAtItsBeginningAndEnd)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "active";
    lab.attribute("sync_action") = "resync";
    lab.attribute("resync_start") = "0";
    lab.attribute("sync_completed") = "0 / 65536";
    lab.settle();
    EXPECT_EQ(lab.volume().activity, Activity::Init);
    lab.attribute("sync_completed") = "30000 / 65536";
    lab.now += 20s;
    lab.settle();
    EXPECT_EQ(lab.volume().checkpoint, 30000u);
    // Stopped is not the end.
    lab.attribute("sync_action") = "idle";
    lab.attribute("sync_completed") = "none";
    lab.attribute("resync_start") = "31000";
    lab.now += 20s;
    lab.settle();
    EXPECT_EQ(lab.volume().activity, Activity::Init);
    EXPECT_EQ(lab.volume().checkpoint, 31000u);
    lab.attribute("resync_start") = "none";
    lab.settle();
    EXPECT_EQ(lab.volume().activity, Activity::None);
}

// -- reshape ----------------------------------------------------------------------------------------------------------

const Shape kGrown{5, 0, 4, 128, 65536};

void propose(Lab &lab)
{
    lab.held = true;
    lab.attribute("sync_action") = "frozen";
    lab.attribute("raid_disks") = "4 (3)";
}

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

// From the start of the reshape, with the new member active.
void run(Lab &lab)
{
    propose(lab);
    (void)lab.ask(change::ReshapeStarted{0, kGrown, {}});
    toy::Member &m = lab.kernel.members.at("dev-sdd");
    m.slot = std::exchange(m.reserved, "none");
    m.state = "in_sync";
    lab.attribute("sync_action") = "reshape";
    lab.attribute("reshape_position") = "0";
    lab.settle();
    lab.journal.lines.clear();
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

// -- requests ---------------------------------------------------------------------------------------------------------

TEST(MonitorRequests, PingAnswersAfterAFullPassOverWhatWasNotNotified)
{
    Lab lab(1);
    lab.start();
    run(lab);
    lab.attribute("reshape_position") = "7000";
    lab.kernel.fail_member("dev-sdc");
    const protocol::Answer answer = lab.sync();
    EXPECT_TRUE(answer.ok);
    EXPECT_EQ(answer.checkpoint, 7000u);
    EXPECT_EQ(lab.on_disk().disks[2].state, DiskState::Failed);
}

TEST(MonitorRequests, UnknownVolumeIsAnError)
{
    Lab lab;
    lab.start();
    const protocol::Answer answer = lab.sync(7);
    EXPECT_FALSE(answer.ok);
    EXPECT_EQ(answer.text, "emd127 has no running volume 7");
}

TEST(MonitorRequests, TheSameRequestAgainIsAnsweredFromMemoryAndADoneChangeIsSuccess)
{
    Lab lab;
    lab.start();
    const Disk disk{"S9", 100000, DiskState::Spare, true, toy::dev(9), "/dev/sdj", 512};
    EXPECT_TRUE(lab.ask(change::SpareAdded{disk}, 5).at(0).ok);
    EXPECT_TRUE(lab.ask(change::SpareAdded{disk}, 5).at(0).ok);
    lab.start();  // a new emdmon knows no old requests
    EXPECT_TRUE(lab.ask(change::SpareAdded{disk}, 5).at(0).ok);
    EXPECT_EQ(lab.on_disk().disks.size(), 4u);
}

TEST(MonitorRequests, DiskFailedByHandIsFailedInTheKernel)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "active";
    EXPECT_TRUE(lab.ask(change::DiskFailed{1}).at(0).ok);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdb"));
}

TEST(MonitorRequests, ADiskIsTheDeviceThatTheSenderMeans)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "active";
    EXPECT_TRUE(lab.ask(change::DiskFailed{0}, {toy::dev(1), toy::dev(2)}).at(0).ok);
    EXPECT_EQ(lab.on_disk().disks[1].state, DiskState::Failed);
    EXPECT_EQ(lab.on_disk().disks[0].state, DiskState::Active);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdb"));
    EXPECT_EQ(lab.ask(change::DiskFailed{2}, {toy::dev(1), toy::dev(2)}, 2).at(0).kind, Errc::Invalid);
    const auto unknown = lab.ask(change::DiskFailed{0}, {toy::dev(7)}, 3).at(0);
    EXPECT_EQ(unknown.kind, Errc::NotFound);
    EXPECT_NE(unknown.text.find("has no disk 8:112 any more"), unknown.text.npos) << unknown.text;

    Container c = toy::container(0);
    c.volumes[0].shape = {10, 0x102, 2, 128, 65536};
    c.volumes[0].slots = {{1, true}, {2, true}};
    Lab mirror(c);
    mirror.start();
    const change::Takeover to{0, {0, 0, 1, 128, 65536}, {{0, true}}};
    EXPECT_TRUE(mirror.ask(to, {toy::dev(2)}).at(0).ok);
    EXPECT_EQ(mirror.volume().slots[0].disk, 2);
}

// -- nothing is allocated while writes wait ---------------------------------------------------------------------------

// Allocations from the beginning of the pass to the store that lets the writers go.
void expect_no_allocation(Lab &lab)
{
    lab.kernel.allocations_before_store.reset();
    {
        const toy::Counting counting;
        lab.keeper->pass(lab.now);
    }
    ASSERT_TRUE(lab.kernel.allocations_before_store);
    EXPECT_EQ(*lab.kernel.allocations_before_store, 0u);
}

TEST(MonitorMemory, CountingCounts)
{
    const toy::Counting counting;
    const auto one = std::make_unique<int>(1);
    EXPECT_EQ(toy::Counting::count(), 1u);
}

TEST(MonitorMemory, NoAllocationBeforeWritePendingIsAnswered)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "write-pending";
    expect_no_allocation(lab);
    EXPECT_EQ(lab.attribute("array_state"), "active");
}

TEST(MonitorMemory, NoAllocationBeforeAFailureIsAcknowledged)
{
    Lab lab(1);
    lab.start();
    lab.attribute("array_state") = "write-pending";
    lab.kernel.fail_member("dev-sdb");
    expect_no_allocation(lab);
}

TEST(MonitorMemory, NoAllocationWhenADiskTakesNoMetadata)
{
    Lab lab;
    lab.start();
    lab.disks.broken.insert(toy::dev(0));
    lab.attribute("array_state") = "write-pending";
    expect_no_allocation(lab);
}

TEST(MonitorMemory, NoAllocationBeforeACheckpointIsAcknowledged)
{
    Lab lab(1);
    lab.start();
    run(lab);
    lab.attribute("reshape_position") = "5600";
    expect_no_allocation(lab);
    EXPECT_EQ(lab.attribute("own:reshape_acked"), "5000");
}

// -- killed at any instant --------------------------------------------------------------------------------------------

using Scenario = std::function<void(Lab &)>;

// Kill before (or after) the n-th action for every n, start anew, and see the same end as without a kill.
void kill_everywhere(const Scenario &before, const Scenario &event, const Scenario &check)
{
    for (const bool after : {false, true}) {
        for (int n = 0;; n++) {
            Lab lab(2);
            before(lab);
            lab.journal.fuse = n;
            lab.journal.after = after;
            bool killed = false;
            try {
                event(lab);
            } catch (const toy::Killed &) {
                killed = true;
            }
            lab.journal.fuse = -1;
            if (killed) {
                lab.start();
                lab.now += 40s;
                lab.settle();
            }
            SCOPED_TRACE(fmt::format("killed {} action {}", after ? "after" : "before", n));
            check(lab);
            if (::testing::Test::HasFailure())
                return;
            if (!killed)
                break;
            ASSERT_LT(n, 500);
        }
    }
}

TEST(MonitorKill, FailureAndSpareConverge)
{
    kill_everywhere([](Lab &lab) { lab.start(); },
                    [](Lab &lab) {
                        lab.kernel.fail_member("dev-sdb");
                        lab.attribute("array_state") = "write-pending";
                        lab.settle();
                    },
                    [](Lab &lab) {
                        EXPECT_EQ(lab.attribute("array_state"), "active");
                        EXPECT_TRUE(lab.volume().dirty);
                        EXPECT_EQ(lab.on_disk().disks[1].state, DiskState::Failed);
                        EXPECT_EQ(lab.volume().slots[1].disk, 3);
                        EXPECT_EQ(lab.kernel.members.at("dev-sdd").slot, "1");
                        EXPECT_FALSE(lab.kernel.members.contains("dev-sdb"));
                        EXPECT_FALSE(lab.kernel.members.contains("dev-sde"));
                        EXPECT_EQ(lab.attribute("sync_action"), "recover");
                    });
}

TEST(MonitorKill, StartOfReshapeConverges)
{
    kill_everywhere([](Lab &lab) { lab.start(); },
                    [](Lab &lab) {
                        propose(lab);
                        (void)lab.ask(change::ReshapeStarted{0, kGrown, {}}, 7);
                    },
                    [](Lab &lab) {
                        // The client asks again when its connection has broken.
                        (void)lab.ask(change::ReshapeStarted{0, kGrown, {}}, 7);
                        ASSERT_TRUE(lab.volume().reshape);
                        EXPECT_EQ(lab.volume().reshape->target_slots.at(3).disk, 3);
                        EXPECT_EQ(lab.kernel.members.at("dev-sdd").reserved, "3");
                        EXPECT_EQ(lab.attribute("own:reshape_acked"), "0");
                        EXPECT_FALSE(lab.kernel.members.contains("dev-sde"));
                    });
}

TEST(MonitorKill, CheckpointAndEndOfReshapeConverge)
{
    kill_everywhere(
        [](Lab &lab) {
            lab.start();
            run(lab);
        },
        [](Lab &lab) {
            lab.attribute("reshape_position") = "9000";
            lab.settle();
            EXPECT_EQ(lab.attribute("own:reshape_acked"), "9000");
            lab.attribute("reshape_position") = "none";
            lab.attribute("raid_disks") = "4";
            lab.attribute("sync_action") = "idle";
            lab.settle();
        },
        [](Lab &lab) {
            if (lab.attribute("reshape_position") == "9000") {  // killed in the first half
                EXPECT_EQ(lab.attribute("own:reshape_acked"), "9000");
                EXPECT_EQ(lab.volume().reshape->position, 9000u);
            } else {
                EXPECT_FALSE(lab.volume().reshape);
                EXPECT_EQ(lab.volume().shape, kGrown);
            }
        });
}

}  // namespace
