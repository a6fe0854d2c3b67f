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

};

// Reads from the disk of Container::disks.
using DiskReader = std::function<Result<>(int disk, std::uint64_t offset_bytes, MutableBytes out)>;

// `volume` has a parity log.
ParityLogState look_at_log(const Container &container, const Volume &volume, const DiskReader &read);

// Strips, or parts of them, that the logs ask for.
struct ParityRepairs {
    unsigned repaired = 0;   // their parity is right
    unsigned was_wrong = 0;  // of these: it was not before, or could not be read
    unsigned unread = 0;     // data of them cannot be read: their parity, or a part of it, is as it was
};
// "by its partial parity log the parity of 3 strips is right, and that of 1 of them was not"
std::string to_text(const ParityRepairs &repairs);

// Writes the parity that the logs ask for, and flushes. Logs that are not sound, and strips that cannot be read, are passed over; of the latter
// the result says how many they are. Idempotent as long as nothing else is written. `target(disk)`: null for one that is absent. Errors: what a disk
// says to a write.
Result<ParityRepairs> recover_parity(const Container &container, const Volume &volume, const std::function<reshape::Target *(int disk)> &target);

// The logs of all members announce nothing from here on, durable; the volume is clean, or all its parity is computed anew. `headers`: each
// area holds a header and nothing else; without, nothing of a log is left. Errors: what a disk says.
Result<> reset_logs(const Container &container, const Volume &volume, bool headers, const std::function<reshape::Target *(int disk)> &target);

}  // namespace emd::plan
