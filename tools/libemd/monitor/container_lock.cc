// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/monitor/container_lock.h"

#include <array>
#include <fcntl.h>

namespace emd {
namespace {

// Locks of the open file, not of the process: they go away with the last descriptor and can be asked for.
struct flock whole_file(short type)
{
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return lock;
}

bool is_locked(int fd)
{
    struct flock lock = whole_file(F_WRLCK);
    return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

std::string words(int fd)
{
    std::array<char, 256> text;
    const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
    std::string_view line(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    line = line.substr(0, line.find('\n'));
    return line.empty() ? "another process" : std::string(line);
}

}  // namespace

Result<ContainerLock> ContainerLock::take(std::string_view container, std::string_view purpose,
                                          std::string_view directory)
{
    EMD_TRY(make_run_directory(directory));
    const std::string path = container_lock(container, directory);
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid())
        return fail_errno(errno, "opening {}", path);
    struct flock lock = whole_file(F_WRLCK);
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0)
        return fail(Errc::Busy, "{} is being changed by {}; wait for it to end", container, words(fd.get()));
    const std::string line = fmt::format("pid {}, {}\n", ::getpid(), purpose);
    if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), line.data(), line.size(), 0) < 0)
        return fail_errno(errno, "writing {}", path);
    return ContainerLock(std::move(fd));
}

std::optional<std::string> ContainerLock::holder(std::string_view container, std::string_view directory)
{
    const std::string path = container_lock(container, directory);
    const Fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid() || !is_locked(fd.get()))
        return std::nullopt;
    return words(fd.get());
}

}  // namespace emd
