// SPDX-License-Identifier: GPL-2.0-only
#include "names.h"

#include "arrays.h"

#include "libemd/base/fd.h"
#include "libemd/device/udev.h"
#include "libemd/monitor/paths.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace emd::cli {
namespace {

constexpr auto kLinkLimit = std::chrono::seconds(5);
constexpr const char *kLinks = "/dev/emd/";

// Entries of arrays that are gone are no reason for a suffix.
std::string free_name(Context &c, const std::string &array, const std::string &wanted)
{
    const std::vector<std::string> running = list_arrays(*c.sysfs);
    const auto taken = [&](const std::string &name) {
        const auto entry = c.map.by_name(name);
        return entry && entry->array != array && std::ranges::count(running, entry->array);
    };
    std::string name = wanted;
    for (int suffix = 1; taken(name); suffix++)
        name = fmt::format("{}_{}", wanted, suffix);
    return name;
}

void make_link(const std::string &name, const std::string &array)
{
    std::error_code ignored;
    std::filesystem::create_directory("/dev/emd", ignored);
    std::filesystem::remove(kLinks + name, ignored);
    std::filesystem::create_symlink("../" + array, kLinks + name, ignored);
}

}  // namespace

Result<> set_paused(const std::string &array, bool paused)
{
    const std::string path = pause_mark(array);
    if (!paused && ::unlink(path.c_str()) < 0 && errno != ENOENT)
        return fail_errno(errno, "removing {}", path);
    if (!paused)
        return {};
    EMD_TRY(make_run_directory());
    const Fd mark(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!mark.valid())
        return fail_errno(errno, "making {}", path);
    return {};
}

bool is_paused(const std::string &array)
{
    return ::access(pause_mark(array).c_str(), F_OK) == 0;
}

Result<> publish_name(Context &c, const std::string &array, const std::string &wanted, const std::string &metadata,
                      const Uuid &uuid)
{
    const std::string name = free_name(c, array, wanted);
    if (name != wanted)
        c.warn(fmt::format("another array is called {} already: this one becomes {}", wanted, name));
    std::string what = metadata;
    if (what.empty()) {
        const ArrayRef ref = EMD_TRY(look_at(c, array));
        what = fmt::format("/{}/{}", ref.container, ref.volume);
    }
    EMD_TRY(c.map.put({array, what, uuid == Uuid{} ? "-" : to_string(uuid), name}));
    EMD_TRY(set_paused(array, c.options.freeze_reshape));  // before udev looks at it
    EMD_TRY(c.sysfs->write(array + "/uevent", "change"));
    if (!wait_for_link(kLinks + name, "/dev/" + array, kLinkLimit))
        make_link(name, array);
    return {};
}

Result<> unpublish_name(Context &c, const std::string &array)
{
    const auto entry = c.map.by_array(array);
    if (!entry)
        return {};
    EMD_TRY(c.map.remove(array));
    EMD_TRY(set_paused(array, false));
    std::error_code error;
    const std::string link = kLinks + entry->name;
    if (std::filesystem::read_symlink(link, error) == "../" + array)
        std::filesystem::remove(link, error);
    return {};
}

}  // namespace emd::cli
