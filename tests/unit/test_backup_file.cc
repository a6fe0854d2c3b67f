// SPDX-License-Identifier: GPL-2.0-or-later
// The backup file: space first, data before its header, and nothing is given out that is not what was recorded.
#include "libemd/base/crc32c.h"
#include "libemd/reshape/backup_file.h"
#include "temporary.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace emd::reshape {
namespace {

constexpr std::uint64_t kSectors = 6144;  // three pieces with a check sum each
constexpr Range kSection{6144, 12288};

TEST(Crc32c, KnownAnswer)
{
    EXPECT_EQ(crc32c(std::as_bytes(std::span("123456789", 9))), 0xe3069283u);
}

class BackupFileTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        path = directory_.file("backup");
        owner.volume[3] = 7;
        owner.from = {5, 0, 3, 128, 131072};
        owner.to = {5, 0, 4, 128, 131072};
        data = std::vector<std::byte>(kSectors * kSectorBytes);
        for (std::size_t i = 0; i < data.size(); i++)
            data[i] = static_cast<std::byte>(i * 31 >> 3);
    }

    void spoil(std::uint64_t offset)
    {
        const Fd fd(::open(path.c_str(), O_RDWR));
        std::byte b{};
        ASSERT_EQ(::pread(fd.get(), &b, 1, static_cast<off_t>(offset)), 1);
        b ^= std::byte{0x10};
        ASSERT_EQ(::pwrite(fd.get(), &b, 1, static_cast<off_t>(offset)), 1);
    }
    void fill()
    {
        auto file = BackupFile::create(path, owner, kSectors);
        ASSERT_TRUE(file) << file.error().text();
        ASSERT_TRUE(file->save(kSection, data));
        ASSERT_TRUE(file->confirm(kSection));
    }
    std::string load_error()
    {
        const auto file = BackupFile::open(path, owner);
        if (!file)
            return file.error().text();
        const auto got = file->load(kSection);
        return got ? "" : got.error().text();
    }

    TemporaryDirectory directory_;
    std::string path;
    BackupOwner owner;
    std::vector<std::byte> data;
};

TEST_F(BackupFileTest, WhatWasRecordedIsReadBack)
{
    fill();
    EXPECT_EQ(std::filesystem::file_size(path), kSectors * kSectorBytes + 8192);
    const auto file = BackupFile::open(path, owner);
    ASSERT_TRUE(file) << file.error().text();
    const auto got = file->load(kSection);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(std::ranges::equal(got->span(), data));
}

TEST_F(BackupFileTest, DataThatWasNeverRecordedIsNotGivenOut)
{
    {
        auto file = BackupFile::create(path, owner, kSectors);
        ASSERT_TRUE(file && file->save(kSection, data));
    }
    EXPECT_EQ(load_error(), path + " holds sectors 0 to 0, not 6144 to 12288");
}

TEST_F(BackupFileTest, TheNextSectionMakesTheLastOneUnreadable)
{
    fill();
    {
        auto file = BackupFile::open(path, owner);
        ASSERT_TRUE(file);
        data[5] ^= std::byte{1};
        ASSERT_TRUE(file->save({12288, 18432}, data));
    }
    EXPECT_EQ(load_error(), path + " is damaged: its check sums are wrong");
}

TEST_F(BackupFileTest, OneHeaderIsEnoughAndNoneIsNot)
{
    fill();
    spoil(100);
    EXPECT_EQ(load_error(), "");
    spoil(4096 + kSectors * kSectorBytes + 200);
    EXPECT_EQ(load_error(), path + " is no backup of a reshape, or is damaged");
}

TEST_F(BackupFileTest, EveryPieceOfTheDataIsChecked)
{
    for (const std::uint64_t at : {0u, 1u << 20, (3u << 20) - 1}) {
        std::filesystem::remove(path);
        fill();
        spoil(4096 + at);
        EXPECT_EQ(load_error(), path + " is damaged: its check sums are wrong") << at;
    }
}

TEST_F(BackupFileTest, SomebodyElsesFileIsRefused)
{
    fill();
    owner.to.raid_disks = 5;
    EXPECT_EQ(load_error(), path + " is the backup of another reshape");
    EXPECT_EQ(BackupFile::create(path, owner, kSectors).error().text(), path + " exists already: name a new file for the backup");
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(BackupFileTest, NoRoomIsSaidAndNothingIsLeft)
{
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1 << 20, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto file = BackupFile::create(path, owner, kSectors);
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code(), Errc::NoSpace);
    EXPECT_EQ(file.error().text(), "there is no room for the 3.01 MiB of " + path + ": free some, or name a file elsewhere");
    EXPECT_FALSE(std::filesystem::exists(path));
}

// The place that the file stands beside.
class Shelf final : public BackupPlace {
public:
    bool full = false, cleared = false;
    Result<> save(unsigned, Range, std::span<const std::byte>) override
    {
        return full ? Result<>(fail(Errc::NoSpace, "full")) : Result<>();
    }
    Result<> clear() override
    {
        cleared = true;
        return {};
    }
};

TEST_F(BackupFileTest, BothPlacesOrNone)
{
    auto file = BackupFile::create(path, owner, kSectors);
    ASSERT_TRUE(file);
    Shelf shelf;
    PlaceAndFile both(shelf, *file);
    shelf.full = true;
    EXPECT_FALSE(both.save(0, kSection, data));
    ASSERT_TRUE(both.recorded(kSection));  // nothing was saved: nothing becomes valid
    EXPECT_EQ(load_error(), path + " holds sectors 0 to 0, not 6144 to 12288");
    shelf.full = false;
    ASSERT_TRUE(both.save(0, kSection, data));
    ASSERT_TRUE(both.recorded(kSection));
    EXPECT_EQ(load_error(), "");
    ASSERT_TRUE(both.clear());
    EXPECT_TRUE(shelf.cleared);
    EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace emd::reshape
