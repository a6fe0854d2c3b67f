// SPDX-License-Identifier: GPL-2.0-only
// What lies on a device and where it ends.
//
//   u8 flags (bit 0: put check sums right; bit 1: sectors of 4096 bytes), u8 size of the device (0: as large as can be; else so many
//   pages of 4096), then until the input ends patches: u16 window (bit 0: 64 KiB further, rest: where a second XFS group may
//   begin), u16 offset, u16 length, the bytes.
#include "fuzz/disks.h"

#include "libemd/base/crc32c.h"
#include "libemd/device/content.h"

#include <algorithm>
#include <limits>
#include <zlib.h>

using namespace emd;
using namespace emd::fuzz;

namespace {

constexpr std::size_t kHead = 136 << 10;  // bytes that may be other than zero

class Device final : public Medium {
public:
    const std::string &path() const override { return name_; }
    DevNum dev() const override { return {}; }
    std::uint64_t size_bytes() const override { return size; }
    unsigned sector_bytes() const override { return sector; }
    bool partition() const override { return false; }
    std::string serial() const override { return {}; }
    Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) const override
    {
        promise(offset_bytes <= size && out.size() <= size - offset_bytes, "only what is on the device is read");
        promise(out.size() <= kHead, "little of it is read");
        std::ranges::fill(out, std::byte{0});
        if (offset_bytes < head.size())
            std::copy_n(head.begin() + static_cast<std::ptrdiff_t>(offset_bytes), std::min<std::size_t>(out.size(), head.size() - offset_bytes),
                        out.begin());
        return {};
    }

    std::vector<std::byte> head = std::vector<std::byte>(kHead);
    std::uint64_t size = 0;
    unsigned sector = 512;

private:
    std::string name_ = "fuzz";
};

void sum_xfs(MutableBytes head, std::size_t at)
{
    const std::size_t sector = read_at<Be16>(head, at + 102)->get();
    if (sector < 512 || at + sector > head.size())
        return;
    (void)write_at(head, at + 224, Le32(0));
    (void)write_at(head, at + 224, Le32(crc32c(head.subspan(at, sector))));
}

// Each where its magic is; what lies on another then has a wrong sum, and that is as well.
void sum_all(MutableBytes head, std::uint64_t sector)
{
    const auto has = [&](std::size_t at, std::string_view magic) { return std::memcmp(head.data() + at, magic.data(), magic.size()) == 0; };
    if (has(1080, "\x53\xef"))
        (void)write_at(head, 2044, Le32(~crc32c(head.subspan(1024, 1020))));
    if (has(65600, "_BHRfS_M"))
        (void)write_at(head, 65536, Le32(crc32c(head.subspan(65568, 4064))));
    if (has(0, "XFSB")) {
        sum_xfs(head, 0);
        const std::uint64_t second = std::uint64_t{read_at<Be32>(head, 84)->get()} * read_at<Be32>(head, 4)->get();
        if (second && second < head.size() - 512)
            sum_xfs(head, second);
    }
    const std::size_t length = read_at<Le32>(head, sector + 12)->get();
    if (has(sector, "EFI PART") && length <= sector) {
        (void)write_at(head, sector + 16, Le32(0));
        const auto sum = crc32(0, reinterpret_cast<const Bytef *>(head.data()) + sector, static_cast<uInt>(length));
        (void)write_at(head, sector + 16, Le32(static_cast<std::uint32_t>(sum)));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    Input input(std::as_bytes(std::span(data, size)));
    const unsigned flags = input.take<std::uint8_t>(), pages = input.take<std::uint8_t>();
    Device device;
    device.size = pages ? pages * std::uint64_t{4096} : std::numeric_limits<std::int64_t>::max();
    device.sector = flags & 2 ? 4096 : 512;
    while (!input.empty()) {
        const std::uint64_t window = input.take<Le16>().get(), offset = input.take<Le16>().get();
        const std::uint64_t at = (window & 1) * 65536 + (window >> 1) * 512 + offset;
        const Bytes patch = input.bytes(input.take<Le16>().get());
        if (at <= kHead && patch.size() <= kHead - at)
            std::ranges::copy(patch, device.head.begin() + static_cast<std::ptrdiff_t>(at));
    }
    if (flags & 1)
        sum_all(device.head, device.sector);
    const auto all = content_of(device);
    promise(all.has_value(), "a device that can be read has contents, or none");
    for (std::size_t i = 0; i < all->size(); i++) {
        const Content &c = (*all)[i];
        promise(!c.type.empty() && !c.what.empty(), "what is found has a name");
        promise(!c.end_bytes || (*c.end_bytes > 0 && *c.end_bytes <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}), "an end can be");
        for (std::size_t k = 0; k < i; k++)
            promise((*all)[k].type != c.type, "nothing is found twice");
    }
    return 0;
}
