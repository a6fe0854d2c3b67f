// SPDX-License-Identifier: GPL-2.0-only
// What lies on a device and where it ends.
#include "content_images.h"
#include "temporary.h"

#include "libemd/device/content.h"
#include "libemd/device/medium_file.h"

#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <random>

namespace emd {
namespace {

using images::Image;
using images::put;

constexpr std::uint64_t kMiB = 1 << 20;

std::vector<Content> on(const Image &image, unsigned sector_bytes = 512)
{
    return content_of(BufferMedium("disk", "", image, sector_bytes)).value();
}

// The one thing on it, as "type end" or "type ?".
std::string found(const Image &image, unsigned sector_bytes = 512)
{
    std::string all;
    for (const Content &c : on(image, sector_bytes))
        all += fmt::format("{}{} {}", all.empty() ? "" : ", ", c.type, c.end_bytes ? fmt::to_string(*c.end_bytes) : "?");
    return all;
}

template <OnDisk T, typename V>
Image bent(Image image, std::size_t at, V value, const std::function<void(Image &)> &sum = nullptr)
{
    put<T>(image, at, value);
    if (sum)
        sum(image);
    return image;
}

void sum_xfs(Image &image)
{
    images::sum_xfs(image);
}

void sum_gpt(Image &image)
{
    images::sum_gpt(image);
}

TEST(Content, NothingIsNothing)
{
    EXPECT_EQ(found(Image(images::kBytes)), "");
    EXPECT_EQ(found(Image()), "");
    EXPECT_EQ(found(Image(images::kBytes, std::byte{0xa5})), "");
}

TEST(Content, Ext)
{
    EXPECT_EQ(found(images::ext4(102400)), fmt::format("ext4 {}", 400 * kMiB));
    EXPECT_EQ(on(images::ext4(102400))[0].what, "an ext4 file system");
    EXPECT_EQ(found(images::ext4(8192, 0)), fmt::format("ext4 {}", 8 * kMiB));
    EXPECT_EQ(found(images::ext4(16, 6)), fmt::format("ext4 {}", kMiB));
    EXPECT_EQ(found(images::ext4(std::uint64_t{5} << 32)), fmt::format("ext4 {}", std::uint64_t{5} << 44));  // 80 TiB
    EXPECT_EQ(found(images::ext2(8192)), fmt::format("ext2 {}", 8 * kMiB));  // the upper half of the number is not one
    EXPECT_EQ(found(images::ext2(8192, true)), fmt::format("ext3 {}", 8 * kMiB));
    EXPECT_EQ(found(bent<Le32>(images::ext2(8192), 1024 + 96, 0xau)), fmt::format("jbd {}", 8 * kMiB));
}

TEST(Content, ExtThatCannotBe)
{
    const Image good = images::ext4(102400);
    EXPECT_EQ(found(bent<Le32>(good, 1024 + 4, 51200u)), "ext4 ?");  // its sum says that it is not so
    EXPECT_EQ(found(bent<Le32>(good, 1024 + 4, 0u, images::sum_ext)), "ext4 ?");
    EXPECT_EQ(found(bent<Le32>(good, 1024 + 24, 7u, images::sum_ext)), "ext4 ?");
    EXPECT_EQ(found(bent<Le32>(good, 1024 + 24, 0xffffffffu, images::sum_ext)), "ext4 ?");
    EXPECT_EQ(found(bent<Le32>(good, 1024 + 20, 2u, images::sum_ext)), "ext4 ?");
    EXPECT_EQ(found(bent<Le32>(good, 1024 + 96, 0x8002c2u, images::sum_ext)), "ext4 ?");  // a feature of tomorrow
    EXPECT_EQ(found(bent<Le32>(good, 1024 + 336, 0xffffffffu, images::sum_ext)), "ext4 ?");  // more bytes than there can be
    EXPECT_EQ(found(bent<Le32>(images::ext4(1, 0), 1024 + 4, 1u, images::sum_ext)), "ext4 ?");  // nothing but what is in front of it
    EXPECT_EQ(found(bent<Le16>(good, 1024 + 56, std::uint16_t{0xef52})), "");
}

TEST(Content, Xfs)
{
    EXPECT_EQ(found(images::xfs(102400, 25600, 4)), fmt::format("xfs {}", 400 * kMiB));
    EXPECT_EQ(found(images::xfs(76801, 25600, 4)), fmt::format("xfs {}", 76801 * 4096));  // the last group is short
    EXPECT_EQ(on(images::xfs(102400, 25600, 4))[0].what, "an XFS file system");
    const auto none = [](Image &image) { put<Be16>(image, 100, std::uint16_t{0xb4a4}); };
    EXPECT_EQ(found(bent<Le32>(images::xfs(102400, 25600, 4), 224, 1u, none)), fmt::format("xfs {}", 400 * kMiB));  // version 4 has no sum
}

// It has grown, and the first group's superblock is still in the log.
TEST(Content, XfsTheCopyInTheSecondGroupMayBeNewer)
{
    Image grown = images::xfs(512, 256, 2);
    images::put_xfs(grown, kMiB, 1024, 256, 4);
    EXPECT_EQ(found(grown), fmt::format("xfs {}", 4 * kMiB));
    put<Be64>(grown, kMiB + 8, std::uint64_t{1023});
    EXPECT_EQ(found(grown), fmt::format("xfs {}", 2 * kMiB)) << "its sum is wrong";
    put(grown, kMiB + 32, "another of before");
    images::sum_xfs(grown, kMiB);
    EXPECT_EQ(found(grown), fmt::format("xfs {}", 2 * kMiB)) << "it is of another file system";
}

TEST(Content, XfsThatCannotBe)
{
    const Image good = images::xfs(102400, 25600, 4);
    EXPECT_EQ(found(bent<Be64>(good, 8, std::uint64_t{51200})), "xfs ?");
    for (const std::uint64_t blocks : {std::uint64_t{0}, std::uint64_t{76800}, std::uint64_t{102401}, ~std::uint64_t{0}})
        EXPECT_EQ(found(bent<Be64>(good, 8, blocks, sum_xfs)), "xfs ?") << blocks;
    for (const std::uint32_t bytes : {0u, 256u, 4097u, 131072u, 0x80000000u})
        EXPECT_EQ(found(bent<Be32>(good, 4, bytes, sum_xfs)), "xfs ?") << bytes;
    for (const std::uint32_t blocks : {0u, 1u, 0xffffffffu})
        EXPECT_EQ(found(bent<Be32>(good, 84, blocks, sum_xfs)), "xfs ?") << blocks;
    EXPECT_EQ(found(bent<Be32>(good, 88, 0u, sum_xfs)), "xfs ?");
    EXPECT_EQ(found(bent<Be16>(good, 102, std::uint16_t{0}, sum_xfs)), "xfs ?");
    EXPECT_EQ(found(bent<Be16>(good, 102, std::uint16_t{0xffff}, sum_xfs)), "xfs ?");
    EXPECT_EQ(found(bent<Be16>(good, 100, std::uint16_t{0xb4a6}, sum_xfs)), "xfs ?");
    EXPECT_EQ(found(bent<Be32>(good, 216, 0x20fu, sum_xfs)), "xfs ?");  // zones
}

TEST(Content, Btrfs)
{
    EXPECT_EQ(found(images::btrfs(400 * kMiB, 400 * kMiB)), fmt::format("btrfs {}", 400 * kMiB));
    EXPECT_EQ(found(images::btrfs(1000 * kMiB, 400 * kMiB)), fmt::format("btrfs {}", 400 * kMiB)) << "of several devices";
    EXPECT_EQ(on(images::btrfs(400 * kMiB, 400 * kMiB))[0].what, "a btrfs file system");
    const auto sums_unlike_crc = [](Image &image) { put<Le16>(image, 65536 + 196, std::uint16_t{2}); };
    EXPECT_EQ(found(bent<Le32>(images::btrfs(400 * kMiB, 400 * kMiB), 65536, 1u, sums_unlike_crc)), fmt::format("btrfs {}", 400 * kMiB));
}

TEST(Content, BtrfsThatCannotBe)
{
    const Image good = images::btrfs(400 * kMiB, 400 * kMiB);
    EXPECT_EQ(found(bent<Le64>(good, 65536 + 209, 200 * kMiB)), "btrfs ?");
    for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{4096}, 200 * kMiB + 1, 401 * kMiB, ~std::uint64_t{0} << 12})
        EXPECT_EQ(found(bent<Le64>(good, 65536 + 209, bytes, images::sum_btrfs)), "btrfs ?") << bytes;
    for (const std::uint32_t bytes : {0u, 4097u, 0x80000000u})
        EXPECT_EQ(found(bent<Le32>(good, 65536 + 144, bytes, images::sum_btrfs)), "btrfs ?") << bytes;
    EXPECT_EQ(found(bent<Le64>(good, 65536 + 48, std::uint64_t{64} << 20, images::sum_btrfs)), "btrfs ?");
    EXPECT_EQ(found(Image(good.begin(), good.begin() + 65536 + 4095)), "") << "it does not lie on the device";
}

