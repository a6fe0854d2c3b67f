// SPDX-License-Identifier: GPL-2.0-only
// Reshapes of an array of md to another level, or with fewer members: what is recorded, and that all data are found again after a cut at any write of the superblocks, and
// wherever the work stands.
#include "golden/md_disks.h"
#include "golden/migration_lab.h"

#include "core/emd_reshape_math.h"
#include "libemd/model/geometry.h"
#include "libemd/plan/assemble.h"
#include "libemd/plan/proposal.h"
#include "libemd/rescue/array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <emd/emd.h>

namespace emd::md {
namespace {

constexpr std::uint64_t kSectors = 12288, kDataOffset = 4096, kComponent = 128 * 27;

struct Way {
    const char *name;
    Shape from, to;
};

Shape of(int level, std::uint32_t disks, std::uint32_t chunk = 128)
{
    return {level, level == 10 ? 0x102u : level == 5 || level == 6 ? 2u : 0u, disks, level == 1 ? 0 : chunk, 0};
}

const Way kWays[] = {
    {"raid10of4_raid6of5", of(10, 4), of(6, 5)},
    {"raid5of3_raid0of4_chunk512K", of(5, 3), of(0, 4, 1024)},
    {"raid5of3_raid6of4", of(5, 3), of(6, 4)},
    {"raid6of4_raid5of4", of(6, 4), of(5, 4)},
    {"raid10of4_raid6of4", of(10, 4), of(6, 4)},
    {"raid0of2_raid5of3", of(0, 2), of(5, 3)},
    {"raid0of2_raid0of3", of(0, 2), of(0, 3)},
    {"raid0of3_raid5of4", of(0, 3), of(5, 4, 64)},
    {"raid1of2_raid5of4", of(1, 2), of(5, 4)},
    {"raid5of3_raid10of4", of(5, 3), of(10, 4)},
    {"raid10of4_raid10of6", of(10, 4), of(10, 6)},
    {"raid10of4_raid0of4", of(10, 4), of(0, 4)},
    {"raid4of3_raid6of5", of(4, 3), of(6, 5)},
    {"raid5of2_raid1of3", of(5, 2), of(1, 3)},
    // Members leave, and as much is held as before.
    {"raid6of4_raid5of3", of(6, 4), of(5, 3)},
    {"raid5of4_raid0of3", of(5, 4), of(0, 3)},
    {"raid10of4_raid5of3_chunk32K", of(10, 4), of(5, 3, 64)},
    {"raid10of6_raid6of5", of(10, 6), of(6, 5)},
    // It holds less: from the end to the front.
    {"raid5of4_raid5of3", of(5, 4), of(5, 3)},
    {"raid6of6_raid6of4_chunk32K", of(6, 6), of(6, 4, 64)},
    {"raid4of4_raid4of3", of(4, 4), of(4, 3)},
    {"raid10of6_raid10of4", of(10, 6), of(10, 4)},
    {"raid5of4_raid6of4", of(5, 4), of(6, 4)},
    {"raid6of5_raid5of3", of(6, 5), of(5, 3)},
    {"raid5of5_raid6of5", of(5, 5), of(6, 5)},
    {"raid5of4_raid10of4", of(5, 4), of(10, 4)},
    {"raid6of5_raid0of2", of(6, 5), of(0, 2)},
    {"raid5of3_raid1of2", of(5, 3), of(1, 2)},
};

bool holds_less(const Way &way) { return data_disks(way.to) < data_disks(way.from); }

NewArray like(const Shape &shape)
{
    NewArray want;
    want.name = "vol";
    want.version = "1.2";
    want.shape = shape;
    want.shape.component_sectors = redundant(shape.level) ? kComponent : 0;
    want.assume_clean = true;
    return want;
}

// An array on disks that are as large as they need be, with as much room in front of the data as on disks of 1 GiB, every sector of which says which it is.
class Array {
public:
    explicit Array(const Way &way) : way_(way), disks(like(way.from), way.from.raid_disks, 0, kSectors)
    {
        for (std::size_t i = 0; i < way.from.raid_disks; i++)
            disks.edit(i, [](Block &block) {
                V1Bytes raw = head_of(block);
                raw.data_offset = kDataOffset;
                raw.data_size = kComponent + 64;  // less than a chunk of it is left over
                std::memcpy(block.data(), &raw, sizeof raw);
            });
        disks.array = disks.load();
        for (std::size_t i = way.from.raid_disks; i < way.to.raid_disks; i++) {
            disks.add_blank(fmt::format("n{}", i), kSectors * 512);
            Disk fresh = spare(fmt::format("n{}", i), kSectors * 512);
            fresh.dev = disks.medium(disks.count() - 1).dev();
            disks.change(change::SpareAdded{fresh});
            disks.array = disks.load();
        }
        // Of what will not be there any more nothing is wanted; and what is ends nowhere in particular.
        sectors_ = holds_less(way) ? data_disks(way.to) * (kComponent - 1024) - 200 : disks.volume().array_sectors;
        for (std::uint64_t sector = 0; sector < sectors_; sector++)
            put(geometry_of(disks.volume().shape), kDataOffset, sector);
    }
    change::ReshapeStarted start() const
    {
        Shape to = way_.to;
        change::ReshapeStarted change{0, to, {}};
        if (holds_less(way_))
            change.kept = sectors_;
        for (std::uint32_t i = way_.from.raid_disks; i < way_.to.raid_disks; i++)
            change.new_disks.push_back(static_cast<int>(i));
        return change;
    }
    // The kernel, from where the record stands, as far as it may go while that is so. Returns how far that is.
    std::uint64_t move()
    {
        const ReshapeRecord &r = *disks.volume().reshape;
        const std::uint64_t to = emd_reshape_safe(&plan_, r.position);
        for (std::uint64_t sector = std::min(to, r.position); sector < std::min(std::max(to, r.position), sectors_); sector++)
            put(geometry_of(r.target), kDataOffset + static_cast<std::uint64_t>(r.data_shift), sector);
        return to;
    }
    void begun()
    {
        const Volume &v = disks.volume();
        ASSERT_TRUE(v.reshape);
        const emd_geometry from = geometry_of(v.shape), to = geometry_of(v.reshape->target);
        const char *why = "";
        ASSERT_EQ(emd_reshape_plan_init(&plan_, &from, &to, v.reshape->data_shift, v.reshape->backward, &why), 0) << why;
    }
    bool moved() const { return disks.volume().reshape->position == emd_reshape_end(&plan_); }
    std::size_t members() const { return std::max(way_.from.raid_disks, way_.to.raid_disks); }
    void finish_moving()
    {
        disks.change(start());
        begun();
        while (!moved())
            disks.change(change::ReshapeProgress{0, move()});
    }
    // By whoever reads the disks as they are now.
    void expect_data() const
    {
        std::vector<rescue::Source> sources;
        for (std::size_t i = 0; i < disks.count(); i++) {
            auto record = md().record(disks.medium(i));
            if (!record)
                continue;  // a spare of RAID0 has no superblock
            sources.push_back({&disks.medium(i), std::move(*record)});
        }
        const auto loaded = disks.load();
        const Container &view = loaded->view();
        const auto medium = [&](int disk) -> const Medium * { return &disks.medium(static_cast<std::size_t>(disk)); };
        expect_numbered(rescue::Array::reshaping(sources) ? rescue::Array::open_reshaping(sources)
                                                          : rescue::Array::open(view, view.volumes[0], medium), sectors_);
    }
    // It starts, and all that were written in part say the same when what is known has been written again.
    void expect_whole(bool target)
    {
        disks.array = disks.load();
        ASSERT_TRUE(disks.volume().read_write) << disks.volume().refused;
        EXPECT_EQ(health(disks.volume()), Health::Optimal);
        EXPECT_TRUE(plan::plan_volume(disks.array->view(), disks.volume(), "c", "vol", {}));
        expect_data();
        disks.change(change::MarkClean{0});  // as emdmon does when it finds that not all have the same
        disks.array = disks.load();
        EXPECT_FALSE(disks.array->view().uneven);
        EXPECT_EQ(health(disks.volume()), Health::Optimal);
        expect_data();
        const Shape is = disks.volume().shape, &want = target ? way_.to : way_.from;
        EXPECT_EQ(is.level, want.level);
        EXPECT_EQ(is.raid_disks, want.raid_disks);
        EXPECT_EQ(is.chunk_sectors, want.chunk_sectors);
        const std::size_t members = disks.volume().reshape ? this->members() : want.raid_disks;
        for (std::size_t i = 0; i < members; i++) {
            const V1 sb = disks.v1(i);
            EXPECT_EQ(sb.level, want.level) << i;
            EXPECT_EQ(sb.reshape.has_value(), disks.volume().reshape.has_value()) << i;
            EXPECT_EQ(sb.data_offset, disks.v1(0).data_offset) << i;
            EXPECT_EQ(sb.size, disks.v1(0).size) << i;
            EXPECT_EQ(sb.events, disks.v1(0).events) << i;
            if (target && want.level == 0) {
                EXPECT_EQ(sb.data_size, is.component_sectors) << i;
            }
        }
    }
    std::uint64_t total() const { return plan_.array_new; }

private:
    void put(const emd_geometry &geometry, std::uint64_t offset, std::uint64_t sector)
    {
        const Le64 word(sector + 1);
        for (std::uint32_t copy = 0; copy < emd_geometry_copies(&geometry); copy++) {
            emd_place place;
            emd_geometry_copy(&geometry, sector, copy, &place);
            std::memcpy(disks.content(place.slot).data() + (offset + place.sector) * 512, &word, sizeof word);
        }
    }
    Way way_;
    std::uint64_t sectors_ = 0;
    emd_reshape_plan plan_{};

public:
    Disks disks;
};

class MdLevel : public testing::TestWithParam<Way> {};

TEST_P(MdLevel, ACutAtAnyWriteOfTheBeginningLeavesTheArrayWhole)
{
    for (std::size_t images = 0; images <= std::max(GetParam().from.raid_disks, GetParam().to.raid_disks); images++) {
        SCOPED_TRACE(images);
        Array array(GetParam());
        array.disks.change_in_part(array.start(), images);
        EXPECT_EQ(array.disks.load()->view().volumes[0].reshape.has_value(), images > 0);
        array.expect_whole(false);
    }
}

TEST_P(MdLevel, WithdrawnAtAnyWriteItIsAsItWas)
{
    for (const std::size_t images : {std::size_t{1}, std::size_t{std::max(GetParam().from.raid_disks, GetParam().to.raid_disks)}}) {
        SCOPED_TRACE(images);
        Array array(GetParam());
        const V1 before = array.disks.v1(0);
        array.disks.change(array.start());
        array.disks.change_in_part(change::ReshapeWithdrawn{0}, images);
        array.expect_whole(false);
        EXPECT_EQ(array.disks.v1(0).size, before.size);
        EXPECT_EQ(array.disks.v1(0).flags, before.flags);
        const auto again = array.disks.array->apply(array.start());
        EXPECT_TRUE(again) << again.error().text();
    }
}

// Whatever the kernel has done beyond the record, from there all is found.
TEST_P(MdLevel, WhereverItStandsAllDataAreFound)
{
    Array array(GetParam());
    const V1 before = array.disks.v1(0);
    array.disks.change(array.start());
    array.begun();
    const V1 sb = array.disks.v1(0);
    ASSERT_TRUE(sb.reshape);
    const bool told_by_members = GetParam().to.raid_disks != GetParam().from.raid_disks;
    EXPECT_EQ(sb.features & (kReshape | kNewOffset | kBackward),
              kReshape | kNewOffset | (holds_less(GetParam()) && !told_by_members ? kBackward : 0u));
    EXPECT_EQ(sb.reshape->backward, holds_less(GetParam()));
    EXPECT_EQ(sb.level, GetParam().from.level);
    EXPECT_EQ(sb.size < kComponent, holds_less(GetParam())) << "what is given up is the room that it needs";
    EXPECT_EQ(sb.reshape->level, GetParam().to.level);
    EXPECT_EQ(sb.reshape->layout, GetParam().to.layout);
    EXPECT_EQ(sb.reshape->chunk_sectors, GetParam().to.chunk_sectors);
    EXPECT_EQ(sb.reshape->delta_disks, static_cast<int>(GetParam().to.raid_disks - GetParam().from.raid_disks));
    EXPECT_TRUE(begun_by_emd(sb));
    unsigned stops = 0;
    while (!array.moved()) {
        const std::uint64_t at = array.disks.volume().reshape->position;
        SCOPED_TRACE(at);
        ASSERT_LT(stops++, 1000u);
        const std::uint64_t to = array.move();
        ASSERT_NE(to, at);
        ASSERT_EQ(to < at, holds_less(GetParam()));
        array.expect_whole(false);
        array.disks.change(change::ReshapeProgress{0, to});
        ASSERT_EQ(array.disks.volume().reshape->position, to);
    }
    array.expect_whole(false);
    array.disks.change(change::ReshapeFinished{0});
    // Who was writing to what had no redundancy is not known.
    EXPECT_EQ(array.disks.volume().dirty, !redundant(GetParam().from.level) && redundant(GetParam().to.level));
    EXPECT_EQ(array.disks.v1(0).resync_offset, array.disks.volume().dirty ? 0 : kInSync);
    array.expect_whole(true);
    const V1 after = array.disks.v1(0);
    EXPECT_EQ(after.features & ~kRaid0Layout, before.features & ~kRaid0Layout);
    EXPECT_EQ(after.flags, before.flags);
    EXPECT_EQ(after.layout, GetParam().to.layout);
    const Volume &v = array.disks.volume();
    EXPECT_EQ(v.array_sectors, array.total());
    const bool raid0 = GetParam().to.level == 0;
    EXPECT_EQ(after.size, raid0 ? 0 : v.shape.component_sectors);
}

TEST_P(MdLevel, ACutAtAnyWriteOfTheEndLeavesTheArrayWhole)
{
    for (std::size_t images = 0; images <= std::max(GetParam().from.raid_disks, GetParam().to.raid_disks); images++) {
        SCOPED_TRACE(images);
        Array array(GetParam());
        array.finish_moving();
        array.disks.change_in_part(change::ReshapeFinished{0}, images);
        EXPECT_EQ(array.disks.load()->view().volumes[0].reshape.has_value(), images == 0);
        array.expect_whole(images > 0);
    }
}

INSTANTIATE_TEST_SUITE_P(All, MdLevel, testing::ValuesIn(kWays), [](const auto &info) { return std::string(info.param.name); });

// -- how much must not be wanted --

TEST(MdFewer, ItSaysHowMuchSmallerTheArrayHasToBe)
{
    const Way way{"", of(5, 4), of(5, 3)};
    Array array(way);
    const auto refusal = [&](std::uint64_t kept) {
        const auto done = array.disks.load()->apply(change::ReshapeStarted{0, way.to, {}, kept});
        return done ? std::string() : done.error().text();
    };
    const std::string text = refusal(~std::uint64_t{0});
    const std::string option = "take --raid-devices=4 or more, or make it smaller first, with emdadm --grow --array-size=";
    const auto at = text.find(option);
    ASSERT_NE(at, text.npos) << text;
    const std::uint64_t named = std::stoull(text.substr(at + option.size())) * 2;
    EXPECT_LT(named, 2 * kComponent) << "there is no room behind the data";
    EXPECT_NE(refusal(named + 1), "");
    EXPECT_EQ(refusal(named), "");
}

TEST(MdFewer, WhereThereIsRoomBehindTheDataNothingIsGivenUp)
{
    const Way way{"", of(5, 4), of(5, 3)};
    Array array(way);
    for (std::size_t i = 0; i < 4; i++)
        array.disks.edit(i, [](Block &block) {
            V1Bytes raw = head_of(block);
            raw.data_size = kSectors - kDataOffset;
            std::memcpy(block.data(), &raw, sizeof raw);
        });
    array.disks.array = array.disks.load();
    array.disks.change(change::ReshapeStarted{0, way.to, {}, 2 * kComponent});
    EXPECT_EQ(array.disks.v1(0).size, kComponent);
    EXPECT_EQ(array.disks.volume().reshape->position, 2 * kComponent);
}

// A spare joins, and has less room behind its data than the members.
TEST(MdFewer, ASpareWithTooLittleRoomIsNamed)
{
    const Way way{"", of(5, 3), of(1, 4)};
    Array array(way);
    for (std::size_t i = 0; i < 3; i++)
        array.disks.edit(i, [](Block &block) {
            V1Bytes raw = head_of(block);
            raw.data_size = kSectors - kDataOffset;
            std::memcpy(block.data(), &raw, sizeof raw);
        });
    array.disks.edit(3, [](Block &block) {
        V1Bytes raw = head_of(block);
        raw.data_size = kComponent;
        std::memcpy(block.data(), &raw, sizeof raw);
    });
    array.disks.array = array.disks.load();
    const auto done = array.disks.array->apply(change::ReshapeStarted{0, way.to, {3}, kComponent});
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text().find("are free on n3: add a larger one in its place"), std::string::npos) << done.error().text();
    array.disks.edit(3, [](Block &block) { put(block, offsetof(V1Bytes, data_size), Le64(kSectors - kDataOffset)); });
    array.disks.array = array.disks.load();
    EXPECT_TRUE(array.disks.array->apply(change::ReshapeStarted{0, way.to, {3}, kComponent}));
}

// Forward, too, where the larger chunk leaves a rest of each member behind.
TEST(MdFewer, NoMoreIsShownThanTheTargetHolds)
{
    const Way way{"", of(5, 3), of(10, 4, 1024)};
    Array array(way);
    change::ReshapeStarted start = array.start();
    EXPECT_FALSE(array.disks.load()->apply(start));
    const std::uint64_t most = 2 * (kComponent / 1024 * 1024);
    start.kept = most;
    array.disks.change(start);
    array.disks.array = array.disks.load();
    EXPECT_FALSE(array.disks.volume().reshape->backward);
    EXPECT_EQ(array.disks.volume().array_sectors, most);
}

// The kernel would refuse it when the record says it already.
TEST(MdFewer, IsNotTurnedWhileItRuns)
{
    Array array({"", of(6, 4), of(5, 3)});
    array.disks.change(array.start());
    const plan::RunningVolume r{0, "emd1", "active", "reshape"};
    const plan::Running running{"emd0", {r}};
    const auto plan = plan::plan_turn_back(array.disks.array->view(), r, running, [&](const Change &) -> Result<Container> {
        ADD_FAILURE() << "nothing is to be recorded";
        return array.disks.array->view();
    });
    ASSERT_FALSE(plan);
    EXPECT_NE(plan.error().text().find("stop it, and emdadm --assemble --update=revert-reshape turns it"), std::string::npos);
}

TEST(MdFewer, OneThatStoppedWithdrawingGoesOn)
{
    const Way way{"", of(5, 4), of(5, 3)};
    Array array(way);
    array.disks.change(array.start());
    array.disks.array = array.disks.load();  // whether anything has moved meanwhile is not known any more
    const auto done = array.disks.array->apply(change::ReshapeWithdrawn{0});
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text().find("can only go on"), std::string::npos);
    array.begun();
    array.disks.change(change::ReshapeProgress{0, (array.move() + 767) / 768 * 768});  // rows of both shapes end there
    array.disks.change(change::ReshapeReverted{0, false});
    EXPECT_EQ(array.disks.v1(3).role(), 3u);
    EXPECT_EQ(array.disks.v1(0).reshape->delta_disks, 1);
    array.expect_data();
}

