// SPDX-License-Identifier: GPL-2.0-only
// What is fixed for one run of the reshape manager, and the arithmetic over it.
//
// Theory. The protocol is the same forward and backward, mirrored. Therefore everything above this file counts
// *progress*: array sectors since the start of the work, 0 ... total. Addresses appear only here and where a value
// crosses to the kernel or to a disk. A *boundary* is a position at which the metadata can hold a checkpoint: an
// address that is a multiple of `unit`, or one of the two ends. All that is ever permitted, backed up or suspended
// ends at a boundary, so a checkpoint can always be recorded where the kernel stands still.
#pragma once

#include "core/emd_reshape_math.h"

#include <cstdint>

namespace emd::reshape {

inline constexpr std::uint64_t kSectorBytes = 512;

// [begin, end), in progress unless said otherwise.
struct Range {
    std::uint64_t begin = 0, end = 0;
    std::uint64_t size() const { return end > begin ? end - begin : 0; }
    bool operator==(const Range &) const = default;
};

struct Terms {
    emd_reshape_plan plan{};
    std::uint64_t unit = 0;          // array sectors; a multiple of plan.step: the format's record unit, or plan.unit
    unsigned slots = 1;              // backups that the place can hold at once: 1 or 2
    std::uint64_t slot_sectors = 0;  // array sectors that one backup may cover, at least one unit
    std::uint64_t window = 0;        // without backup: how far M may run ahead of D
    bool recorded = true;            // a backup is valid only when the metadata says so (IMSM's migration record)
    bool gate = false;               // the kernel holds back writes into [A, pos) itself (reshape_acked is armed)

    std::uint64_t total() const;
    std::uint64_t address(std::uint64_t progress) const;
    std::uint64_t progress(std::uint64_t address) const;
    Range addresses(Range progress) const;  // ascending addresses, whatever the direction

    bool boundary(std::uint64_t x) const;
    std::uint64_t floor(std::uint64_t x) const;       // largest boundary <= x
    std::uint64_t next(std::uint64_t x) const;        // smallest boundary > x; total() stays
    std::uint64_t safe(std::uint64_t durable) const;  // Psafe(D), in progress
    bool critical(std::uint64_t x) const;             // with D = x not one unit may be moved without a backup
    std::uint64_t section_end(std::uint64_t x) const; // where a backup that begins at x ends
};

}  // namespace emd::reshape
