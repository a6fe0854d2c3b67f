// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/ppl.h"

#include "core/emd_stripe_plan.h"
#include "libemd/base/crc32c.h"
#include "libemd/model/geometry.h"

#include <algorithm>

namespace emd::ppl {

namespace {

constexpr std::uint64_t kMostSectors = 1ULL << 50;  // of an array: sums of such do not overflow

struct EntryBytes {
    Le64 data_sector;
    Le32 pp_size, data_size, parity_disk, checksum;
};
static_assert(sizeof(EntryBytes) == 24);

struct HeaderBytes {
    std::array<std::byte, 512> reserved;
    Le32 signature, padding;
    Le64 generation;
    Le32 entries_count, checksum;
    std::array<EntryBytes, kMostEntries> entries;
    std::array<std::byte, 8> rest;
};
static_assert(sizeof(HeaderBytes) == kHeaderBytes && alignof(HeaderBytes) == 1 && offsetof(HeaderBytes, entries) == 536);

std::uint32_t checksum_of(HeaderBytes raw)
{
    raw.checksum = 0u;
    return crc32c(bytes_of(raw));
}

Result<Entry> decode_entry(const EntryBytes &raw, unsigned unit_bytes)
{
    const std::uint64_t sectors = unit_bytes / 512;
    if (raw.data_sector.get() >= kMostSectors / sectors)
        return fail(Errc::Corrupt, "it names sector {}, which no array has", raw.data_sector.get());
    if (raw.data_size.get() == 0 || raw.data_size.get() % unit_bytes || raw.pp_size.get() % unit_bytes)
        return fail(Errc::Corrupt, "it names {} bytes of data and {} of partial parity, which are no whole blocks", raw.data_size.get(),
                    raw.pp_size.get());
    return Entry{raw.data_sector.get() * sectors, raw.data_size.get() / 512, raw.pp_size.get() / 512, raw.parity_disk.get(),
                 raw.checksum.get()};
}

// The shape comes from a disk as the log does, and nobody may have looked at it yet.
Result<emd_geometry> raid5_of(const Shape &shape)
{
    const emd_geometry geometry = geometry_of(shape);
    const char *why = "";
    if (shape.level != 5)
        return fail(Errc::Corrupt, "a {} has no partial parity log", level_word(shape.level));
    if (emd_geometry_validate(&geometry, &why))
        return fail(Errc::Corrupt, "the array cannot be true: {}", why);
    return geometry;
}

// How long a run of array sectors an entry is, when it is one: partial parity of a whole chunk says nothing of columns.
bool is_run(const Shape &shape, const Entry &entry)
{
    return entry.parity_sectors == shape.chunk_sectors;
}

std::vector<Strip> strips_of_run(const emd_geometry &geometry, const Entry &entry)
{
    const std::uint32_t chunk = geometry.chunk_sectors;
    const auto begins = static_cast<std::uint32_t>(entry.sector % chunk);
    std::vector<Strip> strips;
    emd_stripe_cursor cursor{};
    emd_stripe_piece piece{};
    emd_stripe_begin(&geometry, entry.sector, &cursor);
    while (emd_stripe_cut(&geometry, entry.sector, entry.sector + entry.data_sectors, chunk, &cursor, &piece))
        strips.push_back({piece.row, piece.lo, piece.hi, piece.first, piece.last, (piece.lo + chunk - begins) % chunk});
    return strips;
}

}  // namespace

std::uint64_t Header::parity_sectors() const
{
    std::uint64_t sum = 0;
    for (const Entry &entry : entries)
        sum += entry.parity_sectors;
    return sum;
}

Result<Header> decode_header(Bytes block, std::uint32_t signature, unsigned unit_bytes)
{
    const HeaderBytes raw = EMD_TRY(read_at<HeaderBytes>(block, 0));
    if (checksum_of(raw) != raw.checksum.get())
        return fail(Errc::NotFound, "there is no header whose checksum is right");
    if (raw.signature.get() != signature)
        return fail(Errc::NotFound, "there is a header of another array ({:#x}, and this one's are {:#x})", raw.signature.get(), signature);
    const std::uint32_t count = raw.entries_count.get();
    if (count > kMostEntries)
        return fail(Errc::Corrupt, "a header has {} entries, more than fit into it", count);
    Header header{raw.generation.get(), {}};
    for (std::uint32_t i = 0; i < count; i++)
        header.entries.push_back(EMD_TRY(decode_entry(raw.entries[i], unit_bytes).within(fmt::format("entry {}", i))));
    return header;
}

std::vector<std::byte> encode_header(const Header &header, std::uint32_t signature, unsigned unit_bytes)
{
    HeaderBytes raw{};
    raw.reserved.fill(std::byte{0xff});
    raw.signature = signature;
    raw.generation = header.generation;
    const std::size_t count = std::min(header.entries.size(), kMostEntries);
    raw.entries_count = static_cast<std::uint32_t>(count);
    for (std::size_t i = 0; i < count; i++) {
        const Entry &entry = header.entries[i];
        EntryBytes &to = raw.entries[i];
        to.data_sector = entry.sector / (unit_bytes / 512);
        to.pp_size = entry.parity_sectors * 512;
        to.data_size = entry.data_sectors * 512;
        to.parity_disk = entry.parity_slot;
        to.checksum = entry.checksum;
    }
    raw.checksum = checksum_of(raw);
    const Bytes bytes = bytes_of(raw);
    return {bytes.begin(), bytes.end()};
}

Result<std::vector<Strip>> strips_of(const Shape &shape, const Entry &entry)
{
    const emd_geometry geometry = EMD_TRY(raid5_of(shape));
    const std::uint32_t data = emd_geometry_data_disks(&geometry), chunk = shape.chunk_sectors;
    const std::uint64_t row_sectors = emd_geometry_row_sectors(&geometry), row = entry.sector / row_sectors;
    if (entry.sector >= emd_geometry_array_sectors(&geometry))
        return fail(Errc::Corrupt, "it names sector {}, and the array has {}", entry.sector, emd_geometry_array_sectors(&geometry));
    if (emd_geometry_p_slot(&geometry, row) != entry.parity_slot)
        return fail(Errc::Corrupt, "it says that slot {} has the parity of row {}, and slot {} has", entry.parity_slot, row,
                    emd_geometry_p_slot(&geometry, row));
    if (is_run(shape, entry)) {
        if (entry.sector + entry.data_sectors > (row + 1) * row_sectors)
            return fail(Errc::Corrupt, "its {} sectors from {} are more than one row", entry.data_sectors, entry.sector);
        return strips_of_run(geometry, entry);
    }
    const std::uint32_t high = entry.parity_sectors ? entry.parity_sectors : entry.data_sectors / data;
    const std::uint32_t columns = high ? entry.data_sectors / high : 0;
    const auto lo = static_cast<std::uint32_t>(entry.sector % chunk), first = static_cast<std::uint32_t>(entry.sector % row_sectors / chunk);
    if (high == 0 || high > chunk - lo || columns > data - first || columns * std::uint64_t{high} != entry.data_sectors)
        return fail(Errc::Corrupt, "its {} sectors from {}, with {} of partial parity, are not the same of each column", entry.data_sectors,
                    entry.sector, entry.parity_sectors);
    return std::vector{Strip{row, lo, lo + high, first, first + columns, 0}};
}

// -- the area of a member --

namespace {

struct Unit {
    Header header;
    std::uint64_t at = 0;  // sectors into the area
};

Result<Unit> newest(const ParityLogPlace &place, const ParityLogPlace::Area &area, const Read &read)
{
    std::optional<Unit> best;
    std::vector<std::byte> block(kHeaderBytes);
    for (std::uint64_t at = 0; at + kHeaderSectors <= area.sectors;) {
        EMD_TRY(read((area.sector + at) * 512, block));
        auto header = decode_header(block, place.signature, place.unit_bytes);
        const bool ends = !header && (best && header.error().code() == Errc::NotFound);
        if (ends || (header && best && header->generation < best->header.generation))
            break;
        if (!header)
            return tl::make_unexpected(header.error());
        const std::uint64_t sectors = kHeaderSectors + header->parity_sectors();
        if (sectors > area.sectors - at)
            return fail(Errc::Corrupt, "a header's partial parity, {} sectors, does not fit into the area", sectors - kHeaderSectors);
        best = Unit{std::move(*header), at};
        at += sectors;
    }
    if (!best)
        return fail(Errc::Corrupt, "its area has {} sectors, too few for a log", area.sectors);
    return std::move(*best);
}

}  // namespace

Result<Log> read_log(const Shape &shape, const ParityLogPlace &place, unsigned slot, const Read &read)
{
    EMD_TRY(raid5_of(shape));
    if (slot >= place.areas.size() || !place.areas[slot].sectors)
        return fail(Errc::NotFound, "member {} has no log", slot);
    const ParityLogPlace::Area &area = place.areas[slot];
    const Unit unit = EMD_TRY(newest(place, area, read));
    Log log;
    log.generation = unit.header.generation;
    std::uint64_t at = area.sector + unit.at + kHeaderSectors;
    for (const Entry &entry : unit.header.entries) {
        if (entry.parity_slot != slot)
            return fail(Errc::Corrupt, "the log of member {} has an entry of member {}", slot, entry.parity_slot);
        Logged logged{entry, EMD_TRY(strips_of(shape, entry)), std::vector<std::byte>(entry.parity_sectors * std::size_t{512})};
        EMD_TRY(read(at * 512, logged.parity));
        at += entry.parity_sectors;
        if (crc32c(logged.parity) == entry.checksum)
            log.entries.push_back(std::move(logged));
        else
            log.cut++;
    }
    return log;
}

namespace {

// From `lo` of the strip on, as far as the members hold all of it or do not.
struct Part {
    Repair repair;
    bool there = true;
};

Part part_of(const emd_geometry &geometry, const Logged &logged, const Strip &strip, std::uint32_t lo, const Holds &holds)
{
    Part part;
    Repair &repair = part.repair;
    repair.parity_slot = logged.entry.parity_slot;
    repair.sector = strip.row * geometry.chunk_sectors + lo;
    repair.sectors = strip.hi - lo;
    for (std::uint32_t column = strip.first; column < strip.last; column++)
        repair.data_slots.push_back(emd_geometry_data_slot(&geometry, strip.row, column));
    const auto ask = [&](std::uint32_t slot) {
        const Held held = holds(slot, repair.sector, repair.sectors);
        repair.sectors = std::clamp(held.sectors, 1u, repair.sectors);
        part.there = part.there && held.there;
    };
    ask(repair.parity_slot);
    std::ranges::for_each(repair.data_slots, ask);
    if (!logged.parity.empty())
        repair.partial = Bytes(logged.parity).subspan((strip.parity_at + lo - strip.lo) * std::size_t{512}, repair.sectors * std::size_t{512});
    return part;
}

}  // namespace

Repairs repairs_of(const Shape &shape, const Log &log, const Holds &holds)
{
    const emd_geometry geometry = geometry_of(shape);
    Repairs all;
    for (const Logged &logged : log.entries)
        for (const Strip &strip : logged.strips)
            for (std::uint32_t lo = strip.lo; lo < strip.hi;) {
                Part part = part_of(geometry, logged, strip, lo, holds);
                lo += part.repair.sectors;
                if (part.there)
                    all.repairs.push_back(std::move(part.repair));
                else
                    all.left_alone++;
            }
    return all;
}

}  // namespace emd::ppl
