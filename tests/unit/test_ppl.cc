// SPDX-License-Identifier: GPL-2.0-only
// The partial parity log: what is decoded of it, and what it saves. The disks of the model are written as a simple machine would
// that loses power at any sector; each of their sectors holds one number.
#include "libemd/base/crc32c.h"
#include "libemd/plan/assemble.h"

#include "core/emd_geometry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace emd::plan {
namespace {

using ppl::Entry;
using ppl::Header;

constexpr std::uint32_t kSignature = 0x12345678;
constexpr std::uint64_t kArea = 16, kAreaSectors = 160, kData = 192, kRows = 12;
constexpr std::uint32_t kChunk = 16;

Shape shape_of_disks(unsigned disks)
{
    return {5, EMD_LAYOUT_LEFT_SYMMETRIC, disks, kChunk, kRows * kChunk};
}

TEST(Ppl, WhatIsEncodedIsDecoded)
{
    const Header header{77, {{.sector = 24, .data_sectors = 8, .parity_sectors = 4, .parity_slot = 2, .checksum = 5}}};
    const auto block = ppl::encode_header(header, kSignature, 512);
    const auto back = ppl::decode_header(block, kSignature, 512);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(back->generation, 77u);
    ASSERT_EQ(back->entries.size(), 1u);
    EXPECT_EQ(back->entries[0].sector, 24u);
    EXPECT_EQ(back->entries[0].data_sectors, 8u);
    EXPECT_EQ(back->entries[0].parity_sectors, 4u);
    EXPECT_EQ(back->entries[0].parity_slot, 2u);
    EXPECT_EQ(ppl::decode_header(block, kSignature + 1, 512).error().code(), Errc::NotFound);
    for (const std::size_t at : {0u, 512u, 520u, 528u, 536u, 4095u}) {
        auto bad = block;
        bad[at] ^= std::byte{1};
        EXPECT_EQ(ppl::decode_header(bad, kSignature, 512).error().code(), Errc::NotFound) << at;
    }
    EXPECT_FALSE(ppl::decode_header(std::span(block).first(4095), kSignature, 512));
}

// With right checksums, and impossible.
TEST(Ppl, WhatCannotBeTrueIsRefused)
{
    const Shape shape = shape_of_disks(4);
    const std::uint64_t row = 3 * kChunk;
    const auto bad = [&](Entry e) {
        const auto header = ppl::decode_header(ppl::encode_header({1, {e}}, kSignature, 512), kSignature, 512);
        return !header || !ppl::strips_of(shape, header->entries.at(0));
    };
    const Entry good{.sector = 4, .data_sectors = 8, .parity_sectors = 4, .parity_slot = 3};
    EXPECT_FALSE(bad(good));
    const auto with = [&](auto change) {
        Entry e = good;
        change(e);
        return bad(e);
    };
    EXPECT_TRUE(with([](Entry &e) { e.parity_slot = 2; }));
    EXPECT_TRUE(with([](Entry &e) { e.parity_slot = 4; }));
    EXPECT_TRUE(with([](Entry &e) { e.data_sectors = 0; }));
    EXPECT_TRUE(with([](Entry &e) { e.data_sectors = 9; }));
    EXPECT_TRUE(with([](Entry &e) { e.data_sectors = 16; }));   // four columns
    EXPECT_TRUE(with([](Entry &e) { e.sector = 14; }));         // over the end of a chunk
    EXPECT_TRUE(with([](Entry &e) { e.parity_sectors = 17; }));
    EXPECT_TRUE(with([&](Entry &e) { e.sector = row - 4; }));   // the last column, and another
    EXPECT_TRUE(with([&](Entry &e) { e.sector = kRows * row; }));
    EXPECT_TRUE(with([](Entry &e) { e.sector = 1ULL << 62; }));
    EXPECT_TRUE(with([](Entry &e) { e.parity_sectors = 16, e.data_sectors = 45; }));
    EXPECT_FALSE(with([](Entry &e) { e.parity_sectors = 16, e.data_sectors = 44; }));
    EXPECT_TRUE(with([](Entry &e) { e.parity_sectors = 0, e.data_sectors = 8; }));  // no whole columns
    EXPECT_FALSE(with([](Entry &e) { e.parity_sectors = 0, e.data_sectors = 12; }));
    EXPECT_TRUE(with([](Entry &e) { e.sector = kChunk, e.parity_sectors = 0, e.data_sectors = 12; }));  // not from the first on
    EXPECT_FALSE(with([](Entry &e) { e.sector = 0, e.parity_sectors = 0, e.data_sectors = 48; }));
    EXPECT_TRUE(ppl::strips_of(shape, {.sector = 0, .data_sectors = 49, .parity_sectors = 0, .parity_slot = 3}).error().code() == Errc::Corrupt);
}

// A run that begins within a chunk: its partial parity does, too.
TEST(Ppl, AWholeChunkOfPartialParityBelongsToARun)
{
    const auto strips = ppl::strips_of(shape_of_disks(4), {.sector = 12, .data_sectors = 12, .parity_sectors = 16, .parity_slot = 3});
    ASSERT_TRUE(strips);
    ASSERT_EQ(strips->size(), 2u);
    EXPECT_EQ((*strips)[0].lo, 0u);
    EXPECT_EQ((*strips)[0].hi, 8u);
    EXPECT_EQ((*strips)[0].first, 1u);
    EXPECT_EQ((*strips)[0].last, 2u);
    EXPECT_EQ((*strips)[0].parity_at, 4u);
    EXPECT_EQ((*strips)[1].lo, 12u);
    EXPECT_EQ((*strips)[1].parity_at, 0u);
    EXPECT_EQ((*strips)[1].first, 0u);
}

// What a superblock says of the array is as little to be believed, and is asked first.
TEST(Ppl, AShapeThatNoRaid5HasIsRefused)
{
    const Shape good = shape_of_disks(4);
    ParityLogPlace place;
    place.areas.assign(4, {kArea, kAreaSectors});
    unsigned reads = 0;
    const auto read = [&](std::uint64_t, MutableBytes) -> Result<> {
        reads++;
        return fail(Errc::Io, "this is as far as a good one comes");
    };
    const auto code = [&](auto change) {
        Shape shape = good;
        change(shape);
        const auto strips = ppl::strips_of(shape, {.sector = 4, .data_sectors = 8, .parity_sectors = 4, .parity_slot = 3});
        const auto log = ppl::read_log(shape, place, 3, read);
        EXPECT_EQ(strips ? Errc::Io : strips.error().code(), log.error().code());
        return log.error().code();
    };
    EXPECT_EQ(code([](Shape &) {}), Errc::Io);
    EXPECT_EQ(reads, 1u);
    EXPECT_EQ(code([](Shape &s) { s.chunk_sectors = 0; }), Errc::Corrupt);
    EXPECT_EQ(code([](Shape &s) { s.chunk_sectors = 24; }), Errc::Corrupt);
    EXPECT_EQ(code([](Shape &s) { s.raid_disks = 1; }), Errc::Corrupt);
    EXPECT_EQ(code([](Shape &s) { s.raid_disks = 0; }), Errc::Corrupt);
    EXPECT_EQ(code([](Shape &s) { s.component_sectors = 15; }), Errc::Corrupt);
    EXPECT_EQ(code([](Shape &s) { s.layout = 77; }), Errc::Corrupt);
    EXPECT_EQ(code([](Shape &s) { s.level = 4; }), Errc::Corrupt);
    EXPECT_EQ(reads, 1u);
}

// -- the model -----------------------------------------------------------------------------------------------------------

using Sectors = std::vector<std::byte>;

class Drive final : public reshape::Target {
public:
    // Nobody has any business in the sectors [bad_begin, bad_end).
    explicit Drive(Sectors &bytes, std::uint64_t bad_begin = 0, std::uint64_t bad_end = 0)
        : bytes_(bytes), bad_begin_(bad_begin * 512), bad_end_(bad_end * 512) {}
    Result<> read(std::uint64_t at, std::span<std::byte> out) override
    {
        EMD_TRY(check(at, out.size()));
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at), out.size(), out.begin());
        return {};
    }
    Result<> write(std::uint64_t at, std::span<const std::byte> data) override
    {
        EMD_TRY(check(at, data.size()));
        std::ranges::copy(data, bytes_.begin() + static_cast<std::ptrdiff_t>(at));
        flushed = false;
        return {};
    }
    Result<> flush() override
    {
        flushed = true;
        return {};
    }
    bool flushed = true;

