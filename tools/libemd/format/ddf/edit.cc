// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/format/ddf/metadata.h"

namespace emd::ddf {

// load() lets nobody write.
Result<> DdfMetadata::apply(const Change &)
{
    return fail(Errc::Refused, "the container must not be written: {}", refused_);
}

std::vector<Image> DdfMetadata::prepare() const
{
    return {};
}

void DdfMetadata::encode(std::span<Image>) {}

}  // namespace emd::ddf
