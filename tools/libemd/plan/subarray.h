// SPDX-License-Identifier: GPL-2.0-only
// What a container records of one volume, while none of its volumes runs: that it is no more, or is called otherwise.
#pragma once

#include "libemd/plan/create.h"

namespace emd::plan {

// `number` is Volume::index. Facts: the volume, the disks that become spares, which other volumes get another number or identity, and
// disks that keep an older record of it. Where the deletion of the last volume was cut short the plan is its end. Errors: NotFound with the
// volumes that there are; without `force` Refused if a disk is not there (or has failed) and would keep its record, Busy if something is
// recorded as running in the volume; what the format refuses.
Result<Plan> plan_delete_volume(const Container &now, unsigned number, bool force, const Express &express);

// The same for another name. Without `force` Refused if a disk that is counted on is not there, and would keep the old name.
Result<Plan> plan_rename_volume(const Container &now, unsigned number, const std::string &name, bool force, const Express &express);

}  // namespace emd::plan