private:
    Result<> check(std::uint64_t at, std::size_t bytes) const
    {
        return at < bad_end_ && at + bytes > bad_begin_ ? fail(Errc::Io, "a bad block at {}", at / 512) : Result<>();
    }
    Sectors &bytes_;
    std::uint64_t bad_begin_, bad_end_;
};

class Machine {
public:
    Machine(unsigned members, unsigned seed) : members_(members), random_(seed), shape_(shape_of_disks(members))
    {
        geometry_.level = 5;
        geometry_.layout = shape_.layout;
        geometry_.raid_disks = members;
        geometry_.chunk_sectors = kChunk;
        geometry_.member_sectors = shape_.component_sectors;
        disks.assign(members, Sectors((kData + shape_.component_sectors) * 512));
        next_.assign(members, 0);
        want.resize(array_sectors(shape_));
        for (unsigned slot = 0; slot < members; slot++)
            write_unit(slot, {}, {}, ~0u);
        for (std::uint64_t sector = 0; sector < want.size(); sector++)
            put_data(sector, want[sector] = random_());
        for (std::uint64_t row = 0; row < kRows; row++)
            for (std::uint32_t at = 0; at < kChunk; at++)
                put(emd_geometry_p_slot(&geometry_, row), row * kChunk + at, parity(row, at));
    }

