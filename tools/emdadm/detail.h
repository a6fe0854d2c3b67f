// SPDX-License-Identifier: GPL-2.0-only
// What there is to say about a running array, gathered once and printed in four ways.
#pragma once

#include "arrays.h"

namespace emd::cli {

struct DetailMember {
    std::string path;
    DevNum dev;
    int slot = -1;
    std::string words;  // "active sync", "spare rebuilding", "faulty"
    std::size_t bad_blocks = 0;  // places
    bool write_mostly = false;
};

struct Detail {
    ArrayRef ref;
    std::string link;             // "/dev/emd/vol0"
    std::string container_link;   // of a volume
    std::string format;           // "imsm"; empty: none
    std::string uuid, name;
    std::string level;            // "raid5", "container"
    std::string state;            // array_state
    std::string consistency;
    Shape shape, next;            // next: what a reshape leads to; equal to shape otherwise
    std::uint64_t array_sectors = 0;
    unsigned degraded = 0;
    std::string action;           // "idle", "reshape", ...
    std::optional<double> percent;
    std::optional<std::uint64_t> reshape_position;
    std::string frozen_by;        // words of the lock's holder, when frozen
    std::uint64_t mismatches = 0;
    std::vector<DetailMember> members;
    std::vector<std::string> volumes;  // links, of a container
};

Result<Detail> gather_detail(Context &c, const std::string &array);

std::string detail_text(const Detail &d);
std::string detail_export(const Detail &d, bool devices);
std::string detail_brief(const Detail &d);
std::string detail_json(const std::vector<Detail> &all);

// "clean, degraded, recovering": md's tools' words.
std::string state_words(const Detail &d);

}  // namespace emd::cli
