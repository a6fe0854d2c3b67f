// SPDX-License-Identifier: GPL-2.0-only
// emdmon and lists of bad blocks: durable before they are acknowledged, wherever it is killed.
#include "unit/monitor_lab.h"

#include "emdmon/bad_blocks.h"

using namespace emd;
using namespace emd::mon;

namespace {

using toy::Lab;

constexpr const char *kMember = "dev-sdb";

Container with_room(unsigned room = 16)
{
    Container c = toy::container(1);
    for (Disk &disk : c.disks)
        disk.bad_room = room;
    return c;
}

struct BadLab : Lab {
    explicit BadLab(const Container &c = with_room()) : Lab(c)
    {
        for (auto &[name, m] : kernel.members)
            m.state = "in_sync,external_bbl";
    }
    toy::Member &member() { return kernel.members.at(kMember); }
    void refuse(std::uint64_t start, std::uint32_t sectors)
    {
        attribute("array_state") = "active";
        member().add_bad(start, sectors);
    }
    void write_again(std::uint64_t start) { std::erase_if(member().bad, [=](const BadRange &r) { return r.start == start; }); }
    std::vector<std::uint64_t> recorded(const Container &c) const
    {
        std::vector<std::uint64_t> starts;
        for (const BadRange &r : c.bad)
            if (r.disk == 1)
                starts.push_back(r.start);
        std::ranges::sort(starts);
        return starts;
    }
};

using Starts = std::vector<std::uint64_t>;

TEST(MonitorBad, BadBlocksAreDurableBeforeTheyAreAcknowledged)
{
    BadLab lab;
    lab.start();
    lab.refuse(1000, 8);
    lab.settle();
    EXPECT_EQ(lab.recorded(lab.on_disk()), Starts{1000});
    EXPECT_EQ(lab.member().state, "in_sync,external_bbl");
    EXPECT_TRUE(lab.member().unknown.empty());
    const int store = lab.journal.find("store dev-sdb/bad_blocks 1000 8");
    ASSERT_GE(store, 0);
    EXPECT_LT(lab.journal.find("flush 32", lab.journal.find("write 32 at 0")), store);
    EXPECT_EQ(lab.journal.find("store dev-sdb/state -blocked"), -1) << "it might be the acknowledgement of a failure";
}

// All writes wait until it is acknowledged, whoever is to leave.
TEST(MonitorBad, AMemberThatLeavesIsHeardToo)
{
    Container c = with_room();
    Volume &v = c.volumes[0];
    ReshapeRecord r;
    r.target = v.shape;
    r.target.raid_disks = 2;
    r.backward = true;
    r.position = 65536;
    r.target_slots = {v.slots[0], v.slots[1]};
    v.reshape = r;
    v.activity = Activity::Reshape;
    BadLab lab(c);
    lab.start();
    lab.attribute("array_state") = "active";
    toy::Member &leaves = lab.kernel.members.at("dev-sdc");
    leaves.add_bad(1000, 8);
    lab.settle();
    const Container now = lab.on_disk();
    EXPECT_TRUE(std::ranges::any_of(now.bad, [](const BadRange &bad) { return bad.disk == 2 && bad.start == 1000; }));
    EXPECT_TRUE(leaves.unknown.empty()) << "it waits for its acknowledgement";
}

TEST(MonitorBad, WhatIsWrittenAgainLeavesTheRecordBeforeOthersCome)
{
    BadLab lab;
    lab.start();
    for (const unsigned start : {1000, 2000, 3000})
        lab.refuse(start, 8);
    lab.settle();
    EXPECT_EQ(lab.recorded(lab.on_disk()), (Starts{1000, 2000, 3000}));
    lab.write_again(2000);
    lab.settle();
    EXPECT_EQ(lab.recorded(lab.on_disk()), (Starts{1000, 3000}));
    const int once = lab.journal.find("store dev-sdb/bad_blocks 2000");
    ASSERT_GE(once, 0);
    EXPECT_EQ(lab.journal.find("store dev-sdb/bad_blocks 2000", once + 1), -1);
}

TEST(MonitorBad, AnArrayThatDoesNotRunSaysNothing)
{
    BadLab lab;
    lab.start();
    lab.refuse(1000, 8);
    lab.settle();
    lab.attribute("array_state") = "inactive";
    lab.write_again(1000);
    lab.settle();
    EXPECT_EQ(lab.recorded(lab.on_disk()), Starts{1000});
    // Nor does a member whose list nobody keeps.
    lab.attribute("array_state") = "active";
    lab.member().state = "in_sync";
    lab.settle();
    EXPECT_EQ(lab.recorded(lab.on_disk()), Starts{1000});
}

TEST(MonitorBad, ForWhatTheRecordHasNoRoomTheMemberFails)
{
    BadLab lab(with_room(2));
    lab.start();
    for (const unsigned start : {1000, 2000})
        lab.refuse(start, 8);
    lab.settle();
    lab.refuse(3000, 8);
    lab.settle();
    EXPECT_EQ(lab.on_disk().disks[1].state, DiskState::Failed);
    EXPECT_GE(lab.journal.find("store dev-sdb/state -external_bbl"), 0);
    EXPECT_EQ(lab.journal.find("store dev-sdb/bad_blocks 3000"), -1);
    const toy::Member &spare = lab.kernel.members.at("dev-sdd");
    EXPECT_EQ(spare.slot, "1");
    EXPECT_NE(spare.state.find("external_bbl"), std::string::npos);
    EXPECT_LT(lab.journal.find("store dev-sdd/state external_bbl"), lab.journal.find("store dev-sdd/slot")) << "before it has a place";
}

// The kernel fails the member between two stores of one reply. Whatever is stored then: its writes go when the failure is recorded.
TEST(MonitorBad, AFailureBetweenTwoStoresIsRecordedBeforeItIsAcknowledged)
{
    for (const unsigned room : {16u, 1u}) {  // the list is acknowledged; it is full
        BadLab lab(with_room(room));
        lab.start();
        lab.refuse(500, 8);
        lab.settle();
        bool failed = false, acknowledged = false;
        lab.kernel.stored = [&](const std::string &what) {
            const auto member = lab.kernel.members.find(kMember);
            if (!failed && (what == "dev-sdb/bad_blocks 1000 8" || what == "dev-sdb/state -external_bbl")) {
                lab.kernel.fail_member(kMember);
                failed = true;
            } else if (failed && !acknowledged && member != lab.kernel.members.end() && member->second.state == "faulty") {
                acknowledged = true;
                for (const auto &[dev, number] : lab.disks.durable) {
                    const bool own = dev == toy::dev(1);
                    EXPECT_TRUE(own || lab.archive.snapshots.at(number).disks[1].state == DiskState::Failed) << what << ", room " << room;
                }
            }
        };
        lab.refuse(1000, 8);
        lab.settle();
        EXPECT_TRUE(failed && acknowledged) << room;
        EXPECT_EQ(lab.on_disk().disks[1].state, DiskState::Failed) << room;
    }
}

TEST(MonitorBad, WhatIsGoodAgainBeforeItIsGivenUpStaysAMember)
{
    BadLab lab(with_room(1));
    lab.start();
    lab.refuse(500, 8);
    lab.settle();
    lab.kernel.stored = [&](const std::string &what) {
        if (what != "dev-sdb/state -external_bbl")
            return;
        lab.write_again(1000);
        lab.member().unknown.clear();
        lab.member().state = "in_sync";
    };
    lab.refuse(1000, 8);
    lab.settle();
    EXPECT_GE(lab.journal.find("store dev-sdb/state -external_bbl"), 0);
    EXPECT_EQ(lab.member().state, "in_sync,external_bbl");
    EXPECT_EQ(lab.recorded(lab.on_disk()), Starts{500});
}

TEST(MonitorBad, MoreThanARoundTakesIsTakenInSeveral)
{
    BadLab lab(with_room(1000));
    lab.start();
    for (unsigned i = 0; i < 3 * kMostBadChanges; i++)
        lab.refuse(1000 + 20 * i, 8);
    lab.settle();
    EXPECT_EQ(lab.recorded(lab.on_disk()).size(), 3 * kMostBadChanges);
    EXPECT_TRUE(lab.member().unknown.empty());
}

TEST(MonitorBad, ASpareGetsWhatIsRecordedOfIt)
{
    Container c = with_room();
    c.bad = {{3, 500, 8}, {0, 700, 8}};
    BadLab lab(c);
    lab.kernel.members.at("dev-sda").bad = {{-1, 700, 8}};
    lab.start();
    lab.attribute("array_state") = "active";
    lab.kernel.fail_member(kMember);
    lab.settle();
    const toy::Member &spare = lab.kernel.members.at("dev-sdd");
    ASSERT_EQ(spare.bad.size(), 1u);
    EXPECT_EQ(spare.bad[0].start, 500u);
    EXPECT_TRUE(spare.unknown.empty());
    EXPECT_EQ(lab.on_disk().bad.size(), 2u);
}

// One becomes bad, one is good again. At no time is acknowledged what is not durable on all disks that count.
TEST(MonitorBad, KilledAnywhere)
{
    for (const bool after : {false, true})
        for (int fuse = 0;; fuse++) {
            BadLab lab;
            lab.start();
            lab.refuse(1000, 8);
            lab.settle();
            lab.write_again(1000);
            lab.refuse(2000, 8);
            lab.journal.fuse = fuse;
            lab.journal.after = after;
            bool killed = false;
            try {
                lab.settle();
            } catch (const toy::Killed &) {
                killed = true;
            }
            lab.journal.fuse = -1;
            if (lab.member().unknown.empty())
                for (const auto &[dev, number] : lab.disks.durable) {
                    if (dev == toy::dev(3))
                        continue;
                    const Starts found = lab.recorded(lab.archive.snapshots.at(number));
                    EXPECT_TRUE(std::ranges::count(found, 2000u)) << "acknowledged, and not on " << dev.minor << " at " << fuse;
                }
            lab.start();
            EXPECT_EQ(lab.recorded(lab.on_disk()), Starts{2000}) << fuse;
            EXPECT_TRUE(lab.member().unknown.empty()) << fuse;
            EXPECT_EQ(lab.member().state, "in_sync,external_bbl") << fuse;
            if (!killed)
                break;
        }
}

TEST(MonitorBad, NothingIsAllocatedBeforeTheAcknowledgement)
{
    BadLab lab;
    lab.start();
    lab.refuse(1000, 8);
    lab.kernel.allocations_before_store.reset();
    {
        const toy::Counting counting;
        lab.keeper->pass(lab.now);
    }
    ASSERT_TRUE(lab.kernel.allocations_before_store);
    EXPECT_EQ(*lab.kernel.allocations_before_store, 0u);
}

}  // namespace
