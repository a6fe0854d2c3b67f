// SPDX-License-Identifier: GPL-2.0-only
// SHA-1, for identities that a format derives from other fields. Not for anything that must resist an attacker.
#pragma once

#include "libemd/base/bytes.h"

#include <initializer_list>

namespace emd {

using Sha1Digest = std::array<std::uint8_t, 20>;

// Digest of the parts, one behind the other.
Sha1Digest sha1(std::initializer_list<Bytes> parts);

}  // namespace emd
