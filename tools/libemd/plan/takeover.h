// SPDX-License-Identifier: GPL-2.0-only
// A running volume becomes another level where it is: RAID0 and RAID10 of pairs.
//
// Theory. The record goes first. Cut off behind it, a RAID10 that is recorded as RAID0 is still written to both mirrors of
// each pair, so the ones that the record keeps have everything; and a RAID0 that is recorded as RAID10 has its data
// in the places that the record names, the mirrors being missing in both. So what a boot assembles is whole at every
// instant. What the kernel was not told any more is done by the same command given again, or by the next assembly.
#pragma once

#include "libemd/plan/grow.h"

namespace emd::plan {

// The volume that the request wants to be taken over, or whose takeover it wants to be brought to its end. Null: neither.
const Volume *taken_over(const Container &now, const GrowRequest &want, const Running &running);

Result<Plan> plan_takeover(const Container &now, const Volume &v, const GrowRequest &want, const Running &running,
                           const Express &express);

}  // namespace emd::plan
