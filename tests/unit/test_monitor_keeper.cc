// SPDX-License-Identifier: GPL-2.0-only
// emdmon's keeper against a toy container: what it does, in which order, and without what.
#include "unit/monitor_lab.h"

#include <algorithm>

using namespace emd;
using namespace emd::mon;
using namespace std::chrono_literals;

namespace {

using toy::Lab;
using toy::missing_third;
using toy::run;

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
    Lab lab(missing_third());
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
    Lab lab(missing_third());
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

}  // namespace
