// SPDX-License-Identifier: GPL-2.0-only
// The array in words that no format owns: a container with one volume. Rebuilt after every change, in place: once the numbers
// of disks and slots are settled, nothing here allocates.
#include "libemd/format/md/metadata.h"

#include <algorithm>
#include <cctype>
#include <emd/emd.h>

namespace emd::md {

// In force, with whole chunks of each member.
Shape settled(const Superblock &sb, const std::vector<Member> &members)
{
    Shape shape = shape_of(std::visit([](const auto &s) -> const Common & { return s; }, sb));
    if (!shape.component_sectors) {  // RAID0 and linear: each has what it has
        for (const Member &m : members)
            if (m.placed() && m.present && (!shape.component_sectors || m.data_sectors < shape.component_sectors))
                shape.component_sectors = m.data_sectors;
    }
    if (shape.chunk_sectors && shape.level != 1)
        shape.component_sectors -= shape.component_sectors % shape.chunk_sectors;
    if (shape.level == 1)
        shape.chunk_sectors = 0;
    if (shape.level == 1 || shape.level == 4 || shape.level == EMD_LEVEL_LINEAR)
        shape.layout = 0;
    // Before there was a place for it md ignored what stands there.
    const V1 *v1 = std::get_if<V1>(&sb);
    if (shape.level == 0 && !(v1 && v1->features & kRaid0Layout))
        shape.layout = 0;
    return shape;
}

Shape settled_target(const Common &sb, const Shape &now)
{
    Shape to = target_of(sb);
    to.component_sectors = rounded_size(now.component_sectors, to.level, to.chunk_sectors);
    if (to.level == 1)
        to.chunk_sectors = 0;
    if (to.level == 1 || to.level == 4)
        to.layout = 0;
    return to;
}

// "host:vol" is vol; without a name it is a number, and 0.90 has the number alone.
std::string volume_name(const Superblock &sb)
{
    std::string name;
    if (const V1 *v1 = std::get_if<V1>(&sb))
        name = v1->name.substr(v1->name.find(':') + 1);  // npos + 1 is the front
    else
        name = fmt::to_string(std::get<V090>(sb).md_minor);
    std::ranges::replace_if(name, [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != '_' && c != '-'; }, '_');
    const bool number = std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c); });
    return number || name[0] == '.' || name[0] == '-' ? "md" + name : name;
}

MdMetadata::MdMetadata(Superblock first, Record record, std::vector<Member> members, std::optional<Bitmap> bitmap,
                       std::optional<ParityLogPlace> log, std::string refused, bool readable)
    : first_(std::move(first)), record_(std::move(record)), members_(std::move(members)), bitmap_(std::move(bitmap)),
      log_(std::move(log)), refused_(std::move(refused)), readable_(readable)
{
    settle_shapes();
    // One without redundancy is written once. If not all have the same, that was the end of a reshape, and it was cut short.
    reshaped_ = common().reshape || (!record_.redundant && std::ranges::any_of(members_, [](const Member &m) { return m.placed() && m.writable() && m.behind; }));
    taken_over_ = std::ranges::any_of(members_, &Member::retold);
    refresh();
}

const Common &MdMetadata::common() const
{
    return std::visit([](const auto &sb) -> const Common & { return sb; }, first_);
}

void MdMetadata::refresh()
{
    view_.format = v1() ? FormatId::Md1 : FormatId::Md090;
    view_.uuid = common().array;
    view_.sequence = record_.events;
    view_.uneven = recorded() && std::ranges::any_of(members_, [](const Member &m) { return m.writable() && m.behind; });
    if (view_.spec_version.empty())
        view_.spec_version = std::visit([](const auto &sb) { return version_text(sb); }, first_);
    view_.disks.resize(members_.size());
    for (std::size_t disk = 0; disk < members_.size(); disk++)
        refresh_disk(disk);
    refresh_volume();
    refresh_bad();
}

void MdMetadata::refresh_disk(std::size_t index)
{
    const Member &member = members_[index];
    Disk &disk = view_.disks[index];
    disk.sectors = member.sectors;
    disk.present = member.present;
    disk.dev = member.dev;
    disk.path.assign(member.path);
    disk.sector_bytes = member.sector_bytes;
    switch (member.state) {
    case Member::State::Active:
    case Member::State::Recovering: disk.state = DiskState::Active; break;
    case Member::State::Spare: disk.state = DiskState::Spare; break;
    case Member::State::Missing: disk.state = DiskState::Missing; break;
    case Member::State::Failed: disk.state = DiskState::Failed; break;
    }
}

void MdMetadata::refresh_volume()
{
    if (view_.volumes.empty()) {
        Volume &fresh = view_.volumes.emplace_back();
        fresh.name = volume_name(first_);
        fresh.uuid = common().array;
        fresh.refused = refused_;
        fresh.read_write = refused_.empty();
        fresh.readable = readable_;
        fresh.parity_log = log_;
        fresh.consistency = std::visit([](const auto &sb) { return record_of(sb).consistency; }, first_);
    }
    Volume &volume = view_.volumes[0];
    volume.shape = shape_;
    volume.slots.resize(shape_.raid_disks);
    std::ranges::fill(volume.slots, Slot{});
    volume.activity = record_.resync == kInSync ? Activity::None : Activity::Repair;
    volume.checkpoint = record_.resync == kInSync ? 0 : record_.resync;
    volume.dirty = record_.written;
    volume.bitmap.reset();
    refresh_log(volume);
    if (bitmap_)
        volume.bitmap = BitmapPlace{bitmap_->sector, bitmap_->chunk_bytes, bitmap_->sleep, bitmap_->behind};
    const bool uniform = redundant(shape_.level) || common().reshape;  // else each member gives what it has
    volume.array_sectors = uniform ? array_sectors(shape_) : 0;
    bool first = true;
    for (std::size_t i = 0; i < members_.size(); i++) {
        const Member &member = members_[i];
        if (!member.placed() || static_cast<std::uint32_t>(member.slot) >= shape_.raid_disks)
            continue;
        const std::uint64_t sectors = uniform ? shape_.component_sectors : member.data_sectors;
        volume.slots[static_cast<std::size_t>(member.slot)] = {.disk = static_cast<int>(i),
                                                              .in_sync = member.state == Member::State::Active,
                                                              .data_offset = member.data_offset,
                                                              .data_sectors = sectors,
                                                              .returning = member.returning};
        if (!uniform)
            volume.array_sectors += shape_.chunk_sectors ? sectors - sectors % shape_.chunk_sectors : sectors;
        if (member.present && (first || member.data_offset < volume.data_offset)) {
            volume.data_offset = member.data_offset;
            first = false;
        }
        if (member.state == Member::State::Recovering) {
            volume.checkpoint = volume.activity == Activity::Rebuild ? std::min(volume.checkpoint, member.recovered) : member.recovered;
            volume.activity = Activity::Rebuild;
        }
    }
    refresh_reshape(volume);
}

}  // namespace emd::md
