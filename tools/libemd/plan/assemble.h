// SPDX-License-Identifier: GPL-2.0-only
// From what is recorded on disks to running arrays.
#pragma once

#include "libemd/plan/parity_log.h"
#include "libemd/plan/plan.h"

namespace emd::plan {

struct StartOptions {
    bool force = false;         // also a dirty array that misses members
    bool degraded = true;       // false: wait until nobody is missing whom the record counts on
    bool read_only = false;
    bool monitored = false;     // emdmon of the container runs already, with a record of its own
};

// A volume with a partial parity log that is to be started, and what the log is worth.
struct LogRecovery {
    unsigned volume = 0;
    ParityLogState log;
    bool keep = false;  // false: from now on it has none
};

// May this volume be started, after its log was used, with the disks that are present?
Result<> check_log_recovery(const Container &container, const LogRecovery &recovery, const StartOptions &options);

// Each of them is recovered by its log, if it was being written, and that is recorded; no step for a volume of which there is nothing to
// say. For volumes that check_log_recovery() takes; done before a monitor of the container exists, because that keeps a record of its
// own from when it began.
Plan plan_log_recovery(const Container &container, const std::vector<LogRecovery> &recoveries);

// The reshapes of these volumes, which do not run, go back.
Plan plan_revert(const Container &container, const std::vector<unsigned> &volumes);

// A container: an inactive array that holds all present disks. `word` is its name in the plan.
Plan plan_container(const Container &container, std::string_view format, const std::string &word);

// The volumes of a container in the order in which they are started, as places in Container::volumes. First those of which a section that was
// being moved has to be put back, which is recorded before they start: what they start, emdmon, keeps the record as it finds it.
std::vector<unsigned> start_order(const Container &container);

// One volume of a container that exists (under `container_word`), read-only at first; a present monitor then makes it
// writable. In the order that the kernel demands: old geometry, old members, position, new geometry, new members. Busy: a section of it has to be
// put back, and the record is a monitor's.
Result<Plan> plan_volume(const Container &container, const Volume &volume, const std::string &container_word,
                         const std::string &word, const StartOptions &options);

// Does the level keep anything twice?
bool redundant(const Shape &shape);
// Of a new array, before its members come.
void set_geometry(Plan &plan, const std::string &word, const Shape &shape);

}  // namespace emd::plan
