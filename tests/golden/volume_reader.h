// SPDX-License-Identifier: GPL-2.0-only
// Reads a volume from its members without a kernel: the mapping of kernel/core over what a format says. Slow, simple, and
// the reference for what a running array must return.
#pragma once

#include "libemd/base/bytes.h"
#include "libemd/model/container.h"
#include "libemd/model/medium.h"

#include <functional>

namespace emd::golden {

class VolumeReader {
public:
    // `medium(disk)` is the disk of Container::disks, or null.
    VolumeReader(const Volume &volume, std::function<const Medium *(int disk)> medium);

    // [sector, sector + out.size() / 512) must lie inside of the volume. Honours the position of a reshape and its copy area.
    Result<> read(std::uint64_t sector, MutableBytes out) const;

private:
    // One geometry over a set of slots; in the copy area member addresses are moved.
    struct Side {
        const Shape *shape;
        const std::vector<Slot> *slots;
        std::uint64_t base;        // added to member sectors
        std::uint64_t limit;       // array sector where another side takes over
        std::int64_t shift = 0;    // added to what a slot says of its own
    };
    Side side_of(std::uint64_t sector) const;
    Result<> read_member(const Side &side, std::uint32_t slot, std::uint64_t sector, MutableBytes out) const;
    Result<> rebuild(const Side &side, std::uint32_t slot, std::uint64_t sector, MutableBytes out) const;
    static std::uint64_t start_of(const Side &side, const Slot &at);
    bool usable(const Side &side, std::uint32_t slot) const;

    const Volume *volume_;
    std::function<const Medium *(int disk)> medium_;
};

}  // namespace emd::golden
