// SPDX-License-Identifier: GPL-2.0-only
// --stop, --readonly, --readwrite, --wait, --wait-clean.
#include "arrays.h"
#include "inventory.h"
#include "manager.h"
#include "names.h"
#include "run_plan.h"

#include <algorithm>
#include <unistd.h>

namespace emd::cli {
namespace {

// Inactive first: no I/O any more, and emdmon records the end as clean; then it goes.
Result<plan::Plan> plan_stop(Context &c, const ArrayRef &ref)
{
    plan::Plan plan;
    plan.title = fmt::format("stop {}", link_of(c, ref.array));
    if (ref.kind == ArrayRef::Kind::Container) {
        const plan::Running running = EMD_TRY(running_volumes(c, ref.array));
        if (!running.volumes.empty())
            return fail(Errc::Busy, "{} holds the running volume {}: stop that first", link_of(c, ref.array),
                        link_of(c, running.volumes.front().array));
    }
    if (ref.kind == ArrayRef::Kind::Volume) {
        plan.add(plan::Set{ref.array, "array_state", "inactive"});
        if (monitor_runs(ref.container))
            plan.add(plan::Sync{ref.container, ref.volume, {}, true});
    }
    plan.add(plan::ClearArray{ref.array});
    return plan;
}

Result<> stop_one(Context &c, const std::string &array)
{
    const ArrayRef ref = EMD_TRY(look_at(c, array));
    if (ref.kind == ArrayRef::Kind::Volume && !c.options.dry_run)
        EMD_TRY(end_manager(c, ref.container, array));
    const std::string name = link_of(c, array);
    SystemHost host(c, {});
    auto stopped = run_plan(c, host, EMD_TRY(plan_stop(c, ref)));
    if (!stopped && stopped.error().code() == Errc::Busy)
        return fail(Errc::Busy, "{} is in use: unmount it, or stop what is stacked on it", name);
    EMD_TRY(std::move(stopped));
    if (c.options.dry_run)
        return {};
    c.say("stopped {}", name);
    if (ref.kind != ArrayRef::Kind::Volume || !is_single(c, ref.container))
        return {};
    EMD_TRY(run_plan(c, host, EMD_TRY(plan_stop(c, EMD_TRY(look_at(c, ref.container))))).within(link_of(c, ref.container)));
    return {};
}

// Volumes first, then what they lie in; arrays in arrays from the outside.
std::vector<std::string> in_order_of_stopping(Context &c)
{
    std::vector<std::string> volumes, containers;
    for (const std::string &array : list_arrays(*c.sysfs)) {
        const auto ref = look_at(c, array);
        (ref && ref->kind == ArrayRef::Kind::Container ? containers : volumes).push_back(array);
    }
    std::ranges::reverse(volumes);
    volumes.insert(volumes.end(), containers.begin(), containers.end());
    return volumes;
}

Result<std::vector<std::string>> chosen(Context &c)
{
    if (c.options.scan && c.options.arguments.empty())
        return in_order_of_stopping(c);
    std::vector<std::string> arrays;
    for (const std::string &name : c.options.names())
        arrays.push_back(EMD_TRY(find_array(c, name)));
    if (arrays.empty())
        return fail(Errc::Invalid, "{} needs the name of an array, or --scan", to_word(c.options.mode));
    return arrays;
}

// -- waiting -------------------------------------------------------------------------------------------------------------

bool busy(const Array &array)
{
    const auto action = array.action();
    if (!action || *action == "idle" || *action == "frozen") {
        const auto position = array.reshape_position();
        return position && position->has_value();
    }
    return true;
}

reshape::Progress progress_of(const Array &array, std::chrono::steady_clock::time_point since, std::uint64_t first)
{
    reshape::Progress p;
    const auto completed = array.completed();
    if (completed && completed->kind == SyncCompleted::Kind::Delayed)
        p.waiting_for = "another array on the same disks";
    if (!completed || completed->kind != SyncCompleted::Kind::Running)
        return p;
    p.position = completed->done;
    p.total = completed->total;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
    if (seconds > 1 && p.position > first)
        p.bytes_per_second = static_cast<double>(p.position - first) * 512 / seconds;
    return p;
}

// True if there was something to wait for.
Result<bool> wait_for(Context &c, const std::string &name)
{
    const Array array(*c.sysfs, name);
    if (!busy(array))
        return false;
    ProgressLine line(fmt::format("{}: {}", link_of(c, name), array.action().value_or("")), ::isatty(STDERR_FILENO), c.options.quiet);
    const auto since = std::chrono::steady_clock::now();
    const std::uint64_t first = progress_of(array, since, 0).position;
    const auto watch = c.sysfs->watch();
    EMD_TRY(watch->add(array.path("sync_action")));
    while (busy(array) && array.exists()) {
        line.show(progress_of(array, since, first));
        EMD_TRY(watch->wait(std::chrono::seconds(1)));
    }
    return true;
}

}  // namespace

Result<int> cmd_stop(Context &c)
{
    int status = 0;
    for (const std::string &array : EMD_TRY(chosen(c)))
        if (!Array(*c.sysfs, array).exists()) {
            continue;  // the container of an array that was stopped with it
        } else if (const auto stopped = stop_one(c, array); !stopped) {
            c.warn(stopped.error().text());
            status = 1;
        }
    return status;
}

Result<int> cmd_wait(Context &c)
{
    bool waited = true, healthy = true;
    for (const std::string &array : EMD_TRY(chosen(c))) {
        waited = EMD_TRY(wait_for(c, array)) && waited;
        const auto state = Array(*c.sysfs, array).state();
        healthy = healthy && state && *state != "broken";
    }
    return waited && healthy ? 0 : 1;
}

Result<int> cmd_wait_clean(Context &c)
{
    for (const std::string &name : EMD_TRY(chosen(c))) {
        const ArrayRef ref = EMD_TRY(look_at(c, name));
        const Array array(*c.sysfs, name);
        const auto dirty = [&] {
            const auto state = array.state();
            return state && (*state == "active" || *state == "active-idle" || *state == "write-pending");
        };
        if (ref.kind != ArrayRef::Kind::Volume)
            continue;
        const auto watch = c.sysfs->watch();
        EMD_TRY(watch->add(array.path("array_state")));
        while (dirty())
            EMD_TRY(watch->wait(std::chrono::seconds(1)));
        if (monitor_runs(ref.container)) {
            SystemHost host(c, {});
            EMD_TRY(host.sync(ref.container, {ref.container, ref.volume, {}}));
        }
    }
    return 0;
}

Result<int> cmd_mode(Context &c)
{
    const bool read_only = c.options.mode == Mode::ReadOnly;
    for (const std::string &array : EMD_TRY(chosen(c))) {
        if (!read_only)
            EMD_TRY(check_writable(c, array));
        plan::Plan plan;
        plan.title = fmt::format("{} {}", to_word(c.options.mode), link_of(c, array));
        plan.add(plan::Set{array, "array_state", read_only ? "readonly" : "active"});
        SystemHost host(c, {});
        EMD_TRY(run_plan(c, host, plan));
    }
    return 0;
}

}  // namespace emd::cli
