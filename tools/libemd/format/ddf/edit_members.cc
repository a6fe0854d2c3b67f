// SPDX-License-Identifier: GPL-2.0-only
// Changes of membership: spares come, take a slot, and disks leave.
#include "libemd/format/ddf/fresh.h"
#include "libemd/format/ddf/metadata.h"

#include <algorithm>

namespace emd::ddf {

// Redundancy that was never built, or that a stop has left uncertain.
Result<> DdfMetadata::on(const change::InitStarted &change)
{
    Virtual &volume = *EMD_TRY(volume_at(change.volume));
    VdBytes &vd = vd_of(volume);
    if (volume.shape.level == 0)
        return fail(Errc::Refused, "{}: RAID0 has nothing to synchronise", text_of(vd));
    if ((vd.init & kInitMask) == kInitRunning)
        return {};  // goes on
    vd.init = static_cast<std::uint8_t>((vd.init & ~kInitMask) | kInitRunning);
    volume.checkpoint = 0;
    vds_changed_ = true;
    return {};
}

// -- a spare takes a slot --

// A spare that was given to some volumes serves no others.
bool DdfMetadata::dedicated_elsewhere(const Member &member, const Guid &vd) const
{
    if (!(tables_.pds[static_cast<std::size_t>(member.entry)].type.get() & kDedicatedSpare))
        return false;
    const std::size_t size = member.header.record_sectors.get() * kSector;
    for (std::size_t at = 0; at + size <= member.configs.size(); at += size) {
        const Bytes record = Bytes(member.configs).subspan(at, size);
        const SpareBytes spare = *read_at<SpareBytes>(record, 0);
        if (spare.signature.get() != kSpareSignature || !(spare.type & kDedicated))
            continue;
        for (unsigned i = 0; i < spare.used.get(); i++) {
            const auto entry = read_at<SpareEntryBytes>(record, sizeof(SpareBytes) + i * sizeof(SpareEntryBytes));
            if (entry && entry->vd == vd)
                return false;
        }
        return true;
    }
    return false;
}

// May this disk become a member of the volume?
Result<> DdfMetadata::check_spare(const Member &member, const Virtual &volume) const
{
    const std::string name = text_of(tables_.vds[volume.entry]);
    if (!writable(member))
        return fail(Errc::Refused, "{} is no spare and cannot be taken for a rebuild", member.path);
    const auto index = static_cast<std::size_t>(&member - members_.data());
    const std::uint16_t state = tables_.pds[static_cast<std::size_t>(member.entry)].state.get();
    if (view_.disks[index].state == DiskState::Active && !(state & kRebuilding))
        return fail(Errc::Refused, "{} is in sync in another volume, and DDF knows one state of a disk only: add a spare for {}", member.path, name);
    if (view_.disks[index].state != DiskState::Active && view_.disks[index].state != DiskState::Spare)
        return fail(Errc::Refused, "{} is no spare and cannot be taken for a rebuild", member.path);
    if (dedicated_elsewhere(member, tables_.vds[volume.entry].guid))
        return fail(Errc::Refused, "{} is a spare of other volumes, not of {}", member.path, name);
    if (!free_record(member))
        return fail(Errc::NoSpace, "{} has no room for another configuration record", member.path);
    return {};
}

// Where so many sectors are free on a disk: where it is wished, or else in front.
std::optional<std::uint64_t> DdfMetadata::room_on(const Member &member, std::uint64_t blocks, std::uint64_t wish) const
{
    const std::uint64_t end = std::min({tables_.pds[static_cast<std::size_t>(member.entry)].sectors.get(), member.header.primary.get(), member.header.secondary.get()});
    std::vector<std::pair<std::uint64_t, std::uint64_t>> taken;
    for (const Basic &basic : basics_)
        for (const unsigned e : basic.elements)
            if (basic.record.refnum(e) == member.refnum && basic.record.start(e) < kMostSectors && basic.record.head().blocks.get() < kMostSectors)
                taken.emplace_back(basic.record.start(e), basic.record.head().blocks.get());
    const auto free = [&](std::uint64_t start) {
        return start <= end && blocks <= end - start &&
               std::ranges::none_of(taken, [&](const auto &t) { return t.first < start + blocks && start < t.first + t.second; });
    };
    std::vector<std::uint64_t> places{wish, 0};
    for (const auto &[start, length] : taken)
        places.push_back(start + length);
    std::sort(places.begin() + 1, places.end());
    const auto found = std::ranges::find_if(places, free);
    return found == places.end() ? std::nullopt : std::optional(*found);
}

// A slot in a disk's section of records. The last one is the place of a record of spares.
std::optional<std::size_t> DdfMetadata::free_record(const Member &member) const
{
    const std::size_t size = member.header.record_sectors.get() * kSector, slots = member.configs.size() / size;
    for (std::size_t slot = 0; slot + 1 < slots || (slot == 0 && slots == 1); slot++)
        if (read_at<Be32>(member.configs, slot * size)->get() == kNone32)
            return slot;
    return std::nullopt;
}

// A disk has the records of the volumes that it is a member of, each where it stood. Others' records stay as they are.
void DdfMetadata::put_records(Member &member)
{
    const std::size_t size = member.header.record_sectors.get() * kSector;
    const Block before = member.configs;
    std::vector<bool> placed(basics_.size());
    const auto copy = [&](const Basic &basic, std::size_t slot) {
        if (basic.record.bytes().size() == size)  // a disk with others is not written
            std::ranges::copy(basic.record.bytes(), member.configs.begin() + static_cast<std::ptrdiff_t>(slot * size));
    };
    for (std::size_t slot = 0; slot < member.configs.size() / size; slot++) {
        const MutableBytes bytes = MutableBytes(member.configs).subspan(slot * size, size);
        const ConfigBytes head = *read_at<ConfigBytes>(bytes, 0);
        if (head.signature.get() != kConfigSignature)
            continue;
        const auto own = std::ranges::find_if(basics_, [&](const Basic &b) { return b.vd == head.guid && b.secondary() == head.secondary_sequence; });
        if (own != basics_.end() && used_by(*own, member.refnum) && !placed[static_cast<std::size_t>(own - basics_.begin())]) {
            placed[static_cast<std::size_t>(own - basics_.begin())] = true;
            copy(*own, slot);
        } else {
            std::ranges::fill(bytes, std::byte{0xff});
        }
    }
    for (std::size_t i = 0; i < basics_.size(); i++)
        if (const auto slot = free_record(member); !placed[i] && used_by(basics_[i], member.refnum) && slot)
            copy(basics_[i], *slot);
    member.configs_changed |= member.configs != before;
}

Result<> DdfMetadata::on(const change::RebuildStarted &change)
{
    Virtual &volume = *EMD_TRY(volume_at(change.volume));
    Member &member = *EMD_TRY(member_at(change.disk));
    const std::string name = text_of(vd_of(volume));
    if (change.slot >= volume.elements.size())
        return fail(Errc::Invalid, "volume {} has no slot {}", name, change.slot);
    if (volume.shape.level == 0)
        return fail(Errc::Refused, "volume {}: nothing can be rebuilt in an array that keeps nothing twice", name);
    Element &element = volume.elements[change.slot];
    const int old = disk_of(refnum_of(element));
    if (old >= 0 && healthy(members_[static_cast<std::size_t>(old)]))
        return fail(Errc::Refused, "volume {}: slot {} is in use", name, change.slot);
    if (std::ranges::any_of(volume.elements, [&](const Element &e) { return refnum_of(e) == member.refnum; }))
        return fail(Errc::Refused, "volume {}: {} has another slot of it", name, member.path);
    EMD_TRY(check_spare(member, volume));
    const auto start = room_on(member, blocks_of(element), start_of(element));
    if (!start)
        return fail(Errc::NoSpace, "{} is too small for a rebuild: it has no {} sectors for {} together", member.path, blocks_of(element), name);

    basics_[element.basic].record.put(element.element, member.refnum, *start, now());
    element.out_of_sync = true;
    volume.checkpoint = 0;
    PdBytes &pd = pd_of(member);
    make_member(pd);
    pd.state = static_cast<std::uint16_t>(pd.state.get() | kRebuilding);
    pds_changed_ = true;
    for (Member &each : members_)
        if (each.present && each.entry >= 0)
            put_records(each);
    // Who has lost its last slot is nobody's member any more.
    if (old >= 0 && !in_volume(members_[static_cast<std::size_t>(old)])) {
        Member &gone = members_[static_cast<std::size_t>(old)];
        PdBytes &entry = pd_of(gone);
        entry.type = static_cast<std::uint16_t>(entry.type.get() & ~kInVd);
        entry.state = static_cast<std::uint16_t>(entry.state.get() | kTransition);
        if (!gone.present)
            drop_entry(static_cast<std::size_t>(old));
    }
    update_states();
    return {};
}

// -- disks come and go --

// Those behind it move up: the peer looks no further than their number.
void DdfMetadata::drop_entry(std::size_t disk)
{
    const int entry = members_[disk].entry;
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(disk));
    if (entry < 0)
        return;
    tables_.pds.erase(tables_.pds.begin() + entry);
    tables_.pds.push_back(unused<PdBytes>());
    for (Member &member : members_)
        member.entry -= member.entry > entry;
    pds_changed_ = true;
}

