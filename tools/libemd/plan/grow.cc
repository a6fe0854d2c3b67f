// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/grow.h"

#include "libemd/plan/grow_facts.h"
#include "libemd/plan/grow_steps.h"
#include "libemd/plan/takeover.h"

#include <algorithm>
#include <fmt/format.h>

namespace emd::plan {
namespace {

// -- 0: checks ---------------------------------------------------------------------------------------------------------

Shape target_shape(const Volume &v, const GrowRequest &want)
{
    Shape to = v.shape;
    to.raid_disks = want.raid_disks.value_or(to.raid_disks);
    to.chunk_sectors = want.chunk_sectors.value_or(to.chunk_sectors);
    to.level = want.level.value_or(to.level);
    to.layout = want.layout.value_or(to.layout);
    return to;
}

Result<> check_target(const Volume &v, const Shape &to, const Limits &limits)
{
    if (!limits.reshape)
        return fail(Errc::Unsupported, "{}: EMD cannot reshape an array of this format yet: stop it, and let mdadm --grow do it", v.name);
    if (to == v.shape)
        return fail(Errc::Invalid, "{} has this shape already: nothing to do", v.name);
    if (!std::ranges::count(limits.levels, to.level))
        return fail(Errc::Unsupported, "{}: the format has no {}", v.name, level_word(to.level));
    if (to.chunk_sectors != v.shape.chunk_sectors &&
        (to.chunk_sectors < limits.min_chunk_sectors || to.chunk_sectors > limits.max_chunk_sectors ||
         (to.chunk_sectors & (to.chunk_sectors - 1))))
        return fail(Errc::Invalid, "{}: a chunk of {}K is not possible; take a power of two from {}K to {}K", v.name,
                    to.chunk_sectors / 2, limits.min_chunk_sectors / 2, limits.max_chunk_sectors / 2);
    if (to.raid_disks < v.shape.raid_disks)
        return fail(Errc::Unsupported, "{}: the format cannot record a change from {} to fewer disks ({})", v.name,
                    v.shape.raid_disks, to.raid_disks);
    return {};
}

// -- 1 to 9: steps -------------------------------------------------------------------------------------------------------

// 2. Even an unfrozen array cannot move one sector.
void close_gates(Plan &plan, const std::string &array, bool backward, std::uint64_t end)
{
    plan.add(Set{array, "sync_min", "0"});
    plan.add(Set{array, "sync_max", "0"}, {Set{array, "sync_max", "max"}});
    const std::string at = fmt::to_string(backward ? end : 0);
    plan.add(Set{array, backward ? "suspend_lo" : "suspend_hi", at});
    plan.add(Set{array, backward ? "suspend_hi" : "suspend_lo", at});
}

// 3. Nothing moves; attributes read "new (old)".
void propose(Plan &plan, const std::string &array, const Shape &from, const Shape &to)
{
    const auto change = [&](const char *attribute, std::string next, std::string now) {
        if (next != now)
            plan.add(Set{array, attribute, std::move(next)}, {Set{array, attribute, std::move(now)}});
    };
    change("new_level", level_word(to.level), level_word(from.level));
    change("chunk_size", fmt::to_string(to.chunk_sectors * 512), fmt::to_string(from.chunk_sectors * 512));
    change("layout", fmt::to_string(to.layout), fmt::to_string(from.layout));
    change("raid_disks", fmt::to_string(to.raid_disks), fmt::to_string(from.raid_disks));
}

void start(Plan &plan, const Running &r, const RunningVolume &v, const Shape &from, const change::ReshapeStarted &change)
{
    // 4 and 6: recorded, then spares have slots; withdrawing it again needs the freeze.
    plan.add(Send{r.container, change}, {Send{r.container, change::ReshapeWithdrawn{v.index}}});
    plan.add(Set{v.array, "metadata_version", tag(r, v.index, '/')}, {Set{v.array, "metadata_version", tag(r, v.index, '-')}});
    Sync sync{r.container, v.index, {}};
    for (std::uint32_t slot = from.raid_disks; slot < change.target.raid_disks; slot++)
        sync.reserved.push_back(slot);
    plan.add(sync);
    plan.add(Set{v.array, "sync_action", "reshape"}, {Set{v.array, "sync_action", "frozen"}});
}

// 9. The manager has seen the end: no position is left, nothing is suspended.
void finish(Plan &plan, const Running &r, const RunningVolume &v)
{
    plan.add(Sync{r.container, v.index, {}});
    plan.add(Expect{v.array, "reshape_position", "none", "the reshape has not ended"});
    plan.add(Set{v.array, "array_size", "default"});
}

// Volumes that are left for later because of their place in the container.
std::vector<const Volume *> followers(const Container &now, const Volume &first)
{
    std::vector<const Volume *> later;
    for (const Volume &v : now.volumes)
        if (v.index > first.index)
            later.push_back(&v);
    return later;
}

ReserveBackup reserve(const std::string &path, const Volume &v, const ReshapeRecord &record, bool fresh)
{
    return {path, v.index, record.target, record.unit, fresh};
}

Result<Plan> plan_one(const Container &now, const Volume &v, const Shape &to, const Running &running, const Express &express,
                      const std::string &backup_file)
{
    const RunningVolume &r = *EMD_TRY(running_volume(running, v));
    change::ReshapeStarted change{v.index, to, {}};
    change.new_disks = EMD_TRY(new_members(now, v, to.raid_disks - v.shape.raid_disks));
    auto expressed = express(change);
    if (!expressed && expressed.error().text().find(v.name) == std::string::npos)
        return tl::make_unexpected(expressed.error().within(v.name));
    const Container after = EMD_TRY(std::move(expressed));
    const auto recorded = std::ranges::find(after.volumes, v.index, &Volume::index);
    if (recorded == after.volumes.end() || !recorded->reshape)
        return fail(Errc::Unsupported, "{}: the format did not record the reshape", v.name);
    change.target.component_sectors = recorded->reshape->target.component_sectors;

    Plan plan;
    plan.title = fmt::format("reshape {}", v.name);
    plan.facts = EMD_TRY(grow_facts(now, v, recorded->reshape.value(), change.new_disks));
    change.new_disks.clear();  // emdmon picks them when it comes to it, by the same rule, from the spares of that moment
    if (!backup_file.empty()) {
        plan.facts.push_back(fmt::format("a second backup goes to {}", backup_file));
        plan.add(reserve(backup_file, v, *recorded->reshape, true), {DropBackup{backup_file}});
    }
    freeze(plan, running);
    const auto close = [&] { close_gates(plan, r.array, recorded->reshape->backward, array_sectors(to)); };
    const bool has_gates = !r.action.empty();  // a level without redundancy has them from the proposal on
    if (has_gates)
        close();
    propose(plan, r.array, v.shape, to);
    if (!has_gates)
        close();
    start(plan, running, r, v.shape, change);
    plan.commit(Manage{r.array, running.container, v.index});
    finish(plan, running, r);
    return plan;
}

}  // namespace

const Volume *left_behind(const Container &now)
{
    if (now.volumes.empty())
        return nullptr;
    const std::uint32_t disks = now.volumes.front().shape.raid_disks;
    const auto behind = std::ranges::find_if(now.volumes, [&](const Volume &v) {
        return v.shape.level != 1 && v.shape.raid_disks < disks && now.volumes.front().shape.level != 1;
    });
    return behind == now.volumes.end() ? nullptr : &*behind;
}

Plan plan_thaw(const Running &running)
{
    Plan plan;
    plan.title = fmt::format("thaw {}", running.container);
    for (const RunningVolume &v : running.volumes) {
        plan.add(Set{v.array, "metadata_version", tag(running, v.index, '/')});
        if (!v.action.empty() && v.action != "reshape")
            plan.add(Set{v.array, "sync_action", "idle"});
    }
    return plan;
}

Result<Plan> plan_grow(const Container &now, const GrowRequest &want, const Limits &limits, const Running &running,
                       const Express &express)
{
    if (now.volumes.empty())
        return fail(Errc::Refused, "{} has no volume: there is nothing to reshape", running.container);
    if (const Volume *v = taken_over(now, want, running))
        return plan_takeover(now, *v, want, running, express);
    if (want.raid_disks && want.volume && now.volumes.size() > 1)
        return fail(Errc::Refused, "the number of disks is changed for all volumes together: name the container {}",
                    running.container);
    const bool everything = want.raid_disks.has_value();
    if (!everything && !want.volume && now.volumes.size() > 1)
        return fail(Errc::Invalid, "{} has {} volumes: name the one that is meant", running.container, now.volumes.size());

    const Volume &first = everything ? now.volumes.front() : now.volumes[want.volume.value_or(0)];
    for (const Volume &v : now.volumes) {
        EMD_TRY(check_idle(v, *EMD_TRY(running_volume(running, v)), want.force));
        if (everything || &v == &first)
            EMD_TRY(check_target(v, target_shape(v, want), limits));
    }
    Plan plan = EMD_TRY(plan_one(now, first, target_shape(first, want), running, express, want.backup_file));
    if (everything)
        for (const Volume *later : followers(now, first))
            plan.facts.push_back(fmt::format("then volume {} in the same way", later->name));
    if (!everything || followers(now, first).empty())
        plan.append(plan_thaw(running));
    return plan;
}

Result<Plan> plan_continue(const Container &now, const Limits &limits, const Running &running, const Express &express,
                           const std::string &backup_file)
{
    Plan plan;
    plan.title = fmt::format("continue in {}", running.container);
    const auto moving = std::ranges::find_if(now.volumes, [](const Volume &v) { return v.reshape.has_value(); });
    if (moving == now.volumes.end()) {
        const Volume *next = left_behind(now);
        if (!next)
            return plan;
        GrowRequest want;
        want.raid_disks = now.volumes.front().shape.raid_disks;
        EMD_TRY(check_target(*next, target_shape(*next, want), limits));
        plan = EMD_TRY(plan_one(now, *next, target_shape(*next, want), running, express, backup_file));
    } else {
        const RunningVolume &r = *EMD_TRY(running_volume(running, *moving));
        plan.facts = {fmt::format("volume {}: from sector {} on", moving->name, moving->reshape->position)};
        if (!backup_file.empty())
            plan.add(reserve(backup_file, *moving, *moving->reshape, false));
        plan.add(StartMonitor{running.container});
        if (r.tagged)
            plan.add(Set{r.array, "metadata_version", tag(running, r.index, '/')});
        plan.add(Sync{running.container, r.index, {}});
        plan.commit(Manage{r.array, running.container, r.index});
        finish(plan, running, r);
    }
    return plan;
}

}  // namespace emd::plan
