// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/create.h"

#include "libemd/base/size.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace emd::plan {
namespace {

bool usable(const Disk &disk)
{
    return disk.present && (disk.state == DiskState::Active || disk.state == DiskState::Spare);
}

Result<> check_shape(const NewVolume &want, const Limits &limits)
{
    const Shape &s = want.shape;
    if (!std::ranges::count(limits.levels, s.level))
        return fail(Errc::Unsupported, "{}: the format has no {}", want.name, level_word(s.level));
    if (s.level == 1)
        return {};
    if (s.chunk_sectors < limits.min_chunk_sectors || s.chunk_sectors > limits.max_chunk_sectors ||
        (s.chunk_sectors & (s.chunk_sectors - 1)))
        return fail(Errc::Invalid, "{}: a chunk of {}K is not possible; take a power of two from {}K to {}K", want.name,
                    s.chunk_sectors / 2, limits.min_chunk_sectors / 2, limits.max_chunk_sectors / 2);
    return {};
}

// Disks by path, or -1 for "missing".
Result<std::vector<int>> named_disks(const Container &now, const NewVolume &want)
{
    std::vector<int> slots;
    for (const std::string &path : want.disks) {
        if (path == "missing") {
            slots.push_back(-1);
            continue;
        }
        const auto found = std::ranges::find_if(now.disks, [&](const Disk &d) { return usable(d) && d.path == path; });
        if (found == now.disks.end())
            return fail(Errc::NotFound, "{} is no disk of {}: add it first with emdadm --add", path, want.container);
        const int index = static_cast<int>(found - now.disks.begin());
        if (std::ranges::count(slots, index))
            return fail(Errc::Invalid, "{} is named twice", path);
        slots.push_back(index);
    }
    return slots;
}

// "raid5, 3 disks, 1.5 TiB usable, chunk 64K"
std::string words_of(const Volume &v)
{
    return fmt::format("{}, {} disks, {} usable{}", level_word(v.shape.level), v.shape.raid_disks, format_size(v.array_sectors * 512),
                       v.shape.chunk_sectors ? fmt::format(", chunk {}K", v.shape.chunk_sectors / 2) : "");
}

Result<> check_found(Plan &plan, const NewContainer &want)
{
    for (const auto &disk : want.disks) {
        if (disk.found.empty())
            continue;
        if (!want.force)
            return fail(Errc::Refused, "{} has {}; to overwrite it, use --force or wipe it first", disk.path,
                        fmt::join(disk.found, " and "));
        plan.facts.push_back(fmt::format("{} has {}, {}", disk.path, fmt::join(disk.found, " and "),
                                         want.keep_data ? "of which only the array's description will be lost" : "which will be lost"));
    }
    return {};
}

// The array first: it claims the disks, so a disk that is in use is found out before anything is written to any of them. What is written
// then is taken back by the step before: a step that fails in its midst is not asked to.
void claim_and_store(Plan &plan, const NewContainer &want, const Container &view, bool all_versions)
{
    std::vector<Action> erase;
    for (const auto &disk : want.disks)
        erase.push_back(Erase{disk.path});
    Plan array = plan_container(view, want.format, want.name);
    const Step publish = array.steps.back();
    array.steps.pop_back();
    plan.append(std::move(array));
    for (const auto &disk : want.disks) {
        if (!disk.found.empty() && !want.keep_data)
            plan.add(Wipe{disk.path});
        if (!disk.found.empty() && all_versions)
            plan.add(Erase{disk.path});
    }
    std::vector<Action> &undo = plan.steps.back().undo;
    undo.insert(undo.begin(), erase.begin(), erase.end());
    plan.add(Store{});
    plan.steps.push_back(publish);
}

}  // namespace

