// SPDX-License-Identifier: GPL-2.0-only
// RAID0 and RAID10 take each other over: the plans as text, what is refused, and that a boot at any instant finds whole data.
#include "imsm_disks.h"
#include "plan_world.h"

#include <gtest/gtest.h>
#include <set>

namespace emd::plan {
namespace {

GrowRequest to_level(int level)
{
    GrowRequest want;
    want.volume = 0;
    want.level = level;
    return want;
}

// Disks a, b, ... with one volume over the first `members` of them.
Container container(int level, std::uint32_t members, unsigned spares)
{
    Container c;
    for (std::uint32_t i = 0; i < members + spares; i++)
        c.disks.push_back(disk(static_cast<char>('a' + i), i < members ? DiskState::Active : DiskState::Spare));
    c.volumes.push_back(raid5(0, "vol0", members));
    c.volumes[0].shape.level = level;
    c.volumes[0].shape.layout = level == 10 ? 0x102 : 0;
    c.volumes[0].array_sectors = array_sectors(c.volumes[0].shape);
    return c;
}

Running at_rest(const Container &c, unsigned degraded = 0)
{
    const bool raid10 = c.volumes[0].shape.level == 10;
    return running({{0, "emd126", "active", raid10 ? "idle" : "", degraded, false, raid10 ? "raid10" : "raid0"}});
}

Result<Plan> grow(const Container &c, const GrowRequest &want, const Running &r)
{
    return plan_grow(c, want, limits(), r, records_on(c));
}

std::string refused(const Container &c, const GrowRequest &want, const Running &r)
{
    const auto plan = grow(c, want, r);
    EXPECT_FALSE(plan) << (plan ? to_text(*plan) : "");
    return plan ? "" : plan.error().text();
}

TEST(PlanTakeover, Raid10BecomesRaid0)
{
    const Container c = container(10, 4, 1);
    const auto plan = grow(c, to_level(0), at_rest(c));
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(way_of(*plan), Way::Takeover);
    EXPECT_EQ(to_text(*plan), R"(take vol0 over as raid0
  volume vol0: raid10 of 4 disks, chunk 64K becomes raid0 of 2 disks, chunk 64K
  size: 128.00 MiB, as before
  to be moved: nothing
  spares from then on: /dev/sdb, /dev/sdd
   1  emd127: start the monitor
   2  emd126: sync_action = frozen
   3  emd126: metadata_version = external:-emd127/0
   4  emd127: wait until the monitor is level with volume 0
   5  emd126: sync_action must read frozen
   6  emd126: degraded must read 0
   7  emd127: monitor records: volume 0 becomes raid0, 2 disks, chunk 64K, of disks 0, 2
   8  emd126: degraded must read 0
   9  emd126: level = raid0
  10  emd126: metadata_version = external:/emd127/0
  11  emd126: remove /dev/sdb
  12  emd126: remove /dev/sdd
  13  emd127: wait until the monitor is level with volume 0
)");
}

TEST(PlanTakeover, WhatTheKernelWouldNotTakeOverIsRefusedBeforeItIsRecorded)
{
    Container c = container(10, 4, 0);
    c.volumes[0].shape.layout = 0x201;  // two far copies
    EXPECT_EQ(refused(c, to_level(0), at_rest(c)),
              "vol0: only RAID10 of pairs (two near copies, an even number of members) can become RAID0");
}

TEST(PlanTakeover, Raid0BecomesRaid10)
{
    const Container c = container(0, 2, 3);
    const auto plan = grow(c, to_level(10), at_rest(c));
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(to_text(*plan), R"(take vol0 over as raid10
  volume vol0: raid0 of 2 disks, chunk 64K becomes raid10 of 4 disks, chunk 64K
  size: 128.00 MiB, as before
  to be moved: nothing
  mirrors, to be filled by a rebuild: /dev/sdc, /dev/sdd
   1  emd127: start the monitor
   2  emd126: metadata_version = external:-emd127/0
   3  emd127: wait until the monitor is level with volume 0
   4  emd127: monitor records: volume 0 becomes raid10, 4 disks, chunk 64K, of disks 0, -, 1, -
   5  emd126: level = raid10
   6  emd126: metadata_version = external:/emd127/0
   7  emd127: wait until the monitor is level with volume 0
)");
}

TEST(PlanTakeover, TheFirstOfAPairThatIsInSyncStays)
{
    Container c = container(10, 4, 0);
    c.volumes[0].slots[2].in_sync = false;
    EXPECT_NE(refused(c, to_level(0), at_rest(c, 1)).find("misses a disk"), std::string::npos);
    GrowRequest want = to_level(0);
    want.force = true;
    const auto plan = grow(c, want, at_rest(c, 1));
    ASSERT_TRUE(plan) << plan.error().text();
    const std::string text = to_text(*plan);
    EXPECT_NE(text.find("of disks 0, 3\n"), text.npos) << text;
    EXPECT_NE(text.find("degraded must read 1"), text.npos) << text;
}

TEST(PlanTakeover, WhatIsRecordedIsTakenBackUntilTheKernelFollows)
{
    const Container c = container(10, 4, 0);
    const auto plan = grow(c, to_level(0), at_rest(c));
    ASSERT_TRUE(plan) << plan.error().text();
    bool sent = false, committed = false;
    for (std::size_t i = 0; i < plan->steps.size(); i++) {
        const Step &step = plan->steps[i];
        if (std::holds_alternative<Send>(step.action)) {
            sent = true;
            ASSERT_EQ(step.undo.size(), 1u);
            EXPECT_EQ(to_text(step.undo[0]), "emd127: monitor records: volume 0 becomes raid10, 4 disks, chunk 64K, of disks 0, 1, 2, 3");
        }
        const auto *set = std::get_if<Set>(&step.action);
        committed = committed || step.commit;
        EXPECT_EQ(committed, i > 0 && i >= 9) << to_text(step.action);
        if (set && set->attribute == "level") {
            EXPECT_TRUE(sent && !committed && plan->steps[i + 1].commit);
        }
    }
}

// With md's superblocks.
Container of_md(int level, std::uint32_t layout, std::uint32_t members, unsigned spares)
{
    Container c = container(level, members, spares);
    c.format = FormatId::Md1;
    c.volumes[0].shape.layout = layout;
    c.volumes[0].array_sectors = array_sectors(c.volumes[0].shape);
    return c;
}

Running md_at_rest(const Container &c)
{
    const int level = c.volumes[0].shape.level;
    return running({{0, "emd126", "active", level ? "idle" : "", 0, false, level_word(level)}});
}

TEST(PlanTakeover, OfMdRaid5GetsQ)
{
    const Container c = of_md(5, 2, 3, 1);
    const auto plan = grow(c, to_level(6), md_at_rest(c));
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(to_text(*plan), R"(take vol0 over as raid6
  volume vol0: raid5 of 3 disks, chunk 64K becomes raid6 of 4 disks, chunk 64K
  size: 128.00 MiB, as before
  to be moved: nothing
  Q, to be filled by a rebuild: /dev/sdd
   1  emd127: start the monitor
   2  emd126: sync_action = frozen
   3  emd126: metadata_version = external:-emd127/0
   4  emd127: wait until the monitor is level with volume 0
   5  emd126: sync_action must read frozen
   6  emd126: degraded must read 0
   7  emd127: monitor records: volume 0 becomes raid6, 4 disks, chunk 64K, of disks 0, 1, 2, -
   8  emd126: degraded must read 0
   9  emd126: level = raid6
  10  emd126: metadata_version = external:/emd127/0
  11  emd126: sync_action = idle
  12  emd127: wait until the monitor is level with volume 0
)");
    const Container alone = of_md(5, 2, 3, 0);
    EXPECT_NE(refused(alone, to_level(6), md_at_rest(alone)).find("or use --force to have Q later"), std::string::npos);
}

TEST(PlanTakeover, OfMdRaid6LosesQ)
{
    const Container c = of_md(6, 18, 4, 0);
    const auto plan = grow(c, to_level(5), md_at_rest(c));
    ASSERT_TRUE(plan) << plan.error().text();
    const std::string text = to_text(*plan);
    EXPECT_NE(text.find("spares from then on: /dev/sdd"), text.npos) << text;
    EXPECT_NE(text.find("of disks 0, 1, 2\n"), text.npos) << text;
    EXPECT_NE(text.find("sync_action = idle\n  12  emd126: remove /dev/sdd"), text.npos) << text;
}

TEST(PlanTakeover, OfMdMirrorsComeAndGo)
{
    GrowRequest want;
    want.volume = 0;
    want.raid_disks = 3;
    const Container two = of_md(1, 0, 2, 1);
    const auto more = grow(two, want, md_at_rest(two));
    ASSERT_TRUE(more) << more.error().text();
    EXPECT_EQ(way_of(*more), Way::Takeover);
    EXPECT_NE(to_text(*more).find("of disks 0, 1, -\n"), std::string::npos) << to_text(*more);
    EXPECT_NE(to_text(*more).find("emd126: raid_disks = 3\n"), std::string::npos) << to_text(*more);
    want.raid_disks = 2;
    const Container three = of_md(1, 0, 3, 0);
    const auto fewer = grow(three, want, md_at_rest(three));
    ASSERT_TRUE(fewer) << fewer.error().text();
    EXPECT_NE(to_text(*fewer).find("emd126: raid_disks = 2\n"), std::string::npos) << to_text(*fewer);
    EXPECT_NE(to_text(*fewer).find("emd126: remove /dev/sdc\n"), std::string::npos) << to_text(*fewer);
    Container hole = three;
    hole.disks[0].state = DiskState::Failed;
    hole.volumes[0].slots[0].in_sync = false;
    want.force = true;
    const auto filled = grow(hole, want, md_at_rest(hole));
    ASSERT_TRUE(filled) << filled.error().text();
    EXPECT_NE(to_text(*filled).find("of disks 2, 1\n"), std::string::npos) << to_text(*filled);
    EXPECT_EQ(to_text(*filled).find("remove"), std::string::npos) << to_text(*filled);
    EXPECT_EQ(to_text(*filled).find("spares from then on"), std::string::npos) << to_text(*filled);
}

TEST(PlanTakeover, OfMdHalfOfAnyIsBroughtToItsEnd)
{
    const Container c = of_md(5, 5, 4, 0);
    const auto still = running({{0, "emd126", "active", "", 0, false, "raid0"}});
    const auto plan = grow(c, to_level(5), still);
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_NE(to_text(*plan).find("emd126: level = raid5"), std::string::npos);
    EXPECT_NE(refused(c, to_level(6), still).find("emdadm --grow --level 5 brings that to its end"), std::string::npos);
}

TEST(PlanTakeover, AskedForAgainTheKernelFollows)
{
    Container c = container(0, 2, 2);  // recorded, the kernel has all four
    const auto still = running({{0, "emd126", "clean", "idle", 0, false, "raid10"}});
    const auto plan = grow(c, to_level(0), still);
    ASSERT_TRUE(plan) << plan.error().text();
    const std::string text = to_text(*plan);
    EXPECT_EQ(text.find("records"), text.npos) << text;
    EXPECT_NE(text.find("emd126: level = raid0"), text.npos) << text;
    EXPECT_NE(text.find("emd126: remove /dev/sdc"), text.npos) << text;
    EXPECT_NE(refused(c, to_level(10), still).find("emdadm --grow --level 0 brings that to its end"), std::string::npos);
    EXPECT_NE(refused(c, to_level(5), still).find("is recorded as raid0 and runs as raid10"), std::string::npos);
}

TEST(PlanTakeover, TheKernelDoesNotFollowARecordThatHasFailed)
{
    Container c = container(0, 2, 2);
    c.disks[0].state = DiskState::Failed;
    c.volumes[0].slots[0].in_sync = false;
    const auto still = running({{0, "emd126", "active", "idle", 1, false, "raid10"}});
    for (const int level : {0, 10, 5})
        EXPECT_EQ(refused(c, to_level(level), still),
                  "vol0 is recorded as raid0 and a disk of that has failed since; it runs as raid10 and has all its data: do not "
                  "stop it, copy its data off");
    Container pairs = container(10, 4, 0);
    for (const std::size_t slot : {0, 1})
        pairs.volumes[0].slots[slot].in_sync = false;
    EXPECT_EQ(refused(pairs, to_level(10), running({{0, "emd126", "active", "", 0, false, "raid0"}})),
              "vol0 has failed: nothing can be reshaped");
}

TEST(PlanTakeover, RefusalsNameTheThingAndTheRemedy)
{
    const Container two = container(0, 2, 1), four = container(10, 4, 0);
    EXPECT_EQ(refused(two, to_level(10), at_rest(two)),
              "vol0 needs 2 spare disks and the container has 1: add disks with emdadm --add, or use --force to have mirrors later");
    GrowRequest forced = to_level(10);
    forced.force = true;
    const auto plan = grow(two, forced, at_rest(two));
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_NE(to_text(*plan).find("when disks are added with emdadm --add"), std::string::npos);

    GrowRequest want = to_level(0);
    want.raid_disks = 3;
    EXPECT_EQ(refused(four, want, at_rest(four)), "vol0 becomes raid0 of 2 disks, not of 3: leave --raid-devices away");
    want = to_level(0);
    want.chunk_sectors = 32;
    EXPECT_NE(refused(four, want, at_rest(four)).find("leave --chunk away"), std::string::npos);
    want = to_level(0);
    want.backup_file = "/b";
    EXPECT_NE(refused(four, want, at_rest(four)).find("leave --backup-file away"), std::string::npos);
    const auto now = [&](const char *state, const char *action, bool tagged) {
        return refused(four, to_level(0), running({{0, "emd126", state, action, 0, tagged, "raid10"}}));
    };
    EXPECT_NE(now("clean", "resync", false).find("wait for its end with emdadm --wait"), std::string::npos);
    EXPECT_NE(now("clean", "frozen", true).find("is frozen by somebody"), std::string::npos);
    EXPECT_NE(now("readonly", "idle", false).find("emdadm --readwrite"), std::string::npos);
    Container lost = four;
    lost.volumes[0].slots[2].in_sync = lost.volumes[0].slots[3].in_sync = false;
    forced = to_level(0);
    forced.force = true;
    EXPECT_NE(refused(lost, forced, at_rest(lost, 2)).find("has failed"), std::string::npos);
    Container moving = four;
    moving.volumes[0].initialised = false;
    EXPECT_NE(refused(moving, to_level(0), at_rest(moving)).find("still being initialised"), std::string::npos);
}

// -- every instant --

// A volume of pairs (0,1) and (2,3): disk d of the lab holds the pair d / 2. What a running kernel writes goes to `written`.
struct Machine {
    imsm::Disks disks{4};
    std::unique_ptr<Metadata> record;
    std::set<std::string> written;
    std::string level;

