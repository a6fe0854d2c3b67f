// SPDX-License-Identifier: GPL-2.0-only
// Where metadata is read from.
#pragma once

#include "libemd/base/result.h"
#include "libemd/model/container.h"

#include <cstddef>
#include <span>
#include <string>

namespace emd {

// Something that bytes can be read from: a block device, an image file, a buffer in a test.
class Medium {
public:
    virtual ~Medium() = default;
    virtual const std::string &path() const = 0;
    virtual DevNum dev() const = 0;                 // {0,0} for a file
    virtual std::uint64_t size_bytes() const = 0;
    virtual unsigned sector_bytes() const = 0;      // logical
    virtual bool partition() const = 0;
    virtual std::string serial() const = 0;         // raw hardware serial; empty if there is none
    virtual Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) const = 0;
};

}  // namespace emd
