// SPDX-License-Identifier: GPL-2.0-only
// --create: a container, a volume in one, or an array without metadata.
#include "arrays.h"
#include "assembly.h"
#include "inventory.h"
#include "new_array.h"
#include "run_plan.h"

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
    if (c.options.parity_log.value_or(false))
        return fail(Errc::Unsupported, "{}: EMD makes partial parity logs for arrays with md's superblocks 1.x alone", want.name);
    EMD_TRY(check_no_bitmap(c.options));
    if (arguments.size() > 1 || arguments[0] == "missing")
        for (const std::string &path : arguments)
            want.disks.push_back(path == "missing" ? path : EMD_TRY(BlockDevice::open(path, OpenMode::Read))->path());

    ContainerLock lock = EMD_TRY(ContainerLock::take(container, "creation of " + want.name));
    SystemHost host(c, EMD_TRY(load_container(c, container)));
    const Format &format = *host.loaded().format;
    if (const std::string &metadata = c.options.metadata; !metadata.empty() && metadata != "default" && metadata != format.name())
        return fail(Errc::Invalid, "--metadata={}: {} is a container of {}; leave it out", metadata, container, format.name());
    const Limits limits = format.limits();
    if (const auto usual = limits.usual_layouts.find(want.shape.level); !c.options.layout && usual != limits.usual_layouts.end())
        want.shape.layout = usual->second;
    const auto express = [&](const Change &change) -> Result<Container> {
        auto scratch = EMD_TRY(host.loaded().scratch());
        EMD_TRY(scratch->apply(change));
        return scratch->view();
    };
    const plan::Plan plan = EMD_TRY(plan::plan_create_volume(host.loaded().view(), want, limits, express));
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
    want.shape = EMD_TRY(usual_shape(o, kDefaultChunk));
    want.assume_clean = o.assume_clean;
    want.bitmap = o.bitmap;
    want.parity_log = o.parity_log.value_or(false);
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
    if (c.options.metadata == "none") {
        std::vector<Positional> disks = c.options.arguments;
        disks.erase(disks.begin());
        return make_bare(c, name, disks, EMD_TRY(usual_shape(c.options, kDefaultChunk)), false);
    }
    const Format *format = format_of(c.options.metadata);
    if (!format)
        return fail(Errc::Unsupported, "\"{}\" is no format that EMD can create: take imsm, ddf, 1.2, 1.1, 1.0 or none", c.options.metadata);
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
