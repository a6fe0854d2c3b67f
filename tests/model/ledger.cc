// SPDX-License-Identifier: GPL-2.0-only
#include "ledger.h"

#include <cstring>

namespace emd::model {
namespace {

constexpr std::uint64_t kMagic = 0x5ec7042e4d440001ULL;

// Odd, so that different versions differ, and not symmetric, so that an exclusive or of two is no third one.
std::uint64_t tail_word(std::uint64_t sector, std::uint64_t version)
{
    return (sector * 0x9e3779b97f4a7c15ULL + version) * 0xbf58476d1ce4e5b9ULL;
}

}  // namespace

void Ledger::fill(std::uint64_t sector, std::uint64_t version, std::span<std::byte> out)
{
    std::memset(out.data(), static_cast<int>(version), out.size());
    const std::uint64_t words[3] = {kMagic ^ sector, version, tail_word(sector, version)};
    std::memcpy(out.data(), words, 16);
    std::memcpy(out.data() + kSectorBytes - 8, &words[2], 8);
}

std::optional<std::uint64_t> Ledger::version(std::uint64_t sector, std::span<const std::byte> content)
{
    std::uint64_t words[3];
    std::memcpy(words, content.data(), 16);
    std::memcpy(&words[2], content.data() + kSectorBytes - 8, 8);
    if (words[0] != (kMagic ^ sector) || words[2] != tail_word(sector, words[1]))
        return std::nullopt;
    return words[1];
}

}  // namespace emd::model