Result<std::vector<int>> choose_disks(const Container &now, std::uint32_t count)
{
    std::vector<int> slots;
    const auto take = [&](int disk) {
        const bool free = disk >= 0 && usable(now.disks[static_cast<std::size_t>(disk)]) && !std::ranges::count(slots, disk);
        if (free && slots.size() < count)
            slots.push_back(disk);
    };
    for (const Volume &v : now.volumes)
        for (const Slot &slot : v.slots)
            take(slot.disk);
    for (std::size_t i = 0; i < now.disks.size(); i++)
        take(static_cast<int>(i));
    if (slots.size() < count)
        return fail(Errc::Refused, "{} disks are needed and the container has {}: add disks with emdadm --add", count,
                    slots.size());
    return slots;
}

Result<Plan> plan_create_container(const NewContainer &want)
{
    Plan plan;
    plan.title = fmt::format("create container {} ({}) of {} disks", want.name, want.format, want.disks.size());
    EMD_TRY(check_found(plan, want));
    NewMetadata fresh{want.format, {}};
    Container view;
    for (const auto &disk : want.disks) {
        fresh.disks.push_back(disk.path);
        Disk d;
        d.path = disk.path;
        d.dev = disk.dev;
        d.present = true;
        view.disks.push_back(d);
    }
    plan.add(fresh);
    claim_and_store(plan, want, view, false);
    return plan;
}

Result<Plan> plan_create_array(const Container &fresh, const NewContainer &want, const std::string &name)
{
    Volume volume = fresh.volumes.at(0);
    volume.name = name;
    Plan plan;
    plan.title = fmt::format("create {} of {} disks", name, want.disks.size());
    plan.facts.push_back(words_of(volume));
    EMD_TRY(check_found(plan, want));
    claim_and_store(plan, want, fresh, true);
    plan.append(EMD_TRY(plan_volume(fresh, volume, want.name, name, {false, true, false})));
    return plan;
}

Result<Plan> plan_create_volume(const Container &now, const NewVolume &want_in, const Limits &limits,
                                const Express &express)
{
    NewVolume want = want_in;
    if (want.shape.chunk_sectors == 0 && want.shape.level != 1)
        want.shape.chunk_sectors = std::clamp(limits.usual_chunk_sectors, limits.min_chunk_sectors, limits.max_chunk_sectors);
    EMD_TRY(check_shape(want, limits));
    if (now.volumes.size() >= limits.max_volumes)
        return fail(Errc::Refused, "{} has {} volumes already, and the format can hold no more", want.container,
                    now.volumes.size());
    for (const Volume &v : now.volumes) {
        if (v.name == want.name)
            return fail(Errc::Refused, "{} has a volume named {} already: take another name", want.container, v.name);
        if (v.reshape)
            return fail(Errc::Busy, "{} is being reshaped: wait for its end before adding a volume", v.name);
    }
    const std::vector<int> slots = EMD_TRY(want.disks.empty() ? choose_disks(now, want.shape.raid_disks)
                                                              : named_disks(now, want));
    if (slots.size() != want.shape.raid_disks)
        return fail(Errc::Invalid, "{} disks are named for {} members", slots.size(), want.shape.raid_disks);
    if (std::ranges::count(slots, -1) && !want.run)
        return fail(Errc::Refused, "{} would start degraded: use --run if that is meant", want.name);

    const change::VolumeCreated change{want.name, want.shape, slots, want.shape.component_sectors, want.assume_clean};
    const Container after = EMD_TRY(express(change));
    const auto made = std::ranges::find(after.volumes, want.name, &Volume::name);
    if (made == after.volumes.end())
        return fail(Errc::NotFound, "{} has no volume {} although it was made", want.container, want.name);
    const Volume &volume = *made;

    Plan plan;
    plan.title = fmt::format("create volume {} in {}", volume.name, want.container);
    plan.facts.push_back(words_of(volume));
    const change::VolumeDeleted back{volume.index};
    if (want.monitored) {
        plan.add(Send{want.container, change, devices_of(now)}, {Send{want.container, back, {}}});
    } else {
        plan.add(Apply{change}, {Apply{back}, Store{}});
        plan.add(Store{});
    }
    Plan start = EMD_TRY(plan_volume(after, volume, want.container, volume.name, {true, true, false}));
    plan.append(std::move(start));
    return plan;
}

}  // namespace emd::plan
