// SPDX-License-Identifier: GPL-2.0-only
// The backup place of IMSM: an area at the same address on every member that holds, member by member, exactly what
// the target geometry will hold for one unit. It has one slot, and no header: the migration record says whether it is
// valid, so a save counts only after the monitor has recorded it.
#pragma once

#include "libemd/reshape/backup.h"
#include "libemd/reshape/member_image.h"

namespace emd::reshape {

class CopyArea final : public BackupPlace {
public:
    // `start`, `sectors`: absolute on each disk.
    CopyArea(const emd_geometry &target, std::uint64_t start, std::uint64_t sectors, MemberWriter &members)
        : target_(target), start_(start), sectors_(sectors), members_(&members)
    {
    }

    Result<> save(unsigned slot, Range addresses, std::span<const std::byte> data) override;
    Result<> clear() override { return {}; }  // the end of the migration clears the record

private:
    emd_geometry target_;
    std::uint64_t start_, sectors_;
    MemberWriter *members_;
};

}  // namespace emd::reshape
