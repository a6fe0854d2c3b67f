// SPDX-License-Identifier: GPL-2.0-only
// How the kernel is told of a new shape.
#pragma once

#include "libemd/model/container.h"

#include <cstdint>
#include <string>
#include <vector>

namespace emd::plan {

// One attribute in md/ that differs. `now` takes it back.
struct Proposal {
    std::string attribute, next, now;
};

// What to store, in this order: the kernel judges each store by what the shape is with it, and some orders pass shapes that are impossible.
// `data_shift`: by how many member sectors data move, as the kernel has been told before.
std::vector<Proposal> proposals(const Shape &from, const Shape &to, std::int64_t data_shift);

}  // namespace emd::plan
