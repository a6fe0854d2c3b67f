// SPDX-License-Identifier: GPL-2.0-only
// The reshape manager's decisions: from what is known to the next command. Pure: no I/O, no clock, no sysfs.
//
// Theory. At every instant each sector is readable from exactly one of three places (old layout, new layout,
// backup), and what is durable alone says which:
//
//      0 ......... D ............ M ............ total        D: checkpoint, durable in the metadata
//      new layout  |  moving      |  old layout               M: the kernel may move up to here
//
// [D, M) may be torn by a power cut. So M is only raised when [D, M) lies in a durable backup, or when M <= Psafe(D):
// the old copy of everything behind D is then out of reach of what is being written. A backup is the newest data only
// if nobody writes to its range from before the copy until the checkpoint has passed it: hence
// suspend -> read -> save -> (record) -> advance -> wait -> sync -> release, and nothing in another order.
// Two sections are in work at once: one moves while the next one is suspended and read (and saved, where the
// place has a second slot).
//
// There is no hidden state. Facts can be collected at any time from sysfs, the metadata and the backup; a manager that
// was killed is replaced by one that collects them and calls next(). forbidden() is the same protocol seen from the
// other side: the rules that must hold at the moment a command is issued, written without regard to how next() decides.
// The executor asks it before every command, and refuses to go on when the two disagree.
#pragma once

#include "libemd/reshape/terms.h"

#include <array>
#include <optional>
#include <string>

namespace emd::reshape {

enum class Stage {
    Read,      // held in the manager's memory
    Saved,     // complete and flushed in its slot
    Unsure,    // recording failed half-way: perhaps valid, perhaps not
    Recorded,  // the metadata says that the slot is valid (formats that have no such record: as Saved)
};

// A range with a backup of its own.
struct Section {
    Range range;
    unsigned slot = 0;
    Stage stage = Stage::Read;
    bool operator==(const Section &) const = default;
};

inline constexpr std::size_t kMaxSections = 2;

// All positions are progress.
struct Facts {
    std::uint64_t durable = 0;    // D, from an answer of the monitor or from the disks, never from the kernel
    std::uint64_t published = 0;  // C; may read lower than it was after the kernel's thread restarted: only a hint
    std::uint64_t limit = 0;      // M
    std::uint64_t tail = 0;       // writes to [tail, front) wait
    std::uint64_t front = 0;
    std::array<std::optional<Section>, kMaxSections> sections;  // in the order of movement, without gaps

    bool ended = false;   // the kernel has left the reshape (no position, single values), not just its thread
    bool stop = false;    // wanted: finish what is under way, leave the array usable, return
    bool paused = false;  // the backup place does not work, or policy says wait: as stop, but stay

    const Section *last_section() const;
};

enum class Verb {
    Suspend,   // front := to; returns when no write to the range is under way
    Release,   // tail := to
    GiveUp,    // front := to, downwards; drops sections that were only prepared
    Read,      // copy `range` from the array into memory, as section of `slot`
    Save,      // memory to the slot, flush
    Record,    // the monitor makes the backup of `range` valid
    Advance,   // M := to
    Sync,      // ask the monitor what is durable
    Wait,      // until something changes
    Pause,     // nothing is under way or suspended: wait until `paused` is over
    Finish,    // the last one: the kernel is done; suspend nothing, drop the backups
    Return,    // the last one: as wanted by `stop`, nothing is under way or suspended
};

struct Command {
    Verb verb = Verb::Wait;
    std::uint64_t to = 0;  // Suspend, Release, GiveUp, Advance
    Range range{};         // Read, Save, Record
    unsigned slot = 0;     // Read, Save, Record
    bool operator==(const Command &) const = default;
};

const char *to_word(Verb verb);
std::string to_string(const Command &command);

// What to do now.
Command next(const Terms &terms, const Facts &facts);

// The rule that `command` would break if it were issued now; null if it may be issued.
const char *forbidden(const Terms &terms, const Facts &facts, const Command &command);

// `command` has been carried out: what is known afterwards. What Sync and Wait find out is put into the facts
// by the caller.
void done(const Terms &terms, Facts &facts, const Command &command);

// `command` failed, and it is not known how far it got.
void failed(const Terms &terms, Facts &facts, const Command &command);

// The monitor's answer: the checkpoint that is durable on all copies. Sections behind it are dropped.
void durable(const Terms &terms, Facts &facts, std::uint64_t position);

// End of the range from D on that durable backups cover (D if there are none).
std::uint64_t covered(const Terms &terms, const Facts &facts);

}  // namespace emd::reshape
