// SPDX-License-Identifier: GPL-2.0-only
// The container in words that no format owns. Rebuilt after every change, in place: once the numbers of disks, volumes and
// slots are settled, nothing here allocates.
#include "libemd/base/sha1.h"
#include "libemd/format/ddf/metadata.h"

#include <algorithm>
#include <cctype>

namespace emd::ddf {

namespace {

Uuid uuid_of(const Sha1Digest &digest)
{
    Uuid uuid;
    std::copy_n(digest.begin(), uuid.size(), uuid.begin());
    return uuid;
}

constexpr std::string_view kUnstable = "LSI     ";  // controllers that give their volumes other names with each boot

}  // namespace

Uuid uuid_of(const Guid &guid)
{
    return uuid_of(sha1({bytes_of(guid)}));
}

std::string text_of(const VdBytes &vd)
{
    std::string name;
    for (const char c : vd.name) {
        if (c == '\0' || c == ' ')
            break;
        const auto byte = static_cast<unsigned char>(c);
        name += std::isalnum(byte) || c == '.' || c == '_' || c == '-' ? c : '_';
    }
    return name;
}

Uuid DdfMetadata::volume_uuid(const Virtual &volume) const
{
    const VdBytes &vd = tables_.vds[volume.entry];
    const ControllerBytes controller = tables_.controller_head();
    const auto same = [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; };
    if (!std::ranges::equal(kUnstable, std::span(controller.guid).first(kUnstable.size()), same))
        return ddf::uuid_of(vd.guid);
    return uuid_of(sha1({bytes_of(tables_.header.guid), bytes_of(vd.name), bytes_of(Le16(static_cast<std::uint16_t>(volume.entry)))}));
}

DdfMetadata::DdfMetadata(Structure tables, std::uint32_t sequence, std::vector<Member> members, std::vector<Basic> basics, std::string refused)
    : tables_(std::move(tables)), sequence_(sequence), members_(std::move(members)), basics_(std::move(basics)), refused_(std::move(refused))
{
    build_volumes();
    // Where a rebuild stood has no place on the disks: it begins anew.
    for (Virtual &volume : volumes_)
        for (Element &element : volume.elements) {
            const int disk = disk_of(refnum_of(element));
            const int entry = disk < 0 ? -1 : members_[static_cast<std::size_t>(disk)].entry;
            element.out_of_sync = entry < 0 || holds_nothing(tables_.pds[static_cast<std::size_t>(entry)]);
        }
    // What a cut has left out of the structure that counts is written with the next change.
    for (Member &member : members_)
        if (writable(member) && member.behind)
            put_records(member);
    refresh();
}

// By the table.
bool DdfMetadata::healthy(const Member &member) const
{
    if (member.entry < 0 || member.failed)
        return false;
    const std::uint16_t state = tables_.pds[static_cast<std::size_t>(member.entry)].state.get();
    return (state & (kOnline | kFailed)) == kOnline;
}

bool DdfMetadata::in_volume(const Member &member) const
{
    return std::ranges::any_of(basics_, [&](const Basic &b) { return used_by(b, member.refnum); });
}

bool DdfMetadata::uneven() const
{
    return std::ranges::any_of(members_, [this](const Member &m) { return writable(m) && m.behind; });
}

void DdfMetadata::refresh()
{
    view_.format = FormatId::Ddf;
    if (view_.spec_version.empty()) {
        view_.uuid = ddf::uuid_of(tables_.header.guid);
        view_.spec_version.assign(tables_.header.revision.data(), tables_.header.revision.size());
    }
    view_.sequence = sequence_;
    view_.uneven = uneven();
    view_.disks.resize(members_.size());
    for (std::size_t disk = 0; disk < members_.size(); disk++)
        refresh_disk(disk);
    view_.volumes.resize(volumes_.size());
    for (std::size_t index = 0; index < volumes_.size(); index++)
        refresh_volume(index);
}

void DdfMetadata::refresh_disk(std::size_t index)
{
    const Member &member = members_[index];
    Disk &disk = view_.disks[index];
    disk.present = member.present;
    disk.dev = member.dev;
    disk.path.assign(member.path);
    disk.sectors = member.sectors;
    disk.sector_bytes = kSector;
    if (disk.serial.empty())
        disk.serial.reserve(2 * sizeof(member.refnum));
    std::array<char, 8> digits;
    fmt::format_to_n(digits.begin(), digits.size(), "{:08x}", member.refnum);
    disk.serial.assign(digits.data(), digits.size());
    if (!healthy(member)) {
        disk.state = DiskState::Failed;
        return;
    }
    const PdBytes &pd = tables_.pds[static_cast<std::size_t>(member.entry)];
    const std::uint16_t type = pd.type.get();
    // One that was to be rebuilt, and the power went before a volume named it, holds nothing.
    const bool spare = (type & (kGlobalSpare | kDedicatedSpare)) || (pd.state.get() & kRebuilding);
    if (!member.present)
        disk.state = DiskState::Missing;
    else if (in_volume(member))
        disk.state = DiskState::Active;
    else  // without a word that it may be used, it is not
        disk.state = spare && !(type & (kForeign | kLegacy)) ? DiskState::Spare : DiskState::Failed;
}

void DdfMetadata::refresh_volume(std::size_t index)
{
    const Virtual &own = volumes_[index];
    const VdBytes &vd = tables_.vds[own.entry];
    Volume &volume = view_.volumes[index];
    if (volume.name.empty()) {  // what never changes
        volume.index = own.entry;
        volume.name = text_of(vd);
        if (volume.name.empty() || volume.name[0] == '.' || volume.name[0] == '-')
            volume.name = fmt::format("ddf{}{}", own.entry, volume.name);
        volume.uuid = volume_uuid(own);
        volume.shape = own.shape;
        volume.array_sectors = own.size;
        volume.refused = own.refused;
        volume.read_write = own.refused.empty();
        volume.readable = own.readable && !own.refused.empty();
    }
    volume.dirty = vd.state & kInconsistent;
    const std::uint8_t init = vd.init & kInitMask;
    volume.initialised = init == kInitDone;
    volume.activity = init == kInitRunning ? Activity::Init : Activity::None;
    volume.slots.resize(own.elements.size());
    volume.data_offset = own.elements.empty() ? 0 : start_of(own.elements[0]);
    const bool apart = std::ranges::any_of(own.elements, [&](const Element &e) { return start_of(e) != volume.data_offset; });
    for (std::size_t slot = 0; slot < volume.slots.size(); slot++) {
        const Element &element = own.elements[slot];
        const int disk = disk_of(refnum_of(element));
        const bool active = disk >= 0 && view_.disks[static_cast<std::size_t>(disk)].state == DiskState::Active;
        volume.slots[slot] = {.disk = disk, .in_sync = active && !element.out_of_sync};
        if (apart) {
            volume.slots[slot].data_offset = start_of(element);
            volume.slots[slot].data_sectors = own.shape.component_sectors;
        }
        if (active && element.out_of_sync)
            volume.activity = Activity::Rebuild;
    }
    volume.checkpoint = volume.activity == Activity::None ? 0 : own.checkpoint;
}

}  // namespace emd::ddf
