// SPDX-License-Identifier: GPL-2.0-only
// An array of md uses more or less of each member: what is recorded, what is found again after a cut at any write, and what is refused.
#include "golden/md_disks.h"

#include "libemd/model/geometry.h"
#include "libemd/plan/assemble.h"
#include "libemd/rescue/array.h"

#include <gtest/gtest.h>

#include <emd/emd.h>

namespace emd::md {
namespace {

constexpr std::uint64_t kSectors = 12288, kComponent = 128 * 20;

struct Case {
    const char *name;
    Shape shape;
    std::uint64_t resync;  // as md counts it, when it has become larger
};

const Case kCases[] = {
    {"1", {1, 0, 2, 0, kComponent}, kComponent},
    {"1 of 3", {1, 0, 3, 0, kComponent}, kComponent},
    {"4", {4, 0, 3, 128, kComponent}, kComponent},
    {"5", {5, 2, 3, 128, kComponent}, kComponent},
    {"6", {6, 2, 4, 128, kComponent}, kComponent},
    {"10", {10, 0x102, 4, 128, kComponent}, (kComponent - 128) * 2},
    {"10 of 3", {10, 0x102, 3, 128, kComponent}, 19 * 3 / 2 * 128},
    {"10 offset", {10, 0x10201, 4, 128, kComponent}, (kComponent - 256) * 2},
};

NewArray like(const Shape &shape, const char *version = "1.2")
{
    NewArray want;
    want.name = "vol";
    want.version = version;
    want.shape = shape;
    want.assume_clean = true;
    return want;
}

// An array every sector of which says which it is.
class Array {
public:
    explicit Array(const Shape &shape, const char *version = "1.2") : disks(like(shape, version), shape.raid_disks, 0, kSectors)
    {
        sectors = disks.volume().array_sectors;
        const emd_geometry geometry = geometry_of(disks.volume().shape);
        for (std::uint64_t sector = 0; sector < sectors; sector++) {
            const Le64 word(sector + 1);
            for (std::uint32_t copy = 0; copy < emd_geometry_copies(&geometry); copy++) {
                emd_place place;
                emd_geometry_copy(&geometry, sector, copy, &place);
                std::memcpy(disks.content(place.slot).data() + (disks.volume().data_offset + place.sector) * 512, &word, sizeof word);
            }
        }
    }
    // What all say that they have for data, where the rest of the disk is larger.
    void say_data_size(std::uint64_t size)
    {
        for (std::size_t i = 0; i < disks.count(); i++)
            disks.edit(i, [&](Block &block) {
                V1Bytes raw = head_of(block);
                raw.data_size = size;
                std::memcpy(block.data(), &raw, sizeof raw);
            });
        disks.array = disks.load();
    }
    // The first `count` sectors.
    void expect_data(std::uint64_t count) const
    {
        const auto loaded = disks.load();
        const Container &view = loaded->view();
        const auto medium = [&](int disk) -> const Medium * { return &disks.medium(static_cast<std::size_t>(disk)); };
        expect_numbered(rescue::Array::open(view, view.volumes[0], medium), count);
    }