// What is not wanted goes first, and data are proposed to move into its place when the shape needs it; then the record, and the start.
TEST(MdFewer, TheEndIsGivenUpBeforeAnythingIsProposed)
{
    auto lab = migrations::Lab::make({.kind = migrations::Kind::Md12, .shape = of(5, 4)});
    ASSERT_TRUE(lab);
    plan::GrowRequest want;
    want.raid_disks = 3;
    EXPECT_FALSE(lab->ask(want));
    plan::Running running = lab->running();
    const std::uint64_t component = lab->volume().shape.component_sectors;
    running.volumes[0].array_size = fmt::to_string(component - 8192);
    const auto plan = lab->ask(want, running);
    ASSERT_TRUE(plan) << plan.error().text();
    std::string order;
    for (const plan::Step &step : plan->steps) {
        if (const auto *send = std::get_if<plan::Send>(&step.action)) {
            const auto *started = std::get_if<change::ReshapeStarted>(&send->change);
            order += "record ";
            ASSERT_TRUE(started);
            EXPECT_EQ(started->kept, 2 * (component - 8192));
            EXPECT_TRUE(std::holds_alternative<change::ReshapeWithdrawn>(std::get<plan::Send>(step.undo.at(0)).change));
        }
        const auto *set = std::get_if<plan::Set>(&step.action);
        if (!set)
            continue;
        if (set->attribute == "component_size") {
            order += "size ";
            EXPECT_EQ(set->value, fmt::to_string((component - 8192) / 2));
            EXPECT_EQ(std::get<plan::Set>(step.undo.at(0)).value, fmt::to_string(component / 2));
        } else if (set->attribute == "suspend_lo") {
            EXPECT_EQ(set->value, fmt::to_string(2 * (component - 8192))) << "the end, where it begins";
        } else if (set->attribute == "raid_disks" || (set->attribute == "sync_action" && set->value == "reshape")) {
            order += set->attribute + " ";
        } else if (set->attribute.ends_with("new_offset") && !order.ends_with("offsets ")) {
            order += "offsets ";
        }
    }
    EXPECT_EQ(order, "size raid_disks offsets record sync_action ");
    const auto then = lab->after(*plan);
    ASSERT_TRUE(then) << then.error().text();
    EXPECT_EQ(then->volume().shape.raid_disks, 3u);
    EXPECT_EQ(then->volume().array_sectors, 2 * (component - 8192));
}

