// SPDX-License-Identifier: GPL-2.0-only
// A running volume changes its shape (external-reshape-design, steps 0 to 9).
//
// A plan is for one volume at a time. Where the format changes all volumes of a container one after the other, the
// next plan is made from what is recorded when the one before has ended: plan_continue() finds it.
#pragma once

#include "libemd/plan/create.h"

namespace emd::plan {

struct GrowRequest {
    std::optional<unsigned> volume;  // nothing: the container, that is every volume
    std::optional<std::uint32_t> raid_disks, chunk_sectors, layout;
    std::optional<int> level;
    bool force = false;  // also with a member missing
    std::string backup_file;  // a copy of each section goes there, too; empty: only to the format's own place
};

struct RunningMember {
    std::string name;                // "dev-sda"
    std::uint64_t data_offset = 0;   // sectors
    std::uint64_t sectors = 0;       // for data, as the kernel knows it
};

struct RunningVolume {
    unsigned index = 0;
    std::string array;    // "emd126"
    std::string state;    // array_state
    std::string action;   // sync_action; empty: the level has none
    unsigned degraded = 0;
    bool tagged = false;  // '-' in metadata_version
    std::string level{};  // "raid10"; empty: not known
    std::vector<RunningMember> members{};  // that have a slot
    std::uint64_t component_sectors = 0;   // that it uses of each member; 0: not known
    std::string array_size{};              // "default", or the KiB that it was told to show; empty: not known
};

struct Running {
    std::string container;  // "emd127"
    std::vector<RunningVolume> volumes;
};

// The refusal of a change of shape of `array`, whose members carry no metadata.
Error unrecorded(std::string_view array);

// The one decision whether a volume can get another shape, and how: a function of its arguments alone. docs/migrations.md is
// made from what it says. Errors name what refuses and what helps: not enough or too small spares, degraded, busy, frozen, not
// expressible.
Result<Plan> plan_grow(const Container &now, const GrowRequest &want, const Limits &limits, const Running &running,
                       const Express &express);

// What becomes of the data.
enum class Way {
    Takeover,  // they stay where they are
    Restripe,  // they are moved, and somebody has to drive that to its end
};
Way way_of(const Plan &plan);

// Goes on where a recorded reshape stands: the manager, the end, then the next volume. A plan without steps: nothing
// is left to do.
Result<Plan> plan_continue(const Container &now, const Limits &limits, const Running &running, const Express &express,
                           const std::string &backup_file = {});

// Can the format record that its reshape goes the other way, as far as its kind says?
Result<> check_turn(const Volume &v);

// What a reshape that rests has moved is moved back: recorded, then the kernel exchanges its sides, and then that is driven to its end.
// Busy: where it stands it cannot be turned, and elsewhere it may.
Result<Plan> plan_turn_back(const Container &now, const RunningVolume &r, const Running &running, const Express &express);

// The first volume that a container-wide change of the number of disks has not come to: it was interrupted between two of
// them. Null: none. plan_continue() goes on with it, when somebody asks; the format does not record that it was wanted.
const Volume *left_behind(const Container &now);

// Everything that a freeze left behind is taken away.
Plan plan_thaw(const Running &running);

}  // namespace emd::plan
