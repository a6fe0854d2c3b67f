// SPDX-License-Identifier: GPL-2.0-only
// emdmon and the bitmap: no bit is taken back beside a missing member, nor before that is recorded; its superblock goes first.
#include "unit/monitor_lab.h"

using namespace emd;
using namespace emd::mon;

namespace {

using toy::Lab;

constexpr const char *kClear = "store bitmap/can_clear true", *kHead = "store bitmap/superblock ";

Container with_bitmap(bool dirty = false)
{
    Container c = toy::container(1);
    c.volumes[0].bitmap = BitmapPlace{16, 65536};
    c.volumes[0].dirty = dirty;
    return c;
}

struct BitmapLab : Lab {
    explicit BitmapLab(const Container &c = with_bitmap()) : Lab(c)
    {
        kernel.attributes["bitmap/can_clear"] = "false";
        kernel.attributes["bitmap/superblock"] = "none";
    }
    int count(std::string_view part) const
    {
        return static_cast<int>(std::ranges::count_if(journal.lines, [&](const std::string &l) { return l.find(part) != l.npos; }));
    }
    // Which record the superblock on the members goes along with, and from which on bits were taken back.
    int number() const { return std::stoi(kernel.attributes.at("bitmap/superblock").substr(0, 2), nullptr, 16); }
    int cleared() const { return std::stoi(kernel.attributes.at("bitmap/superblock").substr(2, 2), nullptr, 16); }
};

TEST(MonitorBitmap, BitsAreTakenBackOnlyWhenThatIsDurable)
{
    BitmapLab lab;
    lab.start();
    const int clear = lab.journal.find(kClear), head = lab.journal.find(kHead);
    ASSERT_GE(head, 0);
    EXPECT_LT(head, lab.journal.find("write "));
    EXPECT_GT(clear, lab.journal.find("flush 32", lab.journal.find("write 32 at 0")));
    EXPECT_EQ(lab.number(), static_cast<int>(lab.newest()));
    EXPECT_EQ(lab.cleared(), lab.number());
    EXPECT_EQ(lab.count(kClear), 1);
}

TEST(MonitorBitmap, ItsSuperblockGoesAlongWithEachRecordAndIsThereFirst)
{
    BitmapLab lab;
    lab.start();
    for (const char *state : {"write-pending", "active-idle"}) {
        lab.journal.lines.clear();
        lab.attribute("array_state") = state;
        lab.settle();
        const int head = lab.journal.find(kHead);
        ASSERT_GE(head, 0) << state;
        EXPECT_LT(head, lab.journal.find("write ")) << state;
        EXPECT_EQ(lab.number(), static_cast<int>(lab.newest()));
    }
}

TEST(MonitorBitmap, NoBitIsTakenBackBesideAMissingMember)
{
    BitmapLab lab;
    lab.attribute("array_state") = "active";
    lab.kernel.fail_member("dev-sdb");
    lab.start();
    // A spare is being rebuilt, and what its slot missed has not all reached it.
    ASSERT_EQ(lab.volume().activity, Activity::Rebuild);
    EXPECT_EQ(lab.count(kClear), 0);
    EXPECT_EQ(lab.cleared(), 0);
    auto &spare = lab.kernel.members.at("dev-sdd");
    spare.state = "in_sync", spare.recovery_start = "none";
    lab.settle();
    ASSERT_EQ(lab.volume().activity, Activity::None);
    EXPECT_EQ(lab.count(kClear), 1);
    EXPECT_EQ(lab.cleared(), lab.number());
}

// Its disk may hang, and the store waits for all disks.
TEST(MonitorBitmap, AFailureIsAcknowledgedBeforeTheSuperblockOfTheBitmap)
{
    BitmapLab lab;
    lab.start();
    lab.attribute("array_state") = "active";
    lab.settle();
    lab.journal.lines.clear();
    lab.kernel.fail_member("dev-sdb");
    lab.settle();
    const int go = lab.journal.find("store dev-sdb/state -blocked");
    ASSERT_GE(go, 0);
    EXPECT_LT(lab.journal.find("flush 32"), go);
    EXPECT_GT(lab.journal.find(kHead), go);
    EXPECT_EQ(lab.number(), static_cast<int>(lab.newest()));
}

TEST(MonitorBitmap, WhatCannotBeRecordedAllowsNothing)
{
    BitmapLab lab;
    lab.kernel.refuse = {"superblock"};
    lab.start();
    EXPECT_EQ(lab.count(kClear), 0);
    EXPECT_GT(lab.newest(), 0u);  // the record itself waits for nobody: the next start finds the bitmap behind it
    lab.kernel.refuse.clear();
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_EQ(lab.count(kClear), 1);
}

// Nothing is recorded afterwards that would bring it along once more.
TEST(MonitorBitmap, ThatOneRefusedItsSuperblockIsNotHeldAgainstTheNext)
{
    BitmapLab lab;
    lab.kernel.refuse = {"superblock"};
    lab.start();
    lab.attribute("bitmap/can_clear") = "";
    lab.settle();
    lab.kernel.refuse.clear();
    lab.attribute("bitmap/can_clear") = "false";
    lab.settle();
    EXPECT_EQ(lab.count(kClear), 1);
}

TEST(MonitorBitmap, OneIsGoneWhenThatIsDurable)
{
    BitmapLab lab;
    lab.start();
    lab.attribute("bitmap/can_clear") = "";
    const auto everywhere = [&](bool broken) {
        for (const Disk &disk : lab.keeper->view().disks)
            if (broken)
                lab.disks.broken.insert(disk.dev);
            else
                lab.disks.broken.erase(disk.dev);
    };
    everywhere(true);
    for (const std::uint64_t id : {1, 2}) {
        const auto answers = lab.ask(change::BitmapRemoved{0}, id);
        ASSERT_EQ(answers.size(), 1u);
        EXPECT_FALSE(answers[0].ok) << "asked " << id << " times";
    }
    EXPECT_TRUE(lab.on_disk().volumes[0].bitmap);
}

TEST(MonitorBitmap, WhatTheRecordRefusesAllowsNothing)
{
    BitmapLab lab;
    lab.archive.refuses = [](const Change &change) { return std::holds_alternative<change::BitmapComplete>(change); };
    lab.start();
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "active") << "writes do not wait for it";
    EXPECT_EQ(lab.count(kClear), 0);
    lab.archive.refuses = nullptr;
    lab.settle();
    EXPECT_EQ(lab.count(kClear), 1);
    EXPECT_EQ(lab.cleared(), lab.number());
}

