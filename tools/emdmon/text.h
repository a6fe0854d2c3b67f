// SPDX-License-Identifier: GPL-2.0-only
// Values of attributes, read without allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace emd::mon {

// The number at the front of `text`, which is cut off; empty when there is none ("none", "max").
std::optional<std::uint64_t> take_number(std::string_view &text);

// Is `word` in a comma separated list?
bool has_word(std::string_view list, std::string_view word);

}  // namespace emd::mon
