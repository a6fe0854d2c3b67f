// SPDX-License-Identifier: GPL-2.0-only
// One line per array: ARRAY METADATA UUID NAME.
#include "libemd/device/array_map.h"

#include "libemd/base/fd.h"

#include <algorithm>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace emd {

std::vector<MapEntry> ArrayMap::entries() const
{
    std::vector<MapEntry> all;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        MapEntry e;
        if (words >> e.array >> e.metadata >> e.uuid >> e.name)
            all.push_back(e);
    }
    return all;
}

std::optional<MapEntry> ArrayMap::by_array(const std::string &array) const
{
    for (const MapEntry &e : entries())
        if (e.array == array)
            return e;
    return std::nullopt;
}

std::optional<MapEntry> ArrayMap::by_name(const std::string &name) const
{
    for (const MapEntry &e : entries())
        if (e.name == name)
            return e;
    return std::nullopt;
}

Result<> ArrayMap::change(const std::function<void(std::vector<MapEntry> &)> &edit)
{
    const std::string lock_path = path_ + ".lock", fresh = path_ + ".new";
    ::mkdir(path_.substr(0, path_.rfind('/')).c_str(), 0700);  // exists already in all cases but the first
    const Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!lock.valid() || ::flock(lock.get(), LOCK_EX) < 0)
        return fail_errno(errno, "locking {}", lock_path);
    std::vector<MapEntry> all = entries();
    edit(all);
    std::string text;
    for (const MapEntry &e : all)
        text += fmt::format("{} {} {} {}\n", e.array, e.metadata, e.uuid, e.name);
    const Fd out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!out.valid() || ::write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return fail_errno(errno, "writing {}", fresh);
    if (::rename(fresh.c_str(), path_.c_str()) < 0)
        return fail_errno(errno, "renaming {}", fresh);
    return {};
}

Result<> ArrayMap::put(const MapEntry &entry)
{
    return change([&](std::vector<MapEntry> &all) {
        std::erase_if(all, [&](const MapEntry &e) { return e.array == entry.array; });
        all.push_back(entry);
    });
}

Result<> ArrayMap::remove(const std::string &array)
{
    return change([&](std::vector<MapEntry> &all) {
        std::erase_if(all, [&](const MapEntry &e) { return e.array == array; });
    });
}

}  // namespace emd
