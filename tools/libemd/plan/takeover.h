// SPDX-License-Identifier: GPL-2.0-only
// A running volume becomes another level where it is: of IMSM RAID0 and RAID10 of pairs, with md's superblocks all that the module knows.
//
// Theory. The record goes first. Cut off behind it, an array is still written to all members that it had, so those that the
// record keeps have everything; and members that the record has more are missing in both, or begin empty. So what a boot assembles is whole at every
// instant. What the kernel was not told any more is done by the same command given again, by emdmon, or by the next assembly.
//
// Who stays is a function of both shapes (model/takeover.h): a member keeps its slot, or that of its pair; of two that hold the same the first that
// is in sync stays. New places are empty, and are filled by a recovery as any that are. Who has no place becomes a spare.
#pragma once

#include "libemd/plan/grow.h"

namespace emd::plan {

// The volume that the request wants to be taken over, or whose takeover it wants to be brought to its end. Null: neither.
const Volume *taken_over(const Container &now, const GrowRequest &want, const Running &running);

Result<Plan> plan_takeover(const Container &now, const Volume &v, const GrowRequest &want, const Running &running,
                           const Express &express);

}  // namespace emd::plan
