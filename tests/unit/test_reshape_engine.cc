// SPDX-License-Identifier: GPL-2.0-only
// The decisions of the reshape manager against a kernel of one line: it moves when it may, and the monitor confirms
// what it is asked for. Crashes and data: tests/model.
#include "libemd/reshape/engine.h"

#include <gtest/gtest.h>
#include <random>

namespace emd::reshape {
namespace {

emd_geometry raid5(std::uint32_t disks, std::uint32_t chunk, std::uint64_t member)
{
    return {.level = 5, .layout = EMD_LAYOUT_LEFT_SYMMETRIC, .raid_disks = disks, .chunk_sectors = chunk,
            .member_sectors = member, .zones = nullptr, .nr_zones = 0};
}

Terms make_terms(const emd_geometry &from, const emd_geometry &to, bool recorded, bool gate)
{
    Terms t;
    const char *why = "";
    EXPECT_EQ(emd_reshape_plan_init(&t.plan, &from, &to, 0, -1, &why), 0) << why;
    t.unit = recorded ? 2 * t.plan.step : t.plan.unit;
    t.slots = recorded ? 1 : 2;
    t.slot_sectors = recorded ? t.unit : 2 * t.unit;
    t.window = 8 * t.unit;
    t.recorded = recorded;
    t.gate = gate;
    return t;
}

struct TinyKernel {
    std::uint64_t pos = 0;
    std::vector<std::string> log;

