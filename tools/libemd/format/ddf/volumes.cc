// SPDX-License-Identifier: GPL-2.0-only
// From configuration records to volumes, and what forbids writing them.
#include "libemd/format/ddf/metadata.h"

#include <algorithm>

namespace emd::ddf {

namespace {

// Half of all that there is to say against a volume is in its entry.
Result<> check_entry(const VdBytes &vd)
{
    if ((vd.state & kStateMask) == kDeleted)
        return fail(Errc::Refused, "it is recorded as deleted");
    if (vd.state & kMorphing)
        return fail(Errc::Refused, "its shape is being changed by another implementation: let that finish it");
    if ((vd.init & kAccessMask) == kBlocked)
        return fail(Errc::Refused, "access to it is recorded as blocked: the controller's own tools can allow it");
    return {};
}

bool alike(const ConfigBytes &a, const ConfigBytes &b)
{
    return a.primary_count == b.primary_count && a.strip == b.strip && a.level == b.level && a.qualifier == b.qualifier &&
           a.secondary_count == b.secondary_count && a.secondary_level == b.secondary_level && a.blocks == b.blocks && a.size == b.size;
}

bool overlap(std::uint64_t a, std::uint64_t a_length, std::uint64_t b, std::uint64_t b_length)
{
    return a < b + b_length && b < a + a_length;
}

}  // namespace

// 0 stands for a member that was taken out.
int DdfMetadata::disk_of(std::uint32_t refnum) const
{
    if (refnum == 0)
        return -1;
    for (std::size_t i = 0; i < members_.size(); i++)
        if (members_[i].entry >= 0 && members_[i].refnum == refnum)
            return static_cast<int>(i);
    return -1;
}

void DdfMetadata::build_volumes()
{
    for (unsigned entry = 0; entry < tables_.vds.size(); entry++) {
        const VdBytes &vd = tables_.vds[entry];
        if (!vd_used(vd))
            continue;
        std::vector<std::size_t> own;
        for (std::size_t i = 0; i < basics_.size(); i++)
            if (basics_[i].vd == vd.guid)
                own.push_back(i);
        std::ranges::sort(own, {}, [this](std::size_t i) { return basics_[i].secondary(); });
        Virtual &volume = volumes_.emplace_back();
        volume.entry = entry;
        Result<> good = fill(volume, own);
        if (good)
            good = check_places(volume);
        if (good)
            good = check_apart(volume);
        if (good)
            good = check_entry(vd);
        if (!good) {
            volume.refused = good.error().text();
            volume.readable = false;
        } else if (!refused_.empty()) {
            volume.refused = refused_;
        } else if ((vd.init & kAccessMask) == kReadOnly) {
            volume.refused = "it is recorded as read-only: the controller's own tools can change that";
        }
    }
}

// Shape and slots. Error: they cannot be true, or EMD has no such arrays.
Result<> DdfMetadata::fill(Virtual &volume, const std::vector<std::size_t> &basics)
{
    if (basics.empty())
        return fail(Errc::Gone, "no disk that is here has a configuration record of it");
    const ConfigBytes first = basics_[basics[0]].record.head();
    volume.shape = EMD_TRY(shape_of(first, tables_.controller_head().guid));
    if (first.secondary_count > 1 && basics.size() != first.secondary_count)
        return fail(Errc::Gone, "the disks of {} of its {} mirrors are missing", first.secondary_count - std::min<std::size_t>(basics.size(), first.secondary_count),
                    first.secondary_count);
    if (first.secondary_count == 1 && basics.size() != 1)
        return fail(Errc::Corrupt, "it has {} configuration records that contradict each other", basics.size());
    for (std::size_t i = 0; i < basics.size(); i++) {
        const Basic &basic = basics_[basics[i]];
        if (!alike(basic.record.head(), first) || (first.secondary_count > 1 && basic.secondary() != i))
            return fail(Errc::Corrupt, "its configuration records contradict each other");
        if (basic.elements.size() != first.primary_count.get())
            return fail(Errc::Corrupt, "its configuration record names {} disks and counts {}", basic.elements.size(), first.primary_count.get());
        for (const unsigned element : basic.elements)
            volume.elements.push_back({basics[i], element, false});
    }
    const std::uint64_t room = array_sectors(volume.shape);
    if (first.size.get() == 0 || first.size.get() > room)
        return fail(Errc::Corrupt, "it is recorded with {} sectors, and its members have room for {}", first.size.get(), room);
    volume.size = first.size.get();
    return {};
}

// Each member's data is on the disk, apart from its structures.
Result<> DdfMetadata::check_places(const Virtual &volume) const
{
    bool apart = false;
    for (const Element &element : volume.elements) {
        const std::uint64_t start = start_of(element), blocks = blocks_of(element);
        if (start >= kMostSectors)
            return fail(Errc::Corrupt, "a member's data begins at sector {}", start);
        apart = apart || start != start_of(volume.elements[0]);
        const int disk = disk_of(refnum_of(element));
        if (disk < 0 || !members_[static_cast<std::size_t>(disk)].present)
            continue;
        const Member &member = members_[static_cast<std::size_t>(disk)];
        const std::uint64_t size = structure_sectors(member.header), secondary = member.header.secondary.get();
        if (start + blocks >= member.sectors || overlap(start, blocks, member.header.primary.get(), size) ||
            (secondary != kNone64 && overlap(start, blocks, secondary, size)))
            return fail(Errc::Corrupt, "its data on {} ends behind the end of the disk, or lies over the metadata", member.path);
    }
    if (apart && volume.shape.level == 0 && volume.size != array_sectors(volume.shape))
        return fail(Errc::Unsupported, "a RAID0 whose members begin at different places and are larger than the volume is not supported");
    return {};
}

// No sector of a disk belongs to two slots.
Result<> DdfMetadata::check_apart(const Virtual &volume) const
{
    for (std::size_t i = 0; i < volume.elements.size(); i++)
        for (std::size_t j = 0; j < i; j++)
            if (const std::uint32_t refnum = refnum_of(volume.elements[i]); refnum && refnum == refnum_of(volume.elements[j]))
                return fail(Errc::Corrupt, "two of its members are one disk");
    for (const Element &element : volume.elements)
        for (const Basic &other : basics_) {
            if (other.vd == basics_[element.basic].vd)
                continue;
            for (const unsigned e : other.elements)
                if (refnum_of(element) && other.record.refnum(e) == refnum_of(element) && other.record.start(e) < kMostSectors &&
                    other.record.head().blocks.get() < kMostSectors &&
                    overlap(start_of(element), blocks_of(element), other.record.start(e), other.record.head().blocks.get()))
                    return fail(Errc::Corrupt, "its data and that of another volume are at one place of a disk");
        }
    return {};
}

}  // namespace emd::ddf
