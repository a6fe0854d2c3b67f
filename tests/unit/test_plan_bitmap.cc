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
}

TEST(PlanBitmap, TheKernelKeepsItNoMoreBeforeTheRecordForgetsIt)
{
    const auto plan = planned(array(true), {false, 0}, "+16");
    const std::vector<std::string> want{"emd126: bitmap/location = none", "emd127: monitor records: volume 0 has no bitmap",
                                        "emd127: wait until the monitor is level with volume 0"};
    EXPECT_EQ(steps(plan), want);
    EXPECT_EQ(to_text(plan->steps[0].undo.at(0)), "emd126: bitmap/location = +16");
    // Who was interrupted goes on.
    EXPECT_EQ(steps(planned(array(true), {false, 0}, "none")), std::vector(want.begin() + 1, want.end()));
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
    Container imsm = array(false);
    imsm.format = FormatId::Imsm;
    EXPECT_NE(text(planned(imsm, {true, 0}, "none")).find("superblocks 1.x"), std::string::npos);
}

}  // namespace
}  // namespace emd::plan
