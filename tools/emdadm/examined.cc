// SPDX-License-Identifier: GPL-2.0-only
#include "examined.h"

#include "libemd/device/medium_file.h"

#include <sys/stat.h>

namespace emd::cli {
namespace {

constexpr unsigned kSectorSizes[] = {512, 4096};
constexpr std::string_view kSerial = ",serial=";

bool is_file(const std::string &path)
{
    struct stat st;
    return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

// A file does not know its sector size: metadata is looked for with each.
Result<Examined> examine_file(const std::string &path, const std::string &serial)
{
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

// Nor does a file know the disk's serial number: it gets one of its own, and what is recorded of the disks stands beside it.
Result<Examined> examine_one(const std::string &path, std::size_t number)
{
    if (is_file(path))
        return examine_file(path, fmt::format("image-{}", number));
    if (const std::size_t at = path.rfind(kSerial); at != path.npos && is_file(path.substr(0, at)))
        return examine_file(path.substr(0, at), path.substr(at + kSerial.size()));
    auto device = EMD_TRY(BlockDevice::open(path, OpenMode::Read));
    const auto found = EMD_TRY(recognise(*device));
    if (!found)
        return fail(Errc::NotFound, "{} has no metadata that EMD knows", path);
    return Examined{std::move(device), *found};
}

}  // namespace emd::cli
