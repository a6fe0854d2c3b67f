// SPDX-License-Identifier: GPL-2.0-only
// The bytes of IMSM (Intel Matrix Storage / VROC) metadata: structures, offsets and numbers, nothing else.
//
// Where things are, in logical sectors of a drive of N: the first sector of the MPB ("metadata parameter block", the one
// object that describes the container), called the anchor, at N-2; the rest of the MPB in ascending order directly in
// front of it; the migration record at N-1. Every size and address inside is in 512-byte sectors, except on drives with
// 4096-byte sectors, where those fields that the codec names are stored divided by eight.
#pragma once

#include "libemd/base/bytes.h"

#include <string_view>

namespace emd::imsm {

using Serial = std::array<char, 16>;  // NUL padded, not terminated when full
using Name = std::array<char, 16>;

inline constexpr std::string_view kSignature = "Intel Raid ISM Cfg Sig. ";
inline constexpr std::string_view kNewVersion = "1.3.00";  // what new containers say
inline constexpr std::size_t kVersionAt = 24, kVersionLength = 6;

struct HeaderBytes {
    std::array<char, 32> signature;
    Le32 check_sum;
    Le32 mpb_size;  // bytes, with tables and bad-block log
    Le32 family_num;
    Le32 generation_num;
    Le32 error_log_size;
    Le32 attributes;
    std::uint8_t num_disks;
    std::uint8_t num_raid_devs;
    std::uint8_t error_log_pos;
    std::uint8_t fill;
    Le32 cache_size;
    Le32 orig_family_num;
    Le32 pwr_cycle_count;
    Le32 bbm_log_size;  // bytes
    Le16 num_raid_devs_created;
    Le16 filler0;
    Le64 creation_time;  // seconds since 1970, 0: unknown
    std::array<std::byte, 128> filler1;
};
static_assert(sizeof(HeaderBytes) == 216 && alignof(HeaderBytes) == 1);

struct DiskBytes {
    Serial serial;
    Le32 total_blocks_lo;
    Le32 scsi_id;
    Le32 status;
    Le32 owner_cfg_num;
    Le32 total_blocks_hi;
    std::array<std::byte, 12> filler;
};
static_assert(sizeof(DiskBytes) == 48);

struct DevBytes {  // fixed part of a volume; one or two maps follow
    Name name;
    Le32 size_lo;
    Le32 size_hi;
    Le32 status;
    Le32 reserved_blocks;
    std::array<std::byte, 8> fill0;  // migr_priority, num_sub_vols, tid, cng_master_disk, cache_policy, cng_state, cng_sub_state
    Le16 volume_id;
    std::array<std::byte, 8> fill1;  // NVM cache
    std::uint8_t rwh_policy;
    Serial journal_serial;
    std::array<std::byte, 13> filler0;
    Le32 migr_unit_lo;
    Le32 checkpoint_id;
    std::uint8_t migr_state;
    std::uint8_t migr_type;
    std::uint8_t dirty;
    std::uint8_t fs_state;
    Le16 verify_errors;
    Le16 bad_blocks;
    Le32 migr_unit_hi;
    std::array<std::byte, 12> filler1;
};
static_assert(sizeof(DevBytes) == 112);

struct MapBytes {  // the table of disks, one word per member, follows
    Le32 pba_of_lba0_lo;
    Le32 blocks_per_member_lo;
    Le32 num_data_stripes_lo;
    Le16 blocks_per_strip;
    std::uint8_t map_state;
    std::uint8_t raid_level;
    std::uint8_t num_members;
    std::uint8_t num_domains;
    std::uint8_t failed_disk_num;
    std::uint8_t ddf;
    Le32 pba_of_lba0_hi;
    Le32 blocks_per_member_hi;
    Le32 num_data_stripes_hi;
    std::array<std::byte, 16> filler;
};
static_assert(sizeof(MapBytes) == 48);

struct BadLogBytes {
    Le32 signature;
    Le32 entry_count;
};
static_assert(sizeof(BadLogBytes) == 8);

struct BadEntryBytes {
    std::uint8_t blocks_minus_one;
    std::uint8_t disk;
    Le16 start_lo;  // bits 0 to 15 of the sector
    Le32 start_hi;  // bits 16 to 47
};
static_assert(sizeof(BadEntryBytes) == 8);

struct RecordBytes {  // migration record; the rest of its sector is zero
    Le32 rec_status;
    Le32 unit_lo;
    Le32 family_num;
    Le32 ascending;
    Le32 blocks_per_unit;      // array sectors
    Le32 dest_depth_per_unit;  // member sectors, in the target geometry
    Le32 copy_area_lo;
    Le32 dest_first_lba_lo;    // relative to the volume's first sector on the member
    Le32 num_units_lo;
    Le32 post_size_lo;
    Le32 post_size_hi;
    Le32 read_disk;
    Le32 unit_hi;
    Le32 copy_area_hi;
    Le32 dest_first_lba_hi;
    Le32 num_units_hi;
    std::array<std::byte, 64> filler;
};
static_assert(sizeof(RecordBytes) == 128);

inline constexpr std::uint32_t kBadLogSignature = 0xabadb10c;
inline constexpr std::size_t kMaxBadEntries = 254;
inline constexpr std::uint32_t kMaxBadBlocks = 256;  // per entry
// Of 512 bytes, in an entry that is written. mdadm counts these in a byte whatever the blocks are, and so, of larger ones, writes back one
// less than would fill it; what is more it cuts off.
constexpr std::uint32_t most_bad_sectors(unsigned sector_bytes)
{
    const std::uint32_t block = sector_bytes / 512;
    return block <= 1 ? kMaxBadBlocks : (kMaxBadBlocks / block - 1) * block;
}

enum Attribute : std::uint32_t {
    kAttrRaid0 = 0x01,
    kAttrRaid1 = 0x02,
    kAttrRaid10 = 0x04,
    kAttrRaid5 = 0x10,
    kAttrRaid10Wide = 0x80,  // more than four members
    kAttrDisk2Tb = 0x04000000,
    kAttrBadBlocks = 0x08000000,
    kAttrVolume2Tb = 0x20000000,
    kAttrChecksum = 0x80000000,

