// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/takeover.h"

#include "libemd/base/size.h"
#include "libemd/model/takeover.h"
#include "libemd/plan/grow_facts.h"
#include "libemd/plan/grow_steps.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace emd::plan {
namespace {

// md's superblocks say every shape. IMSM has RAID0 and pairs.
bool has_all(const Container &now)
{
    return now.format == FormatId::Md1 || now.format == FormatId::Md090;
}

// More or fewer mirrors: no level is named, or the one that it has, and nothing else.
bool wants_mirrors(const Volume &v, const GrowRequest &want)
{
    return v.shape.level == 1 && want.level.value_or(1) == 1 && want.raid_disks && *want.raid_disks != v.shape.raid_disks && !want.chunk_sectors &&
           !want.layout;
}

// What the kernel is going to make of it when it is told.
Result<Shape> target_shape(const Volume &v, const GrowRequest &want)
{
    Shape to = v.shape;
    if (wants_mirrors(v, want))
        to.raid_disks = *want.raid_disks;
    else
        to = EMD_TRY(shape_taken_over(v.shape, *want.level).within(v.name));
    if (!want.backup_file.empty())
        return fail(Errc::Invalid, "{} becomes {} without moving data: leave --backup-file away", v.name, level_word(to.level));
    if (want.raid_disks && *want.raid_disks != to.raid_disks)
        return fail(Errc::Invalid, "{} becomes {} of {} disks, not of {}: leave --raid-devices away", v.name,
                    level_word(to.level), to.raid_disks, *want.raid_disks);
    if (want.chunk_sectors && *want.chunk_sectors != to.chunk_sectors)
        return fail(Errc::Invalid, "{} keeps its chunk of {}K when it becomes {}: leave --chunk away", v.name,
                    to.chunk_sectors / 2, level_word(to.level));
    if (want.layout && *want.layout != to.layout)
        return fail(Errc::Invalid, "{} becomes {} in one layout only: leave --layout away", v.name, level_word(to.level));
    return to;
}

// The kernel keeps the same.
Result<std::vector<Slot>> slots_after(const Volume &v, const Shape &to)
{
    Volume then = v;
    then.shape = to;
    then.slots = slots_taken_over(v.shape, v.slots, to);
    if (health(then) == Health::Failed)
        return fail(Errc::Refused, "{} misses members that it cannot do without as {}", v.name, shape_words(to));
    return then.slots;
}

bool holds(const std::vector<Slot> &slots, int disk)
{
    return std::ranges::any_of(slots, [disk](const Slot &s) { return s.disk == disk; });
}

// `slots` of `now` by the numbers that their disks have in `then`; what is not in sync is nobody.
std::vector<Slot> renumbered(const std::vector<Slot> &slots, const Container &now, const Container &then)
{
    std::vector<Slot> all;
    for (const Slot &slot : slots) {
        Slot &s = all.emplace_back();
        if (slot.disk < 0 || !slot.in_sync)
            continue;
        const Disk &disk = now.disks[static_cast<std::size_t>(slot.disk)];
        const auto same = std::ranges::find_if(then.disks, [&](const Disk &d) { return d.present && d.dev == disk.dev; });
        if (same != then.disks.end())
            s = {static_cast<int>(same - then.disks.begin()), true};
    }
    return all;
}

std::string paths(const Container &c, const std::vector<int> &disks)
{
    std::vector<std::string> names;
    for (const int disk : disks)
        names.push_back(c.disks[static_cast<std::size_t>(disk)].path);
    return fmt::format("{}", fmt::join(names, ", "));
}

// Present, and of no use to the volume any more. Once the takeover is recorded, every spare may still be a member.
std::vector<int> dropped(const Container &now, const Volume &v, const Shape &to, const std::vector<Slot> &slots)
{
    const bool recorded = v.shape == to;
    std::vector<int> all;
    for (std::size_t i = 0; i < now.disks.size(); i++) {
        const int disk = static_cast<int>(i);
        const DiskState state = now.disks[i].state;
        const bool member = recorded ? state == DiskState::Spare : holds(v.slots, disk) && state != DiskState::Failed;
        if (now.disks[i].present && member && !holds(slots, disk))
            all.push_back(disk);
    }
    return all;
}

// What the new places are for.
const char *new_part(const Shape &to)
{
    return to.level == 6 ? "Q" : to.level == 4 || to.level == 5 ? "parity" : "mirrors";
}

Result<std::string> spares_fact(const Container &now, const Volume &v, const Shape &to, bool force)
{
    const char *part = new_part(to);
    const auto spares = new_members(now, v, to.raid_disks - v.shape.raid_disks);
    if (spares)
        return fmt::format("{}, to be filled by a rebuild: {}", part, paths(now, *spares));
    if (!force)
        return tl::make_unexpected(Error(spares.error().code(), fmt::format("{}, or use --force to have {} later", spares.error().text(), part)));
    return fmt::format("{}: not all now; they are filled when disks are added with emdadm --add", part);
}

Result<> describe(Plan &plan, const Container &now, const Volume &v, const Shape &to, const std::vector<Slot> &slots, bool force)
{
    plan.facts.push_back(fmt::format("volume {}: {} becomes {}", v.name, shape_words(v.shape), shape_words(to)));
    plan.facts.push_back(fmt::format("size: {}, as before", format_size(v.array_sectors * 512)));
    plan.facts.push_back("to be moved: nothing");
    if (to.raid_disks > v.shape.raid_disks) {
        plan.facts.push_back(EMD_TRY(spares_fact(now, v, to, force)));
        return {};
    }
    std::vector<int> free;
    for (const Slot &slot : v.slots)
        if (slot.disk >= 0 && slot.in_sync && !holds(slots, slot.disk))
            free.push_back(slot.disk);
    if (!free.empty())
        plan.facts.push_back(fmt::format("spares from then on: {}", paths(now, free)));
    return {};
}

// The kernel follows the record. From here on nothing is taken back.
void follow(Plan &plan, const Container &now, const Volume &v, const Shape &to, const std::vector<Slot> &slots,
            const Running &running, const RunningVolume &r)
{
    if (!r.action.empty())  // the disks that the record keeps are the first of their pairs only while nobody fails
        plan.add(Expect{r.array, "degraded", fmt::to_string(r.degraded), "a disk has failed or come meanwhile, try again"});
    if (to.level == 1 && v.shape.level == 1 && !half_taken_over(v, r))
        plan.add(Set{r.array, "raid_disks", fmt::to_string(to.raid_disks)});
    else
        plan.add(Set{r.array, "level", level_word(to.level)});
    plan.commit(Set{r.array, "metadata_version", tag(running, v.index, '/')});
    if (!r.action.empty() && to.level != 0)
        plan.add(Set{r.array, "sync_action", "idle"});
    if (to.level == 0 || to.raid_disks < v.shape.raid_disks)
        for (const int disk : dropped(now, v, to, slots))
            plan.add(RemoveMember{r.array, now.disks[static_cast<std::size_t>(disk)].path, now.disks[static_cast<std::size_t>(disk)].dev});
    plan.add(Sync{running.container, v.index, {}});
}

// Is the request a takeover, and all of it? What else is wished for needs data to move.
bool is_whole(const Volume &v, const GrowRequest &want)
{
    if (!want.level || *want.level == v.shape.level)
        return wants_mirrors(v, want);
    const auto to = shape_taken_over(v.shape, *want.level);
    return to && want.raid_disks.value_or(to->raid_disks) == to->raid_disks && want.layout.value_or(to->layout) == to->layout &&
           want.chunk_sectors.value_or(to->chunk_sectors) == to->chunk_sectors;
}

Result<Plan> finish_half(const Container &now, const Volume &v, const Running &running, const RunningVolume &r)
{
    EMD_TRY(check_at_rest(v, r));
    EMD_TRY(check_half(v, r));
    Plan plan;
    plan.title = fmt::format("bring the takeover of {} as {} to its end", v.name, level_word(v.shape.level));
    freeze(plan, running);
    follow(plan, now, v, v.shape, v.slots, running, r);
    return plan;
}

}  // namespace

