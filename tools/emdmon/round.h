// SPDX-License-Identifier: GPL-2.0-only
// The decision of one round: what the kernel says and what is recorded give the changes to be made durable and the
// answers that follow. No I/O, no clock, and no allocation when the vectors of Decision have room.
//
// Theory. Everything is derived from (facts, record). Nothing is remembered from round to round that decides about
// data: so an emdmon that died between any two of its steps is continued by a new one, which sees the same facts and
// decides the same. The order within a round is fixed: changes are applied and made durable together, only then the
// answers go to the kernel. An answer therefore never promises what is not on the disks.
#pragma once

#include "facts.h"
#include "libemd/model/change.h"

#include <chrono>

namespace emd::mon {

using Time = std::chrono::steady_clock::time_point;

// What is told to the kernel when the changes of the round are durable.
struct Reply {
    enum class What {
        Unblock,  // the member's failure is durable
        Fail,     // another volume, or a metadata write, lost this disk
        Active,   // dirty is durable: let writes go
        Clean,    // idle: ask the kernel to be clean (then the record follows)
        Ack,      // the checkpoint in the record is durable
        Listed,   // the member's unknown bad blocks are durable
        GiveUp,   // the record cannot take them: the member has to fail for them
        ClearBits,  // whoever is away is known to have missed something: bits may be taken back
    } what;
    unsigned volume;
    std::size_t member = 0;  // index into VolumeFacts::members, for those of a member
};

struct Decision {
    std::vector<Change> changes;
    std::vector<Reply> replies;

    void reserve(std::size_t n) { changes.reserve(n), replies.reserve(n); }
    void clear() { changes.clear(), replies.clear(); }
    bool empty() const { return changes.empty() && replies.empty(); }
};

// What is remembered of a volume from round to round. Losing it is harmless.
struct Memory {
    Time recorded{};  // when progress of a resync or rebuild was last recorded: to spare the disks
    bool met = false; // it has been writable: `readonly` is from now on somebody's wish
};

// Progress of resync and rebuild is recorded this often. Reshape checkpoints are never held back.
inline constexpr std::chrono::seconds kCheckpointEvery{10};

// One volume. `container` is the record. Appends to `out`.
void decide(const VolumeFacts &facts, const Container &container, Memory &memory, Time now, Decision &out);

}  // namespace emd::mon