// -- what the kernel is told --

// The order in which attributes are stored: an order in which each shape on the way is possible.
std::string told(const Shape &from, const Shape &to, std::int64_t shift, std::uint64_t component = kComponent)
{
    Shape was = from, is = to;
    was.component_sectors = is.component_sectors = component;
    std::string text;
    for (const plan::Proposal &p : plan::proposals(was, is, shift))
        text += fmt::format("{}={} ", p.attribute, p.next);
    return text;
}

TEST(MdLevelPlan, EachStepOfAProposalIsPossible)
{
    EXPECT_EQ(told(of(10, 4), of(6, 5), -384), "new_level=raid6 layout=2 raid_disks=5 ");
    EXPECT_EQ(told(of(5, 3), of(0, 4, 1024), -2048), "new_level=raid0 chunk_size=524288 layout=0 raid_disks=4 ");
    // As RAID10 of three disks it would have no rows, of four it would have fewer data disks than before.
    EXPECT_EQ(told(of(5, 3), of(10, 4), -384), "raid_disks=4 new_level=raid10 layout=258 ");
    EXPECT_EQ(told(of(1, 2), of(5, 4), -384), "chunk_size=65536 new_level=raid5 layout=2 raid_disks=4 ");
    // With another chunk proposed a number of mirrors is a part of it. Alone the kernel takes it at once.
    EXPECT_EQ(told(of(1, 2), of(6, 4), -384), "chunk_size=65536 layout=2 raid_disks=4 new_level=raid6 ");
    EXPECT_EQ(told(of(1, 3), of(6, 4), -384), "chunk_size=65536 layout=2 raid_disks=4 new_level=raid6 ");
    EXPECT_EQ(told(of(1, 3), of(10, 4), -384), "chunk_size=65536 layout=258 raid_disks=4 new_level=raid10 ");
    // Two mirrors that hold no whole chunks would lose some as RAID5 of two.
    EXPECT_EQ(told(of(1, 2), of(5, 4), -384, kComponent + 8), "chunk_size=65536 layout=2 raid_disks=4 new_level=raid5 ");
}

