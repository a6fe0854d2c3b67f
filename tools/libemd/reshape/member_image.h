// SPDX-License-Identifier: GPL-2.0-only
// What the members of a geometry hold for a range of the array: data where the layout puts it, and parity.
//
// Theory. The kernel's own geometry code says which slot holds which chunk; parity is the exclusive or of the data
// chunks of its row, and nothing else is needed for levels 0, 4 and 5. Because parity covers a row position by
// position, the exclusive or of *all* members' images is zero, and a lost image is that of all others.
#pragma once

#include "libemd/base/result.h"
#include "libemd/model/geometry.h"
#include "libemd/reshape/buffer.h"
#include "libemd/reshape/terms.h"

#include <vector>

namespace emd::reshape {

// One buffer per slot, all of the same size: member sectors [first, first + sectors), relative to the data offset.
struct MemberImage {
    std::uint64_t first = 0;
    std::uint64_t sectors = 0;
    std::vector<Buffer> slots;
};

// Can images of this geometry be made here? Levels 0, 4, 5 without zones.
Result<> can_lay_out(const emd_geometry &geometry);

// `addresses` are whole stripe rows; `data` holds them in array order.
MemberImage lay_out(const emd_geometry &geometry, Range addresses, std::span<const std::byte> data);

// Recompute parity in place from the data columns.
void set_parity(const emd_geometry &geometry, MemberImage &image);

// Is the exclusive or of all slots zero? True for geometries without parity.
bool parity_consistent(const emd_geometry &geometry, const MemberImage &image);

// The image of `missing` from all others; the geometry has parity.
void reconstruct(MemberImage &image, unsigned missing);

}  // namespace emd::reshape
