// SPDX-License-Identifier: GPL-2.0-only
// The numbers of a reshape for people: what moves, what is backed up and where, how long it takes.
#pragma once

#include "libemd/base/result.h"
#include "libemd/model/container.h"

namespace emd::plan {

// Lines for Plan::facts. Errors: Invalid when the two shapes cannot be changed into each other (the reason of
// core/emd_geometry or core/emd_reshape_math).
Result<std::vector<std::string>> grow_facts(const Container &now, const Volume &volume, const ReshapeRecord &record,
                                            const std::vector<int> &new_disks);

// "raid5 of 4 disks, chunk 64K"
std::string shape_words(const Shape &shape);

// "4 s", "12 min", "3 h 20 min", "2 d 4 h"
std::string format_duration(std::uint64_t seconds);

}  // namespace emd::plan
