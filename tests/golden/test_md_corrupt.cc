// SPDX-License-Identifier: GPL-2.0-only
// Superblocks of md that cannot be true, or that another machine wrote: nothing on a disk may harm the reader. Run with
// sanitizers.
#include "golden/golden.h"

#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"
#include "libemd/report/json.h"

#include <gtest/gtest.h>

#include <random>

namespace emd::md {
namespace {

using Block = std::vector<std::byte>;

constexpr std::size_t kSumV1 = 216, kSumV090 = 4 * 38;
constexpr std::size_t kDeviceBytes = 1 << 20;
constexpr std::uint64_t kPlaceV090 = kDeviceBytes - (64 << 10), kPlaceV10 = kDeviceBytes - (8 << 10), kPlaceV12 = 4096;

Block block_of(const char *name, std::size_t image)
{
    const auto of = golden::load_case(name);
    const std::size_t at = of->expected["metadata_per_disk"][image]["superblock_byte_offset"];
    const auto first = of->disks.at(image)->bytes.begin() + static_cast<std::ptrdiff_t>(at);
    return {first, first + kBlockBytes};
}

template <OnDisk T>
auto word(const Block &block, std::size_t at)
{
    return read_at<T>(block, at)->get();
}

template <OnDisk T>
void put(Block &block, std::size_t at, T value)
{
    ASSERT_TRUE(write_at(block, at, value));
}

void fix_v1(Block &block)
{
    const std::size_t size = std::min<std::size_t>(256 + 2 * std::size_t{word<Le32>(block, 220)}, kBlockBytes);
    put(block, kSumV1, Le32(0));
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < size; at += 4)
        sum += at + 4 <= size ? word<Le32>(block, at) : word<Le16>(block, at);
    put(block, kSumV1, Le32(static_cast<std::uint32_t>(sum + (sum >> 32))));
}

void fix_v090(Block &block)
{
    put(block, kSumV090, Le32(0));
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < kBlockBytes; at += 4)
        sum += word<Le32>(block, at);
    put(block, kSumV090, Le32(static_cast<std::uint32_t>(sum + (sum >> 32))));
}

BufferMedium disk_with(const Block &block, std::uint64_t at)
{
    BufferMedium disk("disk", "", std::vector<std::byte>(kDeviceBytes));
    std::copy(block.begin(), block.end(), disk.bytes.begin() + static_cast<std::ptrdiff_t>(at));
    return disk;
}

// It is taken for an array, and things happen to that.
void run(const Medium &disk)
{
    const Medium *media[] = {&disk};
    const auto array = load_array(media);
    if (!array)
        return;
    const auto changes = {Change(change::MarkDirty{0}), Change(change::SyncProgress{0, ~0ull}), Change(change::DiskFailed{1}),
                          Change(change::RebuildStarted{0, 0, 0}), Change(change::SyncFinished{0}), Change(change::MarkClean{0})};
    for (const Change &change : changes) {
        (void)(*array)->apply(change).has_value();
        std::vector<Image> images = (*array)->prepare();
        (*array)->encode(images);
        for (const Image &image : images)
            EXPECT_LE(image.offset_bytes + image.bytes.size(), disk.size_bytes());
    }
    EXPECT_FALSE(to_json((*array)->view()).dump().empty());
    (void)health((*array)->view().volumes[0]);
}

// What programs do with a disk that somebody else wrote. Errors are welcome.
void use(const Medium &disk)
{
    (void)md().probe(disk).has_value();
    (void)md().examine(disk).has_value();
    (void)md().examine_export(disk).has_value();
    if (const auto record = md().record(disk)) {
        const auto json = to_json(*record, disk.path()).dump();
        EXPECT_FALSE(json.empty());
    }
    run(disk);
}

// Every field that a reshape, a list of bad blocks and a recovery need.
Block busy_v1()
{
    Block block = block_of("md12-reshape-raid5-3to4-newoffset", 0);
    put(block, 8, Le32(word<Le32>(block, 8) | kBadBlocks | kRecovery | kBitmap));
    fix_v1(block);
    return block;
}

// Nothing that EMD refuses, on a disk of kDeviceBytes: these are written.
Block plain_v1()
{
    Block block = block_of("md12-raid5-ls", 0);
    put(block, 8, Le32(0));
    put(block, 80, Le64(512));
    put(block, 128, Le64(64));
    put(block, 136, Le64(512));
    fix_v1(block);
    return block;
}

Block plain_v090()
{
    Block block = block_of("md090-raid5-degraded-spare", 0);
    put(block, 4 * 8, Le32(256));
    put(block, 4 * 33, Le32(word<Le32>(block, 4 * 33) & ~V090::kHasBitmap));
    fix_v090(block);
    return block;
}

TEST(MdCorrupt, TheBlocksThatAreDamagedCanBeWritten)
{
    for (const BufferMedium &disk : {disk_with(plain_v1(), kPlaceV12), disk_with(plain_v090(), kPlaceV090)}) {
        const Medium *media[] = {&disk};
        const auto array = load_array(media);
        ASSERT_TRUE(array) << array.error().text();
        EXPECT_EQ((*array)->view().volumes[0].refused, "");
        EXPECT_FALSE((*array)->prepare().empty());
    }
}

