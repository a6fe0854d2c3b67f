// SPDX-License-Identifier: GPL-2.0-only
// One geometry over members of which some are missing, stale from some sector on, or unreadable in places. Reads only.
#pragma once

#include "libemd/base/bytes.h"
#include "libemd/model/geometry.h"
#include "libemd/model/medium.h"

#include <memory>

namespace emd::rescue {

// What a slot has for this geometry. Sectors of a member are relative to its data; on the disk they lie `offset` further on,
// modulo 2^64: a copy area holds member sectors from some number on.
struct Lane {
    const Medium *medium = nullptr;  // null: missing
    std::uint64_t offset = 0;
    std::uint64_t valid = 0;         // member sectors that are in sync: [0, valid)
    std::vector<BadRange> bad;       // absolute; never read
};

enum class Got {
    Data,
    Nothing,  // not in one piece: smaller pieces may be there
    Never,    // no piece of it can be there: members are missing
};

class Side {
public:
    // `sizes`, for RAID0 and linear alone: usable sectors of each slot. Errors: Invalid, with what is wrong with the shape.
    static Result<Side> make(const Shape &shape, std::vector<Lane> lanes, const std::vector<std::uint64_t> &sizes = {});

    std::uint64_t sectors() const { return emd_geometry_array_sectors(geometry_.get()); }
    const std::vector<Lane> &lanes() const { return lanes_; }
    // Parity of member sectors from here on was never built.
    void parity_ends(std::uint64_t member_sector) { parity_end_ = member_sector; }

    // How many sectors from here lie together on a member.
    std::uint64_t run(std::uint64_t sector) const;
    // At most run(sector) sectors. The content of `out` means something only with Data.
    Got read(std::uint64_t sector, MutableBytes out) const;

private:
    struct Geometry : emd_geometry {
        std::vector<emd_zone> zone_store;
        std::vector<std::uint32_t> slot_store;
    };

    bool read_lane(std::uint32_t slot, std::uint64_t sector, MutableBytes out) const;
    Got read_copies(std::uint64_t sector, MutableBytes out) const;
    bool by_p(const emd_place &place, MutableBytes out) const;
    bool by_q(const emd_place &place, MutableBytes out) const;
    bool has_pieces(const emd_place &place, std::size_t bytes) const;
    bool hopeless(const emd_place &place) const;

    std::unique_ptr<Geometry> geometry_;
    std::vector<Lane> lanes_;
    std::uint64_t parity_end_ = ~std::uint64_t{0};
};

}  // namespace emd::rescue
