// SPDX-License-Identifier: GPL-2.0-only
// New arrays with superblocks 1.x: everything lies where mdadm would have put it, and a reader finds what was asked for.
#include "golden/golden.h"

#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"

#include <emd/emd.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace emd::md {
namespace {

// Blank disks, and what a creation writes to them.
class Blank {
public:
    explicit Blank(const std::vector<std::uint64_t> &sectors)
    {
        for (const std::uint64_t n : sectors)
            add(n);
    }
    BufferMedium &add(std::uint64_t sectors)
    {
        disks.push_back(std::make_unique<BufferMedium>(fmt::format("d{}", disks.size()), "", std::vector<std::byte>(sectors * 512)));
        disks.back()->number = {8, static_cast<unsigned>(16 * disks.size())};
        return *disks.back();
    }
    // The last `spares` disks are spares.
    NewArray want(const Shape &shape, std::size_t spares = 0) const
    {
        NewArray w;
        w.host = "host";
        w.name = "vol";
        w.shape = shape;
        for (const auto &disk : disks)
            (w.members.size() < disks.size() - spares ? w.members : w.spares).push_back(disk.get());
        w.shape.raid_disks = static_cast<std::uint32_t>(w.members.size());
        return w;
    }
    std::unique_ptr<MdMetadata> create(const NewArray &w)
    {
        auto fresh = md_format().create_array(w);
        EXPECT_TRUE(fresh) << fresh.error().text();
        return stored(**fresh);
    }
    // Applied, and as it is then read.
    std::unique_ptr<MdMetadata> change(MdMetadata &array, const Change &change)
    {
        const auto done = array.apply(change);
        EXPECT_TRUE(done) << done.error().text();
        return stored(array);
    }
    std::unique_ptr<MdMetadata> stored(Metadata &array)
    {
        std::vector<Image> images = array.prepare();
        array.encode(images);
        for (const Image &image : images)
            for (const auto &disk : disks)
                if (image.active && disk->path() == array.view().disks.at(static_cast<std::size_t>(image.disk)).path)
                    std::ranges::copy(image.bytes, disk->bytes.begin() + static_cast<std::ptrdiff_t>(image.offset_bytes));
        return load();
    }
    std::unique_ptr<MdMetadata> load() const
    {
        std::vector<const Medium *> media;
        for (const auto &disk : disks)
            if (read_superblock(*disk))
                media.push_back(disk.get());
        auto loaded = load_array(media);
        EXPECT_TRUE(loaded) << loaded.error().text();
        return std::move(*loaded);
    }
    V1 v1(std::size_t disk) const { return std::get<V1>(*read_superblock(*disks.at(disk))); }

