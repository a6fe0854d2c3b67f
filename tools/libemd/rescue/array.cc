// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/rescue/array.h"

#include "emd/emd.h"
#include "libemd/model/bad_blocks.h"

#include <algorithm>
#include <numeric>

namespace emd::rescue {

namespace {

constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kAll = ~std::uint64_t{0};
constexpr std::string_view kNameSerials = ": name images of IMSM disks as FILE,serial=SERIAL (emdadm --examine FILE shows the recorded ones)";

using MediumOf = std::function<const Medium *(int disk)>;

void lose(std::vector<Lost> &lost, std::uint64_t begin, std::uint64_t end)
{
    if (!lost.empty() && lost.back().end == begin)
        lost.back().end = end;
    else
        lost.push_back({begin, end});
}

bool redundant(const Shape &shape)
{
    return shape.level == 1 || shape.level >= 4;
}

// -- a volume that a format has loaded --

std::uint64_t valid_of(const Volume &volume, const Slot &slot)
{
    if (slot.in_sync)
        return kAll;
    return volume.activity == Activity::Rebuild && !slot.returning ? volume.checkpoint : 0;
}

std::vector<Lane> lanes_of(const Container &container, const Volume &volume, const std::vector<Slot> &slots, std::uint64_t shift,
                           const MediumOf &medium)
{
    std::vector<Lane> lanes;
    for (const Slot &slot : slots) {
        Lane &lane = lanes.emplace_back();
        lane.valid = valid_of(volume, slot);
        // Up to where a rebuild stands only who is being rebuilt holds data, and never who has failed.
        if (slot.disk < 0 || lane.valid == 0 || container.disks[static_cast<std::size_t>(slot.disk)].state == DiskState::Failed)
            continue;
        lane.medium = medium(slot.disk);
        lane.offset = place_of(volume, slot).offset + shift;
        lane.bad = bad_blocks(container, slot.disk);
    }
    return lanes;
}

// Usable sectors of each slot, where that decides where the data lies, and how many sectors of the array that is sure of.
struct Sizes {
    std::vector<std::uint64_t> of;
    std::uint64_t sure = kAll;
};

bool has_own_sizes(const Volume &volume)
{
    return std::ranges::any_of(volume.slots, [](const Slot &slot) { return slot.data_sectors != 0; });
}

// Of a missing member nobody knows the size. Of RAID0 it is taken to be that of the others if they are alike; of a linear array only
// what lies in front of it can be found.
Result<Sizes> sizes_of(const Volume &volume, std::vector<std::string> &remarks)
{
    Sizes sizes;
    if (redundant(volume.shape))
        return sizes;
    const std::uint64_t chunk = std::max(volume.shape.chunk_sectors, 1u);
    std::vector<std::uint64_t> known;
    for (const Slot &slot : volume.slots) {
        const std::uint64_t size = has_own_sizes(volume) ? slot.data_sectors : volume.shape.component_sectors;
        sizes.of.push_back(size - size % chunk);
        if (size)
            known.push_back(sizes.of.back());
    }
    const auto first = std::ranges::find(sizes.of, 0u);
    if (first == sizes.of.end())
        return sizes;
    const std::size_t slot = static_cast<std::size_t>(first - sizes.of.begin());
    const bool alike = !known.empty() && std::ranges::all_of(known, [&](std::uint64_t k) { return k == known[0]; });
    if (volume.shape.level == 0 ? !alike : slot == 0)
        return fail(Errc::Refused, "{}: slot {} is missing, and where the data of the others lies depends on its size", volume.name, slot);
    if (volume.shape.level != 0)
        sizes.sure = std::accumulate(sizes.of.begin(), first, std::uint64_t{0});
    remarks.push_back(volume.shape.level == 0 ? fmt::format("slot {} is taken to be as large as the others", slot)
                                              : fmt::format("only what lies in front of slot {} can be found", slot));
    std::ranges::replace(sizes.of, 0u, volume.shape.level == 0 ? known[0] : chunk);
    return sizes;
}

void say_who_is_missing(const Side &side, std::string_view of, std::vector<std::string> &remarks)
{
    for (std::size_t slot = 0; slot < side.lanes().size(); slot++) {
        const Lane &lane = side.lanes()[slot];
        if (!lane.medium)
            remarks.push_back(fmt::format("{}slot {} is missing", of, slot));
        else if (lane.valid != kAll)
            remarks.push_back(fmt::format("{}slot {}: {} holds data only up to its sector {}", of, slot, lane.medium->path(), lane.valid));
        if (lane.medium && !lane.bad.empty())
            remarks.push_back(fmt::format("{}slot {}: {} has a list of {} bad places, which are not read", of, slot, lane.medium->path(),
                                          lane.bad.size()));
    }
}

}  // namespace

// `remedy`: what else may be the reason.
Result<> Array::check_members(std::string_view remedy) const
{
    const auto has_some = [](const Part &part) { return std::ranges::any_of(part.side.lanes(), [](const Lane &l) { return l.medium != nullptr; }); };
    if (!std::ranges::any_of(parts_, has_some))
        return fail(Errc::NotFound, "none of its members is here{}", remedy);
    return {};
}

Result<> Array::add_part(std::uint64_t end, Result<Side> side)
{
    if (!side)
        return tl::make_unexpected(side.error());
    if (end > (parts_.empty() ? 0 : parts_.back().end)) {
        if (end > side->sectors())
            return fail(Errc::Corrupt, "a reshape stands at sector {}, behind the end of the array", end);
        parts_.push_back({end, std::move(*side)});
    }
    return {};
}

Result<Array> Array::open(const Container &container, const Volume &volume, const MediumOf &medium)
{
    if (!volume.read_write && !volume.readable && !volume.parity_log)
        return fail(Errc::Unsupported, "{}: {}", volume.name, volume.refused);
    Array array;
    if (!volume.refused.empty() && !volume.parity_log)
        array.remarks_.push_back(fmt::format("{}: {}", volume.name, volume.refused));
    std::vector<Lane> lanes = lanes_of(container, volume, volume.slots, 0, medium);
    const Sizes sizes = EMD_TRY(sizes_of(volume, array.remarks_));
    Side source = EMD_TRY(Side::make(volume.shape, std::move(lanes), sizes.of).within(volume.name));
    array.sectors_ = std::min(source.sectors(), sizes.sure);
    if (redundant(volume.shape) || !has_own_sizes(volume))  // else the volume counts those that are here
        array.sectors_ = std::min(array.sectors_, volume.array_sectors);
    say_who_is_missing(source, "", array.remarks_);
    if (!volume.initialised)
        source.parity_ends(volume.activity == Activity::Init ? volume.checkpoint : 0);
    if (!volume.initialised && redundant(volume.shape))
        array.remarks_.push_back("its redundancy was not built to the end: where it was not, what is on a missing member is lost");
    else if ((volume.dirty || (volume.parity_log && !volume.readable) || volume.activity == Activity::Repair) && redundant(volume.shape))
        array.remarks_.push_back("it was not stopped cleanly: what was being written then may be wrong where it is computed from the others");

    if (volume.reshape) {
        const ReshapeRecord &record = *volume.reshape;
        const std::uint64_t per_row = std::max(data_disks(record.target), 1u);
        const auto target = [&](std::uint64_t shift) {
            return Side::make(record.target, lanes_of(container, volume, record.target_slots, shift, medium)).within(volume.name);
        };
        if (record.backward || record.data_shift)
            return fail(Errc::Unsupported, "{}: data that move for good to another place are read from their superblocks alone", volume.name);
        EMD_TRY(array.add_part(std::min(record.position, array.sectors_), target(0)));
        if (record.backup_live) {
            if (record.unit / per_row > record.backup_member_sectors)
                return fail(Errc::Corrupt, "{}: a unit of {} sectors does not fit its copy area", volume.name, record.unit);
            const std::uint64_t shift = record.backup_member_start - volume.data_offset - record.position / per_row;
            EMD_TRY(array.add_part(std::min(record.position + record.unit, array.sectors_), target(shift)));
        }
        array.remarks_.push_back(fmt::format("a reshape stands at sector {}{}", record.position,
                                             record.backup_live ? ", and what was being moved is read from its copy" : ""));
    }
    EMD_TRY(array.add_part(array.sectors_, std::move(source)));
    EMD_TRY(array.check_members(container.format == FormatId::Imsm ? kNameSerials : "").within(volume.name));
    return array;
}

// -- md in the middle of a reshape --

namespace {

// Of the members; null: none.
const MemberRecord *freshest(const std::vector<Source> &sources)
{
    const MemberRecord *first = nullptr;
    for (const Source &source : sources)
        if (source.record.role == Role::Active && source.record.slot >= 0 && (!first || source.record.events > first->events))
            first = &source.record;
    return first;
}

// Where it stood when nothing had moved.
std::uint64_t beginning(const MemberRecord &first)
{
    const MemberRecord::Target &target = *first.target;
    const std::uint64_t chunk = std::max({first.shape.chunk_sectors, target.shape.chunk_sectors, std::uint32_t{EMD_MIN_CHUNK_SECTORS}});
    return target.backward ? target.shape.component_sectors / chunk * chunk * data_disks(target.shape) : 0;
}

// It has not missed anything that the freshest knows, or the beginning of the reshape alone.
bool fresh(const MemberRecord &record, const MemberRecord &first)
{
    return record.events + 1 >= first.events && (record.target ? record.target->position : beginning(first)) == first.target->position;
}

// Who has failed does not know that he has.
bool in_place(const MemberRecord &record, const MemberRecord &first)
{
    return record.number < first.holders.size() && first.holders[record.number] == record.slot;
}

Shape settled(Shape shape)
{
    if (shape.level == 1)
        shape.chunk_sectors = 0;
    if (shape.level == 0 || shape.level == 1 || shape.level == 4)
        shape.layout = 0;
    return shape;
}

std::vector<Lane> lanes_of(const std::vector<Source> &sources, const MemberRecord &first, bool target)
{
    std::vector<Lane> lanes(target ? first.target->shape.raid_disks : first.shape.raid_disks);
    for (const Source &source : sources) {
        const MemberRecord &r = source.record;
        if (r.role != Role::Active || r.slot < 0 || static_cast<std::size_t>(r.slot) >= lanes.size() || r.replacement)
            continue;
        if (!fresh(r, first) || !in_place(r, first))
            continue;
        Lane &lane = lanes[static_cast<std::size_t>(r.slot)];
        lane.medium = source.medium;
        lane.offset = target && r.target ? r.target->data_offset : r.data_offset;
        lane.valid = r.recovered.value_or(kAll);
        lane.bad = r.bad;
    }
    return lanes;
}

}  // namespace

bool Array::reshaping(const std::vector<Source> &sources)
{
    const MemberRecord *first = freshest(sources);
    return first && first->target;
}

Result<Array> Array::open_reshaping(const std::vector<Source> &sources)
{
    if (!reshaping(sources))
        return fail(Errc::NotFound, "no disk is a member of an array that is reshaped");
    const MemberRecord &first = *freshest(sources);
    const MemberRecord::Target &target = *first.target;
    if (!first.unknown.empty() || first.consistency == "journal")
        return fail(Errc::Unsupported, "the array uses {}", first.unknown.empty() ? "a write journal" : first.unknown);
    Array array;
    Side before = EMD_TRY(Side::make(settled(first.shape), lanes_of(sources, first, false)));
    Side after = EMD_TRY(Side::make(settled(target.shape), lanes_of(sources, first, true)));
    say_who_is_missing(before, "before the reshape: ", array.remarks_);
    say_who_is_missing(after, "after the reshape: ", array.remarks_);
    for (const Source &source : sources)
        if (source.record.events + 1 < first.events)
            array.remarks_.push_back(fmt::format("{} is stale and not used: it knows of {} events, others of {}", source.medium->path(),
                                                 source.record.events, first.events));
    for (const Source &source : sources)
        if (source.record.role == Role::Active && fresh(source.record, first) && !in_place(source.record, first))
            array.remarks_.push_back(fmt::format("{} is recorded as failed by the others, and not used", source.medium->path()));
    const bool same_place = first.data_offset == target.data_offset;
    array.remarks_.push_back(fmt::format("a reshape stands at sector {}{}", target.position,
                                         same_place ? ", in place: what was being moved may be in a backup file of mdadm's alone" : ""));
    if (!first.clean)
        array.remarks_.push_back("it was not stopped cleanly: what was being written then may be wrong where it is computed from the others");
    array.sectors_ = std::min(before.sectors(), after.sectors());
    const std::uint64_t border = std::min(target.position, array.sectors_);
    Side &first_part = target.backward ? before : after, &second_part = target.backward ? after : before;
    EMD_TRY(array.add_part(border, std::move(first_part)));
    EMD_TRY(array.add_part(array.sectors_, std::move(second_part)));
    EMD_TRY(array.check_members(""));
    return array;
}

// -- reading --

void Array::read_piece(const Side &side, std::uint64_t sector, MutableBytes out, std::vector<Lost> &lost) const
{
    const Got got = side.read(sector, out);
    if (got == Got::Data)
        return;
    const std::uint64_t sectors = out.size() / kSector;
    if (got == Got::Never || sectors == 1) {
        std::ranges::fill(out, std::byte{0});
        lose(lost, sector, sector + sectors);
        return;
    }
    const std::uint64_t half = sectors > 8 ? (sectors / 2 + 7) / 8 * 8 : sectors / 2;  // in pages while there are several
    read_piece(side, sector, out.first(half * kSector), lost);
    read_piece(side, sector + half, out.subspan(half * kSector), lost);
}

void Array::read(std::uint64_t sector, MutableBytes out, std::vector<Lost> &lost) const
{
    while (!out.empty()) {
        const auto part = std::ranges::upper_bound(parts_, sector, {}, &Part::end);
        const std::uint64_t sectors = std::min<std::uint64_t>({out.size() / kSector, part->end - sector, part->side.run(sector)});
        read_piece(part->side, sector, out.first(sectors * kSector), lost);
        out = out.subspan(sectors * kSector);
        sector += sectors;
    }
}

}  // namespace emd::rescue
