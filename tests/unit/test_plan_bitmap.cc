// SPDX-License-Identifier: GPL-2.0-only
// --grow --bitmap: what is done, and in which order.
#include "libemd/plan/bitmap.h"
#include "unit/plan_world.h"

#include <gtest/gtest.h>

namespace emd::plan {
namespace {

Container array(bool with_bitmap)
{
    Container c = three_disks(0);
    c.format = FormatId::Md1;
    if (with_bitmap)
        c.volumes[0].bitmap = BitmapPlace{16, 65536};
    return c;
}

Result<Plan> planned(const Container &now, const BitmapRequest &want, std::string_view location, const Running &r = running())
{
    const Express express = [&](const Change &change) -> Result<Container> {
        Container after = now;
        if (const auto *added = std::get_if<change::BitmapAdded>(&change))
            after.volumes[0].bitmap = BitmapPlace{16, added->chunk_bytes ? static_cast<std::uint32_t>(added->chunk_bytes) : 64u << 20};
        if (std::holds_alternative<change::BitmapRemoved>(change) && !now.volumes[0].bitmap)
            return fail(Errc::Refused, "no bitmap");
        if (std::holds_alternative<change::BitmapRemoved>(change) && now.volumes[0].slots[0].returning)
            return fail(Errc::Busy, "the record refuses");
        return after;
    };
    return plan_bitmap(now, now.volumes[0], want, r, location, express);
}

std::vector<std::string> steps(const Result<Plan> &plan)
{
    std::vector<std::string> all;
    EXPECT_TRUE(plan) << plan.error().text();
    for (const Step &step : plan ? plan->steps : std::vector<Step>())
        all.push_back(to_text(step.action));
    return all;
}

TEST(PlanBitmap, ItIsRecordedBeforeTheKernelKeepsIt)
{
    const auto plan = planned(array(false), {true, 65536}, "none");
    EXPECT_EQ(steps(plan), (std::vector<std::string>{"emd127: monitor records: volume 0 has a bitmap, with all bits set", "emd126: bitmap/metadata = internal",
                                                     "emd126: bitmap/chunksize = 65536", "emd126: bitmap/time_base = 5", "emd126: bitmap/location = +16",
                                                     "emd127: wait until the monitor is level with volume 0"}));
    ASSERT_EQ(plan->steps[0].undo.size(), 1u) << "what the kernel refuses must not be believed";
    EXPECT_EQ(to_text(plan->steps[0].undo[0]), "emd127: monitor records: volume 0 has no bitmap");
    EXPECT_TRUE(plan->steps[5].commit) << "one that works stays";
    const auto usual = planned(array(false), {true, 0}, "none");
    const auto &added = std::get<change::BitmapAdded>(std::get<Send>(usual->steps[0].action).change);
    EXPECT_EQ(added.sector, 16u) << "the kernel is told of this one";
    EXPECT_EQ(added.chunk_bytes, 64u << 20);
}

TEST(PlanBitmap, TheKernelKeepsItNoMoreBeforeTheRecordForgetsIt)
{
    const auto plan = planned(array(true), {false, 0}, "+16");
    const std::string level = "emd127: wait until the monitor is level with volume 0", none = "emd126: bitmap/location = none",
                      forgets = "emd127: monitor records: volume 0 has no bitmap";
    EXPECT_EQ(steps(plan), (std::vector{level, none, forgets, level}));
    for (const Step &step : plan->steps)
        EXPECT_TRUE(step.undo.empty()) << "what the record has forgotten the kernel must not keep";
    EXPECT_TRUE(plan->steps[2].commit);
    // Who was interrupted goes on.
    EXPECT_EQ(steps(planned(array(true), {false, 0}, "none")), (std::vector{level, forgets, level}));
    EXPECT_EQ(steps(planned(array(false), {false, 0}, "+16")), (std::vector{level, none, level}));
    EXPECT_EQ(steps(planned(array(true), {true, 0}, "none")).size(), 6u);
}

TEST(PlanBitmap, WhatIsSoAlreadyNeedsNothing)
{
    EXPECT_TRUE(steps(planned(array(true), {true, 0}, "+16")).empty());
    EXPECT_TRUE(steps(planned(array(true), {true, 65536}, "+16")).empty());
    EXPECT_TRUE(steps(planned(array(false), {false, 0}, "none")).empty());
}

TEST(PlanBitmap, Refusals)
{
    const auto text = [](const Result<Plan> &plan) { return plan ? std::string("planned") : plan.error().text(); };
    EXPECT_NE(text(planned(array(true), {true, 131072}, "+16")).find("--bitmap=none"), std::string::npos);
    EXPECT_NE(text(planned(array(false), {true, 0}, "none", running({{0, "emd126", "active", "recover", 1, false}}))).find("--wait"), std::string::npos);
    EXPECT_NE(text(planned(array(false), {true, 0}, "none", running({{0, "emd126", "readonly", "idle", 0, false}}))).find("--readwrite"), std::string::npos);
    EXPECT_NE(text(planned(array(false), {true, 0}, "none", running({}))).find("not running"), std::string::npos);
    EXPECT_NE(text(planned(array(false), {true, 0}, "+16")).find("not recorded: remove it first, with --bitmap=none"), std::string::npos);
    Container kept = array(true);
    kept.volumes[0].slots[0].returning = true;
    EXPECT_NE(text(planned(kept, {false, 0}, "+16")).find("the record refuses"), std::string::npos) << "before the kernel acts";
    Container imsm = array(false);
    imsm.format = FormatId::Imsm;
    EXPECT_NE(text(planned(imsm, {true, 0}, "none")).find("superblocks 1.x"), std::string::npos);
}

}  // namespace
}  // namespace emd::plan
