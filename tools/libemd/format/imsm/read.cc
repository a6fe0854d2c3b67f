// SPDX-License-Identifier: GPL-2.0-only
// From a medium to an MPB.
#include "libemd/format/imsm/metadata.h"

#include <algorithm>

namespace emd::imsm {

Result<> check_medium(const Medium &medium)
{
    if (medium.partition())
        return fail(Errc::Refused, "{} is a partition; IMSM lives on whole disks only", medium.path());
    if (medium.sector_bytes() != 512 && medium.sector_bytes() != 4096)
        return fail(Errc::Unsupported, "{} has sectors of {} bytes; IMSM knows 512 and 4096", medium.path(),
                    medium.sector_bytes());
    if (medium.size_bytes() / 512 <= kReserve)
        return fail(Errc::NoSpace, "{} is too small for IMSM, which keeps {} sectors for itself", medium.path(), kReserve);
    return {};
}

namespace {

std::uint64_t sector_from_end(const Medium &medium, std::uint64_t sectors)
{
    const std::uint64_t size = medium.sector_bytes();
    return (medium.size_bytes() / size - sectors) * size;
}

Result<std::vector<std::byte>> read_anchor(const Medium &medium)
{
    EMD_TRY(check_medium(medium));
    std::vector<std::byte> anchor(medium.sector_bytes());
    EMD_TRY(medium.read(sector_from_end(medium, 2), anchor));
    return anchor;
}

}  // namespace

Result<std::vector<std::byte>> read_mpb_bytes(const Medium &medium)
{
    std::vector<std::byte> image = EMD_TRY(read_anchor(medium));
    const HeaderBytes header = EMD_TRY(decode_header(image).within(medium.path()));
    const std::size_t sector = medium.sector_bytes();
    const std::size_t sectors = (header.mpb_size.get() + sector - 1) / sector;
    if (sectors > medium.size_bytes() / sector - 2)
        return fail(Errc::Corrupt, "{}: IMSM metadata of {} bytes does not fit", medium.path(), header.mpb_size.get());
    image.resize(sectors * sector);
    if (sectors > 1)
        EMD_TRY(medium.read(sector_from_end(medium, 1 + sectors), MutableBytes(image).subspan(sector)));
    return image;
}

Result<Found> read_mpb(const Medium &medium)
{
    const std::vector<std::byte> image = EMD_TRY(read_mpb_bytes(medium));
    Found found{.header = EMD_TRY(decode_header(image)), .mpb = std::nullopt};
    const std::size_t size = found.header.mpb_size.get();
    if (size > medium.sector_bytes() && checksum(Bytes(image).first(size)) != found.header.check_sum.get()) {
        found.torn = true;
        return found;
    }
    found.mpb = EMD_TRY(decode_mpb(image, medium.sector_bytes()).within(medium.path()));
    if (found.mpb->devs.empty() && found.mpb->disks.empty())
        return fail(Errc::Corrupt, "{}: IMSM metadata that lists no disk", medium.path());
    return found;
}

Result<std::vector<std::byte>> read_record_sector(const Medium &medium)
{
    std::vector<std::byte> sector(medium.sector_bytes());
    EMD_TRY(medium.read(sector_from_end(medium, 1), sector));
    return sector;
}

}  // namespace emd::imsm
