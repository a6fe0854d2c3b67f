// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"

#include <emd/emd.h>

namespace emd::md {

Limits MdFormat::limits() const
{
    return {.max_volumes = 1,
            .levels = {EMD_LEVEL_LINEAR, 0, 1, 4, 5, 6, 10},
            .min_chunk_sectors = 8,
            .max_chunk_sectors = 1u << 21,
            .name_length = 32,
            .reshape = true};
}

Result<std::unique_ptr<Metadata>> MdFormat::load(std::span<const Medium *const> media) const
{
    return std::unique_ptr<Metadata>(EMD_TRY(load_array(media)));
}

Result<std::unique_ptr<Metadata>> MdFormat::create(std::span<const Medium *const>) const
{
    return fail(Errc::Invalid, "an array of md is no container: say its --level and --raid-devices");
}

// All that there are: an older one below the newest would come to light.
std::vector<std::pair<std::uint64_t, std::uint64_t>> MdFormat::wipe_ranges(const Medium &medium) const
{
    std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
    for (const std::uint64_t sector : superblock_sectors(medium))
        ranges.emplace_back(sector * 512, kBlockBytes);
    return ranges;
}

const MdFormat &md_format()
{
    static const MdFormat format;
    return format;
}

}  // namespace emd::md