const Volume *taken_over(const Container &now, const GrowRequest &want, const Running &running)
{
    if (!want.volume && now.volumes.size() != 1)
        return nullptr;
    const Volume &v = now.volumes[want.volume.value_or(0)];
    const auto r = std::ranges::find(running.volumes, v.index, &RunningVolume::index);
    if (r != running.volumes.end() && half_taken_over(v, *r) && want.level == v.shape.level)
        return &v;
    if (has_all(now))
        return is_whole(v, want) ? &v : nullptr;
    const int from = v.shape.level, to = want.level.value_or(from);
    return (from == 0 && to == 10) || (from == 10 && to == 0) ? &v : nullptr;
}

Result<Plan> plan_takeover(const Container &now, const Volume &v, const GrowRequest &want, const Running &running,
                           const Express &express)
{
    const RunningVolume &r = *EMD_TRY(running_volume(running, v));
    if (half_taken_over(v, r) && want.level == v.shape.level)
        return finish_half(now, v, running, r);
    for (const Volume &each : now.volumes)
        EMD_TRY(check_idle(each, *EMD_TRY(running_volume(running, each)), want.force));
    const Shape to = EMD_TRY(target_shape(v, want));
    const change::Takeover change{v.index, to, EMD_TRY(slots_after(v, to))};
    const auto expressed = express(change);
    if (!expressed)
        return tl::make_unexpected(naming(v, expressed.error()));
    const Container &after = *expressed;

    Plan plan;
    plan.title = to.level == v.shape.level ? fmt::format("give {} {} mirrors", v.name, to.raid_disks)
                                           : fmt::format("take {} over as {}", v.name, level_word(to.level));
    EMD_TRY(describe(plan, now, v, to, change.slots, want.force));
    freeze(plan, running);
    plan.add(Send{running.container, change, devices_of(now)},
             {Send{running.container, change::Takeover{v.index, v.shape, renumbered(v.slots, now, after)}, devices_of(after)}});
    follow(plan, now, v, to, change.slots, running, r);
    return plan;
}

}  // namespace emd::plan
