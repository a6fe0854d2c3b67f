// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/device/medium_file.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace emd {

Result<std::unique_ptr<FileMedium>> FileMedium::open(const std::string &path, unsigned sector_bytes, std::string serial)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(errno, "opening {}", path);
    struct stat status {};
    const bool known = ::fstat(fd, &status) == 0;
    std::unique_ptr<FileMedium> file(
        new FileMedium(path, fd, static_cast<std::uint64_t>(status.st_size), sector_bytes, std::move(serial)));
    if (!known || !S_ISREG(status.st_mode))
        return fail(Errc::Invalid, "{} is no regular file", path);
    return file;
}

FileMedium::FileMedium(std::string path, int fd, std::uint64_t size, unsigned sector_bytes, std::string serial)
    : path_(std::move(path)), fd_(fd), size_bytes_(size), sector_bytes_(sector_bytes), serial_(std::move(serial))
{
}

FileMedium::~FileMedium()
{
    ::close(fd_);
}

Result<> FileMedium::read(std::uint64_t offset_bytes, std::span<std::byte> out) const
{
    while (!out.empty()) {
        const ssize_t got = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset_bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(errno, "reading {}", path_);
        if (got == 0)
            return fail(Errc::Io, "reading {}: it ends at byte {}", path_, offset_bytes);
        out = out.subspan(static_cast<std::size_t>(got));
        offset_bytes += static_cast<std::uint64_t>(got);
    }
    return {};
}

BufferMedium::BufferMedium(std::string name, std::string serial, std::vector<std::byte> bytes, unsigned sector_bytes)
    : name(std::move(name)), serial_number(std::move(serial)), bytes(std::move(bytes)), logical_sector(sector_bytes)
{
}

Result<> BufferMedium::read(std::uint64_t offset_bytes, std::span<std::byte> out) const
{
    if (offset_bytes > bytes.size() || out.size() > bytes.size() - offset_bytes)
        return fail(Errc::Io, "reading {}: it ends at byte {}", name, bytes.size());
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset_bytes), out.size(), out.begin());
    return {};
}

}  // namespace emd