TEST(MdLevelPlan, TheKernelIsToldBothLevelsAndWhereItStands)
{
    Array array(kWays[1]);
    array.disks.change(array.start());
    array.begun();
    array.disks.change(change::ReshapeProgress{0, array.move()});
    array.disks.array = array.disks.load();
    const auto plan = plan::plan_volume(array.disks.array->view(), array.disks.volume(), "c", "vol", {});
    ASSERT_TRUE(plan) << plan.error().text();
    std::string text;
    for (const plan::Step &step : plan->steps)
        if (const auto *set = std::get_if<plan::Set>(&step.action); set && set->attribute != "metadata_version")
            text += fmt::format("{}={} ", set->attribute, set->value);
    EXPECT_EQ(text, fmt::format("level=raid5 raid_disks=3 chunk_size=65536 layout=2 component_size={} resync_start=none reshape_position={} new_level=raid0 "
                                "chunk_size=524288 layout=0 raid_disks=4 array_size={} sync_min=0 sync_max=0 array_state=readonly ",
                                kComponent / 2, array.disks.volume().reshape->position, kComponent));
}

// The part with parity may be torn where it was written.
TEST(MdLevelPlan, WithoutAMemberWhatHasParityByThenDoesNotStartDirty)
{
    Array array(kWays[0]);
    array.disks.change(array.start());
    array.disks.change(change::MarkDirty{0});
    array.disks.change(change::DiskFailed{1});
    array.disks.array = array.disks.load();
    const auto plan = plan::plan_volume(array.disks.array->view(), array.disks.volume(), "c", "vol", {.degraded = true});
    ASSERT_FALSE(plan);
    EXPECT_NE(plan.error().text().find("was being written when it stopped"), std::string::npos) << plan.error().text();
}

