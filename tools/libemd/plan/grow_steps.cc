// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/plan/grow_steps.h"

#include "libemd/base/size.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace emd::plan {

std::string tag(const Running &r, unsigned volume, char mark)
{
    return fmt::format("external:{}{}/{}", mark, r.container, volume);
}

Result<const RunningVolume *> running_volume(const Running &r, const Volume &v)
{
    const auto found = std::ranges::find(r.volumes, v.index, &RunningVolume::index);
    if (found == r.volumes.end())
        return fail(Errc::Refused, "{} is not running: assemble it first, a reshape works on a running volume", v.name);
    return &*found;
}

Error naming(const Volume &v, const Error &refusal)
{
    return refusal.text().find(v.name) == std::string::npos ? refusal.within(v.name) : refusal;
}

Result<> check_at_rest(const Volume &v, const RunningVolume &r)
{
    if (v.reshape)
        return fail(Errc::Busy, "{} is being reshaped already: emdadm --grow --continue goes on with it", v.name);
    if (r.tagged || r.action == "frozen")
        return fail(Errc::Busy, "{} is frozen by somebody: wait, or see emdadm --detail", v.name);
    if (!r.action.empty() && r.action != "idle")
        return fail(Errc::Busy, "{} is busy ({}): wait for its end with emdadm --wait", v.name, r.action);
    if (r.state == "readonly" || r.state == "read-auto")
        return fail(Errc::Refused, "{} is read-only: make it writable with emdadm --readwrite", v.name);
    return {};
}

bool half_taken_over(const Volume &v, const RunningVolume &r)
{
    return !v.reshape && !r.level.empty() && r.level != level_word(v.shape.level);
}

Result<> check_half(const Volume &v, const RunningVolume &r)
{
    if (health(v) != Health::Failed)
        return {};
    if (v.shape.level != 0)
        return fail(Errc::Refused, "{} has failed: nothing can be reshaped", v.name);
    return fail(Errc::Refused, "{} is recorded as {} and a disk of that has failed since; it runs as {} and has all its data: do "
                "not stop it, copy its data off", v.name, level_word(v.shape.level), r.level);
}

Result<> check_idle(const Volume &v, const RunningVolume &r, bool force)
{
    EMD_TRY(check_at_rest(v, r));
    if (half_taken_over(v, r))
        EMD_TRY(check_half(v, r));
    if (half_taken_over(v, r))
        return fail(Errc::Busy, "{} is recorded as {} and runs as {} still: emdadm --grow --level {} brings that to its end", v.name,
                    level_word(v.shape.level), r.level, v.shape.level);
    if (health(v) == Health::Failed)
        return fail(Errc::Refused, "{} has failed: nothing can be reshaped", v.name);
    if ((r.degraded || health(v) != Health::Optimal) && !force)
        return fail(Errc::Refused, "{} misses a disk: let it be rebuilt first, or use --force", v.name);
    if (!v.initialised && !force)
        return fail(Errc::Refused, "{} is still being initialised: wait for its end with emdadm --wait", v.name);
    return {};
}

Result<std::vector<int>> new_members(const Container &now, const Volume &v, std::uint32_t count)
{
    std::uint64_t need = 0;
    for (const Volume &each : now.volumes)
        need = std::max(need, each.data_offset + each.shape.component_sectors);
    std::vector<int> chosen;
    std::vector<std::string> small;
    std::size_t spares = 0;
    for (std::size_t i = 0; i < now.disks.size() && chosen.size() < count; i++) {
        const Disk &d = now.disks[i];
        const int index = static_cast<int>(i);
        const bool mine = std::ranges::any_of(v.slots, [&](const Slot &s) { return s.disk == index; });
        if (mine || !d.present || (d.state != DiskState::Spare && d.state != DiskState::Active))
            continue;
        spares++;
        if (d.sectors < need)
            small.push_back(fmt::format("{} has {}", d.path, format_size(d.sectors * 512)));
        else
            chosen.push_back(index);
    }
    if (chosen.size() == count)
        return chosen;
    if (!small.empty())
        return fail(Errc::Refused, "{} needs {} more disk{} of at least {}, and {}: add a larger one with emdadm --add", v.name,
                    count - chosen.size(), count - chosen.size() == 1 ? "" : "s", format_size(need * 512),
                    fmt::join(small, ", "));
    return fail(Errc::Refused, "{} needs {} spare disk{} and the container has {}: add disks with emdadm --add", v.name, count,
                count == 1 ? "" : "s", spares);
}

std::optional<std::uint64_t> shown(const RunningVolume &r)
{
    std::uint64_t kib = 0;
    const char *end = r.array_size.data() + r.array_size.size();
    if (r.array_size.empty() || std::from_chars(r.array_size.data(), end, kib).ptr != end)
        return std::nullopt;
    return kib * 2;
}

void freeze(Plan &plan, const Running &r)
{
    plan.add(StartMonitor{r.container});
    for (const RunningVolume &v : r.volumes) {
        if (!v.action.empty() && v.action != "frozen")
            plan.add(Set{v.array, "sync_action", "frozen"}, {Set{v.array, "sync_action", "idle"}});
        if (!v.tagged)
            plan.add(Set{v.array, "metadata_version", tag(r, v.index, '-')},
                     {Set{v.array, "metadata_version", tag(r, v.index, '/')}});
    }
    for (const RunningVolume &v : r.volumes)
        plan.add(Sync{r.container, v.index, {}});
    for (const RunningVolume &v : r.volumes) {
        if (v.action.empty())
            continue;
        plan.add(Expect{v.array, "sync_action", "frozen", "something else has begun meanwhile, try again"});
        plan.add(Expect{v.array, "degraded", fmt::to_string(v.degraded), "a disk has failed or come meanwhile, try again"});
    }
}

}  // namespace emd::plan
