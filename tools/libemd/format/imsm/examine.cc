// SPDX-License-Identifier: GPL-2.0-only
// What one drive's metadata says, in the words and the order of the peer's examine report, so that what people and scripts
// know how to read stays as it is.
#include "libemd/base/size.h"
#include "libemd/base/time.h"
#include "libemd/format/imsm/imsm.h"
#include "libemd/format/imsm/metadata.h"
#include "libemd/format/md/bitmap.h"

#include <algorithm>

namespace emd::imsm {

namespace {

using Lines = std::vector<Reader::Line>;

// Everything that the report of one drive looks at.
struct Subject {
    Mpb mpb;
    std::uint32_t check_sum = 0;
    int entry = -1;               // this drive's; -1: its serial is unknown or not listed
    std::optional<Record> record;
    std::uint64_t block = 1;      // 512-byte sectors per logical sector; numbers are shown in the latter
    unsigned sector_bytes = 512;
};

std::string in_blocks(const Subject &subject, std::uint64_t sectors)
{
    return fmt::format("{}{}", sectors / subject.block, format_size_pair(sectors * 512));
}

void add_header(Lines &lines, const Subject &subject)
{
    const Mpb &mpb = subject.mpb;
    const auto add = [&](const char *key, std::string value) { lines.push_back({"", key, std::move(value)}); };
    add("Magic", std::string(kSignature.substr(0, kSignature.size() - 1)));
    add("Version", std::string(mpb.version()));
    add("Orig Family", fmt::format("{:08x}", mpb.orig_family));
    add("Family", fmt::format("{:08x}", mpb.family));
    add("Generation", fmt::format("{:08x}", mpb.generation));
    add("Creation Time", format_time(mpb.creation_time));
    add("Attributes", fmt::format("{:08x} ({}supported)", mpb.attributes, mpb.attributes & ~kAttrAccepted ? "not " : ""));
    add("UUID", to_string(container_uuid(mpb)));
    add("Checksum", fmt::format("{:08x} correct", subject.check_sum));
    add("MPB Sectors", fmt::format("{}", encoded_sectors(mpb, subject.sector_bytes)));
    add("Disks", fmt::format("{}", mpb.disks.size()));
    add("RAID Devices", fmt::format("{}", mpb.devs.size()));
}

// -- disks --

// What the volumes leave: the usual reserve, or less where an older tool kept less.
std::uint64_t usable(const Subject &subject, const DiskEntry &disk)
{
    std::uint64_t reserve = disk.status & kDiskSpare ? kMetadataReserve : kReserve, end = 0;
    for (const Dev &dev : subject.mpb.devs)
        end = std::max(end, end_of(dev));
    if (end != 0 && end <= disk.sectors)
        reserve = std::min(reserve, (disk.sectors - end) / 2 * 2);
    return disk.sectors - std::min(disk.sectors, reserve);
}

void add_disk(Lines &lines, const Subject &subject, const std::string &section, const DiskEntry &disk)
{
    std::string state = disk.status & kDiskSpare ? "spare" : disk.status & kDiskConfigured ? "active" : "";
    if (disk.status & kDiskFailed)
        state += state.empty() ? "failed" : " failed";
    lines.push_back({section, section, std::string(text_of(disk.serial))});
    lines.push_back({section, "State", state});
    lines.push_back({section, "Id", fmt::format("{:08x}", disk.scsi_id)});
    lines.push_back({section, "Usable Size", in_blocks(subject, usable(subject, disk))});
}

void add_entry(Lines &lines, const Subject &subject, int entry)
{
    add_disk(lines, subject, fmt::format("Disk{:02} Serial", entry), subject.mpb.disks[static_cast<std::size_t>(entry)]);
}

// -- volumes --

const char *migration_word(const Dev &dev)
{
    if (!dev.migrating)
        return "idle";
    switch (dev.migr_type) {
    case kMigrInit: return "initialize";
    case kMigrRebuild: return "rebuild";
    case kMigrVerify: return dev.status & kDevRepair ? "repair" : "check";
    case kMigrGeneral: return "general migration";
    case kMigrStateChange: return "state change";
    default: return "unknown";
    }
}

const char *map_word(const Map &map)
{
    static constexpr std::array words{"normal", "uninitialized", "degraded", "failed"};
    return map.state < words.size() ? words[map.state] : "unknown";
}

std::string policy_word(std::uint8_t policy)
{
    switch (policy) {
    case kRwhOff:
    case kRwhMultiOff: return "off";
    case kRwhPpl: return "PPL distributed";
    case kRwhJournal: return "PPL journaling drive";
    case kRwhMultiPpl: return "Multiple distributed PPLs";
    case kRwhMultiJournal: return "Multiple PPLs on journaling drive";
    case kRwhBitmap: return "Write-intent bitmap";
    default: return fmt::format("<unknown:{}>", policy);
    }
}

std::string slots_text(const Map &map)
{
    std::string text = "[";
    for (const std::uint32_t ord : map.ord)
        text += ord & kOrdRebuild ? '_' : 'U';
    return text + "]";
}

int slot_of(const Map &map, int entry)
{
    for (std::size_t slot = 0; slot < map.ord.size(); slot++)
        if (ord_index(map.ord[slot]) == entry)
            return static_cast<int>(slot);
    return -1;
}

std::string slot_text(const Dev &dev, int slot)
{
    if (slot < 0)
        return "?";
    const Map &sync = dev.current();
    const auto at = static_cast<std::size_t>(slot);
    const bool out = at < sync.ord.size() && (sync.ord[at] & kOrdRebuild);
    return fmt::format("{}{}", slot, out ? " (out-of-sync)" : "");
}

std::string checkpoint_text(const Subject &subject, const Dev &dev, int slot)
{
    const bool general = dev.general_migration();
    const bool has_record = slot == 0 || slot == 1;
    if (general && !has_record)
        return fmt::format("{} (N/A)", dev.migr_unit);
    const std::uint64_t unit = general ? (subject.record ? subject.record->blocks_per_unit : 0) : sync_unit(dev);
    return fmt::format("{} ({})", dev.migr_unit, unit);
}

void add_volume(Lines &lines, const Subject &subject, unsigned index)
{
    const Dev &dev = subject.mpb.devs[index];
    const std::string section(text_of(dev.name));
    const int slot = slot_of(dev.map0, subject.entry);
    const auto add = [&](const char *key, std::string value) { lines.push_back({section, key, std::move(value)}); };
    const auto both = [&](auto of_map) {
        std::string text = fmt::format("{}", of_map(dev.map0));
        return dev.migrating ? fmt::format("{} <-- {}", text, of_map(dev.map1)) : text;
    };

    add("Subarray", fmt::format("{}", index));
    add("UUID", to_string(volume_uuid(subject.mpb, index)));
    add("RAID Level", both([](const Map &map) { return level_of(map); }));
    add("Members", both([](const Map &map) { return map.members(); }));
    add("Slots", both(slots_text));
    add("Failed disk", dev.map0.failed_disk == kNoFailedDisk ? "none" : fmt::format("{}", dev.map0.failed_disk));
    add("This Slot", slot_text(dev, slot));
    add("Sector Size", fmt::format("{}", subject.sector_bytes));
    add("Array Size", in_blocks(subject, dev.size));
    add("Per Dev Size", in_blocks(subject, dev.map0.blocks_per_member));
    add("Sector Offset", fmt::format("{}", dev.map0.start / subject.block));
    add("Num Stripes", fmt::format("{}", dev.map0.num_data_stripes));
    add("Chunk Size", both([](const Map &map) { return fmt::format("{} KiB", map.strip / 2); }));
    add("Reserved", fmt::format("{}", dev.raw.reserved_blocks.get()));
    add("Migrate State", migration_word(dev));
    add("Map State", both(map_word));
    if (dev.migrating)
        add("Checkpoint", checkpoint_text(subject, dev, slot));
    add("Dirty State", dev.dirty & kDirty ? "dirty" : "clean");
    add("RWH Policy", policy_word(dev.rwh_policy));
    add("Volume ID", fmt::format("{}", dev.id));
}

// -- the migration record --

void add_record(Lines &lines, const Subject &subject)
{
    const auto dev = std::ranges::find_if(subject.mpb.devs, &Dev::general_migration);
    if (dev == subject.mpb.devs.end())
        return;
    const std::string section = lines.back().section;
    const auto add = [&](const char *key, std::string value) { lines.push_back({section, key, std::move(value)}); };
    const int slot = slot_of(dev->map0, subject.entry);
    if ((slot != 0 && slot != 1) || !subject.record) {
        add("", "Migration Record Information: Empty");
        add("", "Examine one of first two disks in array");
        return;
    }
    const Record &record = *subject.record;
    const auto number = [](std::uint64_t value) { return fmt::format("{}", value); };
    add("", "Migration Record Information:");
    add("Status", record.copy_valid ? "Contains Data" : "Normal");
    add("Current Unit", number(record.unit));
    add("Family", number(record.family));
    add("Ascending", number(record.ascending));
    add("Blocks Per Unit", number(record.blocks_per_unit));
    add("Dest. Depth Per Unit", number(record.depth));
    add("Checkpoint Area pba", number(record.copy_area));
    add("First member lba", number(record.dest_first));
    add("Total Number of Units", number(record.units));
    add("Size of volume", number(record.post_size));
    add("Record was read from", number(record.raw.read_disk.get()));
}

Result<Subject> read_subject(const Medium &medium)
{
    const Found found = EMD_TRY(read_mpb(medium));
    if (found.torn)
        return fail(Errc::Corrupt, "{}: the checksum of the IMSM metadata is wrong; a write of it was cut short", medium.path());

    Subject subject;
    subject.mpb = *found.mpb;
    subject.check_sum = found.header.check_sum.get();
    subject.sector_bytes = medium.sector_bytes();
    subject.block = medium.sector_bytes() / 512;
    if (const auto serial = serial_of(medium))
        for (std::size_t i = 0; i < subject.mpb.disks.size(); i++)
            if (subject.mpb.disks[i].serial == *serial)
                subject.entry = static_cast<int>(i);
    subject.record = decode_record(EMD_TRY(read_record_sector(medium)), medium.sector_bytes());
    return subject;
}

}  // namespace

Result<std::vector<Reader::Line>> Imsm::examine(const Medium &medium) const
{
    const Subject subject = EMD_TRY(read_subject(medium));
    Lines lines;
    add_header(lines, subject);
    if (subject.entry >= 0)
        add_entry(lines, subject, subject.entry);
    for (unsigned index = 0; index < subject.mpb.devs.size(); index++)
        add_volume(lines, subject, index);
    for (int entry = 0; entry < static_cast<int>(subject.mpb.disks.size()); entry++)
        if (entry != subject.entry)
            add_entry(lines, subject, entry);
    if (subject.mpb.devs.empty() && subject.entry >= 0)  // a spare, as the drive that is looked at
        add_disk(lines, subject, "Disk Serial", subject.mpb.disks[static_cast<std::size_t>(subject.entry)]);
    add_record(lines, subject);
    return lines;
}

Result<std::vector<std::pair<std::string, std::string>>> Imsm::examine_export(const Medium &medium) const
{
    const Subject subject = EMD_TRY(read_subject(medium));
    return std::vector<std::pair<std::string, std::string>>{
        {"MD_METADATA", "imsm"},
        {"MD_LEVEL", "container"},
        {"MD_UUID", to_string(container_uuid(subject.mpb))},
        {"MD_DEVICES", fmt::format("{}", subject.mpb.disks.size())},
        {"MD_CREATION_TIME", fmt::format("{}", subject.mpb.creation_time)},
    };
}

Result<std::optional<std::vector<BadRange>>> Imsm::bad_blocks(const Medium &medium) const
{
    const Subject subject = EMD_TRY(read_subject(medium));
    if (subject.mpb.devs.empty())
        return std::nullopt;  // a spare
    if (subject.entry < 0)
        return fail(Errc::NotFound, "{}: its serial number is not among those that its metadata lists, so which bad blocks are its own "
                                    "cannot be told", medium.path());
    std::vector<BadRange> bad;
    for (const BadEntry &each : subject.mpb.bad)
        if (each.disk == subject.entry)
            bad.push_back({-1, each.start, each.sectors});
    std::ranges::sort(bad, {}, &BadRange::start);
    return bad;
}

Result<std::vector<BitmapRecord>> Imsm::bitmaps(const Medium &medium) const
{
    const Subject subject = EMD_TRY(read_subject(medium));
    std::vector<BitmapRecord> all;
    for (const Dev &dev : subject.mpb.devs)
        if (dev.rwh_policy == kRwhBitmap) {
            const std::uint64_t sectors = component_of(dev.map0, dev.size), at = dev.map0.start + sectors + kBitmapInTail;
            all.push_back(EMD_TRY(md::examine_bitmap(medium, static_cast<std::int64_t>(at), kBitmapHeadSectors * 512, sectors)));
        }
    return all;
}

}  // namespace emd::imsm
