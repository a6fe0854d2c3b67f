// SPDX-License-Identifier: GPL-2.0-only
// Bytes that cannot be true: nothing that stands on a disk may harm the reader. Run with sanitizers.
#include "imsm_disks.h"

#include <random>

namespace emd::imsm {
namespace {

// What programs do with a disk that somebody else wrote. Errors are welcome.
void use(const Disks &disks)
{
    for (const Medium *medium : disks.media()) {
        (void)imsm().probe(*medium).has_value();
        (void)imsm().examine(*medium).has_value();
        (void)imsm().examine_export(*medium).has_value();
        (void)imsm().wipe_ranges(*medium);
    }
    auto loaded = load_container(disks.media());
    if (!loaded)
        return;
    Metadata &metadata = **loaded;
    for (const Volume &v : metadata.view().volumes) {
        (void)health(v);
        for (const Slot &slot : v.slots)
            ASSERT_LT(slot.disk, static_cast<int>(metadata.view().disks.size()));
    }
    for (const Change &change : std::initializer_list<Change>{
             change::MarkDirty{0}, change::SyncProgress{0, 5000}, change::BackupRecorded{0, 0},
             change::ReshapeProgress{0, 6144}, change::DiskFailed{1}, change::RebuildStarted{0, 1, 3},
             change::SyncFinished{0}, change::ReshapeFinished{0}, volume("more", 1, {0, 2}),
             change::VolumeRenamed{0, "new"}, change::VolumeDeleted{0}})
        (void)metadata.apply(change).has_value();
    std::vector<Image> images = metadata.prepare();
    metadata.encode(images);
}

// A container in the middle of a general migration: two maps, a record, an extension, a bad-block log.
Disks migrating(unsigned sector_bytes = 512)
{
    Disks disks(4, 98304, sector_bytes);
    auto metadata = disks.create(4);
    EXPECT_TRUE(metadata->apply(volume("data", 5, {0, 1, 2})));
    EXPECT_TRUE(metadata->apply(change::BadBlock{0, 4096, 300, false}));
    Shape target = metadata->view().volumes[0].shape;
    target.raid_disks = 4;
    EXPECT_TRUE(metadata->apply(change::ReshapeStarted{0, target, {3}}));
    disks.write(*metadata);
    EXPECT_TRUE(metadata->apply(change::BackupRecorded{0, 0}));
    disks.write(*metadata);
    return disks;
}

// Put `mpb`, in the order of its bytes, on every disk.
void put_mpb(Disks &disks, std::vector<std::byte> mpb, bool fix_sum)
{
    const std::size_t size = read_at<HeaderBytes>(mpb, 0)->mpb_size.get();
    if (fix_sum && size <= mpb.size()) {
        auto header = *read_at<HeaderBytes>(mpb, 0);
        header.check_sum = checksum(Bytes(mpb).first(std::max(size, sizeof(HeaderBytes))));
        ASSERT_TRUE(write_at(mpb, 0, header));
    }
    for (std::size_t i = 0; i < disks.size(); i++) {
        const std::size_t sector = disks[i].sector_bytes();
        const auto end = disks[i].bytes.end();
        const auto first = mpb.begin() + static_cast<std::ptrdiff_t>(sector);
        std::copy(mpb.begin(), first, end - static_cast<std::ptrdiff_t>(2 * sector));
        std::copy(first, mpb.end(), end - static_cast<std::ptrdiff_t>(sector + mpb.size()));
    }
}

std::vector<std::byte> good_mpb(Disks &disks)
{
    auto bytes = read_mpb_bytes(disks[0]);
    EXPECT_TRUE(bytes);
    return *bytes;
}

TEST(ImsmCorrupt, AFlippedByteIsFoundByTheChecksum)
{
    Disks disks = migrating();
    const std::vector<std::byte> good = good_mpb(disks);
    const std::size_t size = read_at<HeaderBytes>(good, 0)->mpb_size.get();
    for (std::size_t at = 0; at < size; at++) {
        std::vector<std::byte> bad = good;
        bad[at] ^= std::byte{0x41};
        EXPECT_FALSE(decode_mpb(bad, 512)) << "byte " << at;
    }
}

TEST(ImsmCorrupt, EveryByteMayLieWithARightChecksum)
{
    for (const unsigned sector_bytes : {512u, 4096u}) {
        Disks disks = migrating(sector_bytes);
        const std::vector<std::byte> good = good_mpb(disks);
        const std::size_t size = read_at<HeaderBytes>(good, 0)->mpb_size.get();
        for (std::size_t at = 0; at < size; at++)
            for (const unsigned value : {0x00u, 0x01u, 0x7fu, 0xffu}) {
                std::vector<std::byte> bad = good;
                bad[at] = static_cast<std::byte>(value);
                put_mpb(disks, bad, true);
                use(disks);
            }
    }
}

TEST(ImsmCorrupt, RandomDamage)
{
    std::mt19937 random(4711);
    Disks disks = migrating();
    const std::vector<std::byte> good = good_mpb(disks);
    for (int round = 0; round < 2000; round++) {
        std::vector<std::byte> bad = good;
        for (unsigned n = 1 + random() % 12; n > 0; n--)
            bad[0x20 + random() % (bad.size() - 0x20)] = static_cast<std::byte>(random());
        put_mpb(disks, bad, round % 4 != 0);
        use(disks);
    }
}

TEST(ImsmCorrupt, TheRecordMayHoldAnything)
{
    std::mt19937 random(42);
    Disks disks = migrating();
    for (int round = 0; round < 1000; round++) {
        for (std::size_t i = 0; i < 2; i++)
            for (std::size_t at = 0; at < 64; at++)
                if (round % 2 == 0 || random() % 8 == 0)
                    disks[i].bytes[TailDisk::kTail - 512 + at] = static_cast<std::byte>(random());
        use(disks);
    }
}

TEST(ImsmCorrupt, ATruncatedMpbIsRefused)
{
    Disks disks = migrating();
    const std::vector<std::byte> good = good_mpb(disks);
    const std::size_t size = read_at<HeaderBytes>(good, 0)->mpb_size.get();
    for (std::size_t length = 0; length < size; length++)
        EXPECT_FALSE(decode_mpb(Bytes(good).first(length), 512));
}

TEST(ImsmCorrupt, ADiskWithATornCopyIsJudgedByTheOthers)
{
    Disks disks(3);
    auto metadata = disks.create(3);
    ASSERT_TRUE(metadata->apply(volume("data", 5, {0, 1, 2})));
    disks.write(*metadata);
    std::vector<std::byte> &bytes = disks[1].bytes;
    bytes[TailDisk::kTail - 3 * 512] ^= std::byte{1};  // its extension
    const auto probe = imsm().probe(disks[1]);
    ASSERT_TRUE(probe);
    EXPECT_EQ(probe->container, metadata->view().uuid);
    EXPECT_EQ(health(disks.load()->view().volumes[0]), Health::Optimal);
    EXPECT_EQ(load_container(disks.media({1})).error().code(), Errc::Corrupt) << "alone it is nothing";
}

TEST(ImsmCorrupt, UnknownFeaturesForbidWriting)
{
    Disks disks = migrating();
    std::vector<std::byte> mpb = good_mpb(disks);
    auto header = *read_at<HeaderBytes>(mpb, 0);
    header.attributes = header.attributes.get() | 0x02000000;
    ASSERT_TRUE(write_at(mpb, 0, header));
    put_mpb(disks, mpb, true);
    const auto loaded = disks.load();
    EXPECT_FALSE(loaded->view().volumes[0].read_write);
    EXPECT_TRUE(imsm().examine(disks[0])) << "looking is allowed";
}

}  // namespace
}  // namespace emd::imsm
