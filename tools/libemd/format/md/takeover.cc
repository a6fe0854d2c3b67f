// SPDX-License-Identifier: GPL-2.0-only
// An array of md 1.x becomes another level where it is, or gets more or fewer mirrors.
//
// Theory
//
// A takeover is one event, and has no state of its own: a superblock says the shape of before or that of afterwards. Data are in the same
// places in both, and the kernel goes on as before until all have been written. So the freshest superblock decides for all, also for a RAID0,
// and a member that is one event behind with the other shape has the place that the freshest gives to its number. A second event
// comes only when all have the first.
//
// Who is given up is written last: until the others say that they do without him, his superblock is that of a member. In an array without
// redundancy there are no spares: md does not start one that has any. So who is given up there gets no superblock, and whoever is in the
// container without one is a spare, for the next takeover.
//
// A RAID0 has no second copy of anything: a superblock that is torn must be the old one or the new one. All that changes is in its first
// sector as long as no number is above kFirstSector.
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/model/takeover.h"

#include <algorithm>
#include <emd/emd.h>

namespace emd::md {

namespace {

constexpr std::size_t kFirstSector = (512 - sizeof(V1Bytes)) / 2;  // roles that stand in it

// Without what a level does not have, and with the size of members that RAID0 does not record.
Shape plain(const Common &sb, std::uint64_t size)
{
    Shape shape = shape_of(sb);
    if (shape.level == 1)
        shape.chunk_sectors = 0;
    if (shape.level == 0 || shape.level == 1 || shape.level == 4)
        shape.layout = 0;
    shape.component_sectors = size;
    return shape;
}

std::uint64_t whole_chunks(std::uint64_t sectors, std::uint32_t chunk)
{
    return chunk ? sectors - sectors % chunk : sectors;
}

}  // namespace

bool taken_over(const Common &own, const Common &first)
{
    if (own.reshape || first.reshape || own.ctime != first.ctime || own.events + 1 != first.events)
        return false;
    const auto sizeless = [](const Common &sb) { return sb.level == 0 && sb.size == 0; };
    if (own.size != first.size && !sizeless(own) && !sizeless(first))
        return false;
    const std::uint64_t size = whole_chunks(std::max(own.size, first.size), std::max(own.chunk_sectors, first.chunk_sectors));
    const Shape was = plain(own, size), is = plain(first, size);
    return is_takeover(was, is) || is_takeover(is, was);
}

void follow_takeover(Member &member, const V1 &own, const Common &first)
{
    member.retold = true;
    if (member.state == Member::State::Recovering && !(own.features & kRecovery) && own.role() < slots_of(own)) {
        member.state = Member::State::Active;
        member.recovered = 0;
    }
    const std::uint64_t size = whole_chunks(own.size, first.chunk_sectors);
    if (first.level != 0 || !own.size || size >= member.data_sectors)
        return;
    member.data_sectors = size;
    V1Bytes raw = head_of(member.block);
    raw.data_size = size;
    seal(member.block, raw);
}

void put_level(Block &block, const V1 &sb, const Member &member)
{
    V1Bytes raw = head_of(block);
    raw.level = static_cast<std::uint32_t>(sb.level);
    raw.layout = sb.layout;
    raw.chunk_sectors = sb.chunk_sectors;
    raw.raid_disks = sb.raid_disks;
    raw.size = sb.size;
    raw.features = raw.features.get() & ~kRaid0Layout;
    raw.data_size = member.data_sectors;
    if (!redundant(sb.level))
        raw.resync_offset = kInSync;
    seal(block, raw);
}

void MdMetadata::lend(const Medium &medium)
{
    Disk disk;
    disk.path = medium.path();
    disk.dev = medium.dev();
    disk.sectors = medium.size_bytes() / 512;
    disk.sector_bytes = medium.sector_bytes();
    auto spare = new_member(disk);
    if (spare && enroll(std::move(*spare)))  // what cannot be one is as if it were not here
        refresh();
}

Result<> MdMetadata::check_takeover(const change::Takeover &change) const
{
    const Volume &now = view_.volumes[0];
    const auto refuse = [&](std::string_view why) { return fail(Errc::Refused, "{}: {}", now.name, why); };
    const Shape &to = change.target;
    if (!v1())
        return refuse("EMD takes over arrays with superblocks 1.x: stop it, and let mdadm --grow do that");
    if (common().reshape)
        return fail(Errc::Busy, "{} is being reshaped: emdadm --wait waits for its end", now.name);
    if (bitmap_)
        return refuse("its bitmap fits one shape alone: emdadm --grow --bitmap=none takes it away, and --bitmap=internal brings it back afterwards");
    if (log_)
        return refuse("its partial parity log belongs to the shape that it has: stop it, and emdadm --assemble --update=no-ppl does without");
    if (recovering() || (record_.resync != kInSync && !record_.written))
        return fail(Errc::Busy, "{} is being rebuilt or resynchronised: emdadm --wait waits for its end", now.name);
    for (const Slot &slot : now.slots)
        if (shape_.level == 0 && whole_chunks(slot.data_sectors, shape_.chunk_sectors) != shape_.component_sectors && slot.disk >= 0)
            return refuse("its members differ in size, and another level would not hold what only the larger ones have");
    if (!is_takeover(shape_, to) && !is_takeover(to, shape_))  // the other way round: it is taken back
        return refuse("a takeover changes what follows from the new level, and nothing else");
    if (change.slots.size() != to.raid_disks)
        return fail(Errc::Invalid, "{}: {} places are needed, {} were named", now.name, to.raid_disks, change.slots.size());
    Volume then = now;
    then.shape = to;
    then.slots = change.slots;
    if (health(then) == Health::Failed)
        return refuse("it misses members that it cannot do without as the new level");
    for (std::size_t number = kFirstSector; number < record_.roles.size(); number++)
        if (record_.roles[number] < kRoleJournal)
            return refuse(fmt::format("it has a member with number {}, and up to {} a takeover is recorded in one piece", number, kFirstSector - 1));
    return {};
}

// Each place has a member, or one that this takes back has given up; it keeps what it has. Where it has bad blocks nobody is given up who may
// alone hold what was there.
Result<> MdMetadata::check_places(const change::Takeover &change) const
{
    const std::string &name = view_.volumes[0].name;
    const auto stays = [&](std::size_t i) { return std::ranges::count(change.slots, static_cast<int>(i), &Slot::disk) > 0; };
    // There, or back from there. Mirrors are alike, and what RAID1 becomes or comes from holds the same on all members.
    const auto may_move = [&](int from, unsigned to) {
        const auto slot = static_cast<unsigned>(from);
        return shape_.level == 1 || change.target.level == 1 || place_taken_over(shape_, slot, change.target) == to ||
               place_taken_over(change.target, to, shape_) == slot;
    };
    bool gives_up = !redundant(change.target.level);
    for (std::size_t i = 0; i < members_.size(); i++)
        gives_up |= members_[i].state == Member::State::Active && members_[i].placed() && !stays(i);
    for (const Slot &slot : change.slots) {
        if (slot.disk < 0)
            continue;
        const bool known = static_cast<std::size_t>(slot.disk) < members_.size();
        if (!known || std::ranges::count(change.slots, slot.disk, &Slot::disk) > 1)
            return fail(Errc::Invalid, "{}: disk {} cannot have a place", name, slot.disk);
        const Member &m = members_[static_cast<std::size_t>(slot.disk)];
        if (m.state != Member::State::Active && !(m.state == Member::State::Spare && m.given_up))
            return fail(Errc::Refused, "{}: {} does not hold its data", name, m.path);
        if (const auto place = static_cast<unsigned>(&slot - change.slots.data()); m.state == Member::State::Active && !may_move(m.slot, place))
            return fail(Errc::Invalid, "{}: {} is member {}, and what member {} of the new level has is not on it", name, m.path, m.slot, place);
        if (m.data_sectors < change.target.component_sectors)
            return fail(Errc::NoSpace, "{}: {} has {} sectors for data, {} are needed", name, m.path, m.data_sectors, change.target.component_sectors);
        if (gives_up && !m.log.entries().empty())
            return fail(Errc::Refused, "{}: {} has bad blocks, and what was there may be on a disk alone that is given up: write there, or replace {}", name,
                        m.path, m.path);
    }
    return {};
}

Result<> MdMetadata::on(const change::Takeover &asked)
{
    EMD_TRY(check_volume(asked.volume));
    change::Takeover change = asked;
    for (Slot &slot : change.slots)  // who has failed meanwhile leaves his place
        if (slot.disk >= 0 && static_cast<std::size_t>(slot.disk) < members_.size() &&
            members_[static_cast<std::size_t>(slot.disk)].state == Member::State::Failed)
            slot = {};
    EMD_TRY(check_takeover(change));
    EMD_TRY(check_places(change));
    const Shape &to = change.target;
    const bool was_redundant = record_.redundant;
    const auto held = [](const std::vector<Slot> &slots) { return std::ranges::count_if(slots, [](const Slot &s) { return s.disk >= 0; }); };
    const bool more = held(change.slots) > held(view_.volumes[0].slots);

    V1 &first = std::get<V1>(first_);
    first.level = to.level;
    first.layout = to.layout;
    first.chunk_sectors = to.chunk_sectors;
    first.raid_disks = to.raid_disks;
    first.size = redundant(to.level) ? to.component_sectors : 0;
    first.features &= ~kRaid0Layout;
    record_.redundant = redundant(to.level);
    if (!record_.redundant || !was_redundant) {
        record_.resync = kInSync;
        record_.written = record_.redundant && more;  // taken back: what is redundant may just be written
    }
    for (std::size_t i = 0; i < members_.size(); i++) {
        Member &m = members_[i];
        const auto place = std::ranges::find(change.slots, static_cast<int>(i), &Slot::disk);
        if (place != change.slots.end()) {
            m.joining = m.state == Member::State::Spare;
            m.given_up = false;
            m.state = Member::State::Active;
            m.slot = static_cast<int>(place - change.slots.begin());
            if (!record_.redundant)
                m.data_sectors = to.component_sectors;
        } else if (m.placed()) {
            m.state = m.present ? Member::State::Spare : Member::State::Failed;
            m.given_up = m.present;
            m.slot = -1;
        }
    }
    settle_shapes();
    taken_over_ = true;
    view_.volumes[0].consistency = record_.redundant ? "resync" : "none";
    return {};
}

}  // namespace emd::md