TEST(MdCorrupt, AFlippedByteIsFoundByTheChecksum)
{
    const Block v1 = block_of("md12-raid1-badblocks", 1), v090 = block_of("md090-reshape-raid5-3to4", 0);
    ASSERT_TRUE(decode_v1(v1, 8, kDeviceBytes));
    ASSERT_TRUE(decode_v090(v090, 0));
    for (std::size_t at = 0; at < 256 + 2 * 128; at++) {
        Block bad = v1;
        bad[at] ^= std::byte{0x41};
        EXPECT_FALSE(decode_v1(bad, 8, kDeviceBytes)) << "byte " << at;
    }
    for (std::size_t at = 0; at < kBlockBytes; at++) {
        Block bad = v090;
        bad[at] ^= std::byte{0x41};
        EXPECT_FALSE(decode_v090(bad, 0)) << "byte " << at;
    }
}

void every_byte_lies(const Block &v1, const Block &v090)
{
    BufferMedium with_v1 = disk_with(v1, kPlaceV12), with_v090 = disk_with(v090, kPlaceV090);
    const auto put_block = [](BufferMedium &disk, const Block &block, std::uint64_t at) {
        std::copy(block.begin(), block.end(), disk.bytes.begin() + static_cast<std::ptrdiff_t>(at));
        use(disk);
    };
    std::vector<std::size_t> words_v090{64, 65, 128, 131, 132, 992, 995, 996};  // and those of the constant and of the state part
    for (std::size_t i = 0; i < 50; i++)
        words_v090.push_back(i);
    for (const unsigned value : {0x7fu, 0xffu}) {
        for (std::size_t at = 0; at < 256 + 8; at++) {
            Block bad = v1;
            bad[at] = static_cast<std::byte>(value);
            fix_v1(bad);
            put_block(with_v1, bad, kPlaceV12);
        }
        for (const std::size_t i : words_v090)
            for (std::size_t at = 4 * i; at < 4 * i + 4; at++) {
                Block bad = v090;
                bad[at] = static_cast<std::byte>(value);
                fix_v090(bad);
                put_block(with_v090, bad, kPlaceV090);
            }
    }
}

TEST(MdCorrupt, EveryByteMayLieWithARightChecksum)
{
    every_byte_lies(busy_v1(), block_of("md090-reshape-raid5-3to4", 0));
    every_byte_lies(plain_v1(), plain_v090());
}

TEST(MdCorrupt, RandomDamage)
{
    std::mt19937 random(4711);
    const Block v1[] = {busy_v1(), plain_v1()}, v090[] = {block_of("md090-reshape-raid5-3to4", 0), plain_v090()};
    BufferMedium disk = disk_with(v1[0], kPlaceV12);
    for (int round = 0; round < 400; round++) {
        Block first = v1[round % 2], second = v090[round % 2];
        for (unsigned n = 1 + random() % 12; n > 0; n--) {
            first[8 + random() % 300] = static_cast<std::byte>(random());
            second[8 + random() % (kBlockBytes - 8)] = static_cast<std::byte>(random());
        }
        fix_v1(first);
        fix_v090(second);
        std::copy(first.begin(), first.end(), disk.bytes.begin() + static_cast<std::ptrdiff_t>(kPlaceV12));
        std::copy(second.begin(), second.end(), disk.bytes.begin() + static_cast<std::ptrdiff_t>(kPlaceV090));
        use(disk);
    }
}

TEST(MdCorrupt, WhatCannotBeTrueIsRefused)
{
    const Block good = busy_v1();
    ASSERT_TRUE(decode_v1(good, 8, kDeviceBytes));
    struct Lie { std::size_t at; std::uint64_t value; unsigned bytes; };
    for (const Lie &lie : {Lie{72, 7, 4}, Lie{80, kMostSectors, 8}, Lie{92, 0, 4}, Lie{92, 1921, 4}, Lie{104, ~0ULL, 8}, Lie{112, 4, 4},
                           Lie{124, 0x80000000, 4}, Lie{128, kMostSectors, 8}, Lie{136, ~0ULL, 8}, Lie{152, ~0ULL, 8}, Lie{220, 1921, 4}}) {
        Block bad = good;
        if (lie.bytes == 4)
            put(bad, lie.at, Le32(static_cast<std::uint32_t>(lie.value)));
        else
            put(bad, lie.at, Le64(lie.value));
        fix_v1(bad);
        const auto decoded = decode_v1(bad, 8, kDeviceBytes);
        ASSERT_FALSE(decoded) << "at " << lie.at;
        EXPECT_EQ(decoded.error().code(), Errc::Corrupt) << decoded.error().text();
    }
}

