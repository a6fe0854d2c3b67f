// SPDX-License-Identifier: GPL-2.0-only
// Changes of membership: spares come, take a slot, and disks leave.
#include "libemd/format/imsm/metadata.h"

#include <algorithm>
#include <limits>

namespace emd::imsm {

// May this spare become a member of the volumes that are there?
Result<> ImsmMetadata::check_spare(const Member &member, const char *purpose) const
{
    if (!member.loose_spare())
        return fail(Errc::Refused, "{} is no spare and cannot be taken for a {}", member.path, purpose);

    std::uint64_t end = 0, least = std::numeric_limits<std::uint64_t>::max();
    for (const Dev &dev : mpb_.devs)
        end = std::max(end, end_of(dev));
    for (const DiskEntry &disk : mpb_.disks)
        if (!(disk.status & kDiskFailed))
            least = std::min(least, disk.sectors - std::min(disk.sectors, end));
    const std::uint64_t needed = end + std::min(kSpareReserve, least);
    if (member.sectors < needed)
        return fail(Errc::NoSpace, "{} is too small for a {}: it has {} sectors, {} are needed", member.path, purpose,
                    member.sectors, needed);
    return {};
}

Result<> ImsmMetadata::on(const change::RebuildStarted &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    Member &member = *EMD_TRY(member_at(change.disk));
    const auto refuse = [&](const char *why) { return fail(Errc::Refused, "volume {}: {}", text_of(dev.name), why); };
    if (change.slot >= dev.map0.members())
        return fail(Errc::Invalid, "volume {} has no slot {}", text_of(dev.name), change.slot);
    if (general_migration())
        return refuse("nothing is rebuilt while a reshape runs");
    if (dev.migrating && dev.migr_type != kMigrRebuild)
        return refuse("another operation runs");
    if (state_of(dev.current(), mpb_.disks, false) != kMapDegraded)
        return refuse("it is not degraded");
    if (view_.volumes[change.volume].slots[change.slot].in_sync)
        return refuse("the slot is in use");
    if (member.entry < 0)
        EMD_TRY(check_spare(member, "rebuild"));
    else if (!writable(member))
        return refuse("the disk has failed");
    for (std::uint32_t slot = 0; slot < dev.map0.members(); slot++)
        if (member.entry >= 0 && ord_index(dev.map0.ord[slot]) == member.entry && slot != change.slot)
            return refuse("the disk has another slot of this volume");

    const auto entry = static_cast<std::uint32_t>(enlist(member));
    if (!dev.migrating)
        dev.map1 = dev.map0;
    dev.migrating = true;
    dev.migr_type = kMigrRebuild;
    dev.migr_unit = 0;
    dev.map0.ord[change.slot] = entry;
    dev.map1.ord[change.slot] = entry | kOrdRebuild;
    dev.map0.state = state_of(dev.map0, mpb_.disks, false);
    dev.map1.state = kMapDegraded;

    // A drive that was away during the rebuild must not be taken for a member when it comes back.
    if (mpb_.orig_family == 0)
        mpb_.orig_family = mpb_.family;
    mpb_.family += random_family();
    discharge_unused();
    return {};
}

Result<> ImsmMetadata::on(const change::InitStarted &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    if (dev.migrating && (dev.migr_type == kMigrInit || dev.migr_type == kMigrVerify))
        return {};  // goes on
    if (dev.migrating)
        return fail(Errc::Busy, "volume {}: another operation runs", text_of(dev.name));
    if (level_of(dev.map0) == 0)
        return fail(Errc::Refused, "volume {}: RAID0 has nothing to synchronise", text_of(dev.name));
    if (dev.map0.state != kMapNormal && dev.map0.state != kMapUninitialised)
        return fail(Errc::Refused, "volume {} is degraded; nothing can be synchronised", text_of(dev.name));

    dev.map1 = dev.map0;
    dev.migrating = true;
    dev.migr_unit = 0;
    dev.migr_type = dev.map0.state == kMapUninitialised ? kMigrInit : kMigrVerify;
    if (dev.migr_type == kMigrVerify)
        dev.status |= kDevRepair;
    dev.map0.state = kMapNormal;
    return {};
}

Result<> ImsmMetadata::on(const change::SpareAdded &change)
{
    const Disk &disk = change.disk;
    if (disk.sector_bytes != sector_bytes_)
        return fail(Errc::Refused, "{} has sectors of {} bytes, the container's disks of {}", disk.path, disk.sector_bytes,
                    sector_bytes_);
    if (disk.sectors <= kSpareReserve)
        return fail(Errc::NoSpace, "{} is too small for IMSM metadata", disk.path);
    const Serial serial = EMD_TRY(serial_of(disk.serial, disk.path));
    for (const Member &member : members_)
        if (member.serial == serial && member.present)
            return fail(Errc::Busy, "{} is in the container already, or {} has the same serial number", disk.path, member.path);

    Member member;
    member.present = true;
    member.path = disk.path;
    member.dev = disk.dev;
    member.sectors = disk.sectors;
    member.serial = serial;
    member.own = spare_mpb(serial, disk.sectors, sector_bytes_);
    member.own_changed = true;
    members_.push_back(std::move(member));
    return {};
}

// A failed drive keeps its entry as long as a slot names it; only the device goes.
Result<> ImsmMetadata::on(const change::DiskRemoved &change)
{
    Member &member = *EMD_TRY(member_at(change.disk));
    if (member.entry < 0) {
        members_.erase(members_.begin() + change.disk);
        return {};
    }
    if (!(mpb_.disks[static_cast<std::size_t>(member.entry)].status & kDiskFailed) && !member.failed)
        return fail(Errc::Busy, "{} is a member of a volume; it can be removed after it has failed", member.path);
    member.present = false;
    member.path.clear();
    member.dev = {};
    return {};
}

}  // namespace emd::imsm
