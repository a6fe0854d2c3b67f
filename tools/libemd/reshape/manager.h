// SPDX-License-Identifier: GPL-2.0-only
// What emdadm calls: drive a recorded reshape to its end, and put back a backup before an array is started.
// The decisions are in engine.h (pure); this executes them.
#pragma once

#include "libemd/format/format.h"
#include "libemd/kernel/array.h"
#include "libemd/monitor/client.h"
#include "libemd/reshape/buffer.h"
#include "libemd/reshape/terms.h"

#include <atomic>
#include <functional>

namespace emd::reshape {

class BackupFile;

struct Progress {
    std::uint64_t position = 0;  // array sectors durable in the new layout, counted from the start of the work
    std::uint64_t total = 0;
    double bytes_per_second = 0;
    std::string waiting_for;     // empty while data moves
};

struct Job {
    Array array;                        // the running volume
    Monitor *monitor = nullptr;
    unsigned volume = 0;
    // As recorded, loaded *after* monitor->sync(): what a manager that was killed has sent is on the disks then.
    Container container;
    std::function<void(const Progress &)> progress;  // may be empty
    const std::atomic<bool> *stop = nullptr;         // set by a signal: finish the section, release, return
    BackupFile *file = nullptr;                      // gets a copy of each section besides the format's own place
};

// Steps 8 and 9 of the protocol: from the recorded state (fresh or after any crash of the manager) to the end.
// Returns when the reshape has finished and nothing is suspended, or when *stop was set. A volume without a recorded
// reshape is left as a finished one should be: with nothing suspended. array_size, and a takeover that the path may
// have at its end, are the caller's.
Result<> run(Job job);

// Release mode (7.2): leave the array fully usable and the reshape paused.
Result<> release(Job job);

// Opens a member for writing: direct I/O, exclusive where possible.
class Target {
public:
    virtual ~Target() = default;
    virtual Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) = 0;
    virtual Result<> write(std::uint64_t offset_bytes, std::span<const std::byte> data) = 0;
    virtual Result<> flush() = 0;
};

// Where the reshape of a volume that is not running goes on when restore() has been called: D, or the end of the section
// that restore() puts in its place.
Result<std::uint64_t> position_after_restore(const Volume &volume);

// Section 8, steps 2 to 4, array not running: put the live backup of `volume` in place on all members, flush, then
// make the new checkpoint durable through `record` (which writes the metadata). Idempotent. Returns true if
// something was restored. `target(disk)` gives the disk of Container::disks, or null when it is absent. `file(addresses)`
// reads the section from a backup file; it is asked when the copies on the members are not enough, and may be empty.
Result<bool> restore(const Container &container, unsigned volume,
                     const std::function<Target *(int disk)> &target,
                     const std::function<Result<>(const Change &)> &record,
                     const std::function<Result<Buffer>(Range addresses)> &file = {});

}  // namespace emd::reshape
