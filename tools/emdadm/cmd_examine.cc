// SPDX-License-Identifier: GPL-2.0-only
// --examine, --zero-superblock: what is recorded on disks and image files.
#include "examined.h"

#include "libemd/device/udev.h"
#include "libemd/report/examine.h"
#include "libemd/report/json.h"

#include <algorithm>

namespace emd::cli {
namespace {

Result<> print_one(Context &c, const Examined &e)
{
    const Reader &reader = *e.what.format;
    if (c.options.as_export)
        fmt::print("{}", export_text(EMD_TRY(reader.examine_export(*e.medium))));
    else
        fmt::print("{}", examine_text(e.medium->path(), EMD_TRY(reader.examine(*e.medium))));
    return {};
}

// What each disk says by itself, where the format has that: for --json.
Result<> add_members(const std::vector<Examined> &all, nlohmann::ordered_json &members)
{
    for (const Examined &e : all)
        if (e.what.described)
            members.push_back(to_json(EMD_TRY(e.what.described->record(*e.medium)), e.medium->path()));
    return {};
}

// What disks say together: for --brief and --json, one answer per container.
Result<> print_containers(Context &c, const std::vector<Examined> &all)
{
    using Json = nlohmann::ordered_json;
    Json containers = Json::array(), members = Json::array();
    std::vector<std::pair<const Format *, Uuid>> done;
    for (const Examined &e : all) {
        const std::pair key{e.what.format, e.what.probe.container};
        if (std::ranges::count(done, key))
            continue;
        done.push_back(key);
        std::vector<const Medium *> media;
        for (const Examined &other : all)
            if (other.what.format == key.first && other.what.probe.container == key.second)
                media.push_back(other.medium.get());
        const auto metadata = EMD_TRY(key.first->load(media));
        if (c.options.json)
            containers.push_back(to_json(metadata->view()));
        else
            fmt::print("{}", brief_text(metadata->view(), key.first->name()));
    }
    EMD_TRY(add_members(all, members));
    if (c.options.json)
        fmt::print("{}\n", Json{{"version", 1}, {"containers", containers}, {"members", members}}.dump(2));
    return {};
}

Result<> zero_one(Context &c, const std::string &path)
{
    const auto device = EMD_TRY(BlockDevice::open(path, OpenMode::Read));
    if (held_by_emd(*device) || !foreign_holder(*device).empty())
        return fail(Errc::Busy, "{} is a member of {}: remove it there first", device->path(), device->holders().front());
    const Format *format = nullptr;
    for (const Format *each : formats()) {
        const auto probe = each->probe(*device);
        if (!probe || probe->found)  // damaged metadata is metadata, too
            format = each;
    }
    if (!format)
        return fail(Errc::NotFound, "{} has no metadata that EMD knows: nothing is erased", device->path());
    if (const auto found = recognise(*device); found && *found && !c.options.force)
        if (const std::string partition = owning_partition(*device, **found); !partition.empty())
            return fail(Errc::Refused, "{}: the superblock at its end is that of its partition {}: name that, or use --force",
                        device->path(), partition);
    if (c.options.dry_run) {
        fmt::print("erase {} metadata of {}\n", format->name(), device->path());
        return {};
    }
    auto writer = EMD_TRY(device->reopen(OpenMode::Exclusive));
    EMD_TRY(erase_format(*format, *writer));
    c.say("erased {} metadata of {}", format->name(), device->path());
    return {};
}

}  // namespace

Result<int> cmd_examine(Context &c)
{
    std::vector<std::string> paths = c.options.names();
    const bool scan = paths.empty() && c.options.scan;
    if (paths.empty() && !scan)
        return fail(Errc::Invalid, "--examine needs disks or image files, or --scan");
    if (scan)
        paths = list_disks();
    std::vector<Examined> all;
    int status = 0;
    for (const std::string &path : paths) {
        auto examined = examine_one(path, static_cast<std::size_t>(&path - paths.data()) + 1);
        if (examined) {
            all.push_back(std::move(*examined));
        } else if (!scan) {
            c.warn(examined.error().text());
            status = 1;
        }
    }
    if (c.options.json || c.options.brief || scan) {
        EMD_TRY(print_containers(c, all));
        return status;
    }
    for (const Examined &e : all)
        EMD_TRY(print_one(c, e));
    return status;
}

Result<int> cmd_zero_superblock(Context &c)
{
    const auto paths = c.options.names();
    if (paths.empty())
        return fail(Errc::Invalid, "--zero-superblock needs disks");
    int status = 0;
    for (const std::string &path : paths)
        if (const auto done = zero_one(c, path); !done) {
            c.warn(done.error().text());
            status = 1;
        }
    return status;
}

}  // namespace emd::cli
