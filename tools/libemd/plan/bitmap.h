// SPDX-License-Identifier: GPL-2.0-only
// A running array gets a write-intent bitmap, or gives it up.
//
// Theory. What the record says of the bits has to be true at every instant, because a power cut makes somebody believe it. So a new
// bitmap is recorded with all bits set, and then the kernel is told; and the kernel sets all bits when it stops keeping them, and then
// the record forgets them. In between all counts as written, which costs a resync after a cut.
#pragma once

#include "libemd/plan/grow.h"

namespace emd::plan {

struct BitmapRequest {
    bool wanted = true;
    std::uint64_t chunk_bytes = 0;  // of a region; 0: as the format likes it
};

// Steps that tell a kernel array where it is: bits behind 256 bytes that are the format's. `undo`: what takes the last one back.
void set_bitmap(Plan &plan, const BitmapPlace &bitmap, const std::string &word, std::vector<Action> undo);

// `location`: what bitmap/location of the running array reads. A plan without steps: it is as wanted already. Errors name what refuses
// and what helps: a level, a format or a superblock without room for it; a pass that runs; another chunk of one that is there; one that the
// kernel keeps and nobody has recorded.
Result<Plan> plan_bitmap(const Container &now, const Volume &v, const BitmapRequest &want, const Running &running, std::string_view location,
                         const Express &express);

}  // namespace emd::plan
