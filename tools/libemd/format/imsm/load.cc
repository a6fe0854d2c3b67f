// SPDX-License-Identifier: GPL-2.0-only
//
// Theory
//
// Every member carries the whole MPB, so loading means to choose one, the champion, and to judge each drive by it.
//
// Drives of one container have the same identity (orig_family). family changes when a spare is activated, generation
// counts writes. The newest of a family speaks for it. Between families: one that still counts a drive of the other as a
// working member, while the other has dropped its own drives, is what was left on a drive that had been away, and loses.
// Where both count on each other's drives, power was cut between the drives when the family changed: the newer wins, and
// one generation behind is no shame. Where neither does, both sides have run apart; nobody can merge that, so the newer is
// shown and writing is refused until the user assembles one side alone. The same holds inside of a family.
//
// A drive belongs to the container if the champion lists its serial and does not call it failed. A torn MPB (header good,
// checksum wrong, several sectors) is a drive on which a write was cut short: the champion decides about it as about any
// other. A drive that says of itself that it is a spare, and which the champion lists, was enlisted just before the power
// went: it holds nothing, and is believed only where nothing is expected on it. The other way round, a drive one generation
// behind that the champion has dropped without a word of failure was to become a spare when the power went, and is one:
// if it lists itself, so that it is no copy of another drive, and if the drives have not run apart.
//
// The deletion of the last volume makes all drives spares, and leaves no MPB that could be the champion. So each of these
// spares says which container it was of, and in which generation: as long as one is there, an older MPB of that container
// is what the deletion did not reach. One generation older, and the power went before its drive was a spare, which it is now;
// still older, and the drive had been away or had failed, and is not used.
#include "libemd/format/imsm/metadata.h"

#include <algorithm>
#include <map>

