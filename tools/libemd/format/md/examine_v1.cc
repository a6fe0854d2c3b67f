// SPDX-License-Identifier: GPL-2.0-only
// What a superblock 1.x says, in the words and the order of the peer's report.
#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"

#include "libemd/base/size.h"
#include "libemd/base/time.h"

#include <algorithm>
#include <emd/emd.h>

namespace emd::md {

namespace {

constexpr std::uint64_t kKept = 72;  // sectors that belong to a superblock in front of the data, with what may follow it

std::string in_sectors(std::uint64_t sectors)
{
    return fmt::format("{} sectors{}", sectors, format_size_pair(sectors * 512));
}

std::string name_text(const V1 &sb, std::string_view host)
{
    const std::size_t colon = sb.name.find(':');
    const bool local = colon != sb.name.npos && std::string_view(sb.name).substr(0, colon) == host;
    return local ? fmt::format("{}  (local to host {})", sb.name, host) : sb.name;
}

// Sectors in front of the data and behind it that nothing on the disk uses. What a bitmap takes is not in the superblock;
// where it lies in front of the data it ends within what is kept, or before the list of bad blocks.
std::string unused_text(const V1 &sb)
{
    const auto at = [&](std::int64_t offset) { return static_cast<std::int64_t>(sb.sector) + offset; };
    const auto data = static_cast<std::int64_t>(sb.data_offset);
    const auto room = data + static_cast<std::int64_t>(sb.data_size), used = data + static_cast<std::int64_t>(sb.size ? sb.size : sb.data_size);
    if (sb.sector >= sb.data_offset) {
        std::int64_t first = at(0);
        for (const std::int64_t offset : {std::int64_t{sb.bitmap_offset}, std::int64_t{sb.ppl_offset},
                                          std::int64_t{sb.bad_sectors ? sb.bad_offset : 0}})
            first = std::min(first, at(offset));
        return fmt::format("before={} sectors, after={} sectors", data, std::max<std::int64_t>(first - used, 0));
    }
    const std::int64_t end = std::max({at(kKept), at(sb.ppl_sectors ? sb.ppl_offset + std::int64_t{sb.ppl_sectors} : 0),
                                       at(sb.bad_sectors ? sb.bad_offset + std::int64_t{sb.bad_sectors} : 0)});
    return fmt::format("before={} sectors, after={} sectors", std::max<std::int64_t>(data - end, 0), std::max<std::int64_t>(room - used, 0));
}

// What holds the array when the reshape has ended. A `new_level` of md's own is a step between two levels that md goes through for itself.
Shape whole_of(const V1 &sb)
{
    Shape whole = target_of(sb);
    if (begun_by_emd(sb))
        whole.component_sectors = rounded_size(whole.component_sectors, whole.level, whole.chunk_sectors);
    else
        whole.level = sb.level;
    return whole;
}

void add_array(Lines &lines, const V1 &sb, std::string_view host)
{
    const auto add = [&](const char *key, std::string value) { lines.push_back({"", key, std::move(value)}); };
    add("Magic", fmt::format("{:x}", kMagic));
    add("Version", version_text(sb));
    const std::uint32_t unknown = sb.features & ~kKnownFeatures;
    add("Feature Map", unknown ? fmt::format("{:#x} (of which {:#x} is not known)", sb.features, unknown) : fmt::format("{:#x}", sb.features));
    add("Array UUID", to_string(sb.array));
    add("Name", name_text(sb, host));
    add("Creation Time", format_time(sb.ctime));
    add("Raid Level", level_text(sb.level));
    add("Raid Devices", fmt::format("{}", sb.raid_disks));
}

void add_sizes(Lines &lines, const V1 &sb)
{
    const auto add = [&](const char *key, std::string value) { lines.push_back({"", key, std::move(value)}); };
    add("Avail Dev Size", in_sectors(sb.data_size));
    const Shape whole = whole_of(sb);
    if (const std::uint64_t sectors = array_sectors(whole))
        add("Array Size", fmt::format("{} KiB{}", sectors / 2, format_size_pair(sectors * 512)));
    if (sb.size != sb.data_size && sb.level != 0)
        add("Used Dev Size", in_sectors(sb.size));
    if (sb.data_offset)
        add("Data Offset", fmt::format("{} sectors", sb.data_offset));
    const std::int64_t moves = sb.reshape ? sb.reshape->new_offset : 0;
    if (moves)
        add("New Offset", fmt::format("{} sectors", static_cast<std::int64_t>(sb.data_offset) + moves));
    add("Super Offset", fmt::format("{} sectors", sb.sector));
    if (sb.features & kRecovery)
        add("Recovery Offset", fmt::format("{} sectors", sb.recovery_offset));
    if (!moves && sb.level != EMD_LEVEL_LINEAR)
        add("Unused Space", unused_text(sb));
}

std::string bad_text(const V1 &sb)
{
    return fmt::format("{} entries available at offset {} sectors{}", sb.bad_sectors * 64, sb.bad_offset,
                       sb.features & kBadBlocks ? " - bad blocks present." : "");
}

void add_device(Lines &lines, const V1 &sb)
{
    const auto add = [&](const char *key, std::string value) { lines.push_back({"", key, std::move(value)}); };
    add("State", fmt::format("{}{}", sb.resync_offset == kInSync ? "clean" : "active", sb.cut_short ? " TRUNCATED DEVICE" : ""));
    add("Device UUID", to_string(sb.device));
    if (sb.features & kBitmap)
        add("Internal Bitmap", fmt::format("{} sectors from superblock", sb.bitmap_offset));
    if (sb.features & (kPpl | kMultiplePpl))
        add("PPL", fmt::format("{} sectors at offset {} sectors from superblock", sb.ppl_sectors, sb.ppl_offset));
    add_reshape(lines, sb);
    if (sb.flags & 3)
        add("Flags", fmt::format("{}{}{}", sb.flags & 1 ? "write-mostly" : "", (sb.flags & 3) == 3 ? " " : "", sb.flags & 2 ? "failfast" : ""));
    add("Update Time", format_time(sb.utime));
    if (sb.bad_sectors && sb.bad_offset)
        add("Bad Block Log", bad_text(sb));
    add("Checksum", fmt::format("{:x} - correct", sb.checksum));
    add("Events", fmt::format("{}", sb.events));
}

std::string role_text(const V1 &sb, const MemberRecord &record)
{
    switch (record.role) {
    case Role::Active: return fmt::format("{} device {}", record.replacement ? "Replacement" : "Active", record.slot);
    case Role::Failed: return "faulty";
    case Role::Journal: return "Journal";
    case Role::Spare: break;
    }
    return sb.features & kReplacement ? "replacement spare" : "spare";
}

}  // namespace

Lines examine_lines(const V1 &sb, std::string_view host)
{
    Lines lines;
    const auto add = [&](const char *key, std::string value) { lines.push_back({"", key, std::move(value)}); };
    const MemberRecord record = record_of(sb);
    add_array(lines, sb, host);
    add_sizes(lines, sb);
    add_device(lines, sb);
    // Without its feature bit the number that stands there for RAID0 means nothing.
    const std::string layout = sb.level == 0 && !(sb.features & kRaid0Layout) ? "" : layout_text(sb.level, sb.layout);
    if (!layout.empty())
        add("Layout", layout);
    if (has_chunk(sb.level))
        add("Chunk Size", fmt::format("{}K", sb.chunk_sectors / 2));
    else if (sb.level == EMD_LEVEL_LINEAR)
        add("Rounding", fmt::format("{}K", sb.chunk_sectors / 2));
    add("Device Role", role_text(sb, record));
    add("Array State", fmt::format("{} ('A' == active, '.' == missing, 'R' == replacing)", record.slots));
    return lines;
}

Pairs export_pairs(const V1 &sb)
{
    const Shape whole = whole_of(sb);
    Pairs pairs{{"MD_LEVEL", level_text(sb.level)}, {"MD_DEVICES", fmt::format("{}", sb.raid_disks)}, {"MD_NAME", sb.name}};
    if (const std::uint64_t sectors = array_sectors(whole))
        pairs.emplace_back("MD_ARRAY_SIZE", format_size_brief(sectors * 512));
    pairs.emplace_back("MD_UUID", to_string(sb.array));
    pairs.emplace_back("MD_UPDATE_TIME", fmt::format("{}", sb.utime));
    pairs.emplace_back("MD_DEV_UUID", to_string(sb.device));
    pairs.emplace_back("MD_EVENTS", fmt::format("{}", sb.events));
    return pairs;
}

}  // namespace emd::md
