// SPDX-License-Identifier: GPL-2.0-only
// What one disk's own record says of itself and of its array, as formats without a container keep it. One disk's word: a
// fresher disk of the same array may know better.
#pragma once

#include "libemd/model/container.h"

namespace emd {

enum class Role { Active, Spare, Failed, Journal };
const char *to_word(Role role);

struct MemberRecord {
    // The target of a reshape; the data of this disk begins at `data_offset` in it.
    struct Target {
        Shape shape;
        std::uint64_t data_offset = 0;
        std::uint64_t position = 0;      // array sectors
        bool backward = false;
    };

    std::string metadata;                // its version: "1.2"
    Uuid array{};
    std::optional<Uuid> device;
    std::string name;                    // of the array; empty where the format has none
    std::uint64_t created = 0, updated = 0;  // seconds since 1970
    std::uint64_t events = 0;
    std::uint64_t record_sector = 0;     // where this was read
    Shape shape;                         // in force: during a reshape the source
    std::uint64_t data_offset = 0, data_sectors = 0;
    bool cut_short = false;              // the data ends behind the end of the disk
    Role role = Role::Spare;
    int slot = -1;                       // Role::Active
    bool replacement = false;            // it is being made the successor of the member in its slot
    std::optional<std::uint64_t> recovered;  // sectors that are in sync, while not all are
    std::uint32_t number = 0;            // of this disk in `holders`
    std::vector<int> holders;            // of each disk by number, as this one knows it: its slot; -1: none
    std::string slots;                   // a letter each: A active, R active and being replaced, . missing
    bool clean = true;
    std::optional<std::uint64_t> resync;     // where a resync stands, while one is due
    std::string consistency = "resync";  // md's words: "none", "resync", "bitmap", "ppl", "journal"
    std::vector<std::string> features;   // by name
    std::string unknown;                 // what it uses and nobody here knows; empty: nothing
    std::optional<Target> target;
    std::vector<BadRange> bad;           // absolute sectors; BadRange::disk is not used
};

}  // namespace emd
