// SPDX-License-Identifier: GPL-2.0-only
// From the superblocks of some disks to one array: who is fresh, who has which place, and what forbids writing.
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"

#include <algorithm>
#include <core/emd_bad_list.h>
#include <emd/emd.h>
#include <numeric>

namespace emd::md {

namespace {

struct Source {
    const Medium *medium;
    Superblock sb;
    Block block;

    const Common &common() const
    {
        return std::visit([](const auto &s) -> const Common & { return s; }, sb);
    }
    bool spare() const;
};

// Of itself: the events of spares say nothing, because nothing that happens has to be told to them.
bool Source::spare() const
{
    if (const V1 *v1 = std::get_if<V1>(&sb))
        return v1->role() == kRoleSpare;
    return !(std::get<V090>(sb).self.state & (V090::kActive | V090::kFaulty));
}

Result<Source> read_one(const Medium &medium)
{
    Superblock sb = EMD_TRY(read_superblock(medium));
    const std::uint64_t sector = std::visit([](const auto &s) { return s.sector; }, sb);
    return Source{&medium, std::move(sb), EMD_TRY(read_block(medium, sector).within(medium.path()))};
}

// A disk that cannot be read, or no more, is as one that is not here.
Result<std::vector<Source>> read_all(std::span<const Medium *const> media)
{
    std::vector<Source> sources;
    std::optional<Error> trouble;
    for (const Medium *medium : media) {
        auto source = read_one(*medium);
        if (source)
            sources.push_back(std::move(*source));
        else if (!trouble)
            trouble = source.error();
    }
    if (sources.empty())
        return tl::make_unexpected(*trouble);
    for (const Source &source : sources)
        if (source.common().array != sources[0].common().array)
            return fail(Errc::Invalid, "{} and {} belong to different arrays", sources[0].medium->path(), source.medium->path());
    return sources;
}

bool same_kind(const Source &a, const Source &b)
{
    const V090 *one = std::get_if<V090>(&a.sb), *other = std::get_if<V090>(&b.sb);
    return a.sb.index() == b.sb.index() && (!one || one->order == other->order);
}

// Has the other one, who says that he has a place, none for him?
bool denies(const Source &one, const Source &other)
{
    if (!same_kind(one, other) || other.spare())
        return false;
    if (const V1 *v1 = std::get_if<V1>(&one.sb)) {
        const std::uint32_t number = std::get<V1>(other.sb).dev_number;
        return number >= v1->roles.size() || v1->roles[number] >= kRoleJournal;
    }
    const auto &disks = std::get<V090>(one.sb).disks;
    const std::uint32_t number = std::get<V090>(other.sb).self.number;
    return number >= disks.size() || (disks[number].state & V090::kFaulty) || !(disks[number].state & V090::kActive);
}

// Where all are spares the newest of them knows as much as there is to know. Equal numbers of events may tell two stories: one disk got a record,
// the power went, it was not there at the next start, and the first record of the others, that it is missing, has the same number. They deny
// it, and it does not know of that.
const Source &freshest(const std::vector<Source> &sources)
{
    const auto rank = [](const Source &s) { return std::pair(!s.spare(), s.common().events); };
    const Source &first = *std::ranges::max_element(sources, {}, rank);
    const auto is_top = [&](const Source &s) { return rank(s) == rank(first); };
    const auto outlived = [&](const Source &s) {
        return std::ranges::any_of(sources, [&](const Source &other) { return is_top(other) && denies(other, s) && !denies(s, other); });
    };
    const auto found = std::ranges::find_if(sources, [&](const Source &s) { return is_top(s) && !outlived(s); });
    return found == sources.end() ? first : *found;
}

// -- the place of each member --

void place(Member &member, const V1 &sb)
{
    member.number = sb.dev_number;
    member.log = BadLog(sb, member.sectors, member.sector_bytes);
    member.ppl_offset = sb.ppl_offset;
    member.ppl_sectors = sb.ppl_sectors;
    member.data_offset = sb.data_offset;
    member.data_sectors = sb.data_size;
}

void place(Member &member, const V090 &sb)
{
    member.number = sb.self.number;
    member.data_offset = 0;
    member.data_sectors = sb.sector;
}

// What the freshest superblock says of a number.
void assign(Member &member, const V1 &first, const V1 *own)
{
    const std::uint16_t role = member.number < first.roles.size() ? first.roles[member.number] : kRoleSpare;
    if (role == kRoleFaulty) {
        member.state = Member::State::Failed;
    } else if (role < slots_of(first)) {
        // Who does not know of the place yet that the others say he has holds no data of it. There is none in a new one at first.
        const bool blank = first.reshape && first.reshape->position == 0 && role >= shape_of(first).raid_disks;
        const bool partly = !blank && (own->features & kRecovery || own->role() != role);
        member.slot = role;
        member.state = partly ? Member::State::Recovering : Member::State::Active;
        member.recovered = own->role() == role ? std::min(own->recovery_offset, first.size) : 0;
    }
}

void assign(Member &member, const V090 &first, const V090 *own)
{
    if (member.number >= first.disks.size())
        return;
    const Descriptor &d = first.disks[member.number];
    member.flags = own->self.state & (V090::kWriteMostly | V090::kFailfast);
    if (d.state & V090::kFaulty) {
        member.state = Member::State::Failed;
    } else if ((d.state & V090::kActive) && (d.state & V090::kSync) && d.raid_disk < first.raid_disks) {
        member.slot = static_cast<int>(d.raid_disk);
        member.state = Member::State::Active;
    }
}

constexpr std::uint32_t kNoNumber = ~0u;

// Does the data lie where it can, apart from the superblock?
bool plausible(const Member &member, const Superblock &sb, std::uint64_t component)
{
    const std::uint64_t begin = member.data_offset, length = std::max(member.data_sectors, component);
    if (component > member.data_sectors || begin > member.sectors || length > member.sectors - begin)
        return false;
    const V1 *v1 = std::get_if<V1>(&sb);
    const bool apart = begin + length <= member.record_sector || begin >= member.record_sector + kBlockBytes / 512;
    // A member of 1.0 may say that all in front of the superblock is its own.
    return apart || (v1 && v1->minor == 0 && begin + component <= member.record_sector);
}

// The reshape has ended, or goes back, and its own superblock does not say so yet. False: the data cannot be there, and nothing of the member counts.
bool move_data(Member &member, const Superblock &own, const Common &first, std::int64_t shift, std::uint64_t component)
{
    const Common &was = std::visit([](const auto &sb) -> const Common & { return sb; }, own);
    if (shift > 0 && static_cast<std::uint64_t>(shift) > member.data_sectors)
        return false;
    member.data_offset += static_cast<std::uint64_t>(shift);
    member.data_sectors -= static_cast<std::uint64_t>(shift);
    if (first.level == 0 && !first.reshape)  // it has no common size: nobody says that he has more
        member.data_sectors = std::min(member.data_sectors, rounded_size(was.size, 0, first.chunk_sectors));
    V1Bytes raw = head_of(member.block);
    raw.data_offset = member.data_offset;
    raw.data_size = member.data_sectors;
    seal(member.block, raw);
    return plausible(member, own, component);
}

// Who has ended the reshape may be md, which keeps the mark.
void forget_mark(Block &block)
{
    V1Bytes raw = head_of(block);
    if (raw.flags == unmarked(raw.flags))
        return;
    raw.flags = unmarked(raw.flags);
    seal(block, raw);
}

Member member_of(const Source &source, const Source &first, std::uint64_t component)
{
    Member member;
    member.present = true;
    member.path = source.medium->path();
    member.dev = source.medium->dev();
    member.sectors = source.medium->size_bytes() / 512;
    member.sector_bytes = source.medium->sector_bytes();
    member.record_sector = source.common().sector;
    member.behind = source.common().events != first.common().events;
    std::visit([&](const auto &sb) { place(member, sb); }, source.sb);
    const std::int64_t shift = untold_shift(source.common(), first.common());
    const std::uint64_t cut_short = shift ? 2 : 1;  // the last change that it has not got counts as so many
    const bool old = source.common().events + cut_short < first.common().events && !source.spare();
    const bool before = std::holds_alternative<V1>(source.sb) && same_kind(source, first) && !source.spare() && taken_over(source.common(), first.common());
    const bool sized = std::holds_alternative<V1>(source.sb) && same_kind(source, first) && !source.spare() && resized(source.common(), first.common());
    const bool other = !same_kind(source, first) || (!source.spare() && !before && !sized && !alike(source.common(), first.common()));
    if (old || other) {
        member.state = Member::State::Failed;
        member.number = kNoNumber;
        return member;
    }
    member.block = source.block;
    if (std::holds_alternative<V1>(first.sb))
        share_v1(member.block, first.block);
    else if (std::get<V090>(first.sb).order == Endian::Little)
        share_v090(member.block, first.block);
    if (shift && !move_data(member, source.sb, first.common(), shift, component)) {
        member.state = Member::State::Failed;
        member.number = kNoNumber;
        member.block.clear();
        return member;
    }
    if (std::holds_alternative<V1>(first.sb) && !first.common().reshape)
        forget_mark(member.block);
    std::visit([&](const auto &sb) { assign(member, sb, std::get_if<std::decay_t<decltype(sb)>>(&source.sb)); }, first.sb);
    if (before)
        follow_takeover(member, std::get<V1>(source.sb), first.common());
    if (sized || (std::holds_alternative<V1>(first.sb) && source.spare() && source.common().size != first.common().size))
        follow_resize(member, first.common().size);
    return member;
}

// Two that claim one number, or one place: a copy of a disk. The fresher one is it, or the first.
void drop_doubles(std::vector<Member> &members)
{
    for (auto member = members.begin(); member != members.end(); ++member) {
        const bool twice = std::any_of(members.begin(), member, [&](const Member &other) {
            return member->number != kNoNumber && other.number == member->number;
        });
        if (!twice)
            continue;
        member->state = Member::State::Failed;
        member->number = kNoNumber;
        member->slot = -1;
        member->block.clear();
    }
}

void add_missing(std::vector<Member> &members, std::uint32_t number, int slot)
{
    if (std::ranges::any_of(members, [&](const Member &m) { return m.number == number; }))
        return;
    Member missing;
    missing.state = Member::State::Missing;
    missing.number = number;
    missing.slot = slot;
    members.push_back(std::move(missing));
}

// Places that somebody has who is not here: as long as that is recorded, he would be taken back when he comes.
void add_absent(std::vector<Member> &members, const V1 &first)
{
    for (std::uint32_t number = 0; number < first.roles.size(); number++)
        if (first.roles[number] < slots_of(first))
            add_missing(members, number, first.roles[number]);
}

void add_absent(std::vector<Member> &members, const V090 &first)
{
    for (std::uint32_t number = 0; number < first.raid_disks && number < first.disks.size(); number++)
        if (const Descriptor &d = first.disks[number]; (d.state & V090::kActive) && d.raid_disk < first.raid_disks)
            add_missing(members, number, static_cast<int>(d.raid_disk));
}

// -- what forbids writing --

struct Refusal {
    std::string text;
    bool readable = true;
};

std::optional<Refusal> refusal_of(const V1 &sb)
{
    if (sb.features & ~kKnownFeatures)
        return Refusal{fmt::format("it uses feature bits {:#x}, which EMD does not know", sb.features & ~kKnownFeatures)};
    if (sb.unknown_fields)
        return Refusal{"a newer version of md keeps something in it that EMD does not know"};
    if (sb.features & kClustered)
        return Refusal{"it is shared by a cluster, whose nodes EMD cannot ask"};
    if (sb.features & kJournal)
        return Refusal{"it has a write journal, which may hold data that is nowhere else: remove the journal with mdadm first", false};
    // Whether the new one is here or not: of two with one place only one could be used, and the other would be given up.
    for (const std::uint16_t role : sb.roles)
        if (role < slots_of(sb) && std::ranges::count(sb.roles, role) > 1)
            return Refusal{"a member is being replaced by another: let md finish that, or take the new one out with mdadm", false};
    return std::nullopt;
}

std::optional<Refusal> refusal_of(const V090 &sb)
{
    if (sb.raid_disks > V090::kDescriptors)
        return Refusal{fmt::format("it has {} members, and its superblock has room for {}", sb.raid_disks, V090::kDescriptors), false};
    if (sb.state & V090::kHasBitmap)
        return Refusal{"it has a write-intent bitmap, which EMD cannot keep: mdadm --grow --bitmap=none removes it"};
    if (sb.reshape)
        return Refusal{"a reshape is under way that md has begun, whose backup only mdadm knows: let mdadm and md finish it", false};
    if (sb.order == Endian::Big)
        return Refusal{"its superblocks are in the byte order of another kind of machine: mdadm --assemble --update=byteorder changes them"};
    return std::nullopt;
}

std::optional<Refusal> refusal_of(const Common &sb)
{
    if (sb.level == kMultipath)
        return Refusal{"its level, multipath, is none of EMD's", false};
    if (slots_of(sb) > EMD_MAX_MEMBERS)
        return Refusal{fmt::format("it has {} members, and EMD takes {}", slots_of(sb), int{EMD_MAX_MEMBERS}), false};
    return std::nullopt;
}

// Is the list of bad blocks one that the kernel takes?
std::optional<Refusal> refusal_of(const std::vector<BadRange> &bad, const Member &member)
{
    const auto list = std::make_unique<emd_bad_list>();
    for (const BadRange &r : bad) {
        if (r.start >= member.sectors || r.sectors > member.sectors - r.start)
            return Refusal{fmt::format("the list of bad blocks of {} names sector {}, and it has {}", member.path,
                                       r.start + r.sectors - 1, member.sectors), false};
        if (emd_bad_add(list.get(), r.start, r.start + r.sectors, EMD_BAD_ACKED))
            return Refusal{fmt::format("{} has a list of {} bad places, more than EMD takes: let mdadm replace the disk", member.path,
                                       bad.size()), false};
    }
    return std::nullopt;
}

// It was away while the members grew, or its list of bad blocks is no good: no reason to leave the array alone.
void drop_unfit_spare(Member &member, const Superblock &sb, std::uint64_t component)
{
    if (member.state != Member::State::Spare)
        return;
    const V1 *v1 = std::get_if<V1>(&sb);
    if (plausible(member, sb, component) && !(v1 && refusal_of(v1->bad, member)))
        return;
    member.state = Member::State::Failed;
    member.number = kNoNumber;
    member.block.clear();
}

std::optional<Refusal> refusal_of(const Source &source, const Member &member, const Common &first, std::uint64_t component)
{
    if (member.block.empty() || member.state == Member::State::Failed)
        return std::nullopt;
    if (!plausible(member, source.sb, component))
        return Refusal{fmt::format("the data of {} ends behind the end of the disk, or lies over the superblock", member.path), false};
    const V1 *sb = std::get_if<V1>(&source.sb);
    if (!sb)
        return std::nullopt;
    const bool same_way = first.reshape && sb->reshape && first.reshape->backward == sb->reshape->backward;
    const std::int64_t others = !first.reshape ? 0 : same_way ? first.reshape->new_offset : -first.reshape->new_offset;
    if (first.reshape && sb->reshape && member.placed() && sb->reshape->new_offset != others)
        return Refusal{fmt::format("the reshape that is under way moves the data of {} by {} sectors, and that of others by {}: let md finish it",
                                   member.path, sb->reshape->new_offset, first.reshape->new_offset), false};
    if (sb->features & kReplacement)
        return Refusal{fmt::format("{} is being made the replacement of another member: let md finish that", member.path), false};
    return refusal_of(sb->bad, member);
}

// The kernel takes members' sizes in KiB. Chunks are whole ones; what has none would be laid out differently, or be shorter.
std::optional<Refusal> refusal_of(const Common &sb, const std::vector<Member> &members, std::uint64_t component)
{
    const auto odd = [](const Member &m) { return m.placed() && m.present && m.data_sectors % 2; };
    if (sb.level == EMD_LEVEL_LINEAR && !sb.chunk_sectors && std::ranges::any_of(members, odd))
        return Refusal{"a member's data ends with half a KiB, which EMD cannot map yet: run it with md", false};
    if (sb.level == 1 && component % 2)
        return Refusal{"its size ends with half a KiB, which EMD cannot map yet: run it with md, or make it smaller with "
                       "mdadm --grow --size=KIBIBYTES"};
    return std::nullopt;
}

std::uint64_t least_data(const std::vector<Source> &sources, const Source &first)
{
    if (first.common().size)
        return first.common().size;
    std::uint64_t least = kMostSectors;
    for (const Source &source : sources)
        if (const V1 *sb = std::get_if<V1>(&source.sb))
            least = std::min(least, sb->data_size);
        else
            least = std::min(least, source.common().sector);
    return least == kMostSectors ? 0 : least;
}

// -- resync --

std::uint64_t resync_of(const Superblock &sb)
{
    if (const V1 *v1 = std::get_if<V1>(&sb))
        return v1->resync_offset;
    const V090 &old = std::get<V090>(sb);
    if (old.state & V090::kClean)
        return kInSync;
    // All ones, cut to what there is room for, is the end; it is no clean stop.
    const bool valid = old.cp_events == old.events && old.recovery_cp != ~std::uint32_t{0};
    return valid ? old.recovery_cp : 0;
}

Record record_of_array(const Source &first, bool complete)
{
    const Common &sb = first.common();
    Record record;
    record.events = sb.events;
    record.updated = sb.utime;
    record.redundant = redundant(sb.level) || (sb.reshape && redundant(sb.reshape->level));
    if (const V1 *v1 = std::get_if<V1>(&first.sb))
        record.roles = v1->roles;
    const std::uint64_t resync = record.redundant ? resync_of(first.sb) : kInSync;
    // Where a resync of RAID10 stands is counted along the array, not along the members. Without a member nothing is
    // resynchronised, and what is behind the position may not be computed from the others.
    const bool goes_on = resync != 0 && resync != kInSync && sb.level != 10 && complete && !sb.reshape;
    record.written = resync != kInSync && !goes_on;
    record.resync = goes_on ? resync : kInSync;
    return record;
}

std::vector<const Medium *> media_of(const std::vector<Member> &members, const std::vector<Source> &sources)
{
    std::vector<const Medium *> media;
    for (const Member &member : members) {
        const auto source = std::ranges::find(sources, member.path, [](const Source &s) { return s.medium->path(); });
        media.push_back(member.present && source != sources.end() ? source->medium : nullptr);
    }
    return media;
}

}  // namespace

bool redundant(int level)
{
    return level == 1 || (level >= 4 && level <= 6) || level == 10;
}

Result<std::unique_ptr<MdMetadata>> load_array(std::span<const Medium *const> media)
{
    if (media.empty())
        return fail(Errc::Invalid, "an array of md needs at least one disk");
    const std::vector<Source> sources = EMD_TRY(read_all(media));
    const Source &first = freshest(sources);
    const std::uint64_t component = least_data(sources, first);

    std::optional<Refusal> refusal = refusal_of(first.common());
    if (!refusal)
        refusal = std::visit([](const auto &sb) { return refusal_of(sb); }, first.sb);
    std::vector<Member> members;
    for (const Source &source : sources) {
        members.push_back(member_of(source, first, component));
        if (&source != &first)
            drop_unfit_spare(members.back(), source.sb, component);
        if (!refusal)
            refusal = refusal_of(source, members.back(), first.common(), component);
    }
    std::ranges::stable_sort(members, {}, [](const Member &m) { return std::pair(m.number, m.behind); });
    drop_doubles(members);
    std::visit([&](const auto &sb) { add_absent(members, sb); }, first.sb);
    std::ranges::stable_sort(members, {}, &Member::number);

    if (const V1 *v1 = std::get_if<V1>(&first.sb); v1 && v1->reshape && !refusal)
        if (std::string text = refuse_reshape(*v1, settled(first.sb, members), members); !text.empty())
            refusal = Refusal{std::move(text), false};
    if (!refusal)
        refusal = refusal_of(first.common(), members, component);
    FoundBitmap found;
    if (const V1 *v1 = std::get_if<V1>(&first.sb); v1 && (v1->features & kBitmap) && !refusal) {
        found = load_bitmap(*v1, settled(first.sb, members), members, media_of(members, sources));
        if (!found.bitmap)
            refusal = Refusal{found.refused};
    }
    const auto in_place = std::ranges::count(members, Member::State::Active, &Member::state);
    const bool complete = static_cast<std::uint32_t>(in_place) >= shape_of(first.common()).raid_disks;
    FoundParityLog log;
    if (const V1 *v1 = std::get_if<V1>(&first.sb); v1 && (v1->features & (kPpl | kMultiplePpl)) && !refusal) {
        log = load_parity_log(*v1, settled(first.sb, members), members);
        if (!log.log)
            refusal = Refusal{log.refused, v1->resync_offset == kInSync};
        // Of a position nothing is left to see where it cannot be gone on from. At the front it is also that of an array in use.
        if (log.log)
            log.log->built = complete || v1->resync_offset == 0 || v1->resync_offset == kInSync;
    }
    auto array = std::make_unique<MdMetadata>(first.sb, record_of_array(first, complete), std::move(members),
                                              std::move(found.bitmap), std::move(log.log), refusal ? refusal->text : "", refusal && refusal->readable);
    for (const Medium *medium : media) {
        if (first.common().level != 0)
            break;
        const auto own = read_superblock(*medium);
        if (!own && own.error().code() == Errc::NotFound)
            array->lend(*medium);
    }
    return array;
}

}  // namespace emd::md
