// SPDX-License-Identifier: GPL-2.0-only
// IMSM: creation, and every change.
#include "imsm_disks.h"

namespace emd::imsm {
namespace {

class ImsmLife : public testing::Test {
protected:
    // Apply, write, load again, compare.
    void step(const Change &change)
    {
        const auto done = metadata_->apply(change);
        ASSERT_TRUE(done) << done.error().text();
        disks_.write(*metadata_);
        const auto loaded = disks_.load();
        ASSERT_TRUE(loaded);
        expect_same(metadata_->view(), loaded->view());
    }
    void refused(const Change &change, Errc code)
    {
        const auto before = metadata_->view();
        const auto done = metadata_->apply(change);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code(), code) << done.error().text();
        expect_same(before, metadata_->view());
    }
    int at(const std::string &path) const
    {
        const auto &disks = metadata_->view().disks;
        return static_cast<int>(std::ranges::find(disks, path, &Disk::path) - disks.begin());
    }
    const Volume &volume0() const { return metadata_->view().volumes.at(0); }
    Shape grown() const
    {
        Shape target = volume0().shape;
        target.raid_disks++;
        return target;
    }

    void create(int level, unsigned members, unsigned disks, std::uint64_t sectors = 65536)
    {
        for (unsigned i = 0; i < disks; i++)
            disks_.add(sectors);
        metadata_ = disks_.create(disks);
        std::vector<int> slots(members);
        for (unsigned i = 0; i < members; i++)
            slots[i] = static_cast<int>(i);
        step(volume("data", level, slots));
    }

