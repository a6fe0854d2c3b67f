// SPDX-License-Identifier: GPL-2.0-only
// --grow: plan, run, and go on with the next volume until the container is done.
#include "arrays.h"
#include "assembly.h"
#include "backup_place.h"
#include "cut_check.h"
#include "manager.h"
#include "monitor_start.h"
#include "names.h"
#include "run_plan.h"

#include "libemd/base/size.h"
#include "libemd/plan/bitmap.h"
#include "libemd/plan/resize.h"

#include <algorithm>
#include <thread>

namespace emd::cli {
namespace {

constexpr auto kLook = std::chrono::milliseconds(50);

// The container that is worked on, and the one volume that was named.
struct Subject {
    std::string container;
    std::optional<unsigned> volume;
    std::string array;
};

Result<Subject> subject_of(Context &c)
{
    const auto names = c.options.names();
    if (names.size() != 1)
        return fail(Errc::Invalid, "--grow takes one array; add disks first with emdadm --add");
    Subject s;
    s.array = EMD_TRY(find_array(c, names[0]));
    const ArrayRef ref = EMD_TRY(look_at(c, s.array));
    if (ref.kind == ArrayRef::Kind::Container)
        s.container = s.array;
    if (ref.kind == ArrayRef::Kind::Volume) {
        s.container = ref.container;
        s.volume = ref.volume;
    }
    return s;
}

plan::Express express_on(SystemHost &host)
{
    return [&host](const Change &change) -> Result<Container> {
        auto scratch = EMD_TRY(host.loaded().scratch());
        EMD_TRY(scratch->apply(change));
        return scratch->view();
    };
}

// The volume that was named, or the only one.
Result<const Volume *> volume_of(Context &c, const Subject &s, const Container &now)
{
    if (now.volumes.size() != 1 && !s.volume)
        return fail(Errc::Invalid, "{} has {} volumes: name the one that is meant", link_of(c, s.container), now.volumes.size());
    const auto volume = std::ranges::find(now.volumes, s.volume.value_or(0), &Volume::index);
    if (volume == now.volumes.end())
        return fail(Errc::NotFound, "{} is not recorded in {}", link_of(c, s.array), link_of(c, s.container));
    return &*volume;
}

Result<> check_sizes_alone(const Options &o)
{
    if (o.raid_disks || o.chunk_sectors || o.level || o.layout || o.go_on || o.pause || o.turn_back || !o.backup_file.empty())
        return fail(Errc::Invalid, "{} changes no shape: give the other options in a command of their own, before or after it",
                    o.size_sectors ? "--size" : "--array-size");
    return {};
}

std::uint64_t whole_kib(std::uint64_t sectors) { return sectors & ~std::uint64_t{1}; }  // as the kernel takes them
std::uint64_t unless_max(std::uint64_t sectors) { return sectors >= whole_kib(kMax) ? 0 : sectors; }

// What is new on the disks is in sync with nothing yet.
bool leaves_rows(const plan::Plan &plan, const Volume &before)
{
    return std::ranges::any_of(plan.steps, [&](const plan::Step &step) {
        const auto *send = std::get_if<plan::Send>(&step.action);
        const auto *resized = send ? std::get_if<change::Resized>(&send->change) : nullptr;
        return resized && resized->component_sectors > before.shape.component_sectors;
    });
}

// What is recorded uses another part of each disk.
Result<> resize(Context &c, const Subject &s)
{
    const Options &o = c.options;
    std::optional<ContainerLock> lock;
    if (!o.dry_run)
        lock = EMD_TRY(ContainerLock::take(s.container, fmt::format("size of {}", link_of(c, s.array))));
    SystemHost host(c, EMD_TRY(load_container(c, s.container)));
    host.lend(lock);
    const Volume &volume = *EMD_TRY(volume_of(c, s, host.loaded().view()));
    plan::ResizeRequest want{unless_max(*o.size_sectors), std::nullopt};
    if (o.array_size_sectors)
        want.array_sectors = unless_max(whole_kib(*o.array_size_sectors));
    const plan::Running running = EMD_TRY(running_volumes(c, s.container));
    const plan::Plan plan = EMD_TRY(plan::plan_resize(host.loaded().view(), volume, want, running, express_on(host)));
    if (plan.steps.empty()) {
        c.say("{} uses so much of each disk already: nothing to do", link_of(c, s.array));
        return {};
    }
    const std::string array = std::ranges::find(running.volumes, volume.index, &plan::RunningVolume::index)->array;
    if (o.array_size_sectors)
        EMD_TRY(check_cut(c, array, whole_kib(*o.array_size_sectors)));
    EMD_TRY(run_plan(c, host, plan));
    if (!o.dry_run)
        c.say("{}: done{}", link_of(c, array), leaves_rows(plan, volume) ? "; file systems may be enlarged now, and emdadm --wait waits until what is new is in "
                                                                          "sync" : "");
    return {};
}

// What an array without any record can do: sizes, at once. The kernel refuses to cut off what is shown, so that comes first.
Result<> set_sizes(Context &c, const Subject &s)
{
    const Options &o = c.options;
    const auto kb = [](std::uint64_t sectors, const char *max) { return sectors == kMax ? std::string(max) : fmt::to_string(sectors / 2); };
    plan::Plan plan;
    plan.title = fmt::format("resize {}", link_of(c, s.array));
    if (o.size_sectors)
        plan.add(plan::Set{s.array, "component_size", kb(*o.size_sectors, "0")});
    if (o.array_size_sectors) {
        EMD_TRY(check_cut(c, s.array, whole_kib(*o.array_size_sectors)));
        plan.add(plan::Set{s.array, "array_size", kb(*o.array_size_sectors, "default")});
    }
    if (o.size_sectors && *o.size_sectors < Array(*c.sysfs, s.array).number("component_size").value_or(0) * 2)
        std::ranges::reverse(plan.steps);
    SystemHost host(c, {});
    EMD_TRY(run_plan(c, host, plan));
    return {};
}

// --size and --array-size.
Result<bool> grow_sizes(Context &c, const Subject &s)
{
    const Options &o = c.options;
    if (!o.size_sectors && !o.array_size_sectors)
        return false;
    EMD_TRY(check_sizes_alone(o));
    EMD_TRY(o.size_sectors && !s.container.empty() ? resize(c, s) : set_sizes(c, s));
    return true;
}

// Not with anything else: that would be two changes, of which one may fail.
Result<> check_alone(const Options &o)
{
    if (o.raid_disks || o.chunk_sectors || o.level || o.layout || o.size_sectors || o.array_size_sectors || o.go_on)
        return fail(Errc::Invalid, "--bitmap changes nothing else: give the other changes in a command of their own");
    return {};
}

// --bitmap=internal or none.
Result<bool> grow_bitmap(Context &c, const Subject &s)
{
    const Options &o = c.options;
    if (!o.bitmap && o.bitmap_chunk_sectors)
        return fail(Errc::Invalid, "--bitmap-chunk needs --bitmap=internal");
    if (!o.bitmap)
        return false;
    EMD_TRY(check_alone(o));
    if (s.container.empty())
        return fail(Errc::Unsupported, "{} has no metadata that could say where its bitmap is", link_of(c, s.array));
    std::optional<ContainerLock> lock;
    if (!o.dry_run)
        lock = EMD_TRY(ContainerLock::take(s.container, fmt::format("bitmap of {}", link_of(c, s.array))));
    SystemHost host(c, EMD_TRY(load_container(c, s.container)));
    host.lend(lock);
    const Container &now = host.loaded().view();
    const plan::Running running = EMD_TRY(running_volumes(c, s.container));
    const Volume *const volume = EMD_TRY(volume_of(c, s, now));
    const auto runs = std::ranges::find(running.volumes, volume->index, &plan::RunningVolume::index);
    const std::string location = runs == running.volumes.end() ? "none" : EMD_TRY(Array(*c.sysfs, runs->array).get("bitmap/location"));
    const plan::BitmapRequest want{*o.bitmap, o.bitmap_chunk_sectors * 512};
    const plan::Plan plan = EMD_TRY(plan::plan_bitmap(now, *volume, want, running, location, express_on(host)));
    if (plan.steps.empty())
        c.say("{} has {}: nothing to do", link_of(c, s.array), *o.bitmap ? "a bitmap already" : "no bitmap");
    else
        EMD_TRY(run_plan(c, host, plan));
    return true;
}

Result<plan::GrowRequest> request_of(Context &c, const Subject &s, const Container &now)
{
    const Options &o = c.options;
    plan::GrowRequest want;
    want.volume = s.volume;
    want.raid_disks = o.raid_disks;
    want.chunk_sectors = o.chunk_sectors;
    want.level = o.level;
    want.force = o.force;
    want.backup_file = o.backup_file;
    if (o.layout) {
        const Volume *v = now.volumes.empty() ? nullptr : &now.volumes[s.volume.value_or(0) < now.volumes.size() ? s.volume.value_or(0) : 0];
        want.layout = EMD_TRY(parse_layout(*o.layout, o.level.value_or(v ? v->shape.level : 5)));
    }
    if (!want.raid_disks && !want.chunk_sectors && !want.level && !want.layout)
        return fail(Errc::Invalid, "--grow needs something to change: --raid-devices, --chunk, --level, --layout, --size or --continue");
    return want;
}

Result<> thaw(Context &c, const std::string &container)
{
    SystemHost host(c, {});
    EMD_TRY(run_plan(c, host, plan::plan_thaw(EMD_TRY(running_volumes(c, container)))));
    return {};
}

// Members that a takeover has made room for, and that hold nothing yet.
bool leaves_places(const plan::Plan &plan)
{
    return std::ranges::any_of(plan.steps, [](const plan::Step &step) {
        const auto *send = std::get_if<plan::Send>(&step.action);
        const auto *takeover = send ? std::get_if<change::Takeover>(&send->change) : nullptr;
        return takeover && std::ranges::any_of(takeover->slots, [](const Slot &slot) { return slot.disk < 0; });
    });
}

// What fails before data can move is taken back by the plan. Behind that the reshape is recorded and paused: then the
// freeze is taken away here, so that the other volumes are as they were.
Result<plan::Outcome> run_and_thaw(Context &c, SystemHost &host, const plan::Plan &plan, const std::string &container)
{
    auto outcome = run_plan(c, host, plan);
    if (outcome)
        return outcome;
    for (const plan::RunningVolume &v : EMD_TRY(running_volumes(c, container)).volumes) {
        const auto position = Array(*c.sysfs, v.array).reshape_position();
        if (!position || !*position)
            continue;
        if (const auto thawed = thaw(c, container); !thawed)
            return tl::make_unexpected(Error(outcome.error().code(), fmt::format("{}; {}", outcome.error().text(), thawed.error().text())));
        break;
    }
    return outcome;
}

// udev goes on with every reshape that it sees, unless somebody has paused it.
Result<> mark_paused(Context &c, const std::string &container, bool paused)
{
    for (const plan::RunningVolume &v : EMD_TRY(running_volumes(c, container)).volumes) {
        const auto position = Array(*c.sysfs, v.array).reshape_position();
        EMD_TRY(set_paused(v.array, paused && position && position->has_value()));
    }
    return {};
}

// What udev and systemd begin may come late: after somebody has paused what they saw moving.
Result<bool> shall_rest(Context &c, const std::string &container)
{
    if (!c.options.unless_paused)
        return false;
    const plan::Running running = EMD_TRY(running_volumes(c, container));
    return std::ranges::any_of(running.volumes, [](const plan::RunningVolume &v) { return is_paused(v.array); });
}

// Volume after volume, each from what is recorded when the one before has ended.
Result<int> drive(Context &c, const std::string &container, std::optional<ContainerLock> &lock)
{
    for (bool first = true;; first = false) {
        SystemHost host(c, EMD_TRY(load_container(c, container)));
        host.lend(lock);
        const plan::Running running = EMD_TRY(running_volumes(c, container));
        const plan::Plan next = EMD_TRY(plan::plan_continue(host.loaded().view(), host.loaded().format->limits(), running, express_on(host),
                                                              c.options.backup_file));
        if (next.steps.empty() && first && c.options.go_on) {
            c.say("no volume of {} is being reshaped: there is nothing to go on with", link_of(c, container));
            return 0;
        }
        if (next.steps.empty())
            break;
        const plan::Outcome outcome = EMD_TRY(run_and_thaw(c, host, next, container));
        if (c.options.dry_run)
            return 0;
        if (outcome == plan::Outcome::Paused) {
            if (c.options.background)
                return 0;
            EMD_TRY(mark_paused(c, container, true));
            EMD_TRY(thaw(c, container));
            c.say("paused; emdadm --grow --continue {} goes on", link_of(c, container));
            return 0;
        }
    }
    EMD_TRY(thaw(c, container));
    c.say("{}: done; file systems may be enlarged now (resize2fs, xfs_growfs)", link_of(c, container));
    return 0;
}

Result<> check_backup_file(Context &c, const Subject &s)
{
    const Options &o = c.options;
    if (o.backup_file.empty())
        return {};
    if (o.background)
        return fail(Errc::Invalid, "--backup-file and --background cannot be given together: a manager that is started again "
                                   "would not know {}", o.backup_file);
    return check_backup_place(o.backup_file, EMD_TRY(running_volumes(c, s.container)), o.force);
}

// That ends soon, and whether it leaves the reshape to this process or starts a manager itself is not known.
bool being_assembled(const std::string &container)
{
    return ContainerLock::holder(container).value_or("").find(kAssembly) != std::string::npos;
}

Result<int> go_on(Context &c, const Subject &s)
{
    if (EMD_TRY(shall_rest(c, s.container)))
        return 0;  // before the lock: whoever goes on by hand must not find it taken
    auto taken = ContainerLock::take(s.container, fmt::format("reshape of {}", link_of(c, s.array)));
    while (!taken && being_assembled(s.container)) {
        if (c.options.background) {  // udev waits for this process, and holds the array open: the manager shall wait
            EMD_TRY(start_manager(s.array));
            return 0;
        }
        std::this_thread::sleep_for(kLook);
        taken = ContainerLock::take(s.container, fmt::format("reshape of {}", link_of(c, s.array)));
    }
    if (!taken && taken.error().code() == Errc::Busy) {
        c.say("{}", taken.error().text());  // somebody drives it: nothing is left to do here
        return 0;
    }
    std::optional<ContainerLock> lock = EMD_TRY(std::move(taken));
    if (EMD_TRY(shall_rest(c, s.container)))
        return 0;
    if (!c.options.dry_run)
        EMD_TRY(mark_paused(c, s.container, false));
    if (c.options.background) {
        lock.reset();
        EMD_TRY(start_manager(s.array));
        return 0;
    }
    return drive(c, s.container, lock);
}

// The volume that is meant, or the one of the container that is being reshaped.
Result<plan::RunningVolume> moving_volume(Context &c, const Subject &s, const char *verb)
{
    bool another = false;
    for (const plan::RunningVolume &v : EMD_TRY(running_volumes(c, s.container)).volumes) {
        if (!EMD_TRY(Array(*c.sysfs, v.array).reshape_position()))
            continue;
        if (!s.volume || v.index == *s.volume)
            return v;
        another = true;
    }
    if (const auto holder = ContainerLock::holder(s.container); holder && !another)
        return fail(Errc::Busy, "{} is being changed by {}, and no data is being moved yet: try again", link_of(c, s.array), *holder);
    return fail(Errc::Invalid, "{} is not being reshaped: there is nothing to {}", link_of(c, s.array), verb);
}

Result<> check_alone(const Options &o, const char *option)
{
    if (o.raid_disks || o.chunk_sectors || o.level || o.layout || o.go_on || !o.backup_file.empty() || (o.pause && o.turn_back))
        return fail(Errc::Invalid, "{} changes nothing else: give the other options in a command of their own", option);
    return {};
}

// Whoever drives it is through with the section under way, and nobody else begins.
Result<ContainerLock> at_rest(Context &c, const Subject &s, const plan::RunningVolume &moving, const char *what)
{
    EMD_TRY(set_paused(moving.array, true));
    EMD_TRY(end_manager(c, s.container, moving.array));
    return ContainerLock::take(s.container, fmt::format("{} of {}", what, link_of(c, moving.array)));
}

// Who drives it finishes the section under way. Where nobody does, a manager that was killed may have left one suspended.
Result<int> pause(Context &c, const Subject &s)
{
    const Options &o = c.options;
    EMD_TRY(check_alone(o, "--pause"));
    const plan::RunningVolume moving = EMD_TRY(moving_volume(c, s, "pause"));
    if (o.dry_run) {
        c.say("the reshape of {} would be paused", link_of(c, moving.array));
        return 0;
    }
    std::optional<ContainerLock> lock = EMD_TRY(at_rest(c, s, moving, "pause"));
    SystemHost host(c, {});
    EMD_TRY(host.leave_usable(moving.array, s.container, moving.index));
    EMD_TRY(thaw(c, s.container));
    const auto position = EMD_TRY(Array(*c.sysfs, moving.array).reshape_position());
    if (!position) {
        EMD_TRY(set_paused(moving.array, false));
        c.say("the reshape of {} has ended meanwhile", link_of(c, moving.array));
        return 0;
    }
    c.say("{} is paused at {}; emdadm --grow --resume {} goes on", link_of(c, moving.array), format_size(*position * 512),
          link_of(c, moving.array));
    return 0;
}

// What could refuse is asked before it is brought to rest. Where it rests it may still be that it cannot be turned just there.
Result<int> turn_back(Context &c, const Subject &s)
{
    EMD_TRY(check_alone(c.options, "--revert"));
    const plan::RunningVolume moving = EMD_TRY(moving_volume(c, s, "move back"));
    const auto planned = [&](SystemHost &host) -> Result<plan::Plan> {
        return plan::plan_turn_back(host.loaded().view(), moving, EMD_TRY(running_volumes(c, s.container)), express_on(host));
    };
    SystemHost before(c, EMD_TRY(load_container(c, s.container)));
    const auto likely = planned(before);
    if (!likely && (c.options.dry_run || likely.error().code() != Errc::Busy))
        return tl::make_unexpected(likely.error());
    if (c.options.dry_run) {
        before.announce(likely->facts);
        EMD_TRY(run_plan(c, before, *likely));
        return 0;
    }
    std::optional<ContainerLock> lock = EMD_TRY(at_rest(c, s, moving, "way back"));
    SystemHost host(c, EMD_TRY(load_container(c, s.container)));
    host.lend(lock);
    EMD_TRY(host.leave_usable(moving.array, s.container, moving.index));
    const auto plan = planned(host);
    if (plan)
        host.announce(plan->facts);
    const auto outcome = plan ? run_and_thaw(c, host, *plan, s.container) : tl::make_unexpected(plan.error());
    if (!outcome)
        return tl::make_unexpected(outcome.error().within(fmt::format("{} is paused, emdadm --grow --continue goes on", link_of(c, s.array))));
    EMD_TRY(set_paused(moving.array, *outcome == plan::Outcome::Paused));
    EMD_TRY(thaw(c, s.container));
    c.say("{}", *outcome == plan::Outcome::Paused ? fmt::format("paused; emdadm --grow --continue {} goes on with the way back", link_of(c, s.array))
                                                 : fmt::format("{}: back to what it was", link_of(c, s.array)));
    return 0;
}

}  // namespace

Result<int> cmd_grow(Context &c)
{
    const Subject s = EMD_TRY(subject_of(c));
    if (EMD_TRY(grow_bitmap(c, s)))
        return 0;
    if (EMD_TRY(grow_sizes(c, s)))
        return 0;
    if (s.container.empty())
        return tl::make_unexpected(plan::unrecorded(link_of(c, s.array)));
    if (c.options.pause && !c.options.turn_back)
        return pause(c, s);
    if (c.options.turn_back)
        return turn_back(c, s);
    EMD_TRY(check_backup_file(c, s));
    if (c.options.go_on)
        return go_on(c, s);

    std::optional<ContainerLock> lock;
    if (!c.options.dry_run)
        lock = EMD_TRY(ContainerLock::take(s.container, fmt::format("grow of {}", link_of(c, s.array))));
    SystemHost host(c, EMD_TRY(load_container(c, s.container)));
    host.lend(lock);
    const Container &now = host.loaded().view();
    const plan::GrowRequest want = EMD_TRY(request_of(c, s, now));
    const plan::Running running = EMD_TRY(running_volumes(c, s.container));
    const plan::Plan plan = EMD_TRY(plan::plan_grow(now, want, host.loaded().format->limits(), running, express_on(host)));
    host.announce(plan.facts);
    const plan::Outcome outcome = EMD_TRY(run_and_thaw(c, host, plan, s.container));
    if (c.options.dry_run)
        return 0;
    if (outcome == plan::Outcome::Paused) {
        if (!c.options.background)
            EMD_TRY(mark_paused(c, s.container, true));
        EMD_TRY(thaw(c, s.container));
        if (!c.options.background)
            c.say("paused; emdadm --grow --continue {} goes on", link_of(c, s.array));
        return 0;
    }
    if (plan::way_of(plan) == plan::Way::Restripe)
        return drive(c, s.container, lock);
    c.say("{}: done{}", link_of(c, s.array), leaves_places(plan) ? "; emdadm --wait waits until its redundancy is built" : "");
    return 0;
}

}  // namespace emd::cli