TEST(MdLevelPlan, TheReportOfADiskSaysBothShapes)
{
    Array array(kWays[1]);
    array.disks.change(array.start());
    std::string text;
    for (const Reader::Line &line : examine_lines(array.disks.v1(3), "host"))
        text += fmt::format("{} : {}\n", line.key, line.value);
    for (const char *line : {"Raid Level : raid5\n", "Raid Devices : 4\n", "Array Size : 6144 KiB (6.00 MiB 6.29 MB)\n", "Delta Devices : 1 (3->4)\n",
                             "New Level : raid0\n", "New Chunksize : 512K\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << text;
    EXPECT_EQ(text.find("New Layout"), std::string::npos) << text;
    Array pairs(kWays[0]);
    pairs.disks.change(pairs.start());
    text.clear();
    for (const Reader::Line &line : examine_lines(pairs.disks.v1(0), "host"))
        text += fmt::format("{} : {}\n", line.key, line.value);
    EXPECT_NE(text.find(fmt::format("Array Size : {} KiB", kComponent * 3 / 2)), std::string::npos) << text;
    EXPECT_NE(text.find("New Layout : left-symmetric\n"), std::string::npos) << text;
}

// -- what is refused --

std::string refusal(Array &array, const Shape &to, std::vector<int> disks = {})
{
    const auto done = array.disks.array->apply(change::ReshapeStarted{0, to, std::move(disks)});
    return done ? "" : done.error().text();
}

TEST(MdLevelRefused, WhatWouldLoseData)
{
    Array array({"", of(5, 4), of(5, 4)});
    const std::string smaller = ", or make it smaller first, with emdadm --grow --array-size=3072";
    EXPECT_EQ(refusal(array, of(10, 4)), "vol: it would hold less than now: take --raid-devices=6 or more" + smaller);
    EXPECT_EQ(refusal(array, of(6, 4)), "vol: it would hold less than now: take --raid-devices=5 or more" + smaller);
    EXPECT_EQ(refusal(array, of(1, 4)), "vol: it would hold less than now: make it smaller first, with emdadm --grow --array-size=1536");
    EXPECT_EQ(refusal(array, of(0, 2)), "vol: it would hold less than now: take --raid-devices=3 or more" + smaller);
    EXPECT_NE(refusal(array, of(0, 4, 1024)).find("--chunk=256 is possible"), std::string::npos) << refusal(array, of(0, 4, 1024));
    array.disks.change(change::DiskFailed{1});
    EXPECT_NE(refusal(array, of(0, 4)).find("it misses a member"), std::string::npos);
}

// Who has asked what the target would be may say that.
TEST(MdLevelRefused, AnotherSizeThanThatOfWholeChunks)
{
    Array array(kWays[1]);
    Shape to = kWays[1].to;
    to.component_sectors = 1024;
    EXPECT_NE(refusal(array, to, {3}).find("the size per disk cannot change"), std::string::npos);
    to.component_sectors = kComponent / 1024 * 1024;
    EXPECT_EQ(refusal(array, to, {3}), "");
}

TEST(MdLevelRefused, RAID0OverUnequalMembers)
{
    Array array({"", of(0, 2), of(5, 3)});
    array.disks.edit(1, [](Block &block) { put(block, offsetof(V1Bytes, data_size), Le64(kComponent + 128)); });
    array.disks.array = array.disks.load();
    const auto done = array.disks.array->apply(array.start());
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text().find("members are of unequal size"), std::string::npos);
}

TEST(MdLevelRefused, AChangeOfTheCopiesWithWhichMdWouldGoOnWrongly)
{
    Array array({"", of(10, 4), of(10, 6)});
    Shape to = of(10, 6);
    to.layout = 0x103;
    EXPECT_NE(refusal(array, to, {4, 5}).find("go by RAID5 or 6"), std::string::npos);
}

// Another has written the same: who knows how far it was.
TEST(MdLevelRefused, WhatEmdHasNotBegun)
{
    for (const Way &way : kWays) {
        SCOPED_TRACE(way.name);
        Array array(way);
        array.disks.change(array.start());
        for (std::size_t i = 0; i < array.members(); i++)
            array.disks.edit(i, [](Block &block) { put(block, offsetof(V1Bytes, flags), std::uint8_t{0}); });
        EXPECT_NE(array.disks.load()->view().volumes[0].refused.find("that EMD has not begun"), std::string::npos);
    }
}

TEST(MdLevelRefused, WhatMdLeavesWithinARow)
{
    Array array(kWays[10]);
    array.disks.change(array.start());
    for (std::size_t i = 0; i < 6; i++)
        array.disks.edit(i, [](Block &block) { put(block, offsetof(V1Bytes, reshape_position), Le64(256)); });
    EXPECT_NE(array.disks.load()->view().volumes[0].refused.find("stands within a row: let mdadm and md finish it"), std::string::npos)
        << array.disks.load()->view().volumes[0].refused;
}

}  // namespace
}  // namespace emd::md
