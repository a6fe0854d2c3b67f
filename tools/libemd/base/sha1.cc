// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/base/sha1.h"

#include <nettle/sha1.h>

namespace emd {

Sha1Digest sha1(std::initializer_list<Bytes> parts)
{
    sha1_ctx context;
    sha1_init(&context);
    for (const Bytes part : parts)
        sha1_update(&context, part.size(), reinterpret_cast<const std::uint8_t *>(part.data()));

    Sha1Digest digest;
    sha1_digest(&context, digest.size(), digest.data());
    return digest;
}

}  // namespace emd
