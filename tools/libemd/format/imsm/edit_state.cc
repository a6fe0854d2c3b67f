// SPDX-License-Identifier: GPL-2.0-only
// Changes that the kernel reports. They are applied while writes wait, so nothing here allocates (errors excepted).
#include "libemd/format/imsm/metadata.h"

#include <algorithm>

namespace emd::imsm {

Result<> ImsmMetadata::on(const change::MarkDirty &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    if (level_of(dev.map0) == 0)
        return {};  // nothing to resync
    // Whatever runs already: its log would say what is not true any more.
    if (dev.rwh_policy == kRwhPpl || dev.rwh_policy == kRwhMultiPpl)
        return fail(Errc::Refused, "volume {} must not be written: {}", text_of(dev.name), view_.volumes[change.volume].refused);
    dev.dirty = kDirty;
    return {};
}

Result<> ImsmMetadata::on(const change::MarkClean &change)
{
    EMD_TRY(dev_at(change.volume))->dirty = 0;
    return {};
}

// The operation in `dev` is over: what is true in map 0 is now true. Slots that are out of sync keep their flags there.
void ImsmMetadata::end_operation(Dev &dev)
{
    dev.migrating = false;
    dev.migr_type = 0;
    dev.migr_unit = 0;
    dev.status &= ~std::uint32_t{kDevRepair};
    dev.map1.ord.clear();

    Map &map = dev.map0;
    map.state = state_of(map, mpb_.disks, map.state == kMapUninitialised);
    const auto flagged = std::ranges::find_if(map.ord, [](std::uint32_t ord) { return (ord & kOrdRebuild) != 0; });
    map.failed_disk = flagged == map.ord.end() ? kNoFailedDisk : static_cast<std::uint8_t>(flagged - map.ord.begin());
}

namespace {

// Flag the slots of `entry`; true if there is one.
bool flag_slots(Map &map, int entry)
{
    bool found = false;
    for (std::size_t slot = 0; slot < map.ord.size(); slot++)
        if (ord_index(map.ord[slot]) == entry) {
            map.ord[slot] |= kOrdRebuild;
            map.failed_disk = std::min(map.failed_disk, static_cast<std::uint8_t>(slot));
            found = true;
        }
    return found;
}

}  // namespace

// A failure ends an initialisation or a repair, and a rebuild that it touches: there is nothing to go on with, or the end
// that map 0 promises is another now. A general migration goes on degraded.
void ImsmMetadata::fail_in_dev(Dev &dev, int entry)
{
    if (!flag_slots(dev.map0, entry))
        return;
    if (!dev.migrating) {
        dev.map0.state = state_of(dev.map0, mpb_.disks, dev.map0.state == kMapUninitialised);
        return;
    }

    flag_slots(dev.map1, entry);
    const bool target = std::ranges::any_of(dev.map1.ord, [&](std::uint32_t ord) { return ord_index(ord) == entry; });
    dev.map1.state = state_of(dev.map1, mpb_.disks, dev.map1.state == kMapUninitialised);
    dev.map0.state = state_of(dev.map0, mpb_.disks, false);
    if (dev.general_migration() || !target)
        return;
    for (std::size_t slot = 0; slot < dev.map0.ord.size() && slot < dev.map1.ord.size(); slot++)
        dev.map0.ord[slot] |= dev.map1.ord[slot] & kOrdRebuild;
    end_operation(dev);
}

Result<> ImsmMetadata::on(const change::DiskFailed &change)
{
    Member &member = *EMD_TRY(member_at(change.disk));
    member.failed = true;
    if (member.entry < 0)
        return {};  // a spare: the MPB does not know it

    const int index = member.entry;
    DiskEntry &entry = mpb_.disks[static_cast<std::size_t>(index)];
    if (!(entry.status & kDiskFailed)) {
        entry.status |= kDiskFailed;
        entry.serial = failed_serial(entry.serial);
        if (!member.present)
            entry.scsi_id = kNoScsiId;
    }
    for (Dev &dev : mpb_.devs)
        fail_in_dev(dev, index);
    std::erase_if(mpb_.bad, [index](const BadEntry &bad) { return bad.disk == index; });
    return {};
}

Result<> ImsmMetadata::on(const change::SyncProgress &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    const std::uint64_t unit = sync_unit(dev);
    if (unit == 0)
        return fail(Errc::Refused, "volume {}: no initialisation, rebuild or repair is recorded", text_of(dev.name));
    dev.migr_unit = change.member_sectors / unit;
    return {};
}

Result<> ImsmMetadata::on(const change::SyncFinished &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    if (!dev.migrating || dev.general_migration())
        return fail(Errc::Refused, "volume {}: no initialisation, rebuild or repair is recorded", text_of(dev.name));
    end_operation(dev);
    return {};
}

}  // namespace emd::imsm
