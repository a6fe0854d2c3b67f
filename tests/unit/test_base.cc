// SPDX-License-Identifier: GPL-2.0-only
// libemd/base and libemd/model: the words, numbers and rules that formats and programs share.
#include "libemd/base/bytes.h"
#include "libemd/base/sha1.h"
#include "libemd/base/size.h"
#include "libemd/model/container.h"

#include <gtest/gtest.h>

namespace emd {
namespace {

TEST(Bytes, WireIntegersHaveTheirEndianness)
{
    const Le32 little(0x01020304);
    EXPECT_EQ(bytes_of(little)[0], std::byte{0x04});
    EXPECT_EQ(little.get(), 0x01020304u);

    const Be16 big(0xfffe);
    EXPECT_EQ(bytes_of(big)[0], std::byte{0xff});
    EXPECT_EQ(big.get(), 0xfffe);
    EXPECT_EQ(Be64(0xfedcba9876543210).get(), 0xfedcba9876543210);
}

TEST(Bytes, ReadsAndWritesStayInside)
{
    std::array<std::byte, 6> buffer{};
    EXPECT_TRUE(write_at(buffer, 2, Le32(7)));
    EXPECT_FALSE(write_at(buffer, 3, Le32(9)));
    EXPECT_FALSE(write_at(buffer, SIZE_MAX, Le32(9)));
    EXPECT_EQ(read_at<Le32>(buffer, 2)->get(), 7u);
    EXPECT_EQ(read_at<Le32>(buffer, 3).error().code(), Errc::Corrupt);
    EXPECT_FALSE(read_at<Le32>(buffer, SIZE_MAX - 1));
}

TEST(Sha1, OfSeveralPartsIsOfTheirConcatenation)
{
    const std::array<std::byte, 3> abc{std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
    const Sha1Digest digest = sha1({Bytes(abc).first(1), Bytes(abc).subspan(1)});
    const std::array<std::uint8_t, 4> begin{0xa9, 0x99, 0x3e, 0x36};  // FIPS 180, "abc"
    EXPECT_TRUE(std::equal(begin.begin(), begin.end(), digest.begin()));
}

TEST(Size, ForPeople)
{
    EXPECT_EQ(format_size(512), "512 B");
    EXPECT_EQ(format_size(45005824), "42.92 MiB");
    EXPECT_EQ(format_size_pair(0), "");
    EXPECT_EQ(format_size_pair(45005824), " (42.92 MiB 45.01 MB)");
    EXPECT_EQ(format_size_pair(1u << 20), " (1024.00 KiB 1048.58 KB)");
    EXPECT_EQ(format_size_pair(4000787030016), " (3.64 TiB 4.00 TB)");
}

TEST(Size, FromPeople)
{
    EXPECT_EQ(*parse_size("64"), 65536u);
    EXPECT_EQ(*parse_size("64", 1), 64u);
    EXPECT_EQ(*parse_size("10g"), 10ULL << 30);
    EXPECT_EQ(*parse_size("2TiB"), 2ULL << 40);
    EXPECT_EQ(*parse_size("8s"), 4096u);
    for (const char *bad : {"", "K", "-1", "1X", "1Kx", "99999999999999999999", "99999999999T"})
        EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Uuid, TextIsFourLittleEndianWords)
{
    const Uuid uuid{0x86, 0x08, 0x31, 0x8c, 0xbb, 0xfa, 0x77, 0x6e, 0xf8, 0xa8, 0x67, 0xc6, 0x40, 0xe6, 0x65, 0xce};
    EXPECT_EQ(to_string(uuid), "8c310886:6e77fabb:c667a8f8:ce65e640");
    EXPECT_EQ(*parse_uuid("8c310886:6e77fabb:c667a8f8:ce65e640"), uuid);
    EXPECT_FALSE(parse_uuid("8c310886:6e77fabb:c667a8f8:ce65e64"));
    EXPECT_FALSE(parse_uuid("8c310886:6e77fabb:c667a8f8:ce65e64g"));
}

Volume volume(int level, std::uint32_t layout, std::initializer_list<bool> in_sync)
{
    Volume v;
    v.shape = {.level = level,
               .layout = layout,
               .raid_disks = static_cast<std::uint32_t>(in_sync.size()),
               .chunk_sectors = 128,
               .component_sectors = 1024};
    for (const bool good : in_sync)
        v.slots.push_back({.disk = static_cast<int>(v.slots.size()), .in_sync = good});
    return v;
}

TEST(Model, HealthFollowsFromSlots)
{
    EXPECT_EQ(health(volume(0, 0, {true, true})), Health::Optimal);
    EXPECT_EQ(health(volume(0, 0, {true, false})), Health::Failed);
    EXPECT_EQ(health(volume(1, 0, {false, true})), Health::Degraded);
    EXPECT_EQ(health(volume(1, 0, {false, false})), Health::Failed);
    EXPECT_EQ(health(volume(5, 0, {true, false, true})), Health::Degraded);
    EXPECT_EQ(health(volume(5, 0, {false, false, true})), Health::Failed);
    EXPECT_EQ(health(volume(6, 0, {false, false, true, true})), Health::Degraded);
    EXPECT_EQ(health(volume(10, 0x102, {false, true, true, false})), Health::Degraded);
    EXPECT_EQ(health(volume(10, 0x102, {true, false, false, true})), Health::Degraded);
    EXPECT_EQ(health(volume(10, 0x102, {true, true, false, false})), Health::Failed);
    EXPECT_EQ(health(volume(10, 0x201, {true, false, false, true})), Health::Failed) << "far copies are neighbours";
}

TEST(Model, DuringAReshapeBothGeometriesMustHold)
{
    Volume v = volume(0, 0, {true, true});
    v.reshape.emplace();
    v.reshape->target = {.level = 5, .layout = 0, .raid_disks = 3, .chunk_sectors = 128, .component_sectors = 1024};
    v.reshape->target_slots = {{0, true}, {1, true}, {2, false}};
    EXPECT_EQ(health(v), Health::Degraded);
    v.slots[1].in_sync = v.reshape->target_slots[1].in_sync = false;
    EXPECT_EQ(health(v), Health::Failed);
}

TEST(Model, Sizes)
{
    EXPECT_EQ(array_sectors(volume(0, 0, {true, true, true}).shape), 3072u);
    EXPECT_EQ(array_sectors(volume(1, 0, {true, true, true}).shape), 1024u);
    EXPECT_EQ(array_sectors(volume(5, 0, {true, true, true}).shape), 2048u);
    EXPECT_EQ(array_sectors(volume(6, 0, {true, true, true, true}).shape), 2048u);
    EXPECT_EQ(array_sectors(volume(10, 0x102, {true, true, true}).shape), 1536u);
    EXPECT_EQ(level_word(-1), "linear");
    EXPECT_EQ(level_word(5), "raid5");
}

}  // namespace
}  // namespace emd
