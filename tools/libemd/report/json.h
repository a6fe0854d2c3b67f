// SPDX-License-Identifier: GPL-2.0-only
// A container as JSON, for --json. Names are stable: scripts read them. Sizes are named with their unit.
#pragma once

#include "libemd/model/bitmap_record.h"
#include "libemd/model/container.h"
#include "libemd/model/member_record.h"

#include <nlohmann/json.hpp>

namespace emd {

nlohmann::ordered_json to_json(const Shape &shape);
nlohmann::ordered_json to_json(const Volume &volume);
nlohmann::ordered_json to_json(const Container &container);
nlohmann::ordered_json to_json(const MemberRecord &record, std::string_view path);
nlohmann::ordered_json to_json(const BitmapRecord &bitmap, std::string_view path);
// Absolute sectors of one disk; nothing: it keeps no list.
nlohmann::ordered_json to_json(const std::optional<std::vector<BadRange>> &bad, std::string_view path);

}  // namespace emd
