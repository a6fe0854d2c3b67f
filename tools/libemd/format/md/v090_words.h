// SPDX-License-Identifier: GPL-2.0-only
// Superblock 0.90 as it stands on a disk: 1024 words in the byte order of the machine that wrote it.
#pragma once

#include "libemd/format/md/superblock.h"

namespace emd::md {

inline constexpr std::size_t kWords = kBlockBytes / 4;
using Words = std::array<std::uint32_t, kWords>;

// Indices of words; a number of 64 bits is two words in the machine's order.
enum : std::size_t {
    kMajor = 1, kMinor = 2, kUuid0 = 5, kCtime = 6, kLevel = 7, kSize = 8, kNrDisks = 9, kRaidDisks = 10, kMdMinor = 11, kUuid1 = 13,
    kUuid2 = 14, kUuid3 = 15, kUtime = 32, kState = 33, kActive = 34, kWorking = 35, kFailed = 36, kSpare = 37, kSum = 38,
    kEvents = 39, kCpEvents = 41, kRecoveryCp = 43, kPosition = 44, kNewLevel = 46, kDelta = 47, kNewLayout = 48, kNewChunk = 49,
    kLayout = 64, kChunk = 65, kDisks = 128, kSelf = 992, kDescriptorWords = 32,
};
static_assert(kDisks + V090::kDescriptors * kDescriptorWords == kSelf);

Words words_of(Bytes block, Endian order);
std::uint32_t checksum_v090(const Words &words);

}  // namespace emd::md
