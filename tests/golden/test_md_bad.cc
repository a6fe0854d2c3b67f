// SPDX-License-Identifier: GPL-2.0-only
// Lists of bad blocks of md 1.x: what mdadm wrote is taken, kept and changed, and no cut loses an entry.
#include "golden/allocations.h"
#include "golden/golden.h"

#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/plan/assemble.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace emd::md {
namespace {

constexpr const char *kCase = "md12-raid1-badblocks";  // disk 1 has a list
using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

class Array {
public:
    explicit Array(const char *name = kCase)
    {
        for (const auto &disk : golden::load_case(name)->disks)
            disks.push_back(std::make_unique<BufferMedium>(disk->name, "", disk->bytes));
        load();
    }
    void load()
    {
        std::vector<const Medium *> media;
        for (const auto &disk : disks)
            media.push_back(disk.get());
        auto loaded = load_array(media);
        ASSERT_TRUE(loaded) << loaded.error().text();
        metadata = std::move(*loaded);
    }
    Result<> bad(int disk, std::uint64_t start, std::uint64_t sectors, bool cleared = false)
    {
        return metadata->apply(change::BadBlock{disk, start, static_cast<std::uint32_t>(sectors), cleared});
    }
    void add_spare(const char *name)
    {
        disks.push_back(std::make_unique<BufferMedium>(name, "", std::vector<std::byte>(disks[0]->bytes.size())));
        Disk spare;
        spare.path = name;
        spare.present = true;
        spare.sectors = disks[0]->bytes.size() / 512;
        spare.dev = {9, 9};
        ASSERT_TRUE(metadata->apply(change::SpareAdded{spare}));
    }
    // The first `phases` phases reach the disks.
    void write(unsigned phases = 99)
    {
        std::vector<Image> images = metadata->prepare();
        metadata->encode(images);
        for (const Image &image : images)
            if (image.active && image.phase < phases)
                std::ranges::copy(image.bytes, disks.at(static_cast<std::size_t>(image.disk))->bytes.begin() +
                                                   static_cast<std::ptrdiff_t>(image.offset_bytes));
    }
    // What a reader finds on the disk.
    Ranges on_disk(std::size_t disk) const
    {
        Ranges all;
        const V1 sb = std::get<V1>(*read_superblock(*disks[disk]));
        for (const BadRange &r : sb.bad)
            all.emplace_back(r.start, r.sectors);
        return all;
    }
    Ranges viewed(int disk) const
    {
        Ranges all;
        for (const BadRange &r : metadata->view().bad)
            if (r.disk == disk)
                all.emplace_back(r.start, r.sectors);
        return all;
    }
    bool says_so(std::size_t disk) const { return std::get<V1>(*read_superblock(*disks[disk])).features & kBadBlocks; }

