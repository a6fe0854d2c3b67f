// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/monitor/settled.h"

#include <algorithm>

namespace emd {
namespace {

constexpr int kLooks = 6;
constexpr int kLooksAlike = 50;

bool whole(const Container &c)
{
    return !c.uneven && std::ranges::all_of(c.volumes, [](const Volume &v) { return health(v) == Health::Optimal; });
}

bool alike(const Container &a, const Container &b)
{
    return a.sequence == b.sequence && std::ranges::equal(a.disks, b.disks, {}, &Disk::state, &Disk::state);
}

}  // namespace

Result<std::unique_ptr<Metadata>> load_settled(const std::function<Result<std::unique_ptr<Metadata>>()> &load, const std::function<void()> &pause)
{
    auto before = load();
    for (int look = 1; look < kLooks && !(before && whole((*before)->view())); look++) {
        pause();
        auto now = load();
        const bool settled = before && now ? alike((*before)->view(), (*now)->view()) : !before && !now;
        before = std::move(now);
        if (settled)
            break;
    }
    return before;
}

Result<std::unique_ptr<Metadata>> load_like(const Container &known, const std::function<Result<std::unique_ptr<Metadata>>()> &load,
                                            const std::function<void()> &pause)
{
    const auto same = [](const Disk &a, const Disk &b) { return a.present == b.present && a.dev == b.dev && a.state == b.state; };
    for (int look = 0; look < kLooksAlike; look++) {
        if (look)
            pause();
        auto now = load();
        if (now && std::ranges::equal(known.disks, (*now)->view().disks, same))
            return now;
    }
    return fail(Errc::Busy, "the disks have changed while this was planned: try again");
}

}  // namespace emd
