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
    bool drop_parity_log = false;            // a volume that has one is recovered by it, and then has none any more
    std::optional<ParityLogState> log{};     // of the volume, if it has one
};

// May this volume be started with the disks that are present? The refusal says what is missing and what to do.
Result<> check_start(const Container &container, const Volume &volume, const StartOptions &options);

// A container: an inactive array that holds all present disks. `word` is its name in the plan.
Plan plan_container(const Container &container, std::string_view format, const std::string &word);

// One volume of a container that exists (under `container_word`), read-only at first; a present monitor then makes it
// writable. In the order that the kernel demands: old geometry, old members, position, new geometry, new members.
Result<Plan> plan_volume(const Container &container, const Volume &volume, const std::string &container_word,
                         const std::string &word, const StartOptions &options);

// An array without metadata.
struct BareArray {
    std::string name;
    Shape shape;  // component_sectors: of the smallest member
    struct Member {
        std::string path;
        DevNum dev;
        std::uint64_t sectors = 0;
    };
    std::vector<std::optional<Member>> members;  // shape.raid_disks entries; nothing: missing
    std::vector<Member> spares;
    bool assume_clean = false;
};
Result<Plan> plan_bare(const BareArray &array);

}  // namespace emd::plan
