// SPDX-License-Identifier: GPL-2.0-only
// An array of md becomes another level where it is: what is recorded, what is found again after a cut at any write, and what is refused.
#include "golden/md_disks.h"

#include "libemd/model/takeover.h"

#include <gtest/gtest.h>

namespace emd::md {
namespace {

constexpr std::uint64_t kSectors = 5000;

struct Case {
    const char *name;
    int level;
    std::uint32_t layout, disks, chunk;
    int to;
    std::uint32_t to_layout, to_disks, to_chunk;
};

constexpr std::uint32_t kPairs = 0x102;
constexpr Case kCases[] = {
    {"0 to 10", 0, 0, 2, 128, 10, kPairs, 4, 128},        {"10 to 0", 10, kPairs, 4, 128, 0, 0, 2, 128},
    {"0 to 5", 0, 0, 3, 128, 5, 5, 4, 128},               {"5 to 0", 5, 5, 4, 128, 0, 0, 3, 128},
    {"0 to 4", 0, 0, 2, 128, 4, 0, 3, 128},               {"4 to 0", 4, 0, 3, 128, 0, 0, 2, 128},
    {"4 to 5", 4, 0, 3, 128, 5, 5, 3, 128},               {"5 to 4", 5, 5, 3, 128, 4, 0, 3, 128},
    {"5 ls to 6 ls-6", 5, 2, 3, 128, 6, 18, 4, 128},      {"6 ls-6 to 5 ls", 6, 18, 4, 128, 5, 2, 3, 128},
    {"5 pl to 6 pl", 5, 5, 3, 128, 6, 5, 4, 128},         {"6 pl to 5 pl", 6, 5, 4, 128, 5, 5, 3, 128},
    {"6 pl to 4", 6, 5, 4, 128, 4, 0, 3, 128},            {"4 to 6 pl", 4, 0, 3, 128, 6, 5, 4, 128},
    {"1 to 5", 1, 0, 2, 0, 5, 2, 2, 128},                 {"5 to 1", 5, 2, 2, 128, 1, 0, 2, 0},
    {"1 to 0", 1, 0, 2, 0, 0, 0, 1, 128},                 {"0 to 1", 0, 0, 1, 128, 1, 0, 1, 0},
    {"2 to 3 mirrors", 1, 0, 2, 0, 1, 0, 3, 0},           {"3 to 2 mirrors", 1, 0, 3, 0, 1, 0, 2, 0},
};

NewArray like(const Case &c, const char *version = "1.2")
{
    NewArray want;
    want.name = "vol";
    want.version = version;
    want.shape.level = c.level;
    want.shape.layout = c.layout;
    want.shape.chunk_sectors = c.chunk;
    want.assume_clean = true;
    return want;
}

Shape target(const Case &c, const Shape &from)
{
    return {c.to, c.to_layout, c.to_disks, c.to_chunk, from.component_sectors};
}

change::Takeover takeover(const Volume &v, const Shape &to) { return {0, to, slots_taken_over(v.shape, v.slots, to)}; }

std::string path_at(const MdMetadata &array, const Slot &slot)
{
    return slot.disk < 0 ? "" : array.view().disks.at(static_cast<std::size_t>(slot.disk)).path;
}

std::vector<std::string> paths(const MdMetadata &array, const std::vector<Slot> &slots)
{
    std::vector<std::string> all;
    for (const Slot &slot : slots)
        all.push_back(slot.in_sync ? path_at(array, slot) : "");
    return all;
}

// One of the two shapes, and what is in it.
struct Side {
    Shape shape;
    std::vector<std::string> members;
    std::uint64_t sectors;
};

struct Sides {
    Side before, after;
};

Sides sides_of(const Disks &disks, const change::Takeover &change)
{
    const Volume &v = disks.volume();
    return {{v.shape, paths(*disks.array, v.slots), v.array_sectors}, {change.target, paths(*disks.array, change.slots), v.array_sectors}};
}

void expect_side(const MdMetadata &array, const Side &side)
{
    const Volume &v = array.view().volumes[0];
    EXPECT_EQ(v.shape, side.shape);
    EXPECT_EQ(paths(array, v.slots), side.members);
    EXPECT_EQ(v.array_sectors, side.sectors);
    EXPECT_TRUE(v.read_write) << v.refused;
    EXPECT_NE(health(v), Health::Failed);
    EXPECT_FALSE(v.dirty);
}

// As found: all of one of the two. Written by whoever starts it, also if that is cut, it stays so, and all say the same.
void expect_one_of(Disks &disks, const Sides &sides, std::size_t count)
{
    disks.array = disks.load();
    const Side &side = disks.volume().shape == sides.before.shape ? sides.before : sides.after;
    expect_side(*disks.array, side);
    const bool uneven = disks.array->view().uneven;
    for (std::size_t images = 0; images < count; images++) {
        disks.store_in_part(images, {0, 1});
        disks.array = disks.load();
        expect_side(*disks.array, side);
    }
    disks.store();
    disks.array = disks.load();
    expect_side(*disks.array, side);
    EXPECT_FALSE(disks.array->view().uneven) << uneven;
    disks.change(change::MarkDirty{0});
    disks.array = disks.load();
    EXPECT_EQ(disks.volume().shape, side.shape);
    EXPECT_EQ(paths(*disks.array, disks.volume().slots), side.members);
}

TEST(MdTakeover, EachIsRecordedByAll)
{
    for (const Case &c : kCases)
        for (const char *version : {"1.2", "1.1", "1.0"}) {
            SCOPED_TRACE(fmt::format("{}, {}", c.name, version));
            Disks disks(like(c, version), c.disks, 0, kSectors);
            const V1 was = disks.v1(0);
            const Volume before = disks.volume();
            const auto change = takeover(before, target(c, before.shape));
            const Sides sides = sides_of(disks, change);
            disks.change(change);
            expect_side(*disks.array, sides.after);
            const auto found = disks.load();
            expect_side(*found, sides.after);
            EXPECT_FALSE(found->view().uneven);
            for (std::size_t slot = 0; slot < change.slots.size(); slot++) {
                if (change.slots[slot].disk < 0)
                    continue;
                const V1 sb = disks.v1(static_cast<std::size_t>(change.slots[slot].disk));
                EXPECT_EQ(sb.role(), slot);
                EXPECT_EQ(sb.events, was.events + 1);
                EXPECT_EQ(sb.resync_offset, kInSync);
                EXPECT_EQ(sb.chunk_sectors, c.to_chunk);
                EXPECT_EQ(sb.data_offset, was.data_offset);
                EXPECT_EQ(sb.size, c.to == 0 ? 0 : before.shape.component_sectors);
                if (c.to == 0) {
                    EXPECT_EQ(sb.data_size, before.shape.component_sectors) << "md would make the array larger";
                }
            }
        }
}

TEST(MdTakeover, ACutAtAnyWriteLeavesTheArrayWhole)
{
    for (const Case &c : kCases)
        for (std::size_t images = 0; images <= std::max(c.disks, c.to_disks); images++)
            for (const auto &torn : {std::pair<std::size_t, std::size_t>{0, 0}, {0, 1}, {1, 8}, {0, 3}}) {
                SCOPED_TRACE(fmt::format("{}, {} images and sectors {} to {}", c.name, images, torn.first, torn.second));
                Disks disks(like(c), c.disks, 0, kSectors);
                const auto change = takeover(disks.volume(), target(c, disks.volume().shape));
                const Sides sides = sides_of(disks, change);
                ASSERT_TRUE(disks.array->apply(change));
                const std::size_t count = disks.store_in_part(images, torn);
                // One that has it is enough: nothing else says any more what the others were.
                const bool told = images > 0 || torn.first == 0;
                const auto found = disks.load();
                EXPECT_EQ(found->view().volumes[0].shape == sides.after.shape, told && (images || torn.second));
                expect_one_of(disks, sides, count);
            }
}

TEST(MdTakeover, AMirrorThatWouldBeGivenUpTakesThePlaceOfOneThatHasFailed)
{
    const Case &c = kCases[19];
    for (std::size_t images = 0; images <= c.disks; images++) {
        SCOPED_TRACE(images);
        Disks disks(like(c), c.disks, 0, kSectors);
        disks.change(change::DiskFailed{0});
        const Volume before = disks.volume();
        const auto change = takeover(before, target(c, before.shape));
        const Sides sides = sides_of(disks, change);
        EXPECT_EQ(sides.after.members, (std::vector<std::string>{"d2", "d1"}));
        ASSERT_TRUE(disks.array->apply(change));
        expect_one_of(disks, sides, disks.store_in_part(images, {0, 0}));
        EXPECT_EQ(disks.volume().shape == sides.after.shape, images > 0);
        EXPECT_EQ(health(disks.volume()), images > 0 ? Health::Optimal : Health::Degraded);
    }
    Disks disks(like(c), c.disks, 0, kSectors);
    disks.change(change::DiskFailed{0});
    const Volume before = disks.volume();
    disks.change(takeover(before, target(c, before.shape)));
    disks.change(change::Takeover{0, before.shape, {{}, before.slots[1], before.slots[2]}});
    disks.array = disks.load();
    EXPECT_EQ(paths(*disks.array, disks.volume().slots), (std::vector<std::string>{"", "d1", "d2"}));
    Disks pair(like(kCases[16]), 2, 0, kSectors);
    pair.change(change::DiskFailed{0});
    pair.change(takeover(pair.volume(), target(kCases[16], pair.volume().shape)));
    pair.array = pair.load();
    EXPECT_EQ(pair.volume().shape.level, 0);
    EXPECT_EQ(paths(*pair.array, pair.volume().slots), (std::vector<std::string>{"d1"}));
}

// The kernel has refused it.
TEST(MdTakeover, TakenBackItIsAsBefore)
{
    for (const Case &c : kCases)
        for (std::size_t images = 0; images <= std::max(c.disks, c.to_disks); images++) {
            SCOPED_TRACE(fmt::format("{}, {} images", c.name, images));
            Disks disks(like(c), c.disks, 0, kSectors);
            const auto change = takeover(disks.volume(), target(c, disks.volume().shape));
            const change::Takeover back{0, disks.volume().shape, disks.volume().slots};
            const Sides sides = sides_of(disks, change);
            disks.change(change);
            const auto applied = disks.array->apply(back);
            ASSERT_TRUE(applied) << applied.error().text();
            EXPECT_EQ(paths(*disks.array, disks.volume().slots), sides.before.members);
            EXPECT_EQ(disks.volume().dirty, c.to == 0) << "what is redundant again may just be written";
            disks.store_in_part(images, {0, 0});
            auto found = disks.load();
            const Volume &v = found->view().volumes[0];
            EXPECT_NE(health(v), Health::Failed);
            EXPECT_TRUE(v.shape == sides.before.shape || v.shape == sides.after.shape);
            const std::size_t back_first = c.disks > c.to_disks ? c.disks - c.to_disks : 0;  // who had been given up
            EXPECT_EQ(v.shape == sides.before.shape, images > 0);
            if (images > 0 && images >= back_first) {
                EXPECT_EQ(paths(*found, v.slots), sides.before.members);
            }
        }
}

TEST(MdTakeover, WhoMissedMoreThanTheTakeoverIsOld)
{
    const Case &c = kCases[1];
    Disks disks(like(c), 4, 0, kSectors);
    Block early;
    disks.edit(2, [&](Block &block) { early = block; });
    disks.change(change::MarkDirty{0});
    disks.change(takeover(disks.volume(), target(c, disks.volume().shape)));
    disks.edit(2, [&](Block &block) { block = early; });
    disks.array = disks.load();
    EXPECT_EQ(disks.volume().shape.level, 0);
    EXPECT_EQ(disks.after(2).state, DiskState::Failed);
    EXPECT_EQ(health(disks.volume()), Health::Failed);
}

// The kernel has not followed, and goes on without one of those that the record needs.
TEST(MdTakeover, AFailureIsRecordedInTheShapeThatCanDoWithout)
{
    for (const std::size_t kind : {1, 3, 12}) {
        const Case &c = kCases[kind];
        SCOPED_TRACE(c.name);
        Disks disks(like(c), c.disks, 0, kSectors);
        const change::Takeover back{0, disks.volume().shape, disks.volume().slots};
        disks.change(takeover(disks.volume(), target(c, disks.volume().shape)));
        if (c.to == 4)  // parity alone may go
            disks.change(change::DiskFailed{2});
        const auto refused = disks.array->apply(change::DiskFailed{0});
        ASSERT_FALSE(refused);
        EXPECT_NE(refused.error().text().find("vol does without d0, and "), std::string::npos) << refused.error().text();
        EXPECT_EQ(disks.after(0).state, DiskState::Active);
        disks.change(back);
        disks.change(change::DiskFailed{0});
        disks.array = disks.load();
        EXPECT_EQ(disks.volume().shape, back.target);
        EXPECT_EQ(health(disks.volume()), Health::Degraded);
        EXPECT_FALSE(disks.volume().slots[0].in_sync);
    }
}

// Nobody gets the place of another: whoever asks may have counted the disks in another way.
TEST(MdTakeover, EachMemberKeepsWhatItHas)
{
    Disks disks(like(kCases[1]), 4, 0, kSectors);
    change::Takeover wrong = takeover(disks.volume(), target(kCases[1], disks.volume().shape));
    wrong.slots = {{3, true}, {1, true}};
    const auto done = disks.array->apply(wrong);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text().find("d3 is member 3, and what member 0 of the new level has is not on it"), std::string::npos) << done.error().text();
}

TEST(MdTakeover, ASpareOfARaid0HasNoSuperblock)
{
    const Case &c = kCases[0];
    Disks disks(like(c), 2, 0, kSectors);
    disks.add_blank("new", kSectors * 512);
    Disk added = spare("new", kSectors * 512);
    disks.change(change::SpareAdded{added});
    EXPECT_FALSE(disks.has_superblock(2)) << "md starts no RAID0 with a spare";
    EXPECT_EQ(disks.v1(0).events, 0u);
    disks.array = disks.load();
    EXPECT_EQ(disks.after(2).state, DiskState::Spare);
    EXPECT_EQ(health(disks.volume()), Health::Optimal);

    disks.change(takeover(disks.volume(), target(c, disks.volume().shape)));
    EXPECT_EQ(disks.v1(2).role(), kRoleSpare);
    EXPECT_EQ(disks.v1(2).level, 10);
    disks.change(change::RebuildStarted{0, 1, disks.index_of("new")});
    EXPECT_EQ(disks.v1(2).role(), 1u);
    disks.array = disks.load();
    EXPECT_EQ(disks.volume().activity, Activity::Rebuild);
    EXPECT_FALSE(disks.volume().slots[1].in_sync);
}

TEST(MdTakeover, WhoIsGivenUpByARaid0HasNoSuperblockAndIsASpare)
{
    const Case &c = kCases[1];
    Disks disks(like(c), 4, 0, kSectors);
    disks.change(takeover(disks.volume(), target(c, disks.volume().shape)));
    for (const std::size_t disk : {0, 1, 2, 3})
        EXPECT_EQ(disks.has_superblock(disk), disk % 2 == 0);
    for (const std::size_t disk : {1, 3})
        EXPECT_EQ(disks.after(disk).state, DiskState::Spare);
    EXPECT_EQ(disks.v1(0).roles[1], kRoleSpare);
}

TEST(MdTakeover, RefusalsNameTheRemedy)
{
    const auto refused = [](Disks &disks, const Shape &to) {
        const auto done = disks.array->apply(takeover(disks.volume(), to));
        return done ? "" : done.error().text();
    };
    {
        NewArray want = like(kCases[1]);
        want.bitmap = true;
        Disks disks(want, 4, 0, kSectors);
        EXPECT_NE(refused(disks, target(kCases[1], disks.volume().shape)).find("--bitmap=none takes it away"), std::string::npos);
    }
    {
        NewArray want = like(kCases[3]);
        want.parity_log = true;
        Disks disks(want, 4, 0, 20000);
        EXPECT_NE(refused(disks, target(kCases[3], disks.volume().shape)).find("--update=no-ppl"), std::string::npos);
    }
    {
        Disks disks(like(kCases[1]), 4, 0, kSectors);
        Shape to = target(kCases[1], disks.volume().shape);
        to.chunk_sectors = 64;
        EXPECT_NE(refused(disks, to).find("and nothing else"), std::string::npos);
        disks.change(change::BadBlock{2, disks.volume().slots[2].data_offset + 8, 8, false});
        EXPECT_NE(refused(disks, target(kCases[1], disks.volume().shape)).find("d2 has bad blocks"), std::string::npos);
        for (const std::size_t disk : {0, 1})
            disks.edit(disk, [](Block &block) { std::ranges::fill(block, std::byte{0}); });
        disks.array = disks.load();
        EXPECT_NE(refused(disks, target(kCases[1], disks.volume().shape)).find("misses members that it cannot do without"), std::string::npos);
    }
    {
        Disks disks(like(kCases[18]), 3, 1, kSectors);  // more mirrors give nobody up, and taken back they give up who holds nothing alone
        disks.change(change::BadBlock{0, disks.volume().slots[0].data_offset + 8, 8, false});
        const Shape before = disks.volume().shape;
        disks.change(takeover(disks.volume(), target(kCases[18], before)));
        EXPECT_EQ(refused(disks, before), "");
    }
    {
        Disks disks(like(kCases[19]), 3, 0, kSectors);
        disks.change(change::BadBlock{0, disks.volume().slots[0].data_offset + 8, 8, false});
        EXPECT_NE(refused(disks, target(kCases[19], disks.volume().shape)).find("d0 has bad blocks"), std::string::npos);
    }
    {
        Disks disks(like(kCases[19]), 3, 0, kSectors);  // who has them goes himself
        disks.change(change::BadBlock{2, disks.volume().slots[2].data_offset + 8, 8, false});
        EXPECT_EQ(refused(disks, target(kCases[19], disks.volume().shape)), "");
    }
    {
        Disks disks(like(kCases[3]), 5, 1, kSectors);
        change::Takeover wrong = takeover(disks.volume(), target(kCases[3], disks.volume().shape));
        wrong.slots[1].disk = 4;
        const auto done = disks.array->apply(wrong);
        ASSERT_FALSE(done);
        EXPECT_NE(done.error().text().find("d4 does not hold its data"), std::string::npos);
    }
    {
        NewArray want = like(kCases[0]);
        Disks disks(want, 2, 0, kSectors);
        disks.edit(1, [](Block &block) {
            V1Bytes raw = head_of(block);
            raw.data_size = raw.data_size.get() - 256;
            std::memcpy(block.data(), &raw, sizeof raw);
        });
        disks.array = disks.load();
        EXPECT_NE(refused(disks, target(kCases[0], disks.volume().shape)).find("differ in size"), std::string::npos);
    }
}

}  // namespace
}  // namespace emd::md
