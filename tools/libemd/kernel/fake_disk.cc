// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/kernel/fake_disk.h"

#include <algorithm>

namespace emd {

bool FakeDisk::inside(std::uint64_t sector, std::size_t bytes) const
{
    return bytes % kSectorBytes == 0 && bytes <= view_.size() && sector <= (view_.size() - bytes) / kSectorBytes;
}

std::span<const std::byte> FakeDisk::read(std::uint64_t sector, std::uint64_t sectors) const
{
    return std::span(view_).subspan(sector * kSectorBytes, sectors * kSectorBytes);
}

void FakeDisk::flush()
{
    changes_ += !pending_.empty();
    pending_.clear();
}

void FakeDisk::write(std::uint64_t sector, std::span<const std::byte> data)
{
    changes_++;
    for (; !data.empty(); data = data.subspan(kSectorBytes), sector++) {
        const auto place = std::span(view_).subspan(sector * kSectorBytes, kSectorBytes);
        std::vector<std::byte> &versions = pending_[sector];
        versions.insert(versions.end(), place.begin(), place.end());
        std::ranges::copy(data.first(kSectorBytes), place.begin());
    }
}

FakeDisk FakeDisk::after_power_cut(const Choose &choose) const
{
    FakeDisk after(0);
    after.view_ = view_;
    std::size_t nth = 0;
    for (const auto &[sector, versions] : pending_) {
        const std::size_t older = versions.size() / kSectorBytes, found = choose(nth++, older + 1);
        if (found < older)
            std::copy_n(versions.begin() + static_cast<std::ptrdiff_t>(found * kSectorBytes), kSectorBytes,
                        after.view_.begin() + static_cast<std::ptrdiff_t>(sector * kSectorBytes));
    }
    return after;
}

}  // namespace emd
