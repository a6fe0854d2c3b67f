// SPDX-License-Identifier: GPL-2.0-only
// emdmon's keeper: when it leaves, what it has recorded then, and that it serves no other array than its own.
#include "unit/monitor_lab.h"

using namespace emd;
using namespace emd::mon;
using namespace std::chrono_literals;

namespace {

using toy::Lab;

// Its arrays can be told from others of their names.
struct NumberedLab : Lab {
    NumberedLab()
    {
        kernel.lives = {{"emd127", "7"}, {"emd126", "8"}};
        start();
    }
};

TEST(MonitorEnd, LeavesWhenNothingRedundantIsLeft)
{
    Lab lab;
    lab.start();
    EXPECT_FALSE(lab.keeper->done(lab.now));
    for (const char *name : {"sync_action", "sync_completed", "resync_start", "reshape_position"})
        lab.kernel.attributes.erase(name);
    lab.attribute("level") = "raid0";
    lab.settle();
    EXPECT_FALSE(lab.keeper->done(lab.now));
    lab.now += 11s;
    EXPECT_TRUE(lab.keeper->done(lab.now));
}

TEST(MonitorEnd, StaysWhileSomebodyHoldsTheContainer)
{
    Lab lab;
    lab.held = true;
    lab.kernel.volume_exists = false;
    lab.start();
    EXPECT_FALSE(lab.keeper->done(lab.now));
    lab.now += 60s;
    EXPECT_FALSE(lab.keeper->done(lab.now));
    lab.held = false;
    EXPECT_FALSE(lab.keeper->done(lab.now));
    lab.now += 11s;
    EXPECT_TRUE(lab.keeper->done(lab.now));
}

TEST(MonitorEnd, StoppedVolumeIsRecordedClean)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    lab.kernel.volume_exists = false;
    lab.settle();
    EXPECT_FALSE(lab.volume().dirty);
    EXPECT_TRUE(lab.keeper->volumes().empty());
}

TEST(MonitorEnd, AnotherArrayWithTheNameOfItsContainerIsNotServed)
{
    NumberedLab lab;
    lab.kernel.lives = {{"emd127", "9"}, {"emd126", "10"}};
    lab.attribute("array_state") = "write-pending";
    const protocol::Answer answer = lab.sync();
    EXPECT_FALSE(answer.ok);
    EXPECT_EQ(answer.kind, Errc::Gone) << answer.text;
    EXPECT_TRUE(lab.keeper->done(lab.now));
    EXPECT_EQ(lab.attribute("array_state"), "write-pending") << "its record is another";
}

TEST(MonitorEnd, AnotherArrayWithTheNameOfItsVolumeIsNotTouched)
{
    NumberedLab lab;
    lab.kernel.lives["emd126"] = "9";
    lab.attribute("metadata_version") = "external:/emd5/0";
    lab.attribute("array_state") = "write-pending";
    lab.keeper->look_around();
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "write-pending");
    EXPECT_TRUE(lab.keeper->volumes().empty());
}

TEST(MonitorEnd, AVolumeThatRunsAgainIsServedAtOnce)
{
    NumberedLab lab;
    lab.kernel.lives["emd126"] = "9";
    lab.attribute("array_state") = "write-pending";
    lab.keeper->look_around();
    lab.keeper->pass(lab.now);
    EXPECT_EQ(lab.attribute("array_state"), "active");
}

// An emdmon of the initial ramdisk keeps its root, from which no path leads to sysfs after the switch.
TEST(MonitorEnd, WhatIsOpenIsServedWithoutPaths)
{
    NumberedLab lab;
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    ASSERT_TRUE(lab.volume().dirty);
    lab.kernel.out_of_reach = true;
    lab.keeper->look_around();
    lab.settle();
    EXPECT_TRUE(lab.volume().dirty) << "it is written still";
    EXPECT_FALSE(lab.keeper->done(lab.now));
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    EXPECT_EQ(lab.attribute("array_state"), "active");
    EXPECT_TRUE(lab.sync().ok);
}

TEST(MonitorEnd, NothingIsRecordedByWhoServedAnotherContainer)
{
    NumberedLab lab;
    lab.kernel.lives = {{"emd127", "9"}, {"emd126", "10"}};
    const auto answers = lab.ask(change::DiskFailed{1});
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].kind, Errc::Gone) << answers[0].text;
    EXPECT_EQ(lab.journal.find("write"), -1);
}

TEST(MonitorEnd, WindingUpCleansFirst)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "write-pending";
    lab.settle();
    lab.keeper->wind_up();
    EXPECT_FALSE(lab.keeper->done(lab.now));
    lab.settle();
    EXPECT_TRUE(lab.keeper->done(lab.now));
    EXPECT_FALSE(lab.volume().dirty);
}

}  // namespace