    // Some writes, of which the last may be cut short: then its sectors are in `open`.
    void run(unsigned writes)
    {
        for (unsigned i = 0; i + 1 < writes; i++)
            write(false);
        write(true);
    }

    Container container(int missing) const
    {
        Container c;
        Volume v;
        v.name = "vol";
        v.shape = shape_;
        v.data_offset = kData;
        v.dirty = true;
        v.parity_log.emplace();
        v.parity_log->signature = kSignature;
        for (unsigned slot = 0; slot < members_; slot++) {
            Disk disk;
            disk.present = static_cast<int>(slot) != missing;
            disk.state = disk.present ? DiskState::Active : DiskState::Missing;
            disk.path = fmt::format("disk{}", slot);
            c.disks.push_back(disk);
            v.slots.push_back({.disk = static_cast<int>(slot), .in_sync = disk.present});
            v.parity_log->areas.push_back({kArea, disk.present ? kAreaSectors : 0});
        }
        c.volumes.push_back(v);
        return c;
    }

    std::uint64_t get(const std::vector<Sectors> &of, unsigned slot, std::uint64_t member_sector) const
    {
        std::uint64_t value;
        std::memcpy(&value, of[slot].data() + (kData + member_sector) * 512, sizeof value);
        return value;
    }
    // As it reads, by what the others have if the member is missing.
    std::uint64_t read(const std::vector<Sectors> &of, std::uint64_t sector, int missing) const
    {
        emd_place place{};
        emd_geometry_map(&geometry_, sector, &place);
        return static_cast<int>(place.slot) == missing ? others(of, place.slot, place.sector) : get(of, place.slot, place.sector);
    }
    // The member has lost this.
    void scramble(unsigned slot, std::uint64_t begin, std::uint64_t end)
    {
        for (std::uint64_t at = begin; at < end; at++)
            put(slot, at, random_());
    }
    unsigned slot_of(std::uint64_t sector, std::uint64_t &member_sector) const
    {
        emd_place place{};
        emd_geometry_map(&geometry_, sector, &place);
        member_sector = place.sector;
        return place.slot;
    }
    std::uint64_t others(const std::vector<Sectors> &of, unsigned slot, std::uint64_t member_sector) const
    {
        std::uint64_t sum = 0;
        for (unsigned i = 0; i < members_; i++)
            if (i != slot)
                sum ^= get(of, i, member_sector);
        return sum;
    }

