// SPDX-License-Identifier: GPL-2.0-only
// What every change of a running volume begins with.
#pragma once

#include "libemd/plan/grow.h"

namespace emd::plan {

// What metadata_version reads: '/' is a volume at work, '-' one that is frozen.
std::string tag(const Running &r, unsigned volume, char mark);

Result<const RunningVolume *> running_volume(const Running &r, const Volume &v);

// What the format refuses, with the volume's name in front of it where it does not stand in it.
Error naming(const Volume &v, const Error &refusal);

// Nothing is going on in it, and it is writable.
Result<> check_at_rest(const Volume &v, const RunningVolume &r);

// Sectors that the kernel was told to show. Nothing: all of them, or it is not known.
std::optional<std::uint64_t> shown(const RunningVolume &r);

// A takeover is recorded, and the kernel was not told any more.
bool half_taken_over(const Volume &v, const RunningVolume &r);
// May the kernel follow that record?
Result<> check_half(const Volume &v, const RunningVolume &r);

// At rest, and whole. `force`: also with a member missing.
Result<> check_idle(const Volume &v, const RunningVolume &r, bool force);

// The members that a volume needs on top: disks that other volumes already use first, then spares as they are listed.
Result<std::vector<int>> new_members(const Container &now, const Volume &v, std::uint32_t count);

// 1. No recovery, resync or spare assignment can start in any volume. A container of RAID0 alone has no monitor until here;
// it stays as long as the container is locked.
void freeze(Plan &plan, const Running &r);

}  // namespace emd::plan
