// SPDX-License-Identifier: GPL-2.0-only
// The superblocks of md, 0.90 and 1.x, as values. Whatever is here has been checked: sums of sectors do not overflow, counts
// and indices fit their tables. Sizes and positions are in 512-byte sectors, whatever the disk's logical sector is.
#pragma once

#include "libemd/base/bytes.h"
#include "libemd/model/medium.h"
#include "libemd/model/member_record.h"

#include <array>
#include <variant>

namespace emd::md {

inline constexpr std::uint32_t kMagic = 0xa92b4efc;
inline constexpr std::size_t kBlockBytes = 4096;         // what is read of either kind
inline constexpr std::uint64_t kMostSectors = 1ULL << 43;  // of a member: sums and products of such do not overflow
inline constexpr std::uint32_t kMostLogSectors = 8;        // of a list of bad blocks; md takes no longer one
inline constexpr std::uint64_t kInSync = ~0ULL;          // V1::resync_offset

// Feature bits of 1.x.
inline constexpr std::uint32_t kBitmap = 0x1, kRecovery = 0x2, kReshape = 0x4, kBadBlocks = 0x8, kReplacement = 0x10,
                               kBackward = 0x20, kNewOffset = 0x40, kRecoveryBitmap = 0x80, kClustered = 0x100,
                               kJournal = 0x200, kPpl = 0x400, kMultiplePpl = 0x800, kRaid0Layout = 0x1000,
                               kKnownFeatures = 0x1fff;

// V1::flags: EMD has begun the reshape that is under way, and records its position before it overwrites what was needed until then. Of
// a change of chunk or layout that md itself has begun that cannot be said. md keeps bits here that it does not know, when it ends that reshape and
// when it begins another: so a number says which one is meant (begun_mark()).
inline constexpr std::uint8_t kBegunByEmd = 0x80, kBegunWhich = 0x7c;

// Values of V1::roles that are no slot.
inline constexpr std::uint16_t kRoleSpare = 0xffff, kRoleFaulty = 0xfffe, kRoleJournal = 0xfffd;

// Levels of md that no array of EMD has.
inline constexpr int kMultipath = -4;

struct Reshape {
    std::uint64_t position = 0;          // array sectors
    std::int32_t delta_disks = 0;
    int level = 0;
    std::uint32_t layout = 0;
    std::uint32_t chunk_sectors = 0;
    std::int64_t new_offset = 0;         // of the data, relative to the present one
    bool backward = false;
};

// What both kinds have.
struct Common {
    std::uint64_t sector = 0;            // where it stands
    std::uint32_t checksum = 0;
    Uuid array{};
    std::uint64_t ctime = 0, utime = 0;  // seconds
    int level = 0;
    std::uint32_t layout = 0;
    std::uint32_t chunk_sectors = 0;
    std::uint32_t raid_disks = 0;        // during a reshape the target's
    std::uint64_t size = 0;              // sectors in use of each member; 0: all it has
    std::uint64_t events = 0;
    std::optional<Reshape> reshape;
};

struct V1 : Common {
    unsigned minor = 2;
    std::uint32_t features = 0;
    bool unknown_fields = false;         // padding that is not zero: a newer kernel keeps something there
    std::string name;                    // without control characters
    std::int32_t bitmap_offset = 0;      // relative to the superblock, like all of these
    std::int32_t ppl_offset = 0;
    std::uint32_t ppl_sectors = 0;
    std::uint64_t data_offset = 0, data_size = 0;
    std::uint64_t recovery_offset = 0;   // kRecovery
    std::uint32_t dev_number = 0;
    std::uint32_t corrected_reads = 0;
    Uuid device{};
    std::uint8_t flags = 0;              // 1 write-mostly, 2 failfast
    unsigned bad_shift = 0;
    std::uint32_t bad_sectors = 0;       // room of the log
    std::int32_t bad_offset = 0;
    std::uint64_t resync_offset = kInSync;
    std::vector<std::uint16_t> roles;    // all entries that there is room for
    std::vector<BadRange> bad;           // kBadBlocks: read from the log
    bool cut_short = false;              // the data ends behind the end of the disk

    std::uint16_t role() const { return dev_number < roles.size() ? roles[dev_number] : kRoleSpare; }
};

struct Descriptor {
    std::uint32_t number = 0, major = 0, minor = 0, raid_disk = 0, state = 0;
};

struct V090 : Common {
    static constexpr std::size_t kDescriptors = 27;
    static constexpr std::uint32_t kClean = 1u << 0, kHasBitmap = 1u << 8;                            // state
    static constexpr std::uint32_t kFaulty = 1u << 0, kActive = 1u << 1, kSync = 1u << 2, kRemoved = 1u << 3,
                                   kWriteMostly = 1u << 9, kFailfast = 1u << 10;                      // of a descriptor

    unsigned minor = 90;
    Endian order = Endian::Little;       // of the machine that wrote it
    std::array<std::byte, 8> host{};     // the second half of the UUID as it stands on the disk
    std::uint32_t nr_disks = 0, md_minor = 0;
    std::uint32_t state = 0, active = 0, working = 0, failed = 0, spare = 0;
    std::uint64_t cp_events = 0;
    std::uint32_t recovery_cp = 0;
    Descriptor self;
    std::array<Descriptor, kDescriptors> disks;
};

using Superblock = std::variant<V090, V1>;

// Of bytes that were read at `sector`. NotFound: no superblock of this kind, that belongs there. Corrupt: it is one, but
// cannot be true.
Result<V1> decode_v1(Bytes block, std::uint64_t sector, std::uint64_t device_sectors);
Result<V090> decode_v090(Bytes block, std::uint64_t sector);

// The bytes of a superblock.
Result<std::vector<std::byte>> read_block(const Medium &medium, std::uint64_t sector);

// Where superblocks stand on the disk, sound ones and damaged ones.
std::vector<std::uint64_t> superblock_sectors(const Medium &medium);

// The newest of those that the disk holds. NotFound: none. Corrupt: only damaged ones.
Result<Superblock> read_superblock(const Medium &medium);

std::string version_text(const V1 &sb);
std::string version_text(const V090 &sb);  // "0.90"
Shape shape_of(const Common &sb);           // with which data that has not moved yet is laid out
Shape target_of(const Common &sb);          // the shape that is wanted; without a reshape the same
std::uint32_t slots_of(const Common &sb);   // places that members have, in one of the two or in both
MemberRecord record_of(const V1 &sb);
MemberRecord record_of(const V090 &sb);

// The bits of V1::flags that say that EMD has begun the reshape by which a member's data move from `data_offset` by `new_offset` sectors, which is
// not to before the first one. The number is that of their new place modulo 31, plus 1: the next reshape has another.
std::uint8_t begun_mark(std::uint64_t data_offset, std::int64_t new_offset);
// Has EMD begun the reshape that is under way? Without one: no.
bool begun_by_emd(const V1 &sb);
// The flags without a mark, if there is one.
std::uint8_t unmarked(std::uint8_t flags);

// Common's own sanity, for both decoders.
Result<> check_common(const Common &sb);

}  // namespace emd::md
