// SPDX-License-Identifier: GPL-2.0-only
#include "assembly.h"

#include "arrays.h"
#include "monitor_start.h"
#include "names.h"
#include "run_plan.h"

#include "libemd/base/fd.h"
#include "libemd/monitor/container_lock.h"
#include "libemd/plan/grow.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

namespace emd::cli {
namespace {

constexpr auto kManagerLeaves = std::chrono::seconds(5);
constexpr auto kLook = std::chrono::milliseconds(50);

std::string volume_word(Context &c, const Volume &v, const AssemblyRequest &request)
{
    if (!request.volume_name.empty())
        return request.volume_name;
    return c.config.name_of(to_string(v.uuid)).value_or(v.name);
}

std::string choose_container_name(Context &c, const Loaded &loaded, const AssemblyRequest &request)
{
    if (!request.container_name.empty())
        return request.container_name;
    if (is_single(*loaded.format) && !loaded.view().volumes.empty())
        return volume_word(c, loaded.view().volumes.front(), request) + "-disks";
    if (const auto name = c.config.name_of(to_string(loaded.view().uuid)))
        return *name;
    const auto running = list_arrays(*c.sysfs);
    for (int n = 0;; n++) {
        const std::string name = fmt::format("{}{}", loaded.format->name(), n);
        const auto entry = c.map.by_name(name);
        if (!entry || !std::ranges::count(running, entry->array))
            return name;
    }
}

// Disks that have come after the container was made.
Result<> take_in(Context &c, SystemHost &host, const std::string &container)
{
    plan::Plan plan;
    plan.title = fmt::format("add disks to {}", link_of(c, container));
    const auto members = EMD_TRY(Array(*c.sysfs, container).members());
    for (const Disk &disk : host.loaded().view().disks) {
        const bool there = std::ranges::any_of(members, [&](const MemberInfo &m) { return m.dev == disk.dev; });
        if (disk.present && disk.state != DiskState::Failed && !there)
            plan.add(plan::AddMember{container, disk.path, disk.dev, 0, 0, -1, {}});
    }
    if (!plan.steps.empty())
        EMD_TRY(run_plan(c, host, plan));
    return {};
}

// The manager must live longer than the initial ramdisk: there the array is only started.
bool in_initial_ramdisk()
{
    return ::access("/etc/initrd-release", F_OK) == 0;
}

bool selected(const AssemblyRequest &request, const Loaded &loaded, const Volume &v)
{
    return request.uuid.empty() || request.uuid == to_string(v.uuid) || request.uuid == to_string(loaded.view().uuid);
}

// udev starts a manager when it sees that an array is being reshaped. Until the whole assembly has succeeded, and can no
// longer be taken back, it must find the container locked; one that began late for an earlier life of the array leaves soon.
Result<ContainerLock> keep_managers_away(const std::string &container, const std::string &volume)
{
    const auto end = std::chrono::steady_clock::now() + kManagerLeaves;
    for (;;) {
        auto lock = ContainerLock::take(container, fmt::format("{}{}", kAssembly, volume));
        if (lock || lock.error().code() != Errc::Busy || std::chrono::steady_clock::now() > end)
            return lock;
        std::this_thread::sleep_for(kLook);
    }
}

Result<> start_volume(Context &c, SystemHost &host, const Volume &v, const std::string &container, const AssemblyRequest &request)
{
    const std::string word = volume_word(c, v, request);
    Volume named = v;
    named.name = word;
    const plan::Plan plan = EMD_TRY(plan::plan_volume(host.loaded().view(), named, container, word, request.start));
    std::optional<ContainerLock> lock;
    if (v.reshape && !c.options.dry_run)
        lock = EMD_TRY(keep_managers_away(container, word));
    EMD_TRY(run_plan(c, host, plan));
    if (c.options.dry_run)
        return {};
    c.say("{} started{}", word, health(v) == Health::Optimal ? "" : ", degraded");
    if (v.reshape && c.options.freeze_reshape)
        return set_paused(EMD_TRY(find_array(c, word)), true);
    if (!v.reshape || in_initial_ramdisk())
        return {};
    lock.reset();
    c.say("{}: the reshape to {} disks goes on from sector {}", word, v.reshape->target.raid_disks, v.reshape->position);
    return start_manager(EMD_TRY(find_array(c, word)));
}

// What of the volumes keeps its log, and so is not started, and why.
struct Kept {
    unsigned volume;
    Error why;
};

// Two that hold the record of a container overwrite each other's changes, so this comes before anything of it runs.
Result<std::vector<Kept>> use_logs(Context &c, SystemHost &host, const std::string &running, const std::vector<unsigned> &volumes,
                                   const AssemblyRequest &request)
{
    std::vector<Kept> kept;
    std::vector<plan::LogRecovery> recoveries;
    const Container &view = host.loaded().view();
    for (const unsigned volume : volumes) {
        plan::LogRecovery recovery{volume, plan::look_at_log(view, view.volumes[volume], [&](int disk, std::uint64_t at, MutableBytes out) -> Result<> {
            const std::string &path = view.disks[static_cast<std::size_t>(disk)].path;
            const BlockDevice *device = host.loaded().device(path);
            return device ? device->read(at, out) : fail(Errc::NotFound, "{} is not open", path);
        }), !request.drop_parity_logs};
        if (const auto may = plan::check_log_recovery(view, recovery, request.start); may)
            recoveries.push_back(std::move(recovery));
        else
            kept.push_back({volume, may.error()});
    }
    const plan::Plan plan = plan::plan_log_recovery(view, recoveries);
    if (plan.steps.empty())
        return kept;
    if (!running.empty() && monitor_runs(running))
        return fail(Errc::Busy, "{}: emdmon holds its record, and the partial parity log of a volume is to be used first; stop its other volumes "
                    "(emdmon may need some seconds to leave: try again)", link_of(c, running));
    EMD_TRY(run_plan(c, host, plan));
    // What would follow is only shown: from the record as it would be, which nobody writes.
    for (const plan::Step &step : plan.steps)
        if (const auto *a = std::get_if<plan::Apply>(&step.action); a && c.options.dry_run)
            EMD_TRY(host.apply(a->change));
    return kept;
}

// Like that, and as early: the record says that they go back.
Result<> turn_back(Context &c, SystemHost &host, const std::string &running, const std::vector<unsigned> &volumes, const plan::StartOptions &start)
{
    if (volumes.empty())
        return fail(Errc::Invalid, "--update=revert-reshape: no reshape is under way in what is to be started");
    if (!running.empty() && monitor_runs(running))
        return fail(Errc::Busy, "{}: emdmon holds its record; stop its other volumes (emdmon may need some seconds to leave: try again)",
                    link_of(c, running));
    const Container &view = host.loaded().view();
    for (const unsigned volume : volumes)
        EMD_TRY(plan::check_turn(view.volumes[volume]));
    for (const unsigned volume : volumes)
        EMD_TRY(plan::plan_volume(view, view.volumes[volume], running, "", start));  // what cannot be started is left as it is
    const plan::Plan plan = plan::plan_revert(view, volumes);
    EMD_TRY(run_plan(c, host, plan));
    for (const plan::Step &step : plan.steps)
        if (const auto *a = std::get_if<plan::Apply>(&step.action); a && c.options.dry_run)
            EMD_TRY(host.apply(a->change));
    return {};
}

// Nobody knows of it who does not know of its array.
void forget_container(Context &c, SystemHost &host, const std::string &container)
{
    plan::Plan plan;
    plan.add(plan::ClearArray{container});
    if (const auto gone = run_plan(c, host, plan); !gone)
        c.warn(gone.error().text());
}

}  // namespace

Result<Fd> take_turn()
{
    EMD_TRY(make_run_directory());
    const std::string path = fmt::format("{}/assembly.turn", kRunDirectory);
    Fd turn(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!turn.valid())
        return fail_errno(errno, "opening {}", path);
    while (::flock(turn.get(), LOCK_EX) < 0)
        if (errno != EINTR)
            return fail_errno(errno, "locking {}", path);
    return turn;
}

std::string running_container(Context &c, const Uuid &container)
{
    if (container == Uuid{})
        return {};
    for (const MapEntry &entry : c.map.entries())  // of a single array the volume has its identity
        if (const auto ref = entry.uuid == to_string(container) ? look_at(c, entry.array) : fail(Errc::NotFound, "another"); ref)
            return ref->kind == ArrayRef::Kind::Volume ? ref->container : entry.array;
    for (const std::string &array : list_arrays(*c.sysfs)) {
        const auto ref = look_at(c, array);
        if (!ref || ref->kind != ArrayRef::Kind::Container)
            continue;
        const auto entry = c.map.by_array(array);
        if (entry && entry->uuid != "-")
            continue;
        const auto loaded = load_container(c, array);  // made before it had volumes, or not by this program
        if (loaded && loaded->view().uuid == container)
            return array;
    }
    return {};
}

Result<unsigned> assemble_container(Context &c, Loaded loaded, AssemblyRequest request)
{
    if (const std::string md = is_single(*loaded.format) ? md_holds(loaded.view().uuid) : ""; !md.empty())
        return fail(Errc::Busy, "array {}: {}, so its other disks are left alone", to_string(loaded.view().uuid), md);
    std::string container = running_container(c, loaded.view().uuid);
    SystemHost host(c, std::move(loaded));
    const bool made = container.empty();
    const plan::Running running = made ? plan::Running{} : EMD_TRY(running_volumes(c, container));
    const auto wanted = [&](const Volume &v) {
        return selected(request, host.loaded(), v) && !std::ranges::count(running.volumes, v.index, &plan::RunningVolume::index);
    };
    std::vector<unsigned> logged;
    for (const Volume &v : host.loaded().view().volumes)
        if (v.parity_log && wanted(v) && (request.drop_parity_logs || (v.refused.empty() && !request.start.read_only)))
            logged.push_back(v.index);
    if (request.revert) {
        std::vector<unsigned> moving;
        for (const Volume &v : host.loaded().view().volumes)
            if (v.reshape && wanted(v))
                moving.push_back(v.index);
        EMD_TRY(turn_back(c, host, container, moving, request.start));
    }
    const std::vector<Kept> kept = EMD_TRY(use_logs(c, host, container, logged, request));
    if (made) {
        const std::string name = choose_container_name(c, host.loaded(), request);
        const plan::Plan plan = plan::plan_container(host.loaded().view(), host.loaded().format->name(), name);
        EMD_TRY(run_plan(c, host, plan));
        container = c.options.dry_run ? name : EMD_TRY(find_array(c, name));
    } else {
        EMD_TRY(take_in(c, host, container));
    }
    unsigned started = 0;
    std::optional<Error> first;
    request.start.monitored = !made && monitor_runs(container);
    for (const unsigned place : plan::start_order(host.loaded().view())) {
        const Volume &v = host.loaded().view().volumes[place];
        if (!wanted(v))
            continue;
        const auto keeps = std::ranges::find(kept, v.index, &Kept::volume);
        const auto done = keeps == kept.end() ? start_volume(c, host, v, container, request) : tl::make_unexpected(keeps->why);
        if (done)
            started++;
        else if (done.error().code() == Errc::Timeout && request.quiet_waits)
            c.say("{}", done.error().text());
        else if (!first)
            first = done.error();
        else
            c.warn(done.error().text());
    }
    if (first && made && !c.options.dry_run && is_single(*host.loaded().format))
        forget_container(c, host, container);
    if (first)
        return tl::make_unexpected(*first);
    if (const Volume *behind = plan::left_behind(host.loaded().view()); behind && started)
        c.say("{} has {} disks and {} has {}: a grow was interrupted between them; emdadm --grow --continue {} goes on", behind->name,
              behind->shape.raid_disks, host.loaded().view().volumes.front().name,
              host.loaded().view().volumes.front().shape.raid_disks, link_of(c, container));
    return started;
}

}  // namespace emd::cli
