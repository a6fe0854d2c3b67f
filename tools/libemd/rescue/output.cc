// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/rescue/output.h"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace emd::rescue {

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMapPiece = 64 << 10;  // of a map's text, written at once

}  // namespace

Result<Output> Output::create(const std::string &path)
{
    if (path == "-")
        return Output("standard output", Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)), false);
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid() && errno == EEXIST)
        return fail(Errc::Refused, "{} exists already: name a new file", path);
    if (!fd.valid())
        return fail_errno(errno, "creating {}", path);
    return Output(path, std::move(fd), true);
}

Result<> Output::put(Bytes data, std::uint64_t at)
{
    while (!data.empty()) {
        const ssize_t n = seekable_ ? ::pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(at))
                                    : ::write(fd_.get(), data.data(), data.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_errno(n < 0 ? errno : EIO, "writing {} at byte {}", name_, at);
        data = data.subspan(static_cast<std::size_t>(n));
        at += static_cast<std::uint64_t>(n);
    }
    return {};
}

Result<> Output::write(Bytes data)
{
    if (!seekable_) {
        EMD_TRY(put(data, written_));
        written_ += data.size();
        return {};
    }
    const auto page = [&](std::size_t at) { return data.subspan(at, std::min(kPage, data.size() - at)); };
    for (std::size_t at = 0; at < data.size();) {
        std::size_t end = at;
        const bool hole = all_zero(page(at));
        while (end < data.size() && all_zero(page(end)) == hole)
            end += page(end).size();
        if (!hole)
            EMD_TRY(put(data.subspan(at, end - at), written_ + at));
        at = end;
    }
    written_ += data.size();
    return {};
}

Result<> Output::finish()
{
    if (!seekable_)
        return {};
    if (::ftruncate(fd_.get(), static_cast<off_t>(written_)) < 0 || ::fsync(fd_.get()) < 0)
        return fail_errno(errno, "finishing {}", name_);
    return {};
}

void Output::discard()
{
    if (seekable_)
        ::unlink(name_.c_str());
}

Result<> write_map(Output &map, std::uint64_t begin, std::uint64_t end, std::uint64_t tried, const std::vector<Lost> &lost)
{
    std::string text = fmt::format("# Map of a volume that emdadm --rescue has read: + read, - lost, ? not tried\n"
                                   "# current_pos  current_status  current_pass\n0x{:08X}     {}               1\n"
                                   "#      pos        size  status\n", tried * 512, tried < end ? '?' : '+');
    const auto put = [&]() -> Result<> {
        const std::string piece = std::exchange(text, "");
        return map.write(std::as_bytes(std::span<const char>(piece)));
    };
    const auto line = [&](std::uint64_t from, std::uint64_t to, char status) {
        if (from < to)
            text += fmt::format("0x{:08X}  0x{:08X}  {}\n", from * 512, (to - from) * 512, status);
    };
    std::uint64_t at = begin;
    for (const Lost &range : lost) {
        line(at, range.begin, '+');
        line(range.begin, range.end, '-');
        at = range.end;
        if (text.size() >= kMapPiece)
            EMD_TRY(put());
    }
    line(at, tried, '+');
    line(tried, end, '?');
    EMD_TRY(put());
    return map.finish();
}

}  // namespace emd::rescue
