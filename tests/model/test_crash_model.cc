// SPDX-License-Identifier: GPL-2.0-only
// Every state that a power cut may leave is recovered and judged, in exhaustive small cases and random larger ones.
// A failure prints the scenario, the seed and the turn. EMD_MODEL_SECONDS=n goes on for n seconds of processor time
// with seeds that nobody has tried.
#include "world.h"

#include <cstdlib>
#include <ctime>
#include <gtest/gtest.h>

namespace emd::model {
namespace {

// Processor time: a busy machine must not make a fault survive, or a run short.
double cpu_seconds()
{
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

constexpr std::uint64_t kRandomRuns = 40;
constexpr std::uint64_t kMaxTurns = 400000;  // a run that has not ended by then hangs

struct Score {
    std::uint64_t runs = 0, turns = 0, states = 0;
    std::string failure;
    double start = cpu_seconds();

    void print(const char *name) const
    {
        const double seconds = cpu_seconds() - start;
        fmt::print("{}: {} runs, {} turns, {} crash states, {:.0f} states/s\n", name, runs, turns, states,
                   static_cast<double>(states) / std::max(seconds, 0.001));
    }
};

std::size_t none(std::size_t, std::size_t)
{
    return 0;
}

std::size_t all(std::size_t, std::size_t versions)
{
    return versions - 1;
}

// Nothing of the caches, everything, and a random mixture, read by either copy of the record.
void cut_at_random(World &world, Score &score)
{
    Rng &rng = world.rng();
    const auto any = [&](std::size_t, std::size_t versions) { return rng() % versions; };
    const FakeDisk::Choose choices[] = {none, all, any};
    const auto &choice = choices[rng() % 3];
    score.failure = world.try_power_cut(choice, static_cast<int>(rng() % 2), rng() % 4 == 0);
    score.states++;
}

// Each single unflushed write kept or lost, both copies of the record.
void cut_exhaustively(World &world, Score &score)
{
    for (int copy = 0; copy < Disks::kCopies; copy++) {
        const std::size_t n = world.unflushed();
        for (std::size_t i = 0; i <= n && score.failure.empty(); i++) {
            for (const bool keep : {false, true}) {
                score.states++;
                score.failure = world.try_power_cut(
                    [&](std::size_t nth, std::size_t versions) { return (nth == i) == keep ? versions - 1 : 0; }, copy,
                    false);
                if (!score.failure.empty())
                    return;
            }
        }
    }
}

using Cutter = void (*)(World &, Score &);

// One run to its end; `real_cuts`: now and then the power really fails and the run goes on after recovery.
void run(const Scenario &scenario, std::uint64_t seed, Cutter cut, bool real_cuts, Score &score)
{
    score.runs++;
    std::uint64_t turn = 0;
    try {
        World world(scenario, seed);
        for (std::uint64_t seen = ~std::uint64_t(0); !world.finished(); turn++) {
            if (turn == kMaxTurns)
                throw std::runtime_error("hangs");
            world.turn();
            if (std::exchange(seen, world.changes()) == world.changes())
                continue;  // a power cut now finds what the last one would have found
            cut(world, score);
            if (!score.failure.empty())
                break;
            if (real_cuts && world.rng()() % 400 == 0) {
                Rng &rng = world.rng();
                world.power_cut([&](std::size_t, std::size_t versions) { return rng() % versions; });
            }
        }
        if (score.failure.empty())
            score.failure = world.judge_end();
    } catch (const std::exception &e) {
        score.failure = e.what();
    }
    score.turns += turn;
    if (!score.failure.empty())
        score.failure += fmt::format("\n  {}\n  seed {}, turn {}", scenario.text(), seed, turn);
}

bool time_left(const Score &score, double seconds)
{
    return cpu_seconds() - score.start < seconds;
}

void exhaust(const char *name, Scenario scenario, unsigned seeds)
{
    Score score;
    for (std::uint64_t seed = 1; seed <= seeds && score.failure.empty(); seed++) {
        scenario.gate = seed % 2;
        run(scenario, seed, cut_exhaustively, false, score);
    }
    score.print(name);
    EXPECT_EQ(score.failure, "");
}

TEST(CrashModel, EveryCutOfASmallGrow)
{
    exhaust("grow", smallest_grow(), 2);
}

TEST(CrashModel, EveryCutOfASmallChangeInPlace)
{
    exhaust("in place", smallest_in_place(), 2);
}

TEST(CrashModel, EveryCutOfASmallShrink)
{
    exhaust("shrink", smallest_shrink(), 2);
}

TEST(CrashModel, RandomReshapesRandomCuts)
{
    Score score;
    const char *const wanted = std::getenv("EMD_MODEL_SECONDS");
    const double seconds = wanted ? std::atof(wanted) : 0;
    for (std::uint64_t seed = 1; score.failure.empty() && (seed <= kRandomRuns || time_left(score, seconds)); seed++) {
        Rng rng(seed);
        run(random_scenario(rng), seed, cut_at_random, true, score);
    }
    score.print("random");
    EXPECT_EQ(score.failure, "");
}

// --- positive controls: each planted fault must cost data, or break an invariant, somewhere ------------------------

// Random scenarios until the fault shows, and how it does; nothing when it survives.
std::optional<std::string> hunt(const std::function<bool(Scenario &)> &plant)
{
    Score score;
    for (std::uint64_t seed = 1; time_left(score, 120); seed++) {
        Rng rng(seed);
        Scenario s = random_scenario(rng);
        if (!plant(s))
            continue;
        run(s, seed, cut_at_random, false, score);
        if (!score.failure.empty())
            return fmt::format("{} crash states, then: {}", score.states,
                               score.failure.substr(0, score.failure.find('\n')));
    }
    return std::nullopt;
}

class PlantedFault : public testing::TestWithParam<Mutant> {};

TEST_P(PlantedFault, IsFound)
{
    const auto found = hunt([](Scenario &s) {
        s.mutant = GetParam();
        s.gate = s.mutant != Mutant::ReleaseOnPublished;  // the gate would hold these writes back
        s.faults = s.mutant == Mutant::NewManagerForgetsSuspension;
        if (s.mutant == Mutant::LayoutOfTheSource && s.from.raid_disks != s.to.raid_disks)
            return false;  // would not fit, and be noticed
        return s.mutant != Mutant::RestoreTwice || !s.backward;
    });
    ASSERT_TRUE(found) << to_word(GetParam()) << " survived";
    fmt::print("{}: {}\n", to_word(GetParam()), *found);
}

std::vector<Mutant> all_mutants()
{
    std::vector<Mutant> mutants;
    for (unsigned i = 1; i < static_cast<unsigned>(Mutant::Count); i++)
        mutants.push_back(static_cast<Mutant>(i));
    return mutants;
}

std::string name_of(const testing::TestParamInfo<Mutant> &info)
{
    std::string name = to_word(info.param);
    std::erase(name, '-');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Manager, PlantedFault,
                         testing::ValuesIn(all_mutants()), name_of);

struct KernelFault {
    const char *name;
    void (*plant)(FakeBugs &);
};

class PlantedKernelFault : public testing::TestWithParam<KernelFault> {};

TEST_P(PlantedKernelFault, IsFound)
{
    const auto found = hunt([](Scenario &s) {
        s.faults = false;
        s.gate = true;
        GetParam().plant(s.kernel_bugs);
        if (s.kernel_bugs.publish_without_flush)
            s.mutant = Mutant::RecordBeforeData;  // the monitor's own flush would hide it
        if (s.kernel_bugs.limit_acknowledges) {  // shows in a wide window, when the monitor is late
            s = wide_window();
            GetParam().plant(s.kernel_bugs);
        }
        return true;
    });
    ASSERT_TRUE(found) << GetParam().name << " survived";
    fmt::print("{}: {}\n", GetParam().name, *found);
}

INSTANTIATE_TEST_SUITE_P(
    Kernel, PlantedKernelFault,
    testing::Values(KernelFault{"PublishWithoutFlush", [](FakeBugs &b) { b.publish_without_flush = true; }},
                    KernelFault{"GateOpen", [](FakeBugs &b) { b.gate_open = true; }},
                    KernelFault{"SuspendDoesNotDrain", [](FakeBugs &b) { b.suspend_does_not_drain = true; }},
                    KernelFault{"LimitAcknowledges", [](FakeBugs &b) { b.limit_acknowledges = true; }},
                    KernelFault{"Overshoot", [](FakeBugs &b) { b.overshoot = true; }}),
    [](const auto &info) { return std::string(info.param.name); });

}  // namespace
}  // namespace emd::model
