// SPDX-License-Identifier: GPL-2.0-only
#include "detail.h"

#include "libemd/base/size.h"
#include "libemd/model/layout_words.h"

#include <algorithm>
#include <emd/emd.h>
#include <nlohmann/json.hpp>

namespace emd::cli {
namespace {

std::string layout_word(const Shape &s)
{
    for (const LayoutWord &known : kLayoutWords)
        if (s.level >= known.level && s.level <= 6 && s.layout == known.layout)
            return std::string(known.word);
    const std::uint32_t far = s.layout >> 8 & 0xff;
    if (s.level == 10)
        return fmt::format("{}={}", far < 2 ? "near" : s.layout & EMD_LAYOUT_RAID10_OFFSET ? "offset" : "far", far < 2 ? s.layout & 0xff : far);
    return {};
}

void line(std::string &text, std::string_view key, const std::string &value)
{
    if (!value.empty())
        text += fmt::format("{:>18} : {}\n", key, value);
}

std::string size_words(std::uint64_t sectors)
{
    return sectors ? fmt::format("{}{}", sectors / 2, format_size_pair(sectors * 512)) : std::string();
}

std::size_t count(const Detail &d, std::string_view words)
{
    return static_cast<std::size_t>(std::ranges::count_if(d.members, [&](const DetailMember &m) { return m.words == words; }));
}

void member_table(std::string &text, const Detail &d)
{
    const bool container = d.ref.kind == ArrayRef::Kind::Container;
    text += "\n    Number   Major   Minor   RaidDevice";
    text += container ? "\n" : " State\n";
    int number = 0;
    std::vector<bool> filled(d.next.raid_disks);
    for (const DetailMember &m : d.members) {
        if (m.slot >= 0 && static_cast<std::size_t>(m.slot) < filled.size())
            filled[static_cast<std::size_t>(m.slot)] = true;
        text += fmt::format("{:>8} {:>7} {:>8} {:>8}      {:<13} {}\n", container ? "-" : fmt::to_string(number++), m.dev.major,
                            m.dev.minor, m.slot < 0 ? "-" : fmt::to_string(m.slot),
                            m.write_mostly ? m.words + " writemostly" : m.words, m.path);
    }
    for (std::size_t slot = 0; !container && slot < filled.size(); slot++)
        if (!filled[slot])
            text += fmt::format("{:>8} {:>7} {:>8} {:>8}      removed\n", "-", 0, 0, slot);
}

void activity_lines(std::string &text, const Detail &d)
{
    if (d.percent && d.action != "idle")
        line(text, d.action == "reshape" ? "Reshape Status" : d.action == "recover" ? "Rebuild Status" : "Resync Status",
             fmt::format("{:.0f}% complete", *d.percent));
    else if (d.reshape_position)
        line(text, "Reshape Status", fmt::format("paused at sector {}", *d.reshape_position));
    if (d.next.raid_disks != d.shape.raid_disks)
        line(text, "Delta Devices", fmt::format("{}, ({}->{})", static_cast<int>(d.next.raid_disks) - static_cast<int>(d.shape.raid_disks),
                                                d.shape.raid_disks, d.next.raid_disks));
    if (d.next.chunk_sectors != d.shape.chunk_sectors)
        line(text, "New Chunksize", fmt::format("{}K", d.next.chunk_sectors / 2));
    if (!d.frozen_by.empty())
        line(text, "Frozen By", d.frozen_by);
}

}  // namespace

std::string state_words(const Detail &d)
{
    if (d.ref.kind == ArrayRef::Kind::Container)
        return {};
    std::string words = d.state == "active-idle" || d.state == "write-pending" ? "active" : d.state;
    if (d.degraded)
        words += ", degraded";
    if (d.action == "resync" || d.action == "repair")
        words += ", resyncing";
    else if (d.action == "recover")
        words += ", recovering";
    else if (d.action == "check")
        words += ", checking";
    else if (d.reshape_position)
        words += ", reshaping";
    return words;
}

std::string detail_text(const Detail &d)
{
    std::string text = d.link + ":\n";
    const bool container = d.ref.kind == ArrayRef::Kind::Container;
    if (d.ref.kind == ArrayRef::Kind::Volume)
        line(text, "Container", fmt::format("{}, member {}", d.container_link, d.ref.volume));
    if (container || d.ref.kind == ArrayRef::Kind::Bare)
        line(text, "Version", container ? d.format : "none");
    line(text, "Raid Level", d.level);
    if (container) {
        line(text, "Total Devices", fmt::to_string(d.members.size()));
    } else {
        line(text, "Array Size", size_words(d.array_sectors));
        line(text, "Used Dev Size", size_words(d.shape.component_sectors));
        line(text, "Raid Devices", fmt::to_string(d.next.raid_disks));
        line(text, "Total Devices", fmt::to_string(d.members.size()));
        text += "\n";
        line(text, "State", state_words(d));
        const std::size_t failed = count(d, "faulty");
        line(text, "Active Devices", fmt::to_string(count(d, "active sync")));
        line(text, "Working Devices", fmt::to_string(d.members.size() - failed));
        line(text, "Failed Devices", fmt::to_string(failed));
        line(text, "Spare Devices", fmt::to_string(count(d, "spare") + count(d, "spare rebuilding")));
        text += "\n";
        line(text, "Layout", layout_word(d.shape));
        if (d.shape.chunk_sectors)
            line(text, "Chunk Size", fmt::format("{}K", d.shape.chunk_sectors / 2));
        line(text, "Consistency Policy", d.consistency);
        activity_lines(text, d);
    }
    line(text, "UUID", d.uuid);
    for (const std::string &volume : d.volumes)
        line(text, "Member Arrays", volume);
    member_table(text, d);
    return text;
}

std::string detail_export(const Detail &d, bool devices)
{
    std::string text = fmt::format("MD_LEVEL={}\n", d.level);
    const bool container = d.ref.kind == ArrayRef::Kind::Container;
    text += fmt::format("MD_DEVICES={}\n", container ? d.members.size() : d.next.raid_disks);
    if (d.ref.kind == ArrayRef::Kind::Volume)
        text += fmt::format("MD_CONTAINER={}\nMD_MEMBER={}\n", d.container_link, d.ref.volume);
    else
        text += fmt::format("MD_METADATA={}\n", container ? d.format : "none");
    if (!d.uuid.empty())
        text += fmt::format("MD_UUID={}\n", d.uuid);
    if (d.link.starts_with("/dev/emd/"))
        text += fmt::format("MD_DEVNAME={}\n", d.link.substr(9));
    if (!d.name.empty() && !container)
        text += fmt::format("MD_NAME={}\n", d.name);
    if (d.reshape_position)
        text += "MD_RESHAPE_ACTIVE=True\n";
    if (!devices)
        return text;
    for (const DetailMember &m : d.members) {
        std::string key = m.path.substr(1);
        std::ranges::replace_if(key, [](unsigned char ch) { return !std::isalnum(ch); }, '_');
        text += fmt::format("MD_DEVICE_{}_ROLE={}\nMD_DEVICE_{}_DEV={}\n", key, m.slot < 0 ? "spare" : fmt::to_string(m.slot), key, m.path);
    }
    return text;
}

std::string detail_brief(const Detail &d)
{
    if (d.ref.kind == ArrayRef::Kind::Bare)  // no line of emdadm.conf: nothing could be found by it
        return fmt::format("# {} metadata=none: emdadm --build makes it again\n", d.link);
    std::string text = fmt::format("ARRAY {}", d.link);
    if (d.ref.kind == ArrayRef::Kind::Volume)
        text += fmt::format(" container={} member={}", d.container_link, d.ref.volume);
    else
        text += fmt::format(" metadata={}", d.format);
    if (!d.uuid.empty())
        text += fmt::format(" UUID={}", d.uuid);
    return text + "\n";
}

std::string detail_json(const std::vector<Detail> &all)
{
    nlohmann::ordered_json arrays = nlohmann::ordered_json::array();
    for (const Detail &d : all) {
        nlohmann::ordered_json a{{"array", d.ref.array}, {"link", d.link}, {"level", d.level}, {"uuid", d.uuid}};
        if (d.ref.kind == ArrayRef::Kind::Container) {
            a["metadata"] = d.format;
            a["volumes"] = d.volumes;
        } else {
            a["state"] = d.state;
            a["health"] = d.state == "broken" ? "failed" : d.degraded ? "degraded" : "ok";
            a["degraded"] = d.degraded;
            a["size_bytes"] = d.array_sectors * 512;
            a["component_bytes"] = d.shape.component_sectors * 512;
            a["raid_devices"] = d.shape.raid_disks;
            a["chunk_bytes"] = std::uint64_t(d.shape.chunk_sectors) * 512;
            a["layout"] = layout_word(d.shape);
            a["activity"] = d.action;
            a["percent"] = d.percent ? nlohmann::ordered_json(*d.percent) : nullptr;
            a["mismatch_sectors"] = d.mismatches;
        }
        if (d.ref.kind == ArrayRef::Kind::Volume) {
            a["container"] = d.container_link;
            a["member"] = d.ref.volume;
            a["frozen_by"] = d.frozen_by.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(d.frozen_by);
        }
        if (d.reshape_position)
            a["reshape"] = {{"position_sectors", *d.reshape_position},
                            {"raid_devices", d.next.raid_disks},
                            {"chunk_bytes", std::uint64_t(d.next.chunk_sectors) * 512}};
        for (const DetailMember &m : d.members)
            a["members"].push_back({{"path", m.path},
                                    {"device", fmt::format("{}:{}", m.dev.major, m.dev.minor)},
                                    {"slot", m.slot < 0 ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(m.slot)},
                                    {"state", m.words},
                                    {"bad_blocks", m.bad_blocks},
                                    {"write_mostly", m.write_mostly}});
        arrays.push_back(a);
    }
    return nlohmann::ordered_json{{"version", 1}, {"arrays", arrays}}.dump(2) + "\n";
}

}  // namespace emd::cli
