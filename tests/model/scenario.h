// SPDX-License-Identifier: GPL-2.0-only
// What is reshaped into what, and what is broken on purpose.
#pragma once

#include "libemd/kernel/fake_array.h"
#include "libemd/model/container.h"

#include <random>
#include <string>

namespace emd::model {

using Rng = std::mt19937_64;

// Planted faults outside the kernel; those of the kernel are FakeBugs. Each stands for a mistake that somebody made.
enum class Mutant {
    None,
    AdvanceBeforeBackup,      // M is raised when the section has been read, not when it is saved and recorded
    SuspendAfterCopy,         // IMSM as the peer does it
    ReleaseOnPublished,       // L follows the kernel's position instead of the monitor's answer
    ReuseSlotOnPublished,     // the copy area is overwritten while its unit is not recorded as done
    WindowTooFar,             // one unit beyond Psafe(D)
    RecordBeforeCopy,         // the record is made valid, then the copy written
    CopyNotFlushed,
    AnswerBeforeWrite,        // the monitor confirms what it is about to write
    AnswerAfterOneCopy,       // ... what only one of the two records says
    RecordBeforeData,         // the monitor does not flush the data before it writes the checkpoint
    RestoreNotFlushed,
    RestoreTwice,             // a copy is put back although the checkpoint has passed it
    LayoutOfTheSource,        // the copy is laid out as the old geometry has it
    NewManagerForgetsSuspension,
    Count,
};
const char *to_word(Mutant mutant);

struct Scenario {
    emd_geometry from{}, to{};
    bool backward = false;
    bool gate = true;               // the kernel has reshape_acked
    std::uint64_t unit = 0;         // array sectors
    std::uint64_t window = 0;       // array sectors
    std::uint64_t visible = 0;      // array sectors that users see
    unsigned monitor_every = 1;     // the monitor sleeps through all but one in so many of its turns
    bool faults = true;             // kill and restart processes, fail backups, stop and go on
    Mutant mutant = Mutant::None;
    FakeBugs kernel_bugs;

    bool broken() const { return mutant != Mutant::None || kernel_bugs != FakeBugs{}; }
    std::string text() const;
};

// Grows, shrinks, chunk and layout changes of levels 0, 4 and 5, forward and backward, with ragged tails.
Scenario random_scenario(Rng &rng);

// RAID5 over three disks to four, as small as it can be.
Scenario smallest_grow();
Scenario smallest_in_place();
Scenario smallest_shrink();
// Most of the work needs no backup, the window is wide and the monitor slow.
Scenario wide_window();

}  // namespace emd::model
