// SPDX-License-Identifier: GPL-2.0-only
// Volumes come and go.
//
// The entry of a new volume is in the tables of all disks, its record on its members alone. So a cut can leave a disk whose tables
// name the volume, and members on which only a structure that is open has the record. By then all of them have it, whole: nobody
// closes a structure before all have been written. load() takes it from there (Found::opened).
#include "libemd/format/ddf/fresh.h"
#include "libemd/format/ddf/metadata.h"

#include <algorithm>
#include <emd/emd.h>
#include <numeric>
#include <string_view>

namespace emd::ddf {

namespace {

constexpr std::uint64_t kAlign = 2048;       // sectors: where data begins
constexpr std::uint64_t kMirrorAlign = 128;  // the size of what has no chunks
constexpr std::uint8_t kUsualRate = 0x80;

Result<> check_name(std::string_view name, const std::vector<VdBytes> &vds)
{
    const auto portable = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    if (name.empty() || name.size() > sizeof(VdBytes::name))
        return fail(Errc::Invalid, "'{}' cannot be a volume's name: DDF takes 1 to {} characters", name, sizeof(VdBytes::name));
    if (name[0] == '.' || name[0] == '-' || !std::ranges::all_of(name, portable))
        return fail(Errc::Invalid, "'{}' cannot be a volume's name: letters, digits, '.', '_' and '-' can, and neither '.' nor '-' in front", name);
    if (std::ranges::any_of(vds, [&](const VdBytes &vd) { return vd_used(vd) && text_of(vd) == name; }))
        return fail(Errc::Busy, "the container has a volume '{}' already", name);
    return {};
}

std::uint64_t rounded(const Shape &shape, std::uint64_t sectors)
{
    return sectors - sectors % (shape.chunk_sectors && shape.level != 1 ? shape.chunk_sectors : kMirrorAlign);
}

// Its first sector, and the references and places behind it.
Record new_record(const HeaderBytes &header, const ConfigBytes &head, std::span<const std::uint32_t> refnums, std::span<const Place> places)
{
    const unsigned elements = header.max_elements.get();
    Block block(header.record_sectors.get() * kSector, std::byte{0xff});
    std::fill_n(block.begin() + static_cast<std::ptrdiff_t>(kSector + 4 * elements), 8 * elements, std::byte{0});
    bool fits = write_at(block, 0, head);
    for (std::size_t i = 0; i < refnums.size(); i++) {
        fits = fits && write_at(block, kSector + 4 * i, Be32(refnums[i]));
        fits = fits && write_at(block, kSector + 4 * elements + 8 * i, Be64(places[i].offset));
    }
    seal(block);
    return {block, elements};
}

}  // namespace

// The record of a volume says what is not free. Disks of which nobody is here may be those of one that is not known.
Result<> DdfMetadata::check_extents_known() const
{
    for (const Virtual &volume : volumes_)
        if (volume.elements.empty() && (tables_.vds[volume.entry].state & kStateMask) != kDeleted)
            return fail(Errc::Refused, "nobody can tell what is free: volume {} cannot be read ({})", text_of(tables_.vds[volume.entry]), volume.refused);
    return {};
}

Result<> DdfMetadata::check_member(const change::VolumeCreated &change, int disk) const
{
    if (static_cast<std::size_t>(disk) >= members_.size())
        return fail(Errc::NotFound, "the container has no disk {}", disk);
    const auto index = static_cast<std::size_t>(disk);
    const Member &member = members_[index];
    if (std::ranges::count(change.slots, disk) > 1)
        return fail(Errc::Invalid, "{} is named twice", member.path);
    const DiskState state = view_.disks[index].state;
    if (!writable(member) || (state != DiskState::Active && state != DiskState::Spare))
        return fail(Errc::Refused, "{} has failed or is not there", member.path.empty() ? view_.disks[index].serial : member.path);
    const PdBytes &pd = tables_.pds[static_cast<std::size_t>(member.entry)];
    if (pd.state.get() & kRebuilding)
        return fail(Errc::Busy, "{} is being rebuilt in another volume, and DDF knows one state of a disk only: wait until that has ended", member.path);
    if (pd.type.get() & kDedicatedSpare)
        return fail(Errc::Refused, "{} is the spare of other volumes", member.path);
    if (!free_record(member))
        return fail(Errc::NoSpace, "{} has no room for another configuration record", member.path);
    return {};
}

// What no volume has of a disk, from whole MiB on, in order.
std::vector<Place> DdfMetadata::gaps_on(const Member &member) const
{
    std::vector<Place> taken, gaps;
    for (const Basic &basic : basics_)
        for (const unsigned e : basic.elements)
            if (basic.record.refnum(e) == member.refnum && basic.record.start(e) < kMostSectors && basic.record.head().blocks.get() < kMostSectors)
                taken.push_back({basic.record.start(e), basic.record.head().blocks.get()});
    std::ranges::sort(taken, {}, &Place::offset);
    const std::uint64_t pd_sectors = tables_.pds[static_cast<std::size_t>(member.entry)].sectors.get();
    taken.push_back({std::min({pd_sectors, member.header.primary.get(), member.header.secondary.get(), member.sectors - 1}), 0});
    std::uint64_t at = 0;
    for (const Place &next : taken) {
        const std::uint64_t begin = (at + kAlign - 1) / kAlign * kAlign;
        if (begin < next.offset)
            gaps.push_back({begin, next.offset - begin});
        at = std::max(at, next.offset + next.sectors);
    }
    return gaps;
}

// Where each slot's data lies. The size that is not asked for is the largest that all disks have in one piece.
Result<std::vector<Place>> DdfMetadata::room_for(const change::VolumeCreated &change, ConfigBytes &config) const
{
    const std::uint64_t wanted = change.component_limit ? change.component_limit : change.shape.component_sectors;
    std::uint64_t least = wanted ? wanted : kMostSectors;
    std::vector<std::vector<Place>> gaps;
    for (const int disk : change.slots) {
        gaps.emplace_back();
        if (disk < 0)
            continue;
        const Member &member = members_[static_cast<std::size_t>(disk)];
        gaps.back() = gaps_on(member);
        const auto largest = std::ranges::max_element(gaps.back(), {}, &Place::sectors);
        const std::uint64_t free = largest == gaps.back().end() ? 0 : largest->sectors;
        if (free < wanted)
            return fail(Errc::NoSpace, "{} has no room for {} KiB: {} KiB are free in one piece", member.path, wanted / 2, free / 2);
        if (rounded(change.shape, free) == 0)
            return fail(Errc::NoSpace, "{} has no room for another volume: {} KiB are free in one piece", member.path, free / 2);
        least = std::min(least, free);
    }
    Shape shape = change.shape;
    shape.component_sectors = rounded(shape, least);
    if (shape.component_sectors == 0)
        return fail(Errc::Invalid, "{} KiB of each disk are less than a chunk, or than 64 KiB", wanted / 2);
    config.blocks = shape.component_sectors;
    config.size = array_sectors(shape);
    std::vector<Place> places;
    for (const auto &of_disk : gaps) {
        const auto fits = std::ranges::find_if(of_disk, [&](const Place &p) { return p.sectors >= shape.component_sectors; });
        places.push_back({fits == of_disk.end() ? 0 : fits->offset, shape.component_sectors});
    }
    return places;
}

Result<> DdfMetadata::on(const change::VolumeCreated &change)
{
    EMD_TRY(check_name(change.name, tables_.vds));
    EMD_TRY(check_extents_known());
    ConfigBytes config = EMD_TRY(config_of(change.shape));
    if (change.slots.size() != change.shape.raid_disks || change.slots.size() > tables_.header.max_elements.get())
        return fail(Errc::Invalid, "{} disks were named for {} slots", change.slots.size(), change.shape.raid_disks);
    Volume probe;  // what would it be?
    probe.shape = change.shape;
    for (const int disk : change.slots) {
        probe.slots.push_back({.disk = disk, .in_sync = disk >= 0});
        if (disk >= 0)
            EMD_TRY(check_member(change, disk));
    }
    const auto missing = static_cast<std::size_t>(std::ranges::count_if(change.slots, [](int disk) { return disk < 0; }));
    if (missing == change.slots.size() || health(probe) == Health::Failed)
        return fail(Errc::Refused, "{}: {} of {} disks cannot miss {}", change.name, level_word(change.shape.level), change.shape.raid_disks, missing);
    const bool clean = change.assume_clean || EMD_TRY(starts_in_sync(change.name, change.shape, missing));
    const auto free = std::ranges::find_if(tables_.vds, [](const VdBytes &vd) { return !vd_used(vd); });
    if (free == tables_.vds.end())
        return fail(Errc::NoSpace, "the table of volumes has no room for another one");
    const std::vector<Place> places = EMD_TRY(room_for(change, config));

    const std::uint32_t seconds = now();
    config.signature = kConfigSignature;
    config.guid = new_guid(seconds);
    config.timestamp = seconds;
    config.sequence = 1u;
    config.cache = 0u;
    config.rate = kUsualRate;
    EMD_TRY(shape_of(config, tables_.controller_head().guid));  // what would be read

    VdBytes vd = unused<VdBytes>();
    const auto entry = static_cast<unsigned>(free - tables_.vds.begin());
    vd.guid = config.guid;
    vd.unit = static_cast<std::uint16_t>(entry);
    vd.owner = vd.type = std::uint16_t{0};
    vd.state = kOptimal;
    vd.init = clean ? kInitDone : 0;
    put_text(vd.name, change.name, '\0');

    std::vector<std::uint32_t> refnums;
    for (const int disk : change.slots)
        refnums.push_back(disk < 0 ? 0 : members_[static_cast<std::size_t>(disk)].refnum);
    Virtual volume;
    volume.entry = entry;
    std::vector<std::size_t> own;
    const std::size_t count = config.primary_count.get(), before = basics_.size();
    for (unsigned i = 0; i < config.secondary_count; i++) {
        config.secondary_sequence = static_cast<std::uint8_t>(i);
        own.push_back(basics_.size());
        const Record record = new_record(tables_.header, config, std::span(refnums).subspan(i * count, count), std::span(places).subspan(i * count, count));
        Basic basic{config.guid, record, std::vector<unsigned>(count)};
        std::iota(basic.elements.begin(), basic.elements.end(), 0u);
        basics_.push_back(std::move(basic));
    }
    if (Result<> filled = fill(volume, own); !filled) {
        basics_.erase(basics_.begin() + static_cast<std::ptrdiff_t>(before), basics_.end());
        return filled;
    }
    for (Element &element : volume.elements)
        element.out_of_sync = refnum_of(element) == 0;
    tables_.vds[entry] = vd;
    volumes_.insert(std::ranges::find_if(volumes_, [&](const Virtual &v) { return v.entry > entry; }), std::move(volume));
    for (const int disk : change.slots) {
        if (disk < 0)
            continue;
        Member &member = members_[static_cast<std::size_t>(disk)];
        make_member(pd_of(member));
        put_records(member);
    }
    pds_changed_ = vds_changed_ = true;
    update_states();
    view_.volumes.clear();  // their numbers have moved
    return {};
}

// Records of a volume that is no more.
void DdfMetadata::renumber_records(const Guid &without)
{
    std::vector<std::size_t> now(basics_.size());
    std::size_t left = 0;
    for (std::size_t i = 0; i < basics_.size(); i++)
        now[i] = basics_[i].vd == without ? left : left++;
    std::erase_if(basics_, [&](const Basic &b) { return b.vd == without; });
    for (Virtual &volume : volumes_)
        for (Element &element : volume.elements)
            element.basic = now[element.basic];
}

// A disk that has no volume any more is a spare again. What must not be written can be deleted.
Result<> DdfMetadata::on(const change::VolumeDeleted &change)
{
    const unsigned entry = change.volume;
    if (std::ranges::count(volumes_, entry, &Virtual::entry) == 0)
        return fail(Errc::NotFound, "the container has no volume {}", entry);
    const Guid guid = tables_.vds[entry].guid;
    std::erase_if(volumes_, [&](const Virtual &v) { return v.entry == entry; });
    renumber_records(guid);
    tables_.vds[entry] = unused<VdBytes>();
    for (Member &member : members_) {
        if (member.entry < 0)
            continue;
        PdBytes &pd = pd_of(member);
        if ((pd.type.get() & kInVd) && !in_volume(member)) {
            pd.type = static_cast<std::uint16_t>((pd.type.get() & ~kInVd) | kGlobalSpare);
            pd.state = static_cast<std::uint16_t>(pd.state.get() & ~kRebuilding);
        }
        if (member.present)
            put_records(member);
    }
    pds_changed_ = vds_changed_ = true;
    update_states();
    view_.volumes.clear();
    return {};
}

Result<> DdfMetadata::on(const change::VolumeRenamed &change)
{
    VdBytes &vd = vd_of(*EMD_TRY(volume_at(change.volume)));
    EMD_TRY(check_name(change.name, tables_.vds));
    put_text(vd.name, change.name, '\0');
    vd.type = static_cast<std::uint16_t>(vd.type.get() & ~kUnicodeName);
    vds_changed_ = true;
    view_.volumes.clear();  // a name is looked at once
    return {};
}

}  // namespace emd::ddf
