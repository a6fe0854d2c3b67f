// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/monitor/paths.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace emd {

std::string monitor_socket(std::string_view container, std::string_view directory)
{
    return fmt::format("{}/{}.sock", directory, container);
}

std::string monitor_lock(std::string_view container, std::string_view directory)
{
    return fmt::format("{}/{}.mon", directory, container);
}

std::string container_lock(std::string_view container, std::string_view directory)
{
    return fmt::format("{}/{}.lock", directory, container);
}

std::string pause_mark(std::string_view array, std::string_view directory)
{
    return fmt::format("{}/{}.paused", directory, array);
}

Result<> make_run_directory(std::string_view directory)
{
    const std::string path(directory);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return fail_errno(errno, "making {}", path);
    struct stat st;
    if (::lstat(path.c_str(), &st) != 0)
        return fail_errno(errno, "looking at {}", path);
    if (!S_ISDIR(st.st_mode) || st.st_uid != ::geteuid() || (st.st_mode & 077) != 0)
        return fail(Errc::Refused, "{} must be a directory of its own user with mode 0700; remove it and start again",
                    path);
    return {};
}

}  // namespace emd
