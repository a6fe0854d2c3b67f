// SPDX-License-Identifier: GPL-2.0-only
// A disk with a volatile write cache, in memory.
//
// Theory. A write is visible at once and durable after the next flush. What a power cut leaves is decided per sector
// (512 bytes are atomic): of the values written since the last flush, and the durable one before them, any may be what
// is found. That covers lost, torn and reordered writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

namespace emd {

class FakeDisk {
public:
    static constexpr std::size_t kSectorBytes = 512;

    explicit FakeDisk(std::uint64_t sectors) : view_(sectors * kSectorBytes) {}

    std::uint64_t sectors() const { return view_.size() / kSectorBytes; }
    bool inside(std::uint64_t sector, std::size_t bytes) const;
    // Sector addresses and whole sectors; the caller has checked inside().
    std::span<const std::byte> read(std::uint64_t sector, std::uint64_t sectors) const;
    void write(std::uint64_t sector, std::span<const std::byte> data);
    void flush();
    // Grows whenever what a power cut may leave has changed.
    std::uint64_t changes() const { return changes_; }

    // The disk after a power cut. choose(nth, versions): nth unflushed sector (ascending), versions >= 2; returns which
    // one is found, 0 being the durable one and versions - 1 the newest.
    using Choose = std::function<std::size_t(std::size_t nth, std::size_t versions)>;
    FakeDisk after_power_cut(const Choose &choose) const;
    std::size_t unflushed() const { return pending_.size(); }

private:
    std::vector<std::byte> view_;  // what a read returns
    // Unflushed sectors: the durable value first, then each value written but the newest (that is in view_).
    std::map<std::uint64_t, std::vector<std::byte>> pending_;
    std::uint64_t changes_ = 0;
};

}  // namespace emd
