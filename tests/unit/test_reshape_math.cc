// SPDX-License-Identifier: GPL-2.0-only
// The arithmetic of a reshape against sets of member rows: which old rows are still needed, which new rows are written.
#include "core/emd_reshape_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

namespace {

constexpr std::uint32_t kPage = EMD_MIN_CHUNK_SECTORS;

emd_geometry raid5(std::uint32_t data, std::uint32_t chunk, std::uint64_t member)
{
    return {.level = 5, .layout = EMD_LAYOUT_LEFT_SYMMETRIC, .raid_disks = data + 1, .chunk_sectors = chunk,
            .member_sectors = member, .zones = nullptr, .nr_zones = 0};
}

std::string describe(const emd_reshape_plan &p)
{
    return std::to_string(p.data_old) + "->" + std::to_string(p.data_new) + " chunk " + std::to_string(p.chunk_old) +
           "->" + std::to_string(p.chunk_new) + " delta " + std::to_string(p.delta) + " member " +
           std::to_string(p.member_sectors) + (p.backward ? " backward" : " forward");
}

// Member pages (8 sectors, counted from the old data offset) that the model says hold old data still to be moved.
std::set<std::int64_t> needed_pages(const emd_reshape_plan &p, std::uint64_t durable)
{
    const std::uint64_t kept = std::min(p.array_old, p.array_new);
    std::set<std::int64_t> pages;
    for (std::uint64_t x = 0; x < kept; x += kPage) {
        if (p.backward ? x >= durable : x < durable)
            continue;
        const std::uint64_t row = x / (std::uint64_t{p.chunk_old} * p.data_old);
        for (std::uint32_t i = 0; i < p.chunk_old / kPage; i++)
            pages.insert(std::int64_t(row * p.chunk_old / kPage + i));
    }
    return pages;
}

// The furthest position that destroys nothing which is needed at `durable`, found step by step.
std::uint64_t model_safe(const emd_reshape_plan &p, std::uint64_t durable)
{
    const auto needed = needed_pages(p, durable);
    for (std::uint64_t pos = durable; pos != emd_reshape_end(&p);) {
        const std::uint64_t next = emd_reshape_advance(&p, pos, p.step);
        const std::int64_t first = (std::int64_t(std::min(pos, next) / p.data_new) + p.delta) / std::int64_t{kPage};
        for (std::int64_t page = first; page < first + p.w / kPage; page++)
            if (needed.contains(page))
                return pos;
        pos = next;
    }
    return emd_reshape_end(&p);
}

void check_safe(const emd_reshape_plan &p)
{
    for (std::uint64_t durable = 0; durable <= p.array_new; durable += p.step) {
        const std::uint64_t safe = emd_reshape_safe(&p, durable);
        ASSERT_EQ(safe, model_safe(p, durable)) << describe(p) << " D " << durable;
        const bool done = durable == emd_reshape_end(&p);
        ASSERT_EQ(emd_reshape_critical(&p, durable) != 0, !done && safe == durable) << describe(p) << " D " << durable;
        ASSERT_EQ(safe % p.step, 0u) << describe(p);
        ASSERT_EQ(emd_reshape_from_member(&p, emd_reshape_to_member(&p, durable)), durable) << describe(p);
    }
}

// Units that need a backup, counted one by one in the order of the work.
std::uint64_t model_critical(const emd_reshape_plan &p)
{
    const std::uint64_t kept = std::min(p.array_old, p.array_new);
    std::uint64_t sum = 0;
    for (std::uint64_t y = 0; y < kept; y += p.unit) {
        const std::uint64_t top = std::min<std::uint64_t>(y + p.unit, kept);
        const std::uint64_t from = p.backward ? top : y, to = p.backward ? y : top;
        if (emd_reshape_before(&p, model_safe(p, from), to))
            sum += top - y;
    }
    return sum;
}

// The kernel steps by G, which may end inside an old row: that row must still be whole.
void check_steps(const emd_reshape_plan &p)
{
    std::set<std::int64_t> written;
    for (std::uint64_t pos = emd_reshape_start(&p); pos != emd_reshape_end(&p);) {
        const std::uint64_t next = emd_reshape_advance(&p, pos, p.step);
        const std::int64_t first = (std::int64_t(std::min(pos, next) / p.data_new) + p.delta) / std::int64_t{kPage};
        for (std::int64_t page = first; page < first + p.w / kPage; page++)
            written.insert(page);
        for (const std::int64_t page : needed_pages(p, next))
            ASSERT_FALSE(written.contains(page)) << describe(p) << " step to " << next;
        pos = next;
    }
}

template <typename Visit>
void for_each_shape(Visit visit)
{
    for (std::uint32_t from = 1; from <= 5; from++)
        for (std::uint32_t to = 1; to <= 5; to++)
            for (std::uint32_t co : {8u, 16u, 32u})
                for (std::uint32_t cn : {8u, 16u, 32u})
                    visit(from, to, co, cn);
}

TEST(ReshapeMath, SafePositionIsExact)
{
    unsigned plans = 0;
    for_each_shape([&](auto from, auto to, auto co, auto cn) {
        const std::uint32_t w = std::max(co, cn);
        for (std::uint64_t rows : {1, 2, 5, 12, 23})
            for (std::int64_t delta : {0, 8, -8, 16, -16, 32, -32, 96, -96})
                for (int backward : {0, 1}) {
                    const auto a = raid5(from, co, rows * w), b = raid5(to, cn, rows * w);
                    emd_reshape_plan p;
                    if (emd_reshape_plan_init(&p, &a, &b, delta, backward, nullptr) == 0) {
                        plans++;
                        check_safe(p);
                    }
                }
    });
    EXPECT_GT(plans, 4000u);
}

TEST(ReshapeMath, CriticalSectorsAreExact)
{
    unsigned plans = 0;
    for_each_shape([&](auto from, auto to, auto co, auto cn) {
        const std::uint32_t w = std::max(co, cn);
        const std::uint64_t unit = std::lcm(std::uint64_t{co} * from, std::uint64_t{w} * to);
        const std::uint64_t member = unit / std::gcd(from, to) * 2;  // whole units on both sides
        for (std::int64_t delta : {0, 8, -16, 32, -48, 64, -96})
            for (int backward : {0, 1}) {
                const auto a = raid5(from, co, member), b = raid5(to, cn, member);
                emd_reshape_plan p;
                if (member > 2000 || emd_reshape_plan_init(&p, &a, &b, delta, backward, nullptr) != 0)
                    continue;
                plans++;
                const std::uint64_t model = model_critical(p), said = emd_reshape_critical_sectors(&p);
                // Backward KU names the lowest checkpoint that needs no backup: the unit below it is moved from there.
                const bool one_more = said != model && p.backward && to < from;
                ASSERT_EQ(said, model + (one_more ? unit : 0)) << describe(p);
            }
    });
    EXPECT_GT(plans, 500u);
}

// A plan that is accepted never destroys what it still has to move; one that is refused is of the kind that may.
TEST(ReshapeMath, DirectionIsValidOverTheWholeRange)
{
    unsigned refused = 0, taken = 0;
    for_each_shape([&](auto from, auto to, auto co, auto cn) {
        for (std::int64_t delta : {0, 16, -16, 32, -32, 160, -160, 4096, -4096})
            for (int backward : {0, 1}) {
                const auto a = raid5(from, co, 32 * 5), b = raid5(to, cn, 32 * 5);
                emd_reshape_plan p;
                const bool ok = emd_reshape_plan_init(&p, &a, &b, delta, backward, nullptr) == 0;
                (ok ? taken : refused)++;
                if (ok) {
                    check_steps(p);
                    continue;
                }
                const bool with_the_disks = backward ? to <= from : to >= from;
                const bool with_the_offset = backward ? delta >= 0 : delta <= 0;
                ASSERT_FALSE(with_the_disks && with_the_offset)
                    << from << "->" << to << " chunk " << co << "->" << cn << " delta " << delta << " backward " << backward;
            }
    });
    EXPECT_GT(refused, 1000u);
    EXPECT_GT(taken, 1000u);
}

// Windows follow each other without a gap, fit the budget, and end where no old row is cut if a unit fits.
TEST(ReshapeMath, WindowsCoverTheWorkInUnits)
{
    for_each_shape([&](auto from, auto to, auto co, auto cn) {
        const auto a = raid5(from, co, 32 * 45), b = raid5(to, cn, 32 * 45);
        emd_reshape_plan p;
        ASSERT_EQ(emd_reshape_plan_init(&p, &a, &b, 0, -1, nullptr), 0);
        for (std::uint64_t budget : {p.step, p.step * 3, p.unit, p.unit * 4})
            for (std::uint64_t part : {1, 3, 45}) {
                const std::uint64_t limit = emd_reshape_from_member(&p, part * p.w);
                for (std::uint64_t pos = emd_reshape_start(&p); pos != limit;) {
                    const std::uint64_t end = emd_reshape_window(&p, pos, limit, budget);
                    ASSERT_TRUE(emd_reshape_before(&p, pos, end)) << describe(p) << " at " << pos;
                    ASSERT_FALSE(emd_reshape_before(&p, limit, end)) << describe(p);
                    ASSERT_LE(std::max(pos, end) - std::min(pos, end), budget) << describe(p);
                    ASSERT_EQ(end % p.step, 0u) << describe(p);
                    ASSERT_TRUE(p.unit > budget || end == limit || emd_reshape_whole(&p, end)) << describe(p) << end;
                    pos = end;
                }
            }
    });
}

struct Row {
    std::uint32_t from, to, co, cn;  // data disks, chunks in KiB
    std::uint64_t step, unit, critical;
};

// The table of the protocol's section on the critical section.
TEST(ReshapeMath, TableOfTheProtocol)
{
    const Row rows[] = {
        {2, 3, 64, 64, 384, 768, 1536},
        {3, 4, 64, 64, 512, 1536, 4608},
        {3, 4, 512, 512, 4096, 12288, 36864},
        {7, 8, 512, 512, 8192, 57344, 401408},
        {2, 4, 512, 512, 4096, 4096, 4096},
        {3, 5, 128, 64, 1280, 3840, 7680},
        {4, 3, 64, 64, 384, 1536, 6144},
    };
    for (const Row &row : rows) {
        const std::uint64_t member = std::uint64_t{1} << 24;
        const auto a = raid5(row.from, row.co * 2, member), b = raid5(row.to, row.cn * 2, member);
        emd_reshape_plan p;
        ASSERT_EQ(emd_reshape_plan_init(&p, &a, &b, 0, -1, nullptr), 0);
        EXPECT_EQ(p.step, row.step) << describe(p);
        EXPECT_EQ(p.unit, row.unit) << describe(p);
        EXPECT_EQ(emd_reshape_critical_sectors(&p), row.critical) << describe(p);
        EXPECT_EQ(p.backward, row.to < row.from) << describe(p);
    }
    const auto a = raid5(4, 128, 1 << 20), b = raid5(4, 256, 1 << 20);
    emd_reshape_plan p;
    ASSERT_EQ(emd_reshape_plan_init(&p, &a, &b, 0, -1, nullptr), 0);
    EXPECT_EQ(p.unit, 1024u);
    EXPECT_EQ(emd_reshape_critical_sectors(&p), p.array_new);  // in place: everything
    EXPECT_FALSE(p.backward);
}

TEST(ReshapeMath, RefusesWhatItCannotMove)
{
    emd_reshape_plan p;
    const char *why = nullptr;
    auto a = raid5(3, 128, 1 << 20), b = raid5(4, 128, 1 << 20);
    EXPECT_EQ(emd_reshape_plan_init(&p, &a, &b, 16, 0, &why), -EINVAL);
    EXPECT_NE(why, nullptr);
    EXPECT_EQ(emd_reshape_plan_init(&p, &a, &b, 0, 1, &why), -EINVAL);
    EXPECT_EQ(emd_reshape_plan_init(&p, &a, &b, INT64_MIN / 2, 0, &why), -EINVAL);
    a.member_sectors = 64;
    EXPECT_EQ(emd_reshape_plan_init(&p, &a, &b, 0, -1, &why), -EINVAL);
}

TEST(ReshapeMath, ARaid1MovesByThePage)
{
    const emd_geometry mirror{.level = 1, .layout = 0, .raid_disks = 2, .chunk_sectors = 0, .member_sectors = 1 << 16,
                              .zones = nullptr, .nr_zones = 0};
    const auto b = raid5(2, 128, 1 << 16);
    emd_reshape_plan p;
    ASSERT_EQ(emd_reshape_plan_init(&p, &mirror, &b, 0, -1, nullptr), 0);
    EXPECT_EQ(p.data_old, 1u);
    EXPECT_EQ(p.chunk_old, kPage);
    EXPECT_EQ(p.step, 256u);
}

TEST(ReshapeMath, ConversionsHoldAtBothEnds)
{
    const auto three = raid5(3, 128, 1 << 20), four = raid5(4, 128, 1 << 20);
    emd_reshape_plan grow, shrink;
    ASSERT_EQ(emd_reshape_plan_init(&grow, &three, &four, 0, -1, nullptr), 0);
    ASSERT_EQ(emd_reshape_plan_init(&shrink, &four, &three, 0, -1, nullptr), 0);
    EXPECT_EQ(emd_reshape_to_member(&grow, 0), 0u);
    EXPECT_EQ(emd_reshape_to_member(&grow, grow.array_new), grow.member_sectors);
    EXPECT_EQ(emd_reshape_to_member(&shrink, shrink.array_new), 0u);
    EXPECT_EQ(emd_reshape_to_member(&shrink, 0), shrink.member_sectors);
    EXPECT_EQ(emd_reshape_from_member(&shrink, 128), shrink.array_new - 384);
    EXPECT_EQ(emd_reshape_from_member(&grow, EMD_POS_MAX), grow.array_new);  // "max"
    EXPECT_EQ(emd_reshape_from_member(&shrink, EMD_POS_MAX), 0u);
}

}  // namespace
