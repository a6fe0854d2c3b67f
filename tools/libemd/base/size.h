// SPDX-License-Identifier: GPL-2.0-only
// Sizes for people, and from people.
#pragma once

#include "libemd/base/result.h"

#include <cstdint>

namespace emd {

// "42.92 MiB", "1023.00 KiB", "3.64 TiB": the largest binary unit that leaves at least one.
std::string format_size(std::uint64_t bytes);

// " (42.92 MiB 45.01 MB)", as md's tools print it behind a number of sectors; below 2 MiB in KiB and KB, empty for 0.
std::string format_size_pair(std::uint64_t bytes);

// "45.01MB": decimal, as md's tools export it.
std::string format_size_brief(std::uint64_t bytes);

// "512", "64K", "10M", "1G", "2T" (binary units, also with "iB" or "B"; "s" for sectors). A bare number counts `bare`
// bytes. Invalid when it is not that, or does not fit.
Result<std::uint64_t> parse_size(std::string_view text, std::uint64_t bare = 1024);

}  // namespace emd
