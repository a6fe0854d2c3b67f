// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/reshape/terms.h"

#include <algorithm>

namespace emd::reshape {

std::uint64_t Terms::total() const
{
    const std::uint64_t start = emd_reshape_start(&plan), end = emd_reshape_end(&plan);
    return plan.backward ? start - end : end - start;
}

std::uint64_t Terms::address(std::uint64_t x) const
{
    const std::uint64_t start = emd_reshape_start(&plan);
    return plan.backward ? start - x : start + x;
}

std::uint64_t Terms::progress(std::uint64_t a) const
{
    const std::uint64_t start = emd_reshape_start(&plan);
    const std::uint64_t x = plan.backward ? (a < start ? start - a : 0) : (a > start ? a - start : 0);
    return std::min(x, total());
}

Range Terms::addresses(Range r) const
{
    return plan.backward ? Range{address(r.end), address(r.begin)} : Range{address(r.begin), address(r.end)};
}

bool Terms::boundary(std::uint64_t x) const
{
    return x == 0 || x == total() || (x < total() && address(x) % unit == 0);
}

std::uint64_t Terms::floor(std::uint64_t x) const
{
    if (x >= total())
        return total();
    const std::uint64_t a = address(x);
    if (!plan.backward)
        return progress(a / unit * unit);
    return progress((a + unit - 1) / unit * unit);  // above the start: clipped to 0
}

std::uint64_t Terms::next(std::uint64_t x) const
{
    if (x >= total())
        return total();
    const std::uint64_t a = address(x);
    if (!plan.backward)
        return progress((a / unit + 1) * unit);
    return progress((a - 1) / unit * unit);
}

std::uint64_t Terms::safe(std::uint64_t durable) const
{
    return progress(emd_reshape_safe(&plan, address(durable)));
}

bool Terms::critical(std::uint64_t x) const
{
    return x < total() && safe(x) < next(x);
}

std::uint64_t Terms::section_end(std::uint64_t x) const
{
    return std::max(next(x), floor(std::min(x + slot_sectors, total())));
}

}  // namespace emd::reshape
