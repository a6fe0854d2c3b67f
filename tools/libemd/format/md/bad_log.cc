// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/md/bad_log.h"

#include "libemd/format/md/metadata.h"

#include <algorithm>

namespace emd::md {

namespace {

constexpr std::uint32_t kMostInEntry = 512;    // that md writes

std::uint64_t end_of(const BadRange &r) { return r.start + r.sectors; }

// Neither in the superblock nor in the data, whole logical sectors. How far a bitmap goes stands in the bitmap: load_bitmap() refuses
// an array in which it goes over a list.
bool well_placed(const V1 &sb, std::uint64_t device_sectors, unsigned sector_bytes)
{
    const std::int64_t at = static_cast<std::int64_t>(sb.sector) + sb.bad_offset;
    if (at < 0)
        return false;
    const auto begin = static_cast<std::uint64_t>(at);
    const std::uint64_t end = begin + sb.bad_sectors, data = sb.minor == 0 && sb.size ? sb.size : std::max(sb.size, sb.data_size);
    const auto apart = [&](std::uint64_t from, std::uint64_t sectors) { return end <= from || begin >= from + sectors; };
    const bool bitmap_inside = sb.bitmap_offset && at <= static_cast<std::int64_t>(sb.sector) + sb.bitmap_offset &&
                               static_cast<std::int64_t>(sb.sector) + sb.bitmap_offset < static_cast<std::int64_t>(end);
    return end <= device_sectors && begin * 512 % sector_bytes == 0 && sb.bad_sectors * 512 % sector_bytes == 0 &&
           apart(sb.sector, kBlockBytes / 512) && apart(sb.data_offset, data) && !bitmap_inside;
}

// An entry may be there twice, at the border of two pieces of which a power cut left one old. When many had gone at once they are out of order then.
bool in_order(const std::vector<BadRange> &entries)
{
    for (std::size_t i = 1; i < entries.size(); i++)
        if (entries[i].start < entries[i - 1].start || end_of(entries[i]) < end_of(entries[i - 1]))
            return false;
    return true;
}

}  // namespace

BadLog::BadLog(const V1 &sb, std::uint64_t device_sectors, unsigned sector_bytes)
    : begin_((sb.sector + static_cast<std::uint64_t>(std::int64_t{sb.bad_offset})) * 512), bytes_(std::size_t{sb.bad_sectors} * 512),
      piece_(sector_bytes), entries_(sb.bad)
{
    const bool ours = sb.bad_sectors != 0 && sb.bad_sectors <= kMostLogSectors && sb.bad_shift == 0 && in_order(sb.bad) &&
                      well_placed(sb, device_sectors, sector_bytes);
    room_ = ours ? static_cast<unsigned>(bytes_ / 8) : 0;
    entries_.reserve(room_);
    on_disk_.reserve(room_);
    on_disk_ = entries_;
    known_ = !entries_.empty();
}

// The first entry that ends behind the sector.
std::size_t BadLog::find(std::uint64_t sector) const
{
    const auto found = std::ranges::upper_bound(entries_, sector, {}, end_of);
    return static_cast<std::size_t>(found - entries_.begin());
}

Result<> BadLog::settle_order(Order order, std::size_t entries)
{
    const bool one_piece = !known_ || std::max({entries, entries_.size(), on_disk_.size()}) <= per_piece();
    const Order now = fresh_ ? Order::Any : order_;
    if (!one_piece && order != Order::Any && now != Order::Any && now != order)
        return fail(Errc::Busy, "the list of bad blocks has to be written before it can change in this way");
    order_ = one_piece ? Order::Any : order == Order::Any ? now : order;
    fresh_ = false;
    return {};
}

Result<> BadLog::add(std::uint64_t begin, std::uint64_t end)
{
    // What is listed stays as it is, but that an entry may grow up to the next.
    struct Gap {
        std::uint64_t begin, end;
        bool grows;  // the entry in front of it
    };
    const auto next_gap = [&](std::uint64_t from) -> Gap {
        for (std::size_t i = find(from); i < entries_.size() && entries_[i].start <= from; i++)
            from = end_of(entries_[i]);
        const std::size_t next = find(from);
        const std::uint64_t to = next < entries_.size() ? std::min(end, entries_[next].start) : end;
        const bool grows = next > 0 && end_of(entries_[next - 1]) == from && from < to && to - entries_[next - 1].start <= kMostInEntry;
        return {std::min(from, end), to, grows};
    };
    std::size_t fresh = 0;
    for (Gap gap = next_gap(begin); gap.begin < end; gap = next_gap(gap.end))
        fresh += gap.grows ? 0 : (gap.end - gap.begin + kMostInEntry - 1) / kMostInEntry;
    if (entries_.size() + fresh > room_)
        return fail(Errc::NoSpace, "the list of bad blocks has room for {} entries", room_);
    EMD_TRY(settle_order(fresh ? Order::LastFirst : Order::Any, entries_.size() + fresh));
    for (Gap gap = next_gap(begin); gap.begin < end; gap = next_gap(gap.end)) {
        std::size_t at = find(gap.begin);
        if (gap.grows) {
            entries_[at - 1].sectors += static_cast<std::uint32_t>(gap.end - gap.begin);
            continue;
        }
        for (std::uint64_t from = gap.begin; from < gap.end; from += kMostInEntry) {
            const auto sectors = static_cast<std::uint32_t>(std::min<std::uint64_t>(kMostInEntry, gap.end - from));
            entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(at++), BadRange{-1, from, sectors});
        }
    }
    return {};
}

