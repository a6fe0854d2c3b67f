// SPDX-License-Identifier: GPL-2.0-only
// Everything that may happen to a container's metadata. Metadata::apply() takes one; emdadm sends some of
// them to emdmon. A change is small, copyable and holds no pointers.
#pragma once

#include "libemd/model/container.h"

#include <variant>

namespace emd::change {

// -- what the kernel reports (applied by emdmon, must not allocate) --

struct MarkDirty {  // before the first write
    unsigned volume;
};
struct MarkClean {
    unsigned volume;
};
struct DiskFailed {  // for every volume that uses it
    int disk;
};
struct SyncProgress {  // init, rebuild, repair: member sectors done; the format rounds down
    unsigned volume;
    std::uint64_t member_sectors;
};
struct SyncFinished {  // the running init, rebuild or repair came to its end
    unsigned volume;
};
struct ReshapeProgress {  // array sectors now durable in the new layout; rounded down to the record's unit
    unsigned volume;
    std::uint64_t position;
};
struct ReshapeFinished {
    unsigned volume;
};
struct BadBlock {
    int disk;
    std::uint64_t start;
    std::uint32_t sectors;
    bool cleared;
};
struct BitmapComplete {  // all members are there: what has no bit stands on all of them, and who left before has missed something
    unsigned volume;
};

// -- decisions --

struct RebuildStarted {  // spare `disk` takes slot `slot`
    unsigned volume;
    unsigned slot;
    int disk;
};
struct InitStarted {  // resync of an uninitialised (or dirty) volume begins
    unsigned volume;
};
struct ReshapeStarted {  // source and target are from now on recorded; nothing has moved
    unsigned volume;
    Shape target;
    std::vector<int> new_disks;  // spares that become members, in slot order
    std::uint64_t kept = ~std::uint64_t{0};  // array sectors whose content is wanted; what lies behind may be cut off
};
struct ReshapeWithdrawn {  // only while nothing has moved
    unsigned volume;
};
struct ReshapeReverted {  // from now on it goes in that direction: what has moved is to be moved back; only while nothing moves
    unsigned volume;
    bool backward;
};
struct Resized {  // each member gives so many sectors from now on, and what is new on them is to be synchronised; nothing moves
    unsigned volume;
    std::uint64_t component_sectors;  // of each; the format rounds down. 0: as many as all members hold
};
struct BackupRecorded {  // the unit at `position` is complete and durable in the copy area
    unsigned volume;
    std::uint64_t position;
};
struct SpareAdded {  // a new disk, without a place
    Disk disk;
};
struct MemberReturned {  // a former member takes its slot again; the bitmap knows what it has missed
    unsigned volume = 0;
    unsigned slot = 0;
    Disk disk;
    std::uint64_t events = 0;       // of the last change that it has a record of
    std::uint64_t data_offset = 0;  // sectors
};
struct BitmapReset {  // all bits are set; only while the volume does not run
    unsigned volume;
};
struct ParityLogRemoved {  // only while the volume does not run
    unsigned volume;
    bool recovered;  // parity is right again: the volume is clean
};
struct ParityLogRecovered {  // and the volume keeps it; only while the volume does not run
    unsigned volume;
    bool clean;  // parity is right again
};
struct BitmapAdded {  // a write-intent bitmap with all bits set; the kernel is told when it is durable
    unsigned volume;
    std::uint64_t chunk_bytes = 0;  // of a region; 0: as the format likes it
    std::uint64_t sector = 0;       // where the kernel is going to look for it; 0: wherever
};
struct BitmapRemoved {  // the kernel keeps it no more
    unsigned volume;
};
struct DiskRemoved {  // a spare, or a failed disk
    int disk;
};
struct VolumeCreated {
    std::string name;
    Shape shape;
    std::vector<int> slots;  // disk index, or -1 for a missing member
    std::uint64_t component_limit = 0;  // sectors per member, 0: as much as fits
    bool assume_clean = false;
};
struct VolumeDeleted {
    unsigned volume;
};
struct VolumeRenamed {  // only while nothing of the container runs; the volume's identity may change with it
    unsigned volume;
    std::string name;
};
struct Takeover {  // level change without movement of data
    unsigned volume;
    Shape target;
    std::vector<Slot> slots;
};

}  // namespace emd::change

namespace emd {

using Change = std::variant<change::MarkDirty, change::MarkClean, change::DiskFailed, change::SyncProgress,
                            change::SyncFinished, change::ReshapeProgress, change::ReshapeFinished, change::BadBlock,
                            change::BitmapComplete, change::MemberReturned, change::BitmapReset, change::BitmapAdded, change::BitmapRemoved,
                            change::ParityLogRemoved, change::ParityLogRecovered,
                            change::RebuildStarted, change::InitStarted, change::ReshapeStarted,
                            change::ReshapeWithdrawn, change::ReshapeReverted, change::Resized, change::BackupRecorded, change::SpareAdded,
                            change::DiskRemoved,
                            change::VolumeCreated, change::VolumeDeleted, change::VolumeRenamed, change::Takeover>;

}  // namespace emd
