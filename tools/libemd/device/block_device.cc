// SPDX-License-Identifier: GPL-2.0-only
// Direct I/O only: the page cache of a member's device would show what the disk held before the kernel's arrays, or
// another process, wrote to it.
#include "libemd/device/block_device.h"

#include "libemd/device/serial.h"

#include <algorithm>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace emd {
namespace {

constexpr std::size_t kAlign = 4096;
constexpr std::size_t kBounce = 1 << 20;  // bytes moved by one system call

struct FreeAligned {
    void operator()(std::byte *p) const { std::free(p); }
};
using Aligned = std::unique_ptr<std::byte, FreeAligned>;

Aligned aligned_buffer(std::size_t bytes)
{
    return Aligned(static_cast<std::byte *>(std::aligned_alloc(kAlign, (bytes + kAlign - 1) / kAlign * kAlign)));
}

std::string sysfs_of(DevNum dev)
{
    return fmt::format("/sys/dev/block/{}:{}", dev.major, dev.minor);
}

std::vector<std::string> entries(const std::string &directory)
{
    std::vector<std::string> names;
    std::error_code none;
    for (const auto &entry : std::filesystem::directory_iterator(directory, none))
        names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace

Result<std::string> device_node(DevNum dev)
{
    std::error_code error;
    const auto sysfs = std::filesystem::canonical(sysfs_of(dev), error);
    if (error)
        return fail(Errc::Gone, "{}:{}: the kernel has no such device any more", dev.major, dev.minor);
    std::string name = sysfs.filename();
    std::replace(name.begin(), name.end(), '!', '/');  // "cciss!c0d0"
    return "/dev/" + name;
}

Result<DeviceName> name_device(const std::string &path)
{
    struct stat st;
    if (::stat(path.c_str(), &st) < 0)
        return fail_errno(errno, "{}", path);
    if (!S_ISBLK(st.st_mode))
        return fail(Errc::Invalid, "{} is not a block device", path);
    const DevNum dev{major(st.st_rdev), minor(st.st_rdev)};
    return DeviceName{EMD_TRY(device_node(dev)), dev};
}

Result<Fd> open_number(DevNum dev, int flags)
{
    const std::string path = EMD_TRY(device_node(dev));
    Fd fd(::open(path.c_str(), flags | O_CLOEXEC));
    if (!fd.valid())
        return fail_errno(errno, "opening {}", path);
    struct stat st;
    if (::fstat(fd.get(), &st) != 0 || !S_ISBLK(st.st_mode) || major(st.st_rdev) != dev.major || minor(st.st_rdev) != dev.minor)
        return fail(Errc::Gone, "{} has become another device", path);
    return fd;
}

Result<std::unique_ptr<BlockDevice>> BlockDevice::open(DevNum dev, OpenMode mode)
{
    auto device = EMD_TRY(open(EMD_TRY(device_node(dev)), mode));
    if (device->dev() != dev)
        return fail(Errc::Gone, "{} has become another device", device->path());
    return device;
}

Result<std::unique_ptr<BlockDevice>> BlockDevice::open(const std::string &path, OpenMode mode)
{
    std::unique_ptr<BlockDevice> device(new BlockDevice);
    device->path_ = EMD_TRY(name_device(path)).path;
    const int flags = mode == OpenMode::Read ? O_RDONLY : mode == OpenMode::Write ? O_RDWR : O_RDWR | O_EXCL;
    device->fd_ = ::open(device->path_.c_str(), flags | O_CLOEXEC | O_DIRECT);
    if (device->fd_ < 0 && errno == EBUSY)
        return fail(Errc::Busy, "{} is in use: it is mounted, or a member of an array, or held by another program",
                    device->path_);
    if (device->fd_ < 0)
        return fail_errno(errno, "opening {}", device->path_);

    const int fd = device->fd_;
    struct stat st;
    int sector = 512, read_only = 0;
    if (::fstat(fd, &st) < 0 || ::ioctl(fd, BLKGETSIZE64, &device->size_bytes_) < 0 || ::ioctl(fd, BLKSSZGET, &sector) < 0 ||
        ::ioctl(fd, BLKROGET, &read_only) < 0)
        return fail_errno(errno, "asking {} for its size", device->path_);
#ifdef BLKGETDISKSEQ
    if (::ioctl(fd, BLKGETDISKSEQ, &device->disk_sequence_) < 0)
        device->disk_sequence_ = 0;
#endif
    device->dev_ = {major(st.st_rdev), minor(st.st_rdev)};
    device->sector_bytes_ = static_cast<unsigned>(sector);
    device->read_only_ = read_only != 0;
    device->partition_ = ::access((sysfs_of(device->dev_) + "/partition").c_str(), F_OK) == 0;
    device->serial_ = device->partition_ ? std::string() : hardware_serial(sysfs_of(device->dev_), fd);
    return device;
}

BlockDevice::~BlockDevice()
{
    if (fd_ >= 0)
        ::close(fd_);
}

Result<std::unique_ptr<BlockDevice>> BlockDevice::reopen(OpenMode mode) const
{
    auto again = EMD_TRY(open(path_, mode));
    if (again->dev_ != dev_ || again->disk_sequence_ != disk_sequence_ || again->size_bytes_ != size_bytes_)
        return fail(Errc::Gone, "{} is another disk than a moment ago: look at it again before writing to it", path_);
    return again;
}

Result<> BlockDevice::read(std::uint64_t offset_bytes, std::span<std::byte> out) const
{
    if (offset_bytes > size_bytes_ || out.size() > size_bytes_ - offset_bytes)
        return fail(Errc::Invalid, "{}: {} bytes at {} are beyond its end", path_, out.size(), offset_bytes);
    const Aligned buffer = aligned_buffer(kBounce + 2 * kAlign);
    while (!out.empty()) {
        const std::uint64_t begin = offset_bytes / sector_bytes_ * sector_bytes_;
        const std::size_t lead = offset_bytes - begin;
        const std::size_t want = std::min(out.size(), kBounce);
        const std::size_t whole = (lead + want + sector_bytes_ - 1) / sector_bytes_ * sector_bytes_;
        const ssize_t got = ::pread(fd_, buffer.get(), whole, static_cast<off_t>(begin));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(errno, "reading {} at byte {}", path_, begin);
        if (static_cast<std::size_t>(got) < lead + want)
            return fail(Errc::Io, "reading {} at byte {}: it ends early", path_, begin);
        std::copy_n(buffer.get() + lead, want, out.begin());
        out = out.subspan(want);
        offset_bytes += want;
    }
    return {};
}

Result<> BlockDevice::write(std::uint64_t offset_bytes, std::span<const std::byte> data)
{
    if (offset_bytes % sector_bytes_ || data.size() % sector_bytes_ || offset_bytes > size_bytes_ ||
        data.size() > size_bytes_ - offset_bytes)
        return fail(Errc::Invalid, "{}: {} bytes at {} are no whole sectors of it", path_, data.size(), offset_bytes);
    const Aligned buffer = aligned_buffer(kBounce);
    while (!data.empty()) {
        const std::size_t want = std::min(data.size(), kBounce);
        std::copy_n(data.begin(), want, buffer.get());
        const ssize_t got = ::pwrite(fd_, buffer.get(), want, static_cast<off_t>(offset_bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno(errno, "writing {} at byte {}", path_, offset_bytes);
        if (static_cast<std::size_t>(got) != want)
            return fail(Errc::Io, "writing {} at byte {}: {} of {} bytes", path_, offset_bytes, got, want);
        data = data.subspan(want);
        offset_bytes += want;
    }
    return {};
}

Result<> BlockDevice::flush()
{
    if (::fsync(fd_) < 0)
        return fail_errno(errno, "flushing {}", path_);
    return {};
}

bool BlockDevice::has_partitions() const
{
    for (const std::string &name : entries(sysfs_of(dev_)))
        if (::access(fmt::format("{}/{}/partition", sysfs_of(dev_), name).c_str(), F_OK) == 0)
            return true;
    return false;
}

std::string BlockDevice::partition_at(std::uint64_t sector) const
{
    for (const std::string &name : entries(sysfs_of(dev_))) {
        const std::string directory = fmt::format("{}/{}", sysfs_of(dev_), name);
        std::uint64_t start = 0, sectors = 0;
        if (::access((directory + "/partition").c_str(), F_OK) == 0 && std::ifstream(directory + "/start") >> start &&
            std::ifstream(directory + "/size") >> sectors && sector >= start && sector - start < sectors)
            return name;
    }
    return {};
}

std::vector<std::string> BlockDevice::holders() const
{
    return entries(sysfs_of(dev_) + "/holders");
}

}  // namespace emd
