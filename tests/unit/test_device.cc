// SPDX-License-Identifier: GPL-2.0-only
// What of libemd/device needs no block device.
#include "libemd/device/serial.h"
#include "libemd/device/signatures.h"

#include <gtest/gtest.h>

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
