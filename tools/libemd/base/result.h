// SPDX-License-Identifier: GPL-2.0-only
// Errors as values. Every function below main() that can fail returns Result<T>.
#pragma once

#include <fmt/format.h>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace emd {

// What kind of failure, for callers that decide by it; the sentence is for people.
enum class Errc {
    Invalid,    // the request makes no sense
    NotFound,   // it is not there
    Corrupt,    // bytes that cannot be true
    Busy,       // somebody holds it
    Refused,    // understood, but the rules say no
    Io,         // the device or the system call failed
    Timeout,
    Unsupported,
    Gone,       // it was there and has vanished
    NoSpace,
};

class Error {
public:
    Error(Errc code, std::string text, int sys = 0) : code_(code), text_(std::move(text)), sys_(sys) {}

    Errc code() const { return code_; }
    const std::string &text() const { return text_; }
    int sys() const { return sys_; }  // errno, or 0

    // "reading /dev/sda: no signature"
    Error within(std::string_view context) const { return {code_, fmt::format("{}: {}", context, text_), sys_}; }

private:
    Errc code_;
    std::string text_;
    int sys_;
};

template <typename T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
public:
    using tl::expected<T, Error>::expected;
    Result(tl::expected<T, Error> other) : tl::expected<T, Error>(std::move(other)) {}

    Result within(std::string_view context) &&
    {
        if (!*this)
            return tl::make_unexpected(this->error().within(context));
        return std::move(*this);
    }
};

template <typename... Args>
tl::unexpected<Error> fail(Errc code, fmt::format_string<Args...> text, Args &&...args)
{
    return tl::make_unexpected(Error(code, fmt::format(text, std::forward<Args>(args)...)));
}

// "opening /dev/sda: Permission denied"
template <typename... Args>
tl::unexpected<Error> fail_errno(int sys, fmt::format_string<Args...> text, Args &&...args);

}  // namespace emd

#include "libemd/base/result_errno.h"

// EMD_TRY(expr): the value of expr, or return its error. A statement expression (gcc, clang).
#define EMD_TRY(expr)                                                                    \
    ({                                                                                   \
        auto emd_try_result = (expr);                                                    \
        if (!emd_try_result)                                                             \
            return tl::make_unexpected(std::move(emd_try_result).error());               \
        ::emd::detail::unwrap(std::move(emd_try_result));                                \
    })