    Disks disks_{0};
    std::unique_ptr<Metadata> metadata_;
};

// -- creation --

TEST_F(ImsmLife, AnEmptyContainerIsSpares)
{
    disks_.add();
    disks_.add();
    metadata_ = disks_.create(2);
    disks_.write(*metadata_);
    const auto loaded = disks_.load();
    EXPECT_EQ(loaded->view().uuid, Uuid{});
    ASSERT_EQ(loaded->view().disks.size(), 2u);
    EXPECT_EQ(loaded->view().disks[0].state, DiskState::Spare);
    const auto found = read_mpb(disks_[0]);
    ASSERT_TRUE(found && found->mpb);
    EXPECT_EQ(encoded_size(*found->mpb), 264u);
    EXPECT_EQ(found->mpb->attributes, 0u);
    EXPECT_EQ(found->mpb->generation, 1u);
    EXPECT_EQ(found->mpb->version(), "1.3.00");
}

TEST_F(ImsmLife, ANewRaid5IsAsThePeerWritesIt)
{
    create(5, 3, 3);
    const auto found = read_mpb(disks_[0]);
    ASSERT_TRUE(found && found->mpb);
    const Mpb &mpb = *found->mpb;
    EXPECT_EQ(encoded_size(mpb), 532u);
    EXPECT_EQ(mpb.attributes, kAttrChecksum | kAttrRaid5);
    EXPECT_EQ(mpb.version(), "1.3.00");
    EXPECT_EQ(mpb.raw.pwr_cycle_count.get(), 1u);
    EXPECT_EQ(mpb.orig_family, mpb.family);
    EXPECT_NE(mpb.creation_time, 0u);
    EXPECT_EQ(mpb.volumes_created, 1u);
    const Dev &dev = mpb.devs[0];
    EXPECT_EQ(dev.status, 12u);
    EXPECT_EQ(dev.id, 1u);
    EXPECT_EQ(dev.rwh_policy, 5u);
    EXPECT_EQ(dev.size, 2u * 53248);  // 65536 - 10402, in whole MiB
    EXPECT_EQ(dev.map0.blocks_per_member, 55296u);
    EXPECT_EQ(dev.map0.num_data_stripes, 416u);
    EXPECT_EQ(dev.map0.raw.ddf, 1u);
    EXPECT_EQ(dev.map0.failed_disk, 255u);
    EXPECT_EQ(dev.map0.state, kMapUninitialised);
    EXPECT_EQ(dev.map0.ord, (std::vector<std::uint32_t>{0, 1, 2}));
    for (const DiskEntry &disk : mpb.disks) {
        EXPECT_EQ(disk.status, 2u);
        EXPECT_EQ(disk.sectors, 65536u);
    }
}

TEST_F(ImsmLife, SizesOfTheOtherLevels)
{
    create(1, 2, 2);
    EXPECT_EQ(volume0().array_sectors, 53248u);
    EXPECT_EQ(static_cast<ImsmMetadata &>(*metadata_).mpb().devs[0].map0.num_data_stripes, 208u);
    step(change::VolumeDeleted{0});
    EXPECT_TRUE(metadata_->view().volumes.empty());
    step(volume("zero", 0, {1, 0}));
    EXPECT_EQ(volume0().array_sectors, 106496u);
    EXPECT_TRUE(volume0().initialised);
}

TEST_F(ImsmLife, FourMemberRaid10IsStoredAsRaid1)
{
    create(10, 4, 4);
    EXPECT_EQ(static_cast<ImsmMetadata &>(*metadata_).mpb().devs[0].map0.level, 1u);
    EXPECT_EQ(volume0().shape.level, 10);
    EXPECT_EQ(volume0().array_sectors, 106496u);
}

TEST_F(ImsmLife, ASecondVolumeStandsBehindTheFirst)
{
    for (int i = 0; i < 3; i++)
        disks_.add(81920);
    metadata_ = disks_.create(3);
    step(volume("v0", 5, {0, 1, 2}, 20480));
    step(volume("v1", 0, {0, 1, 2}));
    EXPECT_EQ(metadata_->view().volumes[1].data_offset, 28672u);
    refused(volume("v2", 0, {0, 1}), Errc::NoSpace);
    step(change::VolumeDeleted{0});
    step(volume("v0", 1, {0, 1}));
    EXPECT_EQ(metadata_->view().volumes[1].data_offset, 0u);
    EXPECT_LE(metadata_->view().volumes[1].shape.component_sectors, 20480u);
}

TEST_F(ImsmLife, CreatedWithAMissingMember)
{
    disks_.add();
    disks_.add();
    metadata_ = disks_.create(2);
    step(volume("vol5", 5, {0, -1, 1}, 16384));
    const Mpb &mpb = static_cast<ImsmMetadata &>(*metadata_).mpb();
    EXPECT_EQ(text_of(mpb.disks[0].serial), "missing:0");
    EXPECT_EQ(mpb.disks[0].status, 6u);
    EXPECT_EQ(mpb.disks[0].scsi_id, 0xffffffffu);
    EXPECT_EQ(mpb.devs[0].map0.ord, (std::vector<std::uint32_t>{1, 0x01000000, 2}));
    EXPECT_EQ(mpb.devs[0].map0.state, kMapDegraded);
    EXPECT_EQ(health(volume0()), Health::Degraded);
}

TEST_F(ImsmLife, WhatCannotBeCreatedIsRefused)
{
    create(5, 3, 4, 65536);
    refused(volume("data", 5, {0, 1, 2}), Errc::Busy);
    refused(volume("-x", 5, {0, 1, 2}), Errc::Invalid);
    refused(volume("seventeen-letters", 5, {0, 1, 2}), Errc::Invalid);
    refused(volume("x", 6, {0, 1, 2, 3}), Errc::Unsupported);
    refused(volume("x", 5, {0, 1}), Errc::Invalid);
    refused(volume("x", 1, {0, 0}), Errc::Invalid);
    refused(volume("x", 1, {0, 9}), Errc::NotFound);
    refused(volume("x", 1, {0, 3}), Errc::Refused);   // a spare has no place in the first volume
    refused(volume("x", 1, {1, 0}), Errc::Refused);   // other slots than in the first volume
    refused(volume("x", 1, {0, 1}), Errc::NoSpace);   // the first took everything
    disks_[0].is_partition = true;
    EXPECT_EQ(imsm().create(disks_.media({0})).error().code(), Errc::Refused);
    Disks small(1, 10402);
    EXPECT_EQ(imsm().create(small.media()).error().code(), Errc::NoSpace);
}

// -- a whole life --

TEST_F(ImsmLife, DirtyCleanInitialise)
{
    create(5, 3, 3);
    step(change::InitStarted{0});
    EXPECT_EQ(volume0().activity, Activity::Init);
    step(change::MarkDirty{0});
    EXPECT_TRUE(volume0().dirty);
    step(change::SyncProgress{0, 10 * 128 * 3 + 5});
    EXPECT_EQ(volume0().checkpoint, 10u * 128 * 3);
    step(change::SyncFinished{0});
    EXPECT_TRUE(volume0().initialised);
    step(change::MarkClean{0});
    EXPECT_FALSE(volume0().dirty);

    step(change::MarkDirty{0});
    step(change::InitStarted{0});  // after a crash
    EXPECT_EQ(volume0().activity, Activity::Repair);
    step(change::SyncFinished{0});
    EXPECT_EQ(volume0().activity, Activity::None);
    refused(change::SyncProgress{0, 1}, Errc::Refused);
    refused(change::SyncFinished{0}, Errc::Refused);
}

TEST_F(ImsmLife, Raid0NeverGetsDirty)
{
    create(0, 2, 2);
    step(change::MarkDirty{0});
    EXPECT_FALSE(volume0().dirty);
    refused(change::InitStarted{0}, Errc::Refused);
}

TEST_F(ImsmLife, FailSpareRebuild)
{
    create(5, 3, 4);
    step(change::InitStarted{0});
    step(change::SyncFinished{0});
    const std::uint32_t family = static_cast<ImsmMetadata &>(*metadata_).mpb().family;
    const Uuid uuid = volume0().uuid;

    step(change::DiskFailed{1});
    EXPECT_EQ(health(volume0()), Health::Degraded);
    EXPECT_EQ(metadata_->view().disks[1].serial, "SERIAL-disk1:0");
    EXPECT_EQ(metadata_->view().disks[1].state, DiskState::Failed);

    step(change::RebuildStarted{0, 1, 3});
    EXPECT_NE(static_cast<ImsmMetadata &>(*metadata_).mpb().family, family);
    EXPECT_EQ(volume0().uuid, uuid);
    EXPECT_EQ(volume0().activity, Activity::Rebuild);
    EXPECT_EQ(volume0().slots[1].disk, at("/dev/disk3"));
    EXPECT_FALSE(volume0().slots[1].in_sync);
    EXPECT_EQ(metadata_->view().disks[volume0().slots[1].disk].state, DiskState::Active);
    EXPECT_EQ(static_cast<ImsmMetadata &>(*metadata_).mpb().disks.size(), 3u) << "the failed one is gone from the table";

    step(change::SyncProgress{0, 1000});
    EXPECT_EQ(volume0().checkpoint, 896u);
    refused(change::RebuildStarted{0, 1, at("/dev/disk1")}, Errc::Refused);
    step(change::SyncFinished{0});
    EXPECT_EQ(health(volume0()), Health::Optimal);
    EXPECT_EQ(volume0().activity, Activity::None);

    // The failed drive comes back with what it had: it must not be taken.
    EXPECT_EQ(disks_.load()->view().disks.back().state, DiskState::Failed);
    EXPECT_EQ(disks_.load()->view().disks.back().path, "/dev/disk1");
}

TEST_F(ImsmLife, ARebuildThatLosesItsTarget)
{
    create(5, 3, 4);
    step(change::InitStarted{0});
    step(change::SyncFinished{0});
    step(change::DiskFailed{0});
    step(change::RebuildStarted{0, 0, 3});
    step(change::DiskFailed{at("/dev/disk3")});
    EXPECT_EQ(volume0().activity, Activity::None);
    EXPECT_EQ(health(volume0()), Health::Degraded);
}

TEST_F(ImsmLife, ARebuildThatLosesItsSource)
{
    create(1, 2, 3);
    step(change::DiskFailed{0});
    step(change::RebuildStarted{0, 0, 2});
    step(change::DiskFailed{at("/dev/disk1")});
    EXPECT_EQ(health(volume0()), Health::Failed);
    EXPECT_FALSE(volume0().slots[0].in_sync);
}

TEST_F(ImsmLife, BothVolumesAreRebuiltOntoOneSpare)
{
    for (int i = 0; i < 4; i++)
        disks_.add(81920);
    metadata_ = disks_.create(4);
    step(volume("v0", 5, {0, 1, 2}, 20480));
    step(volume("v1", 1, {0, 1}));
    step(change::DiskFailed{1});
    step(change::RebuildStarted{0, 1, 3});
    EXPECT_EQ(static_cast<ImsmMetadata &>(*metadata_).mpb().disks.size(), 4u) << "the second volume still names the failed one";
    step(change::SyncFinished{0});
    step(change::RebuildStarted{1, 1, at("/dev/disk3")});
    EXPECT_EQ(static_cast<ImsmMetadata &>(*metadata_).mpb().disks.size(), 3u);
    step(change::SyncFinished{1});
    EXPECT_EQ(health(metadata_->view().volumes[1]), Health::Optimal);
}

TEST_F(ImsmLife, SparesComeAndGo)
{
    create(1, 2, 2);
    TailDisk &spare = disks_.add();
    Disk disk;
    disk.serial = spare.serial();
    disk.path = spare.path();
    disk.dev = spare.dev();
    disk.sectors = spare.size_bytes() / 512;
    step(change::SpareAdded{disk});
    EXPECT_EQ(disks_.load()->view().disks.at(2).state, DiskState::Spare);
    refused(change::SpareAdded{disk}, Errc::Busy);
    refused(change::DiskRemoved{0}, Errc::Busy);
    ASSERT_TRUE(metadata_->apply(change::DiskRemoved{2}));
    EXPECT_EQ(metadata_->view().disks.size(), 2u);

    disk.sector_bytes = 4096;
    refused(change::SpareAdded{disk}, Errc::Refused);
    disk.sector_bytes = 512;
    disk.sectors = 4000;
    refused(change::SpareAdded{disk}, Errc::NoSpace);
    disk.sectors = 30000;
    ASSERT_TRUE(metadata_->apply(change::SpareAdded{disk}));
    ASSERT_TRUE(metadata_->apply(change::DiskFailed{0}));
    const auto too_small = metadata_->apply(change::RebuildStarted{0, 0, 2});
    ASSERT_FALSE(too_small);
    EXPECT_EQ(too_small.error().code(), Errc::NoSpace);
}

TEST_F(ImsmLife, BadBlocksAreKept)
{
    create(1, 2, 2);
    step(change::BadBlock{0, 1000, 600, false});
    EXPECT_EQ(metadata_->view().bad.size(), 3u);
    step(change::BadBlock{0, 1100, 8, true});
    EXPECT_EQ(metadata_->view().bad.size(), 4u);
    const Mpb &mpb = static_cast<ImsmMetadata &>(*metadata_).mpb();
    EXPECT_TRUE(mpb.attributes & kAttrBadBlocks);
    refused(change::BadBlock{0, 65530, 20, false}, Errc::Invalid);
    for (unsigned i = 0; i < 250; i++)
        ASSERT_TRUE(metadata_->apply(change::BadBlock{1, 2000 + 2 * i, 1, false}));
    refused(change::BadBlock{1, 5000, 1, false}, Errc::NoSpace);
    EXPECT_EQ(metadata_->view().disks[0].bad_room, 4u) << "what the other disk leaves";
    EXPECT_EQ(metadata_->view().disks[1].bad_room, 250u);
    // A full log takes what does not make it longer.
    refused(change::BadBlock{0, 1010, 8, true}, Errc::NoSpace);
    step(change::BadBlock{0, 1000, 8, true});
    step(change::BadBlock{1, 2001, 1, false});
    EXPECT_EQ(metadata_->view().bad.size(), 254u);
    step(change::BadBlock{1, 2001, 1, true});
    step(change::BadBlock{1, 2000, 2, true});
    step(change::BadBlock{0, 1010, 8, true});
    EXPECT_EQ(metadata_->view().bad.size(), 254u);
    disks_.write(*metadata_);
    expect_same(metadata_->view(), disks_.load()->view());
    step(change::DiskFailed{1});
    step(change::BadBlock{0, 0, 65000, true});
    EXPECT_TRUE(metadata_->view().bad.empty());
    EXPECT_FALSE(static_cast<ImsmMetadata &>(*metadata_).mpb().attributes & kAttrBadBlocks);
}

TEST_F(ImsmLife, WhatIsListedAlreadyNeedsNoMoreRoom)
{
    create(1, 2, 2);
    step(change::BadBlock{0, 1000, 8, false});
    step(change::BadBlock{0, 1004, 8, false});
    ASSERT_EQ(metadata_->view().bad.size(), 1u);
    EXPECT_EQ(metadata_->view().bad[0].sectors, 12u);
    step(change::BadBlock{0, 1020, 4, false});
    step(change::BadBlock{0, 990, 60, false});  // around both: in front, between and behind
    std::uint64_t sectors = 0;
    for (const BadRange &r : metadata_->view().bad)
        sectors += r.sectors;
    EXPECT_EQ(sectors, 60u);
    EXPECT_EQ(metadata_->view().bad.size(), 3u);
    step(change::BadBlock{0, 1000, 20, true});
    sectors = 0;
    for (const BadRange &r : metadata_->view().bad)
        sectors += r.sectors;
    EXPECT_EQ(sectors, 40u);
}

TEST_F(ImsmLife, WithBadBlocksNoCopyIsGivenUp)
{
    create(10, 4, 4);
    const Shape old = metadata_->view().volumes[0].shape;
    Shape target = old;
    target.level = 0;
    target.raid_disks = 2;
    target.layout = 0;
    const auto &slots = metadata_->view().volumes[0].slots;
    const change::Takeover takeover{0, target, {slots[0], slots[2]}};
    step(change::BadBlock{0, 1000, 8, false});
    refused(takeover, Errc::Refused);
    step(change::BadBlock{0, 1000, 8, true});
    step(takeover);
}

// -- reshape --

TEST_F(ImsmLife, Grow)
{
    create(5, 3, 4, 98304);
    step(change::InitStarted{0});
    step(change::SyncFinished{0});
    const Shape source = volume0().shape;
    const std::uint64_t size = volume0().array_sectors;
    refused(change::ReshapeStarted{0, grown(), {}}, Errc::Invalid);
    refused(change::ReshapeStarted{0, grown(), {2}}, Errc::Invalid);
    refused(change::ReshapeProgress{0, 0}, Errc::Refused);

    step(change::ReshapeStarted{0, grown(), {3}});
    ASSERT_TRUE(volume0().reshape);
    EXPECT_EQ(volume0().shape, source);
    EXPECT_EQ(volume0().array_sectors, size) << "the old size until the end";
    EXPECT_EQ(volume0().reshape->position, 0u);
    EXPECT_EQ(volume0().reshape->unit, 6144u);
    EXPECT_EQ(volume0().reshape->backup_member_start, 96095u);
    EXPECT_EQ(volume0().reshape->backup_member_sectors, 2048u);
    EXPECT_EQ(volume0().reshape->target_slots.size(), 4u);
    EXPECT_EQ(volume0().reshape->target_slots[3].disk, 3);
    const auto record = static_cast<ImsmMetadata &>(*metadata_).record();
    EXPECT_EQ(record->units, (source.component_sectors * 3 + 6143) / 6144);
    EXPECT_EQ(record->post_size, source.component_sectors * 3);
    EXPECT_FALSE(all_zero(*read_record_sector(disks_[0])));
    EXPECT_FALSE(all_zero(*read_record_sector(disks_[1])));
    EXPECT_TRUE(all_zero(*read_record_sector(disks_[2])));

    refused(change::BackupRecorded{0, 6144}, Errc::Refused);
    step(change::BackupRecorded{0, 0});
    EXPECT_TRUE(volume0().reshape->backup_live);
    step(change::ReshapeProgress{0, 6143});
    EXPECT_TRUE(volume0().reshape->backup_live) << "inside of the unit the copy is what counts";
    EXPECT_EQ(volume0().reshape->position, 0u);
    refused(change::ReshapeWithdrawn{0}, Errc::Refused);
    step(change::ReshapeProgress{0, 6144});
    EXPECT_FALSE(volume0().reshape->backup_live);
    EXPECT_EQ(volume0().reshape->position, 6144u);
    refused(change::ReshapeProgress{0, 6143}, Errc::Refused);
    refused(change::InitStarted{0}, Errc::Busy);
    step(change::MarkDirty{0});
    step(change::ReshapeProgress{0, 5 * 6144 + 17});
    EXPECT_EQ(volume0().reshape->position, 5u * 6144);

    step(change::DiskFailed{1});
    EXPECT_EQ(health(volume0()), Health::Degraded);
    step(change::BackupRecorded{0, 5 * 6144});
    step(change::ReshapeProgress{0, array_sectors(grown())});
    EXPECT_EQ(volume0().reshape->position, array_sectors(grown()));
    step(change::ReshapeFinished{0});
    EXPECT_EQ(volume0().shape.raid_disks, 4u);
    EXPECT_EQ(volume0().array_sectors, source.component_sectors * 3);
    EXPECT_EQ(health(volume0()), Health::Degraded);
    EXPECT_TRUE(all_zero(*read_record_sector(disks_[0])));
}

TEST_F(ImsmLife, AWithdrawnReshapeLeavesEverythingAsItWas)
{
    create(5, 3, 4, 98304);
    const Shape source = volume0().shape;
    step(change::ReshapeStarted{0, grown(), {3}});
    step(change::ReshapeWithdrawn{0});
    EXPECT_EQ(volume0().shape, source);
    EXPECT_FALSE(volume0().reshape);
    EXPECT_EQ(metadata_->view().disks[3].state, DiskState::Spare);
    EXPECT_EQ(disks_.load()->view().disks[3].state, DiskState::Spare);
    EXPECT_TRUE(all_zero(*read_record_sector(disks_[0])));
}

TEST_F(ImsmLife, ChunkAndLevel)
{
    create(0, 2, 3, 98304);
    Shape target = volume0().shape;
    target.level = 5;
    target.raid_disks = 3;
    step(change::ReshapeStarted{0, target, {2}});
    EXPECT_EQ(volume0().shape.level, 0);
    EXPECT_EQ(volume0().reshape->unit, 4096u);
    step(change::ReshapeProgress{0, array_sectors(target)});
    step(change::ReshapeFinished{0});
    EXPECT_EQ(volume0().shape.level, 5);

    target = volume0().shape;
    target.chunk_sectors = 256;
    step(change::ReshapeStarted{0, target, {}});
    step(change::BackupRecorded{0, 0});
    step(change::ReshapeProgress{0, array_sectors(target)});
    step(change::ReshapeFinished{0});
    EXPECT_EQ(volume0().shape, target);
    EXPECT_EQ(health(volume0()), Health::Optimal);
}

TEST_F(ImsmLife, WhatCannotBeReshapedIsRefused)
{
    create(5, 3, 4, 98304);
    Shape target = volume0().shape;
    refused(change::ReshapeStarted{0, target, {}}, Errc::Refused);  // nothing to do
    target.chunk_sectors = 4096;                                    // above the copy area
    refused(change::ReshapeStarted{0, target, {}}, Errc::Refused);
    target.chunk_sectors = 96;
    refused(change::ReshapeStarted{0, target, {}}, Errc::Refused);
    target = grown();
    target.layout = 2;
    refused(change::ReshapeStarted{0, target, {3}}, Errc::Refused);
    target = volume0().shape;
    target.raid_disks = 2;
    refused(change::ReshapeStarted{0, target, {}}, Errc::Refused);
    target = grown();
    target.level = 6;
    refused(change::ReshapeStarted{0, target, {3}}, Errc::Refused);
    step(change::DiskFailed{0});
    refused(change::ReshapeStarted{0, grown(), {3}}, Errc::Refused);
}

TEST_F(ImsmLife, Takeover)
{
    create(10, 4, 4);
    Shape target = volume0().shape;
    target.level = 0;
    target.layout = 0;
    target.raid_disks = 2;
    step(change::Takeover{0, target, {{0, true}, {3, true}}});
    EXPECT_EQ(volume0().shape.level, 0);
    EXPECT_EQ(volume0().slots[1].disk, at("/dev/disk3"));
    EXPECT_EQ(metadata_->view().disks[at("/dev/disk1")].state, DiskState::Spare);
    EXPECT_EQ(disks_.load()->view().disks.size(), 4u);
    target.level = 10;
    target.layout = 0x102;
    target.raid_disks = 4;
    step(change::Takeover{0, target, {{0, true}, {-1, false}, {1, true}, {-1, false}}});
    EXPECT_EQ(health(volume0()), Health::Degraded);
    refused(change::Takeover{0, target, {{0, true}}}, Errc::Refused);
    target.level = 0;
    target.layout = 0;
    target.raid_disks = 2;
    refused(change::Takeover{0, target, {{1, true}, {0, true}}}, Errc::Refused);  // of the wrong pairs
    refused(change::Takeover{0, volume0().shape, volume0().slots}, Errc::Refused);
    target.chunk_sectors = 64;
    refused(change::Takeover{0, target, {{0, true}, {1, true}}}, Errc::Refused);
}

// Between the record and the kernel a disk may fail; the kernel goes on with its mirror, and so has the record to.
TEST_F(ImsmLife, ATakeoverIsTakenBackAlthoughADiskHasFailedMeanwhile)
{
    create(10, 4, 4);
    const Shape pairs = volume0().shape;
    Shape target = pairs;
    target.level = 0;
    target.layout = 0;
    target.raid_disks = 2;
    const auto back = [&] {
        change::Takeover change{0, pairs, {}};
        for (int i = 0; i < 4; i++)
            change.slots.push_back({at(fmt::format("/dev/disk{}", i)), true});
        return change;
    };
    step(change::Takeover{0, target, {{0, true}, {2, true}}});
    const auto saved = disks_.save();

    step(change::DiskFailed{at("/dev/disk0")});
    EXPECT_EQ(health(volume0()), Health::Failed);
    change::Takeover alone = back();
    alone.slots[1] = {};
    const auto done = metadata_->apply(alone);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().text(), "volume data: slot 0 has failed and no mirror of it is named: connect the disk");
    step(back());
    EXPECT_EQ(health(volume0()), Health::Degraded);
    EXPECT_TRUE(volume0().dirty);
    for (std::size_t i = 0; i < 4; i++) {
        EXPECT_EQ(volume0().slots[i].in_sync, i != 0) << i;
        if (i != 0) {
            EXPECT_EQ(volume0().slots[i].disk, at(fmt::format("/dev/disk{}", i)));
        }
    }

