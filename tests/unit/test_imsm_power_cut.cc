// SPDX-License-Identifier: GPL-2.0-only
// IMSM: what is left when the power goes between any two writes, and what is believed of it.
#include "imsm_disks.h"

namespace emd::imsm {
namespace {

// After each prefix of the writes of `change` the container must load and say either what it said before or what it says after.
void cut_everywhere(Disks &disks, Metadata &metadata, const Change &change)
{
    const auto before = disks.save();
    const Container old = metadata.view();
    const auto done = metadata.apply(change);
    ASSERT_TRUE(done) << done.error().text();
    std::vector<Image> images = metadata.prepare();
    metadata.encode(images);
    std::erase_if(images, [](const Image &image) { return !image.active; });
    std::ranges::stable_sort(images, {}, &Image::phase);
    const Container now = metadata.view();

    // Of the images of one phase any may be lost: the worst is that none or all but one are written.
    for (std::size_t cut = 0; cut <= images.size(); cut++)
        for (const bool late : {false, true}) {
            disks.restore(before);
            for (std::size_t i = 0; i < images.size(); i++) {
                const bool same_phase = cut < images.size() && images[i].phase == images[cut].phase;
                const bool written = same_phase && late ? i > cut : i < cut;
                if (written && (i < cut || same_phase))
                    disks.put(now.disks[static_cast<std::size_t>(images[i].disk)].path, images[i]);
            }
            const auto loaded = disks.load();
            ASSERT_TRUE(loaded) << "cut " << cut;
            const Container &found = loaded->view();
            const bool is_old = found.sequence == old.sequence;
            ASSERT_EQ(found.volumes.size(), is_old ? old.volumes.size() : now.volumes.size()) << "cut " << cut;
            for (std::size_t v = 0; v < found.volumes.size(); v++) {
                EXPECT_TRUE(found.volumes[v].read_write) << found.volumes[v].refused;
                EXPECT_EQ(health(found.volumes[v]), health((is_old ? old : now).volumes[v])) << "cut " << cut << " late " << late;
                EXPECT_EQ(found.volumes[v].slots.size(), (is_old ? old : now).volumes[v].slots.size());
            }
        }
    disks.restore(before);
    for (const Image &image : images)
        disks.put(now.disks[static_cast<std::size_t>(image.disk)].path, image);
    expect_same(now, disks.load()->view());
}

TEST(ImsmPowerCut, EveryChangeIsSeenWholeOrNotAtAll)
{
    Disks disks(5, 98304);
    auto metadata = disks.create(5);
    disks.write(*metadata);
    ASSERT_TRUE(metadata->apply(volume("data", 5, {0, 1, 2})));
    disks.write(*metadata);
    Shape target = metadata->view().volumes[0].shape;
    target.raid_disks = 4;
    const std::vector<Change> life{
        change::InitStarted{0},          change::SyncProgress{0, 4096},  change::SyncFinished{0},
        change::MarkDirty{0},            change::MarkClean{0},           change::DiskFailed{1},
        change::RebuildStarted{0, 1, 3}, change::SyncProgress{0, 1024},  change::SyncFinished{0},
        change::ReshapeStarted{0, target, {4}}, change::BackupRecorded{0, 0}, change::ReshapeProgress{0, 6144},
        change::BackupRecorded{0, 6144}, change::MarkDirty{0},           change::ReshapeProgress{0, 3 * 6144},
        change::MarkClean{0},            change::ReshapeProgress{0, array_sectors(target)}, change::ReshapeFinished{0},
    };
    for (std::size_t i = 0; i < life.size(); i++) {
        SCOPED_TRACE(fmt::format("change {}", i));
        cut_everywhere(disks, *metadata, life[i]);
        if (testing::Test::HasFailure())
            return;
    }
}

TEST(ImsmPowerCut, ItIsSaidThatARecordDidNotReachEveryDisk)
{
    Disks disks(2);
    auto metadata = disks.create(2);
    ASSERT_TRUE(metadata->apply(volume("data", 0, {0, 1})));
    disks.write(*metadata);
    EXPECT_FALSE(disks.load()->view().uneven);
    ASSERT_TRUE(metadata->apply(change::MarkClean{0}));
    disks.write(*metadata, 1);
    auto loaded = disks.load();
    EXPECT_TRUE(loaded->view().uneven);
    ASSERT_TRUE(loaded->apply(change::MarkClean{0}));
    disks.write(*loaded);
    EXPECT_FALSE(loaded->view().uneven);
    EXPECT_FALSE(disks.load()->view().uneven);
}

TEST(ImsmPowerCut, RecordsAreNeighboursAfterACut)
{
    Disks disks(4, 98304);
    auto metadata = disks.create(4);
    ASSERT_TRUE(metadata->apply(volume("data", 5, {0, 1, 2})));
    disks.write(*metadata);
    Shape target = metadata->view().volumes[0].shape;
    target.raid_disks = 4;
    ASSERT_TRUE(metadata->apply(change::ReshapeStarted{0, target, {3}}));
    disks.write(*metadata);
    ASSERT_TRUE(metadata->apply(change::BackupRecorded{0, 0}));
    disks.write(*metadata, 1);
    EXPECT_EQ(disks.written(), 2u) << "a checkpoint writes the two copies of the record and nothing else";
    EXPECT_TRUE(disks.load()->view().volumes[0].reshape->backup_live);
    disks.write(*metadata);
    ASSERT_TRUE(metadata->apply(change::ReshapeProgress{0, 6144}));
    disks.write(*metadata, 1);
    EXPECT_EQ(disks.load()->view().volumes[0].reshape->position, 6144u);
}

TEST(ImsmTrust, RecordsThatContradictAreNotBelieved)
{
    Disks disks(4, 98304);
    auto metadata = disks.create(4);
    ASSERT_TRUE(metadata->apply(volume("data", 5, {0, 1, 2})));
    Shape target = metadata->view().volumes[0].shape;
    target.raid_disks = 4;
    ASSERT_TRUE(metadata->apply(change::ReshapeStarted{0, target, {3}}));
    disks.write(*metadata);

    auto record = *decode_record(*read_record_sector(disks[0]), 512);
    const auto put = [&](std::size_t disk, const Record &what) {
        encode_record(what, MutableBytes(disks[disk].bytes).last(512), 512);
    };
    const auto writable = [&] { return disks.load()->view().volumes[0].read_write; };
    EXPECT_TRUE(writable());

    Record far = record;
    far.unit = 7;
    far.copy_valid = true;
    put(0, far);
    EXPECT_FALSE(writable()) << "a copy of unit 7 while the other drive says 0";
    put(1, far);
    EXPECT_TRUE(writable());
    far.unit = far.units + 1;
    put(0, far);
    put(1, far);
    EXPECT_FALSE(writable()) << "beyond the end";
    Record foreign = record;
    foreign.family++;
    put(0, foreign);
    put(1, foreign);
    EXPECT_FALSE(writable()) << "of another family";
    std::fill(disks[0].bytes.end() - 512, disks[0].bytes.end(), std::byte{0});
    std::fill(disks[1].bytes.end() - 512, disks[1].bytes.end(), std::byte{0});
    EXPECT_TRUE(writable()) << "announced, and not begun";
    EXPECT_EQ(disks.load()->view().volumes[0].reshape->position, 0u);
}

}  // namespace
}  // namespace emd::imsm
