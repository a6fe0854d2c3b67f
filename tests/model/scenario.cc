// SPDX-License-Identifier: GPL-2.0-only
#include "scenario.h"

#include "core/emd_reshape_math.h"

#include <algorithm>
#include <fmt/format.h>

namespace emd::model {
namespace {

emd_geometry striped(int level, std::uint32_t layout, std::uint32_t disks, std::uint32_t chunk, std::uint64_t member)
{
    emd_geometry g{};
    g.level = level;
    g.layout = layout;
    g.raid_disks = disks;
    g.chunk_sectors = chunk;
    g.member_sectors = member / chunk * chunk;
    return g;
}

// Unit and sizes that follow from the two geometries; `steps` is how many of the kernel's steps a unit has.
bool complete(Scenario &s, std::uint64_t steps)
{
    emd_reshape_plan plan;
    if (emd_reshape_plan_init(&plan, &s.from, &s.to, 0, -1, nullptr) != 0)
        return false;
    s.backward = plan.backward;
    // As IMSM does it: a whole number of steps, whether or not that is a whole number of old stripes. Backward there
    // is no such format; there the unit is the exact one.
    s.unit = s.backward ? std::uint64_t{plan.unit} : steps * plan.step;
    s.window = 2 * s.unit;
    s.visible = std::min<std::uint64_t>(plan.array_old, plan.array_new);
    return true;
}

Scenario small(std::uint32_t from, std::uint32_t to, std::uint32_t chunk_from, std::uint32_t chunk_to,
               std::uint64_t member)
{
    Scenario s;
    s.from = striped(5, EMD_LAYOUT_LEFT_SYMMETRIC, from, chunk_from, member);
    s.to = striped(5, EMD_LAYOUT_LEFT_SYMMETRIC, to, chunk_to, member);
    complete(s, 1);
    s.faults = false;
    return s;
}

}  // namespace

const char *to_word(Mutant mutant)
{
    static constexpr const char *kWords[] = {
        "none", "advance-before-backup", "suspend-after-copy", "release-on-published", "reuse-slot-on-published",
        "window-too-far", "record-before-copy", "copy-not-flushed", "answer-before-write", "answer-after-one-copy",
        "record-before-data", "restore-not-flushed", "restore-twice", "layout-of-the-source",
        "new-manager-forgets-suspension"};
    return kWords[static_cast<unsigned>(mutant)];
}

std::string Scenario::text() const
{
    return fmt::format("raid{}/{} of {} chunk {} -> raid{}/{} of {} chunk {}, {} sectors per member, unit {}, {}, {}, {}",
                       int{from.level}, unsigned{from.layout}, unsigned{from.raid_disks}, unsigned{from.chunk_sectors},
                       int{to.level}, unsigned{to.layout}, unsigned{to.raid_disks}, unsigned{to.chunk_sectors},
                       std::uint64_t{from.member_sectors}, unit, backward ? "backward" : "forward",
                       gate ? "gate" : "no gate", to_word(mutant));
}

Scenario random_scenario(Rng &rng)
{
    const auto pick = [&](std::uint64_t low, std::uint64_t high) { return low + rng() % (high - low + 1); };
    const auto geometry = [&](int level, std::uint32_t chunk, std::uint64_t member) {
        const auto disks = static_cast<std::uint32_t>(level == 0 ? pick(1, 4) : pick(3, 5));
        const auto layout = static_cast<std::uint32_t>(level == 5 ? pick(0, 5) : 0);
        return striped(level, layout, disks, chunk, member);
    };
    for (;;) {
        Scenario s;
        static constexpr int kLevels[] = {5, 5, 5, 4, 0};
        const int from = kLevels[pick(0, 4)], to = kLevels[pick(0, 4)];
        const std::uint64_t member = 8 * pick(4, 20);
        s.from = geometry(from, 8u << (pick(0, 3) == 0), member);
        s.to = geometry(to, 8u << (pick(0, 3) == 0), member);
        const bool same_layout = s.from.level == s.to.level && pick(0, 2) != 0;
        if (same_layout)
            s.to.layout = s.from.layout;
        if (!complete(s, pick(1, 2)))
            continue;
        s.gate = pick(0, 3) != 0;
        s.window = s.unit * pick(2, 4);
        s.monitor_every = static_cast<unsigned>(pick(1, 4));
        return s;
    }
}

Scenario smallest_grow()
{
    return small(3, 4, 8, 8, 56);
}

Scenario smallest_in_place()
{
    return small(3, 3, 8, 16, 48);
}

Scenario smallest_shrink()
{
    return small(4, 3, 8, 8, 40);
}

Scenario wide_window()
{
    Scenario s = small(3, 5, 8, 8, 120);
    s.window = 8 * s.unit;
    s.monitor_every = 8;
    return s;
}

}  // namespace emd::model
