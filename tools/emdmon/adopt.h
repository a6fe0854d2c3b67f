// SPDX-License-Identifier: GPL-2.0-only
// The record of a container, from its disks.
#pragma once

#include "libemd/format/format.h"
#include "libemd/kernel/sysfs.h"

namespace emd::mon {

// `format` is what stands after "external:" in the container's metadata_version. Disks without this metadata are left
// out: a container may hold a disk that was just plugged in and that nobody has made a spare yet.
Result<std::unique_ptr<Metadata>> load_record(const std::string &format, const std::vector<DevNum> &disks);

// Kernel names of all containers that exist: arrays whose metadata_version names a format.
std::vector<std::string> find_containers(Sysfs &sysfs);

}  // namespace emd::mon
