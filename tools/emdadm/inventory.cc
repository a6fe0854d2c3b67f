// SPDX-License-Identifier: GPL-2.0-only
#include "inventory.h"

#include "arrays.h"
#include "host.h"

#include "libemd/device/signatures.h"
#include "libemd/monitor/settled.h"

#include <algorithm>
#include <filesystem>
#include <thread>

namespace emd::cli {

constexpr auto kBetweenReadings = std::chrono::milliseconds(20);

std::vector<const Medium *> Loaded::media() const
{
    std::vector<const Medium *> all;
    for (const auto &device : devices)
        all.push_back(device.get());
    return all;
}

BlockDevice *Loaded::device(const std::string &path) const
{
    const auto found = std::ranges::find_if(devices, [&](const auto &d) { return d->path() == path; });
    return found == devices.end() ? nullptr : found->get();
}

BlockDevice *Loaded::device(DevNum dev) const
{
    const auto found = std::ranges::find_if(devices, [&](const auto &d) { return d->dev() == dev; });
    return found == devices.end() ? nullptr : found->get();
}

Result<std::optional<Recognised>> recognise(const Medium &medium)
{
    std::optional<Error> damaged;  // of a format that was there before, perhaps: another's metadata may be whole
    for (const Format *format : formats()) {
        const Result<Probe> probed = format->probe(medium);
        if (!probed && !damaged)
            damaged = probed.error();
        if (!probed || !probed->found)
            continue;
        const Probe &probe = *probed;
        const auto same = [&](const MemberReader *reader) { return reader->name() == format->name(); };
        const auto reader = std::ranges::find_if(member_readers(), same);
        return std::optional(Recognised{format, reader == member_readers().end() ? nullptr : *reader, probe});
    }
    if (damaged)
        return tl::make_unexpected(*damaged);
    return std::optional<Recognised>();
}

std::string owning_partition(const BlockDevice &device, const Recognised &found)
{
    const auto record = found.described ? found.described->record(device) : Result<MemberRecord>(fail(Errc::NotFound, "none"));
    return record && record->metadata.starts_with("0.9") ? device.partition_at(record->record_sector) : "";
}

bool is_single(const Format &format)
{
    return format.limits().max_volumes == 1;
}

bool is_single(Context &c, const std::string &container)
{
    const auto ref = look_at(c, container);
    const Format *format = ref && ref->kind == ArrayRef::Kind::Container ? find_format(ref->format) : nullptr;
    return format && is_single(*format);
}

Result<Contents> look_on(const BlockDevice &device)
{
    Contents found;
    for (const MemberReader *reader : member_readers())
        if (const auto description = reader->describe(device))
            found.records.push_back(*description);
    const bool named = !found.records.empty();
    for (const Signature &s : EMD_TRY(find_signatures(device)))
        if (!named || s.type != "linux_raid_member")  // libblkid's name for what is described better above
            (s.type.ends_with("_raid_member") ? found.records : found.content).push_back(describe(s));
    if (found.records.empty() && found.content.empty() && device.has_partitions())
        found.content.push_back("partitions");
    return found;
}

Result<std::vector<std::string>> found_on(const BlockDevice &device)
{
    Contents found = EMD_TRY(look_on(device));
    found.records.insert(found.records.end(), found.content.begin(), found.content.end());
    return std::move(found.records);
}

std::string foreign_holder(const BlockDevice &device)
{
    for (const std::string &holder : device.holders())
        if (!holder.starts_with("emd"))
            return holder;
    return {};
}

std::string md_holds(const Uuid &array)
{
    namespace fs = std::filesystem;
    std::error_code none;
    for (const auto &md : fs::directory_iterator("/sys/block", none)) {
        const std::string name = md.path().filename();
        if (!name.starts_with("md"))
            continue;
        for (const auto &slave : fs::directory_iterator(md.path() / "slaves", none)) {
            std::string path = "/dev/" + slave.path().filename().string();
            std::ranges::replace(path, '!', '/');
            const auto device = BlockDevice::open(path, OpenMode::Read);
            if (!device)
                continue;
            const auto found = recognise(**device);
            if (found && *found && is_single(*(*found)->format) && (*found)->probe.container == array)
                return fmt::format("{} has {}", name, path);
        }
    }
    return {};
}

bool held_by_emd(const BlockDevice &device)
{
    return std::ranges::any_of(device.holders(), [](const std::string &h) { return h.starts_with("emd"); });
}

Result<std::vector<Group>> group_devices(std::vector<std::unique_ptr<BlockDevice>> devices,
                                         const std::function<void(const std::string &)> &left_out)
{
    std::vector<Group> groups;
    for (auto &device : devices) {
        if (const std::string holder = foreign_holder(*device); !holder.empty()) {
            left_out(fmt::format("{} is used by {} and left alone", device->path(), holder));
            continue;
        }
        const auto found = recognise(*device);
        if (!found) {
            left_out(fmt::format("{}: it is left alone", found.error().text()));
            continue;
        }
        if (!*found) {
            left_out(fmt::format("{} has no metadata that EMD knows", device->path()));
            continue;
        }
        const Recognised &r = **found;
        if (const std::string partition = owning_partition(*device, r); !partition.empty()) {
            left_out(fmt::format("{}: the superblock at its end is that of its partition {}: name that", device->path(), partition));
            continue;
        }
        auto group = std::ranges::find_if(groups, [&](const Group &g) { return g.format == r.format && g.container == r.probe.container; });
        if (group == groups.end())
            group = groups.insert(groups.end(), Group{r.format, r.probe.container, {}});
        group->devices.push_back(std::move(device));
    }
    std::erase_if(groups, [&](const Group &g) {
        const std::string md = is_single(*g.format) ? md_holds(g.container) : "";
        if (!md.empty())
            left_out(fmt::format("array {}: {}, so its other disks are left alone", to_string(g.container), md));
        return !md.empty();
    });
    return groups;
}

Result<Loaded> load(const Format &format, std::vector<std::unique_ptr<BlockDevice>> devices)
{
    Loaded loaded;
    loaded.format = &format;
    loaded.devices = std::move(devices);
    loaded.metadata = EMD_TRY(format.load(loaded.media()));
    return loaded;
}

Result<> check_writable(Context &c, const std::string &array)
{
    const ArrayRef ref = EMD_TRY(look_at(c, array));
    if (ref.kind != ArrayRef::Kind::Volume)
        return {};
    const Loaded loaded = EMD_TRY(load_container(c, ref.container));
    for (const Volume &v : loaded.view().volumes) {
        if (v.index == ref.volume && !v.read_write)
            return fail(Errc::Refused, "{} must not be written: {}", link_of(c, array), v.refused);
        if (v.index == ref.volume && v.parity_log && Array(*c.sysfs, array).get("consistency_policy").value_or("") != "ppl")
            return fail(Errc::Refused, "{} was started to be read, without its partial parity log: stop it, and assemble it without --readonly",
                        link_of(c, array));
    }
    return {};
}

Result<std::unique_ptr<Metadata>> Loaded::scratch() const
{
    return load_like(view(), [this] { return reload(); }, [] { std::this_thread::sleep_for(kBetweenReadings); });
}

Result<Loaded> load_container(Context &c, const std::string &array)
{
    const ArrayRef ref = EMD_TRY(look_at(c, array));
    const Format *format = ref.kind == ArrayRef::Kind::Container ? find_format(ref.format) : nullptr;
    if (!format)
        return fail(Errc::Invalid, "{} is no container of a format that EMD knows", link_of(c, array));
    std::vector<std::unique_ptr<BlockDevice>> devices;
    for (const MemberInfo &m : EMD_TRY(Array(*c.sysfs, array).members()))
        if (!m.has("faulty"))
            devices.push_back(EMD_TRY(BlockDevice::open(m.dev, OpenMode::Read)));
    if (!monitor_runs(array))
        return load(*format, std::move(devices));
    Loaded loaded;
    loaded.format = format;
    loaded.devices = std::move(devices);
    loaded.metadata = EMD_TRY(load_settled([&] { return loaded.reload(); }, [] { std::this_thread::sleep_for(kBetweenReadings); }));
    return loaded;
}

}  // namespace emd::cli
