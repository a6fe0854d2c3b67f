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
                EXPECT_EQ(found.volumes[v].uuid, (is_old ? old : now).volumes[v].uuid) << "cut " << cut << " late " << late;
                EXPECT_EQ(health(found.volumes[v]), health((is_old ? old : now).volumes[v])) << "cut " << cut << " late " << late;
                EXPECT_EQ(found.volumes[v].slots.size(), (is_old ? old : now).volumes[v].slots.size());
            }
        }
    disks.restore(before);
    for (const Image &image : images)
        disks.put(now.disks[static_cast<std::size_t>(image.disk)].path, image);
    expect_same(now, disks.load()->view());
}

// Volume 0 of three disks gets a fourth.
change::ReshapeStarted grown_by(int disk, const Metadata &metadata)
{
    Shape target = metadata.view().volumes[0].shape;
    target.raid_disks = 4;
    return {0, target, {disk}};
}

TEST(ImsmPowerCut, EveryChangeIsSeenWholeOrNotAtAll)
{
    Disks disks(5, 98304);
    auto metadata = disks.create(5);
    disks.write(*metadata);
    ASSERT_TRUE(metadata->apply(volume("data", 5, {0, 1, 2})));
    disks.write(*metadata);
    const change::ReshapeStarted started = grown_by(4, *metadata);
    const std::vector<Change> life{
        change::InitStarted{0},          change::SyncProgress{0, 4096},  change::SyncFinished{0},
        change::MarkDirty{0},            change::MarkClean{0},           change::DiskFailed{1},
        change::RebuildStarted{0, 1, 3}, change::SyncProgress{0, 1024},  change::SyncFinished{0},
        started,                         change::BackupRecorded{0, 0}, change::ReshapeProgress{0, 6144},
        change::BackupRecorded{0, 6144}, change::MarkDirty{0},           change::ReshapeProgress{0, 3 * 6144},
        change::MarkClean{0},            change::ReshapeProgress{0, array_sectors(started.target)}, change::ReshapeFinished{0},
    };
    for (std::size_t i = 0; i < life.size(); i++) {
        SCOPED_TRACE(fmt::format("change {}", i));
        cut_everywhere(disks, *metadata, life[i]);
        if (testing::Test::HasFailure())
            return;
    }
}

TEST(ImsmPowerCut, AVolumeIsDeletedOrItIsNot)
{
    const std::vector<std::vector<change::VolumeCreated>> containers{
        {volume("a", 5, {0, 1, 2}, 20480), volume("b", 1, {0, 1})},
        {volume("a", 5, {0, 1, 2, 3, 4}, 20480), volume("b", 0, {0, 1, 2, 3, 4})},  // a record of two sectors
        {volume("a", 1, {1, 0})},
        {volume("a", 0, {0, 1, 2})},
        {volume("a", 10, {0, 1, 2, 3})},
        {volume("a", 5, {0, 1, 2, 3, 4})},
    };
    for (const auto &volumes : containers)
        for (unsigned gone = 0; gone < volumes.size(); gone++) {
            SCOPED_TRACE(fmt::format("{} volumes of {} disks, {} goes", volumes.size(), volumes[0].slots.size(), gone));
            Disks disks(5, 98304);
            auto metadata = disks.create(5);
            disks.write(*metadata);
            for (const auto &created : volumes) {
                ASSERT_TRUE(metadata->apply(created));
                disks.write(*metadata);
            }
            cut_everywhere(disks, *metadata, change::VolumeDeleted{gone});
            EXPECT_EQ(disks.load()->view().volumes.size(), volumes.size() - 1);
        }
}

