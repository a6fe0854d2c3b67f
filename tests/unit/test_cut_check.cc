// SPDX-License-Identifier: GPL-2.0-only
// When what lies on an array forbids to make it smaller.
#include "emdadm/cut_check.h"
#include "temporary.h"

#include <fstream>
#include <gtest/gtest.h>

namespace emd::cli {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::string said(const Standing &standing, std::uint64_t bytes)
{
    const auto whole = stays_whole("/dev/emd/data", standing, bytes);
    if (whole)
        return "";
    EXPECT_EQ(whole.error().code(), Errc::Refused);
    return whole.error().text();
}

TEST(CutCheck, UpToTheEndOfWhatIsKnown)
{
    const Standing ext4{{{"ext4", "an ext4 file system", 400 * kMiB}}, {}, true};  // mounted
    EXPECT_EQ(said(ext4, 400 * kMiB), "");
    EXPECT_EQ(said(ext4, 400 * kMiB - 1024),
              "/dev/emd/data holds an ext4 file system of 400.00 MiB: make that smaller first (resize2fs), or use --force");
    const Standing xfs{{{"xfs", "an XFS file system", 400 * kMiB}}, {}, false};
    EXPECT_EQ(said(xfs, 0), "/dev/emd/data holds an XFS file system of 400.00 MiB: that cannot be made smaller, so copy its files elsewhere first, "
                            "or use --force");
    const Standing dos{{{"dos", "an MBR partition table", 400 * kMiB}}, {}, true};
    EXPECT_EQ(said(dos, 300 * kMiB), "/dev/emd/data holds an MBR partition table that reaches to 400.00 MiB: make its last partitions smaller first "
                                     "(parted), or use --force");
}

TEST(CutCheck, WhatEndsNobodyKnowsWhere)
{
    EXPECT_EQ(said({{{"LVM2_member", "an LVM2 physical volume", {}}}, {"dm-0"}, true}, 300 * kMiB),
              "/dev/emd/data holds an LVM2 physical volume, and EMD cannot see where that ends: if all of it lies within the first 300.00 MiB "
              "(pvresize), use --force");
    EXPECT_EQ(said({{{"zfs_member", "zfs_member metadata", {}}}, {}, false}, 300 * kMiB),
              "/dev/emd/data holds zfs_member metadata, and EMD cannot see where that ends: "
              "if all of it lies within the first 300.00 MiB, use --force");
    EXPECT_EQ(said({{{"ext4", "an ext4 file system", {}}}, {}, false}, kMiB),
              "/dev/emd/data holds an ext4 file system, and EMD cannot see where that ends: if all of it lies within the first 1.00 MiB "
              "(e2fsck, resize2fs), use --force");
}

TEST(CutCheck, WhoeverHoldsIt)
{
    EXPECT_EQ(said({{}, {"dm-0", "emd5"}, true}, kMiB),
              "/dev/emd/data is used by dm-0, emd5, and EMD cannot see how much of it: if all of it lies within the first 1.00 MiB, use --force");
    EXPECT_NE(said({{{"ext4", "an ext4 file system", kMiB}}, {"dm-0"}, true}, kMiB), "") << "a mapping may be longer than what is in it";
    EXPECT_EQ(said({{}, {}, true}, kMiB), "/dev/emd/data is mounted or held by another program, and EMD cannot see how much of it is used: "
                                          "if all of it lies within the first 1.00 MiB, use --force");
    EXPECT_EQ(said({}, 0), "");
}

TEST(CutCheck, ThereAreSeveralThings)
{
    const Standing both{{{"ext4", "an ext4 file system", 400 * kMiB}, {"dos", "an MBR partition table", 500 * kMiB}}, {}, false};
    EXPECT_NE(said(both, 450 * kMiB).find("MBR"), std::string::npos);
    EXPECT_EQ(said(both, 500 * kMiB), "");
}

// emd7 is in this directory only: whoever looks at the device finds none.
TEST(CutCheck, LooksOnlyIfItBecomesSmaller)
{
    const TemporaryDirectory directory;
    std::filesystem::create_directories(directory.path() / "emd7/holders");
    std::ofstream(directory.file("emd7/size")) << 8192 << "\n";
    Context c{{}, {}, directory_sysfs(directory.path()), ArrayMap(directory.file("map"))};
    EXPECT_TRUE(check_cut(c, "emd7", 8192));
    EXPECT_TRUE(check_cut(c, "emd7", kMax));
    const auto cut = check_cut(c, "emd7", 8190);
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().text().find("what lies on /dev/emd7 cannot be seen, and --force was not given: "), 0u) << cut.error().text();
    EXPECT_FALSE(check_cut(c, "emd8", 8190));
    c.options.force = true;
    EXPECT_TRUE(check_cut(c, "emd7", 8190));
}

}  // namespace
}  // namespace emd::cli
