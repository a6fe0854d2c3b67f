// SPDX-License-Identifier: GPL-2.0-only
// What the kernel says of one container's volumes at one moment, as plain values. Read by volume.cc, judged by
// round.cc and spares.cc.
#pragma once

#include "emd/emd.h"
#include "libemd/model/container.h"

#include <optional>
#include <vector>

namespace emd::mon {

struct MemberFacts {
    DevNum dev;
    int disk = -1;      // index into Container::disks; -1: the metadata does not know it
    int slot = -1;      // place in force; -1: none
    int reserved = -1;  // place that the start of a reshape will give it; -1: none
    bool faulty = false;
    bool blocked = false;
    bool in_sync = false;
    std::uint64_t recovery_start = 0;  // member sectors; ~0: in sync
    bool refuses_to_fail = false;      // a store of `faulty` was refused: the array would break
    bool lists = false;                // the lists below were read: the kernel keeps one of its bad blocks
    std::vector<BadRange> bad;         // all of it; BadRange::disk is not used
    std::vector<BadRange> unknown;     // what of it writes wait for, until it is durable and acknowledged
};

struct VolumeFacts {
    unsigned volume = 0;  // Volume::index
    bool frozen = false;  // '-' in metadata_version: no recovery, no spares
    emd_array_state state = EMD_ARRAY_CLEAR;  // CLEAR: the array has vanished
    bool redundant = false;                   // the sync attributes exist
    emd_sync_action action = EMD_SYNC_IDLE;
    std::optional<std::uint64_t> done;  // sync_completed while a pass runs: member sectors
    std::optional<std::uint64_t> resync_start;      // empty: everything is in sync
    std::optional<std::uint64_t> reshape_position;  // array sectors; empty: no reshape
    std::optional<bool> can_clear;                  // bitmap/can_clear; empty: the array runs without a bitmap
    bool keeps_log = false;                         // consistency_policy is ppl
    bool head_refused = false;                      // the kernel did not take the bitmap's superblock
    bool gate = false;                              // emd/reshape_acked exists and takes values
    std::optional<std::uint64_t> acked;             // its value; empty: off
    Shape shape;                                    // in force; component_sectors is not filled
    std::optional<std::uint64_t> component_sectors;  // of each member
    Shape proposed;                                 // equal to shape when nothing is proposed
    std::vector<MemberFacts> members;
    bool members_known = true;  // false: some member could not be read, so nobody is missing

    bool writable() const
    {
        return state == EMD_ARRAY_CLEAN || state == EMD_ARRAY_ACTIVE || state == EMD_ARRAY_ACTIVE_IDLE ||
               state == EMD_ARRAY_WRITE_PENDING;
    }
    bool written() const { return writable() && state != EMD_ARRAY_CLEAN; }
    bool running() const { return writable() || state == EMD_ARRAY_READONLY || state == EMD_ARRAY_READ_AUTO; }
    bool proposing() const { return !(shape == proposed); }
};

// Same level, layout, members and chunk: what the kernel can tell of a shape while it runs.
inline bool same_geometry(const Shape &a, const Shape &b)
{
    return a.level == b.level && a.layout == b.layout && a.raid_disks == b.raid_disks &&
           a.chunk_sectors == b.chunk_sectors;
}

// The volume with this Volume::index, or null.
const Volume *find_volume(const Container &container, unsigned index);

// The disk with this index, or null.
const Disk *disk_at(const Container &container, int index);

// The disk that is this device, or -1.
int find_disk(const Container &container, DevNum dev);

// Does a volume of this level survive the loss of a member?
bool is_redundant(int level);

// Is more of each member recorded than the kernel uses, because it was not told any more? What is new was never synchronised then.
bool lags(const VolumeFacts &facts, const Container &container, const Volume &record);

}  // namespace emd::mon
