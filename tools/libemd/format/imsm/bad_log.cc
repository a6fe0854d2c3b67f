// SPDX-License-Identifier: GPL-2.0-only
// The container's log of bad blocks: one for all disks, of kMaxBadEntries entries in logical blocks. It is a part of the MPB and written
// with it, so an entry is there as a whole or not at all, and their order means nothing.
#include "libemd/format/imsm/metadata.h"

#include <algorithm>

namespace emd::imsm {

namespace {

std::uint64_t end_of(const BadEntry &entry) { return entry.start + entry.sectors; }

bool overlaps(const BadEntry &entry, std::uint8_t disk, std::uint64_t start, std::uint64_t end)
{
    return entry.disk == disk && entry.start < end && end_of(entry) > start;
}

struct Gap {
    std::uint64_t start, end;  // nothing left: start is the end
};

// The first part of [from, end) that is in no entry of the disk.
Gap next_gap(const std::vector<BadEntry> &log, std::uint8_t disk, std::uint64_t from, std::uint64_t end)
{
    for (bool moved = true; moved && from < end;) {
        moved = false;
        for (const BadEntry &entry : log)
            if (entry.disk == disk && entry.start <= from && from < end_of(entry)) {
                from = end_of(entry);
                moved = true;
            }
    }
    from = std::min(from, end);
    for (const BadEntry &entry : log)
        if (entry.disk == disk && entry.start > from)
            end = std::min(end, entry.start);
    return {from, end};
}

// The entry that ends where the gap begins, and has room for all of it.
BadEntry *entry_before(std::vector<BadEntry> &log, std::uint8_t disk, const Gap &gap, std::uint32_t most)
{
    const auto found = std::ranges::find_if(log, [&](const BadEntry &entry) {
        return entry.disk == disk && end_of(entry) == gap.start && gap.end - entry.start <= most;
    });
    return found == log.end() ? nullptr : &*found;
}

Result<> full(const std::string &path)
{
    return fail(Errc::NoSpace, "the container's log of bad blocks has room for {} entries, and those of {} are more than are left", kMaxBadEntries, path);
}

}  // namespace

// What is listed stays as it is, but that an entry may grow.
Result<> ImsmMetadata::list_bad(const Member &member, std::uint64_t start, std::uint64_t end)
{
    const auto disk = static_cast<std::uint8_t>(member.entry);
    const std::uint32_t most = most_bad_sectors(sector_bytes_);
    std::size_t entries = mpb_.bad.size();
    for (Gap gap = next_gap(mpb_.bad, disk, start, end); gap.start < gap.end; gap = next_gap(mpb_.bad, disk, gap.end, end))
        if (!entry_before(mpb_.bad, disk, gap, most))
            entries += (gap.end - gap.start + most - 1) / most;
    if (entries > kMaxBadEntries)
        return full(member.path);
    for (Gap gap = next_gap(mpb_.bad, disk, start, end); gap.start < gap.end; gap = next_gap(mpb_.bad, disk, gap.end, end)) {
        if (BadEntry *entry = entry_before(mpb_.bad, disk, gap, most)) {
            entry->sectors += static_cast<std::uint32_t>(gap.end - gap.start);
            continue;
        }
        for (std::uint64_t at = gap.start; at < gap.end; at += most)
            mpb_.bad.push_back({.disk = disk, .start = at, .sectors = static_cast<std::uint32_t>(std::min<std::uint64_t>(most, gap.end - at))});
    }
    return {};
}

// Refused only where what is left needs more entries than there are: what makes the log shorter always goes.
Result<> ImsmMetadata::clear_bad(const Member &member, std::uint64_t start, std::uint64_t end)
{
    const auto disk = static_cast<std::uint8_t>(member.entry);
    std::vector<BadEntry> &log = mpb_.bad;
    std::size_t gone = 0, left = 0;
    for (const BadEntry &entry : log)
        if (overlaps(entry, disk, start, end)) {
            gone++;
            left += (entry.start < start) + (end_of(entry) > end);
        }
    if (left > gone && log.size() - gone + left > kMaxBadEntries)
        return full(member.path);
    const std::size_t old = log.size();
    for (std::size_t i = 0; i < old; i++) {
        const BadEntry was = log[i];
        if (!overlaps(was, disk, start, end))
            continue;
        log[i].sectors = static_cast<std::uint32_t>(was.start < start ? start - was.start : 0);
        const BadEntry rest{.disk = disk, .start = end, .sectors = static_cast<std::uint32_t>(end_of(was) - std::min(end, end_of(was)))};
        if (rest.sectors == 0)
            continue;
        if (log[i].sectors == 0)
            log[i] = rest;
        else
            log.push_back(rest);
    }
    std::erase_if(log, [](const BadEntry &entry) { return entry.sectors == 0; });
    return {};
}

// The log has whole blocks: what lies partly in what is bad is bad, and good is only what is good as a whole.
Result<> ImsmMetadata::on(const change::BadBlock &change)
{
    const Member &member = *EMD_TRY(member_at(change.disk));
    if (member.entry < 0)
        return fail(Errc::Refused, "{} is no member of a volume; its bad blocks have no place", member.path);
    if (change.sectors == 0 || change.start >= member.sectors || change.sectors > member.sectors - change.start)
        return fail(Errc::Invalid, "bad blocks {}+{} lie outside of {}", change.start, change.sectors, member.path);
    const std::uint64_t block = sector_bytes_ / 512, end = change.start + change.sectors;
    if (!change.cleared)
        return list_bad(member, change.start / block * block, (end + block - 1) / block * block);
    return clear_bad(member, (change.start + block - 1) / block * block, end / block * block);
}

// A log that no other disk uses has room for all; one that others fill has none for this one.
void ImsmMetadata::refresh_bad()
{
    view_.bad.clear();
    for (const BadEntry &bad : mpb_.bad)
        if (const int disk = disk_of_entry(bad.disk); disk >= 0)
            view_.bad.push_back({.disk = disk, .start = bad.start, .sectors = bad.sectors});
    for (std::size_t i = 0; i < members_.size(); i++) {
        const Member &member = members_[i];
        view_.disks[i].bad_room = 0;
        if (member.entry < 0 || !writable(member) || !refused_.empty())
            continue;
        const auto own = std::ranges::count(mpb_.bad, static_cast<std::uint8_t>(member.entry), &BadEntry::disk);
        view_.disks[i].bad_room = static_cast<unsigned>(kMaxBadEntries - std::min(kMaxBadEntries, mpb_.bad.size() - static_cast<std::size_t>(own)));
    }
}

// In a level that keeps nothing twice nobody could tell which copy is good there. The kernel refuses it, too, but only when it is recorded.
Result<> ImsmMetadata::check_good(const Dev &dev) const
{
    for (const BadEntry &bad : mpb_.bad)
        for (const std::uint32_t ord : dev.map0.ord)
            if (ord_index(ord) == bad.disk) {
                const int disk = disk_of_entry(bad.disk);
                return fail(Errc::Refused, "volume {}: {} has bad blocks at sector {}: write there or replace it first", text_of(dev.name),
                            disk < 0 ? std::string("a missing disk") : members_[static_cast<std::size_t>(disk)].path, bad.start);
            }
    return {};
}

}  // namespace emd::imsm
