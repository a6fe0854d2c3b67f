// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/reshape/member_image.h"

#include <algorithm>
#include <cstring>

namespace emd::reshape {
namespace {

void xor_into(std::span<std::byte> to, std::span<const std::byte> from)
{
    std::size_t i = 0;
    for (; i + sizeof(std::uint64_t) <= to.size(); i += sizeof(std::uint64_t)) {
        std::uint64_t a, b;
        std::memcpy(&a, to.data() + i, sizeof a);
        std::memcpy(&b, from.data() + i, sizeof b);
        a ^= b;
        std::memcpy(to.data() + i, &a, sizeof a);
    }
    for (; i < to.size(); i++)
        to[i] ^= from[i];
}

}  // namespace

Result<> can_lay_out(const emd_geometry &geometry)
{
    if (geometry.nr_zones > 1 || (geometry.level != 0 && geometry.level != 4 && geometry.level != 5))
        return fail(Errc::Unsupported, "backups of a reshape to {} are not made here", level_word(geometry.level));
    const char *why = "";
    if (emd_geometry_validate(&geometry, &why) != 0)
        return fail(Errc::Invalid, "this is no geometry: {}", why);
    return {};
}

MemberImage lay_out(const emd_geometry &geometry, Range addresses, std::span<const std::byte> data)
{
    const std::uint64_t data_disks = emd_geometry_data_disks(&geometry);
    MemberImage image;
    image.first = addresses.begin / data_disks;
    image.sectors = addresses.size() / data_disks;
    for (std::uint32_t slot = 0; slot < geometry.raid_disks; slot++)
        image.slots.emplace_back(image.sectors * kSectorBytes);
    for (std::uint64_t at = addresses.begin; at < addresses.end;) {
        emd_place place;
        emd_geometry_map(&geometry, at, &place);
        const std::uint64_t run = std::min<std::uint64_t>(place.len, addresses.end - at);
        std::memcpy(image.slots[place.slot].span().data() + (place.sector - image.first) * kSectorBytes,
                    data.data() + (at - addresses.begin) * kSectorBytes, run * kSectorBytes);
        at += run;
    }
    set_parity(geometry, image);
    return image;
}

void set_parity(const emd_geometry &geometry, MemberImage &image)
{
    if (emd_geometry_parity_disks(&geometry) == 0)
        return;
    const std::uint64_t chunk_bytes = geometry.chunk_sectors * kSectorBytes;
    for (std::uint64_t done = 0; done < image.sectors; done += geometry.chunk_sectors) {
        const std::uint64_t row = (image.first + done) / geometry.chunk_sectors;
        const std::uint32_t p = emd_geometry_p_slot(&geometry, row);
        const auto piece = [&](std::uint32_t slot) {
            return image.slots[slot].span().subspan(done * kSectorBytes, chunk_bytes);
        };
        std::ranges::fill(piece(p), std::byte{0});
        for (std::uint32_t slot = 0; slot < geometry.raid_disks; slot++)
            if (slot != p)
                xor_into(piece(p), piece(slot));
    }
}

bool parity_consistent(const emd_geometry &geometry, const MemberImage &image)
{
    if (emd_geometry_parity_disks(&geometry) == 0)
        return true;
    Buffer sum(image.sectors * kSectorBytes);
    for (const Buffer &slot : image.slots)
        xor_into(sum.span(), slot.span());
    return std::ranges::all_of(sum.span(), [](std::byte b) { return b == std::byte{0}; });
}

void reconstruct(MemberImage &image, unsigned missing)
{
    std::span<std::byte> sum = image.slots[missing].span();
    std::ranges::fill(sum, std::byte{0});
    for (unsigned slot = 0; slot < image.slots.size(); slot++)
        if (slot != missing)
            xor_into(sum, image.slots[slot].span());
}

}  // namespace emd::reshape
