// SPDX-License-Identifier: GPL-2.0-only
// A superblock in the words that no format owns.
#include "libemd/format/md/superblock.h"

#include <algorithm>
#include <emd/emd.h>

namespace emd {

const char *to_word(Role role)
{
    switch (role) {
    case Role::Active: return "active";
    case Role::Spare: return "spare";
    case Role::Failed: return "failed";
    case Role::Journal: return "journal";
    }
    return "?";
}

namespace md {

namespace {

bool redundant(int level)
{
    return level == 1 || level >= 4;
}

MemberRecord common_record(const Common &sb)
{
    MemberRecord record;
    record.array = sb.array;
    record.created = sb.ctime;
    record.updated = sb.utime;
    record.events = sb.events;
    record.record_sector = sb.sector;
    record.shape = shape_of(sb);
    if (sb.reshape)
        record.target = MemberRecord::Target{target_of(sb), 0, sb.reshape->position, sb.reshape->backward};
    return record;
}

// A role for each slot of the wider of both shapes.
std::string slots_text(const V1 &sb)
{
    std::string text;
    for (std::uint32_t slot = 0; slot < std::max(shape_of(sb).raid_disks, sb.raid_disks); slot++) {
        const auto holders = std::ranges::count(sb.roles, slot);
        text += holders == 0 ? '.' : holders == 1 ? 'A' : 'R';
    }
    return text;
}

std::string slots_text(const V090 &sb)
{
    std::string text;
    for (std::uint32_t slot = 0; slot < std::max(shape_of(sb).raid_disks, sb.raid_disks); slot++)
        text += slot < sb.disks.size() && (sb.disks[slot].state & V090::kActive) ? 'A' : '.';
    return text;
}

std::vector<int> holders_of(const V1 &sb)
{
    const std::uint32_t slots = std::max(shape_of(sb).raid_disks, sb.raid_disks);
    std::vector<int> holders;
    for (const std::uint16_t role : sb.roles)
        holders.push_back(role < slots ? role : -1);
    return holders;
}

std::vector<int> holders_of(const V090 &sb)
{
    const std::uint32_t slots = std::max(shape_of(sb).raid_disks, sb.raid_disks);
    std::vector<int> holders;
    for (const Descriptor &d : sb.disks)
        holders.push_back((d.state & V090::kActive) && !(d.state & V090::kFaulty) && d.raid_disk < slots ? static_cast<int>(d.raid_disk) : -1);
    return holders;
}

std::string consistency_of(const V1 &sb)
{
    if (sb.features & kJournal)
        return "journal";
    if (sb.features & (kPpl | kMultiplePpl))
        return "ppl";
    if (sb.features & kBitmap)
        return "bitmap";
    return redundant(sb.level) ? "resync" : "none";
}

std::vector<std::string> feature_words(std::uint32_t features)
{
    static constexpr std::pair<std::uint32_t, const char *> words[] = {
        {kBitmap, "bitmap"}, {kRecovery, "recovery"}, {kReshape, "reshape"}, {kBadBlocks, "bad_blocks"},
        {kReplacement, "replacement"}, {kBackward, "reshape_backward"}, {kNewOffset, "new_data_offset"},
        {kRecoveryBitmap, "recovery_by_bitmap"}, {kClustered, "clustered"}, {kJournal, "journal"}, {kPpl, "ppl"},
        {kMultiplePpl, "multiple_ppl"}, {kRaid0Layout, "raid0_layout"},
    };
    std::vector<std::string> all;
    for (const auto &[bit, word] : words)
        if (features & bit)
            all.emplace_back(word);
    return all;
}

void set_role(MemberRecord &record, const V1 &sb)
{
    const std::uint16_t role = sb.role();
    if (role == kRoleJournal)
        record.role = Role::Journal;
    else if (role == kRoleFaulty)
        record.role = Role::Failed;
    else if (role >= record.slots.size())
        record.role = Role::Spare;
    else {
        record.role = Role::Active;
        record.slot = role;
        record.replacement = sb.features & kReplacement;
        if (sb.features & kRecovery)
            record.recovered = sb.recovery_offset;
    }
}

void set_role(MemberRecord &record, const V090 &sb)
{
    if (sb.self.state & V090::kFaulty)
        record.role = Role::Failed;
    else if ((sb.self.state & V090::kActive) && sb.self.raid_disk < record.slots.size()) {
        record.role = Role::Active;
        record.slot = static_cast<int>(sb.self.raid_disk);
        if (!(sb.self.state & V090::kSync))
            record.recovered = 0;
    }
}

}  // namespace

MemberRecord record_of(const V1 &sb)
{
    MemberRecord record = common_record(sb);
    record.metadata = version_text(sb);
    record.device = sb.device;
    record.name = sb.name;
    record.data_offset = sb.data_offset;
    record.data_sectors = sb.data_size;
    record.cut_short = sb.cut_short;
    record.slots = slots_text(sb);
    record.number = sb.dev_number;
    record.holders = holders_of(sb);
    set_role(record, sb);
    record.clean = sb.resync_offset == kInSync;
    if (!record.clean)
        record.resync = sb.resync_offset;
    record.consistency = consistency_of(sb);
    record.features = feature_words(sb.features);
    if (const std::uint32_t unknown = sb.features & ~kKnownFeatures)
        record.unknown = fmt::format("feature bits {:#x}", unknown);
    else if (sb.unknown_fields)
        record.unknown = "fields that are reserved";
    if (record.target)
        record.target->data_offset = static_cast<std::uint64_t>(static_cast<std::int64_t>(sb.data_offset) + sb.reshape->new_offset);
    record.bad = sb.bad;
    return record;
}

MemberRecord record_of(const V090 &sb)
{
    MemberRecord record = common_record(sb);
    record.metadata = version_text(sb);
    record.data_sectors = sb.sector;  // all in front of the superblock
    record.cut_short = sb.size > sb.sector;
    record.slots = slots_text(sb);
    record.number = sb.self.number;
    record.holders = holders_of(sb);
    set_role(record, sb);
    record.clean = sb.state & V090::kClean;
    if (!record.clean)
        record.resync = sb.cp_events == sb.events ? sb.recovery_cp : 0;
    const bool bitmap = sb.state & V090::kHasBitmap;
    record.consistency = bitmap ? "bitmap" : redundant(sb.level) ? "resync" : "none";
    if (bitmap)
        record.features.emplace_back("bitmap");
    if (sb.reshape)
        record.features.emplace_back("reshape");
    return record;
}

}  // namespace md
}  // namespace emd
