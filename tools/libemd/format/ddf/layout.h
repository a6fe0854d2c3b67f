// SPDX-License-Identifier: GPL-2.0-only
// SNIA DDF 1.2 as it stands on a disk. Everything is big-endian; what is not used is all ones. Addresses and lengths are in
// sectors of 512 bytes; those of sections count from the header they belong to.
#pragma once

#include "libemd/base/bytes.h"

namespace emd::ddf {

using Guid = std::array<std::uint8_t, 24>;

inline constexpr std::size_t kSector = 512;
inline constexpr std::uint32_t kNone32 = 0xffffffff;
inline constexpr std::uint64_t kNone64 = ~std::uint64_t{0};
inline constexpr std::uint64_t kEpoch = 315532800;       // 1980-01-01, in seconds since 1970
inline constexpr std::uint64_t kMostSectors = 1ull << 54; // of a disk; sums of two never overflow

enum Signature : std::uint32_t {
    kHeaderSignature = 0xde11de11,
    kControllerSignature = 0xad111111,
    kPdSignature = 0x22222222,
    kVdSignature = 0xdddddddd,
    kConfigSignature = 0xeeeeeeee,
    kSpareSignature = 0x55555555,
    kOwnSignature = 0x33333333,
};

struct SectionBytes {
    Be32 offset, length;
};

enum Section : unsigned { kController, kPds, kVds, kConfigs, kOwn, kBadBlocks, kDiagnostic, kVendorLogs, kSections };
inline constexpr unsigned kMandatory = kBadBlocks;  // those in front of it

enum HeaderType : std::uint8_t { kAnchor, kPrimary, kSecondary };

struct HeaderBytes {
    Be32 signature, crc;
    Guid guid;
    std::array<char, 8> revision;
    Be32 sequence, timestamp;
    std::uint8_t open, foreign, grouping;
    std::array<std::uint8_t, 45> reserved0;
    Be64 primary, secondary;
    std::uint8_t type;
    std::array<std::uint8_t, 3> reserved1;
    Be32 workspace_length;
    Be64 workspace;
    Be16 max_pds, max_vds, max_partitions, record_sectors, max_elements;
    std::array<std::uint8_t, 54> reserved2;
    std::array<SectionBytes, kSections> sections;
    std::array<std::uint8_t, 256> reserved3;
};
static_assert(sizeof(HeaderBytes) == kSector && OnDisk<HeaderBytes>);

struct ControllerBytes {
    Be32 signature, crc;
    Guid guid;
    std::array<Be16, 4> ids;  // of vendor and device, as PCI numbers them
    std::array<char, 16> product;
    std::array<std::uint8_t, 8> reserved;
    std::array<char, 448> vendor;  // whatever it likes
};
static_assert(sizeof(ControllerBytes) == kSector && OnDisk<ControllerBytes>);

// In front of the records of physical and of virtual disks.
struct TableBytes {
    Be32 signature, crc;
    Be16 used, max;
    std::array<std::uint8_t, 52> reserved;
};
static_assert(sizeof(TableBytes) == 64 && OnDisk<TableBytes>);

enum PdType : std::uint16_t {
    kForcedGuid = 0x01,
    kInVd = 0x02,
    kGlobalSpare = 0x04,
    kDedicatedSpare = 0x08,
    kForeign = 0x10,
    kLegacy = 0x20,
};

enum PdState : std::uint16_t {
    kOnline = 0x01,
    kFailed = 0x02,
    kRebuilding = 0x04,
    kTransition = 0x08,
    kPredicted = 0x10,
    kReadErrors = 0x20,
    kMissing = 0x40,
};

struct PdBytes {
    Guid guid;
    Be32 refnum;
    Be16 type, state;
    Be64 sectors;  // for data
    std::array<std::uint8_t, 18> path;
    std::array<std::uint8_t, 6> reserved;
};
static_assert(sizeof(PdBytes) == 64 && OnDisk<PdBytes>);

enum VdState : std::uint8_t { kOptimal, kDegraded, kDeleted, kVdMissing, kVdFailed, kPartial, kOffline };
inline constexpr std::uint8_t kStateMask = 0x07, kMorphing = 0x08, kInconsistent = 0x10;
inline constexpr std::uint8_t kInitMask = 0x03, kInitRunning = 1, kInitDone = 2;
inline constexpr std::uint8_t kAccessMask = 0xc0, kReadOnly = 0x80, kBlocked = 0xc0;

inline constexpr std::uint16_t kUnicodeName = 0x0004;  // in VdBytes::type

struct VdBytes {
    Guid guid;
    Be16 unit;
    std::array<std::uint8_t, 2> reserved0;
    Be16 owner, type;
    std::uint8_t state, init;
    std::array<std::uint8_t, 14> reserved1;
    std::array<char, 16> name;
};
static_assert(sizeof(VdBytes) == 64 && OnDisk<VdBytes>);

// The first sector of a configuration record; references of its elements follow, and then where they begin.
struct ConfigBytes {
    Be32 signature, crc;
    Guid guid;
    Be32 timestamp, sequence;
    std::array<std::uint8_t, 24> reserved0;
    Be16 primary_count;
    std::uint8_t strip;  // 2^strip sectors
    std::uint8_t level, qualifier, secondary_count, secondary_sequence, secondary_level;
    Be64 blocks;         // of each member
    Be64 size;           // of the volume
    std::array<std::uint8_t, 8> reserved1;
    std::array<Be32, 8> spares;
    Be64 cache;          // flags
    std::uint8_t rate;   // of what runs in the background
    std::array<std::uint8_t, 375> reserved2;
};
static_assert(sizeof(ConfigBytes) == kSector && OnDisk<ConfigBytes>);

inline constexpr std::uint8_t kDedicated = 1;  // in SpareBytes::type

struct SpareBytes {
    Be32 signature, crc, timestamp;
    std::array<std::uint8_t, 7> reserved0;
    std::uint8_t type;
    Be16 used, max;
    std::array<std::uint8_t, 8> reserved1;
};
static_assert(sizeof(SpareBytes) == 32 && OnDisk<SpareBytes>);

struct SpareEntryBytes {
    Guid vd;
    Be16 secondary;
    std::array<std::uint8_t, 6> reserved;
};
static_assert(sizeof(SpareEntryBytes) == 32 && OnDisk<SpareEntryBytes>);

struct OwnBytes {
    Be32 signature, crc;
    Guid guid;
    Be32 refnum;
    std::uint8_t forced_refnum, forced_guid;
    std::array<char, 32> scratch;
    std::array<std::uint8_t, 442> reserved;
};
static_assert(sizeof(OwnBytes) == kSector && OnDisk<OwnBytes>);

}  // namespace emd::ddf
