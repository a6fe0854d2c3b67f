// SPDX-License-Identifier: GPL-2.0-only
// What happens to an array of md while EMD runs it, as it then stands on the disks.
#include "golden/allocations.h"
#include "golden/golden.h"

#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace emd::md {
namespace {

// The disks of a case, in copies that can be written, and the array on them.
class Disks {
public:
    explicit Disks(const char *name, std::vector<unsigned> images = {})
    {
        const auto of = golden::load_case(name);
        for (unsigned i = 0; i < of->disks.size(); i++)
            if (images.empty() || std::ranges::count(images, i))
                disks_.push_back(std::make_unique<BufferMedium>(of->disks[i]->name, "", of->disks[i]->bytes));
        array = load();
    }
    std::unique_ptr<MdMetadata> load() const
    {
        std::vector<const Medium *> media;
        for (const auto &disk : disks_)
            media.push_back(disk.get());
        auto loaded = load_array(media);
        EXPECT_TRUE(loaded) << loaded.error().text();
        return std::move(*loaded);
    }
    // Applies, and writes the first `phases` phases.
    void change(const Change &change, unsigned phases = 9)
    {
        const auto done = array->apply(change);
        ASSERT_TRUE(done) << done.error().text();
        std::vector<Image> images = array->prepare();
        array->encode(images);
        for (const Image &image : images)
            if (image.active && image.phase < phases)
                write(array->view().disks.at(static_cast<std::size_t>(image.disk)).path, image);
    }
    void add_blank(const std::string &name, std::size_t bytes)
    {
        disks_.push_back(std::make_unique<BufferMedium>(name, "", std::vector<std::byte>(bytes)));
    }
    int index_of(const std::string &path) const
    {
        const auto &all = array->view().disks;
        return static_cast<int>(std::ranges::find(all, path, &Disk::path) - all.begin());
    }
    // What a new reader says of an image.
    Disk after(std::size_t image) const
    {
        const auto loaded = load();
        return *std::ranges::find(loaded->view().disks, disks_.at(image)->path(), &Disk::path);
    }
    std::size_t bytes() const { return disks_[0]->bytes.size(); }
    V1 v1(std::size_t disk) const { return std::get<V1>(*read_superblock(*disks_.at(disk))); }
    V090 v090(std::size_t disk) const { return std::get<V090>(*read_superblock(*disks_.at(disk))); }
    const Volume &volume() const { return array->view().volumes[0]; }

