// SPDX-License-Identifier: GPL-2.0-only
// What --create and --build have in common.
#pragma once

#include "context.h"
#include "inventory.h"

namespace emd::cli {

// In use by anybody? The exclusive open is given back: the array will claim the disk itself.
Result<> check_unused(const BlockDevice &device);
Result<> check_name_free(Context &c, const std::string &name);

// What the line says; a chunk that is not said is 0.
Result<Shape> wanted_shape(const Options &o);
// And what md takes where nothing is said.
Result<Shape> usual_shape(const Options &o, std::uint32_t default_chunk_sectors);
Result<> check_count(const Options &o, const Shape &shape, std::size_t named);
Result<> check_no_bitmap(const Options &o);

// An array without metadata, of disks in the order of their places, "missing" among them, and spares behind. `holds_data`: what is on
// them is the array's.
Result<int> make_bare(Context &c, const std::string &name, const std::vector<Positional> &disks, const Shape &shape, bool holds_data);

}  // namespace emd::cli
