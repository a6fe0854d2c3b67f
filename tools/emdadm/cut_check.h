// SPDX-License-Identifier: GPL-2.0-only
// Before an array becomes smaller: what lies on it must end before the cut.
#pragma once

#include "context.h"

#include "libemd/device/content.h"

namespace emd::cli {

// What speaks against a cut. Programs that merely have the array open are not seen.
struct Standing {
    std::vector<Content> contents;
    std::vector<std::string> holders;  // what is stacked on it, by the kernel's names: "dm-0", "emd5"
    bool held = false;                 // somebody claims it for himself: it or a partition of it is mounted, or swapped to
};

// Would something of it lie beyond `size_bytes`? `name` is what people call the array. Errors: Refused, one sentence that says
// what is in the way, and what can be done.
Result<> stays_whole(const std::string &name, const Standing &standing, std::uint64_t size_bytes);

// Asked before a running array ("emd126") shows only `new_sectors` sectors of 512 bytes. All is well if it shows no more now, or
// with --force. Nothing is written. Errors: Refused, as above; what reading the array says.
Result<> check_cut(Context &c, const std::string &array, std::uint64_t new_sectors);

}  // namespace emd::cli
