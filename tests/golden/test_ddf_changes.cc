// SPDX-License-Identifier: GPL-2.0-only
// What happens to a DDF container while EMD runs it, as it then stands on the disks: also if the power goes in between.
#include "golden/allocations.h"
#include "golden/ddf_disks.h"

#include "libemd/plan/assemble.h"
#include "libemd/report/json.h"

namespace emd::ddf {
namespace {

constexpr const char *kCase = "ddf-raid5-ls";

// What a reader goes by: the volumes, and the states of the disks.
std::string story(const Container &view)
{
    golden::Json json;
    for (const Volume &volume : view.volumes)
        json.push_back(to_json(volume));
    for (const Disk &disk : view.disks)
        json.push_back({disk.serial, to_word(disk.state)});
    return json.dump();
}

const PdBytes *pd_of(const Structure &s, const std::string &refnum)
{
    const auto found = std::ranges::find_if(s.pds, [&](const PdBytes &p) { return fmt::format("{:08x}", p.refnum.get()) == refnum; });
    return found == s.pds.end() ? nullptr : &*found;
}

TEST(DdfChanges, DirtyAndClean)
{
    DdfDisks d(kCase);
    const auto container = d.load();
    const std::uint64_t before = container->view().sequence;
    d.change(*container, change::MarkDirty{0});
    EXPECT_TRUE(d.load()->view().volumes[0].dirty);
    EXPECT_EQ(read_disk(*d.disks[2])->newest.vds[0].state, kInconsistent);
    d.change(*container, change::MarkClean{0});
    EXPECT_FALSE(d.load()->view().volumes[0].dirty);
    EXPECT_EQ(d.load()->view().sequence, before + 2);
    EXPECT_FALSE(d.load()->view().uneven);
}

TEST(DdfChanges, OnlySectionsThatChangeAreWritten)
{
    DdfDisks d(kCase);
    const auto container = d.load();
    ASSERT_TRUE(container->apply(change::MarkDirty{0}));
    std::size_t sections = 0;
    for (const Image &image : DdfDisks::writes(*container)) {
        if (image.phase % 3 != 1)
            continue;
        sections++;
        EXPECT_EQ(read_at<Be32>(image.bytes, 0)->get(), kVdSignature);
    }
    EXPECT_EQ(sections, 6u) << "two structures on three disks";
}

// From a failure to a whole array again.
TEST(DdfChanges, ADiskFailsAndASpareTakesItsPlace)
{
    DdfDisks d(kCase);
    auto container = d.load();
    const std::string failed = container->view().disks[1].serial;
    d.change(*container, change::DiskFailed{1});
    container = d.load();
    EXPECT_EQ(container->view().disks[1].state, DiskState::Failed);
    EXPECT_EQ(health(container->view().volumes[0]), Health::Degraded);
    const Structure degraded = read_disk(*d.disks[0])->newest;
    EXPECT_EQ(degraded.vds[0].state & kStateMask, kDegraded);
    EXPECT_EQ(pd_of(degraded, failed)->state.get(), kOnline | kFailed);

    const Disk blank = d.add_blank("spare");
    d.change(*container, change::SpareAdded{blank});
    container = d.load();
    ASSERT_EQ(container->view().disks.size(), 4u);
    EXPECT_EQ(container->view().disks[3].state, DiskState::Spare);
    EXPECT_EQ(container->view().disks[3].path, "spare");
    EXPECT_FALSE(container->view().uneven);

    d.change(*container, change::RebuildStarted{0, 1, 3});
    container = d.load();
    EXPECT_EQ(container->view().volumes[0].slots[1].disk, 3);
    EXPECT_FALSE(container->view().volumes[0].slots[1].in_sync);
    EXPECT_EQ(container->view().volumes[0].activity, Activity::Rebuild);
    EXPECT_EQ(container->view().volumes[0].checkpoint, 0u);
    const Structure rebuilding = read_disk(*d.disks[3])->newest;
    EXPECT_EQ(pd_of(rebuilding, container->view().disks[3].serial)->state.get(), kOnline | kRebuilding);
    EXPECT_EQ(pd_of(rebuilding, container->view().disks[3].serial)->type.get(), kForcedGuid | kInVd);
    EXPECT_EQ(pd_of(rebuilding, failed)->state.get(), kOnline | kFailed | kTransition);
    EXPECT_EQ(rebuilding.config(0)->head().sequence.get(), degraded.config(0)->head().sequence.get() + 1);

    d.change(*container, change::SyncProgress{0, 8192});
    EXPECT_EQ(container->view().volumes[0].checkpoint, 8192u);
    EXPECT_EQ(d.load()->view().volumes[0].checkpoint, 0u) << "there is no place for it";
    d.change(*container, change::SyncFinished{0});
    container = d.load();
    EXPECT_EQ(health(container->view().volumes[0]), Health::Optimal);
    EXPECT_EQ(read_disk(*d.disks[0])->newest.vds[0].state & kStateMask, kOptimal);
    d.change(*container, change::DiskRemoved{1});
    const Structure last = read_disk(*d.disks[0])->newest;
    EXPECT_EQ(pd_of(last, failed), nullptr);
    EXPECT_EQ(last.find_pd(read_disk(*d.disks[3])->newest.own_head().refnum.get()), 2) << "no holes";
    EXPECT_EQ(health(d.load({0, 2, 3})->view().volumes[0]), Health::Optimal);
}

TEST(DdfChanges, WhoHasFailedComesBackAsANewDisk)
{
    DdfDisks d(kCase);
    const auto container = d.load();
    d.change(*container, change::DiskFailed{1});
    Disk again = container->view().disks[1];
    const std::string before = again.serial;
    d.change(*container, change::SpareAdded{again});
    const auto after = d.load();
    ASSERT_EQ(after->view().disks.size(), 4u);
    EXPECT_EQ(after->view().disks[1].serial, before);
    EXPECT_FALSE(after->view().disks[1].present);
    EXPECT_EQ(after->view().disks[3].state, DiskState::Spare);
    EXPECT_EQ(after->view().disks[3].path, again.path);
    d.change(*after, change::RebuildStarted{0, 1, 3});
    EXPECT_EQ(d.load()->view().disks.size(), 3u) << "what it was is named by nobody any more";
}

TEST(DdfChanges, WhoIsAwayWhenItIsWrittenIsAMemberNoMore)
{
    DdfDisks d(kCase);
    const auto without = d.load({0, 2});
    EXPECT_EQ(without->view().disks[1].state, DiskState::Missing);
    d.change(*without, change::DiskFailed{1});
    EXPECT_EQ(pd_of(read_disk(*d.disks[0])->newest, without->view().disks[1].serial)->state.get(), kFailed | kMissing);
    const auto back = d.load();
    EXPECT_EQ(back->view().disks[1].state, DiskState::Failed);
    EXPECT_FALSE(back->view().volumes[0].slots[1].in_sync);
}

TEST(DdfChanges, ARebuildThatWasInterruptedBeginsAnew)
{
    DdfDisks d("ddf-raid5-rebuild-mid");
    const auto container = d.load();
    const Volume &volume = container->view().volumes[0];
    ASSERT_EQ(volume.activity, Activity::Rebuild);
    EXPECT_EQ(volume.checkpoint, 0u);
    d.change(*container, change::SyncFinished{0});
    EXPECT_EQ(health(d.load()->view().volumes[0]), Health::Optimal);
}

TEST(DdfChanges, ADirtyMirrorIsInitialisedToItsEnd)
{
    DdfDisks d("ddf-raid1-dirty");
    const auto container = d.load();
    d.change(*container, change::InitStarted{0});
    EXPECT_EQ(d.load()->view().volumes[0].activity, Activity::Init);
    d.change(*container, change::SyncFinished{0});
    d.change(*container, change::MarkClean{0});
    const auto after = d.load();
    EXPECT_TRUE(after->view().volumes[0].initialised);
    EXPECT_FALSE(after->view().volumes[0].dirty);
    EXPECT_EQ(after->view().volumes[0].activity, Activity::None);
}

// The state of a disk is one for all its volumes.
TEST(DdfChanges, ADiskOfTwoVolumesIsWholeWhenItIsInBoth)
{
    DdfDisks d("ddf-multi-raid5-raid1-spare");
    const auto container = d.load();
    d.change(*container, change::DiskFailed{2});
    const auto degraded = d.load();
    for (const Volume &volume : degraded->view().volumes)
        EXPECT_EQ(health(volume), Health::Degraded);
    EXPECT_FALSE(container->apply(change::RebuildStarted{1, 1, 0})) << "it is in sync in the other volume";
    d.change(*container, change::RebuildStarted{0, 2, 3});
    d.change(*container, change::RebuildStarted{1, 1, 3});
    EXPECT_EQ(container->view().volumes[1].slots[1].disk, 3);
    EXPECT_EQ(place_of(container->view().volumes[1], container->view().volumes[1].slots[1]).offset, 12288u);
    d.change(*container, change::SyncFinished{0});
    EXPECT_EQ(health(container->view().volumes[0]), Health::Optimal);
    EXPECT_EQ(health(d.load()->view().volumes[0]), Health::Degraded) << "on the disks it still is being rebuilt";
    d.change(*container, change::SyncFinished{1});
    const auto whole = d.load();
    for (const Volume &volume : whole->view().volumes)
        EXPECT_EQ(health(volume), Health::Optimal);
}

TEST(DdfChanges, ASpareOfOneVolumeServesNoOther)
{
    DdfDisks d("ddf-multi-raid5-raid1-spare");
    const Guid raid1 = d.load() ? read_disk(*d.disks[0])->newest.vds[1].guid : Guid{};
    for (std::size_t disk = 0; disk < 4; disk++)
        d.edit_section(disk, kPds, [&](MutableBytes b) { ASSERT_TRUE(write_at(b, sizeof(TableBytes) + 3 * 64 + 28, Be16(kForcedGuid | kDedicatedSpare))); });
    d.edit_section(3, kConfigs, [&](MutableBytes b) {
        SpareBytes spare = *read_at<SpareBytes>(b, 0);
        spare.signature = kSpareSignature;
        spare.type = kDedicated;
        spare.used = std::uint16_t{1};
        ASSERT_TRUE(write_at(b, 0, spare));
        SpareEntryBytes entry = *read_at<SpareEntryBytes>(b, sizeof(spare));
        entry.vd = raid1;
        ASSERT_TRUE(write_at(b, sizeof(spare), entry));
    });
    const auto container = d.load();
    ASSERT_EQ(container->view().disks[3].state, DiskState::Spare);
    d.change(*container, change::DiskFailed{2});
    const auto refused = container->apply(change::RebuildStarted{0, 2, 3});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find("is a spare of other volumes"), std::string::npos) << refused.error().text();
    d.change(*container, change::RebuildStarted{1, 1, 3});
    EXPECT_EQ(read_at<Be32>(d.section(3, kPrimary, kConfigs), 0)->get(), kSpareSignature) << "its record is kept";
}

TEST(DdfChanges, WhatAnotherImplementationKeepsIsKept)
{
    DdfDisks d(kCase);
    const std::string mark = "kept by somebody else";
    for (const HeaderType type : {kPrimary, kSecondary})
        std::ranges::transform(mark, reinterpret_cast<char *>(d.section(1, type, kConfigs).data() + 3 * 7 * kSector + 600), [](char c) { return c; });
    d.edit_header(1, kPrimary, [](HeaderBytes &h) { h.reserved2.fill(0x5a); });
    d.edit_header(1, kSecondary, [](HeaderBytes &h) { h.reserved2.fill(0x5a); });
    const auto container = d.load();
    d.change(*container, change::DiskFailed{0});
    d.change(*container, change::SpareAdded{d.add_blank("spare")});
    d.change(*container, change::RebuildStarted{0, 0, 3});
    for (const HeaderType type : {kPrimary, kSecondary})
        EXPECT_EQ(std::memcmp(d.section(1, type, kConfigs).data() + 3 * 7 * kSector + 600, mark.data(), mark.size()), 0);
    EXPECT_EQ(read_disk(*d.disks[1])->newest.header.reserved2[20], 0x5a);
}

// -- cuts --

struct Step {
    const char *what;
    std::function<void(DdfDisks &, DdfMetadata &)> before;  // done and durable
    std::function<Change(DdfDisks &)> change;
};

const std::vector<Step> &steps()
{
    static const auto nothing = [](DdfDisks &, DdfMetadata &) {};
    static const auto degraded = [](DdfDisks &d, DdfMetadata &m) { d.change(m, change::DiskFailed{1}); };
    static const auto with_spare = [](DdfDisks &d, DdfMetadata &m) {
        d.change(m, change::DiskFailed{1});
        d.change(m, change::SpareAdded{d.add_blank("spare")});
    };
    static const auto rebuilding = [](DdfDisks &d, DdfMetadata &m) {
        with_spare(d, m);
        d.change(m, change::RebuildStarted{0, 1, 3});
    };
    static const std::vector<Step> all{
        {"dirty", nothing, [](DdfDisks &) { return Change(change::MarkDirty{0}); }},
        {"clean", [](DdfDisks &d, DdfMetadata &m) { d.change(m, change::MarkDirty{0}); }, [](DdfDisks &) { return Change(change::MarkClean{0}); }},
        {"failed", nothing, [](DdfDisks &) { return Change(change::DiskFailed{2}); }},
        {"spare", degraded, [](DdfDisks &d) { return Change(change::SpareAdded{d.add_blank("spare")}); }},
        {"rebuild", with_spare, [](DdfDisks &) { return Change(change::RebuildStarted{0, 1, 3}); }},
        {"rebuilt", rebuilding, [](DdfDisks &) { return Change(change::SyncFinished{0}); }},
        {"gone", with_spare, [](DdfDisks &) { return Change(change::DiskRemoved{3}); }},
    };
    return all;
}

// What is read can be made the same on all disks, whatever was there.
void even_out(DdfDisks &d, DdfMetadata &container)
{
    const std::string told = story(container.view());
    const std::vector<Image> images = DdfDisks::writes(container);
    std::vector<std::vector<std::byte>> before;
    for (const Image &image : images) {
        const auto was = d.under(container.view(), image);
        before.emplace_back(was.begin(), was.end());
        d.write(container.view(), image);
    }
    const auto again = d.load();
    EXPECT_FALSE(again->view().uneven);
    EXPECT_EQ(story(again->view()), told);
    for (std::size_t i = images.size(); i-- > 0;)
        std::ranges::copy(before[i], d.under(container.view(), images[i]).begin());
}

// After each write, and in the midst of each, the disks tell what was or what is to be, and can be written on.
void cut_everywhere(const Step &step, bool backwards)
{
    SCOPED_TRACE(fmt::format("{}{}", step.what, backwards ? ", backwards" : ""));
    DdfDisks d(kCase);
    const auto container = d.load();
    step.before(d, *container);
    const Change change = step.change(d);
    const std::string before = story(d.load()->view());
    const auto done = container->apply(change);
    ASSERT_TRUE(done) << done.error().text();
    const std::vector<Image> writes = DdfDisks::writes(*container, backwards);
    ASSERT_FALSE(writes.empty());
    std::vector<std::string> seen;
    const auto look = [&] {
        const auto now = d.load();
        ASSERT_TRUE(now);
        EXPECT_TRUE(now->view().volumes[0].read_write) << now->view().volumes[0].refused;
        seen.push_back(story(now->view()));
        even_out(d, *now);
    };
    for (const Image &image : writes) {
        if (image.bytes.size() > kSector) {
            d.write(container->view(), image, kSector);
            look();
            d.write(container->view(), image, image.bytes.size() / 2 / kSector * kSector);
            look();
        }
        d.write(container->view(), image);
        look();
    }
    const std::string after = seen.back();
    EXPECT_NE(after, before);
    const bool moves = std::holds_alternative<change::RebuildStarted>(change) || std::holds_alternative<change::SpareAdded>(change) ||
                       std::holds_alternative<change::DiskRemoved>(change);
    bool changed = false;
    for (std::size_t i = 0; i < seen.size(); i++) {
        changed = changed || seen[i] != before;
        if (!moves) {
            EXPECT_TRUE(seen[i] == before || seen[i] == after) << "write " << i << ": " << seen[i];
            EXPECT_TRUE(!changed || seen[i] == after) << "write " << i << " goes back";
        }
    }
    if (!std::holds_alternative<change::DiskRemoved>(change)) {  // here it is still connected
        EXPECT_EQ(story(container->view()), after) << "what is in memory is what is on the disks";
    }
}

TEST(DdfCuts, EveryPrefixOfTheWritesIsWhatWasOrWhatIsToBe)
{
    for (const Step &step : steps())
        for (const bool backwards : {false, true})
            cut_everywhere(step, backwards);
}

// Wherever it is cut: who holds nothing is in sync nowhere, and the others are.
TEST(DdfCuts, ASpareIsNeverTakenForAMember)
{
    for (const bool backwards : {false, true}) {
        DdfDisks d(kCase);
        const auto container = d.load();
        d.change(*container, change::DiskFailed{1});
        d.change(*container, change::SpareAdded{d.add_blank("spare")});
        ASSERT_TRUE(container->apply(change::RebuildStarted{0, 1, 3}));
        for (const Image &image : DdfDisks::writes(*container, backwards)) {
            d.write(container->view(), image);
            const auto now = d.load();
            const Volume &volume = now->view().volumes[0];
            EXPECT_FALSE(volume.slots[1].in_sync);
            EXPECT_TRUE(volume.slots[0].in_sync && volume.slots[2].in_sync);
            const DiskState state = now->view().disks[3].state;
            EXPECT_TRUE(state == DiskState::Spare || state == DiskState::Active) << to_word(state);
        }
    }
}

// A second cut, after one that left only the primary whole, must not open that one.
TEST(DdfCuts, TheOnlyStructureThatIsWholeIsWrittenLast)
{
    DdfDisks d(kCase);
    d.edit_header(0, kSecondary, [](HeaderBytes &h) { h.open = 1; });
    const auto container = d.load();
    EXPECT_TRUE(container->view().uneven);
    ASSERT_TRUE(container->apply(change::MarkDirty{0}));
    for (const Image &image : DdfDisks::writes(*container)) {
        d.write(container->view(), image);
        const auto found = read_disk(*d.disks[0]);
        ASSERT_TRUE(found) << found.error().text();
        EXPECT_EQ(found->newest.header.open, 0) << "phase " << image.phase;
    }
    EXPECT_TRUE(read_disk(*d.disks[0])->even);
}

// A record is newer than the tables where the power went in the midst of a structure that is the only one.
TEST(DdfCuts, ASpareIsNoMemberWhereThereIsOneStructure)
{
    for (const bool backwards : {false, true}) {
        DdfDisks d(kCase);
        for (std::size_t disk = 0; disk < 3; disk++)
            for (const HeaderType type : {kPrimary, kAnchor})
                d.edit_header(disk, type, [](HeaderBytes &h) { h.secondary = kNone64; });
        const auto container = d.load();
        d.change(*container, change::DiskFailed{1});
        d.change(*container, change::SpareAdded{d.add_blank("spare")});
        ASSERT_TRUE(container->apply(change::RebuildStarted{0, 1, 3}));
        for (const Image &image : DdfDisks::writes(*container, backwards)) {
            for (const std::size_t bytes : {kSector, image.bytes.size()}) {
                d.write(container->view(), image, bytes);
                const auto now = d.load();
                EXPECT_FALSE(now->view().volumes[0].slots[1].in_sync) << "phase " << image.phase << ", " << bytes << " bytes at " << image.offset_bytes;
            }
        }
    }
}

// Who opened a structure for a change was there when the one before it was complete, even if none of two was.
TEST(DdfCuts, TwoThatWereCutShortMakeNobodyTooOld)
{
    for (const unsigned of_first : {1u, 2u})
        for (const unsigned of_second : {1u, 2u})
            for (const bool backwards : {false, true}) {
                DdfDisks d(kCase);
                const auto cut = [&](const Change &change, unsigned closed, bool reverse) {
                    const auto container = d.load();
                    ASSERT_TRUE(container->apply(change));
                    for (const Image &image : DdfDisks::writes(*container, reverse))
                        if (image.phase < 2 || (image.phase == 2 && closed-- > 0))
                            d.write(container->view(), image);
                        else
                            break;
                };
                cut(change::MarkDirty{0}, of_first, false);
                cut(change::MarkClean{0}, of_second, backwards);
                const auto now = d.load();
                EXPECT_EQ(health(now->view().volumes[0]), Health::Optimal) << of_first << " " << of_second << " " << backwards;
                d.change(*now, change::MarkDirty{0});
                EXPECT_EQ(health(d.load()->view().volumes[0]), Health::Optimal);
            }
}

// A disk fails in one change, which stops there, and the power goes while that is recorded.
TEST(DdfCuts, AnErrorAndACutMakeNobodyTooOld)
{
    for (const unsigned failed_in : {0u, 2u}) {
        DdfDisks d(kCase);
        const auto container = d.load();
        ASSERT_TRUE(container->apply(change::MarkDirty{0}));
        for (const Image &image : DdfDisks::writes(*container))
            if (image.disk != 2 && image.phase <= failed_in)
                d.write(container->view(), image);
        ASSERT_TRUE(container->apply(change::DiskFailed{2}));
        for (const Image &image : DdfDisks::writes(*container)) {
            d.write(container->view(), image);
            if (image.bytes.size() > kSector)
                continue;
            const auto now = d.load({0, 1});
            EXPECT_TRUE(now->view().volumes[0].slots[0].in_sync && now->view().volumes[0].slots[1].in_sync) << failed_in << ", phase " << image.phase;
        }
    }
}

TEST(DdfChanges, NothingIsAllocatedForWhatTheKernelReports)
{
    DdfDisks d("ddf-multi-raid5-raid1-spare");
    const auto container = d.load();
    std::vector<Image> images = container->prepare();
    for (const Change &change : {Change(change::InitStarted{0}), Change(change::MarkDirty{0}), Change(change::SyncProgress{0, 8192}),
                                 Change(change::SyncFinished{0}), Change(change::MarkClean{0}), Change(change::DiskFailed{2})}) {
        bool done = false;
        const unsigned long before = golden::allocations();
        done = container->apply(change).has_value();
        container->encode(images);
        const unsigned long count = golden::allocations() - before;
        EXPECT_TRUE(done) << change.index();
        EXPECT_EQ(count, 0u) << change.index();
    }
}

TEST(DdfChanges, APlanStartsIt)
{
    DdfDisks d("ddf-multi-raid5-raid1-spare");
    const auto container = d.load();
    for (const Volume &volume : container->view().volumes) {
        const auto plan = plan::plan_volume(container->view(), volume, "c", volume.name, {});
        ASSERT_TRUE(plan) << plan.error().text();
    }
}

}  // namespace
}  // namespace emd::ddf
