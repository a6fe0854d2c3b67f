// SPDX-License-Identifier: GPL-2.0-only
// The part of result.h that knows errno.
#pragma once

#include <cerrno>
#include <system_error>

namespace emd {

inline Errc errc_of_errno(int sys)
{
    switch (sys) {
    case ENOENT:
    case ENXIO: return Errc::NotFound;
    case ENODEV: return Errc::Gone;
    case EBUSY: return Errc::Busy;
    case EINVAL: return Errc::Invalid;
    case ENOSPC: return Errc::NoSpace;
    case ETIMEDOUT: return Errc::Timeout;
    case EOPNOTSUPP: return Errc::Unsupported;
    case EPERM:
    case EACCES: return Errc::Refused;
    default: return Errc::Io;
    }
}

template <typename... Args>
tl::unexpected<Error> fail_errno(int sys, fmt::format_string<Args...> text, Args &&...args)
{
    return tl::make_unexpected(Error(errc_of_errno(sys),
                                     fmt::format("{}: {}", fmt::format(text, std::forward<Args>(args)...),
                                                 std::generic_category().message(sys)),
                                     sys));
}

namespace detail {
template <typename T>
T unwrap(Result<T> &&r)
{
    return std::move(*r);
}
inline void unwrap(Result<void> &&) {}
}  // namespace detail

}  // namespace emd