TEST(Content, Swap)
{
    EXPECT_EQ(found(images::swap(1023)), fmt::format("swap {}", 4 * kMiB));
    EXPECT_EQ(found(images::swap(1023, 65536)), fmt::format("swap {}", 64 * kMiB));
    EXPECT_EQ(found(images::swap(~0u)), fmt::format("swap {}", std::uint64_t{1} << 44));
    EXPECT_EQ(found(images::swap(0)), "swap ?");
    EXPECT_EQ(found(bent<Be32>(images::swap(1023), 1024, 1u)), "swap ?") << "of the other byte order";
}

TEST(Content, Gpt)
{
    EXPECT_EQ(found(images::gpt(819199, 819166)), fmt::format("gpt {}", 400 * kMiB));
    EXPECT_EQ(found(images::gpt(2, 819166)), fmt::format("gpt {}", 400 * kMiB)) << "a backup needs its place behind the last usable sector";
    EXPECT_EQ(found(images::gpt(102399, 102394, 4096), 4096), fmt::format("gpt {}", 400 * kMiB));
    EXPECT_EQ(found(images::gpt(102399, 102394, 4096), 512), fmt::format("gpt {}", 400 * kMiB)) << "made where sectors are larger";
}

TEST(Content, GptThatCannotBe)
{
    const Image good = images::gpt(819199, 819166);
    EXPECT_EQ(found(bent<Le64>(good, 512 + 32, std::uint64_t{1000})), "gpt ?");
    EXPECT_EQ(found(bent<Le32>(good, 512 + 12, 91u, sum_gpt)), "gpt ?");
    EXPECT_EQ(found(bent<Le32>(good, 512 + 12, 0xffffffffu, sum_gpt)), "gpt ?");
    for (const std::uint64_t lba : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{1} << 54})
        EXPECT_EQ(found(bent<Le64>(good, 512 + 32, lba, sum_gpt)), "gpt ?") << lba;
    for (const std::uint64_t lba : {std::uint64_t{0}, std::uint64_t{33}, ~std::uint64_t{0}})
        EXPECT_EQ(found(bent<Le64>(good, 512 + 48, lba, sum_gpt)), "gpt ?") << lba;
    EXPECT_EQ(found(bent<Le64>(good, 512 + 24, std::uint64_t{2}, sum_gpt)), "gpt ?");
    EXPECT_EQ(found(bent<Le32>(good, 512 + 80, 0u, sum_gpt)), "gpt ?");
    EXPECT_EQ(found(bent<Le32>(good, 512 + 80, ~0u, sum_gpt)), "gpt ?");
    for (const std::uint32_t bytes : {0u, 64u, 129u, 0x80000000u})
        EXPECT_EQ(found(bent<Le32>(good, 512 + 84, bytes, sum_gpt)), "gpt ?") << bytes;
    EXPECT_EQ(found(bent<Le64>(good, 512, std::uint64_t{0})), "gpt ?") << "only what stands in front of it is left";
}

