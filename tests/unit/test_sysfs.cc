// SPDX-License-Identifier: GPL-2.0-only
// real_sysfs() and Array over a directory of files.
#include "libemd/kernel/array.h"
#include "temporary.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace emd {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class SysfsTest : public testing::Test {
protected:
    SysfsTest()
    {
        fs::create_directories(root_.path() / "block/emd3/md");
        fs::create_directories(root_.path() / "block/emd3/emd");
        sysfs_ = directory_sysfs((root_.path() / "block").string());
    }

    void put(const std::string &path, const std::string &text)
    {
        fs::create_directories((root_.path() / "block" / path).parent_path());
        std::ofstream(root_.path() / "block" / path) << text;
    }
    void put_member(const std::string &name, const std::string &slot)
    {
        const std::string dir = "emd3/md/dev-" + name + "/";
        put(dir + "block/dev", "8:16\n");
        put(dir + "slot", slot + "\n");
        put(dir + "state", "in_sync,write_mostly\n");
        put(dir + "offset", "0\n");
        put(dir + "size", "32768\n");
        put(dir + "recovery_start", "none\n");
    }

    TemporaryDirectory root_;
    std::unique_ptr<Sysfs> sysfs_;
    Array array() { return Array(*sysfs_, "emd3"); }
};

TEST_F(SysfsTest, ReadDropsOneNewline)
{
    put("emd3/md/level", "raid5\n");
    EXPECT_EQ(*array().level(), "raid5");
    put("emd3/md/level", "");
    EXPECT_EQ(*array().level(), "");
}

TEST_F(SysfsTest, MissingAttributeIsNotFound)
{
    const auto answer = array().get("sync_max");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code(), Errc::NotFound);
    EXPECT_FALSE(array().exists());
}

TEST_F(SysfsTest, RefusalCarriesTheKernelsSentence)
{
    put("emd3/emd/last_error", "sync_max 384 is not a multiple of 512\n");
    const auto answer = array().set("sync_max", std::uint64_t{384});  // no such file: refused
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error().text().find("384 is not a multiple of 512"), std::string::npos) << answer.error().text();
    EXPECT_EQ(answer.error().sys(), ENOENT);
}

TEST_F(SysfsTest, PairsAndNumbers)
{
    put("emd3/md/raid_disks", "5 (4)\n");
    put("emd3/md/chunk_size", "65536\n");
    put("emd3/md/sync_completed", "1024 / 65536\n");
    put("emd3/md/reshape_position", "none\n");
    EXPECT_TRUE(array().raid_disks()->changing());
    EXPECT_EQ(array().raid_disks()->now, 4u);
    EXPECT_EQ(array().chunk_bytes()->next, 65536u);
    EXPECT_EQ(array().completed()->done, 1024u);
    EXPECT_EQ(array().completed()->total, 65536u);
    EXPECT_EQ(*array().reshape_position(), std::nullopt);
    put("emd3/md/sync_completed", "delayed\n");
    EXPECT_EQ(array().completed()->kind, SyncCompleted::Kind::Delayed);
    put("emd3/md/reshape_position", "1536\n");
    EXPECT_EQ(*array().reshape_position(), std::optional<std::uint64_t>(1536));
    put("emd3/md/raid_disks", "5 (4\n");
    EXPECT_EQ(array().raid_disks().error().code(), Errc::Corrupt);
}

TEST_F(SysfsTest, ShapeIsTheOneInForce)
{
    put("emd3/md/level", "raid5\n");
    put("emd3/md/layout", "2\n");
    put("emd3/md/raid_disks", "5 (4)\n");
    put("emd3/md/chunk_size", "65536 (131072)\n");
    put("emd3/md/component_size", "32768\n");
    const Shape shape = *array().shape();
    EXPECT_EQ(shape, (Shape{5, 2, 4, 256, 65536}));
}

TEST_F(SysfsTest, Levels)
{
    EXPECT_EQ(parse_level("raid10"), 10);
    EXPECT_EQ(parse_level("linear"), -1);
    for (const char *bad : {"", "raid", "raid2", "raid55", "container", "raid5x"})
        EXPECT_EQ(parse_level(bad), std::nullopt) << bad;
}

TEST_F(SysfsTest, Members)
{
    put_member("sda", "0");
    put_member("sdb", "none");
    put("emd3/md/dev-gone/slot", "1\n");  // half vanished: left out
    const auto members = *array().members();
    ASSERT_EQ(members.size(), 2u);
    EXPECT_EQ(members[0].name, "dev-sda");
    EXPECT_EQ(members[0].dev, (DevNum{8, 16}));
    EXPECT_EQ(members[0].size, 65536u);
    EXPECT_EQ(members[0].recovery_start, ~std::uint64_t(0));
    EXPECT_TRUE(members[0].has("write_mostly"));
    EXPECT_FALSE(members[0].has("write"));
    EXPECT_EQ(members[1].slot, -1);
}

TEST_F(SysfsTest, ArraysAreListedByNumber)
{
    for (const char *name : {"emd10", "emd2", "md0", "emdx", "sda"})
        fs::create_directories(root_.path() / "block" / name);
    EXPECT_EQ(list_arrays(*sysfs_), (std::vector<std::string>{"emd2", "emd3", "emd10"}));
}

TEST_F(SysfsTest, CreateTakesTheFirstFreeNumber)
{
    put("emd0/md/array_state", "clear\n");
    EXPECT_EQ(create_array(*sysfs_).error().code(), Errc::NotFound);  // no module
    put("../module/emd/parameters/new_array", "");
    EXPECT_EQ(*create_array(*sysfs_), "emd1");
    EXPECT_EQ(*sysfs_->read("../module/emd/parameters/new_array"), "emd1");
    EXPECT_EQ(create_array(*sysfs_, 0).error().code(), Errc::Busy);
    EXPECT_EQ(*create_array(*sysfs_, 127), "emd127");
}

TEST_F(SysfsTest, WatchReportsEachChangeOnce)
{
    put("emd3/md/sync_action", "idle\n");
    const auto watch = sysfs_->watch();
    EXPECT_EQ(watch->add("emd3/md/nothing").error().code(), Errc::NotFound);
    ASSERT_TRUE(watch->add("emd3/md/sync_action"));
    EXPECT_FALSE(*watch->wait(milliseconds(0)));
    put("emd3/md/sync_action", "reshape\n");
    EXPECT_TRUE(*watch->wait(milliseconds(0)));
    EXPECT_FALSE(*watch->wait(milliseconds(1)));  // one change, one report
    put("emd3/md/sync_action", "idle\n");
    EXPECT_TRUE(*watch->wait(milliseconds(0)));
}

TEST_F(SysfsTest, WatchReportsChangesBetweenAddAndWait)
{
    put("emd3/md/a", "1\n");
    put("emd3/md/b", "1\n");
    const auto watch = sysfs_->watch();
    ASSERT_TRUE(watch->add("emd3/md/a"));
    ASSERT_TRUE(watch->add("emd3/md/b"));
    put("emd3/md/b", "2\n");
    EXPECT_TRUE(*watch->wait(milliseconds(0)));
}

}  // namespace
}  // namespace emd
