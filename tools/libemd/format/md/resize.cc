// SPDX-License-Identifier: GPL-2.0-only
// How much of each member an array of md 1.x uses: more, where members have room behind their data, or less.
//
// Theory
//
// Nothing moves: what both sizes have is in the same place. So, as with a takeover, this is one event without a state of its own: the freshest
// superblock decides for all, and who is one event behind with the other size holds the same data. What is new on the members agrees with
// nothing, so the record that makes them larger also says that a resync is due from there on. It is on all of them before the kernel is told; the
// kernel makes them smaller before the record does.
//
// RAID10 with far copies has them at a place that depends on the size. RAID0 and linear have no common size: they use all of each.
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/model/geometry.h"

#include <algorithm>
#include <core/emd_raid10.h>
#include <emd/emd.h>

namespace emd::md {

namespace {

constexpr std::uint64_t kBlockSectors = 8;
constexpr std::uint64_t kLogSectors = 8;  // that md leaves in front of a superblock at the end, for bad blocks

std::uint64_t far_copies(const Shape &shape)
{
    const emd_geometry geometry = geometry_of(shape);
    return shape.level == 10 ? emd_raid10_far(&geometry) : 1;
}

// Copies that lie in another part of the members.
bool far_away(const Shape &shape) { return far_copies(shape) > 1 && !(shape.layout & EMD_LAYOUT_RAID10_OFFSET); }

// Whole chunks, of which the copies that follow them are a part, or whole blocks.
std::uint64_t whole(const Shape &shape, std::uint64_t sectors)
{
    const std::uint64_t unit = shape.level == 1 ? kBlockSectors : shape.chunk_sectors * far_copies(shape);
    return unit ? sectors - sectors % unit : sectors;
}

// The first row of which something is new: a copy of it may be in the last of the old rows.
std::uint64_t first_new_row(const Shape &shape)
{
    const std::uint64_t back = shape.level == 10 ? shape.chunk_sectors * far_copies(shape) : 0;
    return shape.component_sectors - std::min(back, shape.component_sectors);
}

void put_size(Member &member, std::uint64_t size)
{
    V1Bytes raw = head_of(member.block);
    raw.size = size;
    raw.data_size = member.data_sectors;
    seal(member.block, raw);
}

// From the data on up to what something else has; `reserve` sectors in front of a superblock at the end are left alone.
std::uint64_t room_up_to(const Member &member, std::uint64_t reserve)
{
    const V1Bytes raw = head_of(member.block);
    const auto data = static_cast<std::int64_t>(member.data_offset), record = static_cast<std::int64_t>(member.record_sector);
    std::vector<Piece> pieces = pieces_of(member, 0);
    const std::uint32_t place = raw.bitmap_offset.get();
    // How long a bitmap is does not matter: what lies behind it is not reached.
    if (raw.features.get() & kBitmap)
        pieces.push_back({"bitmap", record + static_cast<std::int32_t>(place), record + static_cast<std::int32_t>(place) + 1});
    if (raw.features.get() & (kPpl | kMultiplePpl))
        pieces.push_back({"partial parity log", record + static_cast<std::int16_t>(place & 0xffff),
                          record + static_cast<std::int16_t>(place & 0xffff) + static_cast<std::int64_t>(place >> 16)});
    if (record > data)
        pieces.push_back({"reserve", record - static_cast<std::int64_t>(reserve), record});
    auto end = static_cast<std::int64_t>(member.sectors);
    for (const Piece &piece : pieces)
        if (piece.end > data)
            end = std::min(end, std::max(piece.begin, data));
    return end > data ? static_cast<std::uint64_t>(end - data) : 0;
}

}  // namespace

std::uint64_t room_for_data(const Member &member)
{
    const bool at_end = member.record_sector > member.data_offset;
    const std::uint64_t reserve = at_end ? bitmap_room(member.sectors, true) + kLogSectors : 0;
    // What it says itself it has, also where more would be left alone today.
    return std::max(std::min(room_up_to(member, 0), member.data_sectors), room_up_to(member, reserve));
}

bool resized(const Common &own, const Common &first)
{
    if (own.reshape || first.reshape || own.ctime != first.ctime || own.events + 1 != first.events || !redundant(first.level))
        return false;
    Shape was = shape_of(own);
    was.component_sectors = first.size;
    return own.size != first.size && was == shape_of(first);
}

void follow_resize(Member &member, std::uint64_t size)
{
    const std::uint64_t room = room_for_data(member);
    if (member.data_sectors >= size || room < size)
        return;
    member.data_sectors = room;
    put_size(member, size);
}

// Is it something that can have another size now?
Result<> MdMetadata::check_resize() const
{
    const std::string &name = view_.volumes[0].name;
    const auto refuse = [&](std::string_view why) { return fail(Errc::Refused, "{}: {}", name, why); };
    if (!v1())
        return fail(Errc::Unsupported, "{}: EMD changes the size per disk with superblocks 1.x: stop it, and let mdadm --grow --size do that", name);
    if (common().reshape)
        return fail(Errc::Busy, "{} is being reshaped: emdadm --wait waits for its end", name);
    if (!redundant(shape_.level))
        return refuse(fmt::format("{} uses all of each member, and has no common size: {}", level_word(shape_.level),
                                  shape_.level == 0 ? "make it RAID5 first, with --level=5, or a new array, and copy the data"
                                                    : "make a new array, and copy the data"));
    if (far_away(shape_))
        return refuse("where its far copies lie depends on the size per disk, and they would have to move: make a new array, and copy the data");
    if (bitmap_)
        return refuse("its bitmap fits one size alone: emdadm --grow --bitmap=none takes it away, and --bitmap=internal brings it back afterwards");
    if (log_)
        return refuse("its partial parity log belongs to the size that it has: stop it, and emdadm --assemble --update=no-ppl does without");
    if (recovering())
        return fail(Errc::Busy, "{} is being rebuilt: emdadm --wait waits for its end", name);
    return {};
}

// Does each member hold so much? Also the spares: one that does not could not be used any more.
Result<> MdMetadata::check_rooms(std::uint64_t size) const
{
    for (const Member &m : members_) {
        if (!m.writable())
            continue;
        const std::uint64_t room = room_for_data(m);
        if (room < size)
            return fail(Errc::NoSpace, "{}: {} has {} sectors for data, {} are needed: {}; one that was made larger while the array runs is seen at its "
                        "next start", view_.volumes[0].name, m.path, room, size,
                        m.state == Member::State::Spare ? "remove this spare first, with emdadm --remove" : "replace it by a larger one first");
    }
    return {};
}

// What they all hold.
std::uint64_t MdMetadata::largest_size() const
{
    std::uint64_t least = kMostSectors - 1;
    for (const Member &m : members_)
        if (m.placed() && m.writable())
            least = std::min(least, room_for_data(m));
    return least;
}

Result<> MdMetadata::on(const change::Resized &change)
{
    EMD_TRY(check_volume(change.volume));
    EMD_TRY(check_resize());
    const std::string &name = view_.volumes[0].name;
    Shape to = shape_;
    to.component_sectors = whole(shape_, change.component_sectors ? change.component_sectors : largest_size());
    const emd_geometry geometry = geometry_of(to);
    const char *why = "";
    if (to.component_sectors >= kMostSectors || emd_geometry_validate(&geometry, &why))
        return fail(Errc::Invalid, "{}: {} sectors of each disk are not possible{}{}", name,
                    change.component_sectors ? change.component_sectors : to.component_sectors, *why ? ": " : "", why);
    const bool larger = to.component_sectors > shape_.component_sectors, smaller = to.component_sectors < shape_.component_sectors;
    // What a larger size has left to be done goes with it when that is taken back.
    if (record_.resync != kInSync && !(smaller && record_.resync >= first_new_row(to)))
        return fail(Errc::Busy, "{} is being resynchronised: emdadm --wait waits for its end", name);
    if (larger && health(view_.volumes[0]) != Health::Optimal)
        return fail(Errc::Refused, "{}: it misses a member: let it be rebuilt first", name);
    if (larger)
        EMD_TRY(check_rooms(to.component_sectors));

    if (larger)
        record_.resync = first_new_row(shape_);
    if (smaller)
        record_.resync = kInSync;
    std::get<V1>(first_).size = to.component_sectors;
    for (Member &m : members_) {
        if (!m.writable())
            continue;
        if (m.data_sectors < to.component_sectors)
            m.data_sectors = room_for_data(m);
        put_size(m, to.component_sectors);
    }
    settle_shapes();
    return {};
}

}  // namespace emd::md