TEST(Content, Mbr)
{
    Image image(images::kBytes);
    images::put_partition(image, 1, 0x83, 2048, 200 * 2048);
    images::put_partition(image, 0, 0x05, 300 * 2048, 100 * 2048);
    images::put_partition(image, 3, 0x83, 250 * 2048, 10 * 2048);
    images::put_partition(image, 2, 0, ~0u, ~0u);  // none
    EXPECT_EQ(found(image), fmt::format("dos {}", 400 * kMiB));
    EXPECT_EQ(found(image, 4096), fmt::format("dos {}", 3200 * kMiB));
    images::put_partition(image, 2, 0x83, ~0u, ~0u);
    EXPECT_EQ(found(image), fmt::format("dos {}", (std::uint64_t{1} << 42) - 1024));
    images::put_partition(image, 0, 0x83, 0, 8);
    EXPECT_EQ(found(image), "dos ?") << "a partition that holds the table itself";
}

TEST(Content, MbrOfNothing)
{
    Image image(images::kBytes);
    put(image, 510, "\x55\xaa");
    EXPECT_EQ(found(image), "dos 512");
    put(image, 446, "no partitions but words");
    EXPECT_EQ(found(image), "") << "the end of a boot sector's code";
}

TEST(Content, RecognisedOnly)
{
    EXPECT_EQ(found(images::luks()), "crypto_LUKS ?");
    for (unsigned sector = 0; sector < 4; sector++)
        EXPECT_EQ(found(images::lvm(sector)), "LVM2_member ?");
    EXPECT_EQ(found(images::lvm(4)), "");
}

