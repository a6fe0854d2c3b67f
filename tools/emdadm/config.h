// SPDX-License-Identifier: GPL-2.0-only
// emdadm.conf: what EMD may claim, and what arrays are called. mdadm.conf's grammar: keyword lines, lines that begin
// with white space continue the one before, '#' begins a comment, keywords may be cut to three letters.
//
//   DEVICE /dev/sd[a-d] partitions      which devices are looked at; without it: every disk
//   ARRAY /dev/emd/vol0 UUID=... [container=... member=N metadata=...]
//   AUTO +imsm -all                     which formats are claimed when a disk appears
#pragma once

#include "libemd/base/result.h"

#include <optional>
#include <string>
#include <vector>

namespace emd::cli {

struct ArrayLine {
    std::string name;  // last part of the path; empty or "<ignore>"
    std::string uuid, container, member, metadata;
};

struct Config {
    bool exists = false;               // a file was read
    std::vector<std::string> devices;  // patterns; empty: everything
    std::vector<ArrayLine> arrays;
    std::vector<std::string> automatic;  // "+imsm", "-all", "homehost", in their order

    // May a disk of this format and container be taken when it appears by itself? Without a line that says so: no.
    bool claims(const std::string &format, const std::string &uuid) const;
    // The name that an ARRAY line gives to this identity.
    std::optional<std::string> name_of(const std::string &uuid) const;
    bool looks_at(const std::string &device) const;
};

// From text; `source` for messages. Errors: Invalid, with the line.
Result<Config> parse_config(const std::string &text, const std::string &source);

// The file that the option names (then it must be there; "none" is none), or the first of /etc/emd/emdadm.conf and
// /etc/emdadm.conf.
Result<Config> load_config(const std::string &option);

}  // namespace emd::cli
