// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/resize.h"

#include "libemd/base/size.h"
#include "libemd/model/geometry.h"
#include "libemd/plan/grow_steps.h"

#include <algorithm>
#include <fmt/format.h>

namespace emd::plan {
namespace {

constexpr const char *kAll = "default";

std::string kib(std::uint64_t sectors) { return fmt::to_string(sectors / 2); }

// What the kernel shows of that shape at most.
std::uint64_t whole(const Shape &shape)
{
    const emd_geometry geometry = geometry_of(shape);
    return emd_geometry_array_sectors(&geometry);
}

std::string array_word(std::uint64_t sectors) { return sectors ? kib(sectors) : kAll; }

// Would something that users may have stored be cut off? The kernel asks the same.
Result<> check_shown(const Volume &v, const RunningVolume &r, const ResizeRequest &want, const Shape &to)
{
    const std::uint64_t most = whole(to);
    const std::optional<std::uint64_t> keeps = want.array_sectors ? want.array_sectors : shown(r);
    if (want.array_sectors && *want.array_sectors > most)
        return fail(Errc::Invalid, "{} has {} KiB then, and not {}: take --array-size={} or less", v.name, most / 2, *want.array_sectors / 2, most / 2);
    const bool smaller = to.component_sectors < std::max(v.shape.component_sectors, r.component_sectors);
    if (smaller && (!keeps || !*keeps || *keeps > most) && !(r.component_sectors && r.component_sectors <= to.component_sectors))
        return fail(Errc::Refused, "{} would lose what lies behind {} KiB: make the file system smaller, and then the array, with --array-size={} or less",
                    v.name, most / 2, most / 2);
    return {};
}

// Each member, as far as the kernel knows of it, and then what they all give.
void follow(Plan &plan, const RunningVolume &r, std::uint64_t component, std::vector<Action> undo)
{
    for (const RunningMember &m : r.members)
        if (m.sectors < component)
            plan.add(Set{r.array, m.name + "/size", kib(component)});
    plan.add(Set{r.array, "component_size", kib(component)}, std::move(undo));
}

void describe(Plan &plan, const Volume &v, const Shape &to, std::uint64_t shows)
{
    const std::uint64_t before = v.shape.component_sectors, after = to.component_sectors;
    plan.facts.push_back(fmt::format("of each disk: {} before, {} after", format_size(before * 512), format_size(after * 512)));
    plan.facts.push_back(fmt::format("size: {} before, {} after", format_size(v.array_sectors * 512), format_size(shows * 512)));
    plan.facts.push_back("to be moved: nothing");
    if (after > before)
        plan.facts.push_back(fmt::format("to be resynchronised: the {} that are new on each disk", format_size((after - before) * 512)));
}

}  // namespace

Result<Plan> plan_resize(const Container &now, const Volume &v, const ResizeRequest &want, const Running &running, const Express &express)
{
    const RunningVolume &r = *EMD_TRY(running_volume(running, v));
    const change::Resized asked{v.index, want.component_sectors};
    const auto expressed = express(asked);
    if (!expressed)
        return tl::make_unexpected(naming(v, expressed.error()));
    const auto after = std::ranges::find(expressed->volumes, v.index, &Volume::index);
    if (after == expressed->volumes.end())
        return fail(Errc::Unsupported, "{}: the format did not record the size", v.name);
    const Shape &to = after->shape;
    const std::uint64_t recorded = v.shape.component_sectors, component = to.component_sectors;
    const bool larger = component > recorded, smaller = component < recorded;
    for (const Volume &each : now.volumes)
        EMD_TRY(check_idle(each, *EMD_TRY(running_volume(running, each)), !larger));
    EMD_TRY(check_shown(v, r, want, to));

    Plan plan;
    plan.title = fmt::format("resize {}", v.name);
    const bool told = r.component_sectors == component;
    const bool grows = component > (r.component_sectors ? r.component_sectors : recorded);
    // Before it becomes smaller it shows less; once it has become larger it shows all.
    const std::uint64_t shows = want.array_sectors.value_or(0);
    const bool says = want.array_sectors || grows, resizes = says && array_word(shows) != r.array_size;
    const Set show{r.array, "array_size", array_word(shows)};
    if (recorded == component && told) {
        if (resizes)
            plan.add(show);
        return plan;
    }
    const std::uint64_t told_to_show = says ? shows : shown(r).value_or(0);
    describe(plan, v, to, told_to_show ? told_to_show : whole(to));
    freeze(plan, running);
    const Send send{running.container, change::Resized{v.index, component}};
    const Send back{running.container, change::Resized{v.index, recorded}};
    if (larger)
        plan.add(send, {back});
    if (resizes && !grows)
        plan.add(show, r.array_size.empty() ? std::vector<Action>() : std::vector<Action>{Set{r.array, "array_size", r.array_size}});
    if (!told)
        follow(plan, r, component, smaller && r.component_sectors ? std::vector<Action>{Set{r.array, "component_size", kib(r.component_sectors)}}
                                                                 : std::vector<Action>());
    if (smaller)
        plan.add(send);
    for (const RunningVolume &each : running.volumes) {
        plan.commit(Set{each.array, "metadata_version", tag(running, each.index, '/')});
        if (!each.action.empty())
            plan.add(Set{each.array, "sync_action", "idle"});
    }
    if (resizes && grows)
        plan.add(show);
    plan.add(Sync{running.container, v.index, {}});
    return plan;
}

}  // namespace emd::plan
