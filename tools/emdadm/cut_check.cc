// SPDX-License-Identifier: GPL-2.0-only
#include "cut_check.h"

#include "arrays.h"

#include "libemd/base/size.h"
#include "libemd/device/block_device.h"

#include <algorithm>
#include <fcntl.h>
#include <fmt/ranges.h>

namespace emd::cli {
namespace {

// How what is known becomes smaller.
struct Remedy {
    std::string_view type, known, unknown;
};
constexpr Remedy kRemedies[] = {
    {"ext", "make that smaller first (resize2fs)", " (e2fsck, resize2fs)"},
    {"xfs", "that cannot be made smaller, so copy its files elsewhere first", " (xfs_repair)"},
    {"btrfs", "make that smaller first (btrfs filesystem resize)", " (btrfs filesystem resize)"},
    {"swap", "make that smaller first (swapoff, mkswap)", " (swapoff, mkswap)"},
    {"dos", "make its last partitions smaller first (parted)", " (parted)"},
    {"gpt", "make its last partitions smaller first (parted), and move its backup to them (sfdisk --relocate gpt-bak-mini)", " (parted)"},
    {"LVM2_member", "make that smaller first (pvresize)", " (pvresize)"},
    {"crypto_LUKS", "make that smaller first (cryptsetup resize)", " (cryptsetup resize)"},
    {"", "make that smaller first", ""},
};

const Remedy &remedy_of(const Content &content)
{
    return *std::ranges::find_if(kRemedies, [&](const Remedy &r) { return content.type.starts_with(r.type); });
}

// An array that is a member of another cannot be opened: what lies on it is the other's.
Result<Standing> standing_of(Context &c, const std::string &array)
{
    Standing now{{}, EMD_TRY(c.sysfs->list(array + "/holders")), false};
    const auto device = BlockDevice::open("/dev/" + array, OpenMode::Read);
    if (!device && device.error().code() == Errc::Busy && !now.holders.empty())
        return now;
    if (!device)
        return tl::make_unexpected(device.error());
    now.contents = EMD_TRY(content_of((*device)->path()));
    const auto alone = open_number((*device)->dev(), O_RDONLY | O_EXCL);  // for reading: udev does not look at it again for that
    if (!alone && alone.error().code() != Errc::Busy)
        return tl::make_unexpected(alone.error());
    now.held = !alone;
    return now;
}

}  // namespace

Result<> stays_whole(const std::string &name, const Standing &standing, std::uint64_t size_bytes)
{
    const auto unseen = [&](const std::string &what, std::string_view how) {
        return fail(Errc::Refused, "{} {}: if all of it lies within the first {}{}, use --force", name, what, format_size(size_bytes), how);
    };
    for (const Content &c : standing.contents) {
        if (!c.end_bytes)
            return unseen(fmt::format("holds {}, and EMD cannot see where that ends", c.what), remedy_of(c).unknown);
        const bool table = c.type == "dos" || c.type == "gpt";
        if (*c.end_bytes > size_bytes)
            return fail(Errc::Refused, "{} holds {} {} {}: {}, or use --force", name, c.what, table ? "that reaches to" : "of",
                        format_size(*c.end_bytes), remedy_of(c).known);
    }
    if (!standing.holders.empty())
        return unseen(fmt::format("is used by {}, and EMD cannot see how much of it", fmt::join(standing.holders, ", ")), "");
    if (standing.held && standing.contents.empty())
        return unseen("is mounted or held by another program, and EMD cannot see how much of it is used", "");
    return {};
}

Result<> check_cut(Context &c, const std::string &array, std::uint64_t new_sectors)
{
    if (c.options.force)
        return {};
    const std::string shown = EMD_TRY(c.sysfs->read(array + "/size"));
    if (new_sectors >= std::strtoull(shown.c_str(), nullptr, 10))
        return {};
    const auto standing = standing_of(c, array);
    if (!standing)
        return tl::make_unexpected(
            standing.error().within(fmt::format("what lies on {} cannot be seen, and --force was not given", link_of(c, array))));
    return stays_whole(link_of(c, array), *standing, new_sectors * 512);
}

}  // namespace emd::cli