    explicit Machine(int from)
    {
        record = disks.create(4);
        const auto made = from == 10 ? imsm::volume("vol0", 10, {0, 1, 2, 3}) : imsm::volume("vol0", 0, {0, 2});
        auto clean = made;
        clean.assume_clean = true;
        EXPECT_TRUE(record->apply(clean));
        disks.write(*record);
        level = level_word(from);
        for (const Slot &slot : record->view().volumes[0].slots)
            written.insert(record->view().disks[static_cast<std::size_t>(slot.disk)].path);
    }

    // What a boot would take for good is what the kernel writes up to now, each disk in the place of its pair.
    void check_boot(const std::string &when)
    {
        const auto found = disks.load();
        const Volume &v = found->view().volumes.at(0);
        EXPECT_NE(health(v), Health::Failed) << when;
        EXPECT_TRUE(v.read_write) << when;
        for (std::size_t i = 0; i < v.slots.size(); i++) {
            if (v.slots[i].disk < 0 || !v.slots[i].in_sync)
                continue;
            const std::string &path = found->view().disks[static_cast<std::size_t>(v.slots[i].disk)].path;
            EXPECT_TRUE(written.contains(path)) << when << ": " << path << " is old";
            const std::size_t pair = v.shape.level == 10 ? i / 2 : i;
            EXPECT_EQ(static_cast<std::size_t>(path.back() - '0') / 2, pair) << when;
        }
    }

