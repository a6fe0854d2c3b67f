// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/grow.h"

#include "libemd/plan/grow_facts.h"
#include "libemd/plan/grow_steps.h"
#include "libemd/plan/proposal.h"
#include "libemd/plan/takeover.h"

#include <algorithm>
#include <fmt/format.h>

namespace emd::plan {
namespace {

// -- 0: checks ---------------------------------------------------------------------------------------------------------

constexpr std::uint32_t kChunk = 128;  // of what comes from RAID1, which has none

// Of the present one where both levels have it, or the one that the level has in most arrays. IMSM has one number in all its levels.
std::uint32_t usual_layout(FormatId format, const Shape &from, int level)
{
    const bool parity = level == 5 || level == 6;
    if (level == from.level || format == FormatId::Imsm || (parity && (from.level == 5 || from.level == 6) && from.layout <= EMD_LAYOUT_PARITY_LAST))
        return from.layout;
    return parity ? EMD_LAYOUT_LEFT_SYMMETRIC : level == 10 ? EMD_LAYOUT_RAID10_NEAR(2) : 0;
}

Shape target_shape(const Container &now, const Volume &v, const GrowRequest &want)
{
    Shape to = v.shape;
    to.raid_disks = want.raid_disks.value_or(to.raid_disks);
    to.level = want.level.value_or(to.level);
    to.layout = want.layout.value_or(usual_layout(now.format, v.shape, to.level));
    if (to.level != v.shape.level && now.format != FormatId::Imsm && (to.level == 1 || v.shape.level == 1))
        to.chunk_sectors = to.level == 1 ? 0 : kChunk;
    to.chunk_sectors = want.chunk_sectors.value_or(to.chunk_sectors);
    return to;
}

Result<> check_target(const Volume &v, const Shape &to, const Limits &limits)
{
    if (to == v.shape)
        return fail(Errc::Invalid, "{} has this shape already: nothing to do", v.name);
    if (!std::ranges::count(limits.levels, to.level))
        return fail(Errc::Unsupported, "{}: the format has no {}", v.name, level_word(to.level));
    if (to.chunk_sectors != v.shape.chunk_sectors && (to.chunk_sectors || to.level != 1) &&
        (to.chunk_sectors < limits.min_chunk_sectors || to.chunk_sectors > limits.max_chunk_sectors ||
         (to.chunk_sectors & (to.chunk_sectors - 1))))
        return fail(Errc::Invalid, "{}: a chunk of {}K is not possible; take a power of two from {}K to {}K", v.name,
                    to.chunk_sectors / 2, limits.min_chunk_sectors / 2, limits.max_chunk_sectors / 2);
    return {};
}

// Where the format would not have the target with any disks, that is the reason, and not that there are too few.
Result<std::vector<int>> disks_for(const Container &now, const Volume &v, const change::ReshapeStarted &change, const Express &express)
{
    const Shape &to = change.target;
    auto found = new_members(now, v, to.raid_disks > v.shape.raid_disks ? to.raid_disks - v.shape.raid_disks : 0);
    if (found)
        return found;
    const auto without = express(change);
    if (without || without.error().code() == Errc::Invalid)  // that disks are to be named
        return found;
    return tl::make_unexpected(naming(v, without.error()));
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

// 3. Nothing moves; attributes read "new (old)". Where data moves on the members comes first: what a shape may overwrite depends
// on it. Away from the front it comes last: a shape on the way may go forward, which does not fit to that.
void propose(Plan &plan, const RunningVolume &r, const Shape &from, const ReshapeRecord &record)
{
    const std::string &array = r.array;
    const Shape &to = record.target;
    const auto shift = [&] {
        for (const RunningMember &m : r.members)
            plan.add(Set{array, m.name + "/new_offset", fmt::to_string(m.data_offset + static_cast<std::uint64_t>(record.data_shift))},
                     {Set{array, m.name + "/new_offset", fmt::to_string(m.data_offset)}});
    };
    if (record.data_shift && !record.backward)
        shift();
    for (const Proposal &p : proposals(from, to, record.backward ? 0 : record.data_shift))
        plan.add(Set{array, p.attribute, p.next}, {Set{array, p.attribute, p.now}});
    if (record.data_shift && record.backward)
        shift();
}

// The end of each member that is given up. It holds nothing that is wanted: the kernel refuses it otherwise.
void give_up(Plan &plan, const std::string &array, std::uint64_t now, std::uint64_t left)
{
    if (left < now)
        plan.add(Set{array, "component_size", fmt::to_string(left / 2)}, {Set{array, "component_size", fmt::to_string(now / 2)}});
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
    change.kept = shown(r).value_or(change.kept);
    change.new_disks = EMD_TRY(disks_for(now, v, change, express));
    const auto expressed = express(change);
    if (!expressed)
        return tl::make_unexpected(naming(v, expressed.error()));
    const Container &after = *expressed;
    const auto recorded = std::ranges::find(after.volumes, v.index, &Volume::index);
    if (recorded == after.volumes.end() || !recorded->reshape)
        return fail(Errc::Unsupported, "{}: the format did not record the reshape", v.name);
    change.target.component_sectors = recorded->reshape->target.component_sectors;

    Plan plan;
    plan.title = fmt::format("reshape {}", v.name);
    plan.facts = EMD_TRY(grow_facts(now, v, recorded->reshape.value(), change.new_disks));
    change.new_disks.clear();  // emdmon picks them when it comes to it, by the same rule, from the spares of that moment
    const bool needs_backup = recorded->reshape->data_shift == 0;
    if (!backup_file.empty() && !needs_backup)
        plan.facts.push_back(fmt::format("{} is not made: this change needs no backup", backup_file));
    if (!backup_file.empty() && needs_backup) {
        plan.facts.push_back(fmt::format("a second backup goes to {}", backup_file));
        plan.add(reserve(backup_file, v, *recorded->reshape, true), {DropBackup{backup_file}});
    }
    freeze(plan, running);
    const auto close = [&] { close_gates(plan, r.array, recorded->reshape->backward, array_sectors(recorded->reshape->target)); };
    const bool has_gates = !r.action.empty();  // a level without redundancy has them from the proposal on
    if (has_gates)
        close();
    if (recorded->reshape->backward)
        give_up(plan, r.array, v.shape.component_sectors, recorded->shape.component_sectors);
    propose(plan, r, v.shape, *recorded->reshape);
    if (!has_gates)
        close();
    start(plan, running, r, v.shape, change);
    plan.commit(Manage{r.array, running.container, v.index});
    finish(plan, running, r);
    return plan;
}

}  // namespace

Error unrecorded(std::string_view array)
{
    return {Errc::Unsupported, fmt::format("{} has no metadata that could record a reshape: a power cut would lose it", array)};
}

Way way_of(const Plan &plan)
{
    const bool driven = std::ranges::any_of(plan.steps, [](const Step &s) { return std::holds_alternative<Manage>(s.action); });
    return driven ? Way::Restripe : Way::Takeover;
}

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
    if (!limits.reshape)
        return fail(Errc::Unsupported, "{}: the format has no place for how far a reshape is: make a new volume of that shape, and copy the data",
                    now.volumes[want.volume.value_or(0)].name);
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
            EMD_TRY(check_target(v, target_shape(now, v, want), limits));
    }
    Plan plan = EMD_TRY(plan_one(now, first, target_shape(now, first, want), running, express, want.backup_file));
    if (everything)
        for (const Volume *later : followers(now, first))
            plan.facts.push_back(fmt::format("then volume {} in the same way", later->name));
    if (!everything || followers(now, first).empty()) {
        Running then = running;
        for (RunningVolume &r : then.volumes)
            if (r.index == first.index && want.level && !redundant(Shape{*want.level, 0, 0, 0, 0}))
                r.action.clear();  // what it is by then has no passes
        plan.append(plan_thaw(then));
    }
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
        EMD_TRY(check_target(*next, target_shape(now, *next, want), limits));
        plan = EMD_TRY(plan_one(now, *next, target_shape(now, *next, want), running, express, backup_file));
    } else {
        const RunningVolume &r = *EMD_TRY(running_volume(running, *moving));
        plan.facts = {fmt::format("volume {}: from sector {} on", moving->name, moving->reshape->position)};
        if (!backup_file.empty() && moving->reshape->data_shift == 0)
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

Result<> check_turn(const Volume &v)
{
    if (!v.reshape)
        return fail(Errc::Invalid, "{} is not being reshaped: there is nothing to move back", v.name);
    if (!v.reshape->data_shift)
        return fail(Errc::Unsupported, "{}: its data are moved where they lie, by a backup, and the format cannot record a way back: emdadm --grow "
                    "--continue goes on", v.name);
    return {};
}

Result<Plan> plan_turn_back(const Container &now, const RunningVolume &r, const Running &running, const Express &express)
{
    const auto v = std::ranges::find(now.volumes, r.index, &Volume::index);
    if (v == now.volumes.end())
        return fail(Errc::NotFound, "{} is not recorded", r.array);
    EMD_TRY(check_turn(*v));
    if (v->reshape->backward)
        return fail(Errc::Invalid, "{} goes from the end to the front, which cannot be turned while it runs: emdadm --grow --continue goes on with it; "
                    "stop it, and emdadm --assemble --update=revert-reshape turns it", v->name);
    if (v->reshape->target.raid_disks < v->shape.raid_disks)
        return fail(Errc::Unsupported, "{} is to have fewer members, and cannot be turned while it runs: emdadm --grow --continue goes on with it; "
                    "stop it, and emdadm --assemble --update=revert-reshape turns it", v->name);
    if (v->reshape->position == 0)
        return fail(Errc::Busy, "{}: nothing has moved yet: try again when it has", v->name);
    const change::ReshapeReverted change{v->index, true};
    if (const auto after = express(change); !after)
        return tl::make_unexpected(naming(*v, after.error()));
    Plan plan;
    plan.title = fmt::format("move back in {}", running.container);
    plan.facts = {fmt::format("volume {}: becomes {} again, from sector {} on", v->name, shape_words(v->shape), v->reshape->position)};
    plan.add(StartMonitor{running.container});
    plan.add(Set{r.array, "sync_action", "frozen"});
    plan.add(Sync{running.container, r.index, {}});
    plan.add(Send{running.container, change}, {Send{running.container, change::ReshapeReverted{v->index, false}}});
    plan.add(Set{r.array, "reshape_direction", "backwards"});
    plan.add(Sync{running.container, r.index, {}});
    plan.commit(Manage{r.array, running.container, r.index});
    finish(plan, running, r);
    return plan;
}

}  // namespace emd::plan
