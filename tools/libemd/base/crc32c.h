// SPDX-License-Identifier: GPL-2.0-only
// CRC-32C (Castagnoli).
#pragma once

#include "libemd/base/bytes.h"

namespace emd {

std::uint32_t crc32c(Bytes bytes);

}  // namespace emd
