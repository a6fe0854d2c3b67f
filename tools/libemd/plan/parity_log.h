// SPDX-License-Identifier: GPL-2.0-only
// A RAID5 that was being written when it stopped, and its partial parity log: what the log is worth, and parity made right by it,
// before the array is started.
#pragma once

#include "libemd/format/ppl.h"
#include "libemd/reshape/manager.h"

namespace emd::plan {

// What the logs of all members that are here are worth together.
struct ParityLogState {
    bool sound = false;     // each has a header, and all that it announces lies in the array
    unsigned entries = 0;   // of the newest units
    unsigned cut = 0;       // entries that are not whole
    unsigned left_alone = 0;  // parts of strips that a member does not hold: it is missing, or they are recorded as bad
    std::string why{};      // not sound: "the log of /dev/sda: ..."

    // In place of a resync? Without an entry nothing tells that parity was ever right; what is not whole, or is not made right,
    // is nothing to rely on when a resync can be had.
    bool replaces_resync() const { return sound && entries && !cut && !left_alone; }
};

// Reads from the disk of Container::disks.
using DiskReader = std::function<Result<>(int disk, std::uint64_t offset_bytes, MutableBytes out)>;

// `volume` has a parity log.
ParityLogState look_at_log(const Container &container, const Volume &volume, const DiskReader &read);

// Writes the parity that the logs ask for, and flushes. Logs that are not sound are passed over. Idempotent as long as nothing else is
// written. `target(disk)`: null for one that is absent. Returns how many strips were written. Errors: what a disk says.
Result<unsigned> recover_parity(const Container &container, const Volume &volume, const std::function<reshape::Target *(int disk)> &target);

}  // namespace emd::plan
