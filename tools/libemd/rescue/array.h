// SPDX-License-Identifier: GPL-2.0-only
// A volume that nobody runs, read from what is left of its members. Nothing is ever written to a member.
//
// Theory. At every instant each sector of a volume has one geometry: in the middle of a reshape what has moved has the new one,
// what has not the old, and the piece between may be in a copy area. So an array is a row of sides, each for a range of its
// sectors. What cannot be read in one piece is tried in halves, down to a sector, and only what is lost then is lost.
#pragma once

#include "libemd/model/member_record.h"
#include "libemd/rescue/side.h"

#include <functional>

namespace emd::rescue {

// [begin, end), sectors of the array.
struct Lost {
    std::uint64_t begin = 0, end = 0;
    bool operator==(const Lost &) const = default;
};

// One disk's own record, and the disk.
struct Source {
    const Medium *medium = nullptr;
    MemberRecord record;
};

class Array {
public:
    // A volume of a container that a format has loaded. `medium(disk)`: the disk of Container::disks, or null. Errors: Refused or
    // Unsupported, when nobody can say where its data lies; NotFound, when none of its members is here.
    static Result<Array> open(const Container &container, const Volume &volume, const std::function<const Medium *(int disk)> &medium);

    // Is the array in the middle of a reshape of which each disk says where it is? The freshest member decides: who dropped out
    // before the end of one still tells of it.
    static bool reshaping(const std::vector<Source> &sources);
    // An array for which reshaping() is true. Errors: as open().
    static Result<Array> open_reshaping(const std::vector<Source> &sources);

    std::uint64_t sectors() const { return sectors_; }
    // What a reader of the data has to know: what is missing, what is stale, what may be wrong.
    const std::vector<std::string> &remarks() const { return remarks_; }

    // [sector, sector + out.size() / 512) must lie inside. What is lost is zero in `out`, and joined to `lost`, which is in order.
    void read(std::uint64_t sector, MutableBytes out, std::vector<Lost> &lost) const;

private:
    struct Part {
        std::uint64_t end;  // of the array's sectors
        Side side;
    };

    Result<> check_members(std::string_view remedy) const;
    Result<> add_part(std::uint64_t end, Result<Side> side);
    void read_piece(const Side &side, std::uint64_t sector, MutableBytes out, std::vector<Lost> &lost) const;

    std::vector<Part> parts_;  // in order
    std::uint64_t sectors_ = 0;
    std::vector<std::string> remarks_;
};

}  // namespace emd::rescue
