// SPDX-License-Identifier: GPL-2.0-only
// What a takeover makes of a shape: another level for the same data in the same places, or another number of mirrors. As the kernel
// does it, by the same functions.
#pragma once

#include "libemd/model/container.h"

namespace emd {

// The shape that `from` has as `level`. Error: why not, a sentence without a name.
Result<Shape> shape_taken_over(const Shape &from, int level);

// Is `to` what a takeover makes of `from`? Of mirrors also more or fewer of them.
bool is_takeover(const Shape &from, const Shape &to);

// The place in `to` of whoever has `slot` in `from`; none: nobody's.
std::optional<unsigned> place_taken_over(const Shape &from, unsigned slot, const Shape &to);

// Who has which place in `to`: of two that hold the same the first that is in sync. A mirror in sync that has no place there takes one that
// would have none in sync. New places are empty.
std::vector<Slot> slots_taken_over(const Shape &from, const std::vector<Slot> &slots, const Shape &to);

}  // namespace emd
