// SPDX-License-Identifier: GPL-2.0-only
// --assemble: the named disks, or everything that can be found. --incremental: one disk that has appeared.
#include "arrays.h"
#include "assembly.h"
#include "run_plan.h"

#include "libemd/device/udev.h"

#include <algorithm>
#include <fmt/ranges.h>
#include <iterator>

namespace emd::cli {
namespace {

Result<std::vector<std::unique_ptr<BlockDevice>>> open_all(Context &c, const std::vector<std::string> &paths, bool must)
{
    std::vector<std::unique_ptr<BlockDevice>> devices;
    for (const std::string &path : paths) {
        auto device = BlockDevice::open(path, OpenMode::Read);
        if (device)
            devices.push_back(std::move(*device));
        else if (must)
            return tl::make_unexpected(device.error());
        else if (c.options.verbose)
            c.warn(device.error().text());
    }
    return devices;
}

// Members of md may run in an array of md without this one, or have done so: what is missing is left out only when a user says it.
AssemblyRequest request_of(const Context &c, const Format &format)
{
    AssemblyRequest r;
    r.start.force = c.options.force;
    r.start.degraded = is_single(format) ? c.options.run : !c.options.no_degraded;
    r.start.read_only = c.options.read_only;
    r.drop_parity_logs = c.options.drop_parity_log;
    r.revert = c.options.revert;
    r.uuid = c.options.uuid;
    return r;
}

// Loose spares serve a container of their format that is being assembled with them; without one they make their own.
void hand_out_spares(std::vector<Group> &groups)
{
    for (Group &spares : groups) {
        if (!spares.loose())
            continue;
        const auto home = std::ranges::find_if(groups, [&](const Group &g) { return !g.loose() && g.format == spares.format; });
        if (home == groups.end())
            continue;
        std::ranges::move(spares.devices, std::back_inserter(home->devices));
        spares.devices.clear();
    }
    std::erase_if(groups, [](const Group &g) { return g.devices.empty(); });
}

// Both are told about each disk; only with --scan is it no failure.
Result<std::vector<Group>> groups_of(Context &c, std::vector<std::unique_ptr<BlockDevice>> devices, bool must)
{
    std::vector<std::string> left_out;
    auto groups = EMD_TRY(group_devices(std::move(devices), [&](const std::string &text) { left_out.push_back(text); }));
    if (groups.empty() && must)
        return fail(Errc::NotFound, "nothing can be assembled: {}", fmt::join(left_out, ", "));
    if (must || c.options.verbose)
        for (const std::string &text : left_out)
            c.warn(text);
    hand_out_spares(groups);
    return groups;
}

bool wanted(const Context &c, const Group &group)
{
    // Without a file everything that was asked for by hand; with one, what it says.
    const bool ruled = c.config.exists && (!c.config.automatic.empty() || !c.config.arrays.empty());
    return !ruled || c.config.claims(std::string(group.format->name()), to_string(group.container));
}

Result<int> assemble_scan(Context &c)
{
    std::vector<std::string> paths = list_disks();
    std::erase_if(paths, [&](const std::string &path) { return !c.config.looks_at(path); });
    unsigned started = 0, failed = 0;
    for (Group &group : EMD_TRY(groups_of(c, EMD_TRY(open_all(c, paths, false)), false))) {
        if (!wanted(c, group))
            continue;
        auto loaded = load(*group.format, std::move(group.devices));
        auto done = loaded ? assemble_container(c, std::move(*loaded), request_of(c, *group.format))
                           : Result<unsigned>(tl::make_unexpected(loaded.error()));
        if (done) {
            started += *done;
        } else {
            c.warn(done.error().text());
            failed++;
        }
    }
    if (started == 0 && failed == 0)
        c.say("nothing to assemble");
    return failed || started == 0 ? 1 : 0;
}

// `emdadm --assemble NAME DISK...`, or without a name when the first argument is a disk.
Result<int> assemble_named(Context &c)
{
    std::vector<std::string> arguments = c.options.names();
    std::string name;
    if (!BlockDevice::open(arguments.front(), OpenMode::Read) || arguments.front().starts_with("/dev/emd/")) {
        name = EMD_TRY(name_from(arguments.front()));
        arguments.erase(arguments.begin());
    }
    if (arguments.empty() && c.options.uuid.empty())
        return fail(Errc::Invalid, "name the disks of {}, or its --uuid, or use --scan", name);
    const bool by_uuid = arguments.empty();
    auto groups = EMD_TRY(groups_of(c, EMD_TRY(open_all(c, by_uuid ? list_disks() : arguments, !by_uuid)), !by_uuid));
    unsigned containers = 0;
    for (Group &group : groups) {
        Loaded loaded = EMD_TRY(load(*group.format, std::move(group.devices)));
        AssemblyRequest request = request_of(c, *loaded.format);
        const auto &volumes = loaded.view().volumes;
        const auto mine = std::ranges::find_if(volumes, [&](const Volume &v) { return to_string(v.uuid) == request.uuid; });
        const bool whole = to_string(loaded.view().uuid) == request.uuid;
        if (!request.uuid.empty() && mine == volumes.end() && !whole)
            continue;
        const bool volume = mine != volumes.end() || is_single(*loaded.format);
        (volume ? request.volume_name : request.container_name) = name;
        EMD_TRY(assemble_container(c, std::move(loaded), request));
        containers++;
    }
    if (containers == 0)
        return fail(Errc::NotFound, "no disk has metadata of {}", c.options.uuid);
    return 0;
}

// -- incremental ---------------------------------------------------------------------------------------------------------

// The disks of a container that lie around: those that the running array has, and all others of the same identity.
Result<std::vector<std::unique_ptr<BlockDevice>>> companions(Context &c, const Format &format, const Uuid &container)
{
    std::vector<std::unique_ptr<BlockDevice>> devices;
    for (auto &device : EMD_TRY(open_all(c, list_disks(), false))) {
        if (!c.config.looks_at(device->path()) || !foreign_holder(*device).empty())
            continue;
        const auto found = recognise(*device);
        if (!found || !*found || (*found)->format != &format || !owning_partition(*device, **found).empty())
            continue;
        const Uuid &of = (*found)->probe.container;
        if (of == container || (of == Uuid{} && !held_by_emd(*device)))
            devices.push_back(std::move(device));
    }
    return devices;
}

// udev asks whose a disk is: the answer changes nothing, and must not wait for anybody.
bool is_question(const Context &c)
{
    return c.options.as_export && c.options.dry_run;
}

Result<int> incremental_disk(Context &c, const std::string &path)
{
    const auto device = EMD_TRY(BlockDevice::open(path, OpenMode::Read));
    if (const std::string holder = foreign_holder(*device); !holder.empty())
        return fail(Errc::Busy, "{} is used by {} and left alone", device->path(), holder);
    const auto found = EMD_TRY(recognise(*device));
    if (!found)
        return fail(Errc::NotFound, "{} has no metadata that EMD knows", device->path());
    if (const std::string partition = owning_partition(*device, *found); !partition.empty())
        return fail(Errc::Refused, "{}: the superblock at its end is that of its partition {}, and --incremental takes whole disks alone",
                    device->path(), partition);
    const std::string uuid = to_string(found->probe.container);
    const bool loose = found->probe.container == Uuid{};
    const bool claimed = c.config.looks_at(device->path()) && c.config.claims(std::string(found->format->name()), uuid);
    const bool single = is_single(*found->format);
    // What an array of EMD has lost, or what comes back to one, is nobody else's either: md would start it, with the data that it had
    // when it left.
    if (single && !claimed && is_question(c) && !running_container(c, found->probe.container).empty()) {
        fmt::print("EMD_CLAIMED=1\nEMD_OURS=1\n");
        return 0;
    }
    if (const std::string md = single ? md_holds(found->probe.container) : ""; !md.empty()) {
        c.say("{} is not claimed: {}", device->path(), md);
        return 1;
    }
    if (device->partition()) {
        c.say("{} is a partition, and --incremental takes whole disks: emdadm --assemble takes both", device->path());
        return 1;
    }
    if (!claimed) {
        c.say("{} is not claimed: emdadm.conf has no AUTO or ARRAY line for it", device->path());
        return 1;
    }
    if (c.options.as_export)
        fmt::print("EMD_CLAIMED=1\n");
    if (is_question(c))
        return 0;
    AssemblyRequest request = request_of(c, *found->format);
    request.start.degraded = c.options.run;
    request.quiet_waits = true;
    auto devices = EMD_TRY(companions(c, *found->format, found->probe.container));
    if (loose) {  // a spare: of a container that runs, or it waits for one
        for (const std::string &array : list_arrays(*c.sysfs)) {
            const auto ref = look_at(c, array);
            if (!ref || ref->kind != ArrayRef::Kind::Container || ref->format != found->format->name())
                continue;
            plan::Plan plan;
            plan.add(plan::AddMember{array, device->path(), device->dev(), 0, 0, -1, {}});
            SystemHost host(c, {});
            if (!held_by_emd(*device))
                EMD_TRY(run_plan(c, host, plan));
            return 0;
        }
        c.say("{} is a spare and waits for a container", device->path());
        return 0;
    }
    EMD_TRY(assemble_container(c, EMD_TRY(load(*found->format, std::move(devices))), request));
    return 0;
}

// --incremental --run --scan: what has waited long enough starts without its missing disks.
Result<int> start_waiting(Context &c)
{
    int status = 0;
    for (const std::string &array : list_arrays(*c.sysfs)) {
        const auto ref = look_at(c, array);
        if (!ref || ref->kind != ArrayRef::Kind::Container)
            continue;
        auto loaded = load_container(c, array);
        const auto start = [&] {
            AssemblyRequest request = request_of(c, *loaded->format);
            request.start.degraded = true;
            return assemble_container(c, std::move(*loaded), request);
        };
        const auto done = loaded ? start() : Result<unsigned>(tl::make_unexpected(loaded.error()));
        if (!done) {
            c.warn(done.error().text());
            status = 1;
        }
    }
    return status;
}

}  // namespace

Result<int> cmd_assemble(Context &c)
{
    const Fd turn = EMD_TRY(take_turn());
    if (c.options.arguments.empty() && (c.options.scan || !c.options.uuid.empty()))
        return assemble_scan(c);
    if (c.options.arguments.empty())
        return fail(Errc::Invalid, "--assemble needs disks, or --scan");
    return assemble_named(c);
}

Result<int> cmd_incremental(Context &c)
{
    std::optional<Fd> turn;
    if (!is_question(c))
        turn = EMD_TRY(take_turn());
    if (c.options.scan && c.options.run)
        return start_waiting(c);
    const auto names = c.options.names();
    if (names.size() != 1)
        return fail(Errc::Invalid, "--incremental takes one disk");
    if (const auto array = find_array(c, names[0]); array)  // an array with arrays in it: its volumes are started already
        return 0;
    return incremental_disk(c, names[0]);
}

}  // namespace emd::cli