    // Carries the command out; false when the manager has returned.
    bool run(const Terms &t, Facts &f, const Command &c)
    {
        EXPECT_EQ(forbidden(t, f, c), nullptr) << to_string(c);
        log.push_back(to_string(c));
        if (c.verb == Verb::Sync)
            durable(t, f, t.floor(pos));
        if (c.verb == Verb::Wait) {
            pos = std::min<std::uint64_t>(f.limit, pos + t.plan.step);
            f.published = pos;
            f.ended = f.durable == t.total();
        }
        done(t, f, c);
        return c.verb != Verb::Return && c.verb != Verb::Finish;
    }
};

// What a manager that was killed finds when it is started again.
Facts reborn(const Terms &t, const Facts &old)
{
    Facts f = old;
    f.sections = {};
    std::size_t n = 0;
    for (const auto &s : old.sections)
        if (s && (s->stage == Stage::Recorded || (!t.recorded && s->stage == Stage::Saved)))
            f.sections[n++] = s;
    f.stop = f.paused = false;
    return f;
}

TEST(ReshapeEngine, ImsmGrowWordForWord)
{
    // Two data disks to three, chunk 8: a step is 24 sectors, the record's unit 48.
    const Terms t = make_terms(raid5(3, 8, 64), raid5(4, 8, 64), true, true);
    Facts f;
    TinyKernel kernel;
    while (kernel.log.size() < 22 && kernel.run(t, f, next(t, f))) {
    }
    EXPECT_EQ(kernel.log, (std::vector<std::string>{
                              "suspend 48", "read [0, 48) slot 0", "save [0, 48) slot 0", "record [0, 48) slot 0",
                              "advance 48",
                              // the second section is read and held while the first moves; its slot is still in use
                              "suspend 96", "read [48, 96) slot 0", "wait", "wait", "sync", "release 48",
                              "save [48, 96) slot 0", "record [48, 96) slot 0", "advance 96", "wait", "wait", "sync",
                              "release 96",
                              // from here on the old rows are far enough away
                              "advance 144", "wait", "wait", "sync"}));
}

TEST(ReshapeEngine, TwoSlotsAreSavedAheadOfTheMove)
{
    const Terms t = make_terms(raid5(3, 8, 256), raid5(3, 16, 256), false, true);  // in place: all is critical
    Facts f;
    TinyKernel kernel;
    while (kernel.log.size() < 16 && kernel.run(t, f, next(t, f))) {
    }
    EXPECT_EQ(kernel.log, (std::vector<std::string>{
                              "suspend 64", "read [0, 64) slot 0", "save [0, 64) slot 0", "advance 64",
                              "suspend 128", "read [64, 128) slot 1", "save [64, 128) slot 1", "advance 128",
                              "wait", "wait", "sync", "release 64", "suspend 192", "read [128, 192) slot 0",
                              "save [128, 192) slot 0", "advance 192"}));
}

TEST(ReshapeEngine, WithoutTheGateTheWindowIsSuspended)
{
    const Terms t = make_terms(raid5(3, 8, 4096), raid5(5, 8, 4096), false, false);
    Facts f;
    f.durable = f.published = f.limit = f.tail = f.front = 10 * t.unit;
    ASSERT_FALSE(t.critical(f.durable));
    const Command first = next(t, f);
    EXPECT_EQ(first.verb, Verb::Suspend);
    done(t, f, first);
    const Command second = next(t, f);
    EXPECT_EQ(second, (Command{.verb = Verb::Advance, .to = first.to}));
}

struct Case {
    emd_geometry from, to;
};

Case random_case(std::mt19937 &rng)
{
    const auto pick = [&](std::uint32_t low, std::uint32_t high) { return low + rng() % (high - low + 1); };
    const std::uint32_t chunk_from = 8u << pick(0, 2), chunk_to = 8u << pick(0, 2);
    const std::uint64_t member = 32 * pick(2, 60) + (pick(0, 1) ? 0 : 8 * pick(0, 3));
    const auto geometry = [&](std::uint32_t disks, std::uint32_t chunk) {
        return raid5(disks, chunk, member / chunk * chunk);
    };
    return {geometry(pick(3, 7), chunk_from), geometry(pick(3, 7), chunk_to)};
}

TEST(ReshapeEngine, EveryRunEndsAndBreaksNoRule)
{
    std::mt19937 rng(1);
    for (int i = 0; i < 3000; i++) {
        const Case c = random_case(rng);
        const Terms t = make_terms(c.from, c.to, !(c.from.raid_disks > c.to.raid_disks) && rng() % 2, rng() % 2);
        Facts f;
        TinyKernel kernel;
        bool running = true;
        for (int step = 0; running && step < 20000; step++) {
            if (rng() % 16 == 0)
                f = reborn(t, f);
            if (rng() % 32 == 0)
                f.paused = true;
            const Command command = next(t, f);
            if (command.verb == Verb::Save && rng() % 8 == 0)
                failed(t, f, command);
            else if (command.verb == Verb::Record && rng() % 8 == 0)
                failed(t, f, command);
            else
                running = kernel.run(t, f, command);
        }
        ASSERT_FALSE(running) << "case " << i << " does not end: " << kernel.log.back();
        EXPECT_EQ(kernel.pos, t.total());
        EXPECT_EQ(kernel.log.back(), "finish");
    }
}

TEST(ReshapeEngine, StopLeavesNothingSuspendedAndNoBackupNeeded)
{
    std::mt19937 rng(2);
    for (int i = 0; i < 3000; i++) {
        const Case c = random_case(rng);
        const Terms t = make_terms(c.from, c.to, rng() % 2, rng() % 2);
        Facts f;
        TinyKernel kernel;
        int steps = static_cast<int>(rng() % 200);
        bool running = true;
        while (running && steps-- > 0)
            running = kernel.run(t, f, next(t, f));
        f.stop = true;
        for (steps = 0; running && steps < 5000; steps++)
            running = kernel.run(t, f, next(t, f));
        ASSERT_FALSE(running) << "case " << i;
        EXPECT_GE(f.tail, f.front);
        EXPECT_EQ(f.durable, f.limit);
        EXPECT_FALSE(f.sections[0]);
    }
}

TEST(ReshapeEngine, FailedSavePausesReleasesAndTriesAgain)
{
    const Terms t = make_terms(raid5(3, 8, 64), raid5(4, 8, 64), true, true);
    Facts f;
    TinyKernel kernel;
    Command c = next(t, f);
    for (; c.verb != Verb::Save; c = next(t, f))
        kernel.run(t, f, c);
    failed(t, f, c);
    EXPECT_EQ(next(t, f), (Command{.verb = Verb::GiveUp, .to = 0}));
    kernel.run(t, f, next(t, f));
    EXPECT_EQ(next(t, f).verb, Verb::Pause);
    kernel.run(t, f, next(t, f));
    EXPECT_EQ(next(t, f), (Command{.verb = Verb::Suspend, .to = 48}));
}

TEST(ReshapeEngine, UnsureRecordIsSettledBeforeAnythingIsReleased)
{
    const Terms t = make_terms(raid5(3, 8, 64), raid5(4, 8, 64), true, true);
    Facts f;
    TinyKernel kernel;
    Command c = next(t, f);
    for (; c.verb != Verb::Record; c = next(t, f))
        kernel.run(t, f, c);
    failed(t, f, c);
    f.stop = true;
    EXPECT_EQ(next(t, f).verb, Verb::Record);
    EXPECT_NE(forbidden(t, f, {.verb = Verb::GiveUp, .to = 0}), nullptr);
    kernel.run(t, f, next(t, f));
    EXPECT_EQ(next(t, f), (Command{.verb = Verb::Advance, .to = 48}));  // valid now: it has to be moved
}

// One line per rule of section "Rules of advance" in docs/external-reshape-design.txt.
TEST(ReshapeEngine, Forbidden)
{
    const Terms t = make_terms(raid5(3, 8, 256), raid5(4, 8, 256), true, true);
    Facts f;
    f.front = 96;
    f.sections[0] = Section{{0, 48}, 0, Stage::Recorded};
    const auto no = [&](Command c) { return forbidden(t, f, c) != nullptr; };
    EXPECT_FALSE(no({.verb = Verb::Advance, .to = 48}));
    EXPECT_TRUE(no({.verb = Verb::Advance, .to = 0}));    // never down
    EXPECT_TRUE(no({.verb = Verb::Advance, .to = 24}));   // not a boundary
    EXPECT_TRUE(no({.verb = Verb::Advance, .to = 96}));   // no backup of the second unit
    f.sections[0]->stage = Stage::Saved;
    EXPECT_TRUE(no({.verb = Verb::Advance, .to = 48}));   // not recorded
    EXPECT_FALSE(no({.verb = Verb::Record, .range = {0, 48}}));
    EXPECT_TRUE(no({.verb = Verb::Save, .range = {0, 48}}));
    f.sections[0]->stage = Stage::Recorded;
    f.front = 24;
    EXPECT_TRUE(no({.verb = Verb::Advance, .to = 48}));   // not suspended
    EXPECT_TRUE(no({.verb = Verb::Read, .range = {48, 96}}));
    f.front = 96;
    f.limit = 48;
    f.published = 48;
    EXPECT_FALSE(no({.verb = Verb::Read, .range = {48, 96}}));
    EXPECT_TRUE(no({.verb = Verb::Read, .range = {0, 48}}));      // the kernel is there
    EXPECT_TRUE(no({.verb = Verb::Release, .to = 48}));           // published, not durable
    f.sections[1] = Section{{48, 96}, 0, Stage::Read};
    EXPECT_TRUE(no({.verb = Verb::Save, .range = {48, 96}}));     // the slot is still needed
    EXPECT_TRUE(no({.verb = Verb::GiveUp, .to = 48}));            // a valid backup is in use
    EXPECT_TRUE(no({.verb = Verb::Return}));                      // suspended
    EXPECT_TRUE(no({.verb = Verb::Finish}));
    durable(t, f, 48);
    EXPECT_FALSE(no({.verb = Verb::Save, .range = {48, 96}}));
    EXPECT_FALSE(no({.verb = Verb::Release, .to = 48}));
    EXPECT_FALSE(no({.verb = Verb::GiveUp, .to = 48}));
    EXPECT_TRUE(no({.verb = Verb::Suspend, .to = 96}));           // not up
    EXPECT_TRUE(no({.verb = Verb::Suspend, .to = 100}));          // not a boundary
}

TEST(ReshapeTerms, BackwardIsTheMirror)
{
    const Terms t = make_terms(raid5(5, 8, 200), raid5(4, 8, 200), false, true);
    ASSERT_TRUE(t.plan.backward);
    EXPECT_EQ(t.total(), 600u);
    EXPECT_EQ(t.unit, 96u);
    EXPECT_EQ(t.address(0), 600u);
    EXPECT_EQ(t.progress(600), 0u);
    EXPECT_EQ(t.next(0), 24u);   // 576 is the first multiple of the unit on the way down
    EXPECT_EQ(t.next(24), 120u);
    EXPECT_EQ(t.floor(100), 24u);
    EXPECT_EQ(t.addresses({24, 120}), (Range{480, 576}));
    EXPECT_TRUE(t.boundary(600));
    EXPECT_FALSE(t.critical(0));
    EXPECT_TRUE(t.critical(600 - 96));
}

}  // namespace
}  // namespace emd::reshape
