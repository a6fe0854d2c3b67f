// SPDX-License-Identifier: GPL-2.0-only
// From groups of disks to running arrays; what --assemble and --incremental have in common.
#pragma once

#include "inventory.h"

#include "libemd/base/fd.h"
#include "libemd/plan/assemble.h"

namespace emd::cli {

// What to do with volumes; `uuid` and `name` select one when they are not empty.
struct AssemblyRequest {
    plan::StartOptions start;
    std::string container_name;  // empty: emdadm.conf's, or the format's name and a number
    std::string volume_name;     // link of the one selected volume; empty: emdadm.conf's, or its own name
    std::string uuid;
    bool quiet_waits = false;    // a volume that waits for disks is no error
    bool revert = false;  // what volumes have moved in a reshape is to be moved back
    bool drop_parity_logs = false;  // volumes that have one are recovered by it, and then have none any more
};

// The purpose of a container's lock while one of its volumes is assembled begins so.
inline constexpr std::string_view kAssembly = "assembly of ";

// One assembly at a time: udev reports several disks at once, and each report looks at all disks. Waits; held until the
// descriptor is closed, and by nobody who is dead.
Result<Fd> take_turn();

// The running container of this identity: its kernel name, or empty.
std::string running_container(Context &c, const Uuid &container);

// Makes the container if it does not run, takes disks into it that are not in it yet, and starts its volumes. All that
// fails is one sentence for each volume; the others are started nevertheless. Returns the number of volumes started. Busy: parity logs
// are to be used and emdmon of the container runs, with a record of its own; nothing has been changed. Or a section that was being moved is to be put
// back, which is no obstacle to other volumes.
Result<unsigned> assemble_container(Context &c, Loaded loaded, AssemblyRequest request);

}  // namespace emd::cli
