// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/subarray.h"

#include "libemd/base/size.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace emd::plan {
namespace {

std::string words_of(const Volume &v)
{
    return fmt::format("{} ({}, {} disks, {})", v.name, level_word(v.shape.level), v.shape.raid_disks, format_size(v.array_sectors * 512));
}

Result<const Volume *> find_volume(const Container &now, unsigned number)
{
    const auto found = std::ranges::find(now.volumes, number, &Volume::index);
    if (found != now.volumes.end())
        return &*found;
    if (now.volumes.empty())
        return fail(Errc::NotFound, "there is no volume {}: the container has none", number);
    std::vector<std::string> there;
    for (const Volume &v : now.volumes)
        there.push_back(fmt::format("{} ({})", v.index, v.name));
    return fail(Errc::NotFound, "there is no volume {}: the container has {}", number, fmt::join(there, ", "));
}

const std::string &word_of(const Disk &disk)
{
    return disk.path.empty() ? disk.serial : disk.path;
}

// Disks that will not hear of it.
std::vector<std::string> unreached(const Container &now)
{
    std::vector<std::string> disks;
    for (const Disk &disk : now.disks)
        if (!disk.present || disk.state == DiskState::Failed)
            disks.push_back(word_of(disk));
    return disks;
}

// Those that go on, in the order in which both have them.
void say_what_moves(Plan &plan, const Container &now, std::optional<unsigned> gone, const Container &after)
{
    std::vector<const Volume *> left;
    for (const Volume &v : now.volumes)
        if (v.index != gone)
            left.push_back(&v);
    for (std::size_t i = 0; i < left.size() && i < after.volumes.size(); i++) {
        const Volume &old = *left[i], &v = after.volumes[i];
        if (old.index != v.index)
            plan.facts.push_back(fmt::format("volume {} becomes volume {}", old.name, v.index));
        if (old.uuid != v.uuid)
            plan.facts.push_back(fmt::format("volume {}: its identity was {} and becomes {}: emdadm.conf and mdadm.conf may name it", old.name,
                                             to_string(old.uuid), to_string(v.uuid)));
    }
}

void say_who_is_free(Plan &plan, const Container &now, const Container &after)
{
    std::vector<std::string> spares;
    for (const Disk &disk : after.disks) {
        const auto was = std::ranges::find(now.disks, disk.path, &Disk::path);
        if (disk.present && disk.state == DiskState::Spare && was != now.disks.end() && was->state == DiskState::Active)
            spares.push_back(disk.path);
    }
    if (!spares.empty())
        plan.facts.push_back(fmt::format("{} {}", fmt::join(spares, ", "), spares.size() == 1 ? "becomes a spare" : "become spares"));
}

// The power went while the last volume was being deleted.
Plan plan_finish(const Container &now)
{
    Plan plan;
    plan.title = "finish the deletion of the last volume, which had not reached all disks";
    for (const std::string &disk : unreached(now))
        plan.facts.push_back(fmt::format("{} keeps its record: emdadm --zero-superblock it", disk));
    plan.add(Store{});
    return plan;
}

}  // namespace

Result<Plan> plan_delete_volume(const Container &now, unsigned number, bool force, const Express &express)
{
    if (now.volumes.empty() && now.uneven)
        return plan_finish(now);
    const Volume &v = *EMD_TRY(find_volume(now, number));
    if (v.activity != Activity::None && !force)
        return fail(Errc::Busy, "volume {}: a {} is recorded in it, and would be given up half done: assemble it and let that end, or use --force",
                    v.name, to_word(v.activity));
    const std::vector<std::string> unaware = unreached(now);
    if (!unaware.empty() && !force)
        return fail(Errc::Refused, "{} {} not here, or failed, and would keep the record of volume {}: connect it, or use --force",
                    fmt::join(unaware, ", "), unaware.size() == 1 ? "is" : "are", v.name);
    const change::VolumeDeleted change{number};
    const Container after = EMD_TRY(express(change));

    Plan plan;
    plan.title = fmt::format("delete volume {}", number);
    plan.facts.push_back(words_of(v));
    say_who_is_free(plan, now, after);
    say_what_moves(plan, now, number, after);
    for (const std::string &disk : unaware)
        plan.facts.push_back(fmt::format("{} keeps its record of {}: the other disks outvote it, but alone it brings the volume back: "
                                         "emdadm --zero-superblock it when it is there", disk, v.name));
    plan.add(Apply{change});
    plan.add(Store{});
    return plan;
}

Result<Plan> plan_rename_volume(const Container &now, unsigned number, const std::string &name, bool force, const Express &express)
{
    const Volume &v = *EMD_TRY(find_volume(now, number));
    if (v.name == name)
        return fail(Errc::Invalid, "volume {} is called {} already", number, name);
    std::vector<std::string> away;
    for (const Disk &disk : now.disks)
        if (disk.state == DiskState::Missing)
            away.push_back(word_of(disk));
    if (!away.empty() && !force)
        return fail(Errc::Refused, "{} {} not here and would keep the old name of volume {}: connect it, or use --force", fmt::join(away, ", "),
                    away.size() == 1 ? "is" : "are", v.name);
    const change::VolumeRenamed change{number, name};
    const Container after = EMD_TRY(express(change));

    Plan plan;
    plan.title = fmt::format("rename volume {}", number);
    plan.facts.push_back(fmt::format("{} becomes {}", v.name, name));
    say_what_moves(plan, now, std::nullopt, after);
    for (const std::string &disk : away)
        plan.facts.push_back(fmt::format("{} keeps the name {}: the other disks outvote it, but alone it says so", disk, v.name));
    plan.add(Apply{change});
    plan.add(Store{});
    return plan;
}

}  // namespace emd::plan
