// SPDX-License-Identifier: GPL-2.0-only
// --add, --fail, --remove, --replace: members of a running array, in the order of the command line.
#include "arrays.h"
#include "inventory.h"
#include "run_plan.h"

#include "libemd/plan/assemble.h"

#include <algorithm>
#include <filesystem>
#include <fmt/ranges.h>

namespace emd::cli {
namespace {

constexpr auto kGoneLimit = std::chrono::seconds(10);

// "/dev/sda", or the kernel's name alone.
std::string with_directory(const std::string &path)
{
    const bool alone = path.find('/') == path.npos && std::filesystem::exists("/dev/" + path);
    return alone ? "/dev/" + path : path;
}

Result<std::unique_ptr<BlockDevice>> open_member(const std::string &path)
{
    return BlockDevice::open(with_directory(path), OpenMode::Read);
}

Result<DeviceName> name_member(const std::string &path)
{
    return name_device(with_directory(path));
}

Result<std::optional<MemberInfo>> member_of(Context &c, const std::string &array, DevNum dev)
{
    for (const MemberInfo &m : EMD_TRY(Array(*c.sysfs, array).members()))
        if (m.dev == dev)
            return std::optional(m);
    return std::optional<MemberInfo>();
}

// -- add -----------------------------------------------------------------------------------------------------------------

Result<> check_blank(Context &c, const BlockDevice &device, bool ours)
{
    if (const std::string holder = foreign_holder(device); !holder.empty())
        return fail(Errc::Busy, "{} is used by {}: stop that first", device.path(), holder);
    EMD_TRY(device.reopen(OpenMode::Exclusive));
    if (ours || c.options.force)
        return {};
    const auto found = EMD_TRY(found_on(device));
    if (!found.empty())
        return fail(Errc::Refused, "{} has {}; to overwrite it, use --force or wipe it first", device.path(), found.front());
    return {};
}

Disk disk_of(const BlockDevice &device)
{
    Disk disk;
    disk.path = device.path();
    disk.dev = device.dev();
    disk.present = true;
    disk.sectors = device.size_bytes() / 512;
    disk.sector_bytes = device.sector_bytes();
    return disk;
}

// A former member comes back with its data where that is possible; --re-add wants nothing else, --add-spare never that.
Result<Change> change_for(const Loaded &loaded, const BlockDevice &device, bool known, bool keeps_bits, Disposition how)
{
    if (how != Disposition::AddSpare && known) {
        auto back = loaded.metadata->returning(device);
        if (back && !keeps_bits)
            back = fail(Errc::Refused, "{} cannot come back with its data: the array runs without its bitmap", device.path());
        if (back)
            if (const auto taken = EMD_TRY(loaded.scratch())->apply(*back); !taken)
                back = tl::make_unexpected(taken.error());
        if (back)
            return Change(std::move(*back));
        if (how == Disposition::ReAdd)
            return fail(back.error().code(), "{}: use --add, and all of it is rebuilt", back.error().text());
    } else if (how == Disposition::ReAdd) {
        return fail(Errc::Refused, "{} is no former member of the array: use --add", device.path());
    }
    return Change(change::SpareAdded{disk_of(device)});
}

// Is a spare nothing without its container, which has a list of them? IMSM's have records of their own.
bool lists_spares(const Format &format)
{
    return is_single(format) || format.id() == FormatId::Ddf;
}

// What stands on a disk names the array, or the container: emdmon writes it, when the kernel has the disk.
Result<> add_to_listed(Context &c, const std::string &container, const Loaded &loaded, const BlockDevice &device, Disposition how)
{
    const std::string name = link_of(c, container);
    const plan::Running running = EMD_TRY(running_volumes(c, container));
    if (running.volumes.empty())
        return fail(Errc::Refused, "{} does not run: start it before disks are added", name);
    const auto found = recognise(device);
    const bool known = found && *found && (*found)->probe.container == loaded.view().uuid && owning_partition(device, **found).empty();
    EMD_TRY(check_blank(c, device, known));
    const Disk disk = disk_of(device);
    const std::string can_clear = c.sysfs->read(running.volumes.front().array + "/md/bitmap/can_clear").value_or("");
    const Change change = EMD_TRY(change_for(loaded, device, known, !can_clear.empty(), how));
    EMD_TRY(EMD_TRY(loaded.scratch())->apply(change));  // what would be refused is refused here
    // A monitor that begins with a read-only array makes it writable: that is its part in an assembly.
    if (const plan::RunningVolume &volume = running.volumes.front(); volume.state == "readonly" && !monitor_runs(container)) {
        const std::string array = link_of(c, volume.array);
        return fail(Errc::Refused, "{} was started to be read: make it writable first, with emdadm --readwrite {}", array, array);
    }
    plan::Plan plan;
    plan.title = fmt::format("add {} to {}", disk.path, name);
    plan.add(plan::StartMonitor{container});
    if (!known)
        plan.add(plan::Wipe{disk.path});
    plan.add(plan::AddMember{container, disk.path, disk.dev, 0, 0, -1, {}}, {plan::RemoveMember{container, disk.path, disk.dev}});
    plan.add(plan::Send{container, change});
    Loaded fresh;
    fresh.format = loaded.format;
    fresh.devices.push_back(EMD_TRY(BlockDevice::open(disk.path, OpenMode::Read)));
    SystemHost host(c, std::move(fresh));
    EMD_TRY(run_plan(c, host, plan));
    if (c.options.dry_run)
        return {};
    const std::string array = link_of(c, running.volumes.front().array);
    if (const auto *back = std::get_if<change::MemberReturned>(&change))
        c.say("{} is member {} of {} again: what it has missed is rebuilt", disk.path, back->slot, array);
    else
        c.say("added {} to {} as a spare", disk.path, array);
    return {};
}

Result<> add_to_container(Context &c, const std::string &container, const std::string &path, Disposition how)
{
    Loaded loaded = EMD_TRY(load_container(c, container));
    const std::string name = link_of(c, container);
    auto device = EMD_TRY(open_member(path));
    if (loaded.device(device->dev()))
        return fail(Errc::Busy, "{} is in {} already", device->path(), name);
    if (lists_spares(*loaded.format))
        return add_to_listed(c, container, loaded, *device, how);
    const auto probe = loaded.format->probe(*device);
    const bool loose = probe && probe->found && probe->container == Uuid{};
    if (probe && probe->found && !loose && !c.options.force)
        return fail(Errc::Refused, "{} belongs to container {}: use --zero-superblock or --force if that is no longer needed",
                    device->path(), to_string(probe->container));
    EMD_TRY(check_blank(c, *device, loose));

    Disk disk = disk_of(*device);
    // What is written on the disk is written before the array has it; an array that refuses it gets it erased again.
    Loaded fresh;
    fresh.format = loaded.format;
    fresh.devices.push_back(std::move(device));
    const std::vector<const Medium *> media = fresh.media();
    const auto blank = EMD_TRY(loaded.format->create(media));  // a disk that the format cannot use is refused here
    disk.serial = blank->view().disks.front().serial;
    plan::Plan plan;
    plan.title = fmt::format("add {} to {}", disk.path, name);
    if (!loose) {
        plan.add(plan::Wipe{disk.path});
        plan.add(plan::NewMetadata{std::string(loaded.format->name()), {disk.path}});
        plan.add(plan::Store{}, {plan::Erase{disk.path}});
    }
    plan.add(plan::AddMember{container, disk.path, disk.dev, 0, 0, -1, {}}, {plan::RemoveMember{container, disk.path, disk.dev}});
    const plan::Running running = EMD_TRY(running_volumes(c, container));
    if (monitor_runs(container))
        plan.add(plan::Send{container, change::SpareAdded{disk}});
    SystemHost host(c, std::move(fresh));
    EMD_TRY(run_plan(c, host, plan));
    if (c.options.dry_run)
        return {};
    c.say("added {} to {} as a spare", disk.path, name);
    if (!running.volumes.empty() && std::ranges::all_of(running.volumes, [](const auto &v) { return v.degraded == 0; }))
        c.say("to use it for more space: emdadm --grow {} --raid-devices=N", name);
    return {};
}

Result<> add_to_bare(Context &c, const std::string &array, const std::string &path, Disposition how)
{
    const auto device = EMD_TRY(open_member(path));
    if (EMD_TRY(member_of(c, array, device->dev())))
        return fail(Errc::Busy, "{} is in {} already", device->path(), link_of(c, array));
    if (how == Disposition::ReAdd)
        return fail(Errc::Unsupported, "{} has no metadata that says what {} has missed: use --add, and all of it is rebuilt", link_of(c, array),
                    device->path());
    const Shape shape = EMD_TRY(Array(*c.sysfs, array).shape());
    if (!plan::redundant(shape))
        return fail(Errc::Refused, "{} is {}, which keeps nothing twice: it has no use for {}", link_of(c, array), level_word(shape.level),
                    device->path());
    EMD_TRY(check_blank(c, *device, false));
    if (device->size_bytes() / 512 < shape.component_sectors)
        return fail(Errc::NoSpace, "{} is too small: it has {} sectors and {} are needed", device->path(),
                    device->size_bytes() / 512, shape.component_sectors);
    plan::Plan plan;
    plan.title = fmt::format("add {} to {}", device->path(), link_of(c, array));
    plan.add(plan::AddMember{array, device->path(), device->dev(), 0, shape.component_sectors, -1, {}});
    SystemHost host(c, {});
    EMD_TRY(run_plan(c, host, plan));
    if (!c.options.dry_run)
        c.say("added {} to {}", device->path(), link_of(c, array));
    return {};
}

Result<> add(Context &c, const ArrayRef &ref, const std::string &path, Disposition how)
{
    switch (ref.kind) {
    case ArrayRef::Kind::Container: return add_to_container(c, ref.array, path, how);
    case ArrayRef::Kind::Volume:
        return fail(Errc::Invalid, "{} is a volume: add the disk to its container {}", link_of(c, ref.array), link_of(c, ref.container));
    case ArrayRef::Kind::Bare: return add_to_bare(c, ref.array, path, how);
    }
    return {};
}

// -- fail, remove --------------------------------------------------------------------------------------------------------

// The arrays in which the disk does I/O: of a container, its volumes.
Result<std::vector<std::string>> working_arrays(Context &c, const ArrayRef &ref)
{
    if (ref.kind != ArrayRef::Kind::Container)
        return std::vector<std::string>{ref.array};
    std::vector<std::string> arrays;
    for (const auto &v : EMD_TRY(running_volumes(c, ref.array)).volumes)
        arrays.push_back(v.array);
    return arrays;
}

Result<> fail_member(Context &c, const ArrayRef &ref, const std::string &path)
{
    const DeviceName device = EMD_TRY(name_member(path));
    plan::Plan plan;
    plan.title = fmt::format("fail {} in {}", device.path, link_of(c, ref.array));
    for (const std::string &array : EMD_TRY(working_arrays(c, ref)))
        if (const auto member = EMD_TRY(member_of(c, array, device.dev)); member && !member->has("faulty"))
            plan.add(plan::Set{array, member->name + "/state", "faulty"});
    if (plan.steps.empty())
        return fail(Errc::NotFound, "{} is no working member of {}", device.path, link_of(c, ref.array));
    SystemHost host(c, {});
    auto failed = run_plan(c, host, plan);
    if (!failed && failed.error().code() == Errc::Busy)
        return fail(Errc::Busy, "{} cannot be failed: {} would lose its data without it", device.path, link_of(c, ref.array));
    EMD_TRY(std::move(failed));
    if (!c.options.dry_run)
        c.say("{} has failed in {}", device.path, link_of(c, ref.array));
    return {};
}

// A failed member goes by itself once its failure is recorded; until then the disk cannot leave.
Result<> wait_until_gone(Context &c, const std::string &array, const DeviceName &device)
{
    const auto watch = c.sysfs->watch();
    EMD_TRY(watch->add(array + "/md/degraded"));
    const auto end = std::chrono::steady_clock::now() + kGoneLimit;
    for (;;) {
        const auto member = EMD_TRY(member_of(c, array, device.dev));
        if (!member)
            return {};
        if (!member->has("faulty") && member->slot >= 0)
            return fail(Errc::Busy, "{} is a working member of {}: fail it first", device.path, link_of(c, array));
        if (!member->has("faulty"))
            return {};  // without a place: it may leave
        if (std::chrono::steady_clock::now() > end)
            return fail(Errc::Timeout, "{} waits in {} for its failure to be recorded: is emdmon running?", device.path, link_of(c, array));
        EMD_TRY(watch->wait(std::chrono::milliseconds(100)));
    }
}

Result<> remove_member(Context &c, const ArrayRef &ref, const std::string &path, bool leaves_by_itself)
{
    if (ref.kind == ArrayRef::Kind::Volume)
        return fail(Errc::Invalid, "{} is a volume: remove the disk from its container {}", link_of(c, ref.array), link_of(c, ref.container));
    const DeviceName device = EMD_TRY(name_member(path));
    const bool member = EMD_TRY(member_of(c, ref.array, device.dev)).has_value();
    if (!member && leaves_by_itself && !c.options.dry_run) {
        c.say("{} has left {} already", device.path, link_of(c, ref.array));
        return {};
    }
    if (!member)
        return fail(Errc::NotFound, "{} is no member of {}", device.path, link_of(c, ref.array));
    if (!c.options.dry_run)
        for (const std::string &array : EMD_TRY(working_arrays(c, ref)))
            EMD_TRY(wait_until_gone(c, array, device));
    plan::Plan plan;
    plan.title = fmt::format("remove {} from {}", device.path, link_of(c, ref.array));
    plan.add(plan::RemoveMember{ref.array, device.path, device.dev});
    // emdmon writes no more to a disk that has left; its answer says that it has looked.
    const plan::Running running = EMD_TRY(running_volumes(c, ref.array));
    if (!running.volumes.empty() && monitor_runs(ref.array))
        plan.add(plan::Sync{ref.array, running.volumes.front().index, {}});
    SystemHost host(c, {});
    EMD_TRY(run_plan(c, host, plan));
    if (!c.options.dry_run)
        c.say("removed {} from {}", device.path, link_of(c, ref.array));
    return {};
}

// -- replace -------------------------------------------------------------------------------------------------------------

// IMSM records one disk for a place in a volume, and a second one only while that is being rebuilt for a disk that is missing.
Result<> check_replaceable(Context &c, const ArrayRef &ref, const std::string &path)
{
    if (ref.kind == ArrayRef::Kind::Bare)
        return {};
    const std::string container = link_of(c, ref.kind == ArrayRef::Kind::Volume ? ref.container : ref.array);
    const char *format = is_single(c, ref.kind == ArrayRef::Kind::Volume ? ref.container : ref.array) ? "EMD" : "IMSM";
    return fail(Errc::Refused, "{} cannot be replaced while it works: {} has no record of that. Use --add with another disk for {}, "
                "then --fail {}: it is rebuilt there, with less redundancy until that is done", path, format, container, path);
}

struct Exchange {
    std::string path, with;  // with: empty for any spare
};

Result<MemberInfo> working_member(Context &c, const ArrayRef &ref, const DeviceName &device)
{
    const auto member = EMD_TRY(member_of(c, ref.array, device.dev));
    if (!member || member->slot < 0 || !member->has("in_sync"))
        return fail(Errc::NotFound, "{} is no working member of {}", device.path, link_of(c, ref.array));
    return *member;
}

Result<MemberInfo> spare_member(Context &c, const ArrayRef &ref, const DeviceName &device)
{
    const auto member = EMD_TRY(member_of(c, ref.array, device.dev));
    if (!member || member->slot >= 0 || !member->has("spare"))
        return fail(Errc::NotFound, "{} is no spare of {}: use --add before", device.path, link_of(c, ref.array));
    return *member;
}

// Return: is it frozen? Errors: it has no redundancy, or is at work on something.
Result<bool> stands_still(Context &c, const ArrayRef &ref)
{
    const auto action = Array(*c.sysfs, ref.array).action();
    if (!action)
        return fail(Errc::Refused, "{} keeps nothing twice: its members cannot be replaced", link_of(c, ref.array));
    if (*action != "idle" && *action != "frozen")
        return fail(Errc::Busy, "{} is at work ({}): use --wait before", link_of(c, ref.array), *action);
    return *action == "frozen";
}

// Frozen meanwhile: the kernel would take any spare as soon as one is wanted.
Result<> replace_members(Context &c, const ArrayRef &ref, const std::vector<Exchange> &exchanges)
{
    const std::string array = link_of(c, ref.array);
    plan::Plan plan;
    plan.title = fmt::format("replace members of {}", array);
    for (const Exchange &e : exchanges)
        EMD_TRY(check_replaceable(c, ref, e.path));
    const bool frozen = EMD_TRY(stands_still(c, ref));
    if (!frozen)
        plan.add(plan::Set{ref.array, "sync_action", "frozen"}, {plan::Set{ref.array, "sync_action", "idle"}});
    for (const Exchange &e : exchanges) {
        const DeviceName device = EMD_TRY(name_member(e.path));
        const MemberInfo member = EMD_TRY(working_member(c, ref, device));
        plan.add(plan::Set{ref.array, member.name + "/state", "want_replacement"},
                 {plan::Set{ref.array, member.name + "/state", "-want_replacement"}});
        if (e.with.empty())
            continue;
        const DeviceName other = EMD_TRY(name_member(e.with));
        const MemberInfo spare = EMD_TRY(spare_member(c, ref, other));
        plan.add(plan::Set{ref.array, spare.name + "/slot", std::to_string(member.slot)},
                 {plan::Set{ref.array, spare.name + "/slot", "none"}});
    }
    if (!frozen)
        plan.add(plan::Set{ref.array, "sync_action", "idle"});
    SystemHost host(c, {});
    EMD_TRY(run_plan(c, host, plan));
    for (const Exchange &e : exchanges)
        if (!c.options.dry_run)
            c.say("{} is replaced in {}{}", e.path, array,
                  e.with.empty() ? " as soon as there is a spare" : fmt::format(" by {}", e.with));
    return {};
}

// A run of --replace with the --with that follows, from @first on. Return: where it ends.
Result<std::size_t> replace_run(Context &c, const ArrayRef &ref, std::size_t first)
{
    const auto &arguments = c.options.arguments;
    std::vector<Exchange> exchanges;
    std::size_t i = first, spares = 0;
    for (; i < arguments.size() && arguments[i].disposition == Disposition::Replace; i++)
        exchanges.push_back({arguments[i].text, {}});
    for (; i < arguments.size() && arguments[i].disposition == Disposition::With; i++, spares++)
        if (spares < exchanges.size())
            exchanges[spares].with = arguments[i].text;
    if (exchanges.empty())
        return fail(Errc::Invalid, "--with {} needs --replace before it", arguments[first].text);
    if (spares && spares != exchanges.size())
        return fail(Errc::Invalid, "--replace names {} members and --with {} spares: name one for each", exchanges.size(), spares);
    EMD_TRY(replace_members(c, ref, exchanges));
    return i;
}

// Has this very line failed the member before? Nobody has to record that of an array without metadata: the disk may have left.
bool was_failed(const Context &c, const std::string &path, std::size_t before)
{
    const auto &arguments = c.options.arguments;
    return std::any_of(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(before),
                       [&](const Positional &p) { return p.disposition == Disposition::Fail && p.text == path; });
}

Result<> run_array(Context &c, const ArrayRef &ref)
{
    EMD_TRY(check_writable(c, ref.array));
    plan::Plan plan;
    plan.add(plan::Set{ref.array, "array_state", "active"});
    SystemHost host(c, {});
    EMD_TRY(run_plan(c, host, plan));
    return {};
}

}  // namespace

Result<int> cmd_manage(Context &c)
{
    const auto &arguments = c.options.arguments;
    ArrayRef ref = EMD_TRY(look_at(c, EMD_TRY(find_array(c, arguments.front().text))));
    if (arguments.size() == 1 && c.options.run)
        EMD_TRY(run_array(c, ref));
    else if (arguments.size() == 1)
        return fail(Errc::Invalid, "nothing is to be done with {}: use --add, --fail, --remove or --replace with disks", link_of(c, ref.array));
    if (ref.kind == ArrayRef::Kind::Volume && is_single(c, ref.container))
        ref = EMD_TRY(look_at(c, ref.container));  // its disks
    for (std::size_t i = 1; i < arguments.size();) {
        if (arguments[i].disposition == Disposition::Replace || arguments[i].disposition == Disposition::With) {
            i = EMD_TRY(replace_run(c, ref, i));
            continue;
        }
        const std::string &path = arguments[i].text;
        const Disposition how = arguments[i++].disposition;
        switch (how) {
        case Disposition::Add:
        case Disposition::AddSpare:
        case Disposition::ReAdd: EMD_TRY(add(c, ref, path, how)); break;
        case Disposition::Fail: EMD_TRY(fail_member(c, ref, path)); break;
        case Disposition::Remove: EMD_TRY(remove_member(c, ref, path, ref.kind == ArrayRef::Kind::Bare && was_failed(c, path, i))); break;
        case Disposition::Replace:
        case Disposition::With:
        case Disposition::None:
            return fail(Errc::Invalid, "what is to be done with {}? Use --add, --fail, --remove or --replace before it", path);
        }
    }
    return 0;
}

}  // namespace emd::cli
