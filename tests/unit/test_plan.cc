// SPDX-License-Identifier: GPL-2.0-only
// Plans compared as text: what --dry-run prints is what happens.
#include "plan_world.h"

#include "libemd/plan/grow_facts.h"

#include <gtest/gtest.h>

namespace emd::plan {
namespace {

GrowRequest to_disks(std::uint32_t n)
{
    GrowRequest want;
    want.raid_disks = n;
    return want;
}

std::string refused(const Result<Plan> &plan)
{
    EXPECT_FALSE(plan) << (plan ? to_text(*plan) : "");
    return plan ? "" : plan.error().text();
}

std::string grow_refused(const Container &c, const GrowRequest &want, const Running &r = running())
{
    return refused(plan_grow(c, want, limits(), r, records_on(c)));
}

Result<Plan> grown(const Container &c, const GrowRequest &want)
{
    return plan_grow(c, want, limits(), running(), records_on(c));
}

GrowRequest another_layout(std::uint32_t layout)
{
    GrowRequest want;
    want.volume = 0;
    want.layout = layout;
    return want;
}

GrowRequest another_chunk(std::uint32_t sectors)
{
    GrowRequest want;
    want.volume = 0;
    want.chunk_sectors = sectors;
    return want;
}

TEST(PlanGrow, ThreeDisksBecomeFour)
{
    const Container c = three_disks(1);
    const auto plan = grown(c, to_disks(4));
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(to_text(*plan), R"(reshape vol0
  volume vol0: raid5 of 3 disks, chunk 64K becomes raid5 of 4 disks, chunk 64K
  new members: /dev/sdd
  size: 128.00 MiB before, 192.00 MiB after
  to be moved: 128.00 MiB
  to be backed up: 6.00 MiB, in the copy area of each member (sectors 259935 to 261983)
  time: about 1 s if each disk does 100.00 MiB/s and is otherwise idle
   1  emd127: start the monitor
   2  emd126: sync_action = frozen
   3  emd126: metadata_version = external:-emd127/0
   4  emd127: wait until the monitor is level with volume 0
   5  emd126: sync_action must read frozen
   6  emd126: degraded must read 0
   7  emd126: sync_min = 0
   8  emd126: sync_max = 0
   9  emd126: suspend_hi = 0
  10  emd126: suspend_lo = 0
  11  emd126: raid_disks = 4
  12  emd127: monitor records: volume 0 is reshaped to raid5, 4 disks, chunk 64K
  13  emd126: metadata_version = external:/emd127/0
  14  emd127: wait until the monitor is level with volume 0 and holds slot 3 ready
  15  emd126: sync_action = reshape
  16  emd126: move the data
  17  emd127: wait until the monitor is level with volume 0
  18  emd126: reshape_position must read none
  19  emd126: array_size = default
  20  emd126: metadata_version = external:/emd127/0
  21  emd126: sync_action = idle
)");
}

// What a shape may overwrite depends on where the data go, so the kernel hears of that first. A file for backups has nothing to hold.
TEST(PlanGrow, WhereTheDataMoveNothingIsBackedUp)
{
    const Container c = three_disks(1);
    const Express shifted = [inner = records_on(c)](const Change &change) -> Result<Container> {
        Container after = EMD_TRY(inner(change));
        ReshapeRecord &r = *after.volumes[0].reshape;
        r.backup_member_start = r.backup_member_sectors = 0;
        r.unit = 768;
        r.data_shift = -1024;
        return after;
    };
    RunningVolume r{0, "emd126", "clean", "idle", 0, false};
    r.members = {{"dev-sda", 2048}, {"dev-sdb", 4096}};
    GrowRequest want = to_disks(4);
    want.backup_file = "/root/backup";
    const auto plan = plan_grow(c, want, limits(), running({r}), shifted);
    ASSERT_TRUE(plan) << plan.error().text();
    const std::string text = to_text(*plan);
    EXPECT_NE(text.find("to be backed up: nothing, because the data of each member moves by 512.00 KiB into free room"), text.npos) << text;
    EXPECT_NE(text.find("/root/backup is not made: this change needs no backup"), text.npos) << text;
    EXPECT_EQ(text.find("reserve"), text.npos) << text;
    const std::size_t one = text.find("emd126: dev-sda/new_offset = 1024"), other = text.find("emd126: dev-sdb/new_offset = 3072");
    const std::size_t proposed = text.find("raid_disks = 4");
    ASSERT_NE(proposed, text.npos) << text;
    EXPECT_LT(one, other) << text;
    EXPECT_LT(other, proposed) << text;
}

TEST(PlanGrow, WithoutRedundancyTheGatesComeWithTheProposal)
{
    Container c = three_disks(1);
    c.volumes.front().shape.level = 0;
    c.volumes.front().shape.layout = 0;
    GrowRequest want = to_disks(4);
    want.level = 5;
    want.layout = 0;
    const auto plan = plan_grow(c, want, limits(), running({{0, "emd126", "clean", "", 0, false}}), records_on(c));
    ASSERT_TRUE(plan) << plan.error().text();
    const std::string text = to_text(*plan);
    const std::size_t proposed = text.find("raid_disks = 4"), closed = text.find("sync_max = 0"), begun = text.find("sync_action = reshape");
    ASSERT_NE(begun, text.npos) << text;
    EXPECT_LT(text.find("new_level = raid5"), proposed) << text;
    EXPECT_LT(proposed, closed) << text;
    EXPECT_LT(closed, begun) << text;
    EXPECT_EQ(text.find("sync_action = frozen"), text.npos) << text;
}

TEST(PlanGrow, NothingIsTakenBackOnceDataMayHaveMoved)
{
    const Container c = three_disks(1);
    const auto plan = grown(c, to_disks(4));
    ASSERT_TRUE(plan);
    std::size_t commit = 0;
    while (commit < plan->steps.size() && !plan->steps[commit].commit)
        commit++;
    ASSERT_LT(commit, plan->steps.size());
    EXPECT_TRUE(std::holds_alternative<Manage>(plan->steps[commit].action));
    for (std::size_t i = commit; i < plan->steps.size(); i++)
        EXPECT_TRUE(plan->steps[i].undo.empty()) << to_text(plan->steps[i].action);
}

TEST(PlanGrow, AllVolumesAreFrozenAndTheSecondFollows)
{
    Container c = three_disks(1);
    c.volumes.push_back(raid5(1, "vol1", 3, kComponent + 8192));
    for (Disk &d : c.disks)
        d.sectors *= 2;
    const Running both = running({{0, "emd126", "clean", "idle", 0, false}, {1, "emd125", "active", "idle", 0, false}});
    const auto plan = plan_grow(c, to_disks(4), limits(), both, records_on(c));
    ASSERT_TRUE(plan) << plan.error().text();
    const std::string text = to_text(*plan);
    EXPECT_NE(text.find("then volume vol1 in the same way"), text.npos);
    EXPECT_NE(text.find("emd125: sync_action = frozen"), text.npos);
    EXPECT_EQ(text.find("emd125: sync_action = idle"), text.npos);  // thawed when the container is done

    // What is recorded when the first has ended: the second is behind.
    c.volumes[0] = raid5(0, "vol0", 4);
    c.disks[3].state = DiskState::Active;
    const Running frozen = running({{0, "emd126", "clean", "idle", 0, false}, {1, "emd125", "active", "frozen", 0, true}});
    const auto next = plan_continue(c, limits(), frozen, records_on(c));
    ASSERT_TRUE(next) << next.error().text();
    EXPECT_NE(to_text(*next).find("volume 1 is reshaped to raid5, 4 disks, chunk 64K"), text.npos);
}

TEST(PlanGrow, ContinueDrivesWhatIsRecorded)
{
    Container c = three_disks(1);
    c = *records_on(c)(change::ReshapeStarted{0, {5, 0, 4, 128, kComponent}, {3}});
    c.volumes[0].reshape->position = 6144;
    const auto plan = plan_continue(c, limits(), running({{0, "emd126", "clean", "reshape", 0, false}}), records_on(c));
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(to_text(*plan), R"(continue in emd127
  volume vol0: from sector 6144 on
   1  emd127: start the monitor
   2  emd127: wait until the monitor is level with volume 0
   3  emd126: move the data
   4  emd127: wait until the monitor is level with volume 0
   5  emd126: reshape_position must read none
   6  emd126: array_size = default
)");
}

TEST(PlanGrow, ContinueHasNothingToDoAtTheEnd)
{
    const Container c = three_disks(1);
    const auto plan = plan_continue(c, limits(), running(), records_on(c));
    ASSERT_TRUE(plan);
    EXPECT_TRUE(plan->steps.empty());
}

TEST(PlanGrow, RefusalsNameTheThingAndTheRemedy)
{
    const Container c = three_disks(1);
    EXPECT_EQ(grow_refused(three_disks(0), to_disks(4)),
              "vol0 needs 1 spare disk and the container has 0: add disks with emdadm --add");
    EXPECT_EQ(grow_refused(c, to_disks(5)), "vol0 needs 2 spare disks and the container has 1: add disks with emdadm --add");
    EXPECT_EQ(grow_refused(c, to_disks(3)), "vol0 has this shape already: nothing to do");
    EXPECT_EQ(grow_refused(c, to_disks(4), running({{0, "emd126", "clean", "resync", 0, false}})),
              "vol0 is busy (resync): wait for its end with emdadm --wait");
    EXPECT_EQ(grow_refused(c, to_disks(4), running({{0, "emd126", "clean", "frozen", 0, true}})),
              "vol0 is frozen by somebody: wait, or see emdadm --detail");
    EXPECT_EQ(grow_refused(c, to_disks(4), running({{0, "emd126", "readonly", "idle", 0, false}})),
              "vol0 is read-only: make it writable with emdadm --readwrite");
    EXPECT_EQ(grow_refused(c, to_disks(4), running({})),
              "vol0 is not running: assemble it first, a reshape works on a running volume");
    GrowRequest chunk;
    chunk.chunk_sectors = 4096;
    EXPECT_EQ(grow_refused(c, chunk), "vol0: a chunk of 2048K is not possible; take a power of two from 4K to 1024K");
    GrowRequest level;
    level.level = 6;
    EXPECT_EQ(grow_refused(c, level), "vol0: the format has no raid6");
}

TEST(PlanGrow, TooSmallASpareIsNamed)
{
    Container c = three_disks(1);
    c.disks[3].sectors = 65536;
    EXPECT_EQ(grow_refused(c, to_disks(4)), "vol0 needs 1 more disk of at least 64.00 MiB, and /dev/sdd has 32.00 MiB: add a "
                                            "larger one with emdadm --add");
}

TEST(PlanGrow, DegradedNeedsForce)
{
    const Container c = three_disks(1);
    const Running degraded = running({{0, "emd126", "clean", "idle", 1, false}});
    EXPECT_EQ(grow_refused(c, to_disks(4), degraded), "vol0 misses a disk: let it be rebuilt first, or use --force");
    GrowRequest want = to_disks(4);
    want.force = true;
    EXPECT_TRUE(plan_grow(c, want, limits(), degraded, records_on(c)));
}

TEST(PlanGrow, TheFormatsOwnRefusalIsShown)
{
    const Container c = three_disks(1);
    const Express no = [](const Change &) -> Result<Container> { return fail(Errc::Unsupported, "only raid5 can be reshaped"); };
    EXPECT_EQ(refused(plan_grow(c, to_disks(4), limits(), running(), no)), "vol0: only raid5 can be reshaped");
}

// Nobody shall add a disk for something that is refused with it, too.
TEST(PlanGrow, WhatTheFormatRefusesIsSaidBeforeThatDisksAreMissing)
{
    const Container c = three_disks(0);
    const auto says = [&](Errc code) {
        return refused(plan_grow(c, to_disks(4), limits(), running(), [code](const Change &) -> Result<Container> { return fail(code, "so it is"); }));
    };
    EXPECT_EQ(says(Errc::Refused), "vol0: so it is");
    EXPECT_EQ(says(Errc::Invalid), "vol0 needs 1 spare disk and the container has 0: add disks with emdadm --add");
}

TEST(PlanGrow, ToFewerDisksTheFormatIsAskedToo)
{
    const Container c = three_disks(0);
    std::vector<Change> asked;
    const Express no = [&](const Change &change) -> Result<Container> {
        asked.push_back(change);
        return fail(Errc::Refused, "nothing gets smaller");
    };
    EXPECT_EQ(refused(plan_grow(c, to_disks(2), limits(), running(), no)), "vol0: nothing gets smaller");
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(std::get<change::ReshapeStarted>(asked[0]).target.raid_disks, 2u);
    EXPECT_TRUE(std::get<change::ReshapeStarted>(asked[0]).new_disks.empty());
}

TEST(PlanGrow, AFormatWithoutAPlaceForItReshapesNothing)
{
    Limits none = limits();
    none.reshape = false;
    const Container c = three_disks(1);
    GrowRequest level;
    level.level = 10;
    for (const GrowRequest &want : {to_disks(4), level})
        EXPECT_EQ(refused(plan_grow(c, want, none, running(), records_on(c))),
                  "vol0: the format has no place for how far a reshape is: make a new volume of that shape, and copy the data");
    EXPECT_EQ(unrecorded("/dev/emd/old").text(), "/dev/emd/old has no metadata that could record a reshape: a power cut would lose it");
}

// The format may take what no personality can run.
TEST(PlanGrow, WhatTheKernelCannotRunIsRefusedBeforeItIsRecorded)
{
    const Container c = three_disks(0);
    Limits small = limits();
    small.min_chunk_sectors = 4;
    GrowRequest want;
    want.volume = 0;
    want.chunk_sectors = 4;
    EXPECT_EQ(refused(plan_grow(c, want, small, running(), records_on(c))), "vol0: chunk size is smaller than a page");
}

TEST(PlanGrow, WhoMovesDataIsDriven)
{
    const Container c = three_disks(1);
    const auto more = grown(c, to_disks(4));
    ASSERT_TRUE(more) << more.error().text();
    EXPECT_EQ(way_of(*more), Way::Restripe);
    EXPECT_EQ(way_of(plan_thaw(running())), Way::Takeover);
}

TEST(PlanGrow, ChunkChangeIsBackedUpAsAWhole)
{
    const Container c = three_disks(0);
    const auto plan = grown(c, another_chunk(256));
    ASSERT_TRUE(plan) << plan.error().text();
    const std::string text = to_text(*plan);
    EXPECT_NE(text.find("to be moved: 128.00 MiB\n  to be backed up: 128.00 MiB"), text.npos) << text;
    EXPECT_NE(text.find("emd126: chunk_size = 131072"), text.npos);
    EXPECT_EQ(text.find("raid_disks ="), text.npos);
}

TEST(PlanGrow, AnotherLayoutIsNamed)
{
    const Container c = three_disks(0);
    const auto plan = grown(c, another_layout(2));
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(plan->facts.front(), "volume vol0: raid5 of 3 disks, chunk 64K, left-asymmetric becomes raid5 of 3 disks, chunk 64K, left-symmetric");
}

TEST(PlanGrow, Durations)
{
    EXPECT_EQ(format_duration(59), "59 s");
    EXPECT_EQ(format_duration(600), "10 min");
    EXPECT_EQ(format_duration(12000), "3 h 20 min");
    EXPECT_EQ(format_duration(187200), "2 d 4 h");
}

// -- create and assemble -------------------------------------------------------------------------------------------------

TEST(PlanGrow, ABackupFileIsReservedBeforeAnythingChanges)
{
    const Container c = three_disks(1);
    GrowRequest want;
    want.raid_disks = 4;
    want.backup_file = "/mnt/backup";
    const auto plan = grown(c, want);
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(to_text(plan->steps.front().action), "/mnt/backup: reserve 3.00 MiB for the backup of volume 0");
    ASSERT_EQ(plan->steps.front().undo.size(), 1u);
    EXPECT_EQ(to_text(plan->steps.front().undo.front()), "/mnt/backup: remove");
    EXPECT_TRUE(std::get<ReserveBackup>(plan->steps.front().action).fresh);

    Container moving = *records_on(c)(change::ReshapeStarted{0, {5, 0, 4, 128, kComponent}, {3}});
    const auto more = plan_continue(moving, limits(), running(), records_on(moving), "/mnt/backup");
    ASSERT_TRUE(more) << more.error().text();
    EXPECT_FALSE(std::get<ReserveBackup>(more->steps.front().action).fresh);
}

TEST(PlanCreate, Container)
{
    NewContainer want{"imsm0", "imsm", {{"/dev/sda", {8, 0}, {}}, {"/dev/sdb", {8, 16}, {"an ext4 file system"}}}, true};
    const auto plan = plan_create_container(want);
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(to_text(*plan), R"(create container imsm0 (imsm) of 2 disks
  /dev/sdb has an ext4 file system, which will be lost
   1  metadata: new imsm on /dev/sda, /dev/sdb
   2  imsm0: new array
   3  imsm0: metadata_version = external:imsm
   4  imsm0: add /dev/sda
   5  imsm0: add /dev/sdb
   6  /dev/sdb: wipe what is there
   7  metadata: write to all disks and flush
   8  imsm0: link /dev/emd/imsm0
)");
    EXPECT_EQ(plan->steps[5].undo.size(), 2u);  // also when writing fails at the second disk
    want.force = false;
    EXPECT_EQ(refused(plan_create_container(want)),
              "/dev/sdb has an ext4 file system; to overwrite it, use --force or wipe it first");
}

TEST(PlanCreate, Volume)
{
    Container c = three_disks(0);
    c.volumes.clear();
    NewVolume want;
    want.name = "vol0";
    want.container = "emd127";
    want.shape = {5, 0, 3, 128, 0};
    const auto plan = plan_create_volume(c, want, limits(), records_on(c));
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(to_text(*plan), R"(create volume vol0 in emd127
  raid5, 3 disks, 128.00 MiB usable, chunk 64K
   1  metadata: new volume vol0: raid5, 3 disks, chunk 64K
   2  metadata: write to all disks and flush
   3  vol0: new array
   4  vol0: metadata_version = external:/{emd127}/0
   5  vol0: level = raid5
   6  vol0: raid_disks = 3
   7  vol0: chunk_size = 65536
   8  vol0: layout = 0
   9  vol0: component_size = 65536
  10  vol0: add /dev/sda as member 0, sectors 0 to 131072
  11  vol0: add /dev/sdb as member 1, sectors 0 to 131072
  12  vol0: add /dev/sdc as member 2, sectors 0 to 131072
  13  vol0: resync_start = 0
  14  vol0: array_state = readonly
  15  emd127: start the monitor
  16  emd127: wait until the monitor is level with volume 0
  17  vol0: link /dev/emd/vol0
)");
}

TEST(PlanCreate, VolumeRefusals)
{
    const Container c = three_disks(1);
    NewVolume want;
    want.name = "vol0";
    want.container = "imsm0";
    want.shape = {5, 0, 3, 128, 0};
    const auto refusal = [&] { return refused(plan_create_volume(c, want, limits(), records_on(c))); };
    EXPECT_EQ(refusal(), "imsm0 has a volume named vol0 already: take another name");
    want.name = "vol1";
    want.shape.raid_disks = 5;
    EXPECT_EQ(refusal(), "5 disks are needed and the container has 4: add disks with emdadm --add");
    want.shape = {5, 0, 3, 100, 0};
    EXPECT_EQ(refusal(), "vol1: a chunk of 50K is not possible; take a power of two from 4K to 1024K");
    want.shape = {6, 0, 4, 128, 0};
    EXPECT_EQ(refusal(), "vol1: the format has no raid6");
    want.shape = {5, 0, 3, 128, 0};
    want.disks = {"/dev/sda", "/dev/sdb", "/dev/sdz"};
    EXPECT_EQ(refusal(), "/dev/sdz is no disk of imsm0: add it first with emdadm --add");
    want.disks = {"/dev/sda", "/dev/sdb", "/dev/sda"};
    EXPECT_EQ(refusal(), "/dev/sda is named twice");
    want.disks = {"/dev/sda", "/dev/sdb", "missing"};
    EXPECT_EQ(refusal(), "vol1 would start degraded: use --run if that is meant");
}

TEST(PlanAssemble, InterruptedReshapeInTheKernelsOrder)
{
    Container c = three_disks(1);
    c = *records_on(c)(change::ReshapeStarted{0, {5, 0, 4, 128, kComponent}, {3}});
    c.volumes[0].reshape->position = 6144;
    c.volumes[0].reshape->backup_live = true;
    const auto plan = plan_volume(c, c.volumes[0], "imsm0", "vol0", {});
    ASSERT_TRUE(plan) << plan.error().text();
    EXPECT_EQ(to_text(*plan), R"(start volume vol0
  a reshape from 3 to 4 disks was interrupted at sector 6144 of 393216 and will go on
   1  volume 0: put the backed-up section in its place
   2  vol0: new array
   3  vol0: metadata_version = external:/{imsm0}/0
   4  vol0: level = raid5
   5  vol0: raid_disks = 3
   6  vol0: chunk_size = 65536
   7  vol0: layout = 0
   8  vol0: component_size = 65536
   9  vol0: add /dev/sda as member 0, sectors 0 to 131072
  10  vol0: add /dev/sdb as member 1, sectors 0 to 131072
  11  vol0: add /dev/sdc as member 2, sectors 0 to 131072
  12  vol0: resync_start = none
  13  vol0: reshape_position = 12288
  14  vol0: raid_disks = 4
  15  vol0: add /dev/sdd as member 3, sectors 0 to 131072
  16  vol0: array_size = 131072
  17  vol0: sync_min = 0
  18  vol0: sync_max = 0
  19  vol0: array_state = readonly
  20  imsm0: start the monitor
  21  imsm0: wait until the monitor is level with volume 0
  22  vol0: link /dev/emd/vol0
)");
}

// What it records is not in the record of an emdmon that runs already, which would write its own over it.
TEST(PlanAssemble, WhatIsPutBackIsRecordedBeforeThereIsAMonitor)
{
    Container c = three_disks(1);
    for (unsigned index : {1u, 2u}) {
        c.volumes.push_back(c.volumes[0]);
        c.volumes.back().index = index;
        c.volumes.back().name = fmt::format("vol{}", index);
    }
    EXPECT_EQ(start_order(c), (std::vector<unsigned>{0, 1, 2}));
    c = *records_on(c)(change::ReshapeStarted{1, {5, 0, 4, 128, kComponent}, {3}});
    EXPECT_EQ(start_order(c), (std::vector<unsigned>{0, 1, 2})) << "nothing is to be put back";
    StartOptions monitored;
    monitored.monitored = true;
    EXPECT_TRUE(plan_volume(c, c.volumes[1], "imsm0", "vol1", monitored));
    c.volumes[1].reshape->backup_live = true;
    EXPECT_EQ(start_order(c), (std::vector<unsigned>{1, 0, 2}));
    const auto busy = plan_volume(c, c.volumes[1], "imsm0", "vol1", monitored);
    ASSERT_FALSE(busy);
    EXPECT_EQ(busy.error().code(), Errc::Busy);
    EXPECT_NE(busy.error().text().find("emdmon of imsm0 holds the record: stop the container's other volumes"), std::string::npos);
    EXPECT_TRUE(plan_volume(c, c.volumes[1], "imsm0", "vol1", {}));
    EXPECT_TRUE(plan_volume(c, c.volumes[0], "imsm0", "vol0", monitored));
}

TEST(PlanAssemble, WhoIsMissingIsNamed)
{
    Container c = three_disks(0);
    c.disks[1].present = false;
    StartOptions wait;
    wait.degraded = false;
    EXPECT_EQ(refused(plan_volume(c, c.volumes[0], "imsm0", "vol0", wait)),
              "vol0 waits for member 1 (serial SERIAL-b); --run starts it without");
    EXPECT_TRUE(plan_volume(c, c.volumes[0], "imsm0", "vol0", {}));

    c.volumes[0].dirty = true;
    EXPECT_EQ(refused(plan_volume(c, c.volumes[0], "imsm0", "vol0", {})),
              "vol0 was being written when it stopped and misses member 1 (serial SERIAL-b): what was written last may be "
              "damaged; connect the disk, or start it with --force");
    StartOptions force;
    force.force = true;
    EXPECT_TRUE(plan_volume(c, c.volumes[0], "imsm0", "vol0", force));

    c.disks[2].present = false;
    EXPECT_EQ(refused(plan_volume(c, c.volumes[0], "imsm0", "vol0", force)),
              "vol0 cannot start: 2 of 3 disks are missing: member 1 (serial SERIAL-b), member 2 (serial SERIAL-c); connect "
              "them and try again");
}

// It may be that it runs elsewhere without the disk that is here. Whom the record has given up is not waited for.
TEST(PlanAssemble, OfMdOnlyWhoIsRecordedIsWaitedFor)
{
    Container c = three_disks(0);
    c.format = FormatId::Md1;
    for (Disk &disk : c.disks)
        disk.serial.clear();
    c.disks[1].present = false;
    c.disks[1].state = DiskState::Missing;
    StartOptions wait;
    wait.degraded = false;
    EXPECT_EQ(refused(plan_volume(c, c.volumes[0], "md-disks", "vol0", wait)), "vol0 waits for member 1; --run starts it without");
    EXPECT_TRUE(plan_volume(c, c.volumes[0], "md-disks", "vol0", {}));
    c.volumes[0].slots[1] = {};
    EXPECT_TRUE(plan_volume(c, c.volumes[0], "md-disks", "vol0", wait));
}

TEST(PlanAssemble, DirtyMeansResync)
{
    Container c = three_disks(0);
    c.volumes[0].dirty = true;
    EXPECT_NE(to_text(*plan_volume(c, c.volumes[0], "imsm0", "vol0", {})).find("resync_start = 0"), std::string::npos);
    c.volumes[0].activity = Activity::Init;
    c.volumes[0].checkpoint = 4096;
    EXPECT_NE(to_text(*plan_volume(c, c.volumes[0], "imsm0", "vol0", {})).find("resync_start = 4096"), std::string::npos);
}

TEST(PlanAssemble, ARebuildGoesOnWhereItWas)
{
    Container c = three_disks(0);
    c.volumes[0].slots[2].in_sync = false;
    c.volumes[0].activity = Activity::Rebuild;
    c.volumes[0].checkpoint = 8192;
    const std::string text = to_text(*plan_volume(c, c.volumes[0], "imsm0", "vol0", {}));
    EXPECT_NE(text.find("add /dev/sdc as member 2, sectors 0 to 131072, rebuilt up to 8192"), text.npos);
}

}  // namespace
}  // namespace emd::plan
