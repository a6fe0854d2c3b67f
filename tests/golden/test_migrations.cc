// SPDX-License-Identifier: GPL-2.0-only
// docs/migrations.md says what the code decides.
#include "golden/migration_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace emd::migrations {
namespace {

const std::string kDocument = EMD_SOURCE_DIR "/docs/migrations.md";

TEST(Migrations, TheTableIsWhatTheCodeDecides)
{
    const std::string now = render();
    if (std::getenv("EMD_WRITE_DOCS"))
        std::ofstream(kDocument) << now;
    std::stringstream decided(now);
    std::ifstream written(kDocument);
    std::string code, file;
    for (unsigned line = 1; std::getline(decided, code); line++)
        ASSERT_TRUE(std::getline(written, file) && file == code) << kDocument << ":" << line << " says\n" << file << "\nand the code\n"
                                                               << code << "\nIf the code is right, make docs writes the file anew.";
    EXPECT_FALSE(std::getline(written, file)) << kDocument << " has more than the code says: " << file;
}

plan::GrowRequest to(int level, std::optional<std::uint32_t> disks = {})
{
    plan::GrowRequest want;
    want.level = level;
    want.raid_disks = disks;
    return want;
}

// The table's two steps, carried out: nothing is in the way of the second.
TEST(Migrations, PairsBecomeRaid5InTwoSteps)
{
    const Shape pairs{10, 0x102, 6, 128, 0};
    const auto lab = Lab::make({.kind = Kind::Imsm, .shape = pairs});
    ASSERT_TRUE(lab) << lab.error().text();
    EXPECT_FALSE(lab->ask(to(5, 4)));
    const auto taken = lab->ask(to(0));
    ASSERT_TRUE(taken) << taken.error().text();
    EXPECT_EQ(plan::way_of(*taken), plan::Way::Takeover);
    const auto stripes = lab->after(*taken);
    ASSERT_TRUE(stripes) << stripes.error().text();
    EXPECT_EQ(stripes->volume().shape.raid_disks, 3u);
    const auto moved = stripes->ask(to(5, 4));
    ASSERT_TRUE(moved) << moved.error().text();
    EXPECT_EQ(plan::way_of(*moved), plan::Way::Restripe);
    const auto parity = stripes->after(*moved);
    ASSERT_TRUE(parity) << parity.error().text();
    EXPECT_EQ(parity->volume().shape.level, 5);
    EXPECT_EQ(parity->volume().shape.raid_disks, 4u);
    EXPECT_FALSE(parity->volume().reshape);
    EXPECT_EQ(lab->volume().shape.raid_disks, 6u);  // whoever asks changes nothing
}

// A takeover, with all that was wished for, or none.
TEST(Migrations, OfMdATakeoverIsOneWhereNothingElseIsWished)
{
    const auto lab = Lab::make({.kind = Kind::Md12, .shape = {5, 2, 3, 128, 0}, .spares = 1});
    ASSERT_TRUE(lab) << lab.error().text();
    for (const std::optional<std::uint32_t> disks : {std::optional<std::uint32_t>(), std::optional<std::uint32_t>(4)}) {
        plan::GrowRequest want = to(6);
        want.raid_disks = disks;
        const auto plan = lab->ask(want);
        ASSERT_TRUE(plan) << plan.error().text();
        EXPECT_EQ(plan::way_of(*plan), plan::Way::Takeover);
    }
    for (const bool layout : {true, false}) {
        plan::GrowRequest want = to(6);
        (layout ? want.layout : want.chunk_sectors) = layout ? 2 : 64;
        const auto plan = lab->ask(want);
        EXPECT_TRUE(!plan || plan::way_of(*plan) == plan::Way::Restripe);
    }
}

// Directly, with the disks that it takes, and not with fewer.
TEST(Migrations, OfMdALevelIsReshapedToAnother)
{
    const auto pairs = Lab::make({.kind = Kind::Md12, .shape = {10, 0x102, 4, 128, 0}, .spares = 1});
    ASSERT_TRUE(pairs) << pairs.error().text();
    const auto plan = pairs->ask(to(6, 5));
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(plan::way_of(*plan), plan::Way::Restripe);
    const auto raid6 = pairs->after(*plan);
    ASSERT_TRUE(raid6) << raid6.error().text();
    EXPECT_EQ(raid6->volume().shape.level, 6);
    EXPECT_EQ(raid6->volume().shape.layout, 2u);
    EXPECT_EQ(raid6->volume().shape.raid_disks, 5u);

    const auto parity = Lab::make({.kind = Kind::Md12, .shape = {5, 2, 3, 128, 0}, .spares = 1});
    ASSERT_TRUE(parity) << parity.error().text();
    plan::GrowRequest want = to(0, 4);
    want.chunk_sectors = 1024;
    const auto stripes = parity->ask(want);
    ASSERT_TRUE(stripes) << stripes.error().text();
    const auto raid0 = parity->after(*stripes);
    ASSERT_TRUE(raid0) << raid0.error().text();
    EXPECT_EQ(raid0->volume().shape.level, 0);
    EXPECT_EQ(raid0->volume().shape.chunk_sectors, 1024u);
    // What has no redundancy by then has no passes that could be let go on.
    EXPECT_TRUE(std::ranges::none_of(stripes->steps.end() - 3, stripes->steps.end(), [](const plan::Step &step) {
        const auto *set = std::get_if<plan::Set>(&step.action);
        return set && set->attribute == "sync_action";
    }));
}

TEST(Migrations, EveryKindIsAskedAboutAWholeArrayOfItsOwn)
{
    for (const Kind kind : {Kind::Imsm, Kind::Md12, Kind::Md11, Kind::Md10, Kind::Md090, Kind::Ddf}) {
        const Shape shape{5, kind == Kind::Imsm ? 0u : 2u, 3, 128, 0};
        const auto lab = Lab::make({.kind = kind, .shape = shape, .spares = 2});
        ASSERT_TRUE(lab) << lab.error().text();
        EXPECT_EQ(health(lab->volume()), Health::Optimal);
        EXPECT_TRUE(lab->volume().initialised && !lab->volume().dirty);
        EXPECT_EQ(lab->volume().shape.raid_disks, 3u);
        EXPECT_EQ(std::ranges::count(lab->view().disks, DiskState::Spare, &Disk::state), 2);
    }
}

}  // namespace
}  // namespace emd::migrations
