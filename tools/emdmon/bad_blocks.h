// SPDX-License-Identifier: GPL-2.0-only
// Lists of bad blocks: what the kernel's say and the record does not, and the reverse.
//
// Theory. Writes wait while a member has bad blocks that are not acknowledged. They go into the record, and when that is durable
// they are acknowledged: what is acknowledged is what the record says, however often an emdmon dies in between. A block that was
// written again leaves the kernel's list by itself, and then the record: what that says too much costs a copy and no data. Of one
// member a round takes either blocks out or puts blocks in, and the former first, as there may be no room for both: so a format need
// not write a list whose entries move in two directions.
#pragma once

#include "round.h"

namespace emd::mon {

inline constexpr std::size_t kMostListed = 1024;    // ranges: more than fit into a page
inline constexpr std::size_t kMostBadChanges = 64;  // of one volume in a round, for which Decision has to have room

// One volume. Appends to `out`.
void decide_bad_blocks(const VolumeFacts &facts, const Container &container, const Volume &record, Decision &out);

// The record does not take `change`: the members that are this disk, and whose writes wait for it, are given up.
void give_up(const VolumeFacts &facts, const change::BadBlock &change, Decision &out);

}  // namespace emd::mon
