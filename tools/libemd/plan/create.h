// SPDX-License-Identifier: GPL-2.0-only
// New containers and new volumes.
#pragma once

#include "libemd/format/format.h"
#include "libemd/plan/assemble.h"

#include <functional>

namespace emd::plan {

// What the format makes of a change, tried on a copy of the metadata: its own refusal, or the container afterwards.
using Express = std::function<Result<Container>(const Change &)>;

struct NewContainer {
    std::string name, format;
    struct Member {
        std::string path;
        DevNum dev;
        std::vector<std::string> found;  // foreign or older signatures, in words
    };
    std::vector<Member> disks;
    bool force = false;      // wipe what was found
    bool keep_data = false;  // but only what the format itself wrote: the rest is the new array's
};
Result<Plan> plan_create_container(const NewContainer &want);

// An array whose container is nothing but its disks: `fresh` is its metadata as Store will write it, `want` that container.
Result<Plan> plan_create_array(const Container &fresh, const NewContainer &want, const std::string &name);

struct NewVolume {
    std::string name;
    std::string container;                 // the array's kernel name
    Shape shape;                           // component_sectors 0: as much as fits. Chunk 0: the format's default
    std::vector<std::string> disks;        // which, by path ("missing" for none); empty: the plan chooses
    bool assume_clean = false;
    bool monitored = false;                // an emdmon runs for the container
    bool run = false;                      // start it although a member is missing
};
Result<Plan> plan_create_volume(const Container &now, const NewVolume &want, const Limits &limits,
                                const Express &express);

// The disks that a volume of `count` members gets: those that other volumes use, in their slots, then spares in the
// order of the container. Errors: Refused with the numbers.
Result<std::vector<int>> choose_disks(const Container &now, std::uint32_t count);

}  // namespace emd::plan
