// SPDX-License-Identifier: GPL-2.0-only
// New DDF containers and volumes: everything lies where mdadm would have put it, a reader finds what was asked for, and a cut leaves
// nothing or all of it.
#include "golden/ddf_disks.h"

#include "libemd/plan/assemble.h"
#include "libemd/report/json.h"

#include <emd/emd.h>

namespace emd::ddf {
namespace {

constexpr std::uint64_t kSmall = 65536 + 16384;  // sectors of a disk, 16384 of them for data

std::unique_ptr<Metadata> fresh(const DdfDisks &d)
{
    auto made = ddf().create(d.media());
    EXPECT_TRUE(made) << made.error().text();
    return made ? std::move(*made) : nullptr;
}

std::vector<Image> writes(Metadata &container, bool backwards = false)
{
    return DdfDisks::writes(static_cast<DdfMetadata &>(container), backwards);
}

// A container that stands on the disks.
std::unique_ptr<DdfMetadata> container_on(DdfDisks &d)
{
    const auto made = fresh(d);
    for (const Image &image : writes(*made))
        d.write(made->view(), image);
    return d.load();
}

change::VolumeCreated volume(std::string name, int level, std::uint32_t layout, std::vector<int> slots, std::uint32_t chunk = 128, std::uint64_t sectors = 0)
{
    change::VolumeCreated created;
    created.name = std::move(name);
    created.shape.level = level;
    created.shape.layout = layout;
    created.shape.raid_disks = static_cast<std::uint32_t>(slots.size());
    created.shape.chunk_sectors = level == 1 ? 0 : chunk;
    created.slots = std::move(slots);
    created.component_limit = sectors;
    created.assume_clean = true;
    return created;
}

std::string refusal(DdfMetadata &container, const Change &change)
{
    const auto done = container.apply(change);
    return done ? "" : done.error().text();
}

// -- as the peer --

class DdfAsThePeer : public testing::TestWithParam<const char *> {
protected:
    static std::optional<Record> same_level(const Structure &in, const std::optional<Record> &as)
    {
        for (std::size_t slot = 0; as && slot < in.records(); slot++)
            if (const auto record = in.config(slot); record && record->head().level == as->head().level)
                return record;
        return std::nullopt;
    }
    // In which of its places a record stands says nothing: the peer puts that of the newest volume in front.
    static std::vector<Block> records_of(const Structure &s)
    {
        std::vector<Block> records;
        for (std::size_t slot = 0; slot < s.records(); slot++)
            records.emplace_back(s.record_at(slot).begin(), s.record_at(slot).end());
        std::ranges::sort(records);
        return records;
    }
    // What differs by its nature is put as the peer has it: names, numbers, times, and whose host it was.
    void take_names(const Structure &peer, Structure &mine)
    {
        mine.header.guid = peer.header.guid;
        mine.header.sequence = peer.header.sequence;
        mine.header.timestamp = peer.header.timestamp;
        for (std::size_t i = 0; i < mine.pds.size(); i++) {
            mine.pds[i].guid = peer.pds[i].guid;
            mine.pds[i].refnum = peer.pds[i].refnum;
        }
        for (std::size_t i = 0; i < mine.vds.size(); i++) {
            mine.vds[i].guid = peer.vds[i].guid;
            mine.vds[i].unit = peer.vds[i].unit;    // the number of its device, which is another one each time
            mine.vds[i].owner = peer.vds[i].owner;  // said to be not valid
        }
        encode_pds(mine.pds, mine.pd_section);
        encode_vds(mine.vds, mine.vd_section);
        for (std::size_t slot = 0; slot < mine.records(); slot++) {
            const auto record = same_level(peer, mine.config(slot));
            const MutableBytes bytes = MutableBytes(mine.configs).subspan(slot * mine.record_bytes(), mine.record_bytes());
            auto head = *read_at<ConfigBytes>(bytes, 0);
            if (!record)
                continue;
            head.guid = record->head().guid;
            head.timestamp = record->head().timestamp;
            head.sequence = record->head().sequence;
            ASSERT_TRUE(write_at(bytes, 0, head));
            for (unsigned element = 0; element < head.primary_count.get(); element++)  // the order of the disks is that of the table, as below
                ASSERT_TRUE(write_at(bytes, kSector + 4 * element, Be32(record->refnum(element))));
            seal(bytes);
        }
        OwnBytes own = mine.own_head();
        own.guid = peer.own_head().guid;
        own.refnum = peer.own_head().refnum;
        own.scratch = peer.own_head().scratch;  // whose tools it was
        ASSERT_TRUE(write_at(mine.own, 0, own));
        seal(mine.own);
    }
};

TEST_P(DdfAsThePeer, EveryByteIsAsThePeerWritesIt)
{
    const DdfDisks peer(GetParam());
    const Container theirs = peer.load()->view();
    std::vector<std::uint64_t> sectors;
    std::vector<std::size_t> images;  // by entry
    for (const Disk &disk : theirs.disks) {
        sectors.push_back(disk.sectors);
        images.push_back(static_cast<std::size_t>(std::ranges::find(peer.disks, disk.path, [](const auto &m) { return m->path(); }) - peer.disks.begin()));
    }
    DdfDisks d(sectors);
    auto mine = container_on(d);
    for (const Volume &v : theirs.volumes) {
        change::VolumeCreated want{v.name, v.shape, {}, v.shape.component_sectors, true};
        for (const Slot &slot : v.slots)
            want.slots.push_back(slot.disk);
        d.change(*mine, want);
    }
    for (std::size_t i = 0; i < images.size(); i++) {
        const auto want = read_disk(*peer.disks.at(images[i])), got = read_disk(*d.disks[i]);
        ASSERT_TRUE(want && got);
        EXPECT_TRUE(got->even && got->redundant);
        Structure s = got->newest;
        take_names(want->newest, s);
        EXPECT_EQ(std::memcmp(bytes_of(s.header).data() + 8, bytes_of(want->newest.header).data() + 8, kSector - 8), 0);
        EXPECT_EQ(s.pd_section, want->newest.pd_section);
        EXPECT_EQ(s.vd_section, want->newest.vd_section);
        EXPECT_EQ(records_of(s), records_of(want->newest));
        EXPECT_EQ(s.own, want->newest.own);
        const ControllerBytes one = s.controller_head(), other = want->newest.controller_head();
        EXPECT_TRUE(std::equal(one.guid.begin(), one.guid.begin() + 8, other.guid.begin()));
        EXPECT_EQ(one.reserved, other.reserved);
        for (const Be64 HeaderBytes::*lba : {&HeaderBytes::primary, &HeaderBytes::secondary, &HeaderBytes::workspace})
            EXPECT_EQ(got->anchor.*lba, want->anchor.*lba);
    }
    const Container view = d.load()->view();
    ASSERT_EQ(view.volumes.size(), theirs.volumes.size());
    for (std::size_t i = 0; i < view.volumes.size(); i++) {
        EXPECT_EQ(view.volumes[i].shape, theirs.volumes[i].shape);
        EXPECT_EQ(view.volumes[i].array_sectors, theirs.volumes[i].array_sectors);
        EXPECT_EQ(health(view.volumes[i]), Health::Optimal);
    }
}

INSTANTIATE_TEST_SUITE_P(DdfCreate, DdfAsThePeer,
                         testing::Values("ddf-raid0-2disk", "ddf-raid1-2disk", "ddf-raid5-ls", "ddf-raid5-la-4disk", "ddf-raid6-n-restart",
                                         "ddf-raid6-zero-restart", "ddf-raid10-n3-6disk", "ddf-multi-raid5-raid1-spare", "ddf-v46-raid5"),
                         [](const auto &info) { return golden::test_name(info.param); });

// -- containers --

TEST(DdfCreate, AContainerOfSpares)
{
    DdfDisks d({kSmall, 2 * kSmall, kSmall});
    const auto container = container_on(d);
    const Container &view = container->view();
    ASSERT_EQ(view.disks.size(), 3u);
    EXPECT_TRUE(view.volumes.empty());
    EXPECT_FALSE(view.uneven);
    EXPECT_EQ(view.sequence, 1u);
    for (const Disk &disk : view.disks)
        EXPECT_EQ(disk.state, DiskState::Spare);
    EXPECT_EQ(read_disk(*d.disks[1])->newest.header.secondary.get(), 2 * kSmall - 65536);
    EXPECT_EQ(read_disk(*d.disks[0])->newest.pds[1].sectors.get(), 2 * kSmall - 65536);
    EXPECT_NE(fresh(d)->view().uuid, view.uuid) << "each has a name of its own";
}

TEST(DdfCreate, DisksThatWillNotDo)
{
    const auto says = [](DdfDisks &d, const char *what) {
        const auto made = ddf().create(d.media());
        ASSERT_FALSE(made);
        EXPECT_NE(made.error().text().find(what), std::string::npos) << made.error().text();
    };
    DdfDisks small({kSmall, 65536 + 2047});
    says(small, "d1 is too small for DDF");
    DdfDisks d({kSmall});
    d.disks[0]->is_partition = true;
    says(d, "d0 is a partition");
    d.disks[0]->is_partition = false;
    d.disks[0]->logical_sector = 4096;
    says(d, "d0 has sectors of 4096 bytes");
    DdfDisks none(std::vector<std::uint64_t>{});
    says(none, "at least one disk");
}

// The anchor comes last: until then the disk is nobody's.
TEST(DdfCreate, ACutLeavesDisksThatAreNobodysOrWhole)
{
    for (const bool backwards : {false, true}) {
        DdfDisks d({kSmall, kSmall, kSmall});
        const auto made = fresh(d);
        const auto look = [&] {
            std::vector<std::size_t> found;
            for (std::size_t i = 0; i < d.disks.size(); i++) {
                const auto probe = ddf().probe(*d.disks[i]);
                ASSERT_TRUE(probe) << probe.error().text();
                if (probe->found)
                    found.push_back(i);
            }
            if (found.empty())
                return;
            const auto now = d.load(found);
            EXPECT_EQ(now->view().uuid, made->view().uuid);
            EXPECT_EQ(now->view().disks.size(), 3u);
            for (const std::size_t i : found)
                EXPECT_EQ(now->view().disks[i].state, DiskState::Spare);
        };
        for (const Image &image : writes(*made, backwards)) {
            d.write(made->view(), image, kSector);
            look();
            d.write(made->view(), image);
            look();
        }
        EXPECT_EQ(d.load()->view().disks.size(), 3u);
    }
}

// -- volumes --

struct Level {
    const char *name;
    int level;
    std::uint32_t layout;
    std::size_t disks;
    std::uint64_t sectors;  // that are visible, of disks with 16384 for data
};

TEST(DdfCreate, EachLevelIsReadAsItWasMade)
{
    static constexpr Level levels[] = {
        {"r0", 0, 0, 3, 49152},
        {"r1", 1, 0, 2, 16384},
        {"r1x3", 1, 0, 3, 16384},
        {"r4", 4, 0, 3, 32768},
        {"r5ls", 5, EMD_LAYOUT_LEFT_SYMMETRIC, 4, 49152},
        {"r5la", 5, EMD_LAYOUT_LEFT_ASYMMETRIC, 3, 32768},
        {"r5ra", 5, EMD_LAYOUT_RIGHT_ASYMMETRIC, 3, 32768},
        {"r6zr", 6, EMD_LAYOUT_DDF_ZERO_RESTART, 4, 32768},
        {"r6nr", 6, EMD_LAYOUT_DDF_N_RESTART, 5, 49152},
        {"r6nc", 6, EMD_LAYOUT_DDF_N_CONTINUE, 4, 32768},
        {"r10n2", 10, EMD_LAYOUT_RAID10_NEAR(2), 4, 32768},
        {"r10n3", 10, EMD_LAYOUT_RAID10_NEAR(3), 6, 32768},
        {"r1e", 10, EMD_LAYOUT_RAID10_NEAR(2), 3, 24576},
    };
    for (const Level &l : levels) {
        SCOPED_TRACE(l.name);
        DdfDisks d(std::vector<std::uint64_t>(l.disks, kSmall));
        const auto container = container_on(d);
        std::vector<int> slots;
        for (std::size_t i = l.disks; i-- > 0;)
            slots.push_back(static_cast<int>(i));
        change::VolumeCreated want = volume(l.name, l.level, l.layout, slots);
        want.assume_clean = false;
        d.change(*container, want);
        const auto now = d.load();
        ASSERT_EQ(now->view().volumes.size(), 1u);
        const Volume &v = now->view().volumes[0];
        EXPECT_TRUE(v.read_write) << v.refused;
        EXPECT_EQ(v.name, l.name);
        EXPECT_EQ(v.shape.level, l.level);
        EXPECT_EQ(v.shape.layout, l.layout);
        EXPECT_EQ(v.shape.chunk_sectors, l.level == 1 ? 0u : 128u);
        EXPECT_EQ(v.array_sectors, l.sectors);
        EXPECT_EQ(v.initialised, l.level == 0);
        EXPECT_FALSE(v.dirty);
        EXPECT_EQ(health(v), Health::Optimal);
        for (std::size_t i = 0; i < slots.size(); i++)
            EXPECT_EQ(v.slots[i].disk, slots[i]);
        for (const Disk &disk : now->view().disks)
            EXPECT_EQ(disk.state, DiskState::Active);
        EXPECT_EQ(to_json(v), to_json(container->view().volumes[0])) << "what is in memory is what is on the disks";
        EXPECT_TRUE(plan::plan_volume(now->view(), v, "c", v.name, {}));
    }
}

TEST(DdfCreate, WhatDdfCannotSayIsRefused)
{
    DdfDisks d(std::vector<std::uint64_t>(6, kSmall));
    const auto container = container_on(d);
    const auto says = [&](const change::VolumeCreated &want, const char *what) {
        const std::string text = refusal(*container, want);
        EXPECT_NE(text.find(what), std::string::npos) << "'" << text << "' is nothing like '" << what << "'";
    };
    says(volume("v", 1, 0, {0, 1, 2, 3}), "mirrors of 2 and of 3 disks, not of 4");
    says(volume("v", 5, EMD_LAYOUT_RIGHT_SYMMETRIC, {0, 1, 2}), "no such layout of raid5: it has left-symmetric");
    says(volume("v", 6, EMD_LAYOUT_LEFT_SYMMETRIC, {0, 1, 2, 3}), "no such layout of raid6: it has ddf-zero-restart");
    says(volume("v", 10, EMD_LAYOUT_RAID10_FAR(2), {0, 1, 2, 3}), "no such RAID10");
    says(volume("v", 10, EMD_LAYOUT_RAID10_NEAR(3), {0, 1, 2, 3}), "no such RAID10");
    says(volume("v", 10, EMD_LAYOUT_RAID10_NEAR(3), {0, 1, 2}), "take --level=1");
    says(volume("v", EMD_LEVEL_LINEAR, 0, {0, 1}), "makes no linear of DDF");
    says(volume("v", 5, EMD_LAYOUT_LEFT_SYMMETRIC, {0, 1}), "2 disks do not make a raid5");
    says(volume("v", 0, 0, {0, 1}, 96), "a chunk of 48 KiB");
    says(volume("v", 0, 0, {0, 1}, 4), "EMD takes 4 KiB to 64 MiB");
    says(volume("", 0, 0, {0, 1}), "1 to 16 characters");
    says(volume("a-name-of-17-char", 0, 0, {0, 1}), "1 to 16 characters");
    says(volume("two words", 0, 0, {0, 1}), "cannot be a volume's name");
    says(volume("v", 0, 0, {0, 0}), "d0 is named twice");
    says(volume("v", 0, 0, {0, 6}), "no disk 6");
    says(volume("v", 0, 0, {0, -1}), "cannot miss 1");
    change::VolumeCreated unbuilt = volume("v", 6, EMD_LAYOUT_DDF_N_RESTART, {0, 1, 2, -1});
    unbuilt.assume_clean = false;
    says(unbuilt, "misses one of two");
    says(volume("v", 1, 0, {0, 1}, 0, 16385), "d0 has no room for 8192 KiB: 8192 KiB are free");
    says(volume("v", 0, 0, {0, 1}, 65536), "d0 has no room for another volume");
    EXPECT_TRUE(container->view().volumes.empty());
    for (const Disk &disk : container->view().disks)
        EXPECT_EQ(disk.state, DiskState::Spare);
}

// Each where there is room on its own disks.
TEST(DdfCreate, VolumesShareTheDisks)
{
    DdfDisks d({kSmall, 2 * kSmall, kSmall, kSmall});
    const auto container = container_on(d);
    d.change(*container, volume("one", 5, EMD_LAYOUT_LEFT_SYMMETRIC, {0, 1, 2}, 128, 5000));
    d.change(*container, volume("two", 1, 0, {1, 3}, 0, 6000));
    EXPECT_NE(refusal(*container, volume("two", 1, 0, {0, 1})).find("has a volume 'two' already"), std::string::npos);
    d.change(*container, volume("three", 0, 0, {0, 1, 2, 3}));
    auto now = d.load();
    ASSERT_EQ(now->view().volumes.size(), 3u);
    const Volume &one = now->view().volumes[0], &two = now->view().volumes[1], &three = now->view().volumes[2];
    EXPECT_EQ(one.shape.component_sectors, 4992u) << "whole chunks";
    EXPECT_EQ(two.shape.component_sectors, 5888u) << "whole 64 KiB";
    EXPECT_EQ(place_of(two, two.slots[0]).offset, 6144u) << "behind the first, from a whole MiB on";
    EXPECT_EQ(place_of(two, two.slots[1]).offset, 0u);
    EXPECT_EQ(three.shape.component_sectors, 16384u - 6144u);
    EXPECT_EQ(place_of(three, three.slots[0]).offset, 6144u);
    EXPECT_EQ(place_of(three, three.slots[1]).offset, 12288u);
    EXPECT_EQ(place_of(three, three.slots[3]).offset, 6144u);
    for (const Volume &v : now->view().volumes)
        EXPECT_TRUE(v.read_write) << v.refused;
    EXPECT_NE(refusal(*container, volume("four", 1, 0, {0, 3})).find("no room for another volume"), std::string::npos);

    d.change(*container, change::VolumeDeleted{0});
    now = d.load();
    ASSERT_EQ(now->view().volumes.size(), 2u);
    EXPECT_EQ(now->view().volumes[0].name, "two");
    EXPECT_EQ(to_json(now->view().volumes[1]), to_json(container->view().volumes[1]));
    d.change(*container, volume("again", 5, EMD_LAYOUT_LEFT_SYMMETRIC, {0, 1, 2}));
    now = d.load();
    EXPECT_EQ(now->view().volumes[0].name, "again") << "in the place of the first";
    EXPECT_EQ(now->view().volumes[0].shape.component_sectors, 6144u);
    EXPECT_EQ(place_of(now->view().volumes[0], now->view().volumes[0].slots[1]).offset, 0u);
    for (const unsigned index : {0u, 1u, 2u})
        d.change(*container, change::VolumeDeleted{index});
    now = d.load();
    EXPECT_TRUE(now->view().volumes.empty());
    for (const Disk &disk : now->view().disks)
        EXPECT_EQ(disk.state, DiskState::Spare);
}

TEST(DdfCreate, AVolumeGetsAnotherName)
{
    DdfDisks d("ddf-multi-raid5-raid1-spare");
    const auto container = d.load();
    const Volume first = container->view().volumes[0];
    const std::string other = container->view().volumes[1].name;
    const auto says = [&](const std::string &name, const std::string &why) {
        const auto done = container->apply(change::VolumeRenamed{0, name});
        ASSERT_FALSE(done) << name;
        EXPECT_NE(done.error().text().find(why), std::string::npos) << done.error().text();
    };
    says("", "DDF takes 1 to 16 characters");
    says("seventeen-letters", "DDF takes 1 to 16 characters");
    says("two words", "letters, digits");
    says(other, "has a volume '" + other + "' already");
    d.change(*container, change::VolumeRenamed{0, "new"});
    for (const auto &view : {container->view(), d.load()->view()}) {
        EXPECT_EQ(view.volumes[0].name, "new");
        EXPECT_EQ(view.volumes[0].uuid, first.uuid) << "DDF gives a volume an identity of its own";
        EXPECT_EQ(view.volumes[1].name, other);
    }
}

TEST(DdfCreate, AMissingMemberIsRebuilt)
{
    DdfDisks d({kSmall, kSmall, kSmall});
    auto container = container_on(d);
    change::VolumeCreated want = volume("v", 5, EMD_LAYOUT_LEFT_SYMMETRIC, {0, -1, 1});
    want.assume_clean = false;
    d.change(*container, want);
    container = d.load();
    EXPECT_EQ(health(container->view().volumes[0]), Health::Degraded);
    EXPECT_TRUE(container->view().volumes[0].initialised) << "there is nothing that a resync could build";
    EXPECT_EQ(container->view().volumes[0].slots[1].disk, -1);
    EXPECT_EQ(read_disk(*d.disks[0])->newest.vds[0].state & kStateMask, kDegraded);
    d.change(*container, change::RebuildStarted{0, 1, 2});
    d.change(*container, change::SyncFinished{0});
    EXPECT_EQ(health(d.load()->view().volumes[0]), Health::Optimal);
}

// In a container that mdadm made, next to its volumes.
TEST(DdfCreate, AVolumeNextToThoseOfThePeer)
{
    DdfDisks d("ddf-multi-raid5-raid1-spare");
    const auto container = d.load();
    const auto before = to_json(container->view().volumes[0]);
    d.change(*container, volume("mine", 1, 0, {0, 3}));
    auto now = d.load();
    ASSERT_EQ(now->view().volumes.size(), 3u);
    EXPECT_EQ(to_json(now->view().volumes[0]), before);
    EXPECT_EQ(now->view().volumes[2].name, "mine");
    EXPECT_EQ(now->view().disks[3].state, DiskState::Active);
    d.change(*container, change::DiskFailed{2});
    d.change(*container, change::VolumeDeleted{2});
    d.change(*container, change::RebuildStarted{0, 2, 3});
    EXPECT_NE(refusal(*container, volume("more", 1, 0, {0, 3})).find("is being rebuilt in another volume"), std::string::npos);
    EXPECT_NE(refusal(*container, volume("more", 1, 0, {0, 2})).find("has failed or is not there"), std::string::npos);
}

// Where a volume is whose record nobody has, nobody knows.
TEST(DdfCreate, WithoutARecordNobodyKnowsWhatIsFree)
{
    DdfDisks d({kSmall, kSmall, kSmall, kSmall});
    const auto container = container_on(d);
    d.change(*container, volume("one", 1, 0, {0, 1}));
    const auto half = d.load({2, 3});
    const std::string text = refusal(*half, volume("two", 1, 0, {2, 3}));
    EXPECT_NE(text.find("nobody can tell what is free: volume one"), std::string::npos) << text;
}

// -- cuts --

std::string story(const Container &view)
{
    golden::Json json;
    for (const Volume &volume : view.volumes)
        json.push_back(to_json(volume));
    return json.dump();
}

// What was cut short is there, or it is not; what is then written, and cut short again, takes nothing away.
void expect_all_or_nothing(DdfDisks &d, const std::string &after)
{
    const auto now = d.load();
    ASSERT_TRUE(now);
    if (now->view().volumes.empty())
        return;
    EXPECT_EQ(story(now->view()), after);
    ASSERT_TRUE(now->view().volumes[0].read_write) << now->view().volumes[0].refused;
}

void cut_creation(const change::VolumeCreated &want, bool backwards)
{
    SCOPED_TRACE(fmt::format("{} {}", want.name, backwards));
    DdfDisks d({kSmall, kSmall, kSmall, kSmall, kSmall});
    const auto container = container_on(d);
    ASSERT_TRUE(container->apply(want));
    const std::string after = story(container->view());
    unsigned made = 0;
    for (const Image &image : DdfDisks::writes(*container, backwards)) {
        if (image.bytes.size() > kSector) {
            d.write(container->view(), image, image.bytes.size() / 2 / kSector * kSector);
            expect_all_or_nothing(d, after);
        }
        d.write(container->view(), image);
        expect_all_or_nothing(d, after);
        // The first disk that has closed a structure is the only one that counts: a second cut from here.
        if (d.load()->view().volumes.empty() || made++ != 0)
            continue;
        std::vector<std::vector<std::byte>> before;
        for (const auto &disk : d.disks)
            before.push_back(disk->bytes);
        const auto next = d.load();
        ASSERT_TRUE(next->apply(change::InitStarted{0}) || next->apply(change::MarkClean{0}));
        for (const Image &second : DdfDisks::writes(*next, !backwards)) {
            for (const std::size_t bytes : {second.bytes.size() / 2 / kSector * kSector, second.bytes.size()})
                d.write(next->view(), second, bytes);
            const auto then = d.load();
            ASSERT_EQ(then->view().volumes.size(), 1u) << "phase " << second.phase;
            EXPECT_TRUE(then->view().volumes[0].read_write) << "phase " << second.phase << ": " << then->view().volumes[0].refused;
        }
        EXPECT_FALSE(d.load()->view().uneven);
        for (const int disk : want.slots)
            EXPECT_TRUE(read_disk(*d.disks[static_cast<std::size_t>(disk)])->newest.config(0)) << "each member has the record";
        for (std::size_t i = 0; i < d.disks.size(); i++)
            d.disks[i]->bytes = before[i];
    }
    EXPECT_EQ(story(d.load()->view()), after);
    EXPECT_GT(made, 0u);
}

TEST(DdfCuts, AVolumeIsMadeOrItIsNot)
{
    for (const bool backwards : {false, true}) {
        cut_creation(volume("r5", 5, EMD_LAYOUT_LEFT_SYMMETRIC, {1, 2, 3}), backwards);
        cut_creation(volume("r10", 10, EMD_LAYOUT_RAID10_NEAR(2), {0, 1, 2, 3}), backwards);
    }
}

TEST(DdfCuts, AVolumeIsDeletedOrItIsNot)
{
    for (const bool backwards : {false, true}) {
        DdfDisks d({kSmall, kSmall, kSmall, kSmall, kSmall});
        const auto container = container_on(d);
        d.change(*container, volume("r10", 10, EMD_LAYOUT_RAID10_NEAR(2), {0, 1, 2, 3}));
        const std::string before = story(container->view());
        ASSERT_TRUE(container->apply(change::VolumeDeleted{0}));
        for (const Image &image : DdfDisks::writes(*container, backwards)) {
            d.write(container->view(), image);
            expect_all_or_nothing(d, before);
        }
        EXPECT_TRUE(d.load()->view().volumes.empty());
    }
}

// One of two: after each write, whole or cut in two, there are both as they were, or what the change makes of them.
TEST(DdfCuts, TheOtherVolumeStaysAsItIs)
{
    for (const bool backwards : {false, true})
        for (const Change &change : std::initializer_list<Change>{change::VolumeDeleted{0}, change::VolumeDeleted{1}, change::VolumeRenamed{0, "sixteen-letters_"},
                                                                  change::VolumeRenamed{1, "x"}}) {
            DdfDisks d("ddf-multi-raid5-raid1-spare");
            const auto container = d.load();
            const std::string before = story(container->view());
            ASSERT_TRUE(container->apply(change));
            const std::string after = story(container->view());
            ASSERT_NE(after, before);
            bool over = false;
            for (const Image &image : DdfDisks::writes(*container, backwards))
                for (const std::size_t bytes : {image.bytes.size() / 2 / kSector * kSector, image.bytes.size()}) {
                    d.write(container->view(), image, bytes);
                    const auto now = d.load();
                    ASSERT_TRUE(now);
                    over = over || story(now->view()) != before;
                    EXPECT_EQ(story(now->view()), over ? after : before) << "phase " << image.phase;
                }
            EXPECT_TRUE(over);
        }
}

}  // namespace
}  // namespace emd::ddf
