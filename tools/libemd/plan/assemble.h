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
};

// A volume that is to lose its partial parity log, and what the log is worth.
struct LogRemoval {
    unsigned volume = 0;
    ParityLogState log;
};

// May this volume lose its log, and be started then, with the disks that are present?
Result<> check_log_removal(const Container &container, const LogRemoval &removal, const StartOptions &options);

// Each of them is recovered by its log, if it was being written, and recorded as one without. For volumes that check_log_removal()
// takes; done before a monitor of the container exists, because that keeps a record of its own from when it began.
Plan plan_log_removal(const Container &container, const std::vector<LogRemoval> &removals);

// A container: an inactive array that holds all present disks. `word` is its name in the plan.
Plan plan_container(const Container &container, std::string_view format, const std::string &word);

// One volume of a container that exists (under `container_word`), read-only at first; a present monitor then makes it
// writable. In the order that the kernel demands: old geometry, old members, position, new geometry, new members.
Result<Plan> plan_volume(const Container &container, const Volume &volume, const std::string &container_word,
                         const std::string &word, const StartOptions &options);

// Does the level keep anything twice?
bool redundant(const Shape &shape);
// Of a new array, before its members come.
void set_geometry(Plan &plan, const std::string &word, const Shape &shape);

}  // namespace emd::plan
