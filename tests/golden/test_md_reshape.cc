// SPDX-License-Identifier: GPL-2.0-only
// A change of shape of an array of md: what is recorded, what is found again after a cut at any write, and what is refused.
#include "golden/allocations.h"
#include "golden/golden.h"
#include "golden/md_disks.h"

#include "libemd/plan/assemble.h"
#include "libemd/plan/grow.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace emd::md {
namespace {

constexpr std::uint64_t kSectors = 8192;
constexpr int kSpare = 3;

NewArray like(int level = 5, const char *version = "1.2")
{
    NewArray want;
    want.name = "vol";
    want.version = version;
    want.shape.level = level;
    want.shape.layout = level == 4 ? 0 : 2;
    want.shape.chunk_sectors = 128;
    want.assume_clean = true;
    return want;
}

Shape shape(const Volume &v, std::uint32_t disks, std::uint32_t chunk = 128, std::uint32_t layout = 2)
{
    Shape to = v.shape;
    to.raid_disks = disks;
    to.chunk_sectors = chunk;
    to.layout = layout;
    return to;
}

change::ReshapeStarted grow(const Volume &v) { return {0, shape(v, 4), {kSpare}}; }

std::string refusal(Disks &disks, const Change &change)
{
    const auto done = disks.array->apply(change);
    return done ? "" : done.error().text();
}

// What EMD says of an array that was found so.
std::string refused(const Disks &disks) { return disks.load()->view().volumes[0].refused; }

void edit_all(Disks &disks, std::size_t count, const std::function<void(V1Bytes &)> &change)
{
    for (std::size_t i = 0; i < count; i++)
        disks.edit(i, [&](Block &block) {
            V1Bytes raw = head_of(block);
            change(raw);
            std::memcpy(block.data(), &raw, sizeof raw);
        });
}

TEST(MdReshape, GrowsFromTheRecordToTheEnd)
{
    Disks disks(like(), 4, 1, kSectors);
    const V1 before = disks.v1(0);
    disks.change(grow(disks.volume()));
    for (std::size_t i = 0; i < 4; i++) {
        const V1 sb = disks.v1(i);
        ASSERT_TRUE(sb.reshape) << i;
        EXPECT_EQ(sb.features & (kReshape | kNewOffset | kBackward), kReshape | kNewOffset);
        EXPECT_EQ(sb.reshape->position, 0u);
        EXPECT_EQ(sb.reshape->delta_disks, 1);
        EXPECT_EQ(sb.raid_disks, 4u);
        EXPECT_EQ(sb.role(), i);
        EXPECT_EQ(sb.data_offset, before.data_offset);
        // As far as mdadm moves it at least, within the room in front, and half of that is left.
        EXPECT_LE(sb.reshape->new_offset, -384);
        EXPECT_GE(sb.reshape->new_offset, -static_cast<std::int64_t>(before.data_offset) / 2);
        EXPECT_EQ(sb.reshape->new_offset % 8, 0);
        EXPECT_EQ(sb.events, before.events + 1);
    }
    const std::int64_t shift = disks.v1(0).reshape->new_offset;
    auto found = disks.load();
    const Volume *v = &found->view().volumes[0];
    ASSERT_TRUE(v->reshape);
    EXPECT_TRUE(v->read_write);
    EXPECT_EQ(v->activity, Activity::Reshape);
    EXPECT_EQ(v->shape.raid_disks, 3u);
    EXPECT_EQ(v->array_sectors, 2 * before.size);
    EXPECT_EQ(v->reshape->target.raid_disks, 4u);
    EXPECT_EQ(v->reshape->data_shift, shift);
    EXPECT_EQ(v->reshape->unit, 768u);
    EXPECT_EQ(v->reshape->target_slots.size(), 4u);
    EXPECT_EQ(health(*v), Health::Optimal);

    disks.change(change::ReshapeProgress{0, 384 * 5 + 8});  // md takes whole steps alone
    EXPECT_EQ(disks.v1(3).reshape->position, 384 * 5u);
    EXPECT_EQ(disks.load()->view().volumes[0].reshape->position, 384 * 5u);
    EXPECT_NE(refusal(disks, change::ReshapeProgress{0, 384}).find("cannot go back"), std::string::npos);
    EXPECT_NE(refusal(disks, change::ReshapeWithdrawn{0}).find("data has moved"), std::string::npos);

    disks.change(change::ReshapeProgress{0, 3 * before.size});
    EXPECT_EQ(disks.v1(1).reshape->position, 3 * before.size);
    disks.change(change::ReshapeFinished{0});
    for (std::size_t i = 0; i < 4; i++) {
        const V1 sb = disks.v1(i);
        EXPECT_FALSE(sb.reshape);
        EXPECT_EQ(sb.features, before.features);
        EXPECT_EQ(sb.raid_disks, 4u);
        EXPECT_EQ(static_cast<std::int64_t>(sb.data_offset), static_cast<std::int64_t>(before.data_offset) + shift);
        EXPECT_EQ(sb.data_offset + sb.data_size, before.data_offset + before.data_size);
    }
    found = disks.load();
    v = &found->view().volumes[0];
    EXPECT_FALSE(v->reshape);
    EXPECT_EQ(v->shape.raid_disks, 4u);
    EXPECT_EQ(v->array_sectors, 3 * before.size);
    EXPECT_EQ(v->slots.size(), 4u);
    EXPECT_EQ(v->slots[3].data_offset, disks.v1(3).data_offset);
    EXPECT_EQ(health(*v), Health::Optimal);
    EXPECT_EQ(disks.volume().slots.size(), 4u);
}

// Each member of the array lies where it says itself, after what was on its way to all is told to those who are here.
void expect_consistent(Disks &disks, std::uint64_t was, std::uint64_t is)
{
    disks.array = disks.load();
    const Volume &v = disks.volume();
    ASSERT_TRUE(v.read_write) << v.refused;
    EXPECT_EQ(health(v), Health::Optimal);
    const bool ended = !v.reshape && v.shape.raid_disks == 4;
    for (const Slot &slot : v.reshape ? v.reshape->target_slots : v.slots)
        EXPECT_EQ(slot.data_offset, ended ? is : was);
    const std::size_t slots = v.reshape ? 4 : v.shape.raid_disks;
    disks.store();
    for (std::size_t i = 0; i < slots; i++) {
        EXPECT_EQ(disks.v1(i).data_offset, ended ? is : was) << i;
        EXPECT_EQ(disks.v1(i).reshape.has_value(), disks.volume().reshape.has_value()) << i;
    }
    disks.change(change::MarkDirty{0});
    disks.array = disks.load();
    EXPECT_EQ(health(disks.volume()), Health::Optimal);
    EXPECT_EQ(disks.volume().shape.raid_disks, ended ? 4u : 3u);
}

TEST(MdReshape, ACutAtAnyWriteOfTheBeginningLeavesTheArrayWhole)
{
    for (std::size_t images = 0; images <= 4; images++) {
        SCOPED_TRACE(images);
        Disks disks(like(), 4, 1, kSectors);
        const std::uint64_t offset = disks.v1(0).data_offset;
        disks.change_in_part(grow(disks.volume()), images);
        expect_consistent(disks, offset, offset);
        // The spare is the first to hear of it: nobody says that it has a place before it says so itself.
        EXPECT_EQ(disks.load()->view().volumes[0].reshape.has_value(), images > 0);
        EXPECT_EQ(disks.v1(3).role() == 3, images > 0);
    }
}

TEST(MdReshape, ACutAtAnyWriteOfTheEndLeavesTheArrayWhole)
{
    for (std::size_t images = 0; images <= 4; images++) {
        SCOPED_TRACE(images);
        Disks disks(like(), 4, 1, kSectors);
        const std::uint64_t was = disks.v1(0).data_offset, size = disks.v1(0).size;
        disks.change(grow(disks.volume()));
        const auto is = static_cast<std::uint64_t>(static_cast<std::int64_t>(was) + disks.v1(0).reshape->new_offset);
        disks.change(change::ReshapeProgress{0, 3 * size});
        const std::uint64_t events = disks.v1(0).events;
        disks.change_in_part(change::ReshapeFinished{0}, images);
        // md takes who is one event behind as he is, with his data where they were.
        std::size_t told = 0;
        for (std::size_t i = 0; i < 4; i++) {
            EXPECT_EQ(disks.v1(i).events, disks.v1(i).reshape ? events : events + 2) << i;
            told += !disks.v1(i).reshape;
        }
        EXPECT_EQ(told, images);
        expect_consistent(disks, was, is);
    }
}

// A member that was away for these changes.
DiskState after_missing(const std::vector<Change> &changes)
{
    Disks disks(like(), 4, 1, kSectors);
    disks.change(grow(disks.volume()));
    Block earlier;
    disks.edit(1, [&](Block &block) { earlier = block; });
    for (const Change &change : changes)
        disks.change(change);
    disks.edit(1, [&](Block &block) { block = earlier; });
    return disks.after(1).state;
}

TEST(MdReshape, WhoHasMissedMoreThanTheEndIsOld)
{
    const change::ReshapeProgress half{0, 768};
    EXPECT_EQ(after_missing({half}), DiskState::Active);
    EXPECT_EQ(after_missing({half, half}), DiskState::Failed);
    EXPECT_EQ(after_missing({change::ReshapeFinished{0}}), DiskState::Active);
    EXPECT_EQ(after_missing({half, change::ReshapeFinished{0}}), DiskState::Failed);
    // One record for both: he is told that he has failed, and not where his data lie.
    Disks disks(like(), 4, 1, kSectors);
    disks.change(grow(disks.volume()));
    ASSERT_TRUE(disks.array->apply(change::DiskFailed{1}));
    disks.change(change::ReshapeFinished{0});
    EXPECT_EQ(disks.v1(1).events + 2, disks.v1(0).events);
    EXPECT_EQ(disks.after(1).state, DiskState::Failed);
}

// It is told where its data are now by what it says itself, and that may be anything.
TEST(MdReshape, WhoseDataCannotBeWhereTheEndPutsThemHasFailed)
{
    const auto end_with = [](const std::function<void(V1Bytes &)> &lie) {
        Disks disks(like(), 4, 1, kSectors);
        disks.change(grow(disks.volume()));
        Block earlier;
        disks.edit(1, [&](Block &block) {
            V1Bytes raw = head_of(block);
            lie(raw);
            seal(block, raw);
            earlier = block;
        });
        disks.change(change::ReshapeFinished{0});
        disks.edit(1, [&](Block &block) { block = earlier; });
        const auto found = disks.load();
        const Volume &v = found->view().volumes[0];
        EXPECT_EQ(v.refused, "");
        EXPECT_EQ(v.shape.raid_disks, 4u);
        EXPECT_EQ(health(v), disks.after(1).state == DiskState::Failed ? Health::Degraded : Health::Optimal);
        return disks.after(1).state;
    };
    EXPECT_EQ(end_with([](V1Bytes &) {}), DiskState::Active);
    EXPECT_EQ(end_with([](V1Bytes &raw) { raw.new_offset = 0x7ffffff8u; }), DiskState::Failed);
    EXPECT_EQ(end_with([](V1Bytes &raw) { raw.new_offset = static_cast<std::uint32_t>(raw.data_size.get() - raw.size.get() + 8); }), DiskState::Failed);
    EXPECT_EQ(end_with([](V1Bytes &raw) { raw.new_offset = static_cast<std::uint32_t>(-raw.data_offset.get()); }), DiskState::Failed);
    EXPECT_EQ(end_with([](V1Bytes &raw) { raw.data_size = kSectors; }), DiskState::Failed);
    EXPECT_EQ(end_with([](V1Bytes &raw) { raw.data_size = kMostSectors - 1; }), DiskState::Failed);
}

TEST(MdReshape, WithdrawnAtAnyWriteItIsAsItWas)
{
    for (std::size_t images = 0; images <= 4; images++) {
        SCOPED_TRACE(images);
        Disks disks(like(), 4, 1, kSectors);
        const std::uint64_t offset = disks.v1(0).data_offset;
        disks.change(grow(disks.volume()));
        disks.change_in_part(change::ReshapeWithdrawn{0}, images);
        expect_consistent(disks, offset, offset);
        if (images < 4)
            continue;
        EXPECT_FALSE(disks.volume().reshape);
        EXPECT_EQ(disks.v1(0).raid_disks, 3u);
        EXPECT_EQ(disks.after(3).state, DiskState::Spare);
        EXPECT_EQ(refusal(disks, grow(disks.volume())), "");
    }
}

// -- back ------------------------------------------------------------------------------------------------------------------

// Half of it has moved, and is to be moved back.
constexpr std::uint64_t kTurned = 2304;

void grow_half(Disks &disks)
{
    disks.change(grow(disks.volume()));
    disks.change(change::ReshapeProgress{0, kTurned});
}

TEST(MdReshape, RevertedItGoesBackToWhereItCameFrom)
{
    Disks disks(like(), 4, 1, kSectors);
    const V1 before = disks.v1(0);
    grow_half(disks);
    const V1 forth = disks.v1(0);
    disks.change(change::ReshapeReverted{0, true});
    const auto moved = static_cast<std::uint64_t>(static_cast<std::int64_t>(before.data_offset) + forth.reshape->new_offset);
    for (std::size_t i = 0; i < 4; i++) {
        const V1 sb = disks.v1(i);
        ASSERT_TRUE(sb.reshape) << i;
        EXPECT_TRUE(sb.reshape->backward);
        EXPECT_TRUE(begun_by_emd(sb));
        EXPECT_EQ(sb.reshape->position, kTurned);
        EXPECT_EQ(sb.reshape->delta_disks, -1);
        EXPECT_EQ(sb.raid_disks, 3u);
        EXPECT_EQ(sb.data_offset, moved);
        EXPECT_EQ(sb.reshape->new_offset, -forth.reshape->new_offset);
        EXPECT_EQ(sb.events, forth.events + 2);
    }
    const auto found = disks.load();
    const Volume &v = found->view().volumes[0];
    ASSERT_TRUE(v.reshape) << v.refused;
    EXPECT_EQ(v.refused, "");
    EXPECT_TRUE(v.reshape->backward);
    EXPECT_EQ(v.shape.raid_disks, 4u);
    EXPECT_EQ(v.reshape->target.raid_disks, 3u);
    EXPECT_EQ(v.reshape->target_slots.size(), 3u);
    EXPECT_EQ(v.array_sectors, 2 * before.size) << "nothing behind that has ever been the user's";
    EXPECT_EQ(v.slots[3].data_offset, moved);

    EXPECT_NE(refusal(disks, change::ReshapeProgress{0, kTurned + 256}).find("cannot go back"), std::string::npos);
    EXPECT_NE(refusal(disks, change::ReshapeWithdrawn{0}).find("data has moved"), std::string::npos);
    disks.change(change::ReshapeProgress{0, 1000});
    EXPECT_EQ(disks.v1(2).reshape->position, 1024u) << "what is not moved yet is not said to be";
    disks.change(change::ReshapeProgress{0, 0});
    disks.change(change::ReshapeFinished{0});
    for (std::size_t i = 0; i < 3; i++) {
        const V1 sb = disks.v1(i);
        EXPECT_FALSE(sb.reshape);
        EXPECT_EQ(sb.features, before.features);
        EXPECT_EQ(sb.raid_disks, 3u);
        EXPECT_EQ(sb.data_offset, before.data_offset);
        EXPECT_EQ(sb.data_size, before.data_size);
        EXPECT_EQ(sb.size, before.size);
    }
    EXPECT_EQ(disks.after(3).state, DiskState::Spare);
    EXPECT_EQ(health(disks.volume()), Health::Optimal);
    EXPECT_EQ(refusal(disks, grow(disks.volume())), "");
}

TEST(MdReshape, ACutAtAnyWriteOfTheTurnLeavesTheArrayWhole)
{
    for (std::size_t images = 0; images <= 4; images++) {
        SCOPED_TRACE(images);
        Disks disks(like(), 4, 1, kSectors);
        const std::uint64_t was = disks.v1(0).data_offset;
        grow_half(disks);
        const auto is = static_cast<std::uint64_t>(static_cast<std::int64_t>(was) + disks.v1(0).reshape->new_offset);
        disks.change_in_part(change::ReshapeReverted{0, true}, images);
        disks.array = disks.load();
        const Volume &v = disks.volume();
        ASSERT_TRUE(v.reshape) << v.refused;
        EXPECT_EQ(v.refused, "");
        EXPECT_EQ(v.reshape->backward, images > 0);
        EXPECT_EQ(v.reshape->position, kTurned);
        EXPECT_EQ(health(v), Health::Optimal);
        EXPECT_EQ(v.array_sectors, 2 * v.shape.component_sectors);
        for (const Slot &slot : images ? v.slots : v.reshape->target_slots)
            EXPECT_EQ(slot.data_offset, images ? is : was);
        disks.store();
        for (std::size_t i = 0; i < 4; i++) {
            EXPECT_EQ(disks.v1(i).data_offset, images ? is : was) << i;
            EXPECT_EQ(disks.v1(i).reshape->backward, images > 0) << i;
        }
        disks.change(change::MarkDirty{0});
        disks.array = disks.load();
        EXPECT_EQ(health(disks.volume()), Health::Optimal);
    }
}

TEST(MdReshape, ACutAtAnyWriteOfTheEndOfTheWayBackLeavesTheArrayWhole)
{
    for (std::size_t images = 0; images <= 4; images++) {
        SCOPED_TRACE(images);
        Disks disks(like(), 4, 1, kSectors);
        const std::uint64_t was = disks.v1(0).data_offset;
        grow_half(disks);
        disks.change(change::ReshapeReverted{0, true});
        disks.change(change::ReshapeProgress{0, 0});
        const std::uint64_t moved = disks.v1(0).data_offset;
        disks.change_in_part(change::ReshapeFinished{0}, images);
        disks.array = disks.load();
        const Volume &v = disks.volume();
        EXPECT_EQ(v.refused, "");
        EXPECT_EQ(v.reshape.has_value(), images == 0);
        EXPECT_EQ(health(v), Health::Optimal);
        disks.store();
        for (std::size_t i = 0; i < 3; i++)
            EXPECT_EQ(disks.v1(i).data_offset, images ? was : moved) << i;
        disks.change(change::MarkDirty{0});
        disks.array = disks.load();
        EXPECT_EQ(health(disks.volume()), Health::Optimal);
        EXPECT_EQ(disks.volume().array_sectors, 2 * disks.volume().shape.component_sectors);
    }
}

TEST(MdReshape, ItTurnsAsOftenAsAnybodyLikes)
{
    Disks disks(like(), 4, 1, kSectors);
    grow_half(disks);
    const V1 forth = disks.v1(1);
    disks.change(change::ReshapeReverted{0, true});
    disks.change(change::ReshapeProgress{0, 768});
    disks.change(change::ReshapeReverted{0, false});
    const V1 again = disks.v1(1);
    ASSERT_TRUE(again.reshape);
    EXPECT_FALSE(again.reshape->backward);
    EXPECT_NE(refusal(disks, change::ReshapeReverted{0, false}).find("goes forward already"), std::string::npos);
    EXPECT_EQ(again.reshape->position, 768u);
    EXPECT_EQ(again.reshape->delta_disks, 1);
    EXPECT_EQ(again.raid_disks, 4u);
    EXPECT_EQ(again.data_offset, forth.data_offset);
    EXPECT_EQ(again.data_size, forth.data_size);
    EXPECT_EQ(again.reshape->new_offset, forth.reshape->new_offset);
    EXPECT_EQ(disks.load()->view().volumes[0].refused, "");
}

TEST(MdReshape, WhatCannotBeTurnedIsRefused)
{
    Disks disks(like(), 4, 1, kSectors);
    EXPECT_NE(refusal(disks, change::ReshapeReverted{0, true}).find("no reshape is recorded"), std::string::npos);
    disks.change(grow(disks.volume()));
    disks.change(change::ReshapeProgress{0, 384 * 5});
    EXPECT_NE(refusal(disks, change::ReshapeReverted{0, true}).find("within a row of the shape that it had"), std::string::npos);
    EXPECT_TRUE(disks.load()->view().volumes[0].reshape);

    // Where nothing has moved there is nothing to move back.
    Disks fresh(like(), 4, 1, kSectors);
    const V1 before = fresh.v1(0);
    fresh.change(grow(fresh.volume()));
    fresh.change(change::ReshapeReverted{0, true});
    EXPECT_FALSE(fresh.v1(0).reshape);
    EXPECT_EQ(fresh.v1(0).data_offset, before.data_offset);
    EXPECT_EQ(fresh.after(3).state, DiskState::Spare);
}

TEST(MdReshape, ChunkAndLayoutGoBackToo)
{
    Disks disks(like(), 3, 0, kSectors);
    const V1 before = disks.v1(0);
    disks.change(change::ReshapeStarted{0, shape(disks.volume(), 3, 64, 0), {}});
    disks.change(change::ReshapeProgress{0, 512});
    disks.change(change::ReshapeReverted{0, true});
    const V1 sb = disks.v1(2);
    ASSERT_TRUE(sb.reshape);
    EXPECT_EQ(sb.features & kBackward, kBackward) << "the number of members does not say it";
    EXPECT_EQ(sb.chunk_sectors, 64u);
    EXPECT_EQ(sb.layout, 0u);
    EXPECT_EQ(sb.reshape->chunk_sectors, 128u);
    EXPECT_EQ(sb.reshape->layout, 2u);
    const auto found = disks.load();
    ASSERT_TRUE(found->view().volumes[0].reshape) << found->view().volumes[0].refused;
    EXPECT_TRUE(found->view().volumes[0].reshape->backward);
    disks.change(change::ReshapeProgress{0, 0});
    disks.change(change::ReshapeFinished{0});
    EXPECT_EQ(disks.v1(1).chunk_sectors, 128u);
    EXPECT_EQ(disks.v1(1).layout, 2u);
    EXPECT_EQ(disks.v1(1).data_offset, before.data_offset);
    EXPECT_EQ(disks.v1(1).features, before.features);
}

TEST(MdReshape, TheKernelIsToldToGoBack)
{
    Disks disks(like(), 4, 1, kSectors);
    grow_half(disks);
    disks.change(change::ReshapeReverted{0, true});
    const auto found = disks.load();
    const Volume &v = found->view().volumes[0];
    const auto plan = plan::plan_volume(found->view(), v, "c", "vol", {});
    ASSERT_TRUE(plan) << plan.error().text();
    const auto set = [&](const std::string &attribute) {
        std::string value;
        for (const plan::Step &step : plan->steps)
            if (const auto *s = std::get_if<plan::Set>(&step.action); s && s->attribute == attribute)
                value = s->value;
        return value;
    };
    EXPECT_EQ(set("reshape_direction"), "backwards");
    EXPECT_EQ(set("reshape_position"), fmt::to_string(kTurned));
    EXPECT_EQ(set("array_size"), fmt::to_string(v.array_sectors / 2));
    EXPECT_EQ(set("raid_disks"), "3");
}

TEST(MdReshape, WhileItRunsTheRecordTurnsBeforeTheKernel)
{
    Disks disks(like(), 4, 1, kSectors);
    const plan::RunningVolume r{0, "emd1", "active", "reshape"};
    const plan::Running running{"emd0", {r}};
    const auto planned = [&] {
        return plan::plan_turn_back(disks.array->view(), r, running, [&](const Change &change) -> Result<Container> {
            const auto copy = disks.load();
            EMD_TRY(copy->apply(change));
            return copy->view();
        });
    };
    const auto why = [&] {
        const auto plan = planned();
        return plan ? "" : plan.error().text();
    };
    EXPECT_NE(why().find("nothing to move back"), std::string::npos);
    disks.change(grow(disks.volume()));
    EXPECT_NE(why().find("nothing has moved yet"), std::string::npos);
    disks.change(change::ReshapeProgress{0, 384 * 5});
    EXPECT_NE(why().find("within a row"), std::string::npos);
    disks.change(change::ReshapeProgress{0, kTurned});
    const auto plan = planned();
    ASSERT_TRUE(plan) << plan.error().text();
    std::size_t sent = 0, set = 0, managed = 0;
    for (std::size_t i = 0; i < plan->steps.size(); i++) {
        const plan::Step &step = plan->steps[i];
        if (const auto *send = std::get_if<plan::Send>(&step.action)) {
            sent = i;
            EXPECT_TRUE(std::get<change::ReshapeReverted>(send->change).backward);
            ASSERT_EQ(step.undo.size(), 1u);
            EXPECT_FALSE(std::get<change::ReshapeReverted>(std::get<plan::Send>(step.undo[0]).change).backward);
        }
        if (const auto *s = std::get_if<plan::Set>(&step.action); s && s->attribute == "reshape_direction")
            set = i;
        if (std::holds_alternative<plan::Manage>(step.action))
            managed = i;
    }
    EXPECT_GT(sent, 0u);
    EXPECT_GT(set, sent);
    EXPECT_GT(managed, set);
    disks.change(change::ReshapeReverted{0, true});
    EXPECT_NE(why().find("stop it, and emdadm --assemble --update=revert-reshape turns it"), std::string::npos);
}

TEST(MdReshape, ProgressAndEndNeedNoMemory)
{
    Disks disks(like(), 4, 1, kSectors);
    disks.change(grow(disks.volume()));
    const std::uint64_t total = 3 * disks.v1(0).size;
    const Change changes[] = {change::ReshapeProgress{0, 768}, change::ReshapeProgress{0, total}, change::ReshapeFinished{0}};
    std::vector<Image> images = disks.array->prepare();
    for (const Change &change : changes) {
        const unsigned long before = golden::allocations();
        ASSERT_TRUE(disks.array->apply(change));
        disks.array->encode(images);
        disks.array->stored();
        EXPECT_EQ(golden::allocations(), before);
    }
    EXPECT_EQ(disks.volume().slots.size(), 4u);
}

TEST(MdReshape, ChunkAndLayoutMoveTheDataToo)
{
    Disks disks(like(6), 4, 0, kSectors);
    const V1 before = disks.v1(0);
    disks.change(change::ReshapeStarted{0, shape(disks.volume(), 4, 64, 5), {}});
    const V1 moving = disks.v1(2);
    ASSERT_TRUE(moving.reshape);
    EXPECT_EQ(moving.reshape->chunk_sectors, 64u);
    EXPECT_EQ(moving.reshape->layout, 5u);
    EXPECT_EQ(moving.chunk_sectors, 128u);
    EXPECT_LE(moving.reshape->new_offset, -128);
    EXPECT_EQ(refused(disks), "");
    disks.change(change::ReshapeProgress{0, 2 * before.size});
    disks.change(change::ReshapeFinished{0});
    EXPECT_EQ(disks.v1(3).chunk_sectors, 64u);
    EXPECT_EQ(disks.v1(3).layout, 5u);
    EXPECT_EQ(disks.v1(3).flags & kBegunByEmd, 0);
    EXPECT_EQ(disks.load()->view().volumes[0].shape, shape(disks.volume(), 4, 64, 5));
}

// The place of a member is not given to another one, and what a stale one holds is not read.
TEST(MdReshape, AMemberThatFailsOnTheWayIsMissing)
{
    Disks disks(like(), 4, 1, kSectors);
    disks.change(grow(disks.volume()));
    disks.change(change::ReshapeProgress{0, 768});
    disks.change(change::DiskFailed{1});
    disks.change(change::ReshapeProgress{0, 1536});
    const auto found = disks.load();
    const Volume &v = found->view().volumes[0];
    ASSERT_TRUE(v.reshape);
    EXPECT_EQ(v.reshape->position, 1536u);
    EXPECT_FALSE(v.reshape->target_slots[1].in_sync);
    EXPECT_EQ(health(v), Health::Degraded);
    EXPECT_EQ(disks.after(1).state, DiskState::Failed);
}

TEST(MdReshape, WhatCannotBeRecordedIsRefused)
{
    Disks disks(like(), 4, 1, kSectors);
    const auto text = [&](const Shape &to, std::vector<int> added = {}) { return refusal(disks, change::ReshapeStarted{0, to, std::move(added)}); };
    EXPECT_NE(text(shape(disks.volume(), 2)).find("hold less than now: take --raid-devices=3 or more, or make it smaller first, with emdadm --grow "
                                                  "--array-size="), std::string::npos);
    EXPECT_NE(text(shape(disks.volume(), 3)).find("has this shape already"), std::string::npos);
    EXPECT_NE(text(shape(disks.volume(), 4)).find("1 new disks are needed, 0 were named"), std::string::npos);
    EXPECT_NE(text(shape(disks.volume(), 4), {0}).find("d0 is no spare"), std::string::npos);
    EXPECT_NE(text(shape(disks.volume(), 5), {3, 3}).find("named twice"), std::string::npos);
    EXPECT_NE(text(shape(disks.volume(), 3, 4096)).find("no multiple of both chunks"), std::string::npos);
    EXPECT_NE(text(shape(disks.volume(), 3, 96)).find("power of two"), std::string::npos);
    EXPECT_NE(text(shape(disks.volume(), 3, 2)).find("smaller than a page"), std::string::npos);
    EXPECT_NE(text(shape(disks.volume(), 3, 128, 77)).find("vol: "), std::string::npos);
    Shape other = shape(disks.volume(), 3);
    other.level = 6;
    EXPECT_NE(text(other).find("too small for the level: take --raid-devices=4 or more"), std::string::npos);
    other.level = 10;
    other.layout = 0x102;
    EXPECT_NE(text(other).find("near copies on a multiple of as many members only"), std::string::npos);
    EXPECT_FALSE(disks.volume().reshape);
    EXPECT_EQ(text(shape(disks.volume(), 4), {kSpare}), "");
    EXPECT_NE(text(shape(disks.volume(), 4), {kSpare}).find("is being reshaped already"), std::string::npos);
}

TEST(MdReshape, ItNeedsRoomInFrontOfTheDataAndNoBitmap)
{
    Disks at_the_end(like(5, "1.0"), 4, 1, kSectors);
    EXPECT_NE(refusal(at_the_end, grow(at_the_end.volume())).find("0 are free on d0"), std::string::npos);
    NewArray want = like();
    want.bitmap = true;
    Disks with_bitmap(want, 4, 1, kSectors);
    EXPECT_NE(refusal(with_bitmap, grow(with_bitmap.volume())).find("--bitmap=none takes it away"), std::string::npos);
    Disks in_front(like(5, "1.1"), 4, 1, kSectors);
    EXPECT_EQ(refusal(in_front, grow(in_front.volume())), "");
    Disks degraded(like(), 4, 1, kSectors);
    degraded.change(change::DiskFailed{0});
    EXPECT_NE(refusal(degraded, change::ReshapeStarted{0, shape(degraded.volume(), 4), {kSpare}}).find("misses a member"), std::string::npos);
    Disks old("md090-raid1-spare");
    EXPECT_NE(refusal(old, change::ReshapeStarted{0, shape(old.volume(), 3), {2}}), "");
}

// -- what was begun elsewhere, and what somebody has made up --

TEST(MdReshape, AGrowThatMdHasBegunGoesOn)
{
    Disks disks("md12-reshape-raid5-3to4-newoffset");
    const Volume &v = disks.volume();
    ASSERT_TRUE(v.reshape) << v.refused;
    EXPECT_EQ(v.reshape->position, 81792u);
    EXPECT_EQ(v.reshape->data_shift, -384);
    EXPECT_EQ(health(v), Health::Optimal);
    disks.change(change::ReshapeProgress{0, 81792 + 384});
    EXPECT_EQ(disks.v1(0).reshape->position, 81792u + 384);
    EXPECT_EQ(disks.v1(0).reshape->new_offset, -384);
    disks.change(change::ReshapeFinished{0});
    EXPECT_EQ(disks.v1(0).data_offset, 2048u - 384);
    EXPECT_EQ(disks.load()->view().volumes[0].shape.raid_disks, 4u);
}

TEST(MdReshape, TheKernelIsToldWhereDataMoveTo)
{
    Disks disks("md12-reshape-raid5-3to4-newoffset");
    const auto plan = plan::plan_volume(disks.array->view(), disks.volume(), "c", "vol", {});
    ASSERT_TRUE(plan) << plan.error().text();
    std::size_t moved = 0;
    for (const plan::Step &step : plan->steps)
        if (const auto *add = std::get_if<plan::AddMember>(&step.action)) {
            EXPECT_EQ(add->offset, 2048u);
            EXPECT_EQ(add->new_offset, 1664u);
            moved++;
        }
    EXPECT_EQ(moved, 4u);
}

TEST(MdReshape, WhatMdHasToFinishIsLeftAlone)
{
    EXPECT_NE(refused(Disks("md12-reshape-raid5-3to4-backup")).find("whose backup only mdadm knows"), std::string::npos);
    EXPECT_NE(refused(Disks("md12-reshape-raid5-4to3-shrink")).find("from the end to the front"), std::string::npos);
    EXPECT_NE(refused(Disks("md090-reshape-raid5-3to4")).find("only mdadm knows"), std::string::npos);
    // Of such a change md may have done more than it says, if md has begun it.
    Disks chunk("md12-reshape-raid5-chunk");
    EXPECT_NE(refused(chunk).find("may be further than it has recorded"), std::string::npos);
    EXPECT_TRUE(chunk.array->prepare().empty());
    const std::int64_t by = chunk.v1(0).reshape->new_offset;
    for (const std::uint8_t mark : {kBegunByEmd, begun_mark(chunk.v1(0).data_offset - 8, by), begun_mark(chunk.v1(0).data_offset, 2 * by)}) {
        edit_all(chunk, 3, [&](V1Bytes &raw) { raw.flags = mark; });
        EXPECT_NE(refused(chunk).find("may be further than it has recorded"), std::string::npos) << +mark;
    }
    edit_all(chunk, 3, [](V1Bytes &raw) { raw.flags = begun_mark(raw.data_offset.get(), static_cast<std::int32_t>(raw.new_offset.get())); });
    EXPECT_EQ(refused(chunk), "");
}

TEST(MdReshape, AGrowThatMdHasBegunAndNotRecordedIsLeftToIt)
{
    Disks disks("md12-reshape-raid5-3to4-newoffset");
    edit_all(disks, 4, [](V1Bytes &raw) { raw.reshape_position = 0u; });
    EXPECT_NE(refused(disks).find("has recorded no position yet"), std::string::npos) << refused(disks);
    EXPECT_TRUE(disks.load()->prepare().empty());
    edit_all(disks, 4, [](V1Bytes &raw) { raw.flags = begun_mark(raw.data_offset.get(), static_cast<std::int32_t>(raw.new_offset.get())); });
    EXPECT_EQ(refused(disks), "");
}

// md ends what EMD has begun, and keeps the bits that say so.
TEST(MdReshape, TheMarkGoesWithItsReshape)
{
    const auto ended_by_md = [](Disks &disks) {
        edit_all(disks, 3, [](V1Bytes &raw) {
            raw.features = raw.features.get() & ~(kReshape | kNewOffset);
            raw.data_offset = raw.data_offset.get() + static_cast<std::uint64_t>(static_cast<std::int32_t>(raw.new_offset.get()));
            raw.data_size = raw.data_size.get() - static_cast<std::uint64_t>(static_cast<std::int32_t>(raw.new_offset.get()));
            std::swap(raw.chunk_sectors, raw.new_chunk);
        });
    };
    Disks disks(like(), 3, 0, kSectors);
    edit_all(disks, 3, [](V1Bytes &raw) { raw.flags = 1; });
    disks.array = disks.load();
    disks.change(change::ReshapeStarted{0, shape(disks.volume(), 3, 64), {}});
    for (std::size_t i = 0; i < 3; i++)
        EXPECT_EQ(disks.v1(i).flags, 1 | begun_mark(disks.v1(i).data_offset, disks.v1(i).reshape->new_offset)) << i;
    disks.array = disks.load();
    disks.change(change::ReshapeProgress{0, 2 * 128});
    EXPECT_EQ(disks.load()->view().volumes[0].reshape->position, 256u) << disks.volume().refused;

    ended_by_md(disks);
    EXPECT_TRUE(disks.v1(0).flags & kBegunByEmd);
    // Another one that md begins, by the same distance.
    edit_all(disks, 3, [](V1Bytes &raw) { raw.features = raw.features.get() | kReshape | kNewOffset; });
    EXPECT_NE(refused(disks).find("may be further than it has recorded"), std::string::npos) << refused(disks);

    edit_all(disks, 3, [](V1Bytes &raw) { raw.features = raw.features.get() & ~(kReshape | kNewOffset); });
    disks.array = disks.load();
    disks.change(change::MarkDirty{0});
    for (std::size_t i = 0; i < 3; i++)
        EXPECT_EQ(disks.v1(i).flags, 1) << i;
}

TEST(MdReshape, MadeUpRecordsAreRefused)
{
    const auto lie = [](const std::function<void(V1Bytes &)> &change) {
        Disks disks("md12-reshape-raid5-3to4-newoffset");
        edit_all(disks, 4, change);
        const auto found = disks.load();
        EXPECT_TRUE(found->prepare().empty());
        EXPECT_FALSE(found->view().volumes[0].reshape);
        return found->view().volumes[0].refused;
    };
    EXPECT_NE(lie([](V1Bytes &raw) { raw.reshape_position = 79872 * 3 + 384; }).find("stands at sector"), std::string::npos);
    EXPECT_NE(lie([](V1Bytes &raw) { raw.reshape_position = 81792 + 8; }).find("no multiple of 384"), std::string::npos);
    EXPECT_NE(lie([](V1Bytes &raw) { raw.new_offset = 0u; }).find("backup"), std::string::npos);
    EXPECT_NE(lie([](V1Bytes &raw) { raw.new_offset = static_cast<std::uint32_t>(-8); }).find("without a backup"), std::string::npos);
    EXPECT_NE(lie([](V1Bytes &raw) { raw.new_offset = 384u; }).find("overwrite"), std::string::npos);
    EXPECT_NE(lie([](V1Bytes &raw) { raw.new_offset = static_cast<std::uint32_t>(-2040); }).find("lies over the"), std::string::npos);
    EXPECT_NE(lie([](V1Bytes &raw) { raw.delta_disks = static_cast<std::uint32_t>(-1); }).find("from the end"), std::string::npos);
    EXPECT_NE(lie([](V1Bytes &raw) { raw.new_level = 6u; }).find("EMD has not begun, and that changes its level"), std::string::npos);
    EXPECT_NE(lie([](V1Bytes &raw) { raw.new_layout = 99u; }).find("EMD cannot do"), std::string::npos);
    EXPECT_NE(lie([](V1Bytes &raw) { raw.new_chunk = 120u; }).find("let mdadm and md finish it"), std::string::npos);
    EXPECT_NE(lie([](V1Bytes &raw) { raw.features = raw.features.get() | kBitmap; }).find("bitmap"), std::string::npos);
}

TEST(MdReshape, MembersThatContradictAreNotMixed)
{
    Disks disks("md12-reshape-raid5-3to4-newoffset");
    disks.edit(2, [](Block &block) { put(block, offsetof(V1Bytes, new_offset), Le32(static_cast<std::uint32_t>(-768))); });
    EXPECT_NE(refused(disks).find("moves the data of"), std::string::npos);
    Disks other("md12-reshape-raid5-3to4-newoffset");
    other.edit(2, [](Block &block) { put(block, offsetof(V1Bytes, new_layout), Le32(3)); });
    EXPECT_EQ(health(other.load()->view().volumes[0]), Health::Degraded);
}

}  // namespace
}  // namespace emd::md
