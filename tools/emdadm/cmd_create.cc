// SPDX-License-Identifier: GPL-2.0-only
// --create: a container, a volume in one, or an array without metadata.
#include "arrays.h"
#include "assembly.h"
#include "inventory.h"
#include "names.h"
#include "run_plan.h"

#include "libemd/base/size.h"

#include <algorithm>
#include <array>
#include <climits>
#include <emd/emd.h>
#include <unistd.h>

namespace emd::cli {
namespace {

constexpr std::uint32_t kDefaultChunk = 1024;  // sectors: md's 512 KiB

Result<std::vector<std::unique_ptr<BlockDevice>>> open_disks(const std::vector<std::string> &paths)
{
    std::vector<std::unique_ptr<BlockDevice>> devices;
    for (const std::string &path : paths) {
        auto device = EMD_TRY(BlockDevice::open(path, OpenMode::Read));
        for (const auto &other : devices)
            if (other->dev() == device->dev())
                return fail(Errc::Invalid, "{} is named twice", path);
        if (device->read_only())
            return fail(Errc::Refused, "{} is read-only", path);
        devices.push_back(std::move(device));
    }
    return devices;
}

// In use by anybody? The exclusive open is given back: the array will claim the disk itself.
Result<> check_unused(const BlockDevice &device)
{
    if (const std::string holder = foreign_holder(device); !holder.empty())
        return fail(Errc::Busy, "{} is used by {}: stop that first", device.path(), holder);
    EMD_TRY(device.reopen(OpenMode::Exclusive));
    return {};
}

Result<> check_name_free(Context &c, const std::string &name)
{
    const auto entry = c.map.by_name(name);
    if (entry && find_array(c, entry->array))
        return fail(Errc::Busy, "an array named {} runs already ({}): take another name, or stop it", name, entry->array);
    return {};
}

// -- container ---------------------------------------------------------------------------------------------------------

Result<int> create_container(Context &c, const Format &format, const std::string &name, const std::vector<std::string> &disks)
{
    const Options &o = c.options;
    if (o.raid_disks && *o.raid_disks != disks.size())
        return fail(Errc::Invalid, "--raid-devices={} is given with {} disks", *o.raid_disks, disks.size());
    plan::NewContainer want{name, std::string(format.name()), {}, o.force, false};
    Loaded fresh;
    fresh.format = &format;
    fresh.devices = EMD_TRY(open_disks(disks));
    for (const auto &device : fresh.devices) {
        EMD_TRY(check_unused(*device));
        if (device->partition())
            return fail(Errc::Unsupported, "{} is a partition: {} takes whole disks", device->path(), format.name());
        want.disks.push_back({device->path(), device->dev(), EMD_TRY(found_on(*device))});
    }
    // What the format refuses (too small, no serial number), it refuses before anything has happened.
    EMD_TRY(fresh.format->create(fresh.media()));
    const plan::Plan plan = EMD_TRY(plan::plan_create_container(want));
    SystemHost host(c, std::move(fresh));
    EMD_TRY(run_plan(c, host, plan));
    if (!o.dry_run)
        c.say("container {} prepared with {} disks", name, disks.size());
    return 0;
}

// -- volume ------------------------------------------------------------------------------------------------------------

Result<Shape> wanted_shape(const Options &o)
{
    if (!o.level)
        return fail(Errc::Invalid, "--level is missing");
    if (!o.raid_disks)
        return fail(Errc::Invalid, "--raid-devices is missing");
    Shape shape;
    shape.level = *o.level;
    shape.raid_disks = *o.raid_disks;
    shape.chunk_sectors = o.chunk_sectors.value_or(0);
    if (o.layout)
        shape.layout = EMD_TRY(parse_layout(*o.layout, shape.level));
    else if (shape.level == 10)
        shape.layout = 0x102;  // near 2
    shape.component_sectors = o.size_sectors.value_or(0) == kMax ? 0 : o.size_sectors.value_or(0);
    return shape;
}

// What md takes where nothing is said.
Result<Shape> usual_shape(const Options &o)
{
    Shape shape = EMD_TRY(wanted_shape(o));
    if (shape.level == 1 || shape.level == EMD_LEVEL_LINEAR)
        shape.chunk_sectors = 0;
    else if (shape.chunk_sectors == 0)
        shape.chunk_sectors = kDefaultChunk;
    if (!o.layout && (shape.level == 5 || shape.level == 6))
        shape.layout = EMD_LAYOUT_LEFT_SYMMETRIC;
    if (!o.layout && shape.level == 0)
        shape.layout = EMD_LAYOUT_RAID0_ALTERNATE;
    return shape;
}

Result<> check_count(const Options &o, const Shape &shape, std::size_t named)
{
    if (shape.raid_disks + o.spares != named)
        return fail(Errc::Invalid, "{} disks are named for {} members and {} spares", named, shape.raid_disks, o.spares);
    return {};
}

Result<> check_no_bitmap(const Options &o)
{
    if (o.bitmap.value_or(false))
        return fail(Errc::Unsupported, "--bitmap=internal: emdadm makes one only of arrays with superblocks of their own (--metadata=1.2): leave it out");
    return {};
}

// The container that the disks belong to, or that is named itself; empty if there is none.
Result<std::string> container_of(Context &c, const std::vector<std::string> &arguments)
{
    if (arguments.size() == 1)
        if (const auto array = find_array(c, arguments[0]))
            if (look_at(c, *array).value_or(ArrayRef()).kind == ArrayRef::Kind::Container)
                return *array;
    for (const std::string &path : arguments) {
        if (path == "missing")
            continue;
        const auto device = EMD_TRY(BlockDevice::open(path, OpenMode::Read));
        for (const std::string &holder : device->holders())
            if (look_at(c, holder).value_or(ArrayRef()).kind == ArrayRef::Kind::Container)
                return holder;
    }
    return std::string();
}

Result<int> create_volume(Context &c, const std::string &name, const std::string &container, const std::vector<std::string> &arguments)
{
    plan::NewVolume want;
    want.name = c.options.name.empty() ? name : c.options.name;
    want.container = container;
    want.shape = EMD_TRY(wanted_shape(c.options));
    want.assume_clean = c.options.assume_clean;
    want.run = c.options.run;
    want.monitored = monitor_runs(container);
    EMD_TRY(check_no_bitmap(c.options));
    if (arguments.size() > 1 || arguments[0] == "missing")
        for (const std::string &path : arguments)
            want.disks.push_back(path == "missing" ? path : EMD_TRY(BlockDevice::open(path, OpenMode::Read))->path());

    ContainerLock lock = EMD_TRY(ContainerLock::take(container, "creation of " + want.name));
    SystemHost host(c, EMD_TRY(load_container(c, container)));
    const auto express = [&](const Change &change) -> Result<Container> {
        auto scratch = EMD_TRY(host.loaded().reload());
        EMD_TRY(scratch->apply(change));
        return scratch->view();
    };
    const plan::Plan plan = EMD_TRY(plan::plan_create_volume(host.loaded().view(), want, host.loaded().format->limits(), express));
    EMD_TRY(run_plan(c, host, plan));
    if (!c.options.dry_run)
        c.say("volume {} started: {}", want.name, plan.facts.front());
    return 0;
}

// -- an array with superblocks of its own -----------------------------------------------------------------------------

std::string host_name()
{
    std::array<char, HOST_NAME_MAX + 1> name{};
    return ::gethostname(name.data(), name.size() - 1) ? "" : name.data();
}

Result<int> create_array(Context &c, const Format &format, const std::string &name, const std::vector<std::string> &paths)
{
    const Options &o = c.options;
    NewArray want;
    want.version = o.metadata;
    want.host = o.home_host.value_or("<system>");
    if (want.host == "<system>")
        want.host = host_name();
    else if (want.host == "<none>")
        want.host.clear();
    want.name = o.name.empty() ? name : o.name;
    want.shape = EMD_TRY(usual_shape(o));
    want.assume_clean = o.assume_clean;
    want.bitmap = o.bitmap;
    want.bitmap_chunk_bytes = o.bitmap_chunk_sectors * 512;
    EMD_TRY(check_count(o, want.shape, paths.size()));

    plan::NewContainer container{name + "-disks", std::string(format.name()), {}, o.force, o.assume_clean};
    EMD_TRY(check_name_free(c, container.name));
    Loaded fresh;
    fresh.format = &format;
    std::vector<std::string> disks = paths;
    std::erase(disks, "missing");
    fresh.devices = EMD_TRY(open_disks(disks));
    for (const auto &device : fresh.devices) {
        EMD_TRY(check_unused(*device));
        container.disks.push_back({device->path(), device->dev(), EMD_TRY(found_on(*device))});
    }
    auto device = fresh.devices.begin();
    for (std::size_t i = 0; i < paths.size(); i++) {
        const Medium *medium = paths[i] == "missing" ? nullptr : (device++)->get();
        if (i < want.shape.raid_disks)
            want.members.push_back(medium);
        else if (medium)
            want.spares.push_back(medium);
    }
    fresh.metadata = EMD_TRY(format.create_array(want));
    const plan::Plan plan = EMD_TRY(plan::plan_create_array(fresh.view(), container, name));
    SystemHost host(c, std::move(fresh));
    EMD_TRY(run_plan(c, host, plan));
    if (!o.dry_run)
        c.say("{} started: {}", name, plan.facts.front());
    return 0;
}

// By its name, or by a version of md's superblocks, as mdadm is told.
const Format *format_of(const std::string &metadata)
{
    const bool version = !metadata.empty() && std::isdigit(static_cast<unsigned char>(metadata[0]));
    return find_format(version || metadata.empty() || metadata == "default" ? "md" : metadata);
}

// -- without metadata ----------------------------------------------------------------------------------------------------

Result<std::vector<std::optional<plan::BareArray::Member>>> bare_members(Context &c, const std::vector<std::string> &paths)
{
    std::vector<std::optional<plan::BareArray::Member>> members;
    for (const std::string &path : paths) {
        if (path == "missing") {
            members.push_back(std::nullopt);
            continue;
        }
        const auto device = EMD_TRY(BlockDevice::open(path, OpenMode::Read));
        if (const bool array = find_array(c, device->path()).has_value(); !array)
            EMD_TRY(check_unused(*device));
        const auto found = EMD_TRY(found_on(*device));
        if (!found.empty() && !c.options.force && !c.options.assume_clean)
            return fail(Errc::Refused, "{} has {}; to overwrite it, use --force or wipe it first", device->path(), found.front());
        for (const auto &other : members)
            if (other && other->dev == device->dev())
                return fail(Errc::Invalid, "{} is named twice", path);
        members.push_back(plan::BareArray::Member{device->path(), device->dev(), device->size_bytes() / 512});
    }
    return members;
}

Result<int> create_bare(Context &c, const std::string &name, const std::vector<std::string> &paths)
{
    const Options &o = c.options;
    plan::BareArray want;
    want.name = name;
    want.shape = EMD_TRY(usual_shape(o));
    want.assume_clean = o.assume_clean;
    EMD_TRY(check_no_bitmap(o));
    EMD_TRY(check_count(o, want.shape, paths.size()));

    auto members = EMD_TRY(bare_members(c, paths));
    std::uint64_t smallest = ~std::uint64_t(0);
    for (const auto &member : members)
        if (member)
            smallest = std::min(smallest, member->sectors);
    const std::uint64_t align = std::max<std::uint64_t>(want.shape.chunk_sectors, 8);
    if (want.shape.component_sectors > smallest)
        return fail(Errc::Refused, "--size asks for {} of each disk, and the smallest has {}",
                    format_size(want.shape.component_sectors * 512), format_size(smallest * 512));
    want.shape.component_sectors = (want.shape.component_sectors ? want.shape.component_sectors : smallest) / align * align;
    for (std::size_t i = 0; i < members.size(); i++)
        if (i < want.shape.raid_disks)
            want.members.push_back(members[i]);
        else if (members[i])
            want.spares.push_back(*members[i]);
    const plan::Plan plan = EMD_TRY(plan::plan_bare(want));
    SystemHost host(c, {});
    EMD_TRY(run_plan(c, host, plan));
    if (!o.dry_run)
        c.say("array {} started", name);
    return 0;
}

}  // namespace

Result<int> cmd_create(Context &c)
{
    std::vector<std::string> arguments = c.options.names();
    if (arguments.size() < 2)
        return fail(Errc::Invalid, "--create needs a name and at least one disk or container");
    // What others would assemble of the new metadata, before the array runs, is not theirs.
    std::optional<Fd> turn;
    if (!c.options.dry_run)
        turn = EMD_TRY(take_turn());
    const std::string name = EMD_TRY(name_from(arguments[0]));
    arguments.erase(arguments.begin());
    EMD_TRY(check_name_free(c, name));
    if (c.options.metadata == "none")
        return create_bare(c, name, arguments);
    const Format *format = format_of(c.options.metadata);
    if (!format)
        return fail(Errc::Unsupported, "\"{}\" is no format that EMD can create: take imsm, 1.2, 1.1, 1.0 or none", c.options.metadata);
    const bool leveled = c.options.level && *c.options.level != EMD_LEVEL_NONE;
    if (leveled) {
        const std::string container = EMD_TRY(container_of(c, arguments));
        if (!container.empty() && (c.options.metadata.empty() || !is_single(*format)))
            return create_volume(c, name, container, arguments);
        if (is_single(*format))
            return create_array(c, *format, name, arguments);
        return fail(Errc::Invalid, "no container is named: make one first with emdadm --create NAME -e {} -n N DISK...", format->name());
    }
    if (c.options.metadata.empty())
        return fail(Errc::Invalid, "--level is missing for an array, or --metadata for a container");
    return create_container(c, *format, name, arguments);
}

}  // namespace emd::cli
