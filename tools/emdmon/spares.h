// SPDX-License-Identifier: GPL-2.0-only
// Which spare goes where. Pure; may allocate: no write waits for it.
//
// Theory. A spare gets its place in two steps that may each be the last one before a crash: the record says that disk
// d takes slot s (durable), then the kernel is told. The second step is derived from the record and from what the
// kernel has, not from the first one having just been made, so an emdmon that starts in between goes on with it.
#pragma once

#include "facts.h"
#include "libemd/model/change.h"

#include <string>

namespace emd::mon {

// Something that the kernel is still to be told.
struct Placement {
    enum class What {
        Rebuild,  // into the slot, and start the recovery
        Reserve,  // the slot is for the start of the reshape
        Recover,  // the member is in its slot, but no recovery runs
    } what;
    unsigned volume;
    int disk;
    unsigned slot;
};

struct Assignment {
    // For each vacant slot the disks that could take it, best first: the first one that the format takes is it.
    std::vector<std::vector<change::RebuildStarted>> vacancies;
    std::vector<Placement> placements;  // to be done one after the other
    std::vector<std::string> remarks;   // why a vacant slot stays vacant: "vol0: spare /dev/sdg is 2048 KiB too small"
};

// All volumes of the container; facts[i].volume says which.
Assignment assign(const std::vector<VolumeFacts> &facts, const Container &container);

// Disks that may take a place in `record`, best first: those that other volumes use already, then the smallest spare.
// Those that are not suitable are explained in `remarks`.
std::vector<int> candidates(const Container &container, const Volume &record, std::vector<std::string> &remarks);

}  // namespace emd::mon