    std::unique_ptr<MdMetadata> array;

private:
    void write(const std::string &path, const Image &image)
    {
        for (const auto &disk : disks_)
            if (disk->path() == path)
                std::copy(image.bytes.begin(), image.bytes.end(), disk->bytes.begin() + static_cast<std::ptrdiff_t>(image.offset_bytes));
    }
    std::vector<std::unique_ptr<BufferMedium>> disks_;
};

Disk spare(const std::string &path, std::uint64_t bytes)
{
    Disk disk;
    disk.path = path;
    disk.present = true;
    disk.dev = {8, 77};
    disk.sectors = bytes / 512;
    return disk;
}

TEST(MdChanges, DirtyAndClean)
{
    Disks disks("md12-raid5-parity-first");
    const std::uint64_t events = disks.v1(0).events;
    disks.change(change::MarkDirty{0});
    for (std::size_t i = 0; i < 4; i++) {
        EXPECT_EQ(disks.v1(i).resync_offset, 0u);
        EXPECT_EQ(disks.v1(i).events, events + 1);
    }
    EXPECT_TRUE(disks.load()->view().volumes[0].dirty);
    disks.change(change::MarkClean{0});
    EXPECT_EQ(disks.v1(2).resync_offset, kInSync);
    EXPECT_EQ(disks.v1(2).events, events + 2);
    EXPECT_FALSE(disks.load()->view().volumes[0].dirty);
}

TEST(MdChanges, AFailedMemberIsToldNothingAndIsNoMemberAnyMore)
{
    Disks disks("md12-raid5-parity-first");
    const std::uint64_t events = disks.v1(1).events;
    disks.change(change::DiskFailed{1});
    EXPECT_EQ(disks.v1(1).events, events);
    EXPECT_EQ(disks.v1(0).events, events + 1);
    EXPECT_EQ(disks.v1(0).roles[1], kRoleFaulty);
    const auto again = disks.load();
    EXPECT_EQ(again->view().disks[1].state, DiskState::Failed);
    EXPECT_EQ(health(again->view().volumes[0]), Health::Degraded);
}

// It is only one event behind then, and md would take it back.
TEST(MdChanges, WhoIsAwayGivesUpItsPlaceWithTheFirstChange)
{
    Disks all("md12-raid5-parity-first"), some("md12-raid5-parity-first", {0, 2, 3});
    EXPECT_EQ(some.array->view().disks[1].state, DiskState::Missing);
    EXPECT_FALSE(some.volume().slots[1].in_sync);
    some.change(change::DiskFailed{1});
    EXPECT_EQ(some.v1(0).roles[1], kRoleFaulty);
    EXPECT_EQ(some.v1(0).events, all.v1(1).events + 1);
}

TEST(MdChanges, AStaleMemberIsNotWrittenAndItsPlaceIsMissing)
{
    Disks disks("md10-raid5-degraded");
    for (const Image &image : disks.array->prepare())
        EXPECT_EQ(disks.array->view().disks[static_cast<std::size_t>(image.disk)].state, DiskState::Active);
}

void rebuild(Disks &disks)
{
    disks.add_blank("new", disks.bytes());
    disks.change(change::DiskFailed{1});
    disks.change(change::SpareAdded{spare("new", disks.bytes())});
    EXPECT_EQ(disks.load()->view().disks.size(), 5u);
    const int index = disks.index_of("new");
    ASSERT_LT(index, 5);
    EXPECT_EQ(disks.array->view().disks[static_cast<std::size_t>(index)].state, DiskState::Spare);
    disks.change(change::RebuildStarted{0, 1, index});
    EXPECT_EQ(disks.volume().activity, Activity::Rebuild);
    disks.change(change::SyncProgress{0, 4096});
}

TEST(MdChanges, ASpareIsRebuilt)
{
    Disks disks("md12-raid5-parity-first");
    rebuild(disks);
    EXPECT_EQ(disks.v1(4).recovery_offset, 4096u);
    EXPECT_NE(disks.v1(4).device, disks.v1(0).device);
    auto again = disks.load();
    EXPECT_EQ(again->view().volumes[0].activity, Activity::Rebuild);
    EXPECT_EQ(again->view().volumes[0].checkpoint, 4096u);
    EXPECT_EQ(again->view().volumes[0].slots[1].data_offset, disks.v1(0).data_offset);
    disks.change(change::SyncFinished{0});
    EXPECT_EQ(disks.v1(4).role(), 1);
    EXPECT_FALSE(disks.v1(4).features & kRecovery);
    again = disks.load();
    EXPECT_EQ(health(again->view().volumes[0]), Health::Optimal);
}

// Written before the others it says itself that it is not in sync; the others, read alone, know it as a spare.
TEST(MdChanges, ACutWhileASpareBecomesAMemberLeavesNobodyInSyncWhoIsNot)
{
    for (const unsigned phases : {0u, 1u, 2u}) {
        Disks disks("md12-raid5-parity-first");
        disks.add_blank("new", disks.bytes());
        disks.change(change::DiskFailed{1});
        disks.change(change::SpareAdded{spare("new", disks.bytes())});
        disks.change(change::RebuildStarted{0, 1, disks.index_of("new")}, phases);
        const auto again = disks.load();
        EXPECT_FALSE(again->view().volumes[0].slots[1].in_sync) << phases;
        EXPECT_EQ(disks.v1(4).role() == 1, phases > 0) << phases;
        EXPECT_EQ(disks.v1(0).roles[disks.v1(4).dev_number] == 1, phases > 1) << phases;
    }
}

TEST(MdChanges, Version090HasNoPlaceForARebuildAndStartsItAgain)
{
    Disks disks("md090-raid1-spare");
    ASSERT_FALSE(disks.volume().read_write) << "it has a bitmap";
    disks.change(change::DiskFailed{1});
    EXPECT_EQ(disks.v090(0).disks[1].state, V090::kFaulty | V090::kRemoved);
    EXPECT_EQ(disks.v090(0).failed, 1u);
    disks.change(change::RebuildStarted{0, 1, 2});
    EXPECT_EQ(disks.after(2).state, DiskState::Spare);  // their order is another now
    disks.change(change::SyncFinished{0});
    EXPECT_EQ(disks.v090(2).self.number, 1u);
    EXPECT_EQ(disks.v090(2).self.state, V090::kActive | V090::kSync);
    disks.change(change::MarkDirty{0});
    EXPECT_FALSE(disks.v090(0).state & V090::kClean);
    EXPECT_TRUE(disks.load()->view().volumes[0].dirty);
    disks.change(change::MarkClean{0});
    EXPECT_TRUE(disks.v090(0).state & V090::kClean);
    EXPECT_EQ(disks.v090(0).cp_events, disks.v090(0).events);
    EXPECT_EQ(health(disks.load()->view().volumes[0]), Health::Optimal);
}

TEST(MdChanges, NothingIsAllocatedForWhatTheKernelReports)
{
    Disks disks("md12-raid5-parity-first");
    rebuild(disks);
    std::vector<Image> images = disks.array->prepare();
    for (const Change &change : {Change(change::MarkDirty{0}), Change(change::SyncProgress{0, 8192}), Change(change::SyncFinished{0}),
                                 Change(change::MarkClean{0}), Change(change::DiskFailed{2})}) {
        bool done = false;
        unsigned long count = 0;
        {
            const unsigned long before = golden::allocations();
            done = disks.array->apply(change).has_value();
            disks.array->encode(images);
            count = golden::allocations() - before;
        }
        EXPECT_TRUE(done) << change.index();
        EXPECT_EQ(count, 0u) << change.index();
    }
}

TEST(MdChanges, WithoutRedundancyNothingIsEverWritten)
{
    Disks disks("md12-raid0-equal");
    const V1 before = disks.v1(0);
    disks.change(change::MarkDirty{0});
    disks.change(change::MarkClean{0});
    EXPECT_EQ(disks.v1(0).checksum, before.checksum);
    EXPECT_FALSE(disks.array->apply(change::SpareAdded{spare("new", disks.bytes())}));
}

}  // namespace
}  // namespace emd::md
