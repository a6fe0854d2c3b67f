// SPDX-License-Identifier: GPL-2.0-only
// What of libemd/device needs no block device.
#include "libemd/device/run_lock.h"
#include "libemd/device/serial.h"
#include "libemd/device/signatures.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace emd {
namespace {

std::vector<std::byte> page(std::initializer_list<int> bytes)
{
    std::vector<std::byte> all;
    for (const int b : bytes)
        all.push_back(static_cast<std::byte>(b));
    return all;
}

TEST(Vpd80, TextBehindTheHeader)
{
    EXPECT_EQ(parse_vpd80(page({0, 0x80, 0, 3, 'A', 'B', 'C'})), "ABC");
}

TEST(Vpd80, NeverReadsBeyondThePage)
{
    EXPECT_EQ(parse_vpd80(page({0, 0x80, 0xff, 0xff, 'A'})), "A");
    EXPECT_EQ(parse_vpd80(page({0, 0x80, 0})), "");
    EXPECT_EQ(parse_vpd80(page({0, 0x83, 0, 1, 'A'})), "");
}

class RunLockTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        std::string pattern = ::testing::TempDir() + "emd-lock-XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    std::string directory_;
};

TEST_F(RunLockTest, SecondTakerLearnsWhoHasIt)
{
    const auto first = RunLock::take("emd127", "emd126", "reshape", directory_);
    ASSERT_TRUE(first) << first.error().text();
    const auto second = RunLock::take("emd127", "", "create", directory_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Errc::Busy);
    EXPECT_EQ(second.error().text(), fmt::format("emd127 is being changed: emd126 by pid {} (reshape); wait for it, "
                                                 "or stop it", ::getpid()));
    const auto holder = RunLock::holder("emd127", directory_);
    ASSERT_TRUE(holder);
    EXPECT_EQ(holder->pid, ::getpid());
    EXPECT_EQ(holder->volume, "emd126");
}

TEST_F(RunLockTest, FreeOnceTheHolderIsGone)
{
    {
        const auto first = RunLock::take("emd127", "", "create", directory_);
        ASSERT_TRUE(first);
    }
    EXPECT_FALSE(RunLock::holder("emd127", directory_));
    EXPECT_TRUE(RunLock::take("emd127", "", "create", directory_));
}

TEST_F(RunLockTest, DoesNotFollowAPlantedLink)
{
    const std::string victim = directory_ + "/victim";
    ASSERT_EQ(::symlink(victim.c_str(), (directory_ + "/emd127.lock").c_str()), 0);
    EXPECT_FALSE(RunLock::take("emd127", "", "create", directory_));
    EXPECT_FALSE(std::filesystem::exists(victim));
}

TEST_F(RunLockTest, RefusesADirectoryThatOthersCanWriteTo)
{
    ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
    const auto lock = RunLock::take("emd127", "", "create", directory_);
    ASSERT_FALSE(lock);
    EXPECT_EQ(lock.error().code(), Errc::Refused);
}

TEST(Signatures, InWords)
{
    EXPECT_EQ(describe({"ext4", "filesystem", 0}), "an ext4 file system");
    EXPECT_EQ(describe({"dos", "partition table", 0}), "a dos partition table");
    EXPECT_EQ(describe({"linux_raid_member", "raid", 0}), "linux_raid_member metadata");
}

TEST(BlockDevice, RefusesWhatIsNone)
{
    const auto none = BlockDevice::open("/dev/null", OpenMode::Read);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().text(), "/dev/null is not a block device");
    EXPECT_EQ(BlockDevice::open("/nonexistent", OpenMode::Read).error().code(), Errc::NotFound);
}

}  // namespace
}  // namespace emd
