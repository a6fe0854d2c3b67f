// SPDX-License-Identifier: GPL-2.0-only
// Bytes that come from a disk and go to one: integers of fixed endianness without alignment, and checked access.
//
// A structure made of these types has alignment one and no padding, so layouts are written down as plain structs
// (each with a static_assert on its size) and nothing is packed or cast.
#pragma once

#include "libemd/base/result.h"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace emd {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

enum class Endian { Little, Big };

// An unsigned integer as it stands on disk.
template <std::unsigned_integral T, Endian E>
class Wire {
public:
    Wire() = default;
    constexpr Wire(T value) { *this = value; }

    constexpr Wire &operator=(T value)
    {
        for (std::size_t i = 0; i < sizeof(T); i++)
            bytes_[E == Endian::Little ? i : sizeof(T) - 1 - i] = static_cast<std::byte>(value >> (8 * i));
        return *this;
    }

    constexpr T get() const
    {
        T value = 0;
        for (std::size_t i = 0; i < sizeof(T); i++)
            value |= static_cast<T>(static_cast<T>(bytes_[E == Endian::Little ? i : sizeof(T) - 1 - i]) << (8 * i));
        return value;
    }

    bool operator==(const Wire &) const = default;

private:
    std::array<std::byte, sizeof(T)> bytes_{};
};

using Le16 = Wire<std::uint16_t, Endian::Little>;
using Le32 = Wire<std::uint32_t, Endian::Little>;
using Le64 = Wire<std::uint64_t, Endian::Little>;
using Be16 = Wire<std::uint16_t, Endian::Big>;
using Be32 = Wire<std::uint32_t, Endian::Big>;
using Be64 = Wire<std::uint64_t, Endian::Big>;

static_assert(sizeof(Le64) == 8 && alignof(Le64) == 1);

// What may be laid over bytes.
template <typename T>
concept OnDisk = std::is_trivially_copyable_v<T> && alignof(T) == 1;

// A copy of the T at `offset`. Corrupt when it does not lie wholly inside.
template <OnDisk T>
Result<T> read_at(Bytes from, std::size_t offset)
{
    if (offset > from.size() || from.size() - offset < sizeof(T))
        return fail(Errc::Corrupt, "{} bytes at {} do not fit into {}", sizeof(T), offset, from.size());
    T value;
    std::memcpy(&value, from.data() + offset, sizeof(T));
    return value;
}

// Put `value` at `offset`. The caller sized the buffer: false when it does not fit, and nothing is written.
template <OnDisk T>
[[nodiscard]] bool write_at(MutableBytes to, std::size_t offset, const T &value)
{
    if (offset > to.size() || to.size() - offset < sizeof(T))
        return false;
    std::memcpy(to.data() + offset, &value, sizeof(T));
    return true;
}

// The bytes of an on-disk structure, e.g. for a digest.
template <OnDisk T>
Bytes bytes_of(const T &value)
{
    return std::as_bytes(std::span<const T, 1>(&value, 1));
}

inline bool all_zero(Bytes bytes)
{
    for (const std::byte b : bytes)
        if (b != std::byte{0})
            return false;
    return true;
}

}  // namespace emd
