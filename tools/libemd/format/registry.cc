// SPDX-License-Identifier: GPL-2.0-only
// The formats of this build.
#include "libemd/format/ddf/ddf.h"
#include "libemd/format/imsm/imsm.h"
#include "libemd/format/md/md.h"

#include <algorithm>

namespace emd {

std::span<const Format *const> formats()
{
    static const std::array<const Format *, 3> all{&imsm::imsm(), &ddf::ddf(), &md::md_format()};
    return all;
}

const Format *find_format(std::string_view name)
{
    const auto found = std::ranges::find(formats(), name, &Format::name);
    return found == formats().end() ? nullptr : *found;
}

const Format *find_format(FormatId id)
{
    const auto found = std::ranges::find(formats(), id, &Format::id);
    return found == formats().end() ? nullptr : *found;
}

std::span<const MemberReader *const> member_readers()
{
    static const std::array<const MemberReader *, 1> all{&md::md()};
    return all;
}

}  // namespace emd