    std::vector<Sectors> disks;
    std::vector<std::uint64_t> want;
    std::set<std::uint64_t> open;    // array sectors that were being written
    bool log_whole = true;           // the last unit was written to its end

private:
    struct Range {
        std::uint64_t row;
        std::uint32_t lo, hi, first, last;
    };
    std::uint64_t pick(std::uint64_t n) { return random_() % n; }
    std::uint64_t sector_of(std::uint64_t row, std::uint32_t column, std::uint32_t at) const { return (row * (members_ - 1) + column) * kChunk + at; }

    void put(unsigned slot, std::uint64_t member_sector, std::uint64_t value)
    {
        for (std::size_t i = 0; i < 512; i += sizeof value)
            std::memcpy(disks[slot].data() + (kData + member_sector) * 512 + i, &value, sizeof value);
    }
    void put_data(std::uint64_t sector, std::uint64_t value)
    {
        emd_place place{};
        emd_geometry_map(&geometry_, sector, &place);
        put(place.slot, place.sector, value);
    }
    std::uint64_t parity(std::uint64_t row, std::uint32_t at) const
    {
        std::uint64_t sum = 0;
        for (std::uint32_t column = 0; column < members_ - 1; column++)
            sum ^= want[sector_of(row, column, at)];
        return sum;
    }

    // The first `sectors` of the unit in an order of its own.
    void write_unit(unsigned slot, const std::vector<Range> &ranges, const std::vector<std::vector<std::uint64_t>> &partial, unsigned sectors)
    {
        Header header{++generation_, {}};
        std::vector<std::byte> unit;
        for (std::size_t i = 0; i < ranges.size(); i++) {
            const Range &r = ranges[i];
            std::vector<std::byte> bytes;
            for (const std::uint64_t value : partial[i])
                for (unsigned k = 0; k < 64; k++)
                    bytes.insert(bytes.end(), reinterpret_cast<const std::byte *>(&value), reinterpret_cast<const std::byte *>(&value + 1));
            header.entries.push_back({sector_of(r.row, r.first, r.lo), (r.hi - r.lo) * (r.last - r.first),
                                      static_cast<std::uint32_t>(partial[i].size()), slot, crc32c(bytes)});
            unit.insert(unit.end(), bytes.begin(), bytes.end());
        }
        const auto head = ppl::encode_header(header, kSignature, 512);
        unit.insert(unit.begin(), head.begin(), head.end());
        const auto size = static_cast<unsigned>(unit.size() / 512);
        if (next_[slot] + size > kAreaSectors)
            next_[slot] = 0;
        std::vector<unsigned> order(size);
        for (unsigned i = 0; i < size; i++)
            order[i] = i;
        std::ranges::shuffle(order, random_);
        for (unsigned i = 0; i < size && i < sectors; i++)
            std::copy_n(unit.begin() + order[i] * 512, 512,
                        disks[slot].begin() + static_cast<std::ptrdiff_t>((kArea + next_[slot] + order[i]) * 512));
        log_whole = sectors >= size;
        next_[slot] += size;
    }

