// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/imsm/imsm.h"
#include "libemd/format/imsm/metadata.h"

namespace emd::imsm {

Result<Probe> Imsm::probe(const Medium &medium) const
{
    if (medium.partition() || !check_medium(medium))
        return Probe{};
    const auto found = read_mpb(medium);
    if (!found)
        return found.error().code() == Errc::NotFound ? Result<Probe>(Probe{}) : tl::make_unexpected(found.error());

    // What the header says is enough, and of a torn MPB it is all there is.
    Mpb header;
    header.raw = found->header;
    header.family = header.raw.family_num.get();
    header.orig_family = header.raw.orig_family_num.get();
    header.devs.resize(header.raw.num_raid_devs);
    return Probe{.found = true, .container = container_uuid(header), .sequence = header.raw.generation_num.get()};
}

Result<std::unique_ptr<Metadata>> Imsm::load(std::span<const Medium *const> media) const
{
    return std::unique_ptr<Metadata>(EMD_TRY(load_container(media)));
}

Result<std::unique_ptr<Metadata>> Imsm::create(std::span<const Medium *const> media) const
{
    if (media.empty())
        return fail(Errc::Invalid, "a container needs at least one disk");
    std::vector<Member> members;
    for (const Medium *medium : media) {
        EMD_TRY(check_medium(*medium));
        if (medium->sector_bytes() != media[0]->sector_bytes())
            return fail(Errc::Refused, "{} and {} have sectors of different size and cannot be in one container",
                        media[0]->path(), medium->path());
        Member member;
        member.present = true;
        member.path = medium->path();
        member.dev = medium->dev();
        member.sectors = medium->size_bytes() / medium->sector_bytes() * (medium->sector_bytes() / 512);
        member.serial = EMD_TRY(serial_of(*medium));
        for (const Member &other : members)
            if (other.serial == member.serial)
                return fail(Errc::Refused, "{} and {} have the same serial number, {}", other.path, member.path,
                            text_of(member.serial));
        member.own = spare_mpb(member.serial, member.sectors, medium->sector_bytes());
        member.own_changed = true;
        members.push_back(std::move(member));
    }
    return std::unique_ptr<Metadata>(
        std::make_unique<ImsmMetadata>(empty_mpb(), std::move(members), std::nullopt, media[0]->sector_bytes(), ""));
}

// From the first sector of the extension to the end of the drive.
std::vector<std::pair<std::uint64_t, std::uint64_t>> Imsm::wipe_ranges(const Medium &medium) const
{
    if (!check_medium(medium))
        return {};
    const std::uint64_t sector = medium.sector_bytes(), end = medium.size_bytes() / sector * sector;
    std::uint64_t bytes = 2 * sector;
    if (const auto image = read_mpb_bytes(medium))
        bytes = sector + image->size();
    return {{end - bytes, bytes}};
}

const Format &imsm()
{
    static const Imsm format;
    return format;
}

}  // namespace emd::imsm