    disks_.restore(saved);
    metadata_ = disks_.load();
    ASSERT_TRUE(metadata_->apply(change::DiskFailed{at("/dev/disk1")}));
    step(back());
    EXPECT_EQ(health(volume0()), Health::Degraded);
    EXPECT_TRUE(volume0().slots[0].in_sync);
    EXPECT_FALSE(volume0().slots[1].in_sync);
    EXPECT_NE(volume0().slots[1].disk, at("/dev/disk1"));
}

TEST_F(ImsmLife, ANewVolumeBeginsWithoutTheBadBlocksOfAnother)
{
    create(5, 3, 3);
    step(change::VolumeDeleted{0});
    step(volume("one", 5, {0, 1, 2}, 20480));
    step(volume("two", 5, {0, 1, 2}));
    const std::uint64_t first = place_of(volume0(), volume0().slots[0]).offset;
    const std::uint64_t second = place_of(metadata_->view().volumes[1], metadata_->view().volumes[1].slots[0]).offset;
    step(change::BadBlock{0, first + 8, 8, false});
    step(change::BadBlock{0, second + 8, 8, false});
    step(change::VolumeDeleted{1});
    ASSERT_EQ(metadata_->view().bad.size(), 1u) << "those of the volume that is left stay";
    EXPECT_EQ(metadata_->view().bad[0].start, first + 8);
    step(change::BadBlock{0, second + 8, 8, false});
    step(volume("three", 0, {0, 1, 2}));
    ASSERT_EQ(metadata_->view().bad.size(), 1u);
    EXPECT_EQ(metadata_->view().bad[0].start, first + 8);
}

