// SPDX-License-Identifier: GPL-2.0-only
// The executor: names, order, and that a failure leaves everything as it was.
#include "executor_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace emd::plan {
namespace {

using ::testing::ElementsAre;

class ExecutorTest : public ::testing::Test {
protected:
    MapSysfs sysfs;
    LogHost host{sysfs.log};
    Executor executor{sysfs, host};
    Plan plan;
};

TEST_F(ExecutorTest, WordsBecomeKernelNames)
{
    plan.add(NewArray{"imsm0"});
    plan.add(Set{"imsm0", "metadata_version", "external:imsm"});
    plan.add(NewArray{"vol0"});
    plan.add(Set{"vol0", "metadata_version", "external:/{imsm0}/0"});
    plan.add(StartMonitor{"imsm0"});
    ASSERT_TRUE(executor.run(plan));
    EXPECT_THAT(sysfs.log, ElementsAre("../module/emd/parameters/new_array=emd0", "emd0/md/metadata_version=external:imsm",
                                       "../module/emd/parameters/new_array=emd1", "emd1/md/metadata_version=external:/emd0/0",
                                       "start emd0"));
}

TEST_F(ExecutorTest, AFailureIsTakenBackInReverse)
{
    plan.add(Set{"emd5", "sync_action", "frozen"}, {Set{"emd5", "sync_action", "idle"}});
    plan.add(Set{"emd5", "raid_disks", "4"}, {Set{"emd5", "raid_disks", "3"}});
    plan.add(Send{"emd6", change::ReshapeWithdrawn{0}}, {Send{"emd6", change::VolumeDeleted{0}}});
    plan.add(Sync{"emd6", 0, {}});
    host.refused = "sync emd6";
    const auto done = executor.run(plan);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().text(), "sync emd6 fails");
    EXPECT_THAT(sysfs.log, ElementsAre("emd5/md/sync_action=frozen", "emd5/md/raid_disks=4",
                                       "send the reshape of volume 0 is withdrawn", "send volume 0 is deleted",
                                       "emd5/md/raid_disks=3", "emd5/md/sync_action=idle"));
}

TEST_F(ExecutorTest, WhatCannotBeTakenBackIsSaid)
{
    plan.add(Set{"emd5", "raid_disks", "4"}, {Set{"emd5", "raid_disks", "3"}});
    plan.add(Sync{"emd6", 0, {}});
    host.refused = "sync emd6";
    sysfs.refused = "emd5/md/raid_disks=3";
    EXPECT_EQ(executor.run(plan).error().text(),
              "sync emd6 fails; could not take back: emd5: setting raid_disks to 3: emd5/md/raid_disks is refused");
}

TEST_F(ExecutorTest, NothingIsTakenBackBehindACommit)
{
    plan.add(Set{"emd5", "raid_disks", "4"}, {Set{"emd5", "raid_disks", "3"}});
    plan.commit(Manage{"emd5", "emd6", 0});
    host.refused = "manage emd5";
    EXPECT_FALSE(executor.run(plan));
    EXPECT_THAT(sysfs.log, ElementsAre("emd5/md/raid_disks=4"));
}

TEST_F(ExecutorTest, APauseEndsThePlanWithoutUndo)
{
    plan.add(Set{"emd5", "sync_max", "0"}, {Set{"emd5", "sync_max", "max"}});
    plan.commit(Manage{"emd5", "emd6", 0});
    plan.add(Set{"emd5", "array_size", "default"});
    host.managed = Outcome::Paused;
    const auto done = executor.run(plan);
    ASSERT_TRUE(done);
    EXPECT_EQ(*done, Outcome::Paused);
    EXPECT_THAT(sysfs.log, ElementsAre("emd5/md/sync_max=0", "manage emd5"));
}

TEST_F(ExecutorTest, AThreadOnItsWayOutIsWaitedFor)
{
    sysfs.refused = "emd5/md/sync_action=reshape";
    sysfs.refusal = Errc::Busy;
    sysfs.refusals = 3;
    plan.add(Set{"emd5", "sync_action", "reshape"});
    EXPECT_TRUE(executor.run(plan));
    sysfs.refused = "emd5/md/raid_disks=4";
    sysfs.refusals = 1;
    plan.steps.clear();
    plan.add(Set{"emd5", "raid_disks", "4"});
    EXPECT_FALSE(executor.run(plan));  // a geometry that is busy stays so
}

TEST_F(ExecutorTest, WhatUdevHoldsIsTriedAgainAfterItHasEnded)
{
    sysfs.refused = "emd5/md/array_state=inactive";
    sysfs.refusal = Errc::Busy;
    sysfs.refusals = 1000;
    executor.busy_limit = std::chrono::milliseconds(0);
    host.udev = [this, looks = 0]() mutable {
        if (++looks < 4)
            return true;
        sysfs.refusals = 0;  // it ends, and lets go
        return false;
    };
    plan.add(Set{"emd5", "array_state", "inactive"});
    EXPECT_TRUE(executor.run(plan));
    sysfs.refusals = 1000;
    host.udev = [] { return false; };
    EXPECT_FALSE(executor.run(plan)) << "somebody else holds it";
}

TEST_F(ExecutorTest, AnExpectationThatFailsSaysWhatItMeans)
{
    sysfs.files["emd5/md/sync_action"] = "recover";
    plan.add(Expect{"emd5", "sync_action", "frozen", "something else has begun meanwhile, try again"});
    EXPECT_EQ(executor.run(plan).error().text(), "emd5: something else has begun meanwhile, try again (sync_action reads recover)");
}

}  // namespace
}  // namespace emd::plan
