// SPDX-License-Identifier: GPL-2.0-only
//
// Theory
//
// A write of metadata may be cut short anywhere, so the order of its parts decides what a later reader can know. Images
// of a phase are written together and flushed before the next phase begins:
//
//   0, 1   migration record on the drive of slot 0, then of slot 1. One of them is whole at every instant; what the one
//          says and what the other says are both true then, because nobody acts on the newer before both are durable.
//          Before the MPB: when a migration begins, no reader sees it announced without its record.
//   2, 3   extension, then anchor of the MPB on one drive, the lead.
//   4, 5   the same on all others. An MPB of several sectors with a new extension and an old anchor is unreadable; with
//          the lead alone first there is always a drive that holds a whole one, old or new.
//   6      zeros over the record where no migration runs: after the MPB, which announced the migration until then.
//
// A change that only moves the record (a checkpoint, a backup) writes phases 0 and 1 alone and is no new generation: the
// record is authoritative, and the MPB's own copy of the unit follows with its next write.
#include "libemd/format/imsm/metadata.h"

#include <algorithm>

namespace emd::imsm {

namespace {

enum Phase : unsigned {
    kRecord0,
    kRecord1,
    kLeadExtension,
    kLeadAnchor,
    kExtension,
    kAnchor,
    kRecordZero,
};

bool is_anchor(unsigned phase) { return phase == kLeadAnchor || phase == kAnchor; }
bool is_extension(unsigned phase) { return phase == kLeadExtension || phase == kExtension; }

constexpr std::size_t kBadLogRoom = sizeof(BadLogBytes) + kMaxBadEntries * sizeof(BadEntryBytes);

std::size_t round_up(std::size_t bytes, unsigned unit) { return (bytes + unit - 1) / unit * unit; }

void set_bit(std::uint32_t &word, std::uint32_t bit, bool value) { word = value ? word | bit : word & ~bit; }

std::uint32_t level_attributes(const Mpb &mpb)
{
    std::uint32_t bits = 0;
    for (const Dev &dev : mpb.devs)
        switch (level_of(dev.map0)) {
        case 0: bits |= kAttrRaid0; break;
        case 1: bits |= kAttrRaid1; break;
        case 5: bits |= kAttrRaid5; break;
        case 10: bits |= dev.map0.members() > 4 ? kAttrRaid10 | kAttrRaid10Wide : std::uint32_t{kAttrRaid10}; break;
        }
    return bits;
}

// Bits that say what the tables hold. Containers of older tools (every version but kNewVersion) carry no bits for levels,
// and the version is never changed: it takes part in deciding which drives belong together.
void set_attributes(Mpb &mpb, unsigned sector_bytes)
{
    const auto large = [&](std::uint64_t sectors) { return sectors / (sector_bytes / 512) >> 32 != 0; };
    std::uint32_t &bits = mpb.attributes;
    set_bit(bits, kAttrBadBlocks, !mpb.bad.empty());
    set_bit(bits, kAttrDisk2Tb, std::ranges::any_of(mpb.disks, large, &DiskEntry::sectors));
    set_bit(bits, kAttrVolume2Tb, std::ranges::any_of(mpb.devs, large, &Dev::size));
    if (mpb.version() == kNewVersion && !mpb.devs.empty())
        bits = (bits & ~kAttrLevels) | level_attributes(mpb);
}

}  // namespace

bool ImsmMetadata::writable(const Member &member) const
{
    if (!member.present || member.failed)
        return false;
    return member.entry < 0 || !(mpb_.disks[static_cast<std::size_t>(member.entry)].status & kDiskFailed);
}

// The drive that gets the MPB before all others.
int ImsmMetadata::lead_disk() const
{
    for (std::size_t disk = 0; disk < members_.size(); disk++)
        if (members_[disk].entry >= 0 && writable(members_[disk]))
            return static_cast<int>(disk);
    return -1;
}

// 0 or 1 when `disk` carries the record of the running migration, else -1.
int ImsmMetadata::record_slot(int disk) const
{
    const Dev *dev = general_migration();
    const int entry = members_[static_cast<std::size_t>(disk)].entry;
    if (!dev || !record_ || entry < 0)
        return -1;
    for (int slot = 0; slot < 2 && slot < static_cast<int>(dev->map0.members()); slot++)
        if (ord_index(dev->map0.ord[static_cast<std::size_t>(slot)]) == entry)
            return slot;
    return -1;
}

void ImsmMetadata::reserve_scratch()
{
    // With a full log, however full it is now.
    const std::size_t log = mpb_.bad.empty() ? 0 : sizeof(BadLogBytes) + mpb_.bad.size() * sizeof(BadEntryBytes);
    scratch_.reserve(round_up(encoded_size(mpb_) - log + kBadLogRoom, sector_bytes_));
    mpb_.bad.reserve(2 * kMaxBadEntries);  // in clear_bad() what is left of entries stands beside them
    view_.bad.reserve(kMaxBadEntries);
}

// Per disk: extension (recorded disks), anchor, last sector. encode() sets phase and place.
std::vector<Image> ImsmMetadata::prepare() const
{
    std::vector<Image> images;
    for (std::size_t i = 0; i < members_.size(); i++) {
        const Member &member = members_[i];
        if (!writable(member))
            continue;
        const int disk = static_cast<int>(i);
        const auto add = [&](unsigned phase, std::size_t bytes, std::size_t room) {
            Image image;
            image.disk = disk;
            image.phase = phase;
            image.bytes.reserve(room);
            image.bytes.resize(bytes);
            images.push_back(std::move(image));
        };
        if (member.entry >= 0) {
            const std::size_t size = encoded_sectors(mpb_, sector_bytes_) * sector_bytes_;
            add(kExtension, size - sector_bytes_, round_up(encoded_size(mpb_) + kBadLogRoom, sector_bytes_));
        }
        add(kAnchor, sector_bytes_, sector_bytes_);
        add(kRecordZero, sector_bytes_, sector_bytes_);
    }
    return images;
}

void ImsmMetadata::encode(std::span<Image> images)
{
    const bool everything = !mpb_changed_ && !record_changed_;
    const bool write_mpb = everything || mpb_changed_;
    const bool write_record = everything || record_changed_;
    if (write_mpb && !mpb_.devs.empty()) {
        mpb_.generation++;
        if (mpb_.orig_family == 0)
            mpb_.orig_family = mpb_.family;
        set_attributes(mpb_, sector_bytes_);
    }
    scratch_.resize(encoded_sectors(mpb_, sector_bytes_) * sector_bytes_);
    encode_mpb(mpb_, scratch_, sector_bytes_);

    const int lead = lead_disk();
    const Bytes anchor = Bytes(scratch_).first(sector_bytes_), extension = Bytes(scratch_).subspan(sector_bytes_);
    for (Image &image : images) {
        image.active = false;
        const auto disk = static_cast<std::size_t>(image.disk);
        if (disk >= members_.size() || !writable(members_[disk]))
            continue;
        const Member &member = members_[disk];
        const std::uint64_t end = member.sectors * 512;
        const bool is_lead = image.disk == lead;

        if (is_extension(image.phase)) {
            image.phase = is_lead ? kLeadExtension : kExtension;
            image.bytes.assign(extension.begin(), extension.end());
            image.offset_bytes = end - 2 * sector_bytes_ - extension.size();
            image.active = write_mpb && member.entry >= 0 && !extension.empty();
        } else if (is_anchor(image.phase) && member.entry >= 0) {
            image.phase = is_lead ? kLeadAnchor : kAnchor;
            image.bytes.assign(anchor.begin(), anchor.end());
            image.offset_bytes = end - 2 * sector_bytes_;
            image.active = write_mpb;
        } else if (is_anchor(image.phase)) {
            image.phase = kAnchor;
            encode_spare(image);
        } else {
            encode_last(image);
            if (image.phase != kRecordZero)
                image.active = write_record;
        }
    }

    for (Image &image : images)
        if (image.active) {
            Member &member = members_[static_cast<std::size_t>(image.disk)];
            if (is_anchor(image.phase) && member.entry < 0)
                member.own_changed = false;
            if (is_anchor(image.phase))
                member.behind = false;
            if (image.phase <= kRecord1 || image.phase == kRecordZero)
                member.last_sector_clean = image.phase == kRecordZero;
        }
    mpb_changed_ = record_changed_ = false;
    view_.sequence = mpb_.generation;
    view_.uneven = uneven();
}

void ImsmMetadata::encode_spare(Image &image) const
{
    const Member &member = members_[static_cast<std::size_t>(image.disk)];
    image.offset_bytes = member.sectors * 512 - 2 * sector_bytes_;
    image.active = member.own_changed;
    if (image.active)  // then it is one of ours, and one sector long
        encode_mpb(member.own, image.bytes, sector_bytes_);
}

// The record, or zeros where it must not be and is not known to be gone.
void ImsmMetadata::encode_last(Image &image) const
{
    const Member &member = members_[static_cast<std::size_t>(image.disk)];
    image.offset_bytes = member.sectors * 512 - sector_bytes_;
    const int slot = record_slot(image.disk);
    if (slot >= 0) {
        image.phase = slot == 0 ? kRecord0 : kRecord1;
        encode_record(*record_, image.bytes, sector_bytes_);
        return;
    }
    image.phase = kRecordZero;
    std::ranges::fill(image.bytes, std::byte{0});
    image.active = !member.last_sector_clean && !general_migration();
}

}  // namespace emd::imsm