Result<> BadLog::clear(std::uint64_t begin, std::uint64_t end)
{
    const std::size_t at = find(begin);
    if (begin >= end || at == entries_.size() || entries_[at].start >= end)
        return {};
    BadRange &first = entries_[at];
    if (first.start < begin && end_of(first) > end) {  // its middle
        if (entries_.size() == room_)
            return fail(Errc::NoSpace, "the list of bad blocks has room for {} entries", room_);
        EMD_TRY(settle_order(Order::LastFirst, entries_.size() + 1));
        const BadRange rest{-1, end, static_cast<std::uint32_t>(end_of(first) - end)};
        first.sectors = static_cast<std::uint32_t>(begin - first.start);
        entries_.insert(entries_.begin() + static_cast<std::ptrdiff_t>(at) + 1, rest);
        return {};
    }
    const bool some_go = std::ranges::any_of(entries_, [&](const BadRange &r) { return r.start >= begin && end_of(r) <= end; });
    EMD_TRY(settle_order(some_go ? Order::FirstFirst : Order::Any, entries_.size()));
    for (BadRange &r : entries_) {
        const std::uint64_t from = r.start, to = end_of(r);
        if (to <= begin || from >= end)
            continue;
        r.start = from < begin ? from : std::min(end, to);
        r.sectors = static_cast<std::uint32_t>((from < begin ? begin : to) - r.start);
    }
    std::erase_if(entries_, [](const BadRange &r) { return r.sectors == 0; });
    return {};
}

namespace {

std::uint64_t word_at(const std::vector<BadRange> &entries, std::size_t i)
{
    return i < entries.size() ? entries[i].start << 10 | entries[i].sectors : ~std::uint64_t{0};
}

}  // namespace

std::optional<unsigned> BadLog::encode(std::uint64_t offset_bytes, std::span<std::byte> to, bool all) const
{
    const std::size_t piece = static_cast<std::size_t>(offset_bytes - begin_) / piece_, first = piece * per_piece();
    bool changed = !known_ || all;
    for (std::size_t i = 0; i < per_piece() && 8 * i + 8 <= to.size(); i++) {
        const Le64 word(word_at(entries_, first + i));
        changed = changed || word.get() != word_at(on_disk_, first + i);
        std::memcpy(to.data() + 8 * i, &word, sizeof word);
    }
    if (entries_.empty() || !changed)
        return std::nullopt;
    if (order_ == Order::Any || !known_)
        return 0;
    return static_cast<unsigned>(order_ == Order::FirstFirst ? piece : pieces() - 1 - piece);
}

void BadLog::written()
{
    on_disk_ = entries_;
    known_ = !entries_.empty();
    fresh_ = true;
}

// -- what the array does with it --

Result<> MdMetadata::on(const change::BadBlock &change)
{
    Member &member = *EMD_TRY(member_at(change.disk));
    if (!record_.redundant || !member.writable() || !member.log.room())
        return fail(Errc::Refused, "the superblock of {} keeps no list of bad blocks", member.path);
    if (change.sectors == 0 || change.start >= member.sectors || change.sectors > member.sectors - change.start)
        return fail(Errc::Invalid, "bad blocks {}+{} lie outside of {}", change.start, change.sectors, member.path);
    const std::uint64_t end = change.start + change.sectors;
    return change.cleared ? member.log.clear(change.start, end) : member.log.add(change.start, end);
}

void MdMetadata::refresh_bad()
{
    std::size_t most = 0;
    for (const Member &member : members_)
        most += std::max<std::size_t>(member.log.room(), member.log.entries().size());
    view_.bad.reserve(most);
    view_.bad.clear();
    for (std::size_t i = 0; i < members_.size(); i++) {
        const Member &member = members_[i];
        const bool kept = record_.redundant && refused_.empty() && member.writable();
        view_.disks[i].bad_room = kept ? member.log.room() : 0;
        if (member.state == Member::State::Failed)
            continue;
        for (const BadRange &r : member.log.entries())
            view_.bad.push_back({static_cast<int>(i), r.start, r.sectors});
    }
}

void MdMetadata::prepare_logs(std::vector<Image> &images) const
{
    for (std::size_t i = 0; i < members_.size(); i++) {
        const BadLog &log = members_[i].log;
        if (!members_[i].writable() || !record_.redundant)
            continue;
        for (std::size_t piece = 0; piece < log.pieces(); piece++) {
            Image image;
            image.disk = static_cast<int>(i);
            image.offset_bytes = log.offset_bytes(piece);
            image.bytes.resize(log.piece_bytes());
            images.push_back(std::move(image));
        }
    }
}

// Without a change in between what was encoded last has not reached all disks: then all of it is written again.
bool MdMetadata::encode_logs(std::span<Image> images)
{
    bool any = false;
    for (Image &image : images) {
        const auto disk = static_cast<std::size_t>(image.disk);
        if (disk >= members_.size() || !members_[disk].log.holds(image.offset_bytes))
            continue;
        const std::optional<unsigned> phase = members_[disk].log.encode(image.offset_bytes, image.bytes, !changed_);
        image.active = members_[disk].writable() && phase.has_value();
        image.phase = phase.value_or(0);
        any = any || image.active;
    }
    for (Member &member : members_)
        member.log.written();
    return any;
}

}  // namespace emd::md
