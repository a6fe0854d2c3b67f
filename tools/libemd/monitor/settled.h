// SPDX-License-Identifier: GPL-2.0-only
// Metadata that emdmon may be writing while they are read.
//
// Disks are read one after the other. What was read of the first may be two records older than what was read of the last, and
// such a disk counts as one that is missing. So what looks incomplete is read again, until two readings say the same.
#pragma once

#include "libemd/format/format.h"

#include <functional>

namespace emd {

// `load` reads all disks; `pause` is called between two readings, of which there are a few at most. Errors: those of `load`,
// when it has met them twice.
Result<std::unique_ptr<Metadata>> load_settled(const std::function<Result<std::unique_ptr<Metadata>>()> &load, const std::function<void()> &pause);

// A reading whose disks are those of `known` with the same numbers: what is planned with one may be tried on the other. Busy: they are
// not, after many readings.
Result<std::unique_ptr<Metadata>> load_like(const Container &known, const std::function<Result<std::unique_ptr<Metadata>>()> &load,
                                            const std::function<void()> &pause);

}  // namespace emd
