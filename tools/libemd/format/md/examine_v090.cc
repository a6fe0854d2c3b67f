// SPDX-License-Identifier: GPL-2.0-only
// What a superblock 0.90 says, in the words and the order of the peer's report. Names of devices are left out: the numbers are
// those of the machine that wrote them.
#include "libemd/format/md/md.h"

#include "libemd/base/sha1.h"
#include "libemd/base/size.h"
#include "libemd/base/time.h"

#include <algorithm>

namespace emd::md {

namespace {

std::string in_kib(std::uint64_t sectors)
{
    return fmt::format("{}{}", sectors / 2, format_size_pair(sectors * 512));
}

// An array that was made for a host has the host's name in its UUID.
std::string uuid_text(const V090 &sb, std::string_view host)
{
    const Sha1Digest digest = sha1({std::as_bytes(std::span(host))});
    const bool local = !host.empty() && std::ranges::equal(sb.host, std::as_bytes(std::span(digest)).first(sb.host.size()));
    return local ? fmt::format("{} (local to host {})", to_string(sb.array), host) : to_string(sb.array);
}

std::string state_text(std::uint32_t state)
{
    static constexpr std::pair<std::uint32_t, std::string_view> words[] = {
        {V090::kFaulty, "faulty"}, {V090::kActive, "active"}, {V090::kSync, "sync"}, {V090::kRemoved, "removed"},
        {V090::kWriteMostly, "write-mostly"}, {V090::kFailfast, "failfast"}};
    std::string text;
    for (const auto &[bit, word] : words)
        if (state & bit)
            text += fmt::format("{}{}", text.empty() ? "" : " ", word);
    if (!(state & (V090::kFaulty | V090::kActive | V090::kSync | V090::kRemoved)))
        text += text.empty() ? "spare" : " spare";
    return text;
}

void add_disks(Lines &lines, const V090 &sb)
{
    const auto row = [&](std::string_view which, const Descriptor &d) {
        lines.push_back({"", "", fmt::format("{:>4}{:6}{:8}{:9}{:9}      {}", which, d.number, d.major, d.minor,
                                             static_cast<std::int32_t>(d.raid_disk), state_text(d.state))});
    };
    lines.push_back({"", "", "      Number   Major   Minor   RaidDevice State"});
    row("this", sb.self);
    const std::uint64_t shown = std::uint64_t{std::max(sb.raid_disks, shape_of(sb).raid_disks)} + sb.spare;
    for (std::size_t i = 0; i < std::min<std::uint64_t>(shown, sb.disks.size()); i++)
        row(fmt::format("{}", i), sb.disks[i]);
}

}  // namespace

Lines examine_lines(const V090 &sb, std::string_view host)
{
    Lines lines;
    const auto add = [&](const char *key, std::string value) { lines.push_back({"", key, std::move(value)}); };
    add("Magic", fmt::format("{:x}", kMagic));
    add("Version", fmt::format("{}.00{}", version_text(sb), sb.order == Endian::Big ? " (big-endian)" : ""));
    add("UUID", uuid_text(sb, host));
    add("Creation Time", format_time(sb.ctime));
    add("Raid Level", level_text(sb.level));
    if (sb.size)
        add("Used Dev Size", in_kib(sb.size));
    Shape whole = target_of(sb);
    whole.level = sb.level;
    if (const std::uint64_t sectors = array_sectors(whole))
        add("Array Size", in_kib(sectors));
    add("Raid Devices", fmt::format("{}", sb.raid_disks));
    add("Total Devices", fmt::format("{}", sb.nr_disks));
    add("Preferred Minor", fmt::format("{}", sb.md_minor));
    add_reshape(lines, sb);
    add("Update Time", format_time(sb.utime));
    add("State", sb.state & V090::kClean ? "clean" : "active");
    if (sb.state & V090::kHasBitmap)
        add("Internal Bitmap", "present");
    add("Active Devices", fmt::format("{}", sb.active));
    add("Working Devices", fmt::format("{}", sb.working));
    add("Failed Devices", fmt::format("{}", sb.failed));
    add("Spare Devices", fmt::format("{}", sb.spare));
    add("Checksum", fmt::format("{:x} - correct", sb.checksum));
    add("Events", fmt::format("{}", sb.events));
    if (const std::string layout = layout_text(sb.level, sb.layout); !layout.empty() && sb.level != 0)
        add("Layout", layout);
    if (has_chunk(sb.level))
        add("Chunk Size", fmt::format("{}K", sb.chunk_sectors / 2));
    add_disks(lines, sb);
    return lines;
}

// The time is that of the creation, as the peer has it.
Pairs export_pairs(const V090 &sb)
{
    return {{"MD_LEVEL", level_text(sb.level)},
            {"MD_DEVICES", fmt::format("{}", sb.raid_disks)},
            {"MD_UUID", to_string(sb.array)},
            {"MD_UPDATE_TIME", fmt::format("{}", sb.ctime)},
            {"MD_EVENTS", fmt::format("{}", sb.events)}};
}

}  // namespace emd::md
