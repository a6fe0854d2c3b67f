// SPDX-License-Identifier: GPL-2.0-only
// The kernel as files of text. Four verbs, so that a fake can stand in: the same tests run on the fake, on
// emd.ko and on the kernel's own md.
#pragma once

#include "libemd/base/result.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace emd {

// Waits for a change of one of several attributes.
class Watch {
public:
    virtual ~Watch() = default;
    // Add before the first wait; reads the attribute once, so no change between add and wait is lost.
    virtual Result<> add(std::string_view path) = 0;
    // True: something changed (re-read everything of interest). False: time is up. A vanished attribute is a change
    // (one; it is a change again when it comes back), and so is a new value without a notification.
    virtual Result<bool> wait(std::chrono::milliseconds limit) = 0;
};

class Sysfs {
public:
    virtual ~Sysfs() = default;
    // Paths are relative to the block directory: "emd0/md/sync_action"; a path that begins with '/' stands for
    // itself ("/proc/emdstat"). Values come without the final newline. A write is one store: it is never repeated,
    // a caller that catches signals sees EINTR in Error::sys() and nothing has changed.
    virtual Result<std::string> read(std::string_view path) = 0;
    virtual Result<> write(std::string_view path, std::string_view value) = 0;
    virtual Result<std::vector<std::string>> list(std::string_view directory) = 0;
    virtual std::unique_ptr<Watch> watch() = 0;
};

// The running kernel: /sys/block.
std::unique_ptr<Sysfs> real_sysfs();

// The same over another directory, for tests.
std::unique_ptr<Sysfs> directory_sysfs(std::string root);

}  // namespace emd
