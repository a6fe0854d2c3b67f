// SPDX-License-Identifier: GPL-2.0-only
// What is new on a disk: records that begin as all ones, texts, and names and numbers that nobody else has.
#pragma once

#include "libemd/format/ddf/codec.h"

#include <string_view>

namespace emd::ddf {

// All ones: what is not used.
template <OnDisk T>
T unused()
{
    std::array<std::byte, sizeof(T)> ones;
    ones.fill(std::byte{0xff});
    return *read_at<T>(ones, 0);
}

// Filled up with `pad`, or cut off.
template <typename To>
void put_text(To &&to, std::string_view text, char pad = ' ')
{
    for (std::size_t i = 0; i < to.size(); i++)
        to[i] = static_cast<std::remove_reference_t<decltype(to[i])>>(i < text.size() ? text[i] : pad);
}

inline constexpr std::string_view kVendor = "EMD     ";  // in front of names: who gave them

std::uint32_t random_word();
// The time as DDF counts it, in seconds since 1980.
std::uint32_t seconds_now();
// Of a physical disk: who named it, on which day, and a number.
Guid new_disk_guid();
// Of a container or a volume: who made it, when, and a number.
Guid new_guid(std::uint32_t seconds);

}  // namespace emd::ddf
