// SPDX-License-Identifier: GPL-2.0-only
// The partial parity log of RAID5, as md's 1.x and IMSM have it on their members. Whatever comes from a disk is checked here.
//
// Theory
//
// Before data and parity of a row go out, the member that has the row's parity holds an entry, durable: which data is about to
// be written, and the exclusive or of all data of the row that is not (the partial parity; none when all is written). So,
// whichever of these writes were done when the power went, what was to be written, as it now stands, together with the
// partial parity is a parity that is right. With it whatever else is missing of the row can be computed; what was being
// written to a member that is missing is not known then, and nothing else is lost.
//
// Units of the log follow each other in the area, headers first; when the next one does not fit it goes to the front. A unit
// is written when all that the one before it announced is durable. So only the newest counts: that of the highest
// generation in the chain from the front. A unit that is not whole was cut off itself, and nothing that it announces
// had begun.
#pragma once

#include "libemd/base/bytes.h"
#include "libemd/model/container.h"

#include <functional>

namespace emd::ppl {

inline constexpr std::size_t kHeaderBytes = 4096;
inline constexpr std::uint32_t kHeaderSectors = kHeaderBytes / 512;
inline constexpr std::size_t kMostEntries = 148;

// What one entry announces.
struct Entry {
    std::uint64_t sector = 0;          // of the array: the first that is written
    std::uint32_t data_sectors = 0;    // all that is written
    std::uint32_t parity_sectors = 0;  // of partial parity; 0: all columns are written
    std::uint32_t parity_slot = 0;
    std::uint32_t checksum = 0;        // CRC-32C of the partial parity
};

struct Header {
    std::uint64_t generation = 0;
    std::vector<Entry> entries;        // at most kMostEntries
    std::uint64_t parity_sectors() const;
};

// Of kHeaderBytes. NotFound: no header with this signature and a right checksum. Corrupt: it cannot be true. Sums of its
// numbers do not overflow.
Result<Header> decode_header(Bytes block, std::uint32_t signature, unsigned unit_bytes);
std::vector<std::byte> encode_header(const Header &header, std::uint32_t signature, unsigned unit_bytes);

// The same data columns [first, last) of one row over in-chunk sectors [lo, hi).
struct Strip {
    std::uint64_t row = 0;
    std::uint32_t lo = 0, hi = 0;
    std::uint32_t first = 0, last = 0;
    std::uint32_t parity_at = 0;       // sectors into the entry's partial parity
};

// What an entry says of a RAID5 of this shape. Corrupt: it does not lie in one row of it, or another slot has its parity.
Result<std::vector<Strip>> strips_of(const Shape &shape, const Entry &entry);

struct Logged {
    Entry entry;
    std::vector<Strip> strips;
    std::vector<std::byte> parity;     // partial
};

// The newest unit of one member.
struct Log {
    std::uint64_t generation = 0;
    std::vector<Logged> entries;       // whole ones
    unsigned cut = 0;                  // entries whose partial parity is not whole
};

using Read = std::function<Result<>(std::uint64_t offset_bytes, MutableBytes out)>;

// The log of the member in `slot`. Errors: NotFound (no header at the front of the area), Corrupt (also if this is the shape of no
// RAID5), or what `read` says.
Result<Log> read_log(const Shape &shape, const ParityLogPlace &place, unsigned slot, const Read &read);

// Parity that is to be written: that of the data and `partial` (empty: of the data alone), over sectors of the members'
// data areas.
struct Repair {
    std::uint32_t parity_slot = 0;
    std::uint64_t sector = 0;
    std::uint32_t sectors = 0;
    std::vector<std::uint32_t> data_slots;
    Bytes partial;                     // of the log
};

// `there` is true or false for the first `sectors` of what was asked for, 1 at least.
struct Held {
    bool there = false;
    std::uint32_t sectors = 0;
};
// Does the member in `slot` hold what belongs into these sectors of its data area?
using Holds = std::function<Held(std::uint32_t slot, std::uint64_t sector, std::uint32_t sectors)>;

struct Repairs {
    std::vector<Repair> repairs;
    unsigned left_alone = 0;           // strips, or parts of one
};

// Strips are cut where what a member holds ends or begins. Parts that were being written to a member that does not hold them, or whose
// parity it does not hold, are left as they are. `log` is one that read_log() returned for this shape; it must outlive the result.
Repairs repairs_of(const Shape &shape, const Log &log, const Holds &holds);

}  // namespace emd::ppl
