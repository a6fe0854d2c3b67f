// SPDX-License-Identifier: GPL-2.0-only
// Memory that direct I/O takes: aligned to 4 KiB, zeroed.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace emd::reshape {

class Buffer {
public:
    static constexpr std::size_t kAlignment = 4096;

    Buffer() = default;
    explicit Buffer(std::size_t bytes) : size_(bytes)
    {
        const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
        data_.reset(static_cast<std::byte *>(std::aligned_alloc(kAlignment, rounded)));
        if (!data_ && rounded)
            throw std::bad_alloc();
        if (rounded)
            std::memset(data_.get(), 0, rounded);
    }

    std::span<std::byte> span() { return {data_.get(), size_}; }
    std::span<const std::byte> span() const { return {data_.get(), size_}; }
    std::size_t size() const { return size_; }

private:
    struct Free {
        void operator()(std::byte *p) const { std::free(p); }
    };
    std::unique_ptr<std::byte, Free> data_;
    std::size_t size_ = 0;
};

}  // namespace emd::reshape