    std::vector<std::unique_ptr<BufferMedium>> disks;
    std::unique_ptr<MdMetadata> metadata;
};

bool covered(const Ranges &list, std::uint64_t sector)
{
    return std::ranges::any_of(list, [&](const auto &r) { return r.first <= sector && sector < r.first + r.second; });
}

TEST(MdBad, AListOfMdadmIsTakenGivenToTheKernelAndKeptByteForByte)
{
    Array array;
    const auto before = array.disks[1]->bytes;
    const Ranges list = array.viewed(1);
    ASSERT_FALSE(list.empty());
    EXPECT_EQ(list, array.on_disk(1));
    const Container &view = array.metadata->view();
    EXPECT_TRUE(view.volumes[0].read_write) << view.volumes[0].refused;
    EXPECT_EQ(view.disks[1].bad_room, 512u);
    const auto plan = plan::plan_volume(view, view.volumes[0], "c", "v", {});
    ASSERT_TRUE(plan) << plan.error().text();
    std::string text;
    for (const auto &step : plan->steps)
        text += plan::to_text(step.action) + "\n";
    EXPECT_NE(text.find(fmt::format("with {} bad place", list.size())), text.npos) << text;
    EXPECT_NE(text.find("keeps a list of bad blocks"), text.npos) << text;
    array.write();
    EXPECT_EQ(array.disks[1]->bytes, before);
    // A change of something else leaves the list as it is, too.
    ASSERT_TRUE(array.metadata->apply(change::MarkDirty{0}));
    array.write();
    EXPECT_EQ(array.on_disk(1), list);
}

TEST(MdBad, TheSuperblockFollowsTheLog)
{
    for (const unsigned phases : {0u, BadLog::kPhases, 99u}) {
        Array array;
        ASSERT_FALSE(array.says_so(0));
        ASSERT_TRUE(array.bad(0, 5000, 600));
        array.write(phases);
        EXPECT_EQ(array.says_so(0), phases == 99) << phases;
        EXPECT_EQ(array.on_disk(0), phases == 99 ? Ranges({{5000, 512}, {5512, 88}}) : Ranges()) << phases;
    }
}

TEST(MdBad, WhatTouchesGrowsAndWhatIsGoodAgainGoes)
{
    Array array;
    for (const std::uint64_t start : {5000, 5016, 5008})
        ASSERT_TRUE(array.bad(0, start, 8));
    EXPECT_EQ(array.viewed(0), Ranges({{5000, 16}, {5016, 8}}));
    ASSERT_TRUE(array.bad(0, 4990, 100));
    EXPECT_EQ(array.viewed(0), Ranges({{4990, 10}, {5000, 16}, {5016, 74}}));
    ASSERT_TRUE(array.bad(0, 5020, 10, true));
    ASSERT_TRUE(array.bad(0, 4995, 10, true));
    EXPECT_EQ(array.viewed(0), Ranges({{4990, 5}, {5005, 11}, {5016, 4}, {5030, 60}}));
    array.write();
    EXPECT_EQ(array.on_disk(0), array.viewed(0));
    ASSERT_TRUE(array.bad(0, 4000, 2000, true));
    array.write();
    EXPECT_FALSE(array.says_so(0));
    EXPECT_TRUE(array.on_disk(0).empty());
}

// A list over several sectors. Of each cut during a change all of what is bad before and after must be found.
// `by_one`: entries move by one place at most, and so the list can be changed after any cut.
void cut_everywhere(std::uint64_t start, std::uint64_t sectors, bool cleared, bool by_one = true)
{
    for (unsigned phases = 0; phases <= BadLog::kPhases + 2; phases++) {
        Array array;
        for (std::uint64_t i = 0; i < 200; i++)
            ASSERT_TRUE(array.bad(0, 4000 + 20 * i, 10));
        array.write();
        const Ranges before = array.on_disk(0);
        ASSERT_EQ(before.size(), 200u);
        ASSERT_TRUE(array.bad(0, start, sectors, cleared));
        const Ranges after = array.viewed(0);
        array.write(phases);
        const Ranges found = array.on_disk(0);
        for (std::uint64_t sector = 3000; sector < 9000; sector++) {
            if (covered(before, sector) && covered(after, sector)) {
                ASSERT_TRUE(covered(found, sector)) << "sector " << sector << " after " << phases << " phases";
            }
        }
        if (phases > BadLog::kPhases) {
            EXPECT_EQ(found, after);
        }
        if (!by_one)
            continue;
        array.load();
        EXPECT_EQ(array.metadata->view().disks[0].bad_room, 512u) << "its list is kept no longer, after " << phases << " phases";
        EXPECT_TRUE(array.bad(0, 9500, 5));
        array.write();
        EXPECT_TRUE(covered(array.on_disk(0), 9500));
    }
}

TEST(MdBad, NoCutLosesAnEntryWhileOneComes) { cut_everywhere(3500, 10, false); }
TEST(MdBad, NoCutLosesAnEntryWhileOneGoes) { cut_everywhere(4000, 10, true); }
TEST(MdBad, NoCutLosesAnEntryWhileManyGo) { cut_everywhere(4015, 2000, true, false); }
TEST(MdBad, NoCutLosesAnEntryWhileOneIsSplit) { cut_everywhere(4004, 2, true); }
TEST(MdBad, NoCutLosesAnEntryWhileOneGrows) { cut_everywhere(4010, 5, false); }

TEST(MdBad, ALongListMovesInOneDirectionAtATime)
{
    Array array;
    for (std::uint64_t i = 0; i < 200; i++)
        ASSERT_TRUE(array.bad(0, 4000 + 20 * i, 10));
    array.write();
    ASSERT_TRUE(array.bad(0, 4000, 10, true));
    const Result<> other = array.bad(0, 3000, 10);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code(), Errc::Busy);
    array.write();
    EXPECT_TRUE(array.bad(0, 3000, 10));
}

TEST(MdBad, AFullListTakesNoMoreAndWhatMakesItShorter)
{
    Array array;
    for (std::uint64_t i = 0; i < 512; i++)
        ASSERT_TRUE(array.bad(0, 4000 + 20 * i, 10)) << i;
    for (const Result<> &refused : {array.bad(0, 3000, 1), array.bad(0, 4004, 2, true)}) {
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), Errc::NoSpace);
    }
    EXPECT_TRUE(array.bad(0, 4000, 10));
    EXPECT_EQ(array.viewed(0).size(), 512u);
    array.write();
    EXPECT_EQ(array.on_disk(0).size(), 512u);
    EXPECT_TRUE(array.bad(0, 4000, 10, true));
    array.write();
    EXPECT_TRUE(array.bad(0, 3000, 1));
    const Result<> outside = array.bad(0, array.metadata->view().disks[0].sectors - 1, 2);
    ASSERT_FALSE(outside);
    EXPECT_EQ(outside.error().code(), Errc::Invalid);
}

TEST(MdBad, NothingIsAllocatedWhileWritesWait)
{
    Array array;
    std::vector<Image> images = array.metadata->prepare();
    for (std::uint64_t i = 0; i < 600; i++) {
        const unsigned long before = golden::allocations();
        const bool done = array.bad(0, 4000 + 20 * (i % 300), 10, i >= 300).has_value();
        array.metadata->encode(images);
        const unsigned long count = golden::allocations() - before;
        ASSERT_TRUE(done) << i;
        ASSERT_EQ(count, 0u) << i;
    }
}

