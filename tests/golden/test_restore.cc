// SPDX-License-Identifier: GPL-2.0-only
// Power was cut while mdadm migrated an IMSM volume: restore() puts the copied unit in place, and the volume reads the
// same before and after.
#include "golden/golden.h"
#include "golden/volume_reader.h"

#include "libemd/format/imsm/imsm.h"
#include "libemd/format/imsm/metadata.h"
#include "libemd/reshape/manager.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace emd::golden {
namespace {

struct PowerCut {};

// A copy of the case's disks that can be written to; power fails after so many writes and flushes.
class Bench {
public:
    explicit Bench(const Case &original)
    {
        for (const auto &disk : original.disks)
            disks_.push_back(std::make_unique<BufferMedium>(disk->name, disk->serial_number, disk->bytes,
                                                            disk->logical_sector));
        load();
    }

    void load()
    {
        std::vector<const Medium *> media;
        for (std::size_t i = 0; i < disks_.size(); i++)
            if (static_cast<int>(i) != absent)
                media.push_back(disks_[i].get());
        auto loaded = imsm::load_container(media);
        if (!loaded)
            throw std::runtime_error(loaded.error().text());
        metadata = std::move(*loaded);
    }

    const Volume &volume() const { return metadata->view().volumes[0]; }
    BufferMedium *disk(int index)
    {
        if (index < 0)
            return nullptr;
        const Disk &wanted = metadata->view().disks[static_cast<std::size_t>(index)];
        for (std::size_t i = 0; i < disks_.size(); i++)
            if (wanted.present && disks_[i]->path() == wanted.path && static_cast<int>(i) != absent)
                return disks_[i].get();
        return nullptr;
    }

    int image_of(const BufferMedium &disk) const
    {
        const auto found = std::ranges::find(disks_, &disk, &std::unique_ptr<BufferMedium>::get);
        return static_cast<int>(found - disks_.begin());
    }

    Result<bool> restore(const std::function<Result<reshape::Buffer>(reshape::Range)> &file = {})
    {
        std::vector<std::unique_ptr<BenchTarget>> targets;
        return reshape::restore(
            metadata->view(), 0,
            [&](int index) -> reshape::Target * {
                BufferMedium *const found = disk(index);
                return found ? targets.emplace_back(std::make_unique<BenchTarget>(*this, *found)).get() : nullptr;
            },
            [&](const Change &change) { return record(change); }, file);
    }

    // Of the blocks [first, end) of 4 KiB.
    std::uint64_t wrong_blocks(std::uint64_t first, std::uint64_t end)
    {
        const VolumeReader reader(volume(), [this](int index) { return disk(index); });
        std::vector<std::byte> block(4096);
        std::vector<std::uint64_t> expected(4096 / 8);
        std::uint64_t wrong = 0;
        for (std::uint64_t b = first; b < end; b++) {
            const auto done = reader.read(b * 8, block);
            std::fill(expected.begin(), expected.end(), b);
            wrong += !done || std::memcmp(block.data(), expected.data(), block.size()) != 0;
        }
        return wrong;
    }

    std::unique_ptr<imsm::ImsmMetadata> metadata;
    int absent = -1;                       // image
    std::size_t until_cut = ~std::size_t(0);
    std::size_t writes = 0;
    bool placed = false;                   // something was written where the unit belongs

private:
    class BenchTarget final : public reshape::Target {
    public:
        BenchTarget(Bench &bench, BufferMedium &medium) : bench_(&bench), medium_(&medium) {}
        Result<> read(std::uint64_t offset, std::span<std::byte> out) override { return medium_->read(offset, out); }
        Result<> write(std::uint64_t offset, std::span<const std::byte> data) override
        {
            bench_->count();
            bench_->placed = true;
            std::ranges::copy(data, medium_->bytes.begin() + static_cast<std::ptrdiff_t>(offset));
            return {};
        }
        Result<> flush() override
        {
            bench_->count();
            return {};
        }

    private:
        Bench *bench_;
        BufferMedium *medium_;
    };

