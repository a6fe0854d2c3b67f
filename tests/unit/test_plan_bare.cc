// SPDX-License-Identifier: GPL-2.0-only
// Arrays without metadata: what is stored into sysfs, and what is refused before anything is.
#include "executor_world.h"
#include "libemd/plan/bare.h"

#include <emd/emd.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace emd::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Member = BareArray::Member;

constexpr std::uint64_t kSectors = 131072;  // 64 MiB

Member member(char letter, std::uint64_t sectors = kSectors)
{
    return {std::string("/dev/sd") + letter, {8, 16u * static_cast<unsigned>(letter - 'a')}, sectors};
}

// --build x of /dev/sda, /dev/sdb, ..., with chunks of 64 KiB where the level has some.
BareArray built(int level, std::uint32_t disks)
{
    BareArray a;
    a.name = "x";
    a.shape = {level, level == 10 ? 0x102u : level >= 5 ? EMD_LAYOUT_LEFT_SYMMETRIC : level == 0 ? 2u : 0u, disks,
               level == 1 || level == EMD_LEVEL_LINEAR ? 0u : 128u, 0};
    for (std::uint32_t i = 0; i < disks; i++)
        a.members.emplace_back(member(static_cast<char>('a' + i)));
    a.holds_data = true;
    return a;
}

std::vector<std::string> stored(const BareArray &a)
{
    MapSysfs sysfs;
    LogHost host(sysfs.log);
    Executor executor(sysfs, host);
    const auto plan = plan_bare(a);
    EXPECT_TRUE(plan && executor.run(*plan)) << (plan ? "" : plan.error().text());
    return sysfs.log;
}

std::string text_of(const BareArray &a)
{
    const auto plan = plan_bare(a);
    EXPECT_TRUE(plan) << (plan ? "" : plan.error().text());
    return plan ? to_text(*plan) : "";
}

std::string refused(const BareArray &a)
{
    const auto plan = plan_bare(a);
    EXPECT_FALSE(plan) << (plan ? to_text(*plan) : "");
    return plan ? "" : plan.error().text();
}

TEST(PlanBare, StoresGeometryThenMembersFromTheirFirstSectorOn)
{
    BareArray a = built(1, 2);
    a.members[1]->sectors = kSectors - 3;  // whole pages of it
    a.members[1]->write_mostly = true;
    EXPECT_THAT(stored(a), ElementsAre("../module/emd/parameters/new_array=emd0", "emd0/md/level=raid1", "emd0/md/raid_disks=2", "emd0/md/layout=0",
                                       "emd0/md/component_size=65532", "emd0/md/new_dev=8:0", "emd0/md/dev-8:0/offset=0",
                                       "emd0/md/dev-8:0/size=65532", "emd0/md/dev-8:0/slot=0", "emd0/md/new_dev=8:16",
                                       "emd0/md/dev-8:16/offset=0", "emd0/md/dev-8:16/size=65532", "emd0/md/dev-8:16/state=writemostly",
                                       "emd0/md/dev-8:16/slot=1", "emd0/md/resync_start=0", "emd0/md/array_state=active", "publish emd0 x"));
}

TEST(PlanBare, WithoutRedundancyEachGivesAllThatItHas)
{
    BareArray a = built(0, 2);
    a.members[1]->sectors = kSectors + 200;
    EXPECT_THAT(stored(a), ElementsAre("../module/emd/parameters/new_array=emd0", "emd0/md/level=raid0", "emd0/md/raid_disks=2",
                                       "emd0/md/chunk_size=65536", "emd0/md/layout=2", "emd0/md/component_size=65536", "emd0/md/new_dev=8:0",
                                       "emd0/md/dev-8:0/offset=0", "emd0/md/dev-8:0/size=65536", "emd0/md/dev-8:0/slot=0",
                                       "emd0/md/new_dev=8:16", "emd0/md/dev-8:16/offset=0", "emd0/md/dev-8:16/size=65636",
                                       "emd0/md/dev-8:16/slot=1", "emd0/md/array_state=active", "publish emd0 x"));
    a = built(EMD_LEVEL_LINEAR, 3);
    EXPECT_THAT(text_of(a), HasSubstr("level = linear"));
    EXPECT_THAT(text_of(a), ::testing::Not(HasSubstr("resync_start")));
}

TEST(PlanBare, AFailureLeavesNoArray)
{
    MapSysfs sysfs;
    LogHost host(sysfs.log);
    Executor executor(sysfs, host);
    sysfs.refused = "emd0/md/array_state=active";
    EXPECT_FALSE(executor.run(*plan_bare(built(5, 3))));
    ASSERT_GE(sysfs.log.size(), 2u);
    EXPECT_EQ(sysfs.log[sysfs.log.size() - 2], "emd0/md/array_state=clear");
    EXPECT_EQ(sysfs.log.back(), "unpublish emd0");
}

TEST(PlanBare, AResyncIsDueUnlessTheUserSaysThatTheDisksAgree)
{
    for (const int level : {1, 4, 5, 6, 10}) {
        BareArray a = built(level, 4);
        EXPECT_THAT(text_of(a), HasSubstr("resync_start = 0"));
        a.assume_clean = true;
        EXPECT_THAT(text_of(a), HasSubstr("resync_start = none"));
    }
}

