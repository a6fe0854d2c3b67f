// SPDX-License-Identifier: GPL-2.0-only
// Which block devices there are, and waiting for the links that udev makes.
#pragma once

#include "libemd/base/result.h"

#include <chrono>
#include <string>
#include <vector>

namespace emd {

// Whole disks that may hold a member: block devices of a size, without the kernel's ram, loop and floppy devices.
// Paths as the kernel names them ("/dev/sda"), sorted. Arrays of EMD and md are not among them.
std::vector<std::string> list_disks();

// Is there a udev daemon that will make links?
bool udev_runs();

// Has it events left to deal with? While it has, it may hold any block device open.
bool udev_is_busy();

// Until `link` points to `device` ("/dev/emd126"). False: it did not within the limit, or no udev runs.
bool wait_for_link(const std::string &link, const std::string &device, std::chrono::milliseconds limit);

}  // namespace emd