// Its entry stays as long as a slot names it; only the device goes.
void DdfMetadata::take_out(Member &member)
{
    PdBytes &pd = pd_of(member);
    pd.state = static_cast<std::uint16_t>((pd.state.get() | kMissing) & ~kOnline);
    pds_changed_ = true;
    member.present = false;
    member.path.clear();
    member.dev = {};
}

Result<> DdfMetadata::on(const change::DiskRemoved &change)
{
    Member &member = *EMD_TRY(member_at(change.disk));
    const auto index = static_cast<std::size_t>(change.disk);
    if (view_.disks[index].state != DiskState::Spare && view_.disks[index].state != DiskState::Failed)
        return fail(Errc::Busy, "{} is a member of a volume; it can be removed after it has failed", member.path);
    if (member.entry >= 0 && in_volume(member))
        take_out(member);
    else
        drop_entry(index);
    return {};
}

Result<> DdfMetadata::on(const change::SpareAdded &change)
{
    const auto same = [&](const Member &m) { return m.present && m.dev == change.disk.dev; };
    const auto known = std::ranges::find_if(members_, same);
    if (known != members_.end() && view_.disks[static_cast<std::size_t>(known - members_.begin())].state != DiskState::Failed)
        return fail(Errc::Busy, "{} is in the container already", change.disk.path);
    Member member = EMD_TRY(new_member(change.disk));

    tables_.pds[static_cast<std::size_t>(member.entry)] = spare_entry(member);
    pds_changed_ = true;
    const bool again = known != members_.end();  // it had failed, and comes as a new one
    const auto old = static_cast<std::size_t>(known - members_.begin());
    members_.push_back(std::move(member));
    if (again && members_[old].entry >= 0 && in_volume(members_[old]))
        take_out(members_[old]);
    else if (again)
        drop_entry(old);
    return {};
}

}  // namespace emd::ddf