TEST(MdCorrupt, AListOfBadBlocksThatIsNotOnTheDiskIsRefused)
{
    Block block = block_of("md12-raid1-badblocks", 1);
    put(block, 188, Le32(static_cast<std::uint32_t>(-9)));
    fix_v1(block);
    const auto read = read_superblock(disk_with(block, kPlaceV12));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), Errc::Corrupt);
    EXPECT_NE(read.error().text().find("list of bad blocks"), std::string::npos) << read.error().text();
}

TEST(MdSuperblock, DamageIsSaid)
{
    Block block = block_of("md12-raid5-ls", 0);
    block[300] ^= std::byte{1};
    const auto probe = md().probe(disk_with(block, kPlaceV12));
    ASSERT_FALSE(probe);
    EXPECT_EQ(probe.error().code(), Errc::Corrupt);
    EXPECT_NE(probe.error().text().find("disk: the superblock of md 1.2 is damaged: its checksum is"), std::string::npos)
        << probe.error().text();
}

TEST(MdSuperblock, OfTwoTheNewerCounts)
{
    Block older = block_of("md12-raid5-ls", 0), newer = older;
    put(newer, 144, Le64(kPlaceV10 / 512));
    put(newer, 64, Le64(word<Le64>(older, 64) + 1));
    fix_v1(newer);
    BufferMedium disk = disk_with(older, kPlaceV12);
    EXPECT_EQ(md().record(disk)->metadata, "1.2");
    std::copy(newer.begin(), newer.end(), disk.bytes.begin() + static_cast<std::ptrdiff_t>(kPlaceV10));
    EXPECT_EQ(md().record(disk)->metadata, "1.0");
    disk.bytes[kPlaceV10 + 80] ^= std::byte{1};
    EXPECT_EQ(md().record(disk)->metadata, "1.2") << "the newer one is damaged";
}

// At the same place of a disk and of its last partition: only the superblock's own word tells whose it is.
TEST(MdSuperblock, OneThatStandsElsewhereIsNone)
{
    const auto probe = md().probe(disk_with(block_of("md12-raid5-ls", 0), kPlaceV10));
    ASSERT_TRUE(probe) << probe.error().text();
    EXPECT_FALSE(probe->found);
}

TEST(MdSuperblock, ABigEndianMachineSaysTheSame)
{
    const Block little = block_of("md090-reshape-raid5-3to4", 2);
    Block big(kBlockBytes);
    const auto place = [](std::size_t i) {  // numbers of 64 bits: the high word first
        return i == 39 || i == 41 || i == 44 ? i + 1 : i == 40 || i == 42 || i == 45 ? i - 1 : i;
    };
    for (std::size_t i = 0; i < kBlockBytes / 4; i++)
        put(big, 4 * place(i), Be32(word<Le32>(little, 4 * i)));
    const auto here = decode_v090(little, 0), there = decode_v090(big, 0);
    ASSERT_TRUE(here) << here.error().text();
    ASSERT_TRUE(there) << there.error().text();
    EXPECT_EQ(there->order, Endian::Big);
    EXPECT_EQ(to_json(record_of(*there), "disk"), to_json(record_of(*here), "disk"));
    EXPECT_EQ(there->cp_events, here->cp_events);
    EXPECT_GT(there->events, 0u);
}

TEST(MdSuperblock, WhatNobodyKnowsIsSaid)
{
    Block block = block_of("md12-raid5-ls", 0);
    put(block, 8, Le32(0x2000));
    fix_v1(block);
    const BufferMedium disk = disk_with(block, kPlaceV12);
    EXPECT_EQ(md().record(disk)->unknown, "feature bits 0x2000");
    const auto lines = md().examine(disk);
    ASSERT_TRUE(lines);
    EXPECT_EQ((*lines)[2].value, "0x2000 (of which 0x2000 is not known)");
    put(block, 8, Le32(0));
    put(block, 224, Le32(1));
    fix_v1(block);
    EXPECT_EQ(md().record(disk_with(block, kPlaceV12))->unknown, "fields that are reserved");
}

TEST(MdSuperblock, DataBehindTheEndOfTheDiskIsSaid)
{
    const BufferMedium disk = disk_with(block_of("md12-raid5-ls", 0), kPlaceV12);  // a disk of 1 MiB, where it had 32
    EXPECT_TRUE(md().record(disk)->cut_short);
}

TEST(MdSuperblock, ADiskThatIsTooSmallHasNone)
{
    for (const std::size_t bytes : {0, 511, 4096, 8192, 11 << 10, 12 << 10, 16 << 10, 63 << 10, 64 << 10}) {
        const BufferMedium disk("disk", "", std::vector<std::byte>(bytes));
        const auto probe = md().probe(disk);
        ASSERT_TRUE(probe) << probe.error().text();
        EXPECT_FALSE(probe->found) << bytes;
    }
}

// A name is shown on terminals and in lines that programs read.
TEST(MdSuperblock, ANameHasNoControlCharacters)
{
    Block block = block_of("md12-raid5-ls", 0);
    put(block, 32, Le32(0x0a611b41));
    fix_v1(block);
    EXPECT_EQ(md().record(disk_with(block, kPlaceV12))->name.substr(0, 4), "A?a?");
}

}  // namespace
}  // namespace emd::md