    std::vector<std::unique_ptr<BufferMedium>> disks;
};

Shape shape(int level, std::uint32_t chunk, std::uint32_t layout)
{
    Shape s;
    s.level = level;
    s.chunk_sectors = chunk;
    s.layout = layout;
    return s;
}

std::string refusal(const NewArray &want)
{
    const auto made = md_format().create_array(want);
    return made ? "" : made.error().text();
}

class AsThePeer : public testing::TestWithParam<const char *> {};

TEST_P(AsThePeer, EverythingLiesInItsPlace)
{
    const auto of = golden::load_case(GetParam());
    std::vector<V1> peer;
    std::vector<std::uint64_t> sectors;
    for (const auto &disk : of->disks)
        if (const auto sb = read_superblock(*disk)) {
            peer.push_back(std::get<V1>(*sb));
            sectors.push_back(disk->size_bytes() / 512);
        }
    Blank blank(sectors);
    NewArray want = blank.want(shape_of(peer[0]), peer.size() - peer[0].raid_disks);
    want.version = version_text(peer[0]);
    want.shape.component_sectors = 0;
    want.assume_clean = true;
    const auto made = blank.create(want);
    for (std::size_t i = 0; i < peer.size(); i++) {
        const V1 mine = blank.v1(i);
        EXPECT_EQ(mine.sector, peer[i].sector);
        EXPECT_EQ(mine.data_offset, peer[i].data_offset);
        EXPECT_EQ(mine.data_size, peer[i].data_size);
        EXPECT_EQ(mine.size, peer[i].size);
        EXPECT_EQ(mine.features, peer[i].features & kRaid0Layout);
        EXPECT_EQ(mine.bad_offset, peer[i].bad_offset);
        EXPECT_EQ(mine.bad_sectors, peer[i].bad_sectors);
        EXPECT_EQ(mine.roles.size(), peer[i].roles.size());
        EXPECT_EQ(mine.array, made->view().uuid);
    }
    const Volume &volume = made->view().volumes[0];
    EXPECT_EQ(volume.name, "vol");
    EXPECT_EQ(health(volume), Health::Optimal);
    EXPECT_TRUE(volume.read_write) << volume.refused;
    EXPECT_FALSE(volume.dirty);
    EXPECT_EQ(blank.v1(0).name, "host:vol");
}

INSTANTIATE_TEST_SUITE_P(MdCreate, AsThePeer,
                         testing::Values("md10-linear", "md12-raid0-equal", "md12-raid0-multizone-alternate", "md12-raid1-badblocks",
                                         "md12-raid4", "md12-raid5-ls", "md12-raid6-ls", "md12-raid10-n2", "md12-raid10-f2"),
                         [](const auto &info) { return golden::test_name(info.param); });

TEST(MdCreate, TheFirstResyncIsRecorded)
{
    Blank blank({65536, 65536, 65536, 65536});
    const auto made = blank.create(blank.want(shape(5, 128, EMD_LAYOUT_LEFT_SYMMETRIC), 1));
    EXPECT_TRUE(made->view().volumes[0].dirty);
    EXPECT_EQ(made->view().disks[3].state, DiskState::Spare);
    EXPECT_EQ(blank.v1(0).resync_offset, 0u);
    EXPECT_NE(blank.v1(0).device, blank.v1(1).device);
}

// Each member has room for its part between its superblock and its data, or behind them, and nothing else lies there.
void expect_log_apart(const Blank &blank, const MdMetadata &array)
{
    const Volume &volume = array.view().volumes[0];
    ASSERT_EQ(volume.refused, "");
    EXPECT_EQ(volume.consistency, "ppl");
    ASSERT_TRUE(volume.parity_log);
    ASSERT_EQ(volume.parity_log->areas.size(), volume.slots.size());
    for (std::size_t slot = 0; slot < volume.slots.size(); slot++) {
        const ParityLogPlace::Area &area = volume.parity_log->areas[slot];
        const std::string &path = array.view().disks.at(static_cast<std::size_t>(volume.slots[slot].disk)).path;
        const auto disk = std::ranges::find(blank.disks, path, [](const auto &d) { return d->path(); });
        const V1 sb = blank.v1(static_cast<std::size_t>(disk - blank.disks.begin()));
        const auto apart = [&](std::uint64_t begin, std::uint64_t sectors) {
            return area.sector + area.sectors <= begin || area.sector >= begin + sectors;
        };
        EXPECT_EQ(area.sectors, 2048u) << path;
        EXPECT_TRUE(apart(sb.sector, kBlockBytes / 512)) << path;
        EXPECT_TRUE(apart(sb.data_offset, sb.data_size)) << path;
        EXPECT_TRUE(apart(static_cast<std::uint64_t>(static_cast<std::int64_t>(sb.sector) + sb.bad_offset), sb.bad_sectors)) << path;
        EXPECT_LE(area.sector + area.sectors, (*disk)->size_bytes() / 512) << path;
    }
}

TEST(MdCreate, APartialParityLogHasItsPlaceOnEveryMember)
{
    for (const char *version : {"1.0", "1.1", "1.2"}) {
        SCOPED_TRACE(version);
        Blank blank({65536, 65536, 66000, 70000});
        NewArray want = blank.want(shape(5, 128, EMD_LAYOUT_LEFT_SYMMETRIC), 1);
        want.version = version;
        want.parity_log = true;
        auto array = blank.create(want);
        expect_log_apart(blank, *array);
        EXPECT_EQ(array->view().disks.at(3).state, DiskState::Spare);
        EXPECT_TRUE(array->view().volumes[0].read_write);

        // The spare that it has, and one that is added, take places, and are of other sizes.
        const BufferMedium &added = blank.add(80000);
        Disk spare;
        spare.path = added.path();
        spare.present = true;
        spare.dev = added.dev();
        spare.sectors = 80000;
        array = blank.change(*array, change::SpareAdded{spare});
        for (unsigned slot = 0; slot < 2; slot++) {
            const auto index = [&](const std::string &path) {
                const auto &all = array->view().disks;
                return static_cast<int>(std::ranges::find(all, path, &Disk::path) - all.begin());
            };
            array = blank.change(*array, change::DiskFailed{index(fmt::format("d{}", slot))});
            array = blank.change(*array, change::RebuildStarted{0, slot, index(fmt::format("d{}", slot + 3))});
            expect_log_apart(blank, *array);
            array = blank.change(*array, change::SyncFinished{0});
            expect_log_apart(blank, *array);
            EXPECT_EQ(health(array->view().volumes[0]), Health::Optimal);
        }
    }
    Blank blank({65536, 65536, 65536, 65536});
    for (const auto &[level, layout] : {std::pair(0, EMD_LAYOUT_RAID0_ALTERNATE), std::pair(4, 0), std::pair(6, EMD_LAYOUT_LEFT_SYMMETRIC)}) {
        NewArray want = blank.want(shape(level, 128, static_cast<std::uint32_t>(layout)));
        want.parity_log = true;
        EXPECT_NE(refusal(want).find("RAID5 alone has"), std::string::npos) << refusal(want);
        want.shape.level = 5;
        want.bitmap = true;
        EXPECT_NE(refusal(want).find("room for one of them"), std::string::npos) << refusal(want);
    }
}

TEST(MdCreate, WithoutAMemberThereIsNothingToResync)
{
    Blank blank({65536, 65536});
    NewArray want = blank.want(shape(5, 128, EMD_LAYOUT_LEFT_SYMMETRIC));
    want.members.insert(want.members.begin() + 1, nullptr);
    want.shape.raid_disks = 3;
    const auto made = blank.create(want);
    const Volume &volume = made->view().volumes[0];
    EXPECT_EQ(health(volume), Health::Degraded);
    EXPECT_FALSE(volume.dirty);
    EXPECT_EQ(volume.slots[1].disk, -1);
    EXPECT_EQ(made->view().disks[static_cast<std::size_t>(volume.slots[2].disk)].path, "d1");
}

TEST(MdCreate, WhatCannotBeIsRefused)
{
    Blank blank({65536, 65536, 65536});
    NewArray want = blank.want(shape(6, 128, EMD_LAYOUT_LEFT_SYMMETRIC));
    EXPECT_NE(refusal(want).find("not possible"), std::string::npos) << refusal(want);
    want.members.push_back(nullptr);
    want.shape.raid_disks = 4;
    EXPECT_NE(refusal(want).find("misses one of two"), std::string::npos) << refusal(want);
    want = blank.want(shape(0, 128, EMD_LAYOUT_RAID0_ALTERNATE));
    want.members[1] = nullptr;
    EXPECT_NE(refusal(want).find("cannot miss 1"), std::string::npos) << refusal(want);
    want = blank.want(shape(1, 0, 0));
    want.version = "0.90";
    EXPECT_NE(refusal(want).find("take 1.0"), std::string::npos) << refusal(want);
    want.version = "1.3";
    EXPECT_NE(refusal(want).find("no version"), std::string::npos) << refusal(want);
    want.version = "";
    want.shape.component_sectors = 63489;
    EXPECT_NE(refusal(want).find("is too small: 63489"), std::string::npos) << refusal(want);
    Blank small({65536, 2000});
    EXPECT_NE(refusal(small.want(shape(1, 0, 0))).find("d1 is too small"), std::string::npos);
    want = blank.want(shape(1, 0, 0));
    want.name = "a-name-that-has-more-than-32-characters";
    EXPECT_NE(refusal(want).find("31 characters"), std::string::npos);
}

TEST(MdCreate, ALongNameStandsWithoutItsHost)
{
    Blank blank({65536, 65536});
    NewArray want = blank.want(shape(1, 0, 0));
    want.host = "a.host.with.a.long.name.example";
    blank.create(want);
    EXPECT_EQ(blank.v1(0).name, "vol");
}

}  // namespace
}  // namespace emd::md
