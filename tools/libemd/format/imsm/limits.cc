// SPDX-License-Identifier: GPL-2.0-only
// What an IMSM container can hold, without the limits of a platform (EMD asks no option ROM: IMSM_NO_PLATFORM is how it
// always behaves).
#include "libemd/format/imsm/imsm.h"
#include "libemd/format/imsm/layout.h"

namespace emd::imsm {

Limits Imsm::limits() const
{
    Limits limits;
    limits.max_volumes = kMaxVolumes;
    limits.levels = {0, 1, 5, 10};
    limits.min_chunk_sectors = 4;        // 2 KiB
    limits.max_chunk_sectors = 1 << 15;  // 16 MiB, what the field holds
    limits.name_length = sizeof(Name);
    limits.reshape = true;
    return limits;
}

}  // namespace emd::imsm
