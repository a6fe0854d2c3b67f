// SPDX-License-Identifier: GPL-2.0-only
#include "golden/volume_reader.h"

#include "libemd/model/geometry.h"

#include <algorithm>

namespace emd::golden {

VolumeReader::VolumeReader(const Volume &volume, std::function<const Medium *(int disk)> medium)
    : volume_(&volume), medium_(std::move(medium))
{
}

VolumeReader::Side VolumeReader::side_of(std::uint64_t sector) const
{
    const Side source{&volume_->shape, &volume_->slots, volume_->data_offset, ~0ULL};
    if (!volume_->reshape)
        return source;
    const ReshapeRecord &reshape = *volume_->reshape;
    if (sector < reshape.position)
        return {&reshape.target, &reshape.target_slots, volume_->data_offset, reshape.position, reshape.data_shift};
    const std::uint64_t unit_end = reshape.position + reshape.unit;
    if (!reshape.backup_live || sector >= unit_end)
        return source;
    // The copy of member sector (position / data disks) is the first of the area; unsigned arithmetic wraps back.
    const std::uint64_t first = reshape.position / data_disks(reshape.target);
    return {&reshape.target, &reshape.target_slots, reshape.backup_member_start - first, unit_end};
}

bool VolumeReader::usable(const Side &side, std::uint32_t slot) const
{
    const Slot &at = (*side.slots)[slot];
    return at.in_sync && medium_(at.disk);
}

std::uint64_t VolumeReader::start_of(const Side &side, const Slot &at)
{
    return at.data_sectors ? at.data_offset + static_cast<std::uint64_t>(side.shift) : side.base;
}

Result<> VolumeReader::read_member(const Side &side, std::uint32_t slot, std::uint64_t sector, MutableBytes out) const
{
    const Slot &at = (*side.slots)[slot];
    if (usable(side, slot))
        return medium_(at.disk)->read((start_of(side, at) + sector) * 512, out);
    return rebuild(side, slot, sector, out);
}

Result<> VolumeReader::rebuild(const Side &side, std::uint32_t slot, std::uint64_t sector, MutableBytes out) const
{
    const std::uint32_t n = side.shape->raid_disks;
    std::ranges::fill(out, std::byte{0});
    std::vector<std::byte> other(out.size());
    for (std::uint32_t i = 0; i < n; i++) {
        const bool mirror = side.shape->level == 1 || (side.shape->level == 10 && i / 2 == slot / 2);
        if (i == slot || (!mirror && side.shape->level != 5))
            continue;
        if (!usable(side, i)) {
            if (mirror)
                continue;
            return fail(Errc::Gone, "two members of a RAID5 are missing");
        }
        const Slot &at = (*side.slots)[i];
        EMD_TRY(medium_(at.disk)->read((start_of(side, at) + sector) * 512, other));
        if (mirror) {
            std::ranges::copy(other, out.begin());
            return {};
        }
        for (std::size_t k = 0; k < out.size(); k++)
            out[k] ^= other[k];
    }
    return side.shape->level == 5 ? Result<>{} : fail(Errc::Gone, "no copy of slot {} is left", slot);
}

Result<> VolumeReader::read(std::uint64_t sector, MutableBytes out) const
{
    while (!out.empty()) {
        const Side side = side_of(sector);
        const emd_geometry geometry = geometry_of(*side.shape);
        emd_place place{};
        emd_geometry_map(&geometry, sector, &place);
        const std::uint64_t sectors = std::min<std::uint64_t>({place.len, side.limit - sector, out.size() / 512});
        EMD_TRY(read_member(side, place.slot, place.sector, out.first(sectors * 512)));
        out = out.subspan(sectors * 512);
        sector += sectors;
    }
    return {};
}

}  // namespace emd::golden
