// SPDX-License-Identifier: GPL-2.0-only
#include "bad_blocks.h"

#include "text.h"
#include "volume.h"

#include <algorithm>
#include <fmt/format.h>
#include <span>

namespace emd::mon {
namespace {

std::uint64_t end_of(const BadRange &r) { return r.start + r.sectors; }

// Where the first sector in [begin, end) is that `list` does not have; `end` if it has all.
std::uint64_t first_missing(std::span<const BadRange> list, int disk, std::uint64_t begin, std::uint64_t end)
{
    bool moved = true;
    while (moved && begin < end) {
        moved = false;
        for (const BadRange &r : list)
            if (r.disk == disk && r.start <= begin && begin < end_of(r)) {
                begin = end_of(r);
                moved = true;
            }
    }
    return std::min(begin, end);
}

// The first sector behind `begin` that `list` has; `end` if there is none before it.
std::uint64_t next_listed(std::span<const BadRange> list, int disk, std::uint64_t begin, std::uint64_t end)
{
    for (const BadRange &r : list)
        if (r.disk == disk && r.start > begin)
            end = std::min(end, r.start);
    return end;
}

constexpr int kKernel = -1;  // BadRange::disk in the kernel's lists

const Slot *slot_of(const Volume &record, const MemberFacts &m)
{
    if (m.slot < 0)
        return nullptr;
    const auto slot = static_cast<std::size_t>(m.slot);
    if (record.reshape && slot < record.reshape->target_slots.size())
        return &record.reshape->target_slots[slot];
    return slot < record.slots.size() ? &record.slots[slot] : nullptr;  // during a reshape: one that leaves
}

class Room {
public:
    explicit Room(Decision &out) : out_(&out) {}
    bool put(const change::BadBlock &change)
    {
        if (used_ == kMostBadChanges)
            return false;
        used_++;
        out_->changes.push_back(change);
        return true;
    }

private:
    Decision *out_;
    std::size_t used_ = 0;
};

// What was written again leaves the record. Only of the volume's own part of the disk does its list say anything.
bool take_out(const MemberFacts &m, const Container &container, Place own, Room &room)
{
    std::size_t entries = static_cast<std::size_t>(std::ranges::count(container.bad, m.disk, &BadRange::disk));
    const Disk &disk = container.disks[static_cast<std::size_t>(m.disk)];
    const std::size_t most = disk.bad_room;
    const std::uint64_t block = disk.sector_bytes / 512;  // of which nothing is good in part
    bool any = false;
    for (const BadRange &r : container.bad) {
        const std::uint64_t begin = std::max(r.start, own.offset), end = std::min(end_of(r), own.offset + own.sectors);
        if (r.disk != m.disk)
            continue;
        for (std::uint64_t at = begin; at < end;) {
            at = first_missing(m.bad, kKernel, at, end);
            const std::uint64_t next = next_listed(m.bad, kKernel, at, end), to = next / block * block;
            at = (at + block - 1) / block * block;
            const bool splits = at > r.start && to < end_of(r);
            if (at < to && !(splits && entries >= most)) {
                if (!room.put({m.disk, at, static_cast<std::uint32_t>(to - at), true}))
                    return true;
                entries += splits;
                any = true;
            }
            at = next;
        }
    }
    return any;
}

}  // namespace

void decide_bad_blocks(const VolumeFacts &facts, const Container &container, const Volume &record, Decision &out)
{
    if (!facts.running())
        return;
    Room room(out);
    for (std::size_t i = 0; i < facts.members.size(); i++) {
        const MemberFacts &m = facts.members[i];
        const Slot *slot = slot_of(record, m);
        if (!m.lists || m.faulty || slot == nullptr || disk_at(container, m.disk) == nullptr)
            continue;
        if (slot->disk == m.disk && take_out(m, container, place_of(record, *slot), room))
            continue;
        bool known = true;
        for (const BadRange &r : m.unknown) {
            if (first_missing(container.bad, m.disk, r.start, end_of(r)) == end_of(r))
                continue;
            known = false;
            room.put({m.disk, r.start, r.sectors, false});
        }
        if (known && !m.unknown.empty())
            out.replies.push_back({Reply::What::Listed, facts.volume, i});
    }
}

void give_up(const VolumeFacts &facts, const change::BadBlock &change, Decision &out)
{
    for (std::size_t i = 0; i < facts.members.size(); i++) {
        const MemberFacts &m = facts.members[i];
        const auto same = [&](const Reply &r) { return r.what == Reply::What::GiveUp && r.volume == facts.volume && r.member == i; };
        if (m.disk == change.disk && !m.unknown.empty() && std::ranges::none_of(out.replies, same))
            out.replies.push_back({Reply::What::GiveUp, facts.volume, i});
    }
}

// -- the kernel's lists --

// False: it cannot be read, or is no list.
bool VolumeAttributes::read_list(Handle &handle, std::vector<BadRange> &list)
{
    list.clear();
    if (!handle)
        return false;
    const int n = handle->read(buffer_);
    if (n < 0 || static_cast<std::size_t>(n) >= sizeof buffer_)
        return false;
    for (std::string_view text(buffer_, static_cast<std::size_t>(n)); !text.empty();) {
        const auto start = take_number(text);
        if (!start || !text.starts_with(' ') || list.size() == kMostListed)
            return false;
        text.remove_prefix(1);
        const auto sectors = take_number(text);
        if (!sectors || *sectors == 0 || *sectors > ~std::uint32_t{0})
            return false;
        list.push_back({kKernel, *start, static_cast<std::uint32_t>(*sectors)});
        if (text.starts_with('\n'))
            text.remove_prefix(1);
    }
    return true;
}

// The list goes with the member, and the flag before the list: who has the flag afterwards had the list before.
void VolumeAttributes::read_lists(Member &member, MemberFacts &facts, const Container &container)
{
    facts.lists = false;
    facts.unknown.clear();
    const bool recorded = std::ranges::find(container.bad, facts.disk, &BadRange::disk) != container.bad.end();
    if (!member.state || facts.faulty || facts.disk < 0 || (!facts.blocked && !recorded))
        return;
    if (!read_list(member.unknown, facts.unknown) || !read_list(member.bad, facts.bad)) {
        facts.unknown.clear();
        return;
    }
    const std::string_view state = text(member.state);
    facts.lists = has_word(state, "external_bbl") && !has_word(state, "faulty");
}

// In ascending order, as the kernel has room for. The last one lets the writes go. Nothing is stored after that: the member may have failed by
// then, for which "-blocked" would be the acknowledgement.
int VolumeAttributes::acknowledge(Member &member, const MemberFacts &facts)
{
    for (const BadRange &r : facts.unknown) {
        char line[48];
        const auto text = fmt::format_to_n(line, sizeof line, "{} {}", r.start, r.sectors);
        const int error = member.bad ? member.bad->write({line, text.size}) : -ENODEV;
        if (error != 0)
            return error;
    }
    return 0;
}

// For what there is no room in the record. A member that has failed by itself meanwhile is failed already, and will be recorded.
int VolumeAttributes::give_up(Member &member, MemberFacts &facts)
{
    if (!member.state)
        return -ENODEV;
    member.state->write("-external_bbl");
    const bool written = read_list(member.unknown, facts.unknown) && facts.unknown.empty();
    const int error = written ? 0 : member.state->write("faulty");
    if (written || error != 0)  // it is good again; or the array would break: its writes wait until there is room for what is bad
        member.state->write("external_bbl");
    return error;
}

}  // namespace emd::mon