TEST(ImsmPowerCut, WhatRunsInAVolumeIsDeletedWithIt)
{
    for (const bool reshape : {false, true}) {
        Disks disks(4, 98304);
        auto metadata = disks.create(4);
        ASSERT_TRUE(metadata->apply(volume("data", 5, {0, 1, 2})));
        disks.write(*metadata);
        const std::vector<Change> life = reshape ? std::vector<Change>{grown_by(3, *metadata), change::BackupRecorded{0, 0}}
                                                 : std::vector<Change>{change::DiskFailed{1}, change::RebuildStarted{0, 1, 3}};
        for (const Change &change : life) {
            ASSERT_TRUE(metadata->apply(change));
            disks.write(*metadata);
        }
        cut_everywhere(disks, *metadata, change::VolumeDeleted{0});
        for (std::size_t i = 0; i < disks.size(); i++)
            EXPECT_TRUE(std::ranges::all_of(*read_record_sector(disks[i]), [](std::byte b) { return b == std::byte{0}; })) << "disk " << i;
        const auto left = disks.load();
        for (const Disk &disk : left->view().disks)
            EXPECT_EQ(disk.state, !reshape && disk.path == "/dev/disk1" ? DiskState::Failed : DiskState::Spare) << disk.path;
    }
}

TEST(ImsmPowerCut, AVolumeHasItsOldNameOrItsNewOne)
{
    Disks disks(5, 98304);
    auto metadata = disks.create(5);
    ASSERT_TRUE(metadata->apply(volume("a", 5, {0, 1, 2, 3, 4}, 20480)));
    ASSERT_TRUE(metadata->apply(volume("b", 0, {0, 1, 2, 3, 4})));
    disks.write(*metadata);
    const Uuid other = metadata->view().volumes[0].uuid;
    cut_everywhere(disks, *metadata, change::VolumeRenamed{1, "sixteen-letters_"});
    const auto loaded = disks.load();
    EXPECT_EQ(loaded->view().volumes[1].name, "sixteen-letters_");
    EXPECT_EQ(loaded->view().volumes[0].uuid, other);
    const auto refusal = [&](const char *name) {
        const auto done = metadata->apply(change::VolumeRenamed{1, name});
        EXPECT_FALSE(done) << name;
        return done ? "" : done.error().text();
    };
    EXPECT_EQ(refusal(""), "'' cannot be a volume's name: IMSM takes 1 to 16 characters");
    EXPECT_EQ(refusal("seventeen-letters"), "'seventeen-letters' cannot be a volume's name: IMSM takes 1 to 16 characters");
    EXPECT_EQ(refusal("a"), "the container has a volume 'a' already");
    EXPECT_NE(refusal("two words").find("letters, digits"), std::string::npos);
    EXPECT_NE(refusal("-b").find("neither '.' nor '-' in front"), std::string::npos);
    EXPECT_EQ(metadata->view().volumes[1].name, "sixteen-letters_");
    Shape target = metadata->view().volumes[0].shape;
    target.chunk_sectors *= 2;
    ASSERT_TRUE(metadata->apply(change::ReshapeStarted{0, target, {}}));
    const auto done = metadata->apply(change::VolumeRenamed{0, "new"});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().text(), "volume a is being reshaped; assemble it and let that end first");
}

TEST(ImsmPowerCut, AnotherVolumesReshapeKeepsItsDisks)
{
    Disks disks(4, 98304);
    auto metadata = disks.create(4);
    ASSERT_TRUE(metadata->apply(volume("a", 5, {0, 1, 2}, 20480)));
    ASSERT_TRUE(metadata->apply(volume("b", 5, {0, 1, 2})));
    ASSERT_TRUE(metadata->apply(grown_by(3, *metadata)));
    const auto done = metadata->apply(change::VolumeDeleted{1});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().text(), "volume b: volume a of its container is being reshaped; assemble it and let that end first");
}

