// SPDX-License-Identifier: GPL-2.0-only
// What is on a set of disks, in words that no format owns. Formats produce it, everybody else reads it.
#pragma once

#include "libemd/base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace emd {

enum class FormatId { Imsm, Ddf, Md090, Md1 };

using Uuid = std::array<std::uint8_t, 16>;  // in the order of the digest / of the disk

// "8c310886:6e77fabb:c667a8f8:ce65e640" as md's tools print it (four groups, each a little-endian word).
std::string to_string(const Uuid &uuid);
// The inverse; any of ":-. " may separate the digits.
Result<Uuid> parse_uuid(std::string_view text);

// A block device as the kernel numbers it.
struct DevNum {
    unsigned major = 0, minor = 0;
    auto operator<=>(const DevNum &) const = default;
};

enum class DiskState {
    Active,   // member of a volume
    Spare,
    Failed,   // recorded as failed; must not be used
    Missing,  // recorded, not present
};

struct Disk {
    std::string serial;            // as recorded; identifies the disk
    std::uint64_t sectors = 0;     // whole device
    DiskState state = DiskState::Spare;
    bool present = false;          // a device was found for it
    DevNum dev;                    // valid when present
    std::string path;              // "/dev/sda" or an image file; for messages
    unsigned sector_bytes = 512;   // logical sector size
    unsigned bad_room = 0;         // entries of a list of bad blocks that its record can hold; 0: none is kept
};

// Level, layout, chunk and slots of a volume; numbers are md's (include/uapi/emd/emd.h).
struct Shape {
    int level = 0;
    std::uint32_t layout = 0;
    std::uint32_t raid_disks = 0;
    std::uint32_t chunk_sectors = 0;      // 0 for RAID1
    std::uint64_t component_sectors = 0;  // data per member
    bool operator==(const Shape &) const = default;
};

std::uint32_t data_disks(const Shape &shape);
std::uint64_t array_sectors(const Shape &shape);

// Has a new array that misses so many members nothing to build? It has no redundancy, or what is missing is all that it can do
// without. Refused: part of its redundancy would be wrong, and could not be built.
Result<bool> starts_in_sync(std::string_view name, const Shape &shape, std::size_t missing);

struct Slot {
    int disk = -1;         // index into Container::disks; -1: nobody
    bool in_sync = false;  // false: missing, failed, or being rebuilt
    // Of formats in which each member says where its own data lies; 0 sectors: as the volume says.
    std::uint64_t data_offset = 0, data_sectors = 0;
    bool returning = false;  // not in sync, but it holds everything for which the bitmap has no bit
};

// The write-intent bitmap of a volume: bits behind a superblock of its own, at one place of all members.
struct BitmapPlace {
    std::uint64_t sector = 0;       // of its superblock, on each disk
    std::uint32_t chunk_bytes = 0;  // of a region
    std::uint32_t sleep = 5;        // seconds after which a region that is written no more may get clean
    bool stale = false;             // what was written has no bits: they are all to be set before it is used
    bool operator==(const BitmapPlace &) const = default;
};
// The partial parity log of a RAID5 volume: on each member an area that says what was being written to the rows whose parity the
// member has (libemd/format/ppl.h).
struct ParityLogPlace {
    struct Area {
        std::uint64_t sector = 0, sectors = 0;  // on the disk; none: nobody is there
    };
    std::vector<Area> areas;      // by slot
    std::uint32_t signature = 0;
    unsigned unit_bytes = 512;    // in which it counts the array's sectors
    bool built = true;            // false: a resync that makes all parity right had not come to its end
    bool single = false;          // recorded as one unit at the front, and there is room for more, which EMD's kernel uses
};
// What stands in front of the bits; opaque to everybody but the format.
using BitmapHead = std::array<std::byte, 256>;

// A long operation that the metadata records.
enum class Activity { None, Init, Rebuild, Check, Repair, Reshape };

// What the metadata says of a reshape in progress. Volume::shape is the source.
struct ReshapeRecord {
    Shape target;
    std::vector<Slot> target_slots;        // target.raid_disks entries; the first ones are the source's
    std::uint64_t position = 0;            // array sectors; durable checkpoint (D)
    std::uint64_t unit = 0;                // array sectors: positions are multiples of it (or the end)
    bool backward = false;
    std::int64_t data_shift = 0;           // sectors by which the data of each member moves; negative: towards the disk's front
    bool backup_live = false;              // the next unit's data is in the format's copy area
    std::uint64_t backup_member_start = 0; // member sector (absolute on the disk) of the copy area
    std::uint64_t backup_member_sectors = 0;
};

struct Volume {
    unsigned index = 0;  // position in the container, the N of external:/mdX/N
    std::string name;
    Uuid uuid{};
    Shape shape;                     // in force now (during a reshape: the source)
    std::uint64_t data_offset = 0;   // on every member
    std::uint64_t array_sectors = 0; // visible size now (during growth: the old size)
    std::vector<Slot> slots;         // shape.raid_disks entries
    bool dirty = false;              // was being written when last recorded
    bool initialised = true;         // false: redundancy was never built
    bool read_write = true;          // false: the format knows something that forbids writing (reason in `refused`)
    std::string refused;
    bool readable = false;           // refused, but what is on the disks can be read as it is
    Activity activity = Activity::None;
    std::uint64_t checkpoint = 0;    // Init/Rebuild/Repair: member sectors done
    std::optional<ReshapeRecord> reshape;
    std::optional<BitmapPlace> bitmap;
    std::optional<ParityLogPlace> parity_log;  // where `refused` is set, it alone is against writing
    std::string consistency = "resync";  // md's words: "resync", "ppl", "bitmap"
};

struct BadRange {
    int disk = -1;
    std::uint64_t start = 0;  // absolute sector on the disk
    std::uint32_t sectors = 0;
};

struct Container {
    FormatId format = FormatId::Imsm;
    Uuid uuid{};
    std::uint64_t sequence = 0;  // newest generation seen
    bool uneven = false;         // some disk holds an older record than this one
    std::vector<Disk> disks;     // recorded disks first (in the order of the metadata), then loose spares
    std::vector<Volume> volumes;
    std::vector<BadRange> bad;
    std::string spec_version;    // the format's own version string
};

// The devices of its disks, in their order. Another program may count the same disks differently.
std::vector<DevNum> devices_of(const Container &container);

// Where a slot's data lies on its disk.
struct Place {
    std::uint64_t offset = 0, sectors = 0;
};
Place place_of(const Volume &volume, const Slot &slot);

// Health derived from the slots, never stored.
enum class Health { Optimal, Degraded, Failed };
// `without`: as if this disk had failed. Allocates nothing.
Health health(const Volume &volume, int without = -1);
// Would the volume have lost data without this disk, and has not yet?
bool needs(const Volume &volume, int disk);
const char *to_word(Health health);
const char *to_word(Activity activity);
const char *to_word(DiskState state);
std::string level_word(int level);  // "raid5", "linear"

}  // namespace emd
