// SPDX-License-Identifier: GPL-2.0-only
// One MPB and one migration record as values. All sizes are in 512-byte sectors, whatever the drive's sector size.
//
// Each part keeps the bytes that it was decoded from in `raw`; encoding starts from them, so that what this program
// does not know survives being rewritten.
#pragma once

#include "libemd/format/imsm/layout.h"

#include <optional>
#include <vector>

namespace emd::imsm {

struct Map {
    MapBytes raw{};
    std::uint64_t start = 0;              // pba_of_lba0: first data sector on every member
    std::uint64_t blocks_per_member = 0;
    std::uint64_t num_data_stripes = 0;
    std::uint32_t strip = 0;              // sectors
    std::uint8_t state = kMapNormal;
    std::uint8_t level = 0;               // as stored: four-member RAID10 says 1
    std::uint8_t domains = 1;
    std::uint8_t failed_disk = kNoFailedDisk;
    std::vector<std::uint32_t> ord;       // per slot: index into Mpb::disks, and kOrdRebuild

    std::uint32_t members() const { return static_cast<std::uint32_t>(ord.size()); }
};

inline int ord_index(std::uint32_t ord) { return static_cast<int>(ord & kOrdIndex); }

struct Dev {  // a volume
    DevBytes raw{};
    Name name{};
    std::uint64_t size = 0;       // sectors; during a general migration already the new size
    std::uint32_t status = kDevNew;
    std::uint16_t id = 0;
    std::uint8_t rwh_policy = kRwhMultiOff;
    std::uint64_t migr_unit = 0;
    bool migrating = false;       // map1 is there
    std::uint8_t migr_type = 0;   // meaningless unless migrating
    std::uint8_t dirty = 0;
    Map map0;                     // what will be true when the running operation ends
    Map map1;                     // what is true now, while migrating

    const Map &current() const { return migrating ? map1 : map0; }
    bool general_migration() const { return migrating && migr_type == kMigrGeneral; }
};

struct DiskEntry {
    DiskBytes raw{};
    Serial serial{};
    std::uint64_t sectors = 0;
    std::uint32_t scsi_id = 0;
    std::uint32_t status = kDiskConfigured;
};

struct BadEntry {
    std::uint8_t disk = 0;
    std::uint64_t start = 0;
    std::uint32_t sectors = 0;
};

struct Mpb {
    HeaderBytes raw{};
    std::uint32_t family = 0;
    std::uint32_t orig_family = 0;
    std::uint32_t generation = 0;
    std::uint32_t attributes = kAttrChecksum;
    std::uint16_t volumes_created = 0;
    std::uint64_t creation_time = 0;
    std::vector<DiskEntry> disks;
    std::vector<Dev> devs;
    std::vector<std::byte> extra;  // between the tables and the bad-block log; normally nothing
    std::vector<BadEntry> bad;
    std::vector<std::byte> slack;  // behind the MPB, up to the end of the sector: means nothing, and stays as it is

    std::string_view version() const;
    std::uint32_t identity() const { return orig_family ? orig_family : family; }
};

struct Record {
    RecordBytes raw{};
    bool copy_valid = false;        // the unit has its data in the copy area
    std::uint64_t unit = 0;         // units done, and the index of the one being worked on
    std::uint32_t family = 0;
    bool ascending = true;
    std::uint32_t blocks_per_unit = 0;
    std::uint32_t depth = 0;
    std::uint64_t copy_area = 0;    // sector on every member
    std::uint64_t dest_first = 0;   // sector on the member, relative to the volume
    std::uint64_t units = 0;
    std::uint64_t post_size = 0;
};

// -- codec.cc --

std::size_t encoded_size(const Mpb &mpb);
inline std::size_t encoded_sectors(const Mpb &mpb, unsigned sector_bytes)
{
    return (encoded_size(mpb) + sector_bytes - 1) / sector_bytes;
}

// The header of an anchor sector, with signature and lengths checked, nothing else. NotFound: no signature.
Result<HeaderBytes> decode_header(Bytes anchor);

// Sum of the 32-bit words of an MPB, without the one that holds the sum. `mpb` is at least a header long.
std::uint32_t checksum(Bytes mpb);

// `image` is the joined MPB: anchor first, then the extension. `sector_bytes` is 512 or 4096.
Result<Mpb> decode_mpb(Bytes image, unsigned sector_bytes);

// Writes encoded_size() bytes with their checksum; `out` must be large enough. Behind them comes what stood there, as long
// as the size is the same, then zeros.
void encode_mpb(const Mpb &mpb, MutableBytes out, unsigned sector_bytes);

// nullopt: the sector holds no record (all zero).
std::optional<Record> decode_record(Bytes sector, unsigned sector_bytes);
void encode_record(const Record &record, MutableBytes sector, unsigned sector_bytes);

}  // namespace emd::imsm
