// SPDX-License-Identifier: GPL-2.0-only
// emdmon and another size per member: what is new is in sync when the kernel has made it so, and not before it knows of it.
#include "unit/monitor_lab.h"

using namespace emd;
using namespace emd::mon;

namespace {

using toy::Lab;

constexpr std::uint64_t kBefore = 65536, kAfter = 131072;

// A volume of md's, of which the kernel uses kBefore sectors of each member.
struct Sized : Lab {
    explicit Sized(Container c = toy::container(0)) : Lab(of_md(std::move(c)))
    {
        kernel.attributes["component_size"] = "32768";
        start();
    }
    static Container of_md(Container c)
    {
        c.format = FormatId::Md1;
        return c;
    }
    void follow()
    {
        attribute("component_size") = "65536";
        attribute("resync_start") = "65536";
        settle();
    }
    void resync()
    {
        attribute("sync_action") = "resync";
        attribute("sync_completed") = "70000 / 131072";
        settle();
        attribute("sync_action") = "idle";
        attribute("sync_completed") = "none";
        attribute("resync_start") = "none";
        settle();
    }
};

TEST(MonitorResize, WhatIsNewIsNotInSyncBeforeTheKernelHasIt)
{
    Sized lab;
    const auto answer = lab.ask(change::Resized{0, kAfter}).at(0);
    EXPECT_TRUE(answer.ok) << answer.text;
    EXPECT_EQ(lab.volume().shape.component_sectors, kAfter);
    EXPECT_EQ(lab.volume().activity, Activity::Repair) << "the kernel has nothing to be synchronised, because it does not know of it";
    lab.follow();
    EXPECT_EQ(lab.volume().activity, Activity::Repair);
    lab.resync();
    EXPECT_EQ(lab.volume().activity, Activity::None);
    EXPECT_TRUE(lab.log.empty()) << lab.log.front();
}

// Read anew by another emdmon, the record says no more than that everything is to be resynchronised.
TEST(MonitorResize, WhatIsDirtyIsNotCleanBeforeTheKernelHasIt)
{
    Container c = toy::container(0);
    c.volumes[0].shape.component_sectors = kAfter;
    c.volumes[0].dirty = true;
    Sized lab(c);
    EXPECT_TRUE(lab.volume().dirty);
    lab.follow();
    EXPECT_TRUE(lab.volume().dirty);
    lab.resync();
    EXPECT_FALSE(lab.volume().dirty);
}

TEST(MonitorResize, SmallerIsRecordedAndLeavesNothingToBeDone)
{
    Sized lab;
    lab.attribute("component_size") = "16384";
    EXPECT_TRUE(lab.ask(change::Resized{0, kBefore / 2}).at(0).ok);
    EXPECT_EQ(lab.volume().shape.component_sectors, kBefore / 2);
    EXPECT_EQ(lab.volume().activity, Activity::None);
}

// Whoever wanted it has died between the two.
TEST(MonitorResize, WhatIsRecordedTheKernelFollowsWhenNobodyHoldsIt)
{
    Container c = toy::container(0);
    c.volumes[0].shape.component_sectors = kAfter;
    c.volumes[0].activity = Activity::Repair;
    c.volumes[0].checkpoint = kBefore;
    Sized lab(c);
    lab.attribute("metadata_version") = "external:-emd127/0";
    lab.attribute("sync_action") = "frozen";
    lab.kernel.members.at("dev-sdb").size = "65536";
    lab.settle();
    EXPECT_EQ(lab.attribute("component_size"), "32768") << "somebody may be at it";
    lab.settle();
    EXPECT_EQ(lab.attribute("component_size"), "65536");
    EXPECT_EQ(lab.attribute("metadata_version"), "external:/emd127/0");
    EXPECT_EQ(lab.attribute("sync_action"), "idle");
    const int member = lab.journal.find("store dev-sda/size 65536"), size = lab.journal.find("store component_size 65536"),
              thawed = lab.journal.find("store metadata_version");
    EXPECT_TRUE(member >= 0 && member < size && size < thawed);
    EXPECT_EQ(lab.journal.find("store dev-sdb/size"), -1) << "it is so large";
    EXPECT_TRUE(std::ranges::any_of(lab.log, [](const std::string &line) { return line.find("resized as it is recorded, and thawed") != line.npos; }));
}

TEST(MonitorResize, AskedAgainItIsSoAlready)
{
    Sized lab;
    EXPECT_TRUE(lab.ask(change::Resized{0, kAfter}).at(0).ok);
    lab.follow();
    lab.resync();
    lab.journal.lines.clear();
    EXPECT_TRUE(lab.ask(change::Resized{0, kAfter}, 2).at(0).ok);
    EXPECT_EQ(lab.journal.find("write "), -1);
    EXPECT_EQ(lab.volume().activity, Activity::None);
}

}  // namespace