    void write(bool cut)
    {
        const std::uint64_t begin = pick(kRows);
        const unsigned slot = emd_geometry_p_slot(&geometry_, begin);
        std::vector<Range> ranges;
        for (std::uint64_t row = begin; row < kRows && ranges.size() < 3; row += members_) {
            Range r{row, 0, kChunk, 0, members_ - 1};
            if (pick(5)) {
                r.lo = static_cast<std::uint32_t>(pick(kChunk));
                r.hi = r.lo + 1 + static_cast<std::uint32_t>(pick(kChunk - r.lo));
                r.first = static_cast<std::uint32_t>(pick(members_ - 1));
                r.last = r.first + 1 + static_cast<std::uint32_t>(pick(members_ - 1 - r.first));
            }
            ranges.push_back(r);
            if (pick(2))
                break;
        }
        std::vector<std::vector<std::uint64_t>> partial(ranges.size());
        std::vector<std::pair<std::uint64_t, std::uint64_t>> data;  // sector, value
        for (std::size_t i = 0; i < ranges.size(); i++) {
            const Range &r = ranges[i];
            for (std::uint32_t at = r.lo; at < r.hi; at++) {
                std::uint64_t sum = 0;
                for (std::uint32_t column = 0; column < members_ - 1; column++)
                    if (column < r.first || column >= r.last)
                        sum ^= want[sector_of(r.row, column, at)];
                    else
                        data.emplace_back(sector_of(r.row, column, at), random_());
                if (r.last - r.first < members_ - 1)
                    partial[i].push_back(sum);
            }
        }
        const bool cut_log = cut && pick(3) == 0;
        write_unit(slot, ranges, partial, cut_log ? static_cast<unsigned>(pick(24)) : ~0u);
        if (!log_whole)
            return;
        for (const auto &[sector, value] : data) {
            if (cut)
                open.insert(sector);
            want[sector] = value;
            if (!cut || pick(2))
                put_data(sector, value);
        }
        for (const Range &r : ranges)
            for (std::uint32_t at = r.lo; at < r.hi; at++)
                if (!cut || pick(2))
                    put(slot, r.row * kChunk + at, parity(r.row, at));
    }

    unsigned members_;
    std::mt19937_64 random_;
    Shape shape_;
    emd_geometry geometry_{};
    std::vector<std::uint64_t> next_;
    std::uint64_t generation_ = 0;
};

ParityLogState recover(const Container &c, std::vector<Sectors> &disks)
{
    const ParityLogState state = look_at_log(c, c.volumes[0], [&](int disk, std::uint64_t at, MutableBytes out) -> Result<> {
        return Drive(disks[static_cast<std::size_t>(disk)]).read(at, out);
    });
    std::vector<Drive> drives;
    for (std::size_t i = 0; i < disks.size(); i++) {
        const auto bad = std::ranges::find(c.bad, static_cast<int>(i), &BadRange::disk);
        drives.push_back(bad == c.bad.end() ? Drive(disks[i]) : Drive(disks[i], bad->start, bad->start + bad->sectors));
    }
    const auto done = recover_parity(c, c.volumes[0], [&](int disk) { return &drives[static_cast<std::size_t>(disk)]; });
    EXPECT_TRUE(done) << done.error().text();
    for (const Drive &drive : drives)
        EXPECT_TRUE(drive.flushed);
    return state;
}

// All that was under way: then nothing is wrong when it has been followed.
bool says_everything(const ParityLogState &state)
{
    return state.sound && state.entries && !state.cut && !state.left_alone;
}

class PplModel : public ::testing::TestWithParam<unsigned> {};

// Power goes at any point, and then a member: whatever was not being written reads as it was.
TEST_P(PplModel, NothingIsLostThatWasNotBeingWritten)
{
    unsigned saved = 0, refused = 0;
    for (unsigned seed = 0; seed < 40; seed++) {
        Machine machine(GetParam(), seed);
        machine.run(1 + seed % 9);
        for (int missing = -1; missing < static_cast<int>(GetParam()); missing++) {
            std::vector<Sectors> disks = machine.disks;
            const Container c = machine.container(missing);
            const ParityLogState state = recover(c, disks);
            if (!state.sound) {  // the first header of the area was being written: nothing else had begun
                EXPECT_FALSE(machine.log_whole) << state.why;
                refused++;
                continue;
            }
            for (std::uint64_t sector = 0; sector < machine.want.size(); sector++) {
                if (!machine.open.count(sector)) {
                    ASSERT_EQ(machine.read(disks, sector, missing), machine.want[sector])
                        << "seed " << seed << " without " << missing << ", sector " << sector;
                }
                saved += missing >= 0 && machine.read(machine.disks, sector, missing) != machine.read(disks, sector, missing);
            }
            if (missing < 0 && says_everything(state)) {
                for (std::uint64_t at = 0; at < kRows * kChunk; at++)
                    ASSERT_EQ(machine.others(disks, 0, at), machine.get(disks, 0, at)) << "seed " << seed << ", parity of sector " << at;
            }
            std::vector<Sectors> again = disks;
            recover(c, again);
            ASSERT_EQ(again, disks) << "seed " << seed;
        }
    }
    EXPECT_GT(saved, 20u);
    EXPECT_LT(refused, 40u);
}
INSTANTIATE_TEST_SUITE_P(Members, PplModel, ::testing::Values(3u, 4u, 6u));

