// SPDX-License-Identifier: GPL-2.0-only
// The running kernel's attributes.
//
// Theory of the watch. An attribute is polled by: open, read once, poll(POLLPRI|POLLERR), seek to 0, read again.
// The read before the poll matters: it tells the kernel which state the caller knows, and a change after it ends
// the poll at once. Notifications merge, and some changes come without any (an attribute vanishes when an array's
// level changes, an open descriptor then reads ENODEV). Therefore nothing here trusts the notification alone:
// every tick, and before "time is up" is said, all values are read and compared with the last ones.
#include "libemd/kernel/sysfs.h"

#include "libemd/base/fd.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <unistd.h>

namespace emd {
namespace {

constexpr std::chrono::milliseconds kTick{1000};  // values are compared this often without a notification

Fd open_retry(const std::string &path, int flags)
{
    int fd;
    do
        fd = ::open(path.c_str(), flags | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return Fd(fd);
}

// Everything from the start of the file, without the final newline. Empty optional: errno is set.
std::optional<std::string> slurp(int fd)
{
    std::string text;
    std::array<char, 4096> part;
    for (;;) {
        const ssize_t n = ::pread(fd, part.data(), part.size(), static_cast<off_t>(text.size()));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return std::nullopt;
        if (n == 0)
            break;
        text.append(part.data(), static_cast<std::size_t>(n));
    }
    if (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

struct Watched {
    std::string path;
    Fd fd;
    std::optional<std::string> value;  // empty: the attribute does not exist

    // Opens again if needed and reads. True: other than last time.
    bool refresh()
    {
        if (!fd.valid())
            fd = open_retry(path, O_RDONLY);
        std::optional<std::string> now = fd.valid() ? slurp(fd.get()) : std::nullopt;
        if (!now)
            fd = Fd();
        const bool changed = now != value;
        value = std::move(now);
        return changed;
    }
};

class RealWatch final : public Watch {
public:
    explicit RealWatch(std::string root) : root_(std::move(root)) {}

    Result<> add(std::string_view path) override;
    Result<bool> wait(std::chrono::milliseconds limit) override;

private:
    bool refresh_all();
    Result<bool> poll_once(std::chrono::milliseconds limit);

    std::string root_;
    std::vector<Watched> watched_;
    std::vector<pollfd> polled_;
};

std::string join(const std::string &root, std::string_view path)
{
    return path.starts_with('/') ? std::string(path) : fmt::format("{}/{}", root, path);
}

Result<> RealWatch::add(std::string_view path)
{
    Watched w{join(root_, path), {}, {}};
    w.refresh();
    if (!w.value)
        return fail_errno(errno, "watching {}", w.path);
    watched_.push_back(std::move(w));
    polled_.reserve(watched_.size());
    return {};
}

bool RealWatch::refresh_all()
{
    bool changed = false;
    for (Watched &w : watched_)
        changed |= w.refresh();
    return changed;
}

// True: at least one notification. Descriptors of vanished attributes are left out: they would never stop.
Result<bool> RealWatch::poll_once(std::chrono::milliseconds limit)
{
    polled_.clear();
    for (const Watched &w : watched_)
        if (w.fd.valid())
            polled_.push_back({w.fd.get(), POLLPRI | POLLERR, 0});
    const int n = ::poll(polled_.data(), polled_.size(), static_cast<int>(limit.count()));
    if (n < 0 && errno != EINTR)
        return fail_errno(errno, "waiting for the kernel");
    return n > 0;
}

Result<bool> RealWatch::wait(std::chrono::milliseconds limit)
{
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + limit;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        const bool last = left <= kTick;
        const bool signalled = EMD_TRY(poll_once(std::clamp(left, std::chrono::milliseconds(0), kTick)));
        // All are read, also the silent ones: a notification of one often means a change of several.
        const bool changed = refresh_all();
        if (signalled || changed)
            return true;
        if (last && Clock::now() >= end)
            return false;
    }
}

class RealSysfs final : public Sysfs {
public:
    explicit RealSysfs(std::string root) : root_(std::move(root)) {}

    Result<std::string> read(std::string_view path) override
    {
        const std::string full = join(root_, path);
        const Fd fd = open_retry(full, O_RDONLY);
        if (!fd.valid())
            return fail_errno(errno, "reading {}", full);
        std::optional<std::string> text = slurp(fd.get());
        if (!text)
            return fail_errno(errno, "reading {}", full);
        return std::move(*text);
    }

    Result<> write(std::string_view path, std::string_view value) override
    {
        const std::string full = join(root_, path);
        const Fd fd = open_retry(full, O_WRONLY);
        if (!fd.valid())
            return fail_errno(errno, "writing \"{}\" to {}", value, full);
        // One store is one write(2), never split and never repeated here: the value has been taken or refused.
        const ssize_t n = ::write(fd.get(), value.data(), value.size());
        if (n < 0)
            return fail_errno(errno, "writing \"{}\" to {}", value, full);
        if (static_cast<std::size_t>(n) != value.size())
            return fail(Errc::Io, "writing \"{}\" to {}: only {} bytes were taken", value, full, n);
        return {};
    }

    Result<std::vector<std::string>> list(std::string_view directory) override
    {
        const std::string full = join(root_, directory);
        const std::unique_ptr<DIR, int (*)(DIR *)> dir(::opendir(full.c_str()), &::closedir);
        if (!dir)
            return fail_errno(errno, "listing {}", full);
        std::vector<std::string> names;
        while (const dirent *entry = ::readdir(dir.get()))
            if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
                names.emplace_back(entry->d_name);
        std::sort(names.begin(), names.end());
        return names;
    }

    std::unique_ptr<Watch> watch() override { return std::make_unique<RealWatch>(root_); }

private:
    std::string root_;
};

}  // namespace

std::unique_ptr<Sysfs> directory_sysfs(std::string root)
{
    return std::make_unique<RealSysfs>(std::move(root));
}

std::unique_ptr<Sysfs> real_sysfs()
{
    return directory_sysfs("/sys/block");
}

}  // namespace emd