    Disks disks;
    std::uint64_t sectors = 0;
};

std::uint64_t sectors_of(Shape shape, std::uint64_t component)
{
    shape.component_sectors = component;
    return array_sectors(shape);
}

// It is of that size, whole, and can be started.
void expect_size(const MdMetadata &array, std::uint64_t component)
{
    const Volume &v = array.view().volumes[0];
    EXPECT_EQ(v.shape.component_sectors, component);
    EXPECT_EQ(v.array_sectors, array_sectors(v.shape));
    EXPECT_TRUE(v.read_write) << v.refused;
    EXPECT_EQ(health(v), Health::Optimal);
    EXPECT_TRUE(plan::plan_volume(array.view(), v, "c", "vol", {}));
    for (const Slot &slot : v.slots)
        EXPECT_EQ(slot.data_sectors, component);
}

// What is new is resynchronised when it is started now. A resync of RAID10 does not go on where it stood.
void expect_resync(const MdMetadata &array, std::uint64_t from)
{
    const Volume &v = array.view().volumes[0];
    EXPECT_TRUE(v.dirty || (v.activity == Activity::Repair && v.checkpoint == from)) << to_word(v.activity) << ' ' << v.checkpoint;
    EXPECT_EQ(v.dirty, v.shape.level == 10);
}

std::string refusal(Disks &disks, std::uint64_t component, Errc code)
{
    const Shape before = disks.volume().shape;
    const auto done = disks.array->apply(change::Resized{0, component});
    EXPECT_FALSE(done);
    EXPECT_EQ(disks.volume().shape, before);
    if (done)
        return "";
    EXPECT_EQ(done.error().code(), code) << done.error().text();
    return done.error().text();
}

TEST(MdSize, EachGrowsToAllThatThereIsAndBack)
{
    for (const Case &c : kCases)
        for (const char *version : {"1.2", "1.1", "1.0"}) {
            SCOPED_TRACE(fmt::format("{}, {}", c.name, version));
            Array array(c.shape, version);
            Disks &disks = array.disks;
            const V1 was = disks.v1(0);
            const std::uint64_t unit = c.shape.level == 1 ? 8 : c.shape.layout == 0x10201 ? 256 : 128, most = was.data_size / unit * unit;
            ASSERT_GT(most, kComponent);
            disks.change(change::Resized{0, 0});
            expect_size(*disks.array, most);
            expect_size(*disks.load(), most);
            expect_resync(*disks.load(), kComponent);
            EXPECT_FALSE(disks.load()->view().uneven);
            for (std::size_t i = 0; i < disks.count(); i++) {
                const V1 sb = disks.v1(i);
                EXPECT_EQ(sb.size, most);
                EXPECT_EQ(sb.events, was.events + 1);
                EXPECT_EQ(sb.resync_offset, c.resync);
                EXPECT_EQ(sb.data_offset, was.data_offset);
                EXPECT_EQ(sb.data_size, was.data_size);
            }
            array.expect_data(array.sectors);
            disks.change(change::SyncFinished{0});
            EXPECT_EQ(disks.v1(1).resync_offset, kInSync);
            disks.array = disks.load();
            EXPECT_FALSE(disks.volume().dirty);
            disks.change(change::Resized{0, kComponent / 2 + 7});
            const std::uint64_t less = (kComponent / 2 + 7) / unit * unit;
            disks.array = disks.load();
            expect_size(*disks.array, less);
            EXPECT_EQ(disks.v1(1).resync_offset, kInSync);
            EXPECT_EQ(disks.v1(1).data_size, was.data_size);
            EXPECT_EQ(disks.volume().activity, Activity::None);
            array.expect_data(sectors_of(c.shape, less));
        }
}

// Members that say that they have less than there is behind their data: a level without redundancy had them, or the disk was made larger.
TEST(MdSize, RoomThatNoMemberHasSpokenOfIsTaken)
{
    for (const char *version : {"1.2", "1.1", "1.0"}) {
        SCOPED_TRACE(version);
        Array array(kCases[3].shape, version);
        const std::uint64_t had = array.disks.v1(0).data_size, offset = array.disks.v1(0).data_offset;
        array.say_data_size(kComponent + 50);
        array.disks.change(change::Resized{0, 0});
        array.disks.array = array.disks.load();
        // With superblocks at the end the room for a bitmap is left, as when it was made.
        const bool at_end = version[2] == '0';
        for (std::size_t i = 0; i < 3; i++)
            EXPECT_EQ(array.disks.v1(i).data_size, at_end ? had : kSectors - offset);
        expect_size(*array.disks.array, had / 128 * 128);
        array.expect_data(array.sectors);
    }
}

TEST(MdSize, WhatLiesBehindTheDataIsTheEndOfThem)
{
    Array array(kCases[3].shape);
    array.say_data_size(kComponent + 50);
    const std::uint64_t offset = array.disks.v1(0).data_offset, place = offset + kComponent + 1000;
    array.disks.edit(1, [&](Block &block) {
        V1Bytes raw = head_of(block);
        raw.bad_offset = static_cast<std::uint32_t>(place - 8);
        std::memcpy(block.data(), &raw, sizeof raw);
    });
    array.disks.array = array.disks.load();
    EXPECT_NE(refusal(array.disks, kComponent + 1024, Errc::NoSpace).find("d1 has 3560 sectors for data, 3584 are needed: replace it"), std::string::npos);
    array.disks.change(change::Resized{0, 0});
    array.disks.array = array.disks.load();
    expect_size(*array.disks.array, (kComponent + 1000) / 128 * 128);
    EXPECT_EQ(array.disks.v1(1).data_size, kComponent + 1000);
    EXPECT_EQ(array.disks.v1(0).data_size, kSectors - offset);
    array.expect_data(array.sectors);
}

// Of what is found all is of one size; written by whoever starts it, also if that is cut, it stays so.
void expect_one_of(Array &array, std::uint64_t before, std::uint64_t after, std::size_t count)
{
    Disks &disks = array.disks;
    disks.array = disks.load();
    const std::uint64_t size = disks.volume().shape.component_sectors;
    EXPECT_TRUE(size == before || size == after) << size;
    const auto expect_it = [&] {
        expect_size(*disks.array, size);
        if (size > before)
            expect_resync(*disks.array, before);
        else
            EXPECT_TRUE(!disks.volume().dirty && disks.volume().activity == Activity::None);
    };
    expect_it();
    array.expect_data(std::min(array.sectors, disks.volume().array_sectors));
    for (std::size_t images = 0; images < count; images++) {
        disks.store_in_part(images, {0, 1});
        disks.array = disks.load();
        expect_it();
    }
    disks.store();
    disks.array = disks.load();
    expect_it();
    EXPECT_FALSE(disks.array->view().uneven);
    for (std::size_t i = 0; i < disks.count(); i++) {
        EXPECT_EQ(disks.v1(i).size, size);
        EXPECT_GE(disks.v1(i).data_size, size);
        EXPECT_EQ(disks.v1(i).events, disks.v1(0).events);
    }
    array.expect_data(std::min(array.sectors, disks.volume().array_sectors));
}

TEST(MdSize, ACutAtAnyWriteLeavesTheArrayWhole)
{
    for (const Case &c : kCases)
        for (const std::uint64_t to : {kComponent * 2, kComponent / 2})
            for (std::size_t images = 0; images <= c.shape.raid_disks; images++)
                for (const auto &torn : {std::pair<std::size_t, std::size_t>{0, 0}, {0, 1}, {1, 8}}) {
                    SCOPED_TRACE(fmt::format("{} to {}, {} images and sectors {} to {}", c.name, to, images, torn.first, torn.second));
                    Array array(c.shape, images % 2 ? "1.0" : "1.2");
                    ASSERT_TRUE(array.disks.array->apply(change::Resized{0, to}));
                    const std::size_t count = array.disks.store_in_part(images, torn);
                    const bool told = images > 0 || torn == std::pair<std::size_t, std::size_t>{0, 1};
                    EXPECT_EQ(array.disks.load()->view().volumes[0].shape.component_sectors, told ? to : kComponent);
                    expect_one_of(array, kComponent, to, count);
                }
}

// Who has not been told yet says that it has less than the others want of it.
TEST(MdSize, ACutLeavesNobodyOutWhoHasTheRoom)
{
    for (std::size_t images = 0; images <= 3; images++) {
        SCOPED_TRACE(images);
        Array array(kCases[3].shape);
        array.say_data_size(kComponent + 50);
        array.disks.change_in_part(change::Resized{0, 2 * kComponent}, images);
        expect_one_of(array, kComponent, 2 * kComponent, 3);
        EXPECT_EQ(array.disks.volume().shape.component_sectors, images ? 2 * kComponent : kComponent);
    }
}

// Two records behind is another story: it has missed what was done in the meantime.
TEST(MdSize, WhoHasMissedMoreThanThatIsOld)
{
    Array array(kCases[3].shape);
    const auto old = array.disks.content(2);
    array.disks.change(change::Resized{0, 2 * kComponent});
    array.disks.change(change::SyncFinished{0});
    array.disks.content(2) = old;
    array.disks.array = array.disks.load();
    EXPECT_EQ(health(array.disks.volume()), Health::Degraded);
    EXPECT_EQ(array.disks.volume().shape.component_sectors, 2 * kComponent);
}

// A difference in size alone, and only where it is the one before.
TEST(MdSize, NoOtherStoryIsTakenForIt)
{
    struct Story {
        std::size_t offset;
        std::uint32_t value;
    };
    for (const Story &other : {Story{offsetof(V1Bytes, layout), 3}, {offsetof(V1Bytes, chunk_sectors), 64}, {offsetof(V1Bytes, raid_disks), 4},
                               {offsetof(V1Bytes, ctime), 1}}) {
        SCOPED_TRACE(other.offset);
        Array array(kCases[3].shape);
        array.disks.change_in_part(change::Resized{0, 2 * kComponent}, 1);
        const std::size_t told = array.disks.v1(0).size == 2 * kComponent ? 0 : array.disks.v1(1).size == 2 * kComponent ? 1 : 2;
        EXPECT_EQ(health(array.disks.load()->view().volumes[0]), Health::Optimal);
        array.disks.edit((told + 1) % 3, [&](Block &block) { put(block, other.offset, Le32(other.value)); });
        EXPECT_EQ(health(array.disks.load()->view().volumes[0]), Health::Degraded);
    }
}

// The kernel has refused it: everything is as it was, and nothing is left to be resynchronised.
TEST(MdSize, TakenBackItLeavesNothingBehind)
{
    for (const Case &c : kCases) {
        SCOPED_TRACE(c.name);
        Array array(c.shape);
        array.disks.change(change::Resized{0, 2 * kComponent});
        array.disks.change(change::Resized{0, kComponent});
        array.disks.array = array.disks.load();
        expect_size(*array.disks.array, kComponent);
        EXPECT_EQ(array.disks.v1(0).resync_offset, kInSync);
        EXPECT_EQ(array.disks.volume().activity, Activity::None);
        EXPECT_FALSE(array.disks.volume().dirty);
    }
    Array written(kCases[3].shape);
    written.disks.change(change::MarkDirty{0});
    written.disks.change(change::Resized{0, 2 * kComponent});
    EXPECT_EQ(written.disks.v1(0).resync_offset, 0u);
    written.disks.change(change::Resized{0, kComponent});
    EXPECT_TRUE(written.disks.load()->view().volumes[0].dirty);
}

TEST(MdSize, TheSameSizeAgainChangesNothing)
{
    Array array(kCases[3].shape);
    array.disks.change(change::Resized{0, kComponent + 127});
    expect_size(*array.disks.array, kComponent);
    EXPECT_EQ(array.disks.v1(0).resync_offset, kInSync);
}

TEST(MdSize, ASpareGoesAlongOrIsInTheWay)
{
    Disks disks(like(kCases[3].shape), 4, 1, kSectors);
    disks.change(change::Resized{0, 2 * kComponent});
    EXPECT_EQ(disks.v1(3).size, 2 * kComponent);
    disks.change(change::SyncFinished{0});
    disks.array = disks.load();
    disks.change(change::DiskFailed{0});
    disks.change(change::RebuildStarted{0, 0, 3});

    Disks small(like(kCases[3].shape), 3, 0, kSectors);
    small.add_blank("small", 6144 * 512);
    Disk fresh = spare("small", 6144 * 512);
    fresh.dev = small.medium(3).dev();
    small.change(change::SpareAdded{fresh});
    small.array = small.load();
    EXPECT_NE(refusal(small, 0, Errc::NoSpace).find("remove this spare first, with emdadm --remove"), std::string::npos);
    small.change(change::Resized{0, kComponent + 256});
    small.change(change::DiskRemoved{small.index_of("small")});
    small.change(change::SyncFinished{0});
    small.change(change::Resized{0, 0});
    EXPECT_GT(small.volume().shape.component_sectors, 2 * kComponent);
}

TEST(MdSize, WhatIsInTheWayIsNamed)
{
    Array whole(kCases[3].shape);
    EXPECT_NE(refusal(whole.disks, 100, Errc::Invalid).find("100 sectors of each disk are not possible"), std::string::npos);
    EXPECT_NE(refusal(whole.disks, kSectors, Errc::NoSpace).find("replace it by a larger one"), std::string::npos);
    refusal(whole.disks, ~0ull, Errc::Invalid);
    EXPECT_EQ(whole.disks.array->apply(change::Resized{1, 0}).error().code(), Errc::NotFound);

    for (const int level : {0, EMD_LEVEL_LINEAR}) {
        Disks plain(like({level, 0, 2, level == 0 ? 128u : 0u, 0}), 2, 0, kSectors);
        EXPECT_NE(refusal(plain, 0, Errc::Refused).find("uses all of each member"), std::string::npos);
    }
    Disks far(like({10, 0x201, 4, 128, kComponent}), 4, 0, kSectors);
    EXPECT_NE(refusal(far, 0, Errc::Refused).find("far copies lie"), std::string::npos);

    NewArray with = like(kCases[3].shape);
    with.bitmap = true;
    Disks bitmap(with, 3, 0, kSectors);
    EXPECT_NE(refusal(bitmap, 0, Errc::Refused).find("--bitmap=none takes it away"), std::string::npos);
    bitmap.change(change::BitmapRemoved{0});
    bitmap.change(change::Resized{0, 0});
    with = like(kCases[3].shape);
    with.parity_log = true;
    Disks logged(with, 3, 0, kSectors);
    EXPECT_NE(refusal(logged, 0, Errc::Refused).find("--update=no-ppl"), std::string::npos);

    Array degraded(kCases[3].shape);
    degraded.disks.change(change::DiskFailed{1});
    EXPECT_NE(refusal(degraded.disks, 0, Errc::Refused).find("misses a member"), std::string::npos);
    degraded.disks.change(change::Resized{0, kComponent / 2});

    Disks rebuilt(like(kCases[3].shape), 4, 1, kSectors);
    rebuilt.change(change::DiskFailed{1});
    rebuilt.change(change::RebuildStarted{0, 1, 3});
    EXPECT_NE(refusal(rebuilt, 0, Errc::Busy).find("being rebuilt"), std::string::npos);
    EXPECT_NE(refusal(rebuilt, kComponent / 2, Errc::Busy).find("being rebuilt"), std::string::npos);

    Array resync(kCases[3].shape);
    resync.disks.change(change::InitStarted{0});
    EXPECT_NE(refusal(resync.disks, 0, Errc::Busy).find("being resynchronised"), std::string::npos);
    EXPECT_NE(refusal(resync.disks, kComponent / 2, Errc::Busy).find("being resynchronised"), std::string::npos);
    Array larger(kCases[3].shape);
    larger.disks.change(change::Resized{0, 2 * kComponent});
    EXPECT_NE(refusal(larger.disks, 3 * kComponent, Errc::Busy).find("being resynchronised"), std::string::npos);
    larger.disks.change(change::SyncProgress{0, kComponent + 500});
    EXPECT_NE(refusal(larger.disks, kComponent + 1024, Errc::Busy).find("being resynchronised"), std::string::npos);

    Disks moving(like({5, 2, 3, 128, kComponent}), 4, 1, kSectors);
    Shape wide = moving.volume().shape;
    wide.raid_disks = 4;
    moving.change(change::ReshapeStarted{0, wide, {3}});
    EXPECT_NE(refusal(moving, 0, Errc::Busy).find("being reshaped"), std::string::npos);

    Disks old("md090-raid1-spare");
    old.without_bitmap();
    EXPECT_NE(refusal(old, 0, Errc::Unsupported).find("superblocks 1.x"), std::string::npos);
}

TEST(MdSize, DisksOfThePeer)
{
    for (const char *name : {"md12-raid1-4kn", "md12-raid4", "md12-raid5-ls", "md12-raid10-n2", "md12-raid10-n2-odd", "md12-raid10-o2", "md12-raid10-o3-5disk"}) {
        SCOPED_TRACE(name);
        Disks disks(name);
        ASSERT_TRUE(disks.volume().read_write) << disks.volume().refused;
        if (disks.volume().bitmap)
            disks.change(change::BitmapRemoved{0});
        const Shape was = disks.volume().shape;
        const std::uint64_t rows = was.level == 10 ? was.layout >> 8 & 0xff : 1, unit = was.level == 1 ? 8 : rows * was.chunk_sectors;
        const std::uint64_t half = was.component_sectors / 2 / unit * unit;
        disks.change(change::Resized{0, half + unit - 1});
        disks.array = disks.load();
        EXPECT_EQ(disks.volume().shape.component_sectors, half);
        EXPECT_EQ(health(disks.volume()), Health::Optimal);
        disks.change(change::Resized{0, 0});
        disks.array = disks.load();
        EXPECT_EQ(health(disks.volume()), Health::Optimal);
        EXPECT_GE(disks.volume().shape.component_sectors + unit - 1, was.component_sectors) << "all that it has had";
        expect_resync(*disks.array, half);
        for (std::size_t i = 0; i < disks.count(); i++)
            EXPECT_LE(disks.v1(i).data_offset + disks.v1(i).size, disks.bytes() / 512);
    }
}

TEST(MdSize, OtherFormatsSayWhatElseCanBeDone)
{
    for (const auto &[format, name] : {std::pair("imsm", "imsm-raid5-3disk"), {"ddf", "ddf-raid5-ls"}}) {
        SCOPED_TRACE(name);
        const auto of = golden::load_case(name);
        std::vector<const Medium *> media;
        for (const auto &disk : of->disks)
            media.push_back(disk.get());
        const auto loaded = find_format(format)->load(media);
        ASSERT_TRUE(loaded) << loaded.error().text();
        const auto done = (*loaded)->apply(change::Resized{0, 1024});
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code(), Errc::Unsupported);
        EXPECT_NE(done.error().text().find("make another volume of what is free"), std::string::npos) << done.error().text();
    }
}

}  // namespace
}  // namespace emd::md