constexpr std::uint64_t kMemberSectors = kRows * kChunk;

// A member, and a sector of it in the midst of what was being written.
struct Spot {
    unsigned slot = 0;
    std::uint64_t at = 0;
};

Spot spot_of(const Machine &machine)
{
    Spot spot;
    spot.slot = machine.slot_of(*std::next(machine.open.begin(), static_cast<std::ptrdiff_t>(machine.open.size() / 2)), spot.at);
    return spot;
}

// Of a member that is being rebuilt the part in front of the checkpoint is as good as any other, and what is behind is none.
TEST_P(PplModel, AMemberThatIsBeingRebuiltCountsUpToTheCheckpoint)
{
    unsigned across = 0;
    for (unsigned seed = 0; seed < 40; seed++) {
        Machine now(GetParam(), seed);
        now.run(1 + seed % 9);
        if (now.open.empty())
            continue;
        const Spot rebuilt = spot_of(now);
        now.scramble(rebuilt.slot, rebuilt.at, kMemberSectors);
        Container c = now.container(-1);
        c.volumes[0].slots[rebuilt.slot].in_sync = false;
        c.volumes[0].activity = Activity::Rebuild;
        c.volumes[0].checkpoint = rebuilt.at;
        const ParityLogState state = recover(c, now.disks);
        ASSERT_TRUE(state.sound) << state.why;
        across += state.left_alone != 0;
        for (std::uint64_t at = 0; at < rebuilt.at; at++)
            ASSERT_EQ(now.others(now.disks, 0, at), now.get(now.disks, 0, at))
                << "seed " << seed << ", rebuilt up to " << rebuilt.at << ", parity of sector " << at;
        for (std::uint64_t sector = 0, at = 0; sector < now.want.size(); sector++) {
            if (now.open.count(sector))
                continue;
            const bool behind = now.slot_of(sector, at) == rebuilt.slot && at >= rebuilt.at;
            ASSERT_EQ(now.read(now.disks, sector, behind ? static_cast<int>(rebuilt.slot) : -1), now.want[sector])
                << "seed " << seed << ", rebuilt up to " << rebuilt.at << ", sector " << sector;
        }
    }
    EXPECT_GT(across, 10u);
}

// What is recorded as bad is neither read nor written, and costs nothing around it. What was not being written there can be computed.
TEST_P(PplModel, BadBlocksAreMissingWhereTheyAre)
{
    unsigned touched = 0, computed = 0;
    for (unsigned seed = 0; seed < 60; seed++) {
        Machine now(GetParam(), seed);
        now.run(1 + seed % 9);
        if (now.open.empty())
            continue;
        const Spot spot = spot_of(now);
        const unsigned slot = (spot.slot + seed) % GetParam();
        const std::uint64_t begin = spot.at - std::min<std::uint64_t>(spot.at, 2), end = std::min(spot.at + 3, kMemberSectors);
        const auto stale = now.disks;
        now.scramble(slot, begin, end);
        Container c = now.container(-1);
        c.bad = {{static_cast<int>(slot), kData + begin, static_cast<std::uint32_t>(end - begin)}};
        const ParityLogState state = recover(c, now.disks);
        ASSERT_TRUE(state.sound) << state.why;
        touched += state.left_alone != 0;
        EXPECT_FALSE(state.left_alone && says_everything(state));
        for (std::uint64_t at = 0; at < kMemberSectors; at++)
            if (at < begin || at >= end) {
                ASSERT_EQ(now.others(now.disks, 0, at), now.get(now.disks, 0, at)) << "seed " << seed << ", parity of sector " << at;
            }
        for (std::uint64_t sector = 0, at = 0; sector < now.want.size(); sector++) {
            if (now.slot_of(sector, at) != slot || at < begin || at >= end || now.open.count(sector))
                continue;
            ASSERT_EQ(now.read(now.disks, sector, static_cast<int>(slot)), now.want[sector]) << "seed " << seed << ", sector " << sector;
            computed += now.read(stale, sector, static_cast<int>(slot)) != now.want[sector];
        }
    }
    EXPECT_GT(touched, 5u);
    EXPECT_GT(computed, 0u);
}

