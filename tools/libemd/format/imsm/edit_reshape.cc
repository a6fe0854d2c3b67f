// SPDX-License-Identifier: GPL-2.0-only
//
// Theory
//
// A general migration goes through the volume in units of blocks_per_unit array sectors. The record (u, copy) says: what
// lies before unit u is in the target geometry, what lies behind it in the source's; unit u itself is in the copy areas,
// laid out for the target, if copy is set, else in the source. So (u, 0) > (u, 1) > (u+1, 0), or (u, 0) > (u+k, 0) where
// the kernel moves on without overwriting what it still needs. A position inside of a unit is recorded as the unit's
// beginning, and must leave `copy` alone: the unit is being overwritten just then.
#include "libemd/format/imsm/metadata.h"

#include <algorithm>
#include <limits>

namespace emd::imsm {

namespace {

// Everything of a request that can be judged without changing anything.
Result<> check_target(const Dev &dev, const Shape &from, const Shape &to, bool only_volume)
{
    const auto refuse = [&](const char *why) { return fail(Errc::Refused, "volume {}: {}", text_of(dev.name), why); };
    const bool grows = to.raid_disks > from.raid_disks;
    if (from.level != 0 && from.level != 5)
        return refuse("only RAID0 and RAID5 volumes can be reshaped by IMSM");
    if (to.level != from.level && !(from.level == 0 && to.level == 5))
        return refuse("IMSM can turn RAID0 into RAID5 by a reshape, and no other level into another");
    if (to.layout != layout_of(to.level))
        return refuse("IMSM knows one layout only");
    if (to.level != from.level && (to.raid_disks != from.raid_disks + 1 || !only_volume))
        return refuse("RAID0 becomes RAID5 with one more disk, in a container without another volume");
    if (to.level == from.level && to.raid_disks < from.raid_disks)
        return refuse("IMSM cannot shrink a volume");
    if (to.level == from.level && grows && to.chunk_sectors != from.chunk_sectors)
        return refuse("disks and chunk size cannot change at the same time");
    if (to.chunk_sectors < 4 || (to.chunk_sectors & (to.chunk_sectors - 1)) != 0)
        return refuse("the chunk size must be a power of two from 2 KiB on");
    if (std::max(to.chunk_sectors, from.chunk_sectors) > kCopyAreaSectors)
        return refuse("a chunk above 1 MiB does not fit into the area where a reshape keeps its copies");
    if (from.component_sectors % to.chunk_sectors != 0)
        return refuse("its size is no multiple of the new chunk; choose a smaller chunk");
    if (to.component_sectors != 0 && to.component_sectors != from.component_sectors)
        return refuse("the size per disk cannot change in a reshape");
    if (to == from)
        return refuse("it has this geometry already");
    return {};
}

}  // namespace

Result<Record> ImsmMetadata::first_record(const Dev &dev) const
{
    std::uint64_t smallest = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint32_t ord : dev.map0.ord)
        smallest = std::min(smallest, mpb_.disks[static_cast<std::size_t>(ord_index(ord))].sectors);
    std::uint64_t end = 0;
    for (const Dev &other : mpb_.devs)
        end = std::max(end, end_of(other));
    if (smallest < kCopyAreaFromEnd + end)
        return fail(Errc::NoSpace, "volume {}: there is no room for copies behind the volumes on the smallest disk",
                    text_of(dev.name));

    const std::uint64_t area = smallest - kCopyAreaFromEnd;
    const std::uint32_t strip = std::max(dev.map0.strip, dev.map1.strip), block = sector_bytes_ / 512;
    const Shape target = shape_of(dev, dev.map0);
    if (strip == 0 || strip > kCopyAreaSectors || data_disks(target) == 0)
        return fail(Errc::Corrupt, "volume {}: strips of {} sectors cannot be migrated", text_of(dev.name), strip);

    Record record;
    record.family = mpb_.family;
    record.depth = kCopyAreaSectors / strip * strip;
    record.blocks_per_unit = record.depth * data_disks(target);
    record.units = (array_sectors(target) + record.blocks_per_unit - 1) / record.blocks_per_unit;
    record.copy_area = area - area % block;
    record.post_size = dev.size;
    return record;
}