    void count()
    {
        writes++;
        if (until_cut-- == 0)
            throw PowerCut{};
    }

    Result<> record(const Change &change)
    {
        EMD_TRY(metadata->apply(change));
        std::vector<Image> images = metadata->prepare();
        metadata->encode(images);
        for (const Image &image : images) {
            BufferMedium *const to = image.active ? disk(image.disk) : nullptr;
            if (!to)
                continue;
            count();
            std::ranges::copy(image.bytes, to->bytes.begin() + static_cast<std::ptrdiff_t>(image.offset_bytes));
        }
        return {};
    }

    std::vector<std::unique_ptr<BufferMedium>> disks_;
};

class Restore : public testing::TestWithParam<std::string> {
protected:
    Restore() : case_(load_case(GetParam())), bench_(*case_)
    {
        blocks_ = case_->expected["volumes"][0]["pattern"]["blocks"];
        live_ = case_->expected["volumes"][0]["migration"]["unit_in_copy_area"];
    }

    // The copies must not be what is read after the restore.
    void spoil_copies()
    {
        const ReshapeRecord record = *bench_.volume().reshape;
        for (const Slot &slot : record.target_slots)
            if (BufferMedium *const disk = bench_.disk(slot.disk))
                std::fill_n(disk->bytes.begin() + static_cast<std::ptrdiff_t>(record.backup_member_start * 512),
                            record.backup_member_sectors * 512, std::byte{0xee});
    }

    std::shared_ptr<const Case> case_;
    Bench bench_;
    std::uint64_t blocks_ = 0;
    bool live_ = false;
};

TEST_P(Restore, TheUnitIsPutInPlaceAndTheVolumeReadsTheSame)
{
    const ReshapeRecord before = *bench_.volume().reshape;
    const auto done = bench_.restore();
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(*done, live_);
    bench_.load();
    spoil_copies();
    const ReshapeRecord after = *bench_.volume().reshape;
    EXPECT_FALSE(after.backup_live);
    EXPECT_EQ(after.position, before.position + (live_ ? before.unit : 0));
    EXPECT_EQ(bench_.wrong_blocks(0, blocks_), 0u);
    bench_.writes = 0;
    EXPECT_EQ(*bench_.restore(), false);  // once is enough
    EXPECT_EQ(bench_.writes, 0u);
}

TEST_P(Restore, ACutAtAnyPointIsHealedByTheNextOne)
{
    const ReshapeRecord before = *bench_.volume().reshape;
    for (std::size_t cut = 0;; cut++) {
        Bench bench(*case_);
        bench.until_cut = cut;
        bool whole = false;
        try {
            ASSERT_TRUE(bench.restore());
            whole = true;
        } catch (const PowerCut &) {
        }
        bench.until_cut = ~std::size_t(0);
        bench.load();
        ASSERT_TRUE(bench.restore()) << "after a cut at write " << cut;
        bench.load();
        EXPECT_FALSE(bench.volume().reshape->backup_live);
        ASSERT_EQ(bench.wrong_blocks(before.position / 8, (before.position + before.unit) / 8), 0u)
            << "after a cut at write " << cut;
        if (whole)
            break;
    }
}

// Where a unit was under way.
class RestoreLive : public Restore {};

TEST_P(RestoreLive, AnAbsentCopyIsRebuiltFromTheOthers)
{
    bench_.absent = 1;
    bench_.load();
    const auto done = bench_.restore();
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_TRUE(*done);
    bench_.load();
    spoil_copies();
    // What has been moved can be read without the disk; a RAID0 that was the source can not.
    EXPECT_EQ(bench_.wrong_blocks(0, bench_.volume().reshape->position / 8), 0u);
    // Its place of the unit was not written: with all others, it must not count as good when it comes back.
    bench_.absent = -1;
    bench_.load();
    EXPECT_EQ(std::ranges::count(bench_.metadata->view().disks, DiskState::Failed, &Disk::state), 1);
}

TEST_P(RestoreLive, ADamagedCopyIsRefusedBeforeAnythingIsWritten)
{
    const ReshapeRecord record = *bench_.volume().reshape;
    bench_.disk(record.target_slots[0].disk)->bytes[(record.backup_member_start + 100) * 512] ^= std::byte{1};
    const auto done = bench_.restore();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), Errc::Corrupt);
    EXPECT_EQ(bench_.writes, 0u);
}