// -- the plan ------------------------------------------------------------------------------------------------------------

// Nobody else may hold the record of the container when it changes: all logs go before the first array begins.
TEST(PplPlan, AllVolumesLoseTheirLogsBeforeAnythingOfTheContainerRuns)
{
    Machine machine(3, 5);
    machine.run(4);
    Container c = machine.container(-1);
    c.volumes.push_back(c.volumes[0]);
    for (unsigned i = 0; i < 2; i++) {
        c.volumes[i].index = i;
        c.volumes[i].name = fmt::format("vol{}", i);
        c.volumes[i].read_write = false;
        c.volumes[i].refused = "it has a partial parity log";
    }
    c.volumes[1].dirty = false;
    const Plan plan = plan_log_recovery(c, {{0, {.sound = true, .entries = 1}}, {1, {.sound = true}}});
    std::vector<std::string> steps;
    for (const Step &step : plan.steps)
        steps.push_back(to_text(step.action));
    EXPECT_EQ(steps, (std::vector<std::string>{"volume 0: make the parity right of what was being written",
                                               "metadata: volume 0 has no partial parity log any more",
                                               "metadata: write to all disks and flush",
                                               "metadata: volume 1 has no partial parity log any more",
                                               "metadata: write to all disks and flush"}));
    for (const Volume &v : c.volumes) {  // and with its log none is started to be written, whatever is asked for
        const auto start = plan_volume(c, v, "c", v.name, {.force = true});
        ASSERT_FALSE(start);
        EXPECT_NE(start.error().text().find("emdadm --assemble --update=no-ppl DISK..."), std::string::npos) << start.error().text();
    }
}

// What a resync makes right is made right by the log first: blocks that are bad are computed from the parity.
TEST(PplPlan, WhereAPartIsLeftAloneAResyncFollows)
{
    Machine machine(3, 5);
    const Container c = machine.container(-1);
    const std::string text = to_text(plan_log_recovery(c, {{0, {.sound = true, .entries = 2, .left_alone = 1}}}));
    EXPECT_NE(text.find("make the parity right"), std::string::npos) << text;
    EXPECT_EQ(text.find("is clean"), std::string::npos) << text;
    EXPECT_NE(text.find("computes all parity anew"), std::string::npos) << text;
}

TEST(Ppl, ALogThatIsNotThereOrOfAnotherArrayIsNotSound)
{
    Machine machine(4, 1);
    machine.run(3);
    for (const bool other : {false, true}) {
        std::vector<Sectors> disks = machine.disks;
        const auto front = disks[2].begin() + kArea * 512;
        if (other)
            std::ranges::copy(ppl::encode_header({9, {}}, kSignature + 1, 512), front);
        else
            std::fill_n(front, 4096, std::byte{0});
        const Container c = machine.container(-1);
        const auto state = recover(c, disks);
        EXPECT_FALSE(state.sound);
        EXPECT_FALSE(says_everything(state));
        EXPECT_NE(state.why.find("the log of disk2: "), std::string::npos) << state.why;
    }
}

// Parity is right where it was ever made: that is not known of an array in whose log nothing is announced.
TEST(Ppl, AnEmptyLogSaysNothing)
{
    Machine machine(3, 5);
    const Container c = machine.container(-1);
    const auto state = recover(c, machine.disks);
    EXPECT_TRUE(state.sound);
    EXPECT_FALSE(says_everything(state));
}

}  // namespace
}  // namespace emd::plan
