// SPDX-License-Identifier: GPL-2.0-only
// An array's bitmap: where it is, what its superblock has to say, and members that come back by it. bitmap.h has the Theory.
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"

#include <algorithm>
#include <emd/emd.h>
#include <tuple>

namespace emd::md {

namespace {

constexpr const char *kRemedy = "mdadm --assemble --update=no-bitmap removes it";
constexpr std::uint64_t kMostRegions = 1ull << 22;  // as many as the kernel takes

bool holds_bits(const Member &member)
{
    return member.state == Member::State::Active && member.writable();
}

Result<Bitmap> find_bitmap(const V1 &first, const Shape &shape, const std::vector<Member> &members, const std::vector<const Medium *> &media)
{
    std::optional<Bitmap> best;
    std::optional<Error> trouble;
    std::optional<std::pair<std::int64_t, const Member *>> place;
    unsigned block = 512;
    for (std::size_t i = 0; i < members.size(); i++) {
        const Member &member = members[i];
        if (!member.writable() || !media[i])
            continue;
        const std::int64_t sector = static_cast<std::int64_t>(member.record_sector) + first.bitmap_offset;
        if (place && place->first != sector)
            return fail(Errc::Unsupported, "its bitmap lies at sector {} of {} and at sector {} of {}, and EMD keeps it at one place of all", place->first,
                        place->second->path, sector, member.path);
        place = {sector, &member};
        block = std::max(block, member.sector_bytes);
        if (!holds_bits(member))
            continue;
        if (sector <= 0 || static_cast<std::uint64_t>(sector) + 8 > member.sectors)
            return fail(Errc::Corrupt, "its bitmap, at sector {} of {}, does not lie on the disk", sector, member.path);
        const auto bytes = read_block(*media[i], static_cast<std::uint64_t>(sector));
        auto copy = bytes ? decode_bitmap(*bytes, head_of(member.block).array) : Result<Bitmap>(tl::make_unexpected(bytes.error()));
        if (!copy) {
            trouble = copy.error();
            continue;
        }
        // It is one ahead of the superblocks at most; one that is more comes from another life of its disk.
        copy->behind = copy->behind || copy->events > first.events + 1;
        // Bits of all that are in sync are taken together: one of them that was kept is enough.
        const std::uint64_t cleared = std::max(copy->cleared, best ? best->cleared : 0);
        if (!best || (best->behind && !copy->behind) || (best->behind == copy->behind && copy->events > best->events))
            best = std::move(*copy);
        best->cleared = cleared;
        best->sector = static_cast<std::uint64_t>(sector);
    }
    if (!best)
        return trouble ? Result<Bitmap>(tl::make_unexpected(*trouble)) : fail(Errc::NotFound, "no member in sync is here that has its bitmap");
    const std::uint64_t regions = bitmap_regions(shape, best->chunk_bytes);
    if (regions > kMostRegions)
        return fail(Errc::Unsupported, "its bitmap has {} regions, and EMD takes {}", regions, kMostRegions);
    if (best->regions() < regions)
        return fail(Errc::Corrupt, "its bitmap has {} regions, and {} are needed", best->regions(), regions);
    for (const Member &member : members)
        if (member.writable())
            EMD_TRY(check_place(member, "bitmap", static_cast<std::int64_t>(best->sector), bitmap_sectors(regions, block), shape.component_sectors));
    best->behind = best->behind || best->events < first.events;
    return std::move(*best);
}

}  // namespace

std::vector<Piece> pieces_of(const Member &member, std::uint64_t component)
{
    const auto record = static_cast<std::int64_t>(member.record_sector), data = static_cast<std::int64_t>(member.data_offset);
    std::vector<Piece> all{{"superblock", record, record + static_cast<std::int64_t>(kBlockBytes / 512)},
                           {"data", data, data + static_cast<std::int64_t>(component)}};
    const V1Bytes raw = head_of(member.block);
    const std::int64_t log = record + static_cast<std::int32_t>(raw.bad_offset.get());
    if (raw.bad_sectors.get())
        all.push_back({"list of bad blocks", log, log + raw.bad_sectors.get()});
    return all;
}

Result<> check_place(const Member &member, const char *what, std::int64_t begin, std::uint64_t sectors, std::uint64_t component)
{
    const std::int64_t end = begin + static_cast<std::int64_t>(sectors);
    if (begin <= 0 || static_cast<std::uint64_t>(end) > member.sectors)
        return fail(Errc::Corrupt, "its {}, at sector {} of {}, does not lie on the disk", what, begin, member.path);
    for (const Piece &piece : pieces_of(member, component))
        if (begin < piece.end && end > piece.begin)
            return fail(Errc::Corrupt, "its {}, at sectors {} to {} of {}, lies over the {}", what, begin, end, member.path, piece.what);
    return {};
}

FoundBitmap load_bitmap(const V1 &first, const Shape &shape, const std::vector<Member> &members, const std::vector<const Medium *> &media)
{
    if (!redundant(shape.level))
        return {std::nullopt, fmt::format("it has a write-intent bitmap, which is of no use to {}: {}", level_word(shape.level), kRemedy)};
    auto found = find_bitmap(first, shape, members, media);
    if (!found)
        return {std::nullopt, fmt::format("{}: {}", found.error().text(), kRemedy)};
    return {std::move(*found), {}};
}

// -- what is written of it -----------------------------------------------------------------------------------------------

std::optional<BitmapHead> MdMetadata::bitmap_head(unsigned volume) const
{
    if (volume != 0 || !bitmap_ || !refused_.empty())
        return std::nullopt;
    return md::bitmap_head(*bitmap_, record_.events + events_);
}

Image MdMetadata::bitmap_image(std::size_t disk) const
{
    Image image;
    image.disk = static_cast<int>(disk);
    image.offset_bytes = bitmap_->sector * 512;
    image.bytes = full_bitmap(*bitmap_, shape_, record_.events, members_[disk].sector_bytes);
    return image;
}

// False: it is no image of the bitmap. Its superblock goes with those that are written in the same turn. What has been stored is the
// kernel's, who has changed it since.
bool MdMetadata::fill_bitmap(Image &image) const
{
    if (image.offset_bytes == members_[static_cast<std::size_t>(image.disk)].record_sector * 512)
        return false;
    image.active = bitmap_ && bitmap_->fresh && image.offset_bytes == bitmap_->sector * 512;
    if (image.active)
        std::ranges::copy(md::bitmap_head(*bitmap_, record_.events), image.bytes.begin());
    return true;
}

void MdMetadata::stored()
{
    if (bitmap_)
        bitmap_->fresh = false;
    for (Member &member : members_)
        member.joining = false;
}

// -- changes -------------------------------------------------------------------------------------------------------------

Result<> MdMetadata::on(const change::BitmapComplete &change)
{
    EMD_TRY(check_volume(change.volume));
    if (!bitmap_)
        return fail(Errc::Refused, "the array has no bitmap");
    for (std::uint32_t slot = 0; slot < shape_.raid_disks; slot++)
        if (std::ranges::none_of(members_, [&](const Member &m) { return m.slot == static_cast<int>(slot) && holds_bits(m); }))
            return fail(Errc::Refused, "member {} is missing or not in sync: the bits are needed", slot);
    bitmap_->cleared = record_.events;
    return {};
}

Result<> MdMetadata::on(const change::BitmapReset &change)
{
    EMD_TRY(check_volume(change.volume));
    if (!bitmap_)
        return fail(Errc::Refused, "the array has no bitmap");
    bitmap_->behind = false;
    bitmap_->fresh = true;
    return {};
}

// -- members that come back ------------------------------------------------------------------------------------------------

Result<> MdMetadata::check_return(const change::MemberReturned &change) const
{
    if (!bitmap_)
        return fail(Errc::Refused, "{} cannot come back with its data: there is no bitmap that knows what it has missed", change.disk.path);
    if (change.slot >= shape_.raid_disks)
        return fail(Errc::Invalid, "the array has no slot {}", change.slot);
    // The progress of a rebuild is recorded for all who are being rebuilt.
    if (recovering())
        return fail(Errc::Refused, "{} cannot come back with its data before the rebuild that is under way has ended", change.disk.path);
    const auto taken = [&](const Member &m) { return m.placed() && m.slot == static_cast<int>(change.slot) && m.state != Member::State::Missing; };
    if (std::ranges::any_of(members_, taken))
        return fail(Errc::Refused, "{} cannot come back with its data: another disk has its place, {}, by now", change.disk.path, change.slot);
    if (change.events < bitmap_->cleared)
        return fail(Errc::Refused, "{} cannot come back with its data: it was away for too long (its events are {}, and bits were taken back at {})",
                    change.disk.path, change.events, bitmap_->cleared);
    if (change.events > record_.events || bitmap_->behind)
        return fail(Errc::Refused, "{} cannot come back with its data: the bitmap does not know what it has missed", change.disk.path);
    return {};
}

Result<change::MemberReturned> MdMetadata::returning(const Medium &medium) const
{
    const Superblock found = EMD_TRY(read_superblock(medium));
    const V1 *own = std::get_if<V1>(&found), *first = v1();
    const auto no = [&](const std::string &why) { return fail(Errc::Refused, "{} cannot come back with its data: {}", medium.path(), why); };
    if (!own || !first || own->array != first->array || own->minor != first->minor)
        return no("it is no former member of the array");
    if (own->role() >= shape_.raid_disks || own->features & (kRecovery | kReplacement | kReshape))
        return no("it was not in sync when it left");
    const auto shape = [](const V1 &sb) { return std::tie(sb.level, sb.layout, sb.chunk_sectors, sb.raid_disks, sb.size, sb.ctime); };
    if (shape(*own) != shape(*first))
        return no("the array had another shape when it left");
    if (!own->bad.empty())
        return no("it has bad blocks");
    // It did not go on alone: then it would have given up the others, and its data be other than theirs without a bit saying so.
    for (const Member &m : members_)
        if (m.state == Member::State::Active && (m.number >= own->roles.size() || own->roles[m.number] != m.slot))
            return no("it does not know the members that there are now");
    change::MemberReturned change;
    change.slot = own->role();
    change.events = own->events;
    change.data_offset = own->data_offset;
    change.disk.path = medium.path();
    change.disk.dev = medium.dev();
    change.disk.present = true;
    change.disk.sectors = medium.size_bytes() / 512;
    change.disk.sector_bytes = medium.sector_bytes();
    EMD_TRY(check_return(change));
    return change;
}

Result<> MdMetadata::on(const change::MemberReturned &change)
{
    EMD_TRY(check_volume(change.volume));
    EMD_TRY(check_return(change));
    Member member = EMD_TRY(new_member(change.disk));
    if (member.data_offset != change.data_offset)
        return fail(Errc::Refused, "{} cannot come back with its data: that lies at sector {}, and those of the others at {}", change.disk.path,
                    change.data_offset, member.data_offset);
    std::erase_if(members_, [&](const Member &m) { return m.state == Member::State::Missing && m.slot == static_cast<int>(change.slot); });
    member.state = Member::State::Recovering;
    member.slot = static_cast<int>(change.slot);
    member.recovered = 0;
    member.returning = true;
    return enroll(std::move(member));
}

}  // namespace emd::md
