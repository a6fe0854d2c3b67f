// SPDX-License-Identifier: GPL-2.0-only
// Does what may take long and is waited for by nobody: stores that wait for requests under way, opening and adding of
// disks. emdmon's own thread must never be in such a store, because what the store waits for may be waiting for emdmon.
// One task at a time.
#pragma once

#include "libemd/base/result.h"

#include <functional>
#include <memory>
#include <optional>

namespace emd::mon {

class Clerk {
public:
    using Task = std::function<Result<>()>;

    virtual ~Clerk() = default;
    virtual bool busy() const = 0;       // a task was given and its outcome not yet taken
    virtual void give(Task task) = 0;    // only when not busy
    virtual std::optional<Result<>> take() = 0;  // the outcome, once
    virtual int fd() const = 0;          // readable when there is an outcome; -1: none
};

// A thread of its own.
std::unique_ptr<Clerk> thread_clerk();

}  // namespace emd::mon
