// SPDX-License-Identifier: GPL-2.0-only
#include "attribute.h"

#include "libemd/base/fd.h"

#include <algorithm>
#include <fcntl.h>

namespace emd::mon {
namespace {

class FileAttribute final : public Attribute {
public:
    explicit FileAttribute(Fd fd) : fd_(std::move(fd)) {}

    int read(std::span<char> to) override
    {
        ssize_t n;
        do
            n = ::pread(fd_.get(), to.data(), to.size(), 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return -errno;
        if (n > 0 && to[static_cast<std::size_t>(n) - 1] == '\n')
            n--;
        return static_cast<int>(n);
    }

    int write(std::string_view value) override
    {
        ssize_t n;
        do
            n = ::pwrite(fd_.get(), value.data(), value.size(), 0);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
    }

    int fd() const override { return fd_.get(); }

private:
    Fd fd_;
};

class FileRoot final : public AttributeRoot {
public:
    explicit FileRoot(std::string root) : root_(std::move(root)) {}

    Result<std::unique_ptr<Attribute>> open(std::string_view path) override
    {
        const std::string name = fmt::format("{}/{}", root_, path);
        Fd fd(::open(name.c_str(), O_RDWR | O_CLOEXEC));
        if (!fd.valid() && (errno == EACCES || errno == EPERM || errno == EROFS))
            fd = Fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
        if (!fd.valid())
            return fail_errno(errno, "opening {}", name);
        return std::unique_ptr<Attribute>(std::make_unique<FileAttribute>(std::move(fd)));
    }

private:
    std::string root_;
};

class SysfsAttribute final : public Attribute {
public:
    SysfsAttribute(Sysfs &sysfs, std::string_view path) : sysfs_(&sysfs), path_(path) {}

    int read(std::span<char> to) override
    {
        const Result<std::string> value = sysfs_->read(path_);
        if (!value)
            return number(value.error());
        const std::size_t n = std::min(value->size(), to.size());
        std::copy_n(value->data(), n, to.data());
        return static_cast<int>(n);
    }

    int write(std::string_view value) override
    {
        const Result<> done = sysfs_->write(path_, value);
        return done ? 0 : number(done.error());
    }

    int fd() const override { return -1; }

private:
    // A file that is not there is what an open file that has vanished is: ENODEV.
    static int number(const Error &error)
    {
        if (error.code() == Errc::NotFound || error.code() == Errc::Gone)
            return -ENODEV;
        return error.sys() != 0 ? -error.sys() : -EIO;
    }

    Sysfs *sysfs_;
    std::string path_;
};

class SysfsRoot final : public AttributeRoot {
public:
    explicit SysfsRoot(Sysfs &sysfs) : sysfs_(&sysfs) {}

    Result<std::unique_ptr<Attribute>> open(std::string_view path) override
    {
        EMD_TRY(sysfs_->read(path));
        return std::unique_ptr<Attribute>(std::make_unique<SysfsAttribute>(*sysfs_, path));
    }

private:
    Sysfs *sysfs_;
};

}  // namespace

std::unique_ptr<AttributeRoot> file_attributes(std::string root)
{
    return std::make_unique<FileRoot>(std::move(root));
}

std::unique_ptr<AttributeRoot> sysfs_attributes(Sysfs &sysfs)
{
    return std::make_unique<SysfsRoot>(sysfs);
}

}  // namespace emd::mon
