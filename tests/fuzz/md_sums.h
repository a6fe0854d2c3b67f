// SPDX-License-Identifier: GPL-2.0-only
// The check sums of md's superblocks, put right in a block of 4096 bytes that may be anything.
#pragma once

#include "libemd/base/bytes.h"

#include <algorithm>

namespace emd::fuzz {

inline void fix_sum(MutableBytes block, std::size_t at, std::size_t size)
{
    (void)write_at(block, at, Le32(0));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < size; i += 4)
        sum += i + 4 <= size ? read_at<Le32>(block, i)->get() : read_at<Le16>(block, i)->get();
    (void)write_at(block, at, Le32(static_cast<std::uint32_t>(sum + (sum >> 32))));
}

inline void fix_v1(MutableBytes block)
{
    const std::size_t size = 256 + 2 * std::size_t{read_at<Le32>(block, 220)->get()};
    fix_sum(block, 216, std::min(size, block.size()));
}

inline void fix_v090(MutableBytes block)
{
    fix_sum(block, 4 * 38, block.size());
}

}  // namespace emd::fuzz
