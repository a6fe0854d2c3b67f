// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/proposal.h"

#include "core/emd_reshape_math.h"
#include "libemd/model/geometry.h"

#include <algorithm>
#include <array>
#include <emd/emd.h>
#include <fmt/format.h>
#include <numeric>

namespace emd::plan {
namespace {

enum Part { Level, Chunk, Layout, Disks };
using Order = std::array<Part, 4>;

// As the kernel has it behind the store: a new level brings its layout.
Shape stored(const Shape &from, Shape shape, const Shape &to, Part part)
{
    switch (part) {
    case Level:
        if (to.level != shape.level && (to.level == 10) != (shape.level == 10))
            shape.layout = to.level == 10                    ? EMD_LAYOUT_RAID10_NEAR(2)
                           : to.level == 5 || to.level == 6 ? EMD_LAYOUT_LEFT_SYMMETRIC
                                                            : 0;
        shape.level = to.level;
        break;
    case Chunk: shape.chunk_sectors = to.chunk_sectors; break;
    case Layout: shape.layout = to.layout; break;
    case Disks: shape.raid_disks = to.raid_disks; break;
    }
    shape.component_sectors = from.component_sectors;
    return shape;
}

bool taken(const Shape &from, const Shape &shape, std::int64_t shift)
{
    const emd_geometry was = geometry_of(from), is = geometry_of(shape);
    emd_reshape_plan plan;
    if (emd_geometry_validate(&is, nullptr) || emd_reshape_plan_init(&plan, &was, &is, shift, -1, nullptr))
        return false;
    return !shape.chunk_sectors || shape.level == 1 || plan.array_old % shape.chunk_sectors == 0 || plan.array_new > plan.array_old;
}

// Nothing but another number of mirrors is taken at once, and no proposal.
bool only_mirrors(const Shape &from, const Shape &shape)
{
    return from.level == 1 && shape.level == 1 && shape.chunk_sectors == from.chunk_sectors && shape.layout == from.layout;
}

bool passes(const Shape &from, const Shape &to, std::int64_t shift, const Order &order)
{
    Shape shape = from;
    return std::ranges::all_of(order, [&](Part part) {
        const Shape next = stored(from, shape, to, part);
        const bool nothing = next == shape;
        shape = next;
        const bool proposes = next.level != from.level || next.layout != from.layout || next.raid_disks != from.raid_disks ||
                              next.chunk_sectors != from.chunk_sectors;
        return nothing || !proposes || (!only_mirrors(from, next) && taken(from, next, shift));
    });
}

}  // namespace

std::vector<Proposal> proposals(const Shape &from, const Shape &to, std::int64_t data_shift)
{
    Order order{Level, Chunk, Layout, Disks};
    const Order usual = order;
    bool found = passes(from, to, data_shift, order);
    while (!found && std::ranges::next_permutation(order).found)
        found = passes(from, to, data_shift, order);
    std::vector<Proposal> all;
    const auto add = [&](const char *attribute, std::string next, std::string now) {
        if (next != now)
            all.push_back({attribute, std::move(next), std::move(now)});
    };
    for (const Part part : found ? order : usual)
        switch (part) {
        case Level: add("new_level", level_word(to.level), level_word(from.level)); break;
        case Chunk: add("chunk_size", fmt::to_string(to.chunk_sectors * 512), fmt::to_string(from.chunk_sectors * 512)); break;
        case Layout: add("layout", fmt::to_string(to.layout), fmt::to_string(from.layout)); break;
        case Disks: add("raid_disks", fmt::to_string(to.raid_disks), fmt::to_string(from.raid_disks)); break;
        }
    return all;
}

}  // namespace emd::plan
