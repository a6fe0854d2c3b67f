// SPDX-License-Identifier: GPL-2.0-only
// Times for people.
#pragma once

#include <cstdint>
#include <string>

namespace emd {

// "Tue Mar  5 10:00:14 2024" in the local time, of seconds since 1970; "Unknown" for 0.
std::string format_time(std::uint64_t seconds);

}  // namespace emd
