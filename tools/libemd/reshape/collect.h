// SPDX-License-Identifier: GPL-2.0-only
// From the world to the engine's words: terms of a recorded reshape, and the facts that a new manager finds.
#pragma once

#include "libemd/kernel/array.h"
#include "libemd/reshape/engine.h"

namespace emd::reshape {

// Without backup the kernel may run this far ahead of the checkpoint: about a second of work for a few disks.
inline constexpr std::uint64_t kWindowSectors = 64 * 2048;

// Terms of the reshape that `volume` records. `gate`: the kernel's reshape_acked is armed. Errors: Invalid when nothing
// is recorded or the record cannot be true.
Result<Terms> make_terms(const Volume &volume, bool gate, std::uint64_t window = kWindowSectors);

// The section whose backup the record declares valid, if it is not behind `durable` (progress).
std::optional<Section> recorded_section(const Terms &terms, const ReshapeRecord &record, std::uint64_t durable);

// The only place where positions cross between progress and the kernel's units.
class Gauge {
public:
    Gauge(const Terms &terms, Array array) : terms_(&terms), array_(std::move(array)) {}

    // Of suspend_lo and suspend_hi, one is the tail and one is the front, by direction.
    Result<> set_tail(std::uint64_t progress);
    Result<> set_front(std::uint64_t progress);
    Result<> set_limit(std::uint64_t progress);  // sync_max
    Result<> suspend_nothing(std::uint64_t address);  // lo = hi = address, never suspending anything on the way

    Result<Range> suspended_addresses() const;  // empty when lo >= hi
    Result<std::uint64_t> limit() const;        // M; total() for "max"
    Result<std::optional<std::uint64_t>> published() const;  // C; empty: the kernel has no reshape position
    Result<bool> geometry_settled() const;      // single values: no change is proposed or running

private:
    const Terms *terms_;
    Array array_;
};

// Does the kernel itself hold back writes behind the checkpoint? False on kernels that do not know reshape_acked.
bool gate_armed(const Array &array);

// A manager that was killed at the very end leaves a range suspended that nobody needs. For an array without a reshape.
Result<> release_leftovers(Array array);

}  // namespace emd::reshape
