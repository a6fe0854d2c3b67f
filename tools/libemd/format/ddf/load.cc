// SPDX-License-Identifier: GPL-2.0-only
//
// Theory
//
// Every disk carries the tables of all physical and virtual disks, and counts their changes. The disk with the highest number
// has the newest, and the tables of the others do not count. A change is written to all disks that work, and whatever
// relies on it waits for that. So a disk that is one change behind was cut off in the midst of one, and holds its data; one
// that is two behind was away, and if it is a member of an array with redundancy its data may be old: it is not used. A
// structure that is open counts here: no disk closes a change before all of them have opened a structure for it, so who has
// opened one was there, however often the changes were cut short.
//
// Configuration records are kept by the members of a volume alone. Of those that may be used the one with the highest number
// of its own counts.
//
// A disk that calls one failed that the newest tables call good, was used apart from it: nobody can merge that, so nothing
// is written until the user assembles one side alone.
#include "libemd/format/ddf/metadata.h"

#include <algorithm>
#include <tuple>

namespace emd::ddf {

namespace {

struct Source {
    const Medium *medium;
    Found found;

    std::uint32_t refnum() const { return found.newest.own_head().refnum.get(); }
};

// Did it miss a change that was complete?
bool old(const Source &source, const Source &first)
{
    return source.found.seen + 1 < first.found.sequence;
}

constexpr std::uint32_t kLastSequence = kNone32 - 2;

// A disk whose metadata is damaged is as one that is not here.
Result<std::vector<Source>> read_all(std::span<const Medium *const> media)
{
    std::vector<Source> sources;
    std::optional<Error> trouble;
    for (const Medium *medium : media) {
        auto found = read_disk(*medium);
        if (found)
            sources.push_back({medium, std::move(*found)});
        else if (!trouble)
            trouble = found.error();
    }
    if (sources.empty())
        return tl::make_unexpected(*trouble);
    for (const Source &source : sources)
        if (source.found.anchor.guid != sources[0].found.anchor.guid)
            return fail(Errc::Invalid, "{} and {} belong to different containers", sources[0].medium->path(), source.medium->path());
    return sources;
}

bool online(const PdBytes &pd)
{
    return (pd.state.get() & (kOnline | kFailed)) == kOnline;
}

// The table's entry of a disk: number and name are the same.
int entry_of(const Structure &tables, const Source &source)
{
    const int entry = tables.find_pd(source.refnum());
    return entry >= 0 && tables.pds[static_cast<std::size_t>(entry)].guid == source.found.newest.own_head().guid ? entry : -1;
}

bool calls_failed(const Structure &tables, const PdBytes &other)
{
    const int entry = tables.find_pd(other.refnum.get());
    return entry >= 0 && (tables.pds[static_cast<std::size_t>(entry)].state.get() & kFailed);
}

// Was this disk used without those that the newest tables count on?
bool apart(const Structure &newest, const Source &source)
{
    const Structure &tables = source.found.newest;
    const int own = entry_of(tables, source);
    if (own < 0 || !online(tables.pds[static_cast<std::size_t>(own)]))
        return false;
    return std::ranges::any_of(newest.pds, [&](const PdBytes &pd) { return pd_used(pd) && online(pd) && calls_failed(tables, pd); });
}

bool same_sizes(const HeaderBytes &a, const HeaderBytes &b)
{
    const auto all = [](const HeaderBytes &h) { return std::tie(h.max_pds, h.max_vds, h.max_partitions, h.record_sectors, h.max_elements); };
    const auto lengths = [&] {
        for (unsigned i = 0; i < kMandatory; i++)
            if (a.sections[i].length != b.sections[i].length)
                return false;
        return true;
    };
    return all(a) == all(b) && lengths();
}

Member member_of(const Source &source, const Structure &newest, std::uint32_t sequence)
{
    Member member;
    member.entry = entry_of(newest, source);
    member.present = true;
    member.failed = member.entry < 0 || !online(newest.pds[static_cast<std::size_t>(member.entry)]);
    member.behind = !source.found.even || source.found.sequence != sequence;
    member.secondary_first = !source.found.even && source.found.newest.header.type == kPrimary;
    member.path = source.medium->path();
    member.dev = source.medium->dev();
    member.sectors = source.medium->size_bytes() / kSector;
    member.refnum = source.refnum();
    member.header = source.found.newest.header;
    member.configs = source.found.newest.configs;
    member.own = source.found.newest.own;
    return member;
}

std::vector<unsigned> used_elements(const Record &record)
{
    std::vector<unsigned> used;
    for (unsigned i = 0; i < record.elements(); i++)
        if (record.refnum(i) != kNone32)
            used.push_back(i);
    return used;
}

// Is there one that is newer than the same one here?
bool has_newer_record(const std::vector<Basic> &basics, const Structure &from)
{
    for (std::size_t slot = 0; slot < from.records(); slot++)
        if (const std::optional<Record> record = from.config(slot))
            if (std::ranges::any_of(basics, [head = record->head()](const Basic &b) {
                    return b.vd == head.guid && b.secondary() == head.secondary_sequence && b.record.head().sequence.get() < head.sequence.get();
                }))
                return true;
    return false;
}

std::vector<Record> records_of(const Structure &from)
{
    std::vector<Record> records;
    for (std::size_t slot = 0; slot < from.records(); slot++)
        if (const std::optional<Record> record = from.config(slot))
            records.push_back(*record);
    return records;
}

// Take up the records of a disk; those that are known already must be older to be replaced.
void add_records(std::vector<Basic> &basics, const std::vector<Record> &from, bool replace)
{
    for (const Record &record : from) {
        const ConfigBytes head = record.head();
        Basic fresh{head.guid, record, used_elements(record)};
        const auto same = [&](const Basic &b) { return b.vd == head.guid && b.secondary() == fresh.secondary(); };
        const auto known = std::ranges::find_if(basics, same);
        if (known == basics.end())
            basics.push_back(std::move(fresh));
        else if (replace && known->record.head().sequence.get() < head.sequence.get())
            *known = std::move(fresh);
    }
}

bool redundant(const Record &record)
{
    return record.head().level != 0;
}

bool named(const Basic &basic, std::uint32_t refnum)
{
    return std::ranges::any_of(basic.elements, [&](unsigned e) { return basic.record.refnum(e) == refnum; });
}

}  // namespace

Result<std::unique_ptr<DdfMetadata>> load_container(std::span<const Medium *const> media)
{
    if (media.empty())
        return fail(Errc::Invalid, "no disks to load a container from");
    const std::vector<Source> sources = EMD_TRY(read_all(media));
    // Between equals one that is good by its own word; a copy of a disk that was made of another comes later.
    const Source &first = *std::ranges::max_element(
        sources, {}, [](const Source &s) { return std::tuple(s.found.sequence, !s.found.newest.header.open, s.found.even); });
    const Structure &newest = first.found.newest;

    std::string refused;
    std::vector<Member> members;
    std::vector<Basic> basics, half;
    for (const Source &source : sources) {
        Member member = member_of(source, newest, first.found.sequence);
        const auto twin = [&](const Member &m) { return m.entry >= 0 && m.entry == member.entry; };
        if (std::ranges::any_of(members, twin)) {
            refused = fmt::format("{} is a copy of another disk of the container: disconnect one of them", member.path);
            member.entry = -1;
            member.failed = true;
        }
        if (!member.failed) {
            if (!same_sizes(member.header, newest.header))
                refused = fmt::format("the metadata of {} has other sizes than that of the other disks", member.path);
            // What is open may be half of a change.
            if (!old(source, first) && same_sizes(member.header, newest.header))
                add_records(source.found.newest.header.open ? half : basics, records_of(source.found.newest), true);
            // Somebody has closed a structure for this change, so all have it whole; a record that nobody has closed is a new one.
            if (source.found.opened_sequence >= first.found.sequence && same_sizes(member.header, newest.header))
                add_records(half, source.found.opened, true);
        }
        if (apart(newest, source))
            refused = "its disks have been used apart from each other; assemble it from the disks of one side only";
        members.push_back(std::move(member));
    }
    for (Basic &basic : half)
        if (std::ranges::none_of(basics, [&](const Basic &b) { return b.vd == basic.vd && b.secondary() == basic.secondary(); }))
            basics.push_back(std::move(basic));
    // One that failed on this side, and on the other went on and had its neighbour replaced.
    const std::vector<Basic> chosen = basics;
    for (std::size_t i = 0; i < sources.size(); i++) {
        const Structure &tables = sources[i].found.newest;
        if (!same_sizes(tables.header, newest.header))
            continue;
        if ((members[i].failed || old(sources[i], first)) && !tables.header.open && has_newer_record(chosen, tables))
            refused = "its disks have been used apart from each other; assemble it from the disks of one side only";
        // Who may not be used may still tell what there was.
        add_records(basics, records_of(tables), false);
    }
    // What a volume left behind that was deleted.
    std::erase_if(basics, [&](const Basic &b) { return std::ranges::none_of(newest.vds, [&](const VdBytes &vd) { return vd_used(vd) && vd.guid == b.vd; }); });
    for (std::size_t i = 0; i < sources.size(); i++)
        if (old(sources[i], first))
            members[i].failed |= std::ranges::any_of(basics, [&](const Basic &b) { return redundant(b.record) && named(b, members[i].refnum); });
    if (first.found.sequence >= kLastSequence)
        refused = "its sequence numbers are used up";

    for (unsigned entry = 0; entry < newest.pds.size(); entry++) {
        const PdBytes &pd = newest.pds[entry];
        if (!pd_used(pd) || std::ranges::count(members, static_cast<int>(entry), &Member::entry) != 0)
            continue;
        Member absent;
        absent.entry = static_cast<int>(entry);
        absent.refnum = pd.refnum.get();
        absent.sectors = pd.sectors.get();
        members.push_back(std::move(absent));
    }
    std::ranges::stable_sort(members, {}, [](const Member &m) { return std::tuple(m.entry < 0, m.entry, m.refnum); });
    return std::make_unique<DdfMetadata>(newest, first.found.sequence, std::move(members), std::move(basics), std::move(refused));
}

}  // namespace emd::ddf
