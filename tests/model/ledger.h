// SPDX-License-Identifier: GPL-2.0-only
// What users have written: for every sector the newest acknowledged version and the newest flushed one. A sector's
// content names the sector and the version, so a value can be judged wherever it is found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace emd::model {

class Ledger {
public:
    static constexpr std::size_t kSectorBytes = 512;

    explicit Ledger(std::uint64_t sectors) : newest_(sectors), flushed_(sectors) {}

    std::uint64_t sectors() const { return newest_.size(); }
    static void fill(std::uint64_t sector, std::uint64_t version, std::span<std::byte> out);
    static std::optional<std::uint64_t> version(std::uint64_t sector, std::span<const std::byte> content);

    std::uint64_t newest(std::uint64_t sector) const { return newest_[sector]; }
    void acknowledged(std::uint64_t sector, std::uint64_t version)
    {
        newest_[sector] = version;
        changes_++;
    }
    void flushed()
    {
        changes_ += flushed_ != newest_;
        flushed_ = newest_;
    }
    std::uint64_t changes() const { return changes_; }
    // Between the last flush and the last acknowledgement (I9).
    bool allowed(std::uint64_t sector, std::uint64_t version) const
    {
        return flushed_[sector] <= version && version <= newest_[sector];
    }
    bool settled(std::uint64_t sector) const { return flushed_[sector] == newest_[sector]; }
    std::uint64_t oldest_allowed(std::uint64_t sector) const { return flushed_[sector]; }
    // After a power cut what is found is what there is.
    void found(std::uint64_t sector, std::uint64_t version) { newest_[sector] = flushed_[sector] = version; }

private:
    std::vector<std::uint64_t> newest_, flushed_;
    std::uint64_t changes_ = 0;
};

}  // namespace emd::model