// -- 4096-byte sectors --

TEST(Imsm4Kn, ALifeOnLargeSectors)
{
    Disks disks(4, 98304, 4096);
    auto metadata = disks.create(4);
    const auto step = [&](const Change &change) {
        const auto done = metadata->apply(change);
        ASSERT_TRUE(done) << done.error().text();
        disks.write(*metadata);
        expect_same(metadata->view(), disks.load()->view());
    };
    step(volume("big", 5, {0, 1, 2}));
    Shape target = metadata->view().volumes[0].shape;
    target.raid_disks = 4;
    step(change::ReshapeStarted{0, target, {3}});
    EXPECT_EQ(metadata->view().volumes[0].reshape->backup_member_start, 96088u) << "whole sectors";
    step(change::BackupRecorded{0, 0});
    step(change::ReshapeProgress{0, 6144});
    step(change::ReshapeProgress{0, array_sectors(target)});
    step(change::ReshapeFinished{0});
    step(change::BadBlock{0, 1000, 3, false});
    EXPECT_EQ(metadata->view().bad[0].sectors, 8u);
    step(change::BadBlock{0, 1000, 3, true});
    ASSERT_EQ(metadata->view().bad.size(), 1u) << "the rest of the block is bad";
    step(change::BadBlock{0, 996, 12, true});
    EXPECT_TRUE(metadata->view().bad.empty());
    step(change::BadBlock{0, 1000, 512, false});
    EXPECT_EQ(metadata->view().bad.size(), 3u);
    for (const BadRange &bad : metadata->view().bad)
        EXPECT_LE(bad.sectors, 248u) << "31 blocks: mdadm's byte counts sectors of 512";
}

