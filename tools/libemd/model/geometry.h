// SPDX-License-Identifier: GPL-2.0-only
// A shape in the words of the code that maps it.
#pragma once

#include "core/emd_geometry.h"
#include "libemd/model/container.h"

namespace emd {

// Members are rounded down to whole chunks. Without zones; not validated: what is not true stays so.
emd_geometry geometry_of(const Shape &shape);

}  // namespace emd