    void record_change(const Change &change)
    {
        ASSERT_TRUE(record->apply(change));
        const auto before = disks.save();
        disks.write(*record, 0);
        const std::size_t images = disks.written();
        for (std::size_t cut = 0; cut <= images; cut++) {
            disks.restore(before);
            auto again = disks.load();
            ASSERT_TRUE(again->apply(change));
            disks.write(*again, cut);
            check_boot(fmt::format("{} after {} of {} writes", to_text(change), cut, images));
            if (cut == images)
                record = std::move(again);
        }
    }

    // The kernel's rule: of each pair the first stays, or nobody is added.
    void take_over(const std::string &to)
    {
        if (to == "raid0" && level == "raid10")
            for (const char *second : {"/dev/disk1", "/dev/disk3"})
                written.erase(second);
        level = to;
    }

    void run(const Plan &plan)
    {
        for (const Step &step : plan.steps) {
            if (const auto *send = std::get_if<Send>(&step.action))
                record_change(send->change);
            const auto *set = std::get_if<Set>(&step.action);
            if (set && set->attribute == "level")
                take_over(set->value);
            check_boot(to_text(step.action));
        }
    }

    Result<Plan> plan(int to) const
    {
        const Express express = [this](const Change &change) -> Result<Container> {
            auto scratch = disks.load();
            EMD_TRY(scratch->apply(change));
            return scratch->view();
        };
        const Running r = running({{0, "emd126", "clean", level == "raid10" ? "idle" : "", 0, false, level}});
        return plan_grow(record->view(), to_level(to), imsm::imsm().limits(), r, express);
    }
};

TEST(PlanTakeover, ABootAtAnyInstantFindsWholeData)
{
    for (const int from : {10, 0}) {
        Machine machine(from);
        const auto plan = machine.plan(10 - from);
        ASSERT_TRUE(plan) << plan.error().text();
        machine.run(*plan);
        EXPECT_EQ(machine.level, level_word(10 - from));
        EXPECT_EQ(machine.disks.load()->view().volumes[0].shape.level, 10 - from);
    }
}

TEST(PlanTakeover, TakenBackItIsAsBefore)
{
    for (const int from : {10, 0}) {
        Machine machine(from);
        const Volume before = machine.record->view().volumes[0];
        const auto plan = machine.plan(10 - from);
        ASSERT_TRUE(plan) << plan.error().text();
        for (const Step &step : plan->steps)
            if (const auto *send = std::get_if<Send>(&step.action)) {
                machine.record_change(send->change);
                machine.record_change(std::get<Send>(step.undo.at(0)).change);
            }
        const auto after = machine.disks.load();
        const Volume &v = after->view().volumes[0];
        EXPECT_EQ(v.shape, before.shape);
        EXPECT_EQ(health(v), Health::Optimal);
        EXPECT_EQ(v.dirty, from == 10) << "mirrors that may just be written";
    }
}

TEST(PlanTakeover, TheOtherDisksAreSparesAlsoAfterACut)
{
    Machine machine(10);
    const auto plan = machine.plan(0);
    ASSERT_TRUE(plan) << plan.error().text();
    for (const Step &step : plan->steps)
        if (const auto *send = std::get_if<Send>(&step.action)) {
            ASSERT_TRUE(machine.record->apply(send->change));
            machine.disks.write(*machine.record, 1);
        }
    const auto found = machine.disks.load();
    EXPECT_EQ(found->view().volumes[0].shape.level, 0);
    EXPECT_EQ(std::ranges::count(found->view().disks, DiskState::Spare, &Disk::state), 2);
    EXPECT_TRUE(found->view().uneven);
    machine.disks.write(*found);
    EXPECT_FALSE(machine.disks.load()->view().uneven);
    EXPECT_EQ(std::ranges::count(machine.disks.load()->view().disks, DiskState::Spare, &Disk::state), 2);
}

TEST(PlanTakeover, OneVolumeOnly)
{
    imsm::Disks disks(4, 131072);
    auto record = disks.create(4);
    ASSERT_TRUE(record->apply(imsm::volume("vol0", 0, {0, 1}, 20480)));
    ASSERT_TRUE(record->apply(imsm::volume("vol1", 0, {0, 1}, 20480)));
    const Express express = [&](const Change &change) -> Result<Container> {
        EMD_TRY(record->apply(change));
        return record->view();
    };
    const Running r = running({{0, "emd126", "clean", "", 0, false, "raid0"}, {1, "emd125", "clean", "", 0, false, "raid0"}});
    const auto plan = plan_grow(record->view(), to_level(10), imsm::imsm().limits(), r, express);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().text(), "volume vol0: RAID0 and RAID10 can take each other over only in a container without another volume");
}

}  // namespace
}  // namespace emd::plan
