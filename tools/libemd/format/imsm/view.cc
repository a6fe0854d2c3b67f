// SPDX-License-Identifier: GPL-2.0-only
// The container in words that no format owns. Rebuilt after every change, in place: once the numbers of disks, volumes
// and slots are settled, nothing here allocates.
#include "libemd/base/sha1.h"
#include "libemd/format/imsm/metadata.h"

#include <algorithm>

namespace emd::imsm {

namespace {

constexpr std::string_view kUnsupportedAttributes = "the metadata uses features that are not supported";
constexpr std::string_view kUnsupportedLevel = "the volume's RAID level is not supported";
constexpr std::string_view kUnsupportedState = "the volume is in a state change that is not supported";
constexpr std::string_view kOptimisationArea = "the volume moves between two places, which is not supported";
constexpr std::string_view kLogged = "it has a partial parity log, which EMD does not write";
constexpr std::string_view kWrongLog = "it has a partial parity log, which only a RAID5 that keeps its shape can have";
constexpr std::string_view kBadRecord = "the migration record does not belong to the migration that the volume is in";

Uuid uuid_of(const Sha1Digest &digest)
{
    Uuid uuid;
    std::copy_n(digest.begin(), uuid.size(), uuid.begin());
    return uuid;
}

Activity activity_of(const Dev &dev)
{
    if (!dev.migrating)
        return Activity::None;
    switch (dev.migr_type) {
    case kMigrInit: return Activity::Init;
    case kMigrRebuild: return Activity::Rebuild;
    case kMigrVerify: return dev.status & kDevRepair ? Activity::Repair : Activity::Check;
    case kMigrGeneral: return Activity::Reshape;
    default: return Activity::None;
    }
}

std::uint64_t checkpoint_of(const Dev &dev, std::uint64_t component)
{
    if (!dev.migrating || activity_of(dev) == Activity::Check)
        return 0;
    std::uint64_t sectors = 0;
    if (__builtin_mul_overflow(dev.migr_unit, sync_unit(dev), &sectors))
        return 0;
    // The peer's kernel counts the resync of a RAID10 in sectors of the array: less may be done than it seems, never more.
    if (level_of(dev.map0) == 10 && dev.migr_type != kMigrRebuild)
        sectors /= data_members(dev.map0);
    return std::min(sectors, component);
}

const char *consistency_of(const Dev &dev)
{
    switch (dev.rwh_policy) {
    case kRwhPpl:
    case kRwhMultiPpl: return "ppl";
    case kRwhBitmap: return "bitmap";
    default: return "resync";
    }
}

std::string_view refusal_of(const Mpb &mpb, const Dev &dev)
{
    if (mpb.attributes & ~kAttrAccepted)
        return kUnsupportedAttributes;
    if (data_members(dev.map0) == 0 || (level_of(dev.map0) != 1 && dev.map0.strip == 0))
        return kUnsupportedLevel;
    if (!dev.migrating)
        return {};
    if (data_members(dev.map1) == 0 || (level_of(dev.map1) != 1 && dev.map1.strip == 0))
        return kUnsupportedLevel;
    if (dev.migr_type >= kMigrStateChange)
        return kUnsupportedState;
    return dev.map0.start != dev.map1.start ? kOptimisationArea : std::string_view{};
}

bool record_fits(const Mpb &mpb, const Dev &dev, const Record &record)
{
    const Shape target = shape_of(dev, dev.map0);
    const std::uint64_t data = data_disks(target);
    const std::uint64_t total = target.component_sectors * data;
    return record.ascending && record.family == mpb.family && record.depth != 0 &&
           record.blocks_per_unit == record.depth * data && record.units == (total + record.blocks_per_unit - 1) / record.blocks_per_unit &&
           record.unit <= record.units && (!record.copy_valid || record.unit < record.units);
}

}  // namespace

Uuid container_uuid(const Mpb &mpb)
{
    if (mpb.devs.empty())
        return {};
    return uuid_of(sha1({bytes_of(mpb.raw.signature).first(kSignature.size()), bytes_of(Le32(mpb.identity()))}));
}

Uuid volume_uuid(const Mpb &mpb, unsigned index)
{
    return uuid_of(sha1({bytes_of(mpb.raw.signature).first(kSignature.size()), bytes_of(Le32(mpb.identity())),
                         bytes_of(Le32(index)), bytes_of(mpb.devs[index].name)}));
}

int ImsmMetadata::disk_of_entry(int entry) const
{
    for (std::size_t disk = 0; disk < members_.size(); disk++)
        if (members_[disk].entry == entry)
            return static_cast<int>(disk);
    return -1;
}

// Is there a disk that has yet to be told what the others say?
bool ImsmMetadata::uneven() const
{
    return std::ranges::any_of(members_, [this](const Member &m) { return writable(m) && (m.behind || m.own_changed); });
}

void ImsmMetadata::refresh()
{
    view_.format = FormatId::Imsm;
    view_.uuid = container_uuid(mpb_);
    view_.sequence = mpb_.generation;
    view_.uneven = uneven();
    view_.spec_version.assign(mpb_.version());

    view_.disks.resize(members_.size());
    for (std::size_t disk = 0; disk < members_.size(); disk++)
        refresh_disk(disk);

    view_.volumes.resize(mpb_.devs.size());
    for (unsigned index = 0; index < mpb_.devs.size(); index++)
        refresh_volume(index);

    refresh_bad();
}

void ImsmMetadata::refresh_disk(std::size_t index)
{
    const Member &member = members_[index];
    Disk &disk = view_.disks[index];
    disk.present = member.present;
    disk.dev = member.dev;
    disk.path.assign(member.path);
    disk.sector_bytes = sector_bytes_;
    disk.sectors = member.sectors;
    disk.serial.reserve(sizeof(Serial));  // a failure makes it longer
    disk.serial.assign(text_of(member.serial));
    if (member.entry < 0) {
        disk.state = member.failed ? DiskState::Failed : DiskState::Spare;
        return;
    }

    const DiskEntry &entry = mpb_.disks[static_cast<std::size_t>(member.entry)];
    disk.serial.assign(text_of(entry.serial));
    disk.sectors = entry.sectors;
    if (member.failed || (entry.status & kDiskFailed))
        disk.state = DiskState::Failed;
    else if (!member.present)
        disk.state = DiskState::Missing;
    else
        disk.state = entry.status & kDiskConfigured ? DiskState::Active : DiskState::Spare;
}

// `map` says which disk sits in a slot, `sync` (of the same slots, or fewer) whether it holds its data.
void ImsmMetadata::refresh_slots(const Map &map, const Map &sync, std::vector<Slot> &slots) const
{
    slots.resize(map.ord.size());
    for (std::size_t slot = 0; slot < slots.size(); slot++) {
        const int disk = disk_of_entry(ord_index(map.ord[slot]));
        const bool flagged =
            (map.ord[slot] & kOrdRebuild) || (slot < sync.ord.size() && (sync.ord[slot] & kOrdRebuild));
        const bool usable = disk >= 0 && view_.disks[static_cast<std::size_t>(disk)].state == DiskState::Active;
        slots[slot] = {.disk = disk, .in_sync = usable && !flagged};
    }
}

void ImsmMetadata::refresh_volume(unsigned index)
{
    const Dev &dev = mpb_.devs[index];
    Volume &volume = view_.volumes[index];
    volume.index = index;
    volume.name.assign(text_of(dev.name));
    volume.uuid = volume_uuid(mpb_, index);
    volume.shape = shape_of(dev, dev.current());
    volume.data_offset = dev.map0.start;
    volume.array_sectors = array_sectors(volume.shape);
    if (!dev.general_migration())
        volume.array_sectors = std::min(volume.array_sectors, dev.size);
    volume.dirty = dev.dirty & kDirty;
    volume.initialised = dev.current().state != kMapUninitialised;
    volume.activity = activity_of(dev);
    volume.checkpoint = checkpoint_of(dev, volume.shape.component_sectors);
    volume.consistency.assign(consistency_of(dev));

    const std::string_view refusal = refused_.empty() ? refusal_of(mpb_, dev) : refused_;
    volume.refused.assign(refusal);
    refresh_slots(dev.general_migration() ? dev.map1 : dev.map0, dev.current(), volume.slots);
    refresh_reshape(dev, volume);
    refresh_parity_log(dev, volume);
    volume.read_write = volume.refused.empty();
}

void ImsmMetadata::refresh_parity_log(const Dev &dev, Volume &volume)
{
    const bool kept = dev.rwh_policy == kRwhPpl || dev.rwh_policy == kRwhMultiPpl;
    volume.readable = false;
    if (!kept || !volume.refused.empty() || volume.shape.level != 5 || volume.reshape) {
        volume.parity_log.reset();
        if (kept && volume.refused.empty())
            volume.refused.assign(kWrongLog);
        return;
    }
    if (!volume.parity_log)
        volume.parity_log.emplace();
    ParityLogPlace &log = *volume.parity_log;
    log.signature = mpb_.identity();
    log.unit_bytes = sector_bytes_;
    log.areas.assign(volume.slots.size(), {dev.map0.start + volume.shape.component_sectors, dev.rwh_policy == kRwhPpl ? kSinglePpl : kVolumeTail});
    volume.refused.assign(kLogged);
    volume.readable = !volume.dirty;
}

void ImsmMetadata::refresh_reshape(const Dev &dev, Volume &volume)
{
    if (!dev.general_migration()) {
        volume.reshape.reset();
        return;
    }
    if (!volume.reshape)
        volume.reshape.emplace();
    ReshapeRecord &reshape = *volume.reshape;
    reshape.target = shape_of(dev, dev.map0);
    reshape.backward = false;
    refresh_slots(dev.map0, dev.map0, reshape.target_slots);
    volume.slots.reserve(reshape.target_slots.size());  // the end of the reshape must find them there

    if (record_ && !record_fits(mpb_, dev, *record_) && volume.refused.empty())
        volume.refused.assign(kBadRecord);
    if (!record_ || !volume.refused.empty()) {
        reshape.position = reshape.unit = reshape.backup_member_start = reshape.backup_member_sectors = 0;
        reshape.backup_live = false;
        return;
    }
    reshape.unit = record_->blocks_per_unit;
    reshape.position = std::min(record_->unit * reshape.unit, array_sectors(reshape.target));
    reshape.backup_live = record_->copy_valid;
    reshape.backup_member_start = record_->copy_area;
    reshape.backup_member_sectors = record_->depth;
}

}  // namespace emd::imsm
