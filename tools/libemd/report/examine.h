// SPDX-License-Identifier: GPL-2.0-only
// Reports about metadata as text. The layouts are those of md's tools.
#pragma once

#include "libemd/format/format.h"

namespace emd {

// --examine: "/dev/sda:", then a line per key with the colons in one column, and a heading per section. Lines without a key
// are a paragraph.
std::string examine_text(std::string_view path, const std::vector<Reader::Line> &lines);

// --examine --export: "KEY=value" lines.
std::string export_text(const std::vector<std::pair<std::string, std::string>> &pairs);

// --examine-badblocks: nothing: there is no place for a list.
std::string bad_blocks_text(std::string_view path, const std::optional<std::vector<BadRange>> &bad);

// --examine-bitmap.
std::string bitmap_text(std::string_view path, const BitmapRecord &bitmap);

// --examine --brief and --detail --brief: one ARRAY line for the container, one per volume.
std::string brief_text(const Container &container, std::string_view metadata);

}  // namespace emd
