// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/takeover.h"

#include "emd/emd.h"
#include "libemd/base/size.h"
#include "libemd/plan/grow_facts.h"
#include "libemd/plan/grow_steps.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace emd::plan {
namespace {

constexpr std::uint32_t kPairs = 0x102;  // two near copies

Result<Shape> target_shape(const Volume &v, const GrowRequest &want)
{
    Shape to = v.shape;
    to.level = *want.level;
    to.layout = to.level == 10 ? kPairs : 0;
    if (to.level != v.shape.level)
        to.raid_disks = to.level == 10 ? v.shape.raid_disks * 2 : v.shape.raid_disks / 2;
    if (want.raid_disks && *want.raid_disks != to.raid_disks)
        return fail(Errc::Invalid, "{} becomes {} of {} disks, not of {}: leave --raid-devices away", v.name,
                    level_word(to.level), to.raid_disks, *want.raid_disks);
    if (want.chunk_sectors && *want.chunk_sectors != to.chunk_sectors)
        return fail(Errc::Invalid, "{} keeps its chunk of {}K when it becomes {}: leave --chunk away", v.name,
                    to.chunk_sectors / 2, level_word(to.level));
    if (!want.backup_file.empty())
        return fail(Errc::Invalid, "{} becomes {} without moving data: leave --backup-file away", v.name, level_word(to.level));
    if (want.layout && *want.layout != to.layout)
        return fail(Errc::Invalid, "{} becomes {} in one layout only: leave --layout away", v.name, level_word(to.level));
    return to;
}

// Each disk with a mirror that is missing, or of each pair the first that is in sync: the kernel keeps the same.
Result<std::vector<Slot>> slots_after(const Volume &v, int level)
{
    std::vector<Slot> slots;
    for (const Slot &slot : v.slots) {
        if (level == 10) {
            slots.push_back(slot);
            slots.push_back({});
        } else if (slots.size() * 2 == static_cast<std::size_t>(&slot - v.slots.data())) {
            slots.push_back(slot);
        } else if (!slots.back().in_sync) {
            slots.back() = slot;
        }
    }
    if (std::ranges::all_of(slots, [level](const Slot &s) { return s.in_sync || level == 10; }))
        return slots;
    return fail(Errc::Refused, "{} misses both mirrors of a pair", v.name);
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
std::vector<int> dropped(const Container &now, const Volume &v, const std::vector<Slot> &slots)
{
    const bool recorded = v.shape.level == 0;
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

Result<std::string> mirrors_fact(const Container &now, const Volume &v, std::uint32_t missing, bool force)
{
    const auto spares = new_members(now, v, missing);
    if (spares)
        return fmt::format("mirrors, to be filled by a rebuild: {}", paths(now, *spares));
    if (!force)
        return tl::make_unexpected(Error(spares.error().code(), spares.error().text() + ", or use --force to have mirrors later"));
    return fmt::format("mirrors: not all now; they are filled when disks are added with emdadm --add");
}

Result<> describe(Plan &plan, const Container &now, const Volume &v, const Shape &to, const std::vector<Slot> &slots, bool force)
{
    plan.facts.push_back(fmt::format("volume {}: {} becomes {}", v.name, shape_words(v.shape), shape_words(to)));
    plan.facts.push_back(fmt::format("size: {}, as before", format_size(v.array_sectors * 512)));
    plan.facts.push_back("to be moved: nothing");
    if (to.level == 10) {
        plan.facts.push_back(EMD_TRY(mirrors_fact(now, v, v.shape.raid_disks, force)));
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
    plan.add(Set{r.array, "level", level_word(to.level)});
    plan.commit(Set{r.array, "metadata_version", tag(running, v.index, '/')});
    if (to.level == 0)
        for (const int disk : dropped(now, v, slots))
            plan.add(RemoveMember{r.array, now.disks[static_cast<std::size_t>(disk)].path, now.disks[static_cast<std::size_t>(disk)].dev});
    plan.add(Sync{running.container, v.index, {}});
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
    if (!want.level || (!want.volume && now.volumes.size() != 1))
        return nullptr;
    const Volume &v = now.volumes[want.volume.value_or(0)];
    const auto r = std::ranges::find(running.volumes, v.index, &RunningVolume::index);
    if (r != running.volumes.end() && half_taken_over(v, *r) && *want.level == v.shape.level)
        return &v;
    const int from = v.shape.level, to = *want.level;
    return (from == 0 && to == 10) || (from == 10 && to == 0) ? &v : nullptr;
}

Result<Plan> plan_takeover(const Container &now, const Volume &v, const GrowRequest &want, const Running &running,
                           const Express &express)
{
    const RunningVolume &r = *EMD_TRY(running_volume(running, v));
    if (*want.level == v.shape.level)
        return finish_half(now, v, running, r);
    for (const Volume &each : now.volumes)
        EMD_TRY(check_idle(each, *EMD_TRY(running_volume(running, each)), want.force));
    const Shape to = EMD_TRY(target_shape(v, want));
    const change::Takeover change{v.index, to, EMD_TRY(slots_after(v, to.level))};
    auto expressed = express(change);
    if (!expressed && expressed.error().text().find(v.name) == std::string::npos)
        return tl::make_unexpected(expressed.error().within(v.name));
    const Container after = EMD_TRY(std::move(expressed));

    Plan plan;
    plan.title = fmt::format("take {} over as {}", v.name, level_word(to.level));
    EMD_TRY(describe(plan, now, v, to, change.slots, want.force));
    freeze(plan, running);
    plan.add(Send{running.container, change},
             {Send{running.container, change::Takeover{v.index, v.shape, renumbered(v.slots, now, after)}}});
    follow(plan, now, v, to, change.slots, running, r);
    return plan;
}

}  // namespace emd::plan
