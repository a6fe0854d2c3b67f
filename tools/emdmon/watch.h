// SPDX-License-Identifier: GPL-2.0-only
// What wakes emdmon: attributes, requests, signals, events of block devices, the clerk, and time.
#pragma once

#include "control.h"
#include "keeper.h"

namespace emd::mon {

enum class Ending {
    Done,      // nothing is left to keep, or everything is clean after SIGTERM
    Replaced,  // another emdmon has taken over
};

// SIGTERM and SIGINT are blocked in every thread of the caller: they come through a descriptor.
Result<Ending> run(Keeper &keeper, Control &control, Clerk &clerk);

}  // namespace emd::mon
