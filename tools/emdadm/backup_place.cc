// SPDX-License-Identifier: GPL-2.0-only
#include "backup_place.h"

#include <algorithm>
#include <filesystem>
#include <linux/magic.h>
#include <set>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

namespace emd::cli {
namespace {

namespace fs = std::filesystem;

// The device and all that it is stacked on, by kernel names.
void collect_below(const fs::path &device, std::set<std::string> &names)
{
    std::error_code none;
    const fs::path here = fs::canonical(device, none);
    if (none || !names.insert(here.filename()).second)
        return;
    if (fs::exists(here / "partition", none))
        collect_below(here.parent_path(), names);
    for (const auto &entry : fs::directory_iterator(here / "slaves", none))
        collect_below(entry.path(), names);
}

}  // namespace

Result<> check_backup_place(const std::string &path, const plan::Running &running, bool force)
{
    const fs::path parent = fs::path(path).parent_path();
    const std::string directory = parent.empty() ? "." : parent.string();
    struct stat st;
    struct statfs system;
    if (::stat(directory.c_str(), &st) < 0 || ::statfs(directory.c_str(), &system) < 0)
        return fail_errno(errno, "{}", directory);
    if (!force && (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC))
        return fail(Errc::Refused, "{} would lie in memory, which a power cut empties: name a file on a disk", path);
    std::set<std::string> below;
    collect_below(fmt::format("/sys/dev/block/{}:{}", major(st.st_dev), minor(st.st_dev)), below);
    if (below.empty() && !force)
        return fail(Errc::Refused, "it cannot be told on which disk {} would lie: name another file, or use --force", path);
    for (const plan::RunningVolume &v : running.volumes)
        if (below.count(v.array))
            return fail(Errc::Refused, "{} would lie on {}, which is being reshaped: name a file on another disk", path, v.array);
    return {};
}

}  // namespace emd::cli
