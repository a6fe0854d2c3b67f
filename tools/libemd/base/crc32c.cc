// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/base/crc32c.h"

namespace emd {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr std::array<std::uint32_t, 256> make_table()
{
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; byte++) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ kPolynomial : value >> 1;
        table[byte] = value;
    }
    return table;
}

constexpr auto kTable = make_table();

}  // namespace

std::uint32_t crc32c(Bytes bytes)
{
    std::uint32_t crc = ~std::uint32_t{0};
    for (const std::byte b : bytes)
        crc = crc >> 8 ^ kTable[(crc ^ static_cast<std::uint32_t>(b)) & 0xff];
    return ~crc;
}

}  // namespace emd