// -- what may stand there --

class Edited : public Array {
public:
    V1Bytes head(std::size_t disk) const { return *read_at<V1Bytes>(disks[disk]->bytes, 4096); }
    void put(std::size_t disk, const V1Bytes &head)
    {
        Block block(disks[disk]->bytes.begin() + 4096, disks[disk]->bytes.begin() + 8192);
        seal(block, head);
        std::ranges::copy(block, disks[disk]->bytes.begin() + 4096);
    }
    void entry(std::size_t disk, std::size_t index, std::uint64_t word)
    {
        const auto at = 4096 + std::size_t{head(disk).bad_offset.get()} * 512 + 8 * index;
        ASSERT_TRUE(write_at(disks[disk]->bytes, at, Le64(word)));
    }
};

TEST(MdBad, ALogThatLiesWhereItCannotIsNeverWritten)
{
    struct Lie {
        std::uint32_t offset;
        std::uint16_t sectors;
    };
    // Over the superblock, in front of the disk, in the data, behind the disk, none, more than md has.
    for (const Lie lie : {Lie{4, 8}, Lie{std::uint32_t(-9), 8}, Lie{2035, 8}, Lie{0x7ffffff0, 8}, Lie{16, 0}, Lie{16, 9}}) {
        Edited array;
        V1Bytes head = array.head(0);
        head.bad_offset = lie.offset;
        head.bad_sectors = lie.sectors;
        array.put(0, head);
        array.load();
        EXPECT_EQ(array.metadata->view().disks[0].bad_room, 0u) << lie.offset;
        EXPECT_FALSE(array.bad(0, 5000, 8)) << lie.offset;
        const auto before = array.disks[0]->bytes;
        array.write();
        EXPECT_EQ(array.disks[0]->bytes, before) << lie.offset;
    }
}

TEST(MdBad, EntriesThatCannotBeTrueAreRefused)
{
    Edited empty;
    empty.entry(1, 0, 5000 << 10);
    EXPECT_EQ(read_superblock(*empty.disks[1]).error().code(), Errc::Corrupt);
    Edited behind;
    behind.entry(1, 0, (behind.disks[1]->bytes.size() / 512 - 4) << 10 | 8);
    behind.load();
    EXPECT_FALSE(behind.metadata->view().volumes[0].read_write);
    EXPECT_FALSE(behind.metadata->view().volumes[0].readable);
    // In another order than md's it is taken as it is, but not changed.
    Edited mixed;
    mixed.entry(1, 0, std::uint64_t{60000} << 10 | 8);
    mixed.entry(1, 1, std::uint64_t{6000} << 10 | 8);
    mixed.load();
    EXPECT_TRUE(covered(mixed.viewed(1), 6000));
    EXPECT_EQ(mixed.metadata->view().disks[1].bad_room, 0u);
    EXPECT_FALSE(mixed.bad(1, 7000, 8));
}

TEST(MdBad, AListThatTheKernelDoesNotTakeIsRefused)
{
    Edited array;
    for (std::size_t i = 0; i < 512; i++)
        array.entry(1, i, (std::uint64_t{10000} + 20 * i) << 10 | 10);
    array.load();
    EXPECT_FALSE(array.metadata->view().volumes[0].read_write);
    EXPECT_NE(array.metadata->view().volumes[0].refused.find("more than EMD takes"), std::string::npos)
        << array.metadata->view().volumes[0].refused;
}

TEST(MdBad, ASpareWhoseListIsNoGoodIsLeftOut)
{
    Edited array;
    array.add_spare("new");
    array.write();
    V1Bytes head = array.head(2);
    head.features = Le32(head.features.get() | kBadBlocks);
    array.put(2, head);
    array.entry(2, 0, (array.disks[2]->bytes.size() / 512 - 4) << 10 | 8);
    array.entry(2, 1, ~std::uint64_t{0});
    array.load();
    const Container &view = array.metadata->view();
    EXPECT_TRUE(view.volumes[0].read_write) << view.volumes[0].refused;
    EXPECT_FALSE(std::ranges::any_of(view.disks, [](const Disk &d) { return d.path == "new" && d.state == DiskState::Spare; }));
}

TEST(MdBad, ASpareHasALog)
{
    Array array;
    ASSERT_TRUE(array.metadata->apply(change::DiskFailed{1}));
    array.add_spare("new");
    const auto &disks = array.metadata->view().disks;
    const auto found = std::ranges::find(disks, "new", &Disk::path);
    ASSERT_NE(found, disks.end());
    EXPECT_EQ(found->bad_room, 512u);
    EXPECT_FALSE(std::ranges::any_of(array.metadata->view().bad, [](const BadRange &r) { return r.disk != 0; }))
        << "what was bad on the disk that failed";
}

}  // namespace
}  // namespace emd::md
