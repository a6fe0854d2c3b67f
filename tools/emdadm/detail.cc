// SPDX-License-Identifier: GPL-2.0-only
#include "detail.h"

#include "inventory.h"

#include "libemd/monitor/container_lock.h"

#include <algorithm>
#include <filesystem>

namespace emd::cli {
namespace {

std::string device_path(DevNum dev)
{
    std::error_code error;
    const auto sysfs = std::filesystem::canonical(fmt::format("/sys/dev/block/{}:{}", dev.major, dev.minor), error);
    return error ? fmt::format("{}:{}", dev.major, dev.minor) : "/dev/" + sysfs.filename().string();
}

std::string member_words(const MemberInfo &m, const std::string &action)
{
    if (m.has("faulty"))
        return "faulty";
    if (m.slot < 0)
        return "spare";
    if (m.has("in_sync"))
        return "active sync";
    return action == "recover" ? "spare rebuilding" : "active, out of sync";
}

// Progress, state and geometry of an array that can do I/O.
void gather_run(Detail &d, const Array &array)
{
    d.level = array.level().value_or("");
    d.shape = array.shape().value_or(Shape());
    d.next = d.shape;
    if (const auto disks = array.raid_disks())
        d.next.raid_disks = static_cast<std::uint32_t>(disks->next);
    if (const auto chunk = array.chunk_bytes())
        d.next.chunk_sectors = static_cast<std::uint32_t>(chunk->next / 512);
    if (const auto layout = array.layout())
        d.next.layout = static_cast<std::uint32_t>(layout->next);
    d.degraded = static_cast<unsigned>(array.number("degraded").value_or(0));
    d.action = array.action().value_or("idle");
    d.reshape_position = array.reshape_position().value_or(std::nullopt);
    d.mismatches = array.number("mismatch_cnt").value_or(0);
    d.consistency = array.get("consistency_policy").value_or("");
    const auto completed = array.completed();
    if (completed && completed->kind == SyncCompleted::Kind::Running && completed->total)
        d.percent = 100.0 * static_cast<double>(completed->done) / static_cast<double>(completed->total);
}

// Names and identity that the kernel does not know.
void gather_record(Context &c, Detail &d)
{
    const std::string container = d.ref.kind == ArrayRef::Kind::Container ? d.ref.array : d.ref.container;
    const auto loaded = load_container(c, container);
    if (!loaded)
        return;
    d.format = loaded->format->name();
    if (d.ref.kind == ArrayRef::Kind::Container) {
        d.uuid = to_string(loaded->view().uuid);
        return;
    }
    for (const Volume &v : loaded->view().volumes)
        if (v.index == d.ref.volume) {
            d.uuid = to_string(v.uuid);
            d.name = v.name;
        }
}

}  // namespace

Result<Detail> gather_detail(Context &c, const std::string &name)
{
    Detail d;
    d.ref = EMD_TRY(look_at(c, name));
    d.link = link_of(c, name);
    const Array array(*c.sysfs, name);
    d.state = EMD_TRY(array.state());
    d.array_sectors = 0;
    if (const auto size = c.sysfs->read(name + "/size"))
        d.array_sectors = std::strtoull(size->c_str(), nullptr, 10);
    if (const auto entry = c.map.by_array(name)) {
        d.uuid = entry->uuid == "-" ? "" : entry->uuid;
        d.name = entry->name;
    }
    if (d.ref.kind == ArrayRef::Kind::Container)
        d.level = "container";
    else
        gather_run(d, array);
    if (d.ref.kind != ArrayRef::Kind::Bare)
        gather_record(c, d);
    if (d.ref.kind == ArrayRef::Kind::Volume)
        d.container_link = link_of(c, d.ref.container);
    if (d.ref.tagged || d.action == "frozen")
        d.frozen_by = ContainerLock::holder(d.ref.container).value_or("nobody any more");
    if (d.ref.kind == ArrayRef::Kind::Container)
        for (const auto &v : EMD_TRY(running_volumes(c, name)).volumes)
            d.volumes.push_back(link_of(c, v.array));
    for (const MemberInfo &m : EMD_TRY(array.members())) {
        const std::string bad = array.get(fmt::format("{}/bad_blocks", m.name)).value_or("");
        d.members.push_back({device_path(m.dev), m.dev, m.slot, d.ref.kind == ArrayRef::Kind::Container ? "" : member_words(m, d.action),
                             bad.empty() ? 0 : static_cast<std::size_t>(std::ranges::count(bad, '\n')) + 1, m.has("write_mostly")});
    }
    std::ranges::stable_sort(d.members, {}, [](const DetailMember &m) { return m.slot < 0 ? 1 << 20 : m.slot; });
    return d;
}

}  // namespace emd::cli
