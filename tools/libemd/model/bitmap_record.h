// SPDX-License-Identifier: GPL-2.0-only
// What one disk's copy of a write-intent bitmap says. One disk's word: the kernel may hold a fresher one of a running array.
#pragma once

#include "libemd/model/container.h"

namespace emd {

struct BitmapRecord {
    std::uint64_t sector = 0;         // of its superblock, on the disk
    std::uint32_t version = 0;
    Uuid array{};
    std::uint64_t events = 0, cleared = 0;
    bool stale = false;               // the bits say less than was written
    std::uint32_t chunk_bytes = 0;    // of a region
    std::uint32_t sleep = 0;          // seconds
    std::uint32_t write_behind = 0;   // writes; 0: none is answered early
    std::uint64_t sync_sectors = 0;   // that it covers
    std::uint64_t regions = 0, dirty = 0;
};

}  // namespace emd
