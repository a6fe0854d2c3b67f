// SPDX-License-Identifier: GPL-2.0-only
// From a medium to one of its two structures.
#include "libemd/format/ddf/codec.h"

#include <algorithm>
#include <tuple>

namespace emd::ddf {

bool is_candidate(const Medium &medium)
{
    return !medium.partition() && medium.sector_bytes() == kSector && medium.size_bytes() / kSector > 1 && medium.size_bytes() / kSector < kMostSectors;
}

Result<HeaderBytes> read_anchor(const Medium &medium)
{
    if (!is_candidate(medium))
        return fail(Errc::NotFound, "{} is no whole disk with sectors of 512 bytes, on which DDF lives", medium.path());
    Block sector(kSector);
    const std::uint64_t sectors = medium.size_bytes() / kSector;
    EMD_TRY(medium.read((sectors - 1) * kSector, sector));
    const HeaderBytes anchor = EMD_TRY(decode_header(sector, sectors).within(medium.path()));
    if (anchor.type != kAnchor)
        return fail(Errc::Corrupt, "{}: the last sector has a DDF header, but no anchor", medium.path());
    return anchor;
}

namespace {

// Is it the header that the anchor speaks of?
Result<> check_kin(const HeaderBytes &header, const HeaderBytes &anchor, HeaderType type)
{
    if (header.type != type || header.guid != anchor.guid || header.revision != anchor.revision || header.primary != anchor.primary ||
        header.secondary != anchor.secondary || header.reserved1 != anchor.reserved1)
        return fail(Errc::Corrupt, "a DDF header contradicts the anchor");
    if (header.sequence.get() == kNone32)
        return fail(Errc::Corrupt, "a DDF header has no sequence number");
    return {};
}

Result<Structure> read_structure(const Medium &medium, const HeaderBytes &anchor, HeaderType type)
{
    const std::uint64_t lba = (type == kPrimary ? anchor.primary : anchor.secondary).get();
    if (lba == kNone64)
        return fail(Errc::NotFound, "no second structure");
    Block bytes(kSector);
    EMD_TRY(medium.read(lba * kSector, bytes));
    const HeaderBytes header = EMD_TRY(decode_header(bytes, medium.size_bytes() / kSector));
    EMD_TRY(check_kin(header, anchor, type));
    std::size_t end = 0;
    for (unsigned i = 0; i < kMandatory; i++)
        end = std::max<std::size_t>(end, header.sections[i].offset.get() + header.sections[i].length.get());
    bytes.resize(end * kSector);
    EMD_TRY(medium.read(lba * kSector, bytes));
    return decode_structure(header, bytes);
}

bool same_content(const Structure &a, const Structure &b)
{
    const auto all = [](const Structure &s) { return std::tie(s.header.sequence, s.header.open, s.controller, s.pd_section, s.vd_section, s.configs, s.own); };
    return all(a) == all(b);
}

// The primary, unless what it tells is older, or was cut short. One that is open was cut short: it counts as one less.
bool prefer_secondary(const HeaderBytes &primary, const HeaderBytes &secondary)
{
    const std::uint32_t one = primary.sequence.get(), two = secondary.sequence.get();
    return !secondary.open && (one < two || primary.open);
}

// A structure was opened for a change on all disks that worked when the one before it was done with.
std::uint32_t seen_by(const Result<Structure> &structure)
{
    if (!structure)
        return 0;
    const std::uint32_t sequence = structure->header.sequence.get();
    return structure->header.open && sequence > 0 ? sequence - 1 : sequence;
}

}  // namespace

Result<Found> read_disk(const Medium &medium)
{
    Found found;
    found.anchor = EMD_TRY(read_anchor(medium));
    auto primary = read_structure(medium, found.anchor, kPrimary);
    auto secondary = read_structure(medium, found.anchor, kSecondary);
    if (!primary && !secondary)
        return tl::make_unexpected(primary.error().within(fmt::format("{}: the DDF metadata is damaged", medium.path())));
    found.redundant = secondary.has_value();
    found.seen = std::max(seen_by(primary), seen_by(secondary));
    const bool single = found.anchor.secondary.get() == kNone64;
    found.even = primary && !primary->header.open && (single || (secondary && same_content(*primary, *secondary)));
    const bool second = !primary || (secondary && prefer_secondary(primary->header, secondary->header));
    found.newest = second ? std::move(*secondary) : std::move(*primary);
    found.sequence = found.newest.header.sequence.get();
    if (found.newest.header.open && found.sequence > 0)
        found.sequence--;
    return found;
}

}  // namespace emd::ddf
