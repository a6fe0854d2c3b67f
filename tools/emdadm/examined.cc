// SPDX-License-Identifier: GPL-2.0-only
#include "examined.h"

#include "libemd/device/medium_file.h"

#include <sys/stat.h>

namespace emd::cli {
namespace {

constexpr unsigned kSectorSizes[] = {512, 4096};

bool is_file(const std::string &path)
{
    struct stat st;
    return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

// A file does not know its sector size: metadata is looked for with each. Nor does it know the disk's serial number: it
// gets one of its own, and what is recorded of the disks stands beside it.
Result<Examined> examine_file(const std::string &path, std::size_t number)
{
    const std::string serial = fmt::format("image-{}", number);
    std::optional<Error> first;
    for (const unsigned sector : kSectorSizes) {
        auto medium = EMD_TRY(FileMedium::open(path, sector, serial));
        auto found = recognise(*medium);
        if (found && *found)
            return Examined{std::move(medium), **found};
        if (!found && !first)
            first = found.error();
    }
    if (first)
        return tl::make_unexpected(*first);
    return fail(Errc::NotFound, "{} has no metadata that EMD knows", path);
}

}  // namespace

Result<Examined> examine_one(const std::string &path, std::size_t number)
{
    if (is_file(path))
        return examine_file(path, number);
    auto device = EMD_TRY(BlockDevice::open(path, OpenMode::Read));
    const auto found = EMD_TRY(recognise(*device));
    if (!found)
        return fail(Errc::NotFound, "{} has no metadata that EMD knows", path);
    return Examined{std::move(device), *found};
}

}  // namespace emd::cli
