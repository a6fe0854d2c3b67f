// SPDX-License-Identifier: GPL-2.0-only
// What the clerk does to the kernel. Each is safe to stop at any point and to begin again: it looks at what is there
// first. Everything is copied into the task, nothing of the keeper's is touched.
#pragma once

#include "clerk.h"
#include "facts.h"
#include "libemd/kernel/sysfs.h"
#include "spares.h"

namespace emd::mon {

// Add the disk to the array if it is not there, give it its slot (or reserve it), start the recovery.
Clerk::Task place_member(Sysfs &sysfs, std::string array, const Placement &placement, const Container &container);

// Take a failed member, whose failure is durable, out of the array. Busy: it is still in its slot, try later.
Clerk::Task remove_member(Sysfs &sysfs, std::string array, std::string member);

// Give back the reservations of these disks and take them out of the array.
Clerk::Task withdraw_members(Sysfs &sysfs, std::string array, std::vector<DevNum> disks);

// What is recorded and was not brought to its end: a takeover, or more of each member.
struct Leftover {
    std::string level;              // that the kernel has still to take; empty: it has
    std::uint32_t mirrors = 0;      // the same of a number of mirrors; 0: it has
    std::uint64_t component_sectors = 0;  // that the kernel has still to use of each member; 0: it does
    std::vector<DevNum> surplus;    // of no use to the volume any more
};

// Nobody holds the volume any more: what is proposed is forgotten, what is recorded brought to its end, then '/' and idle.
Clerk::Task thaw(Sysfs &sysfs, std::string array, Leftover leftover);

}  // namespace emd::mon