TEST(Content, SeveralThings)
{
    Image image = images::ext4(102400);
    images::put_partition(image, 0, 0x83, 2048, 2048);
    EXPECT_EQ(found(image), fmt::format("ext4 {}, dos {}", 400 * kMiB, 2 * kMiB));
}

// Cut off anywhere: all that is left of it is read, and nothing else.
TEST(Content, DevicesOfAnySize)
{
    std::vector<Image> all{images::ext4(102400), images::ext2(8192), images::xfs(102400, 25600, 4), images::btrfs(400 * kMiB, 400 * kMiB),
                           images::swap(1023, 65536), images::gpt(819199, 819166), images::luks(), images::lvm(3)};
    for (const Image &image : all) {
        const std::string whole = found(image);
        EXPECT_NE(whole, "");
        std::string last = whole;
        for (std::size_t size = 70000; size-- > 0; size -= std::min<std::size_t>(size, size > 2048 && size < 64000 ? 509 : 17)) {
            const std::string now = found(Image(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size)));
            EXPECT_LE(now.size(), whole.size());
            last = now;
        }
        EXPECT_EQ(last, "");
    }
}

// An end that is known is one that a device can have, whatever bytes are there. A number that a sum protects is not believed.
TEST(Content, RandomDamage)
{
    std::mt19937 random(20);
    const std::vector<Image> all{images::ext4(102400), images::ext2(8192), images::xfs(102400, 25600, 4), images::btrfs(400 * kMiB, 400 * kMiB),
                                 images::swap(1023), images::gpt(819199, 819166)};
    const std::size_t at[] = {1024, 1024, 0, 65536, 1024, 512}, length[] = {1024, 1024, 512, 4096, 3072, 92};
    unsigned known = 0, unknown = 0;
    for (unsigned round = 0; round < 6000; round++) {
        const unsigned which = round % all.size();
        Image image(all[which].begin(), all[which].begin() + 72 * 1024);
        const bool summed = which == 0 || which == 2 || which == 3 || which == 5;
        const std::size_t place = at[which] + random() % length[which];
        const auto flip = static_cast<std::byte>(1 + random() % 255);
        image[place] ^= flip;
        for (const Content &c : on(image)) {
            if (!c.end_bytes) {
                unknown++;
                continue;
            }
            known++;
            EXPECT_GT(*c.end_bytes, 0u);
            EXPECT_LE(*c.end_bytes, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
            if (summed) {
                EXPECT_EQ(*c.end_bytes, 400 * kMiB) << c.type << " byte " << place << " ^ " << static_cast<unsigned>(flip);
            }
        }
    }
    EXPECT_GT(known, 0u);
    EXPECT_GT(unknown, 1000u);
}

// As a real one makes it, where there is one.
TEST(Content, AsMkfsMakesIt)
{
    const TemporaryDirectory directory;
    const std::string path = directory.file("image");
    const auto made = [&](const std::string &command) {
        std::filesystem::remove(path);
        std::ofstream(path).close();
        std::filesystem::resize_file(path, 48 * kMiB);
        const std::string line = fmt::format(fmt::runtime(command), path);
        return std::system(fmt::format("PATH=$PATH:/sbin:/usr/sbin; {} >{} 2>&1", line, directory.file("said")).c_str()) == 0;
    };
    const auto is = [&](const std::string &expected) {
        const auto all = content_of(*FileMedium::open(path).value());
        ASSERT_TRUE(all && all->size() == 1);
        EXPECT_EQ(fmt::format("{} {}", all->front().type, all->front().end_bytes.value_or(0)), expected);
    };
    for (const char *type : {"ext2", "ext3", "ext4"}) {
        ASSERT_TRUE(made(fmt::format("mkfs.{} -q -F {{}} 40M", type))) << "e2fsprogs is needed";
        is(fmt::format("{} {}", type, 40 * kMiB));
    }
    ASSERT_TRUE(made("mkswap {}")) << "util-linux is needed";
    is(fmt::format("swap {}", 48 * kMiB));
}

}  // namespace
}  // namespace emd
