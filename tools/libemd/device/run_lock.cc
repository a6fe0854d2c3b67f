// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/device/run_lock.h"

#include <array>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace emd {
namespace {

std::string lock_path(const std::string &container, const std::string &directory)
{
    return fmt::format("{}/{}.lock", directory, container);
}

// "PID VOLUME PURPOSE"; a volume that is the whole container stands as "-".
std::optional<LockHolder> read_holder(int fd)
{
    std::array<char, 256> text{};
    const ssize_t got = ::pread(fd, text.data(), text.size() - 1, 0);
    std::array<char, 64> volume{}, purpose{};
    LockHolder holder;
    if (got <= 0 || std::sscanf(text.data(), "%d %63s %63[^\n]", &holder.pid, volume.data(), purpose.data()) != 3)
        return std::nullopt;
    holder.volume = std::string(volume.data()) == "-" ? "" : volume.data();
    holder.purpose = purpose.data();
    return holder;
}

}  // namespace

std::string to_string(const LockHolder &holder)
{
    return fmt::format("{}pid {} ({})", holder.volume.empty() ? "" : holder.volume + " by ", holder.pid, holder.purpose);
}

Result<> make_run_directory(const std::string &directory)
{
    if (::mkdir(directory.c_str(), 0700) == 0)
        return {};
    struct stat st;
    if (errno != EEXIST || ::lstat(directory.c_str(), &st) < 0)
        return fail_errno(errno, "creating {}", directory);
    if (!S_ISDIR(st.st_mode) || st.st_uid != ::geteuid() || (st.st_mode & 022))
        return fail(Errc::Refused, "{} must be a directory that only its owner can write to", directory);
    return {};
}

Result<RunLock> RunLock::take(const std::string &container, const std::string &volume, const std::string &purpose,
                              const std::string &directory)
{
    EMD_TRY(make_run_directory(directory));
    const std::string path = lock_path(container, directory);
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(errno, "opening {}", path);
    RunLock lock(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return fail_errno(errno, "locking {}", path);
        const auto other = read_holder(fd);
        return fail(Errc::Busy, "{} is being changed: {}; wait for it, or stop it", container,
                    other ? to_string(*other) : "by another program");
    }
    const std::string text = fmt::format("{} {} {}\n", ::getpid(), volume.empty() ? "-" : volume, purpose);
    if (::ftruncate(fd, 0) < 0 || ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        return fail_errno(errno, "writing {}", path);
    return lock;
}

std::optional<LockHolder> RunLock::holder(const std::string &container, const std::string &directory)
{
    const int fd = ::open(lock_path(container, directory).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return std::nullopt;
    const RunLock closes(fd);
    if (::flock(fd, LOCK_SH | LOCK_NB) == 0)
        return std::nullopt;
    return read_holder(fd).value_or(LockHolder{0, "", "unknown"});
}

RunLock::RunLock(RunLock &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

RunLock &RunLock::operator=(RunLock &&other) noexcept
{
    std::swap(fd_, other.fd_);
    return *this;
}

RunLock::~RunLock()
{
    if (fd_ >= 0)
        ::close(fd_);
}

}  // namespace emd