namespace emd::imsm {

namespace {

struct Source {
    const Medium *medium;
    Serial serial;
    Found found;
    bool spare() const { return found.mpb && found.mpb->devs.empty(); }
    bool voter() const { return found.mpb && !found.mpb->devs.empty(); }
};

int find_entry(const Mpb &mpb, const Serial &serial)
{
    for (std::size_t i = 0; i < mpb.disks.size(); i++)
        if (mpb.disks[i].serial == serial && !(mpb.disks[i].status & kDiskFailed))
            return static_cast<int>(i);
    return -1;
}

int find_failed_entry(const Mpb &mpb, const Serial &serial)
{
    for (std::size_t i = 0; i < mpb.disks.size(); i++)
        if (mpb.disks[i].serial == failed_serial(serial) && (mpb.disks[i].status & kDiskFailed))
            return static_cast<int>(i);
    return -1;
}

std::uint32_t identity_of(const HeaderBytes &header)
{
    return header.orig_family_num.get() ? header.orig_family_num.get() : header.family_num.get();
}

Result<std::vector<Source>> read_sources(std::span<const Medium *const> media)
{
    std::vector<Source> sources;
    for (const Medium *medium : media) {
        Found found = EMD_TRY(read_mpb(*medium));
        sources.push_back({.medium = medium, .serial = EMD_TRY(serial_of(*medium)), .found = std::move(found)});
    }
    for (std::size_t i = 0; i < sources.size(); i++) {
        if (sources[i].medium->sector_bytes() != sources[0].medium->sector_bytes())
            return fail(Errc::Refused, "{} and {} have sectors of different size and cannot be in one container",
                        sources[0].medium->path(), sources[i].medium->path());
        for (std::size_t k = 0; k < i; k++)
            if (sources[k].serial == sources[i].serial)
                return fail(Errc::Refused, "{} and {} have the same serial number, {}", sources[k].medium->path(),
                            sources[i].medium->path(), text_of(sources[i].serial));
    }
    return sources;
}

// -- the champion --

// Does `mpb` count a drive of which `family` is the voice as a working member?
bool claims(const Mpb &mpb, std::span<const Source> sources, std::uint32_t family)
{
    return std::ranges::any_of(sources, [&](const Source &source) {
        return source.voter() && source.found.mpb->family == family && find_entry(mpb, source.serial) >= 0;
    });
}

bool newer(const Mpb &a, const Mpb &b) { return static_cast<std::int32_t>(a.generation - b.generation) > 0; }

struct Champion {
    const Mpb *mpb = nullptr;
    bool apart = false;  // another side has gone its own way
};

Champion choose(std::span<const Source> sources)
{
    std::map<std::uint32_t, const Mpb *> families;
    for (const Source &source : sources)
        if (source.voter()) {
            const Mpb *&best = families[source.found.mpb->family];
            if (!best || newer(*source.found.mpb, *best))
                best = &*source.found.mpb;
        }

    Champion champion;
    for (const auto &[family, mpb] : families) {
        if (!champion.mpb) {
            champion.mpb = mpb;
            continue;
        }
        const bool old_claims = claims(*champion.mpb, sources, family);
        const bool new_claims = claims(*mpb, sources, champion.mpb->family);
        const bool challenger_wins = old_claims == new_claims ? newer(*mpb, *champion.mpb) : old_claims;
        champion.apart |= !old_claims && !new_claims;
        if (challenger_wins)
            champion.mpb = mpb;
    }

    // Inside of the family: somebody who calls a drive failed that the champion counts on, without being older news.
    for (const Source &source : sources) {
        if (!champion.mpb || !source.voter() || source.found.mpb->family != champion.mpb->family ||
            find_entry(*champion.mpb, source.serial) >= 0)
            continue;
        for (const Source &other : sources)
            champion.apart |= other.voter() && other.found.mpb->family == champion.mpb->family &&
                              find_entry(*champion.mpb, other.serial) >= 0 &&
                              find_failed_entry(*source.found.mpb, other.serial) >= 0;
    }
    return champion;
}

// -- members --

// Nothing is expected on the drive of `entry`: it is being rebuilt, or a migration that has not `moved` anything adds it.
bool expects_nothing(const Mpb &mpb, int entry, bool moved)
{
    for (const Dev &dev : mpb.devs) {
        const auto names = [entry](std::uint32_t ord) { return ord_index(ord) == entry; };
        const Map &now = dev.current();
        const auto slot = std::ranges::find_if(now.ord, names);
        if (slot != now.ord.end() && !(*slot & kOrdRebuild))
            return false;
        if (dev.general_migration() && moved && std::ranges::any_of(dev.map0.ord, names))
            return false;
    }
    return true;
}

Member member_of(const Source &source)
{
    Member member;
    member.present = true;
    member.path = source.medium->path();
    member.dev = source.medium->dev();
    member.sectors = source.medium->size_bytes() / source.medium->sector_bytes() * (source.medium->sector_bytes() / 512);
    member.serial = source.serial;
    return member;
}

bool just_dropped(const Champion &champion, const Source &source)
{
    const Mpb &mpb = *champion.mpb;
    return !champion.apart && source.voter() && source.found.mpb->family == mpb.family &&
           mpb.generation - source.found.mpb->generation == 1 && find_failed_entry(mpb, source.serial) < 0 &&
           find_entry(*source.found.mpb, source.serial) >= 0;
}

bool is_behind(const Mpb &champion, const Source &source)
{
    return !source.voter() || source.found.mpb->family != champion.family ||
           source.found.mpb->generation != champion.generation;
}

// How the champion judges a drive.
Member judge(const Champion &chosen, const Source &source, bool moved)
{
    const Mpb &champion = *chosen.mpb;
    Member member = member_of(source);
    member.entry = find_entry(champion, source.serial);
    member.behind = member.entry >= 0 && is_behind(champion, source);
    if (source.spare()) {
        if (member.entry < 0)
            member.own = *source.found.mpb;
        else
            member.failed = !expects_nothing(champion, member.entry, moved);
        return member;
    }
    if (member.entry < 0 && just_dropped(chosen, source)) {
        member.own = spare_mpb(member.serial, member.sectors, source.medium->sector_bytes());
        member.own_changed = true;
    } else if (member.entry < 0) {
        member.entry = find_failed_entry(champion, source.serial);
        member.failed = true;
    } else if (source.voter() && source.found.mpb->family != champion.family) {
        member.failed = champion.generation - source.found.mpb->generation > 1;
    }
    return member;
}

std::vector<Member> members_of(const Champion &chosen, std::span<const Source> sources, bool moved)
{
    const Mpb &champion = *chosen.mpb;
    std::vector<Member> members(champion.disks.size());
    for (std::size_t i = 0; i < members.size(); i++) {
        members[i].entry = static_cast<int>(i);
        members[i].serial = champion.disks[i].serial;
        members[i].sectors = champion.disks[i].sectors;
    }

    std::vector<Member> loose;
    for (const Source &source : sources) {
        Member member = judge(chosen, source, moved);
        const auto sector = read_record_sector(*source.medium);
        member.last_sector_clean = sector && all_zero(*sector);
        if (member.entry >= 0 && !members[static_cast<std::size_t>(member.entry)].present)
            members[static_cast<std::size_t>(member.entry)] = std::move(member);
        else {
            member.entry = -1;
            loose.push_back(std::move(member));
        }
    }
    std::ranges::sort(loose, {}, &Member::serial);
    std::ranges::move(loose, std::back_inserter(members));
    return members;
}

// -- the migration record --

// (u,0) < (u,1) < (u+1,0)
std::uint64_t order(const Record &record) { return 2 * record.unit + record.copy_valid; }

// May the two copies differ like this after a power cut between their writes?
bool neighbours(const Record &older, const Record &newest)
{
    const bool same_run = older.family == newest.family && older.units == newest.units &&
                          older.blocks_per_unit == newest.blocks_per_unit && older.copy_area == newest.copy_area;
    return same_run && (!newest.copy_valid || order(newest) - order(older) <= 2);
}

struct FoundRecord {
    std::optional<Record> record;
    std::string refused;
};

FoundRecord find_record(const Mpb &mpb, std::span<const Source> sources)
{
    const auto dev = std::ranges::find_if(mpb.devs, &Dev::general_migration);
    if (dev == mpb.devs.end())
        return {};

    unsigned seen = 0, empty = 0;
    std::optional<Record> newest, older;
    for (std::uint32_t slot = 0; slot < 2 && slot < dev->map0.members(); slot++) {
        const int entry = ord_index(dev->map0.ord[slot]);
        for (const Source &source : sources) {
            if (find_entry(mpb, source.serial) != entry)
                continue;
            const auto sector = read_record_sector(*source.medium);
            if (!sector)
                continue;
            seen++;
            std::optional<Record> record = decode_record(*sector, source.medium->sector_bytes());
            empty += !record;
            if (record && (!newest || order(*record) > order(*newest)))
                std::swap(record, newest);
            if (record)
                older = record;
        }
    }
    if (seen == 0)
        return {.record = {}, .refused = "the disks that hold the migration record are missing"};
    if (!newest)
        return {};
    if ((older && !neighbours(*older, *newest)) || (empty && order(*newest) > 1))
        return {.record = {}, .refused = "the two copies of the migration record contradict each other"};
    return {.record = newest, .refused = ""};
}

// A drive that became a spare because the container's last volume was deleted, after all that `champion` knows; null: none. One side
// of two that have run apart calls the drives of the other failed, and is not deleted with it.
const Mpb *find_emptied(const Mpb &champion, std::span<const Source> sources)
{
    for (const Source &source : sources)
        if (source.spare() && source.found.mpb->orig_family != 0 && source.found.mpb->orig_family == champion.identity() &&
            newer(*source.found.mpb, champion) && find_entry(champion, source.serial) >= 0)
            return &*source.found.mpb;
    return nullptr;
}

// Without volumes. A drive that was to be a spare, as `emptied` says, and that `champion` counts on, becomes one with the next write.
std::unique_ptr<ImsmMetadata> spares_only(std::span<const Source> sources, const Mpb *champion = nullptr, const Mpb *emptied = nullptr)
{
    std::vector<Member> members;
    for (const Source &source : sources) {
        Member member = member_of(source);
        if (source.spare()) {
            member.own = *source.found.mpb;
        } else if (find_entry(*champion, source.serial) >= 0 && emptied->generation - source.found.header.generation_num.get() == 1) {
            member.own = spare_mpb(member.serial, member.sectors, source.medium->sector_bytes());
            mark_emptied(member.own, emptied->orig_family, emptied->generation);
            member.own_changed = true;
        } else {
            member.failed = true;
        }
        members.push_back(std::move(member));
    }
    std::ranges::sort(members, {}, &Member::serial);
    return std::make_unique<ImsmMetadata>(empty_mpb(), std::move(members), std::nullopt, sources[0].medium->sector_bytes(), "");
}

}  // namespace

Result<std::unique_ptr<ImsmMetadata>> load_container(std::span<const Medium *const> media)
{
    if (media.empty())
        return fail(Errc::Invalid, "no disks to load a container from");
    const std::vector<Source> sources = EMD_TRY(read_sources(media));
    if (std::ranges::all_of(sources, &Source::spare))
        return spares_only(sources);

    const Source *first = nullptr;
    for (const Source &source : sources) {
        if (source.spare())
            continue;
        if (first && identity_of(first->found.header) != identity_of(source.found.header))
            return fail(Errc::Invalid, "{} and {} belong to different containers", first->medium->path(), source.medium->path());
        first = first ? first : &source;
    }
    const Champion champion = choose(sources);
    if (!champion.mpb)
        return fail(Errc::Corrupt, "{}: the IMSM metadata is damaged, and no other disk has a whole copy", first->medium->path());

    if (const Mpb *emptied = find_emptied(*champion.mpb, sources))
        return spares_only(sources, champion.mpb, emptied);

    FoundRecord found = find_record(*champion.mpb, sources);
    if (champion.apart)
        found.refused = "its disks have been used apart from each other; assemble it from the disks of one side only";
    const bool moved = !found.refused.empty() || (found.record && order(*found.record) != 0);
    return std::make_unique<ImsmMetadata>(*champion.mpb, members_of(champion, sources, moved), found.record,
                                          first->medium->sector_bytes(), found.refused);
}

}  // namespace emd::imsm
