// SPDX-License-Identifier: GPL-2.0-only
// A change of shape of an array of md 1.x: how many members, which chunk, which layout, which level.
//
// Theory
//
// The superblocks name both shapes and a position: what lies before it is laid out for the target, what lies behind it as it was. That is
// all that there is: no copy of what is being moved. So no step may overwrite what is behind the recorded position, and none needs to:
// the data of all members begin nearer to the front of their disks in the target than before, by the same number of sectors, where a new array
// has free room for this. The distance lets the work go a unit ahead of the record, everywhere (kernel/core/emd_reshape_math.c). It is md's
// own way to reshape, so md can go on where EMD was interrupted, and the other way round.
//
// Where the target holds fewer data in a row, new rows lie behind the old ones: the work goes from the end to the front, and the data begin
// farther from the front of the disks than before. The room for that lies behind the data. Where there is none, the end of each member is
// given up together with the end of the array, which is not wanted any more: both is in the same record as the beginning.
//
// New members are written first, as any spare that becomes one. At the end each superblock says that its data begin elsewhere: who has not
// got the last record, two events behind, is told so when it is read (untold_shift()). md would not tell one that is one event behind, and
// leaves out who is two behind.
//
// A reshape that is turned back is the same with both shapes and the direction exchanged, at the same position: what lies before it is to be
// moved, from the end to the front and away from the front of the disks, into the place that it has left. Nothing moves for that.
// As with the end, who has not got this record is two events behind and told where data begin.
//
// md begins and continues changes within RAID4, 5 and 6, and within RAID10 of one number of copies. Others have the same record, and md
// refuses an array that is in the midst of one: of a level that it cannot reshape, or that is to become another. So EMD alone goes on with
// them, and only if it has begun them.
//
// RAID0 has no common size in its superblocks. It has one while it is being reshaped; afterwards its members say that they have no more.
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/model/geometry.h"

#include <algorithm>
#include <cstdlib>
#include <core/emd_reshape_math.h>
#include <emd/emd.h>

