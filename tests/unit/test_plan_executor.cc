// SPDX-License-Identifier: GPL-2.0-only
// The executor: names, order, and that a failure leaves everything as it was.
#include "libemd/plan/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace emd::plan {
namespace {

using ::testing::ElementsAre;

// Attributes as a map; what is stored is remembered in order, and one store may be refused.
class MapSysfs final : public Sysfs {
public:
    std::map<std::string, std::string, std::less<>> files;
    std::vector<std::string> log;
    std::string refused;
    Errc refusal = Errc::Invalid;
    int refusals = 1 << 30;

    Result<std::string> read(std::string_view path) override
    {
        const auto found = files.find(path);
        return found == files.end() ? Result<std::string>(fail(Errc::NotFound, "{}", path)) : found->second;
    }
    Result<> write(std::string_view path, std::string_view value) override
    {
        const std::string line = fmt::format("{}={}", path, value);
        if (line == refused && refusals-- > 0)
            return fail(refusal, "{} is refused", path);
        log.push_back(line);
        if (path == "../module/emd/parameters/new_array")
            files[fmt::format("{}/md/array_state", value)] = "clear";
        files[std::string(path)] = value;
        return {};
    }
    Result<std::vector<std::string>> list(std::string_view) override { return std::vector<std::string>(); }
    std::unique_ptr<Watch> watch() override
    {
        struct Now final : Watch {
            Result<> add(std::string_view) override { return {}; }
            Result<bool> wait(std::chrono::milliseconds) override { return true; }
        };
        return std::make_unique<Now>();
    }
};

class LogHost final : public Host {
public:
    explicit LogHost(std::vector<std::string> &log) : log_(log) {}
    std::string refused;
    Outcome managed = Outcome::Done;

    std::function<bool()> udev = [] { return false; };
    bool udev_is_busy() const override { return udev(); }
    Result<> new_metadata(const NewMetadata &) override { return note("new metadata"); }
    Result<> wipe(const std::string &disk) override { return note("wipe " + disk); }
    Result<> apply(const Change &change) override { return note("apply " + to_text(change)); }
    Result<> store() override { return note("store"); }
    Result<> erase(const std::string &disk) override { return note("erase " + disk); }
    Result<> send(const std::string &, const Change &change) override { return note("send " + to_text(change)); }
    Result<> sync(const std::string &container, const Sync &) override { return note("sync " + container); }
    Result<> start_monitor(const std::string &container) override { return note("start " + container); }
    Result<> publish(const std::string &array, const Publish &p) override { return note("publish " + array + " " + p.name); }
    Result<> unpublish(const std::string &array) override { return note("unpublish " + array); }
    Result<> restore(unsigned) override { return note("restore"); }
    Result<> recover_parity(unsigned) override { return note("recover parity"); }
    Result<> reserve_backup(const ReserveBackup &a) override { return note("reserve " + a.path); }
    Result<> drop_backup(const std::string &path) override { return note("drop " + path); }
    Result<Outcome> manage(const std::string &array, const std::string &, const Manage &) override
    {
        const Result<> done = note("manage " + array);
        if (!done)
            return tl::make_unexpected(done.error());
        return managed;
    }

private:
    Result<> note(const std::string &what)
    {
        if (what == refused)
            return fail(Errc::Io, "{} fails", what);
        log_.push_back(what);
        return {};
    }
    std::vector<std::string> &log_;
};

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