TEST(MonitorBitmap, KilledAnywhereItIsNeverBehindARecordOfWhichItKnows)
{
    for (int fuse = 0; fuse < 60; fuse++)
        for (const bool after : {false, true}) {
            BitmapLab lab;
            lab.journal.fuse = fuse;
            lab.journal.after = after;
            try {
                lab.start();
                lab.attribute("array_state") = "write-pending";
                lab.settle();
            } catch (const toy::Killed &) {
            }
            if (lab.newest() > 0) {
                EXPECT_GE(lab.number(), static_cast<int>(lab.newest())) << fuse;
            }
            if (lab.attribute("bitmap/can_clear") == "true") {
                EXPECT_GT(lab.cleared(), 0) << fuse;
            }
        }
}

TEST(MonitorBitmap, AnArrayThatIsDirtyAndRunsWithoutItLeavesItBehind)
{
    for (const bool runs : {true, false}) {
        BitmapLab lab(with_bitmap(true));
        lab.attribute("bitmap/can_clear") = runs ? "false" : "";
        lab.attribute("array_state") = "readonly";
        lab.attribute("resync_start") = "0";
        lab.start();
        EXPECT_EQ(lab.attribute("array_state"), "active");
        const int write = lab.journal.find("write 32 at 0"), active = lab.journal.find("store array_state active");
        ASSERT_GE(active, 0);
        if (!runs) {
            ASSERT_GE(write, 0);
            EXPECT_LT(write, active);
            EXPECT_EQ(lab.count(kHead), 0);
        }
    }
}

}  // namespace