namespace emd::md {

namespace {

constexpr std::int64_t kRecordRoom = 72;        // sectors from the superblock on that md keeps for itself
constexpr std::uint64_t kBlockSectors = 8;
constexpr std::uint64_t kAligned = 2048;        // data that begin at a whole MiB, and still do afterwards
constexpr std::uint64_t kMostShift = 1u << 30;  // the superblock has 31 bits
constexpr std::uint64_t kUsualShift = 8192;     // backward: so much moves at once where hardly anything lies between old and new rows

bool parity_level(int level) { return level >= 4 && level <= 6; }

// md may go on with it.
bool as_md_does(const Shape &from, const Shape &to) { return from.level == to.level && (parity_level(from.level) || from.level == 10); }

std::uint32_t copies_of(const Shape &shape)
{
    const emd_geometry geometry = geometry_of(shape);
    return emd_geometry_copies(&geometry);
}

// What kernel/core/emd_reshape_math.c asks for: a row of members is a row of the array.
bool has_rows(const Shape &shape)
{
    return shape.level != 10 || (shape.layout == EMD_LAYOUT_RAID10_NEAR(copies_of(shape)) && shape.raid_disks % copies_of(shape) == 0);
}

// The data of all members move by `shift`.
Result<emd_reshape_plan> plan_of(const Shape &from, const Shape &to, std::int64_t shift, bool backward = false)
{
    const emd_geometry was = geometry_of(from), is = geometry_of(to);
    const char *why = "the change is not possible";
    emd_reshape_plan plan;
    if (emd_geometry_validate(&is, &why) || emd_reshape_plan_init(&plan, &was, &is, shift, backward, &why))
        return fail(Errc::Invalid, "{}", why);
    return plan;
}

// Sectors in front of the data that nobody has.
std::uint64_t room_before(const Member &member, std::uint64_t component)
{
    const auto data = static_cast<std::int64_t>(member.data_offset), record = static_cast<std::int64_t>(member.record_sector);
    std::int64_t taken = record < data ? record + kRecordRoom : 0;
    for (const Piece &piece : pieces_of(member, component))
        if (piece.begin < data)
            taken = std::max(taken, piece.end);
    return data > taken ? static_cast<std::uint64_t>(data - taken) : 0;
}

// Sectors behind the data that nobody has.
std::uint64_t room_behind(const Member &member, std::uint64_t component)
{
    const auto end = static_cast<std::int64_t>(member.data_offset + component);
    auto next = static_cast<std::int64_t>(std::min(member.sectors, member.data_offset + member.data_sectors));
    for (const Piece &piece : pieces_of(member, component))
        if (piece.end > end)
            next = std::min(next, piece.begin);
    return next > end ? static_cast<std::uint64_t>(next - end) : 0;
}

// By how much of that room data move that have to move by `least`: half of it is left for the next time where that is possible.
std::uint64_t choose_shift(std::uint64_t room, std::uint64_t least)
{
    const std::uint64_t half = std::min(room / 2, kMostShift);
    for (const std::uint64_t align : {kAligned, kBlockSectors})
        if (half / align * align >= least)
            return half / align * align;
    return least;
}

// The fewest disks with which it would hold as much as before, if there are any.
std::optional<std::uint32_t> enough_disks(const Shape &from, Shape to)
{
    for (to.raid_disks = 1; to.raid_disks <= EMD_MAX_MEMBERS; to.raid_disks++)
        if (const auto plan = plan_of(from, to, 0); plan && plan->array_new >= plan->array_old)
            return to.raid_disks;
    return std::nullopt;
}

// A row of the target holds less: the work goes from the end to the front.
bool goes_backward(const Shape &from, const Shape &to)
{
    return data_disks(to) < data_disks(from);
}

// How far data have to move at least: as far as one unit reaches into the rows that are overwritten.
std::uint64_t least_shift(const emd_reshape_plan &plan)
{
    const std::uint64_t row = plan.backward ? plan.data_new : plan.data_old;
    return (plan.unit / row + kBlockSectors - 1) / kBlockSectors * kBlockSectors;
}

// Two shapes, of which one may be of a level that has no common size.
bool same(Shape a, Shape b)
{
    if (a.level == 0 || b.level == 0)
        a.component_sectors = b.component_sectors = 0;
    return a == b;
}

// The one is about to become what the other is, and may have given up the ends of its members for that.
bool same_before(Shape before, Shape under_way, const Reshape &reshape)
{
    if (reshape.backward && under_way.component_sectors < before.component_sectors)
        before.component_sectors = under_way.component_sectors;
    return same(before, under_way);
}

// Is this what the reshape of `own` comes to? EMD leaves whole chunks of each member.
bool end_of(const Common &own, const Common &first)
{
    const Shape to = target_of(own);
    Shape whole = to;
    whole.component_sectors = rounded_size(to.component_sectors, to.level, to.chunk_sectors);
    return same(to, shape_of(first)) || same(whole, shape_of(first));
}

// The one was turned back, and is the other.
bool turned(const Common &own, const Common &first)
{
    return own.reshape && first.reshape && own.reshape->backward != first.reshape->backward && shape_of(own) == target_of(first) &&
           target_of(own) == shape_of(first);
}

}  // namespace

std::uint64_t rounded_size(std::uint64_t size, int level, std::uint32_t chunk_sectors)
{
    return level != 1 && chunk_sectors ? size - size % chunk_sectors : size;
}

bool alike(const Common &own, const Common &first)
{
    if (own.ctime != first.ctime)
        return false;
    if (own.reshape && first.reshape)
        return (shape_of(own) == shape_of(first) && target_of(own) == target_of(first)) || turned(own, first);
    if (own.reshape)
        return same_before(shape_of(first), shape_of(own), *own.reshape) || end_of(own, first);
    return first.reshape ? same_before(shape_of(own), shape_of(first), *first.reshape) : same(shape_of(own), shape_of(first));
}

std::int64_t untold_shift(const Common &own, const Common &first)
{
    const bool ended = own.reshape && !first.reshape && end_of(own, first);
    return ended || turned(own, first) ? own.reshape->new_offset : 0;
}

std::string refuse_reshape(const V1 &first, const Shape &from, const std::vector<Member> &members)
{
    const Reshape &r = *first.reshape;
    const auto refused = [](std::string_view what) { return fmt::format("a reshape is under way {}: let mdadm and md finish it", what); };
    if ((!parity_level(first.level) || r.level != first.level) && !begun_by_emd(first))
        return refused("that EMD has not begun, and that changes its level, or is not of RAID4, 5 or 6");
    if (r.backward && !begun_by_emd(first))
        return refused("that goes from the end to the front, and that EMD has not begun");
    if (r.new_offset == 0)
        return refused("whose backup only mdadm knows");
    if (first.features & (kBitmap | kPpl | kMultiplePpl))
        return refused("of an array with a bitmap or a parity log, which EMD cannot keep meanwhile");
    if (r.position == 0 && !begun_by_emd(first))
        return refused("of which md, which has begun it, has recorded no position yet, and may be further");
    if (r.delta_disks == 0 && !begun_by_emd(first))
        return refused("that changes chunk or layout, and md, which has begun it, may be further than it has recorded");
    const Shape to = settled_target(first, from);
    if (as_md_does(from, to) && (first.size != to.component_sectors || to.component_sectors != from.component_sectors))
        return refused("whose chunks are no whole part of its members");
    const auto plan = plan_of(from, to, r.new_offset, r.backward);
    if (!plan)
        return refused(fmt::format("that EMD cannot do ({})", plan.error().text()));
    if (emd_reshape_critical_sectors(&*plan) != 0)
        return refused("that moves its data too little to do without a backup, and EMD knows none");
    if (first.level == 10 && r.level == 10 && r.position < plan->array_new && r.position % plan->step)
        return refused("with which md has gone on, and stands within a row");
    if (r.position > plan->array_new || r.position % plan->step)
        return fmt::format("its reshape stands at sector {}, which is no multiple of {} up to {}: its superblocks are damaged", r.position,
                           std::uint64_t{plan->step}, std::uint64_t{plan->array_new});
    for (const Member &m : members) {
        if (!m.placed() || !m.writable())
            continue;
        const auto data = static_cast<std::int64_t>(m.data_offset), behind = data + static_cast<std::int64_t>(first.size);
        const std::int64_t place = r.new_offset < 0 ? data + r.new_offset : behind;
        if (const auto fits = check_place(m, "new place for data", place, static_cast<std::uint64_t>(std::abs(r.new_offset)), first.size); !fits)
            return fits.error().text();
    }
    return {};
}

void put_shape(Block &block, const V1 &sb, const Member &member)
{
    V1Bytes raw = head_of(block);
    const Reshape none;
    const Reshape &r = sb.reshape ? *sb.reshape : none;
    const bool moves = sb.reshape && member.placed();
    raw.level = static_cast<std::uint32_t>(sb.level);
    raw.layout = sb.layout;
    raw.chunk_sectors = sb.chunk_sectors;
    raw.raid_disks = sb.raid_disks;
    raw.size = sb.size;
    raw.features = (raw.features.get() & ~(kReshape | kBackward | kNewOffset)) | (sb.reshape ? kReshape : 0u) | (moves ? kNewOffset : 0u) |
                   (r.backward && r.delta_disks == 0 ? kBackward : 0u);
    if (sb.level != 0)
        raw.features = raw.features.get() & ~kRaid0Layout;
    raw.reshape_position = r.position;
    raw.delta_disks = static_cast<std::uint32_t>(r.delta_disks);
    raw.new_level = static_cast<std::uint32_t>(r.level);
    raw.new_layout = r.layout;
    raw.new_chunk = r.chunk_sectors;
    raw.new_offset = moves ? static_cast<std::uint32_t>(r.new_offset) : 0u;
    raw.data_offset = member.data_offset;
    raw.data_size = member.data_sectors;
    raw.flags = unmarked(raw.flags);
    if (moves && begun_by_emd(sb))
        raw.flags = static_cast<std::uint8_t>((raw.flags & ~kBegunWhich) | begun_mark(member.data_offset, r.new_offset));
    seal(block, raw);
}

void MdMetadata::settle_shapes()
{
    shape_ = settled(first_, members_);
    target_ = common().reshape ? settled_target(common(), shape_) : shape_;
    record_.redundant = redundant(shape_.level) || redundant(target_.level);
    if (!record_.redundant) {
        record_.written = false;
        record_.resync = kInSync;
    }
}

void MdMetadata::refresh_reshape(Volume &volume) const
{
    const auto &under_way = common().reshape;
    if (!under_way || !refused_.empty()) {
        volume.reshape.reset();
        return;
    }
    const auto plan = plan_of(shape_, target_, under_way->new_offset, under_way->backward);
    if (!plan)
        return;  // refuse_reshape() has seen that there is one
    if (!volume.reshape)
        volume.reshape.emplace();
    ReshapeRecord &record = *volume.reshape;
    record.target = target_;
    record.position = std::min<std::uint64_t>(under_way->position, plan->array_new);
    record.unit = plan->unit;
    record.backward = under_way->backward;
    volume.array_sectors = std::min<std::uint64_t>(volume.array_sectors, plan->array_new);
    record.data_shift = under_way->new_offset;
    record.target_slots.resize(target_.raid_disks);
    std::ranges::fill(record.target_slots, Slot{});
    volume.slots.reserve(target_.raid_disks);  // the end of the reshape must find them there
    for (std::size_t i = 0; i < members_.size(); i++)
        if (const Member &m = members_[i]; m.placed() && static_cast<std::uint32_t>(m.slot) < target_.raid_disks)
            record.target_slots[static_cast<std::size_t>(m.slot)] = {.disk = static_cast<int>(i),
                                                                     .in_sync = m.state == Member::State::Active,
                                                                     .data_offset = m.data_offset,
                                                                     .data_sectors = shape_.component_sectors};
    volume.activity = Activity::Reshape;
    volume.checkpoint = 0;
}

// -- the beginning -------------------------------------------------------------------------------------------------------

// All that can be said of it without looking at disks.
Result<> MdMetadata::check_target(const Shape &to, std::uint64_t kept) const
{
    const std::string &name = view_.volumes[0].name;
    const auto refuse = [&](std::string_view why) { return fail(Errc::Refused, "{}: {}", name, why); };
    if (!v1())
        return refuse("superblocks 0.90 leave no room in front of the data, into which a reshape could move them: stop it, and let mdadm --grow "
                      "do it with a --backup-file");
    if (common().reshape)
        return fail(Errc::Busy, "{} is being reshaped already", name);
    EMD_TRY(check_levels(to));
    if (to.raid_disks > EMD_MAX_MEMBERS)
        return fail(Errc::Invalid, "{}: {} members are too many, EMD takes {}", name, to.raid_disks, int{EMD_MAX_MEMBERS});
    const std::uint64_t whole = rounded_size(shape_.component_sectors, to.level, to.chunk_sectors);  // as the view says it
    const bool may_give_up = goes_backward(shape_, to) && to.component_sectors < whole;  // what it comes to is looked at when that is known
    if (to.component_sectors != 0 && to.component_sectors != shape_.component_sectors && to.component_sectors != whole && !may_give_up)
        return refuse("the size per disk cannot change in a reshape");
    if (to.level == shape_.level && to.layout == shape_.layout && to.raid_disks == shape_.raid_disks && to.chunk_sectors == shape_.chunk_sectors)
        return fail(Errc::Invalid, "{} has this shape already", name);
    if (bitmap_)
        return refuse("its bitmap fits one shape alone: emdadm --grow --bitmap=none takes it away, and --bitmap=internal brings it back afterwards");
    if (log_)
        return refuse("its partial parity log belongs to the shape that it has: stop it, and emdadm --assemble --update=no-ppl does without");
    if (recovering() || (record_.resync != kInSync && !record_.written))
        return fail(Errc::Busy, "{} is being rebuilt or resynchronised: emdadm --wait waits for its end", name);
    if (health(view_.volumes[0]) != Health::Optimal)
        return refuse("it misses a member: let it be rebuilt first");
    if (as_md_does(shape_, to) && (!to.chunk_sectors || shape_.component_sectors % std::max(to.chunk_sectors, shape_.chunk_sectors)))
        return refuse("its size per disk is no multiple of both chunks: choose a smaller chunk");
    return check_size(to, kept);
}

// What the geometry or the levels forbid.
Result<> MdMetadata::check_levels(const Shape &to) const
{
    const std::string &name = view_.volumes[0].name;
    const auto refuse = [&](std::string_view why) { return fail(Errc::Refused, "{}: {}", name, why); };
    if (shape_.level == EMD_LEVEL_LINEAR || to.level == EMD_LEVEL_LINEAR)
        return refuse("a linear array has no stripes that could be moved: make a new array, and copy the data");
    if (shape_.level == 1 && to.level == 1)
        return refuse("a RAID1 has neither chunk nor layout; --raid-devices=N alone gives it more mirrors, or fewer");
    if (!has_rows(shape_) || !has_rows(to))
        return refuse("RAID10 can be reshaped with near copies on a multiple of as many members only: make a new array, and copy the data, or stop it, "
                      "and let mdadm --grow do what md can do");
    if (shape_.level == 10 && to.level == 10 && copies_of(shape_) != copies_of(to))
        return refuse("md would go on with a change of the number of copies, and lose data: go by RAID5 or 6, with --level=6 first");
    // Its spares have no superblocks. Cut short between the first of several, the others would be missing.
    if (shape_.level == 0 && to.raid_disks > shape_.raid_disks + 1)
        return refuse("a RAID0 takes one more disk at a time: take --raid-devices with one more, or make it RAID5 first");
    if (shape_.component_sectors % kBlockSectors)
        return refuse("its size per disk is no multiple of 4 KiB: make a new array, and copy the data");
    if (shape_.level == 0 && std::ranges::any_of(members_, [&](const Member &m) {
            return m.placed() && rounded_size(m.data_sectors, 0, shape_.chunk_sectors) != shape_.component_sectors;
        }))
        return refuse("its members are of unequal size, and what lies behind the smallest one has no rows that could be moved: make a new array, "
                      "and copy the data");
    return {};
}

// It holds what is wanted of it.
Result<> MdMetadata::check_size(Shape to, std::uint64_t kept) const
{
    to.component_sectors = rounded_size(shape_.component_sectors, to.level, to.chunk_sectors);
    const std::string &name = view_.volumes[0].name;
    const emd_geometry is = geometry_of(to);
    const char *why = "it would hold less than now";
    const bool possible = !emd_geometry_validate(&is, &why);
    const std::uint64_t wanted = std::min(kept, array_sectors(shape_));
    const std::uint64_t holds = !possible ? 0 : goes_backward(shape_, to) ? most_behind(to) : emd_geometry_array_sectors(&is);
    if (possible && holds >= wanted)
        return {};
    const auto enough = enough_disks(shape_, to);
    const std::string more = enough && *enough > to.raid_disks ? fmt::format("take --raid-devices={} or more", *enough) : "";
    const std::string less = holds ? fmt::format("make it smaller first, with emdadm --grow --array-size={}", holds / 2) : "";
    if (!more.empty() || !less.empty())
        return fail(Errc::Refused, "{}: {}: {}{}{}", name, why, more, more.empty() || less.empty() ? "" : ", or ", less);
    return fail(possible ? Errc::Refused : Errc::Invalid, "{}: {}: make a new array, and copy the data", name, why);
}

// The room in front of the data of all who take part, or behind them: the least.
MdMetadata::Room MdMetadata::free_room(const Shape &to, const std::vector<Member *> &added) const
{
    const bool behind = goes_backward(shape_, to);
    Room least{kMostShift, nullptr};
    for (const Member &m : members_) {
        if (!(m.placed() && m.writable()) && !std::ranges::count(added, &m))
            continue;
        if (const std::uint64_t own = behind ? room_behind(m, shape_.component_sectors) : room_before(m, shape_.component_sectors); own < least.sectors)
            least = {own, &m};
    }
    return least;
}

// What the array can hold if the work goes from the end to the front: the members give up as much as the room behind them is too small.
std::uint64_t MdMetadata::most_behind(const Shape &to) const
{
    const auto flat = plan_of(shape_, to, 0, true);
    if (!flat)
        return 0;
    const std::uint64_t least = least_shift(*flat), room = free_room(to, {}).sectors;
    const std::uint64_t given_up = least > room ? least - room : 0;
    if (given_up && shape_.level == 0)  // its members have sizes of their own, and all of each is in use
        return 0;
    return given_up < shape_.component_sectors ? (shape_.component_sectors - given_up) / flat->w * flat->w * flat->data_new : 0;
}

// By how much data move, and how much of each member is left for them.
Result<MdMetadata::Place> MdMetadata::place_for(const Shape &to, std::uint64_t kept, const std::vector<Member *> &added) const
{
    const std::string &name = view_.volumes[0].name;
    const bool backward = goes_backward(shape_, to);
    const emd_reshape_plan flat = EMD_TRY(plan_of(shape_, to, 0, backward).within(name));
    const std::uint64_t least = least_shift(flat), component = shape_.component_sectors;
    const Room room = free_room(to, added);
    if (!backward && room.sectors < least)
        return fail(Errc::NoSpace, "{}: its data would have to move by {} sectors towards the front of the disks, and in front of them {} are free on "
                    "{}: {}", name, least, room.sectors, room.member ? room.member->path : "none", other_way(to, room.sectors));
    if (!backward)
        return Place{-static_cast<std::int64_t>(choose_shift(room.sectors, least)), component};
    const std::uint64_t wish = shape_.level == 0 ? std::min(room.sectors, kUsualShift) : std::max(least, kUsualShift), given_up = wish > room.sectors ? wish - room.sectors : 0;
    const std::uint64_t rows = (std::min(kept, array_sectors(shape_)) + flat.data_new - 1) / flat.data_new;
    const std::uint64_t needed = (rows + flat.w - 1) / flat.w * flat.w;  // check_size() has seen that so much is there
    const std::uint64_t left = std::max(needed, component > given_up ? (component - given_up) / flat.w * flat.w : 0);
    const std::uint64_t used = std::min(left, component);
    const std::uint64_t shift = std::min(wish, room.sectors + component - used) / kBlockSectors * kBlockSectors;
    if (shift < least)  // a spare that joins has less room than the members
        return fail(Errc::NoSpace, "{}: its data would have to move by {} sectors away from the front of the disks, and behind them {} are free on {}: "
                    "add a larger one in its place", name, least, room.sectors, room.member ? room.member->path : "none");
    return Place{static_cast<std::int64_t>(shift), given_up ? used : component};
}

// The spares that become members, in the order of their slots.
Result<std::vector<Member *>> MdMetadata::recruits(const change::ReshapeStarted &change)
{
    const std::string &name = view_.volumes[0].name;
    const std::size_t added = change.target.raid_disks > shape_.raid_disks ? change.target.raid_disks - shape_.raid_disks : 0;
    if (change.new_disks.size() != added)
        return fail(Errc::Invalid, "{}: {} new disks are needed, {} were named", name, added, change.new_disks.size());
    std::vector<Member *> found;
    for (const int disk : change.new_disks) {
        Member &member = *EMD_TRY(member_at(disk));
        if (std::ranges::count(change.new_disks, disk) > 1)
            return fail(Errc::Invalid, "{} is named twice", member.path);
        if (member.state != Member::State::Spare || !member.writable())
            return fail(Errc::Refused, "{} is no spare and cannot become a member of {}", member.path, name);
        if (member.data_sectors < shape_.component_sectors || member.data_offset + shape_.component_sectors > member.sectors)
            return fail(Errc::NoSpace, "{} is too small for {}: it has {} sectors for data, {} are needed", member.path, name, member.data_sectors,
                        shape_.component_sectors);
        found.push_back(&member);
    }
    return found;
}

// What to do where there is too little room: who else can do it, or the largest chunk for which there is enough.
std::string MdMetadata::other_way(Shape to, std::uint64_t room) const
{
    if (as_md_does(shape_, to))
        return "stop it, and let mdadm --grow do it with a --backup-file";
    while (to.chunk_sectors > EMD_MIN_CHUNK_SECTORS) {
        to.chunk_sectors /= 2;
        if (const auto plan = plan_of(shape_, to, 0); plan && least_shift(*plan) <= room)
            return fmt::format("--chunk={} is possible", to.chunk_sectors / 2);
    }
    return "make a new array, and copy the data";
}

Result<> MdMetadata::on(const change::ReshapeStarted &change)
{
    EMD_TRY(check_volume(change.volume));
    EMD_TRY(check_target(change.target, change.kept));
    const std::vector<Member *> added = EMD_TRY(recruits(change));
    const std::string &name = view_.volumes[0].name;
    Shape to = change.target;
    to.component_sectors = rounded_size(shape_.component_sectors, to.level, to.chunk_sectors);
    if (to.level == 4)
        to.layout = 0;
    const bool backward = goes_backward(shape_, to);
    const Place place = EMD_TRY(place_for(to, change.kept, added));
    Shape from = shape_;
    from.component_sectors = place.component;
    to.component_sectors = rounded_size(place.component, to.level, to.chunk_sectors);
    const std::uint64_t asked = change.target.component_sectors;
    const bool as_now = asked == 0 || asked == shape_.component_sectors || asked == rounded_size(shape_.component_sectors, to.level, to.chunk_sectors);
    if (backward && !as_now && asked != to.component_sectors)
        return fail(Errc::Refused, "{}: {} sectors of each disk are needed, and {} were named", name, to.component_sectors, asked);
    const emd_reshape_plan plan = EMD_TRY(plan_of(from, to, place.shift, backward).within(name));
    if (emd_reshape_critical_sectors(&plan) != 0)
        return fail(Errc::Refused, "{}: this change needs a backup, and EMD keeps none with md's superblocks: {}", name,
                    other_way(to, static_cast<std::uint64_t>(std::abs(place.shift))));

    V1 &first = std::get<V1>(first_);
    size_before_ = first.size;
    first.reshape = Reshape{.position = emd_reshape_start(&plan),
                            .delta_disks = static_cast<std::int32_t>(to.raid_disks) - static_cast<std::int32_t>(shape_.raid_disks),
                            .level = to.level,
                            .layout = to.level == 4 && first.level == 4 ? first.layout : to.layout,
                            .chunk_sectors = to.chunk_sectors,
                            .new_offset = place.shift,
                            .backward = backward};
    if (first.level == 0 || place.component != shape_.component_sectors)
        first.size = place.component;
    first.raid_disks = to.raid_disks;
    first.flags = begun_mark(first.data_offset, place.shift);
    for (std::size_t i = 0; i < added.size(); i++) {
        make_room(added[i]->number);
        added[i]->state = Member::State::Active;
        added[i]->slot = static_cast<int>(shape_.raid_disks + i);
        added[i]->recovered = 0;
        added[i]->joining = true;
    }
    settle_shapes();
    reshaped_ = true;
    return {};
}

// -- on the way, and the end: nothing here allocates -----------------------------------------------------------------------

Result<V1 *> MdMetadata::moving(unsigned volume)
{
    EMD_TRY(check_volume(volume));
    V1 *first = std::get_if<V1>(&first_);
    if (!first || !first->reshape)
        return fail(Errc::Refused, "no reshape is recorded");
    return first;
}

// md takes a position only where a step of its own could end.
Result<> MdMetadata::on(const change::ReshapeProgress &change)
{
    Reshape &r = *EMD_TRY(moving(change.volume))->reshape;
    size_before_.reset();
    const std::uint64_t total = array_sectors(target_);
    const std::uint64_t row = std::max({shape_.chunk_sectors, target_.chunk_sectors, std::uint32_t{EMD_MIN_CHUNK_SECTORS}});
    const std::uint64_t step = row * data_disks(target_);
    if (r.backward ? change.position > r.position : change.position < r.position)
        return fail(Errc::Refused, "the reshape cannot go back from sector {} to {}", r.position, change.position);
    if (r.backward) {
        r.position = std::min(r.position, (change.position + step - 1) / step * step);
    } else {
        const std::uint64_t to = change.position >= total ? total : change.position - change.position % step;
        r.position = std::max(r.position, to);
    }
    return {};
}

Result<> MdMetadata::on(const change::ReshapeFinished &change)
{
    V1 &first = *EMD_TRY(moving(change.volume));
    const Reshape r = *first.reshape;
    const bool new_redundancy = !redundant(first.level) && redundant(r.level);
    size_before_.reset();
    first.level = r.level;
    first.layout = r.layout;
    first.chunk_sectors = r.chunk_sectors;
    first.size = r.level == 0 ? 0 : target_.component_sectors;
    first.features &= r.level == 0 ? ~0u : ~kRaid0Layout;
    first.reshape.reset();
    first.flags = unmarked(first.flags);
    for (Member &m : members_)
        if (m.placed() && m.present) {
            m.data_offset += static_cast<std::uint64_t>(r.new_offset);
            m.data_sectors = r.level == 0 ? target_.component_sectors : m.data_sectors - static_cast<std::uint64_t>(r.new_offset);
        }
    first.data_offset += static_cast<std::uint64_t>(r.new_offset);
    give_up_surplus();
    settle_shapes();
    // Of a level without redundancy nobody has noted who was writing.
    record_.written = record_.written || new_redundancy;
    return {};
}

Result<> MdMetadata::on(const change::ReshapeWithdrawn &change)
{
    V1 &first = *EMD_TRY(moving(change.volume));
    if (first.reshape->backward ? !size_before_ : first.reshape->position != 0)
        return fail(Errc::Refused, "{}: data has moved; the reshape can only go on", view_.volumes[0].name);
    first.raid_disks = shape_.raid_disks;
    first.size = first.level == 0 ? 0 : size_before_.value_or(first.size);
    size_before_.reset();
    first.reshape.reset();
    first.flags = unmarked(first.flags);
    give_up_surplus();
    settle_shapes();
    return {};
}

// Members for whom the shape has no place any more.
void MdMetadata::give_up_surplus()
{
    for (Member &m : members_)
        if (m.slot >= static_cast<int>(std::get<V1>(first_).raid_disks)) {
            m.state = m.present ? Member::State::Spare : Member::State::Failed;
            m.slot = -1;
            m.joining = false;
            m.given_up = m.present;  // written last: without redundancy it loses its superblock
        }
}

// -- back ------------------------------------------------------------------------------------------------------------------

Result<> MdMetadata::on(const change::ReshapeReverted &change)
{
    V1 &first = *EMD_TRY(moving(change.volume));
    const Reshape was = *first.reshape;
    const std::string &name = view_.volumes[0].name;
    if (was.backward == change.backward)
        return fail(Errc::Refused, "{}: its reshape goes {} already", name, was.backward ? "back" : "forward");
    if (!was.backward && was.position == 0)
        return on(change::ReshapeWithdrawn{change.volume});
    if (rounded_size(target_.component_sectors, shape_.level, shape_.chunk_sectors) != shape_.component_sectors)
        return fail(Errc::Refused, "{}: its size per disk is no multiple of both chunks, and going back it would lose what lies behind the last "
                    "whole one: emdadm --grow --continue goes on", name);
    const auto back = plan_of(target_, shape_, -was.new_offset, !was.backward).within(name);
    if (!back)
        return tl::make_unexpected(back.error());
    const std::uint64_t position = std::min<std::uint64_t>(was.position, back->array_new);
    if (emd_reshape_critical_sectors(&*back) != 0)
        return fail(Errc::Refused, "{}: the way back needs a backup, and EMD keeps none with md's superblocks: emdadm --grow --continue goes on", name);
    if (position % back->step)
        return fail(Errc::Busy, "{}: it stands within a row of the shape that it had: let it go on with emdadm --grow --continue, and stop it again",
                    name);
    size_before_.reset();
    first.reshape = Reshape{.position = position,
                            .delta_disks = -was.delta_disks,
                            .level = first.level,
                            .layout = first.layout,
                            .chunk_sectors = first.chunk_sectors,
                            .new_offset = -was.new_offset,
                            .backward = !was.backward};
    first.raid_disks = shape_.raid_disks;
    first.level = was.level;
    first.layout = was.layout;
    first.chunk_sectors = was.chunk_sectors;
    for (Member &m : members_)
        if (m.placed() && m.present) {
            m.data_offset += static_cast<std::uint64_t>(was.new_offset);
            m.data_sectors -= static_cast<std::uint64_t>(was.new_offset);
        }
    first.data_offset += static_cast<std::uint64_t>(was.new_offset);
    first.flags = static_cast<std::uint8_t>(unmarked(first.flags) | begun_mark(first.data_offset, -was.new_offset));
    settle_shapes();
    reshaped_ = true;
    return {};
}

}  // namespace emd::md
