// SPDX-License-Identifier: GPL-2.0-only
// From a medium to one of its two structures.
#include "libemd/format/ddf/codec.h"

#include <algorithm>
#include <cstring>

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

std::uint64_t lba_of(const HeaderBytes &anchor, HeaderType type)
{
    return (type == kPrimary ? anchor.primary : anchor.secondary).get();
}

Result<HeaderBytes> read_header(const Medium &medium, const HeaderBytes &anchor, HeaderType type)
{
    if (lba_of(anchor, type) == kNone64)
        return fail(Errc::NotFound, "no second structure");
    Block sector(kSector);
    EMD_TRY(medium.read(lba_of(anchor, type) * kSector, sector));
    const HeaderBytes header = EMD_TRY(decode_header(sector, medium.size_bytes() / kSector));
    EMD_TRY(check_kin(header, anchor, type));
    return header;
}

Result<Structure> read_structure(const Medium &medium, const HeaderBytes &anchor, HeaderType type)
{
    const HeaderBytes header = EMD_TRY(read_header(medium, anchor, type));
    std::size_t end = 0;
    for (unsigned i = 0; i < kMandatory; i++)
        end = std::max<std::size_t>(end, header.sections[i].offset.get() + header.sections[i].length.get());
    Block bytes(end * kSector);
    EMD_TRY(medium.read(lba_of(anchor, type) * kSector, bytes));
    return decode_structure(header, bytes);
}

// Records of a structure that is being written. Each has a sum of its own, so that of those which are whole nothing is missing.
void add_opened(Found &found, const Medium &medium, HeaderType type)
{
    const auto header = read_header(medium, found.anchor, type);
    const HeaderBytes &counts = found.newest.header;
    if (!header || !header->open || header->record_sectors != counts.record_sectors || header->max_elements != counts.max_elements)
        return;
    const SectionBytes &section = header->sections[kConfigs];
    Block configs(section.length.get() * kSector);
    if (!medium.read((lba_of(found.anchor, type) + section.offset.get()) * kSector, configs))
        return;
    const std::size_t size = header->record_sectors.get() * kSector;
    for (std::size_t at = 0; at + size <= configs.size(); at += size)
        if (const Bytes bytes = Bytes(configs).subspan(at, size); is_config(bytes))
            found.opened.emplace_back(bytes, header->max_elements.get());
    found.opened_sequence = header->sequence.get();
}

bool same(const Block &a, const Block &b)
{
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

bool same_content(const Structure &a, const Structure &b)
{
    return a.header.sequence == b.header.sequence && a.header.open == b.header.open && same(a.controller, b.controller) &&
           same(a.pd_section, b.pd_section) && same(a.vd_section, b.vd_section) && same(a.configs, b.configs) && same(a.own, b.own);
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
    if (!single)
        add_opened(found, medium, second ? kPrimary : kSecondary);
    return found;
}

}  // namespace emd::ddf
