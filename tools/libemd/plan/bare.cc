// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/bare.h"

#include "libemd/base/size.h"
#include "libemd/model/geometry.h"
#include "libemd/plan/assemble.h"

#include <algorithm>
#include <emd/emd.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace emd::plan {
namespace {

constexpr std::uint64_t kPage = 8;  // sectors: the unit of levels without chunks

using Member = BareArray::Member;

std::vector<Member> all_disks(const BareArray &a)
{
    std::vector<Member> all;
    for (const auto &member : a.members)
        if (member)
            all.push_back(*member);
    all.insert(all.end(), a.spares.begin(), a.spares.end());
    return all;
}

std::size_t absent(const BareArray &a)
{
    return static_cast<std::size_t>(std::ranges::count_if(a.members, [](const auto &member) { return !member; }));
}

Result<> check_disks(const BareArray &a)
{
    const std::vector<Member> all = all_disks(a);
    for (std::size_t i = 0; i < all.size(); i++)
        for (std::size_t j = 0; j < i; j++)
            if (all[i].dev == all[j].dev)
                return fail(Errc::Invalid, "{} is named twice", all[i].path);
    if (all.empty())
        return fail(Errc::Invalid, "{} is to have no disk at all: name those that are there", a.name);
    if (!redundant(a.shape) && absent(a))
        return fail(Errc::Refused, "{} cannot miss a disk: name all {}", level_word(a.shape.level), a.shape.raid_disks);
    if (!redundant(a.shape) && !a.spares.empty())
        return fail(Errc::Invalid, "{} has no use for a spare: leave --spare-devices out", level_word(a.shape.level));
    const bool copies = a.shape.level == 1 || a.shape.level == 10;
    for (const Member &m : all)
        if (m.write_mostly && !copies)
            return fail(Errc::Invalid, "--write-mostly {}: {} keeps no copies to read from instead: leave it out", m.path,
                        level_word(a.shape.level));
    return {};
}

// The shape with the size that it gets.
Result<Shape> sized(const BareArray &a)
{
    Shape shape = a.shape;
    const std::uint64_t unit = std::max<std::uint64_t>(shape.chunk_sectors, kPage), asked = shape.component_sectors;
    if (asked && !redundant(shape))
        return fail(Errc::Invalid, "--size has no meaning with {}, which takes all of each disk: leave it out", level_word(shape.level));
    if (asked && asked < unit)
        return fail(Errc::Invalid, "--size={}K is less than can be used: take {}K or more", asked / 2, unit / 2);
    std::uint64_t smallest = ~std::uint64_t(0);
    for (const Member &m : all_disks(a)) {
        if (m.sectors < std::max(unit, asked))
            return fail(Errc::NoSpace, "{} is too small: it has {}, and {} is needed of each disk", m.path, format_size(m.sectors * 512),
                        format_size(std::max(unit, asked) * 512));
        smallest = std::min(smallest, m.sectors);
    }
    shape.component_sectors = (asked ? asked : smallest) / unit * unit;
    return shape;
}

Result<> check_shape(const BareArray &a, const Shape &shape)
{
    const emd_geometry geometry = geometry_of(shape);
    const char *why = nullptr;
    if (emd_geometry_validate(&geometry, &why))
        return fail(Errc::Invalid, "{}: {} of {} disks is not possible: {}", a.name, level_word(shape.level), shape.raid_disks, why);
    Volume v;
    v.shape = shape;
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < a.members.size(); i++) {
        v.slots.push_back({a.members[i] ? 0 : -1, a.members[i].has_value()});
        if (!a.members[i])
            missing.push_back(i);
    }
    if (health(v) == Health::Failed)
        return fail(Errc::Refused, "{}: {} of {} disks cannot do without member{} {}: name more of them", a.name, level_word(shape.level),
                    shape.raid_disks, missing.size() > 1 ? "s" : "", fmt::join(missing, ", "));
    return {};
}

// Is nothing to be built? What was new would be right whatever stands on the disks; what holds data is right if somebody says so.
Result<bool> in_sync(const BareArray &a)
{
    if (a.assume_clean)
        return true;
    if (a.holds_data && absent(a) && a.shape.level >= 4 && a.shape.level <= 6)
        return fail(Errc::Refused, "{}: with a disk missing nothing can make the parity of {} right: name all disks, or say --assume-clean if it "
                                   "is right as it stands",
                    a.name, level_word(a.shape.level));
    return starts_in_sync(a.name, a.shape, absent(a));
}

// Whoever knows an array's record on a disk would lose it, or take the disk back; a file system is the array's own, unless the array
// is new or its resync changes the disk.
Result<> check_content(Plan &plan, const BareArray &a, bool resync)
{
    for (const Member &m : all_disks(a)) {
        const bool lost = !m.content.empty() && (a.holds_data ? resync : !a.assume_clean);
        const std::string &found = m.record.empty() ? m.content : m.record;
        if (m.record.empty() && !lost)
            continue;
        if (a.force) {
            plan.facts.push_back(fmt::format("{} has {}, which may be lost", m.path, found));
            continue;
        }
        if (m.record.empty() && a.holds_data)
            return fail(Errc::Refused, "{} has {}, and a resync may overwrite it: use --assume-clean if the disks agree already, or --force", m.path,
                        found);
        return fail(Errc::Refused, "{} has {}; to overwrite it, use --force or wipe it first", m.path, found);
    }
    return {};
}

}  // namespace

Result<Plan> plan_bare(const BareArray &a)
{
    if (a.shape.level == EMD_LEVEL_NONE)
        return fail(Errc::Invalid, "{}: a container has metadata: take another --level", a.name);
    EMD_TRY(check_disks(a));
    const Shape shape = EMD_TRY(sized(a));
    EMD_TRY(check_shape(a, shape));
    const bool clean = EMD_TRY(in_sync(a));
    Plan plan;
    plan.title = fmt::format("{} {} without metadata", a.holds_data ? "build" : "create", a.name);
    plan.facts.push_back(fmt::format("{}, {} disks, {} sectors of each", level_word(shape.level), shape.raid_disks, shape.component_sectors));
    EMD_TRY(check_content(plan, a, !clean));

    plan.add(NewArray{a.name}, {ClearArray{a.name}});
    set_geometry(plan, a.name, shape);
    const auto add = [&](const Member &m, int slot) {
        AddMember action{a.name, m.path, m.dev, 0, redundant(shape) ? shape.component_sectors : m.sectors, slot, {}};
        action.write_mostly = m.write_mostly;
        plan.add(action);
    };
    for (std::size_t i = 0; i < a.members.size(); i++)
        if (a.members[i])
            add(*a.members[i], static_cast<int>(i));
    for (const Member &spare : a.spares)
        add(spare, -1);
    if (redundant(shape))
        plan.add(Set{a.name, "resync_start", clean ? "none" : "0"});
    plan.add(Set{a.name, "array_state", "active"});
    plan.add(Publish{a.name, a.name, "none", {}});
    return plan;
}

}  // namespace emd::plan
