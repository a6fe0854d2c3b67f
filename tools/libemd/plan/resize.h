// SPDX-License-Identifier: GPL-2.0-only
// A running volume uses more or less of each of its disks, where they are: nothing moves.
//
// Theory. What a power cut leaves is what the record says, so the record may not promise what the kernel does not keep. To become larger it goes
// first, and says with it that what is new is to be resynchronised; a kernel that was not told any more writes within the old size, which is
// part of the new one. To become smaller the kernel goes first, and it has to be told before to show no more than what is left: that is what users
// decide, because it cuts off the end of what they have stored. What was cut short is brought to its end by the same command, or by
// emdmon.
#pragma once

#include "libemd/plan/grow.h"

namespace emd::plan {

struct ResizeRequest {
    std::uint64_t component_sectors = 0;         // of each disk; 0: as many as all of them have
    std::optional<std::uint64_t> array_sectors;  // that the array is to show; 0: all that it has. Nothing: all, once it has become larger
};

// A plan without steps: it is as wanted already. Errors name what refuses and what helps: a level, a format or a place that has no other
// size; a pass that runs; a disk that is too small; data that would be cut off.
Result<Plan> plan_resize(const Container &now, const Volume &v, const ResizeRequest &want, const Running &running, const Express &express);

}  // namespace emd::plan