// A deletion of the last volume that did not reach all disks is one, and the next write is its end.
TEST(ImsmPowerCut, TheDeletionOfTheLastVolumeIsFinished)
{
    Disks disks(3);
    auto metadata = disks.create(3);
    ASSERT_TRUE(metadata->apply(volume("data", 1, {0, 2})));
    disks.write(*metadata);
    ASSERT_TRUE(metadata->apply(change::VolumeDeleted{0}));
    disks.write(*metadata, 1);
    EXPECT_EQ(Disks::load(disks.media({2}))->view().volumes.size(), 1u) << "alone it cannot know";
    auto loaded = disks.load();
    EXPECT_TRUE(loaded->view().volumes.empty());
    EXPECT_TRUE(loaded->view().uneven);
    disks.write(*loaded);
    EXPECT_FALSE(loaded->view().uneven);
    for (const std::size_t i : {0u, 1u, 2u})
        EXPECT_TRUE(Disks::load(disks.media({i}))->view().volumes.empty()) << "disk " << i;
    EXPECT_FALSE(disks.load()->view().uneven);
}

// What becomes of a volume that was deleted without one of its disks.
TEST(ImsmTrust, ADiskThatWasAwayBringsNoVolumeBack)
{
    Disks disks(4);
    auto metadata = disks.create(2);
    ASSERT_TRUE(metadata->apply(volume("data", 1, {0, 1})));
    disks.write(*metadata);
    auto alone = Disks::load(disks.media({0}));
    ASSERT_TRUE(alone->apply(change::MarkClean{0}));
    disks.write(*alone);
    ASSERT_TRUE(alone->apply(change::VolumeDeleted{0}));
    disks.write(*alone);
    const auto state_of = [](const Container &view, const char *path) { return std::ranges::find(view.disks, path, &Disk::path)->state; };
    auto both = Disks::load(disks.media({0, 1}));
    EXPECT_TRUE(both->view().volumes.empty());
    EXPECT_EQ(state_of(both->view(), "/dev/disk0"), DiskState::Spare);
    EXPECT_EQ(state_of(both->view(), "/dev/disk1"), DiskState::Failed) << "it had been away";

    // A container that is nothing to the spare.
    auto others = imsm().create(disks.media({2, 3}));
    ASSERT_TRUE((*others)->apply(volume("other", 1, {0, 1})));
    disks.write(**others);
    const auto next = Disks::load(disks.media({0, 2, 3}));
    ASSERT_EQ(next->view().volumes.size(), 1u);
    EXPECT_EQ(health(next->view().volumes[0]), Health::Optimal);
    EXPECT_EQ(state_of(next->view(), "/dev/disk0"), DiskState::Spare);

    // Where somebody goes on with the volume alone, on the disk that was away, that is the newer.
    auto again = Disks::load(disks.media({1}));
    ASSERT_EQ(again->view().volumes.size(), 1u);
    for (int i = 0; i < 4; i++) {
        ASSERT_TRUE(again->apply(change::MarkDirty{0}));
        disks.write(*again);
    }
    both = Disks::load(disks.media({0, 1}));
    ASSERT_EQ(both->view().volumes.size(), 1u);
    EXPECT_EQ(health(both->view().volumes[0]), Health::Degraded);
    EXPECT_EQ(state_of(both->view(), "/dev/disk0"), DiskState::Failed);
}

TEST(ImsmTrust, OneSideIsNotDeletedWithTheOther)
{
    Disks disks(2);
    auto metadata = disks.create(2);
    ASSERT_TRUE(metadata->apply(volume("data", 1, {0, 1})));
    disks.write(*metadata);
    for (const std::size_t side : {0u, 1u}) {
        auto alone = Disks::load(disks.media({side}));
        ASSERT_TRUE(alone->apply(change::DiskFailed{side == 0 ? 1 : 0}));
        disks.write(*alone);
    }
    auto alone = Disks::load(disks.media({0}));
    ASSERT_TRUE(alone->apply(change::VolumeDeleted{0}));
    disks.write(*alone);
    const auto both = disks.load();
    ASSERT_EQ(both->view().volumes.size(), 1u);
    EXPECT_EQ(health(both->view().volumes[0]), Health::Degraded);
    EXPECT_TRUE(both->view().volumes[0].read_write) << both->view().volumes[0].refused;
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
    ASSERT_TRUE(metadata->apply(grown_by(3, *metadata)));
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
    ASSERT_TRUE(metadata->apply(grown_by(3, *metadata)));
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
