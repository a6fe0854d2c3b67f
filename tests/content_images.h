// SPDX-License-Identifier: GPL-2.0-only
// What lies on devices, made by hand: the bytes by which it is recognised and by which its end is known, at their places, with
// check sums that are right. Beginnings of devices; what is not written is zero.
#pragma once

#include "libemd/base/bytes.h"
#include "libemd/base/crc32c.h"

#include <stdexcept>
#include <string_view>
#include <vector>
#include <zlib.h>

namespace emd::images {

using Image = std::vector<std::byte>;

inline constexpr std::size_t kBytes = 2 << 20;

template <OnDisk T, typename V>
void put(Image &image, std::size_t at, V value)
{
    if (!write_at(image, at, T(value)))
        throw std::out_of_range("beyond the image");
}

inline void put(Image &image, std::size_t at, std::string_view text)
{
    for (const char c : text)
        put<Wire<std::uint8_t, Endian::Little>>(image, at++, static_cast<std::uint8_t>(c));
}

inline std::uint32_t crc(const Image &image, std::size_t at, std::size_t length)
{
    return static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef *>(image.data()) + at, static_cast<uInt>(length)));
}

// Each puts its check sum right; what tests bend, they bend before.
inline void sum_ext(Image &image)
{
    put<Le32>(image, 1024 + 1020, ~crc32c(Bytes(image).subspan(1024, 1020)));
}
inline void sum_xfs(Image &image, std::size_t at = 0, std::size_t sector_bytes = 512)
{
    put<Le32>(image, at + 224, 0u);
    put<Le32>(image, at + 224, crc32c(Bytes(image).subspan(at, sector_bytes)));
}
inline void sum_btrfs(Image &image)
{
    put<Le32>(image, 65536, crc32c(Bytes(image).subspan(65536 + 32, 4096 - 32)));
}
inline void sum_gpt(Image &image, std::size_t sector_bytes = 512)
{
    put<Le32>(image, sector_bytes + 16, 0u);
    put<Le32>(image, sector_bytes + 16, crc(image, sector_bytes, 92));
}

// As mkfs.ext4 makes them today: 64bit, with sums.
inline Image ext4(std::uint64_t blocks, unsigned log_block = 2)
{
    Image image(kBytes);
    put<Le32>(image, 1024 + 4, static_cast<std::uint32_t>(blocks));
    put<Le32>(image, 1024 + 336, static_cast<std::uint32_t>(blocks >> 32));
    put<Le32>(image, 1024 + 20, log_block ? 0u : 1u);
    put<Le32>(image, 1024 + 24, log_block);
    put<Le16>(image, 1024 + 56, std::uint16_t{0xef53});
    put<Le32>(image, 1024 + 92, 0x3cu);
    put<Le32>(image, 1024 + 96, 0x2c2u);
    put<Le32>(image, 1024 + 100, 0x46bu);
    sum_ext(image);
    return image;
}

// mke2fs -t ext2 or ext3: without sums, 32 bits.
inline Image ext2(std::uint32_t blocks, bool journal = false)
{
    Image image(kBytes);
    put<Le32>(image, 1024 + 4, blocks);
    put<Le32>(image, 1024 + 336, 7u);  // means nothing
    put<Le32>(image, 1024 + 20, 1u);
    put<Le16>(image, 1024 + 56, std::uint16_t{0xef53});
    put<Le32>(image, 1024 + 92, journal ? 0x3cu : 0x38u);
    put<Le32>(image, 1024 + 96, 0x2u);
    put<Le32>(image, 1024 + 100, 0x3u);
    return image;
}

inline void put_xfs(Image &image, std::size_t at, std::uint64_t blocks, std::uint32_t group_blocks, std::uint32_t groups)
{
    put(image, at, "XFSB");
    put<Be32>(image, at + 4, 4096u);
    put<Be64>(image, at + 8, blocks);
    put(image, at + 32, "the file system.");
    put<Be32>(image, at + 84, group_blocks);
    put<Be32>(image, at + 88, groups);
    put<Be16>(image, at + 100, std::uint16_t{0xb4a5});
    put<Be16>(image, at + 102, std::uint16_t{512});
    put<Be32>(image, at + 216, 0xfu);
    sum_xfs(image, at);
}

// mkfs.xfs: version 5.
inline Image xfs(std::uint64_t blocks, std::uint32_t group_blocks, std::uint32_t groups)
{
    Image image(kBytes);
    put_xfs(image, 0, blocks, group_blocks, groups);
    return image;
}

// The file system has `all_bytes`, this device `here_bytes` of them.
inline Image btrfs(std::uint64_t all_bytes, std::uint64_t here_bytes)
{
    Image image(kBytes);
    put<Le64>(image, 65536 + 48, std::uint64_t{65536});
    put(image, 65536 + 64, "_BHRfS_M");
    put<Le64>(image, 65536 + 112, all_bytes);
    put<Le32>(image, 65536 + 144, 4096u);
    put<Le64>(image, 65536 + 201, std::uint64_t{1});
    put<Le64>(image, 65536 + 209, here_bytes);
    sum_btrfs(image);
    return image;
}

inline Image swap(std::uint32_t last_page, std::size_t page = 4096)
{
    Image image(kBytes);
    put<Le32>(image, 1024, 1u);
    put<Le32>(image, 1028, last_page);
    put(image, page - 10, "SWAPSPACE2");
    return image;
}

inline void put_partition(Image &image, unsigned number, unsigned type, std::uint32_t start, std::uint32_t sectors)
{
    put<Wire<std::uint8_t, Endian::Little>>(image, 446 + 16 * number + 4, static_cast<std::uint8_t>(type));
    put<Le32>(image, 446 + 16 * number + 8, start);
    put<Le32>(image, 446 + 16 * number + 12, sectors);
    put(image, 510, "\x55\xaa");
}

inline Image gpt(std::uint64_t backup, std::uint64_t last_usable, std::size_t sector_bytes = 512)
{
    Image image(kBytes);
    put_partition(image, 0, 0xee, 1, ~0u);
    put(image, sector_bytes, "EFI PART");
    put<Le32>(image, sector_bytes + 8, 0x10000u);
    put<Le32>(image, sector_bytes + 12, 92u);
    put<Le64>(image, sector_bytes + 24, std::uint64_t{1});
    put<Le64>(image, sector_bytes + 32, backup);
    put<Le64>(image, sector_bytes + 40, std::uint64_t{34});
    put<Le64>(image, sector_bytes + 48, last_usable);
    put<Le64>(image, sector_bytes + 72, std::uint64_t{2});
    put<Le32>(image, sector_bytes + 80, 128u);
    put<Le32>(image, sector_bytes + 84, 128u);
    sum_gpt(image, sector_bytes);
    return image;
}

inline Image luks()
{
    Image image(kBytes);
    put(image, 0, "LUKS\xba\xbe");
    return image;
}

inline Image lvm(unsigned sector = 1)
{
    Image image(kBytes);
    put(image, sector * 512, "LABELONE");
    put(image, sector * 512 + 24, "LVM2 001");
    return image;
}

}  // namespace emd::images