Result<> ImsmMetadata::on(const change::ReshapeStarted &change)
{
    Dev next = *EMD_TRY(dev_at(change.volume));
    const Volume &now = view_.volumes[change.volume];
    const Shape from = now.shape;
    if (!now.read_write)
        return fail(Errc::Refused, "volume {}: {}", now.name, now.refused);
    if (std::ranges::any_of(mpb_.devs, &Dev::migrating))
        return fail(Errc::Busy, "another operation runs in this container; wait until it has ended");
    if (health(now) != Health::Optimal)
        return fail(Errc::Refused, "volume {} is not complete; repair it before it is reshaped", now.name);
    EMD_TRY(check_target(next, from, change.target, mpb_.devs.size() == 1));
    const std::size_t added = change.target.raid_disks - from.raid_disks;
    if (change.new_disks.size() != added)
        return fail(Errc::Invalid, "volume {}: {} new disks are needed, {} were named", now.name, added, change.new_disks.size());
    for (const int disk : change.new_disks) {
        const Member &member = *EMD_TRY(member_at(disk));
        if (std::ranges::count(change.new_disks, disk) > 1)
            return fail(Errc::Invalid, "{} is named twice", member.path);
        if (member.entry < 0)
            EMD_TRY(check_spare(member, "reshape"));
        else if (!writable(member) || std::ranges::any_of(next.map0.ord, [&](std::uint32_t ord) {
                     return ord_index(ord) == member.entry;
                 }))
            return fail(Errc::Invalid, "{} cannot become a new member of volume {}", member.path, now.name);
    }

    // All of it on copies; the container changes at the end, in one go.
    const std::vector<DiskEntry> old_disks = mpb_.disks;
    const std::vector<Member> old_members = members_;
    next.map1 = next.map0;
    next.migrating = true;
    next.migr_type = kMigrGeneral;
    next.migr_unit = 0;
    for (const int disk : change.new_disks)
        next.map0.ord.push_back(static_cast<std::uint32_t>(enlist(members_[static_cast<std::size_t>(disk)])));
    next.map0.level = static_cast<std::uint8_t>(change.target.level);
    if (change.target.level != from.level || change.target.chunk_sectors != from.chunk_sectors) {
        next.map0.strip = change.target.chunk_sectors;
        set_sizes(next.map0, from.component_sectors);
    }
    next.size = from.component_sectors * data_disks(change.target);

    std::swap(mpb_.devs[change.volume], next);
    auto record = first_record(mpb_.devs[change.volume]);
    if (!record) {
        mpb_.devs[change.volume] = std::move(next);
        mpb_.disks = old_disks;
        members_ = old_members;
        return tl::make_unexpected(record.error());
    }
    record_ = *record;
    return {};
}

Result<> ImsmMetadata::on(const change::ReshapeProgress &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    const Volume &volume = view_.volumes[change.volume];
    if (!dev.general_migration() || !record_ || !volume.read_write)
        return fail(Errc::Refused, "volume {}: no reshape is recorded", text_of(dev.name));

    const bool done = change.position >= array_sectors(volume.reshape->target);
    const std::uint64_t unit = done ? record_->units : change.position / record_->blocks_per_unit;
    if (unit < record_->unit)
        return fail(Errc::Refused, "volume {}: the reshape cannot go back from unit {} to {}", text_of(dev.name),
                    record_->unit, unit);
    if (unit == record_->unit)
        return {};
    record_->unit = unit;
    record_->copy_valid = false;
    record_->dest_first = unit * record_->depth;
    dev.migr_unit = unit;
    return {};
}

Result<> ImsmMetadata::on(const change::BackupRecorded &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    if (!dev.general_migration() || !record_ || !view_.volumes[change.volume].read_write)
        return fail(Errc::Refused, "volume {}: no reshape is recorded", text_of(dev.name));
    if (record_->unit == record_->units || change.position != record_->unit * record_->blocks_per_unit)
        return fail(Errc::Refused, "volume {}: a copy of {} is not that of the unit which comes next", text_of(dev.name),
                    change.position);
    record_->copy_valid = true;
    record_->dest_first = record_->unit * record_->depth;
    return {};
}

// The kernel has let go of the old geometry, so the last checkpoints may have been passed over.
Result<> ImsmMetadata::on(const change::ReshapeFinished &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    if (!dev.general_migration() || !record_)
        return fail(Errc::Refused, "volume {}: no reshape is recorded", text_of(dev.name));
    end_operation(dev);
    record_.reset();
    return {};
}

Result<> ImsmMetadata::on(const change::ReshapeWithdrawn &change)
{
    Dev &dev = *EMD_TRY(dev_at(change.volume));
    if (!dev.general_migration() || !record_)
        return fail(Errc::Refused, "volume {}: no reshape is recorded", text_of(dev.name));
    if (record_->unit != 0 || record_->copy_valid)
        return fail(Errc::Refused, "volume {}: data has moved; the reshape can only go on", text_of(dev.name));
    const Shape source = shape_of(dev, dev.map1);
    dev.map0 = dev.map1;
    dev.size = array_sectors(source);
    end_operation(dev);
    record_.reset();
    discharge_unused();
    return {};
}

}  // namespace emd::imsm
