// SPDX-License-Identifier: GPL-2.0-only
#include "spares.h"

#include <algorithm>
#include <fmt/format.h>

namespace emd::mon {
namespace {

bool uses(const std::vector<Slot> &slots, int disk)
{
    return std::ranges::any_of(slots, [disk](const Slot &s) { return s.disk == disk; });
}

bool uses(const Volume &volume, int disk)
{
    return uses(volume.slots, disk) || (volume.reshape && uses(volume.reshape->target_slots, disk));
}

bool used_anywhere(const Container &container, int disk)
{
    return std::ranges::any_of(container.volumes, [disk](const Volume &v) { return uses(v, disk); });
}

std::uint64_t needed_sectors(const Volume &volume)
{
    const std::uint64_t target = volume.reshape ? volume.reshape->target.component_sectors : 0;
    return volume.data_offset + std::max(volume.shape.component_sectors, target);
}

unsigned sector_size(const Container &container, const Volume &volume)
{
    for (const Slot &slot : volume.slots)
        if (const Disk *disk = disk_at(container, slot.disk); disk != nullptr && disk->present)
            return disk->sector_bytes;
    return 512;
}

bool is_free(const Container &container, const Volume &volume, int index)
{
    const Disk &disk = *disk_at(container, index);
    const bool usable = disk.state == DiskState::Spare || disk.state == DiskState::Active;
    return disk.present && usable && !uses(volume, index);
}

const MemberFacts *member_of(const VolumeFacts &facts, int disk)
{
    for (const MemberFacts &m : facts.members)
        if (m.disk == disk && !m.faulty)
            return &m;
    return nullptr;
}

bool slot_taken(const VolumeFacts &facts, std::size_t slot)
{
    const int place = static_cast<int>(slot);
    return std::ranges::any_of(facts.members, [place](const MemberFacts &m) { return m.slot == place; });
}

bool container_reshapes(const std::vector<VolumeFacts> &all, const Container &container)
{
    return std::ranges::any_of(container.volumes, [](const Volume &v) { return v.reshape.has_value(); }) ||
           std::ranges::any_of(all, [](const VolumeFacts &f) { return f.reshape_position || f.proposing(); });
}

// May a recovery begin in this volume now?
bool may_rebuild(const VolumeFacts &facts, const Volume &record)
{
    return !facts.frozen && facts.writable() && facts.redundant && facts.members_known &&
           facts.action == EMD_SYNC_IDLE && is_redundant(record.shape.level);
}

// Recorded, and the kernel has not been told or has not begun.
void place_recorded(const VolumeFacts &facts, const Container &container, const Volume &record, Assignment &out)
{
    for (std::size_t i = 0; i < record.slots.size(); i++) {
        const Slot &slot = record.slots[i];
        const Disk *disk = disk_at(container, slot.disk);
        if (slot.in_sync || disk == nullptr || !disk->present || disk->state != DiskState::Active)
            continue;
        const MemberFacts *member = member_of(facts, slot.disk);
        const unsigned place = static_cast<unsigned>(i);
        if (member != nullptr && member->slot == static_cast<int>(i)) {
            if (!member->in_sync)
                out.placements.push_back({Placement::What::Recover, record.index, slot.disk, place});
        } else if (!slot_taken(facts, i)) {
            out.placements.push_back({Placement::What::Rebuild, record.index, slot.disk, place});
        }
    }
}

// One vacant slot at a time: with the next round the next one.
void fill_vacant(const VolumeFacts &facts, const Container &container, const Volume &record, Assignment &out)
{
    for (std::size_t i = 0; i < record.slots.size(); i++) {
        const Disk *disk = disk_at(container, record.slots[i].disk);
        const bool vacant = disk == nullptr || disk->state == DiskState::Failed;
        if (record.slots[i].in_sync || !vacant || slot_taken(facts, i))
            continue;
        std::vector<change::RebuildStarted> choice;
        for (const int spare : candidates(container, record, out.remarks))
            choice.push_back({record.index, static_cast<unsigned>(i), spare});
        if (!choice.empty())
            out.vacancies.push_back(std::move(choice));
        return;
    }
}

// Step 6: the members that the record gave to a proposed change, and that the kernel does not know yet.
void reserve(const VolumeFacts &facts, const Volume &record, Assignment &out)
{
    const ReshapeRecord &reshape = *record.reshape;
    if (!facts.proposing() || facts.reshape_position || !same_geometry(facts.proposed, reshape.target))
        return;
    for (std::size_t i = record.slots.size(); i < reshape.target_slots.size(); i++) {
        const int disk = reshape.target_slots[i].disk;
        const MemberFacts *member = disk < 0 ? nullptr : member_of(facts, disk);
        const int place = static_cast<int>(i);
        const bool done = member != nullptr && (member->slot == place || member->reserved == place);
        if (disk >= 0 && !done)
            out.placements.push_back({Placement::What::Reserve, record.index, disk, static_cast<unsigned>(i)});
    }
}

}  // namespace

std::vector<int> candidates(const Container &container, const Volume &record, std::vector<std::string> &remarks)
{
    std::vector<int> found;
    const std::uint64_t needed = needed_sectors(record);
    const unsigned sector_bytes = sector_size(container, record);
    for (std::size_t i = 0; i < container.disks.size(); i++) {
        const int index = static_cast<int>(i);
        const Disk &disk = container.disks[i];
        if (!is_free(container, record, index))
            continue;
        if (disk.sectors < needed)
            remarks.push_back(fmt::format("{}: spare {} is {} KiB too small", record.name, disk.path,
                                          (needed - disk.sectors + 1) / 2));
        else if (disk.sector_bytes != sector_bytes)
            remarks.push_back(fmt::format("{}: spare {} has sectors of {} bytes, the members have {}", record.name,
                                          disk.path, disk.sector_bytes, sector_bytes));
        else
            found.push_back(index);
    }
    const auto rank = [&](int index) {
        return std::pair(!used_anywhere(container, index), disk_at(container, index)->sectors);
    };
    std::ranges::stable_sort(found, std::less(), rank);
    if (found.empty())
        remarks.push_back(fmt::format("{}: no suitable spare", record.name));
    return found;
}

Assignment assign(const std::vector<VolumeFacts> &all, const Container &container)
{
    Assignment out;
    const bool reshapes = container_reshapes(all, container);
    for (const VolumeFacts &facts : all) {
        const Volume *record = find_volume(container, facts.volume);
        if (record == nullptr)
            continue;
        if (record->reshape)
            reserve(facts, *record, out);
        if (reshapes || !may_rebuild(facts, *record))
            continue;
        place_recorded(facts, container, *record, out);
        if (record->activity == Activity::None)
            fill_vacant(facts, container, *record, out);
    }
    return out;
}

}  // namespace emd::mon
