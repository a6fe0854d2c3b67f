// SPDX-License-Identifier: GPL-2.0-only
//
// Theory
//
// Each disk has two structures, and a write of one may be cut short anywhere. So one is opened (its header says that it is
// being changed, and has the new number), then its sections are written, then it is closed, and only then the other one
// follows. Each step is flushed on all disks before the next. At every instant one of the two is closed and whole: the old
// one until the first is closed, then the first. Opening comes before the sections, because new sections of which each is
// whole, under a header that is closed, would look like one that is true.
//
// The peer writes the primary first. Where a cut has left the secondary open, or damaged, that one is first: the other is the
// only one that is whole.
//
//   0  header of the first, open      3  header of the second, open
//   1  its sections                   4  its sections
//   2  its header, closed             5  its header, closed, and the anchor, which says nothing that changes but the time
//
// Sections that are on a disk as they are to be are not written again. Nothing in them has the number of the change.
#include "libemd/format/ddf/metadata.h"

#include <algorithm>
#include <ctime>

namespace emd::ddf {

namespace {

enum Step : unsigned { kOpen, kBody, kClose, kSteps };

// In the order of Section.
constexpr unsigned kPerStructure = kMandatory + 2;

}  // namespace

std::uint32_t DdfMetadata::now() const
{
    const std::uint64_t seconds = static_cast<std::uint64_t>(std::time(nullptr)) - kEpoch;
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(seconds, tables_.header.timestamp.get()));
}

bool DdfMetadata::writable(const Member &member) const
{
    return refused_.empty() && member.present && healthy(member);
}

const Block &DdfMetadata::section_of(const Member &member, unsigned section) const
{
    switch (section) {
    case kController: return tables_.controller;
    case kPds: return tables_.pd_section;
    case kVds: return tables_.vd_section;
    case kConfigs: return member.configs;
    default: return member.own;
    }
}

// Per disk and structure: header, sections, header; then the anchor.
std::vector<Image> DdfMetadata::prepare() const
{
    std::vector<Image> images;
    for (std::size_t i = 0; i < members_.size(); i++) {
        const Member &member = members_[i];
        if (!writable(member))
            continue;
        const auto add = [&](std::uint64_t sector, std::size_t bytes) {
            Image image;
            image.disk = static_cast<int>(i);
            image.offset_bytes = sector * kSector;
            image.bytes.resize(bytes);
            images.push_back(std::move(image));
        };
        const bool single = member.header.secondary.get() == kNone64;
        for (const std::uint64_t lba : {member.header.primary.get(), single ? kNone64 : member.header.secondary.get()}) {
            if (lba == kNone64)
                continue;
            add(lba, kSector);
            for (unsigned section = 0; section < kMandatory; section++)
                add(lba + member.header.sections[section].offset.get(), section_of(member, section).size());
            add(lba, kSector);
        }
        add(member.sectors - 1, kSector);
    }
    return images;
}

// Without a change everything is written as it is. What changes nothing that has a place on the disks (how far a rebuild is)
// writes the anchors, which are as they were.
void DdfMetadata::encode(std::span<Image> images)
{
    const bool everything = !applied_;
    if (changed_) {
        sequence_++;
        tables_.header.timestamp = now();
    }
    if (pds_changed_)
        encode_pds(tables_.pds, tables_.pd_section);
    if (vds_changed_)
        encode_vds(tables_.vds, tables_.vd_section);
    for (std::size_t i = 0; i < images.size();) {
        const int disk = images[i].disk;
        std::size_t end = i;
        while (end < images.size() && images[end].disk == disk)
            end++;
        encode_disk(static_cast<std::size_t>(disk), images.subspan(i, end - i), everything);
        i = end;
    }
    applied_ = changed_ = pds_changed_ = vds_changed_ = false;
    view_.sequence = sequence_;
    view_.uneven = uneven();
}

void DdfMetadata::encode_disk(std::size_t disk, std::span<Image> images, bool everything)
{
    for (Image &image : images)
        image.active = false;
    if (disk >= members_.size() || !writable(members_[disk]))
        return;
    Member &member = members_[disk];
    const bool whole = everything || member.behind;
    const std::array<bool, kMandatory> changed{whole, whole || pds_changed_, whole || vds_changed_, whole || member.configs_changed, whole};
    const auto header = [&](Image &image, HeaderType type, bool open) {
        HeaderBytes h = member.header;
        h.timestamp = tables_.header.timestamp;
        h.type = type;
        h.sequence = type == kAnchor ? kNone32 : sequence_;
        h.open = type == kAnchor ? 0xff : open;
        [[maybe_unused]] const bool fits = write_at(image.bytes, 0, h);
        seal(image.bytes);
        image.active = true;
    };
    const std::size_t structures = images.size() / kPerStructure;  // 1 or 2
    for (std::size_t n = 0; n < structures && (whole || changed_); n++) {
        const auto part = images.subspan(n * kPerStructure, kPerStructure);
        const auto type = n == 0 ? kPrimary : kSecondary;
        const bool first = structures == 1 || (type == kSecondary) == member.secondary_first;
        for (Image &image : part)
            image.phase = kBody + (first ? 0u : kSteps);
        part.front().phase -= kBody - kOpen;
        part.back().phase += kClose - kBody;
        header(part.front(), type, true);
        header(part.back(), type, false);
        for (unsigned section = 0; section < kMandatory; section++) {
            part[1 + section].active = changed[section];
            if (changed[section])
                std::ranges::copy(section_of(member, section), part[1 + section].bytes.begin());
        }
    }
    images.back().phase = static_cast<unsigned>(2 * kSteps - 1);
    header(images.back(), kAnchor, false);
    if (whole || changed_)
        member.behind = member.configs_changed = member.secondary_first = false;
}

}  // namespace emd::ddf