// The file is asked only when the copies are not enough, and must be from the same moment.
TEST_P(RestoreLive, ABackupFileHelpsWhereACopyIsDamaged)
{
    const auto section = [](std::uint64_t generation) {
        return [generation](reshape::Range r) -> Result<reshape::Buffer> {
            reshape::Buffer data(r.size() * 512);
            for (std::uint64_t i = 0; i < data.size() / 8; i++) {
                const std::uint64_t word = r.begin / 8 + i / 512 + generation;
                std::memcpy(data.span().data() + i * 8, &word, 8);
            }
            return data;
        };
    };
    const ReshapeRecord record = *bench_.volume().reshape;
    bench_.disk(record.target_slots[0].disk)->bytes[(record.backup_member_start + 100) * 512] ^= std::byte{1};
    const auto stale = bench_.restore(section(1));
    ASSERT_FALSE(stale);
    EXPECT_NE(stale.error().text().find("it is from another time"), std::string::npos) << stale.error().text();
    EXPECT_EQ(bench_.writes, 0u);
    const auto done = bench_.restore(section(0));
    ASSERT_TRUE(done) << done.error().text();
    bench_.load();
    spoil_copies();
    EXPECT_EQ(bench_.wrong_blocks(0, blocks_), 0u);
}

// A unit was under way in a level that can miss a disk.
class RestoreParity : public Restore {};

// The record had reached one disk only when power was cut. It is cut again in the restore, and that disk does not come back.
TEST_P(RestoreParity, WhatOneDiskSaysIsOnTheOtherBeforeItIsActedOn)
{
    for (std::size_t cut = 0;; cut++) {
        SCOPED_TRACE(cut);
        Bench bench(*case_);
        const std::uint64_t before = bench.volume().reshape->position;
        const std::vector<Slot> slots = bench.volume().reshape->target_slots;
        BufferMedium &newer = *bench.disk(slots[0].disk), &older = *bench.disk(slots[1].disk);
        const unsigned sector = older.sector_bytes();
        auto record = *imsm::decode_record(*imsm::read_record_sector(older), sector);
        record.copy_valid = false;
        imsm::encode_record(record, MutableBytes(older.bytes).last(sector), sector);
        bench.load();
        ASSERT_TRUE(bench.volume().reshape->backup_live);
        bench.until_cut = cut;
        bool whole = false;
        try {
            ASSERT_TRUE(bench.restore());
            whole = true;
        } catch (const PowerCut &) {
        }
        bench.until_cut = ~std::size_t(0);
        bench.absent = bench.image_of(newer);
        bench.load();
        const ReshapeRecord &left = *bench.volume().reshape;
        ASSERT_TRUE(!bench.placed || left.backup_live || left.position > before) << "its old place is gone, and is believed";
        if (whole)
            break;
    }
}

INSTANTIATE_TEST_SUITE_P(Imsm, RestoreParity, testing::Values("imsm-migr-raid5-3to4-early", "imsm-migr-raid5-chunk"),
                         [](const auto &info) { return test_name(info.param); });

INSTANTIATE_TEST_SUITE_P(Imsm, Restore, testing::ValuesIn(case_names("imsm-migr-")),
                         [](const auto &info) { return test_name(info.param); });

INSTANTIATE_TEST_SUITE_P(Imsm, RestoreLive,
                         testing::Values("imsm-migr-raid0-to-raid5", "imsm-migr-raid5-3to4-early",
                                         "imsm-migr-raid5-chunk"),
                         [](const auto &info) { return test_name(info.param); });

}  // namespace
}  // namespace emd::golden
