// SPDX-License-Identifier: GPL-2.0-only
// Arrays without metadata: nobody but the caller knows what belongs together.
#pragma once

#include "libemd/plan/plan.h"

namespace emd::plan {

struct BareArray {
    std::string name;
    Shape shape;  // component_sectors 0: what the smallest member has
    struct Member {
        std::string path;
        DevNum dev;
        std::uint64_t sectors = 0;
        bool write_mostly = false;
        std::string record{};   // in words: what of an array's metadata is on it
        std::string content{};  // and what else: a file system, partitions
    };
    std::vector<std::optional<Member>> members;  // shape.raid_disks entries; nothing: missing
    std::vector<Member> spares;
    bool assume_clean = false;
    bool force = false;      // whatever is on the disks
    bool holds_data = false;  // what is on the disks is the array's own, and nothing but a resync may change it
};

// Of redundant levels each member gives what the smallest has, in whole chunks; of RAID0 and linear all that it has.
Result<Plan> plan_bare(const BareArray &array);

}  // namespace emd::plan