// -- serials --

TEST(ImsmSerial, IsWhatThePeerMakesOfIt)
{
    const auto normal = [](std::string_view raw) { return std::string(text_of(normalise_serial(raw))); };
    EXPECT_EQ(normal("S3Z8NB0K"), "S3Z8NB0K");
    EXPECT_EQ(normal("WD-WCC4N2JX01:AB"), "WD-WCC4N2JX01;AB");
    EXPECT_EQ(normal("LONGSERIALNUMBER0123456789"), "NUMBER0123456789");
    EXPECT_EQ(normal("  pad 44"), "pad44");
    EXPECT_EQ(text_of(failed_serial(padded("/dev/vdb"))), "/dev/vdb:0");
    EXPECT_EQ(text_of(failed_serial(padded("NUMBER0123456789"))), "MBER0123456789:0");
}

TEST(ImsmSerial, NamesServeOnlyWhenAskedTo)
{
    Disks disks(1);
    disks[0].serial_number.clear();
    unsetenv("IMSM_DEVNAME_AS_SERIAL");
    EXPECT_EQ(serial_of(disks[0]).error().code(), Errc::Refused);
    setenv("IMSM_DEVNAME_AS_SERIAL", "1", 1);
    EXPECT_EQ(text_of(*serial_of(disks[0])), "/dev/disk0");
    unsetenv("IMSM_DEVNAME_AS_SERIAL");
}

}  // namespace
}  // namespace emd::imsm
