// SPDX-License-Identifier: GPL-2.0-only
// An attribute of the kernel that was opened before it is needed. Neither verb allocates, opens, or waits for memory:
// this is what emdmon uses while users' writes wait for it. Everything else goes through Sysfs.
#pragma once

#include "libemd/kernel/sysfs.h"

#include <memory>
#include <span>
#include <string_view>

namespace emd::mon {

class Attribute {
public:
    virtual ~Attribute() = default;
    // Length of the value without its final newline, or -errno. -ENODEV: it has vanished, open it anew.
    virtual int read(std::span<char> to) = 0;
    // 0 or -errno.
    virtual int write(std::string_view value) = 0;
    // To be polled for EPOLLPRI; -1 when there is nothing to poll.
    virtual int fd() const = 0;
};

class AttributeRoot {
public:
    virtual ~AttributeRoot() = default;
    // `path` as in Sysfs: "emd0/md/array_state".
    virtual Result<std::unique_ptr<Attribute>> open(std::string_view path) = 0;
};

// Files under `root`.
std::unique_ptr<AttributeRoot> file_attributes(std::string root = "/sys/block");

// On top of any Sysfs, for kernels that are not files. Allocates, as Sysfs does.
std::unique_ptr<AttributeRoot> sysfs_attributes(Sysfs &sysfs);

}  // namespace emd::mon
