// SPDX-License-Identifier: GPL-2.0-only
// Of a container's list of bad blocks what belongs to one disk.
#pragma once

#include "libemd/model/container.h"

namespace emd {

inline std::vector<BadRange> bad_blocks(const Container &container, int disk)
{
    std::vector<BadRange> bad;
    for (const BadRange &r : container.bad)
        if (r.disk == disk)
            bad.push_back(r);
    return bad;
}

}  // namespace emd
