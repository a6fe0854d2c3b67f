// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/ddf/ddf.h"
#include "libemd/format/ddf/metadata.h"

#include <emd/emd.h>

namespace emd::ddf {

Limits Ddf::limits() const
{
    return {.max_volumes = 255,
            .levels = {0, 1, 4, 5, 6, 10},
            .min_chunk_sectors = 8,
            .max_chunk_sectors = 1u << 17,
            .name_length = 16,
            .reshape = false,
            .usual_chunk_sectors = 1024,
            .usual_layouts = {{5, EMD_LAYOUT_LEFT_SYMMETRIC}, {6, EMD_LAYOUT_DDF_N_CONTINUE}}};
}

Result<Probe> Ddf::probe(const Medium &medium) const
{
    if (!is_candidate(medium))
        return Probe{};
    const auto anchor = read_anchor(medium);
    if (!anchor && anchor.error().code() == Errc::NotFound)
        return Probe{};
    const Found found = EMD_TRY(read_disk(medium));
    return Probe{.found = true, .container = uuid_of(found.anchor.guid), .sequence = found.sequence};
}

Result<std::unique_ptr<Metadata>> Ddf::load(std::span<const Medium *const> media) const
{
    return std::unique_ptr<Metadata>(EMD_TRY(load_container(media)));
}

// All three headers: each of them may be found by somebody who searches for one.
std::vector<std::pair<std::uint64_t, std::uint64_t>> Ddf::wipe_ranges(const Medium &medium) const
{
    if (!is_candidate(medium))
        return {};
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges{{(medium.size_bytes() / kSector - 1) * kSector, kSector}};
    if (const auto anchor = read_anchor(medium))
        for (const std::uint64_t lba : {anchor->primary.get(), anchor->secondary.get()})
            if (lba != kNone64)
                ranges.emplace_back(lba * kSector, kSector);
    return ranges;
}

const Format &ddf()
{
    static const Ddf format;
    return format;
}

}  // namespace emd::ddf