TEST(PlanBare, ParityThatMissesADiskIsTakenOnlyAsItStands)
{
    for (const int level : {4, 5, 6}) {
        BareArray a = built(level, 4);
        a.members[2].reset();
        EXPECT_EQ(refused(a), fmt::format("x: with a disk missing nothing can make the parity of raid{} right: name all disks, or say "
                                          "--assume-clean if it is right as it stands",
                                          level));
        a.assume_clean = true;
        EXPECT_THAT(text_of(a), HasSubstr("resync_start = none"));
        EXPECT_THAT(text_of(a), ::testing::Not(HasSubstr("as member 2")));
    }
    BareArray mirror = built(1, 3);
    mirror.members[0].reset();
    EXPECT_THAT(text_of(mirror), HasSubstr("resync_start = 0"));  // two are left that may differ
    mirror.members[1].reset();
    EXPECT_THAT(text_of(mirror), HasSubstr("resync_start = none"));
    BareArray fresh = built(5, 3);
    fresh.holds_data = false;
    fresh.members[0].reset();
    EXPECT_THAT(text_of(fresh), HasSubstr("resync_start = none"));
}

TEST(PlanBare, TooManyMissing)
{
    BareArray a = built(5, 4);
    a.assume_clean = true;
    a.members[1].reset();
    a.members[3].reset();
    EXPECT_EQ(refused(a), "x: raid5 of 4 disks cannot do without members 1, 3: name more of them");
    a = built(10, 4);
    a.members[1].reset();
    a.members[3].reset();
    EXPECT_TRUE(plan_bare(a));  // each has its copy
    a.members[0].reset();
    EXPECT_EQ(refused(a), "x: raid10 of 4 disks cannot do without members 0, 1, 3: name more of them");
    a = built(0, 2);
    a.members[0].reset();
    EXPECT_EQ(refused(a), "raid0 cannot miss a disk: name all 2");
    a = built(1, 1);
    a.members[0].reset();
    EXPECT_EQ(refused(a), "x is to have no disk at all: name those that are there");
}

TEST(PlanBare, ShapesThatCannotBe)
{
    EXPECT_EQ(refused(built(EMD_LEVEL_NONE, 2)), "x: a container has metadata: take another --level");
    EXPECT_EQ(refused(built(6, 3)), "x: raid6 of 3 disks is not possible: number of members is too small for the level");
    BareArray a = built(5, 3);
    a.shape.chunk_sectors = 96;
    EXPECT_EQ(refused(a), "x: raid5 of 3 disks is not possible: chunk size is not a power of two");
    a = built(5, 3);
    a.shape.layout = 77;
    EXPECT_EQ(refused(a), "x: raid5 of 3 disks is not possible: layout is not one of the level's layouts");
    a = built(5, 3);
    a.members[2] = member('a');
    EXPECT_EQ(refused(a), "/dev/sda is named twice");
    a = built(5, 3);
    a.members[2]->write_mostly = true;
    EXPECT_EQ(refused(a), "--write-mostly /dev/sdc: raid5 keeps no copies to read from instead: leave it out");
    a = built(0, 2);
    a.spares.push_back(member('e'));
    EXPECT_EQ(refused(a), "raid0 has no use for a spare: leave --spare-devices out");
}

TEST(PlanBare, Sizes)
{
    BareArray a = built(5, 3);
    a.members[1]->sectors = kSectors - 1;
    EXPECT_THAT(text_of(a), HasSubstr("component_size = 65472"));
    a.shape.component_sectors = 100000;  // rounded to chunks
    EXPECT_THAT(text_of(a), HasSubstr("component_size = 49984"));
    a.shape.component_sectors = kSectors;
    EXPECT_EQ(refused(a), "/dev/sdb is too small: it has 64.00 MiB, and 64.00 MiB is needed of each disk");
    a.shape.component_sectors = 64;
    EXPECT_EQ(refused(a), "--size=32K is less than can be used: take 64K or more");
    a = built(5, 3);
    a.members[1]->sectors = 100;
    EXPECT_EQ(refused(a), "/dev/sdb is too small: it has 50.00 KiB, and 64.00 KiB is needed of each disk");
    a = built(EMD_LEVEL_LINEAR, 2);
    a.shape.component_sectors = 1024;
    EXPECT_EQ(refused(a), "--size has no meaning with linear, which takes all of each disk: leave it out");
}

TEST(PlanBare, WhatBelongsToAnotherArrayIsTakenOnlyByForce)
{
    BareArray a = built(1, 2);
    a.assume_clean = true;
    a.members[1]->record = "IMSM metadata of container imsm0";
    EXPECT_EQ(refused(a), "/dev/sdb has IMSM metadata of container imsm0; to overwrite it, use --force or wipe it first");
    a.force = true;
    EXPECT_THAT(text_of(a), HasSubstr("/dev/sdb has IMSM metadata of container imsm0, which may be lost"));
}

TEST(PlanBare, AFileSystemIsTheArraysOwnUnlessAResyncOverwritesIt)
{
    BareArray a = built(1, 2);
    a.members[0]->content = "an ext4 file system";
    EXPECT_EQ(refused(a), "/dev/sda has an ext4 file system, and a resync may overwrite it: use --assume-clean if the disks agree already, "
                          "or --force");
    a.force = true;
    EXPECT_TRUE(plan_bare(a));
    a.force = false;
    a.assume_clean = true;
    EXPECT_TRUE(plan_bare(a));
    a = built(0, 2);
    a.members[0]->content = "an ext4 file system";
    EXPECT_TRUE(plan_bare(a));
    a.holds_data = false;  // --create
    EXPECT_EQ(refused(a), "/dev/sda has an ext4 file system; to overwrite it, use --force or wipe it first");
}

}  // namespace
}  // namespace emd::plan