    kAttrLevels = kAttrRaid0 | kAttrRaid1 | kAttrRaid10 | kAttrRaid5 | kAttrRaid10Wide,
    kAttrAccepted = 0x80000000 | 0x40000000 | 0x20000000 | 0x08000000 | 0x04000000 | 0xc0 | 0x17,
};

enum DiskStatus : std::uint32_t { kDiskSpare = 1, kDiskConfigured = 2, kDiskFailed = 4 };

inline constexpr std::uint32_t kNoScsiId = 0xffffffff;

enum DevStatus : std::uint32_t { kDevNew = 0x0c, kDevRepair = 0x80 };

enum MigrType : std::uint8_t { kMigrInit = 0, kMigrRebuild = 1, kMigrVerify = 2, kMigrGeneral = 3, kMigrStateChange = 4 };

enum MapState : std::uint8_t { kMapNormal = 0, kMapUninitialised = 1, kMapDegraded = 2, kMapFailed = 3 };

enum RwhPolicy : std::uint8_t { kRwhOff = 0, kRwhPpl = 1, kRwhJournal = 2, kRwhMultiPpl = 3, kRwhMultiJournal = 4, kRwhMultiOff = 5, kRwhBitmap = 6 };

inline constexpr std::uint8_t kDirty = 1;  // DevBytes::dirty; who writes a partial parity log sets 2, too

inline constexpr std::uint32_t kOrdRebuild = 0x01000000;  // in a word of a map's disk table: out of sync
inline constexpr std::uint32_t kOrdIndex = 0x00ffffff;
inline constexpr std::uint8_t kNoFailedDisk = 255;

// Sectors at the end of an active drive: the MPB and the copy area of a migration, and a general reserve behind the volumes.
inline constexpr std::uint64_t kMetadataReserve = 2210;
inline constexpr std::uint64_t kReserve = kMetadataReserve + 8192;
inline constexpr std::uint64_t kSpareReserve = kMetadataReserve + 2048;
inline constexpr std::uint64_t kCopyAreaFromEnd = 2209;
inline constexpr std::uint32_t kCopyAreaSectors = 2048;  // per member
inline constexpr std::uint64_t kSinglePpl = 264;         // of the tail: what the older kind of log has
inline constexpr std::uint64_t kVolumeTail = 2048;       // behind a volume's data, on each member: PPL or bitmap
inline constexpr std::uint64_t kBitmapInTail = 16;       // its header, which has md's fields, from the tail's beginning
inline constexpr std::uint64_t kBitmapHeadSectors = 8;   // and the bits behind that
inline constexpr std::uint64_t kVolumeGap = 8192;        // between two volumes
inline constexpr std::uint32_t kRaid1Strip = 128;
inline constexpr unsigned kMaxVolumes = 2;

}  // namespace emd::imsm
