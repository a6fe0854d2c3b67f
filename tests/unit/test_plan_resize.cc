// SPDX-License-Identifier: GPL-2.0-only
// --grow --size: what is done, and in which order.
#include "libemd/plan/resize.h"
#include "unit/plan_world.h"

#include <gtest/gtest.h>

namespace emd::plan {
namespace {

constexpr std::uint64_t kMore = 2 * kComponent, kLess = kComponent / 2;
const std::string kFrozen = "emd126: sync_action = frozen", kHeld = "emd126: metadata_version = external:-emd127/0",
                  kThawed = "emd126: metadata_version = external:/emd127/0", kIdle = "emd126: sync_action = idle",
                  kLevel = "emd127: wait until the monitor is level with volume 0";

Container array()
{
    Container c = three_disks(0);
    c.format = FormatId::Md1;
    return c;
}

// The kernel, with `component` sectors of each member.
Running runs(std::uint64_t component = kComponent, const std::string &array_size = "default", const std::string &action = "idle", unsigned degraded = 0)
{
    RunningVolume v{0, "emd126", "clean", action, degraded, false};
    for (const char *name : {"dev-sda", "dev-sdb", "dev-sdc"})
        v.members.push_back({name, 2048, component});
    v.component_sectors = component;
    v.array_size = array_size;
    return {"emd127", {v}};
}

// All disks hold kMore sectors, and chunks are whole.
Result<Plan> planned(const Container &now, const ResizeRequest &want, const Running &r)
{
    const Express express = [&](const Change &change) -> Result<Container> {
        const std::uint64_t asked = std::get<change::Resized>(change).component_sectors, sectors = asked ? asked : kMore;
        if (sectors > kMore)
            return fail(Errc::NoSpace, "/dev/sdb is too small");
        Container after = now;
        after.volumes[0].shape.component_sectors = sectors - sectors % 128;
        return after;
    };
    return plan_resize(now, now.volumes[0], want, r, express);
}

std::vector<std::string> steps(const Result<Plan> &plan)
{
    std::vector<std::string> all;
    EXPECT_TRUE(plan) << plan.error().text();
    for (const Step &step : plan ? plan->steps : std::vector<Step>())
        if (!std::holds_alternative<Expect>(step.action) && !std::holds_alternative<StartMonitor>(step.action))
            all.push_back(to_text(step.action));
    return all;
}

std::string text(const Result<Plan> &plan) { return plan ? std::string("planned") : plan.error().text(); }

std::string records(std::uint64_t component) { return fmt::format("emd127: monitor records: volume 0 uses {} sectors of each disk", component); }
std::string told(std::uint64_t component) { return fmt::format("emd126: component_size = {}", component / 2); }
std::string member(char letter, std::uint64_t component) { return fmt::format("emd126: dev-sd{}/size = {}", letter, component / 2); }

// The undo of the step that reads so, as text.
std::vector<std::string> undo_of(const Result<Plan> &plan, const std::string &step)
{
    std::vector<std::string> all;
    for (const Step &s : plan->steps)
        if (to_text(s.action) == step)
            for (const Action &action : s.undo)
                all.push_back(to_text(action));
    return all;
}

TEST(PlanResize, LargerIsRecordedBeforeTheKernelIsTold)
{
    const auto plan = planned(array(), {0, {}}, runs());
    EXPECT_EQ(steps(plan), (std::vector{kFrozen, kHeld, kLevel, records(kMore), member('a', kMore), member('b', kMore), member('c', kMore), told(kMore),
                                        kThawed, kIdle, kLevel}));
    EXPECT_EQ(undo_of(plan, records(kMore)), std::vector{records(kComponent)});
    for (const Step &step : plan->steps)
        EXPECT_EQ(step.commit, to_text(step.action) == kThawed) << "from where it works on nothing is taken back";
    // What was told to be shown does not hide what is new; members that the kernel knows as large as that are not told again.
    Running r = runs(kComponent, "1024");
    r.volumes[0].members[1].sectors = kMore;
    EXPECT_EQ(steps(planned(array(), {kMore - 1, {}}, r)),
              (std::vector{kFrozen, kHeld, kLevel, records(kMore - 128), member('a', kMore - 128), member('c', kMore - 128), told(kMore - 128), kThawed, kIdle,
                           std::string("emd126: array_size = default"), kLevel}));
    const auto shown = steps(planned(array(), {kMore, 4096}, runs()));
    EXPECT_EQ(shown.at(shown.size() - 2), "emd126: array_size = 2048") << "when there is so much";
}

TEST(PlanResize, SmallerTheKernelIsBeforeTheRecord)
{
    const auto plan = planned(array(), {kLess, 2 * kLess}, runs());
    const std::string shows = fmt::format("emd126: array_size = {}", kLess);
    EXPECT_EQ(steps(plan), (std::vector{kFrozen, kHeld, kLevel, shows, told(kLess), records(kLess), kThawed, kIdle, kLevel}));
    EXPECT_EQ(undo_of(plan, shows), std::vector<std::string>{"emd126: array_size = default"});
    EXPECT_EQ(undo_of(plan, told(kLess)), std::vector{told(kComponent)});
    EXPECT_TRUE(undo_of(plan, records(kLess)).empty());
    // Made to show less before.
    EXPECT_EQ(steps(planned(array(), {kLess, {}}, runs(kComponent, fmt::to_string(kLess)))),
              (std::vector{kFrozen, kHeld, kLevel, told(kLess), records(kLess), kThawed, kIdle, kLevel}));
}

TEST(PlanResize, NothingThatIsShownIsCutOff)
{
    const std::string much = fmt::format("would lose what lies behind {} KiB", kLess);
    EXPECT_NE(text(planned(array(), {kLess, {}}, runs())).find(much), std::string::npos);
    EXPECT_NE(text(planned(array(), {kLess, {}}, runs())).find(fmt::format("--array-size={} or less", kLess)), std::string::npos);
    EXPECT_NE(text(planned(array(), {kLess, {}}, runs(kComponent, fmt::to_string(kLess + 1)))).find(much), std::string::npos);
    EXPECT_NE(text(planned(array(), {kLess, 0}, runs(kComponent, fmt::to_string(kLess)))).find(much), std::string::npos);
    EXPECT_NE(text(planned(array(), {kLess, 2 * kLess + 2}, runs())).find(fmt::format("has {} KiB then, and not {}", kLess, kLess + 1)), std::string::npos);
    EXPECT_NE(text(planned(array(), {0, 2 * kMore + 2}, runs())).find("KiB then, and not"), std::string::npos);
}

// Whoever did it died on the way.
TEST(PlanResize, TheSameCommandBringsItToItsEnd)
{
    Container recorded = array();
    recorded.volumes[0].shape.component_sectors = kMore;
    EXPECT_EQ(steps(planned(recorded, {0, {}}, runs(kComponent, "1024"))),
              (std::vector{kFrozen, kHeld, kLevel, member('a', kMore), member('b', kMore), member('c', kMore), told(kMore), kThawed, kIdle,
                           std::string("emd126: array_size = default"), kLevel}));
    EXPECT_EQ(steps(planned(array(), {kLess, {}}, runs(kLess, fmt::to_string(kLess)))),
              (std::vector{kFrozen, kHeld, kLevel, records(kLess), kThawed, kIdle, kLevel}));
    // Or wants it as it was: the kernel goes back up, and resynchronises what it has left out.
    EXPECT_EQ(steps(planned(array(), {kComponent, {}}, runs(kLess, fmt::to_string(kLess)))),
              (std::vector{kFrozen, kHeld, kLevel, member('a', kComponent), member('b', kComponent), member('c', kComponent), told(kComponent), kThawed, kIdle,
                           std::string("emd126: array_size = default"), kLevel}));
}

TEST(PlanResize, WhatIsSoAlreadyNeedsNothing)
{
    EXPECT_TRUE(steps(planned(array(), {kComponent + 1, {}}, runs())).empty());
    EXPECT_TRUE(steps(planned(array(), {kComponent, 0}, runs())).empty());
    EXPECT_EQ(steps(planned(array(), {kComponent, 2048}, runs())), std::vector<std::string>{"emd126: array_size = 1024"});
}

TEST(PlanResize, Refusals)
{
    EXPECT_NE(text(planned(array(), {kMore + 128, {}}, runs())).find("vol0: /dev/sdb is too small"), std::string::npos);
    EXPECT_NE(text(planned(array(), {0, {}}, runs(kComponent, "default", "resync"))).find("--wait"), std::string::npos);
    EXPECT_NE(text(planned(array(), {0, {}}, runs(kComponent, "default", "idle", 1))).find("misses a disk"), std::string::npos);
    EXPECT_EQ(text(planned(array(), {kLess, 2 * kLess}, runs(kComponent, "default", "idle", 1))), "planned") << "less can be done without";
    EXPECT_NE(text(planned(array(), {0, {}}, running({}))).find("not running"), std::string::npos);
    Running readonly = runs();
    readonly.volumes[0].state = "readonly";
    EXPECT_NE(text(planned(array(), {0, {}}, readonly)).find("--readwrite"), std::string::npos);
}

TEST(PlanResize, ItSaysWhatItComesTo)
{
    const auto plan = planned(array(), {0, {}}, runs());
    EXPECT_EQ(plan->title, "resize vol0");
    EXPECT_EQ(plan->facts, (std::vector<std::string>{"of each disk: 64.00 MiB before, 128.00 MiB after", "size: 128.00 MiB before, 256.00 MiB after", "to be moved: nothing",
                                                     "to be resynchronised: the 64.00 MiB that are new on each disk"}));
    const auto less = planned(array(), {kLess, 2048}, runs());
    EXPECT_EQ(less->facts, (std::vector<std::string>{"of each disk: 64.00 MiB before, 32.00 MiB after", "size: 128.00 MiB before, 1.00 MiB after", "to be moved: nothing"}));
}

}  // namespace
}  // namespace emd::plan
