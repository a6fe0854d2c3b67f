// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/reshape/copy_area.h"

namespace emd::reshape {

Result<> CopyArea::save(unsigned, Range addresses, std::span<const std::byte> data)
{
    const MemberImage image = lay_out(target_, addresses, data);
    if (image.sectors > sectors_)
        return fail(Errc::NoSpace, "the copy area holds {} sectors per disk, the section needs {}", sectors_,
                    image.sectors);
    const std::vector<unsigned> live = EMD_TRY(members_->live());
    if (live.size() + emd_geometry_max_failures(&target_) < target_.raid_disks)
        return fail(Errc::Refused, "only {} of {} disks are there to hold the copy", live.size(), target_.raid_disks);
    std::vector<MemberWrite> writes;
    for (const unsigned slot : live)
        if (slot < image.slots.size())
            writes.push_back({slot, start_, image.slots[slot].span()});
    return members_->write_and_flush(writes).within("writing the copy area");
}

}  // namespace emd::reshape
