// SPDX-License-Identifier: GPL-2.0-only
// The write-intent bitmap of an array of md: found, checked, kept level with the superblocks, and who comes back by it.
#include "golden/golden.h"

#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/plan/assemble.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace emd::md {
namespace {

constexpr std::size_t kAt = 8192;  // of the bitmap, in both cases

class Mirror {
public:
    explicit Mirror(const char *name = "md12-raid1-bitmap")
    {
        const auto of = golden::load_case(name);
        for (const auto &disk : of->disks)
            disks.push_back(std::make_unique<BufferMedium>(disk->name, "", disk->bytes));
        array = load();
    }
    std::unique_ptr<MdMetadata> load() const
    {
        std::vector<const Medium *> media;
        for (const auto &disk : disks)
            media.push_back(disk.get());
        auto loaded = load_array(media);
        EXPECT_TRUE(loaded) << loaded.error().text();
        return std::move(*loaded);
    }
    const Volume &volume() const { return array->view().volumes[0]; }
    void store()
    {
        std::vector<Image> images = array->prepare();
        array->encode(images);
        for (const Image &image : images)
            for (const auto &disk : disks)
                if (image.active && disk->path() == array->view().disks.at(static_cast<std::size_t>(image.disk)).path)
                    std::ranges::copy(image.bytes, disk->bytes.begin() + static_cast<std::ptrdiff_t>(image.offset_bytes));
    }
    void change(const Change &change)
    {
        const auto done = array->apply(change);
        ASSERT_TRUE(done) << done.error().text();
        store();
    }
    BitmapBytes head() const
    {
        BitmapBytes raw{};
        const auto bytes = array->bitmap_head(0);
        EXPECT_TRUE(bytes);
        std::memcpy(&raw, bytes->data(), sizeof raw);
        return raw;
    }
    void edit(std::size_t disk, const std::function<void(BitmapBytes &)> &change)
    {
        BitmapBytes raw;
        std::byte *at = disks.at(disk)->bytes.data() + kAt;
        std::memcpy(&raw, at, sizeof raw);
        change(raw);
        std::memcpy(at, &raw, sizeof raw);
    }
    void edit_all(const std::function<void(BitmapBytes &)> &change)
    {
        for (std::size_t i = 0; i < disks.size(); i++)
            edit(i, change);
        array = load();
    }
    // Another place of the bitmap, and of the list of bad blocks: sectors from the superblock.
    void move(std::int32_t bitmap, std::int32_t log)
    {
        for (const auto &disk : disks) {
            const V1 sb = std::get<V1>(*read_superblock(*disk));
            const auto at = disk->bytes.begin() + static_cast<std::ptrdiff_t>(sb.sector * 512);
            std::copy_n(at + sb.bitmap_offset * 512, kBitmapHeadBytes, at + bitmap * 512);
            V1Bytes raw;
            std::memcpy(&raw, &*at, sizeof raw);
            raw.bitmap_offset = static_cast<std::uint32_t>(bitmap);
            raw.bad_offset = static_cast<std::uint32_t>(log);
            std::memcpy(&*at, &raw, sizeof raw);
            raw.checksum = checksum_v1(Block(at, at + kBlockBytes), sizeof raw + 2 * raw.max_dev.get());
            std::memcpy(&*at, &raw, sizeof raw);
        }
        array = load();
    }
    std::uint64_t events(std::size_t disk) const { return std::visit([](const auto &s) { return s.events; }, *read_superblock(*disks.at(disk))); }

    std::vector<std::unique_ptr<BufferMedium>> disks;
    std::unique_ptr<MdMetadata> array;
};

TEST(MdBitmap, ThePeersIsFoundAndKept)
{
    for (const char *name : {"md12-raid1-bitmap", "md12-v46-raid6-bitmap"}) {
        const Mirror m(name);
        ASSERT_TRUE(m.volume().read_write) << m.volume().refused;
        ASSERT_TRUE(m.volume().bitmap);
        EXPECT_EQ(m.volume().bitmap->sector, kAt / 512);
        EXPECT_EQ(m.volume().bitmap->chunk_bytes, std::string(name) == "md12-raid1-bitmap" ? 65536u : 67108864u);
        EXPECT_FALSE(m.volume().bitmap->stale);
        // Unchanged it is byte for byte what stands there.
        EXPECT_TRUE(std::ranges::equal(*m.array->bitmap_head(0), std::span(m.disks[0]->bytes).subspan(kAt, kBitmapHeadBytes)));
    }
}

TEST(MdBitmap, ItsEventsAreThereBeforeThoseOfTheSuperblocks)
{
    Mirror m;
    const std::uint64_t before = m.events(0);
    ASSERT_TRUE(m.array->apply(change::MarkDirty{0}));
    EXPECT_EQ(m.head().events.get(), before + 1);
    m.store();
    EXPECT_EQ(m.events(0), before + 1);
    EXPECT_EQ(m.head().events.get(), before + 1);
    // Nobody could give it another number when the array has stopped.
    m.change(change::MarkClean{0});
    EXPECT_EQ(m.events(0), before + 1);
    EXPECT_FALSE(m.load()->view().volumes[0].dirty);
    m.change(change::DiskFailed{1});
    EXPECT_EQ(m.events(0), before + 2);
    EXPECT_EQ(m.head().events.get(), before + 2);
    EXPECT_EQ(m.head().events_cleared.get(), 17u);
}

TEST(MdBitmap, OneThatIsBehindCountsAsFull)
{
    Mirror m;
    m.edit(0, [](BitmapBytes &raw) { raw.events = raw.events.get() - 1; });
    EXPECT_FALSE(m.load()->view().volumes[0].bitmap->stale);  // one copy that was kept is enough
    m.edit_all([](BitmapBytes &raw) { raw.events = 3; });
    ASSERT_TRUE(m.volume().bitmap->stale);
    const auto plan = plan::plan_volume(m.array->view(), m.volume(), "c", "v", {});
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan::to_text(plan->steps.at(0).action), "metadata: all bits of volume 0 are set");
    m.change(change::BitmapReset{0});
    m.array = m.load();
    EXPECT_FALSE(m.volume().bitmap->stale);
    for (const auto &disk : m.disks)
        for (std::size_t i = kAt + kBitmapHeadBytes; i < kAt + kBitmapHeadBytes + 496 / 8; i++)
            ASSERT_EQ(disk->bytes[i], std::byte{0xff}) << i;
}

TEST(MdBitmap, WhatCannotBeTrueIsRefusedAndTheRestIsReadable)
{
    const std::pair<std::function<void(BitmapBytes &)>, const char *> cases[] = {
        {[](BitmapBytes &raw) { raw.magic = 1; }, "no bitmap stands"},
        {[](BitmapBytes &raw) { raw.version = 5; }, "cluster"},
        {[](BitmapBytes &raw) { raw.version = 6; }, "version 6"},
        {[](BitmapBytes &raw) { raw.array[3] ^= 1; }, "another array"},
        {[](BitmapBytes &raw) { raw.chunk_bytes = 65537; }, "regions of 65537 bytes"},
        {[](BitmapBytes &raw) { raw.chunk_bytes = 0; }, "regions of 0 bytes"},
        {[](BitmapBytes &raw) { raw.sync_size = 63488 - 256; }, "496 are needed"},
    };
    for (const auto &[spoil, words] : cases) {
        Mirror m;
        m.edit_all(spoil);
        EXPECT_FALSE(m.volume().read_write) << words;
        EXPECT_TRUE(m.volume().readable) << words;
        EXPECT_NE(m.volume().refused.find(words), std::string::npos) << m.volume().refused;
        EXPECT_TRUE(m.array->prepare().empty());
        EXPECT_FALSE(m.array->bitmap_head(0));
    }
}

TEST(MdBitmap, NothingElseLiesWhereItsLastSectorDoes)
{
    constexpr std::int32_t kLength = 3;  // sectors: 256 bytes, and bits of 7936 regions
    const auto data = static_cast<std::int32_t>(std::get<V1>(*read_superblock(*Mirror().disks[0])).data_offset) - 8;
    const std::int32_t far = data - 16, log = 64;  // the superblock is at sector 8
    const struct {
        std::int32_t bitmap, log;
        const char *over;  // null: nothing
    } cases[] = {
        {16, 16 + kLength, nullptr},   {16, 16 + kLength - 1, "the list of bad blocks"}, {16, 16 - 8, nullptr},
        {16, 16 - 7, "the list of bad blocks"}, {-kLength, log, nullptr},                {1 - kLength, log, "the superblock"},
        {8, log, nullptr},             {7, log, "the superblock"},                       {data - kLength, far, nullptr},
        {data - kLength + 1, far, "the data"},
    };
    for (const auto &c : cases) {
        Mirror m;
        m.edit_all([](BitmapBytes &raw) { raw.chunk_bytes = 4096; });
        m.move(c.bitmap, c.log);
        EXPECT_EQ(m.volume().read_write, c.over == nullptr) << c.bitmap << " " << c.log << " " << m.volume().refused;
        if (c.over) {
            EXPECT_NE(m.volume().refused.find(fmt::format("lies over {}", c.over)), std::string::npos) << m.volume().refused;
            EXPECT_TRUE(m.volume().readable);
            EXPECT_TRUE(m.array->prepare().empty());
        }
    }
}

TEST(MdBitmap, AFormerMemberComesBackIfNoBitWasTakenBackSince)
{
    Mirror m;
    m.change(change::DiskFailed{1});
    m.change(change::MarkDirty{0});
    auto back = m.array->returning(*m.disks[1]);
    ASSERT_TRUE(back) << back.error().text();
    back->disk.dev = {8, 77};  // images have none
    EXPECT_EQ(back->slot, 1u);
    EXPECT_EQ(back->events, 17u);
    auto late = *back;
    late.events = 16;
    EXPECT_FALSE(m.array->apply(late));  // the bits were taken back at 17
    late.events = m.events(0) + 1;
    EXPECT_FALSE(m.array->apply(late));  // it is not ours
    m.change(*back);
    EXPECT_TRUE(m.volume().slots[1].returning);
    EXPECT_FALSE(m.volume().slots[1].in_sync);
    EXPECT_FALSE(m.array->apply(change::BitmapComplete{0}));
    // Interrupted it is rebuilt whole.
    EXPECT_FALSE(m.load()->view().volumes[0].slots[1].returning);
    EXPECT_EQ(m.load()->view().volumes[0].checkpoint, 0u);
    m.change(change::SyncFinished{0});
    EXPECT_TRUE(m.volume().slots[1].in_sync);
    ASSERT_TRUE(m.array->apply(change::BitmapComplete{0}));
    EXPECT_EQ(m.head().events_cleared.get(), m.events(0));
}

TEST(MdBitmap, WhoWentOnAloneDoesNotComeBackWithItsData)
{
    Mirror m;
    Mirror alone;
    alone.change(change::DiskFailed{0});  // on disk 1
    m.change(change::DiskFailed{1});
    m.change(change::MarkDirty{0});
    m.disks[1]->bytes = alone.disks[1]->bytes;
    const auto back = m.array->returning(*m.disks[1]);
    ASSERT_FALSE(back);
    EXPECT_NE(back.error().text().find("does not know the members"), std::string::npos) << back.error().text();
}

// A blank disk, as a spare of the array. Its index among the array's disks.
int add_spare(Mirror &m)
{
    Disk blank;
    blank.path = "new";
    blank.present = true;
    blank.dev = {8, 77};
    blank.sectors = m.disks[0]->bytes.size() / 512;
    m.disks.push_back(std::make_unique<BufferMedium>("new", "", std::vector<std::byte>(m.disks[0]->bytes.size())));
    m.change(change::SpareAdded{blank});
    const auto &all = m.array->view().disks;
    return static_cast<int>(std::ranges::find(all, "new", &Disk::path) - all.begin());
}

TEST(MdBitmap, NobodyComesBackBesideARebuild)
{
    Mirror m("md12-v46-raid6-bitmap");
    for (const int disk : {2, 1})
        m.change(change::DiskFailed{disk});
    m.change(change::MarkDirty{0});
    EXPECT_TRUE(m.array->returning(*m.disks[2]));
    auto back = *m.array->returning(*m.disks[1]);
    back.disk.dev = {8, 78};
    const int spare = add_spare(m);
    m.change(change::RebuildStarted{0, 2, spare});
    m.change(change::SyncProgress{0, 128});
    back.events = m.events(0);
    const auto done = m.array->apply(back);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text().find("under way"), std::string::npos) << done.error().text();
}

TEST(MdBitmap, WhoLeftBeforeAnotherCameWithoutDataIsRebuiltWhole)
{
    Mirror m;
    m.change(change::DiskFailed{1});
    m.change(change::MarkDirty{0});
    ASSERT_TRUE(m.array->returning(*m.disks[1]));
    const int spare = add_spare(m);
    m.change(change::RebuildStarted{0, 1, spare});
    EXPECT_EQ(m.head().events_cleared.get(), m.events(0));
    m.change(change::DiskFailed{spare});
    const auto back = m.array->returning(*m.disks[1]);
    ASSERT_FALSE(back);
    EXPECT_NE(back.error().text().find("away for too long"), std::string::npos) << back.error().text();
}

TEST(MdBitmap, ACopyFromAnotherLifeOfItsDiskCountsAsFull)
{
    Mirror m;
    m.edit_all([&](BitmapBytes &raw) { raw.events = m.events(0) + 1; });
    EXPECT_FALSE(m.volume().bitmap->stale);
    m.edit_all([&](BitmapBytes &raw) { raw.events = m.events(0) + 2; });
    EXPECT_TRUE(m.volume().bitmap->stale);
}

TEST(MdBitmap, ASpareGetsThePlaceForOne)
{
    Mirror m;
    m.change(change::DiskFailed{1});
    add_spare(m);
    const V1 sb = std::get<V1>(*read_superblock(*m.disks[2]));
    EXPECT_TRUE(sb.features & kBitmap);
    EXPECT_EQ(sb.bitmap_offset, 8);
}

TEST(MdBitmap, ANewArrayHasAllBitsSet)
{
    for (const char *version : {"1.0", "1.1", "1.2"}) {
        NewArray want;
        std::vector<std::unique_ptr<BufferMedium>> disks;
        for (int i = 0; i < 3; i++) {
            disks.push_back(std::make_unique<BufferMedium>(fmt::format("d{}", i), "", std::vector<std::byte>(32 << 20)));
            want.members.push_back(disks.back().get());
        }
        want.name = "vol";
        want.version = version;
        want.shape = {5, 2, 3, 128, 0};
        want.bitmap = true;
        want.bitmap_chunk_bytes = 65536;
        auto fresh = md_format().create_array(want);
        ASSERT_TRUE(fresh) << fresh.error().text();
        std::vector<Image> images = (*fresh)->prepare();
        (*fresh)->encode(images);
        for (const Image &image : images)
            std::ranges::copy(image.bytes, disks[static_cast<std::size_t>(image.disk)]->bytes.begin() + static_cast<std::ptrdiff_t>(image.offset_bytes));
        std::vector<const Medium *> media(want.members);
        auto loaded = load_array(media);
        ASSERT_TRUE(loaded) << loaded.error().text();
        const Volume &v = (*loaded)->view().volumes[0];
        ASSERT_TRUE(v.bitmap) << version << v.refused;
        EXPECT_FALSE(v.bitmap->stale);
        EXPECT_EQ(v.bitmap->chunk_bytes, 65536u);
        const std::uint64_t regions = bitmap_regions(v.shape, 65536);
        for (const auto &disk : disks)
            for (std::uint64_t i = 0; i < regions / 8; i++)
                ASSERT_EQ(disk->bytes[v.bitmap->sector * 512 + kBitmapHeadBytes + i], std::byte{0xff});
        want.bitmap_chunk_bytes = 4096 / 2;
        EXPECT_FALSE(md_format().create_array(want));
        want.bitmap = std::nullopt;  // small ones have none
        auto plain = md_format().create_array(want);
        ASSERT_TRUE(plain);
        EXPECT_FALSE((*plain)->view().volumes[0].bitmap);
    }
}

// -- a bitmap comes and goes --

// As far as `phases` reached the disks.
void store_cut(Mirror &m, unsigned phases)
{
    std::vector<Image> images = m.array->prepare();
    m.array->encode(images);
    for (const Image &image : images)
        if (image.active && image.phase < phases)
            std::ranges::copy(image.bytes, m.disks.at(static_cast<std::size_t>(image.disk))->bytes.begin() + static_cast<std::ptrdiff_t>(image.offset_bytes));
}

TEST(MdBitmap, OneIsAddedWithAllBitsSetBeforeTheSuperblocksSaySo)
{
    for (const char *name : {"md12-raid1-badblocks", "md10-raid5-degraded"}) {
        SCOPED_TRACE(name);
        for (const unsigned phases : {0u, 1u, 2u, 3u, 99u}) {
            Mirror m(name);
            ASSERT_FALSE(m.volume().bitmap);
            const auto done = m.array->apply(change::BitmapAdded{0, 65536});
            ASSERT_TRUE(done) << done.error().text();
            store_cut(m, phases);
            m.array = m.load();
            ASSERT_EQ(m.volume().refused, "") << "after " << phases << " phases";
            if (phases == 0 || phases == 99) {
                EXPECT_EQ(m.volume().bitmap.has_value(), phases == 99);
            }
            if (!m.volume().bitmap)
                continue;
            EXPECT_FALSE(m.volume().bitmap->stale);
            EXPECT_EQ(m.volume().consistency, "bitmap");
            const auto found = md_format().bitmaps(*m.disks[0]);
            ASSERT_TRUE(found) << found.error().text();
            ASSERT_EQ(found->size(), 1u);
            EXPECT_EQ((*found)[0].dirty, (*found)[0].regions);
            EXPECT_EQ((*found)[0].events, m.array->view().sequence);
            EXPECT_EQ((*found)[0].sector, m.volume().bitmap->sector);
        }
    }
}

TEST(MdBitmap, ANewOneLiesWhereMdadmPutsIt)
{
    Mirror m("md12-raid1-badblocks");  // superblock at 8, list at 24
    m.change(change::BitmapAdded{0, 0});
    EXPECT_EQ(m.volume().bitmap->sector, 16u);
    EXPECT_EQ(m.volume().bitmap->chunk_bytes, 64u << 20);
    Mirror end("md10-raid5-degraded");  // list in front of the superblock, bitmap in front of the list
    end.change(change::BitmapAdded{0, 0});
    const V1 sb = std::get<V1>(*read_superblock(*end.disks[0]));
    EXPECT_EQ(end.volume().bitmap->sector, sb.sector - 8 - 8);
    EXPECT_EQ(sb.bitmap_offset, -16);
    EXPECT_EQ(end.head().reserved_sectors.get(), 8u) << "behind it lies the list";
    EXPECT_GT(m.head().reserved_sectors.get(), 0u);
}

TEST(MdBitmap, OneThatWouldLieElsewhereThanAskedForIsRefused)
{
    Mirror m("md12-raid1-badblocks");
    const auto elsewhere = m.array->apply(change::BitmapAdded{0, 65536, 24});
    ASSERT_FALSE(elsewhere);
    EXPECT_EQ(elsewhere.error().code(), Errc::Refused);
    EXPECT_FALSE(m.volume().bitmap);
    m.change(change::BitmapAdded{0, 65536, 16});
    m.change(change::BitmapAdded{0, 131072, 16});  // as often as one likes
    EXPECT_EQ(m.volume().bitmap->chunk_bytes, 131072u);
}

TEST(MdBitmap, OneThatIsRecordedElsewhereGoesFirst)
{
    Mirror m;
    const V1 sb = std::get<V1>(*read_superblock(*m.disks[0]));
    m.move(sb.bitmap_offset + 8, sb.bitmap_offset + 16);
    ASSERT_TRUE(m.volume().bitmap) << m.volume().refused;
    const auto other = m.array->apply(change::BitmapAdded{0, 65536});
    ASSERT_FALSE(other);
    EXPECT_NE(other.error().text().find("--bitmap=none"), std::string::npos) << other.error().text();
    m.change(change::BitmapRemoved{0});
    m.change(change::BitmapAdded{0, 65536});
    EXPECT_EQ(m.volume().bitmap->sector, kAt / 512);
}

// Its superblock must not be believed to need less.
TEST(MdBitmap, WhoWasComingBackByOneThatGoesIsRebuiltWhole)
{
    Mirror m;
    m.change(change::DiskFailed{1});
    m.change(change::MarkDirty{0});
    auto back = *m.array->returning(*m.disks[1]);
    back.disk.dev = {8, 77};
    m.change(back);
    ASSERT_TRUE(m.volume().slots[1].returning);
    m.change(change::BitmapRemoved{0});
    EXPECT_FALSE(m.volume().slots[1].returning);
    m.array = m.load();
    EXPECT_FALSE(m.volume().slots[1].in_sync);
    EXPECT_EQ(m.volume().activity, Activity::Rebuild);
    EXPECT_EQ(m.volume().checkpoint, 0u);
}

TEST(MdBitmap, WhereThereIsNoRoomNothingChanges)
{
    Mirror m("md12-raid1-badblocks");
    const auto before = m.disks[0]->bytes;
    const auto small = m.array->apply(change::BitmapAdded{0, 3000});
    ASSERT_FALSE(small);
    EXPECT_EQ(small.error().code(), Errc::Invalid);
    Mirror crowded("md12-raid1-badblocks");
    for (const auto &disk : crowded.disks) {  // superblock, list and data follow each other
        const auto at = disk->bytes.begin() + 4096;
        V1Bytes raw;
        std::memcpy(&raw, &*at, sizeof raw);
        raw.features = raw.features.get() & ~kBadBlocks;
        raw.data_offset = 24;
        raw.bad_offset = 8u;
        std::memcpy(&*at, &raw, sizeof raw);
        raw.checksum = checksum_v1(Block(at, at + kBlockBytes), sizeof raw + 2 * raw.max_dev.get());
        std::memcpy(&*at, &raw, sizeof raw);
    }
    crowded.array = crowded.load();
    const auto none = crowded.array->apply(change::BitmapAdded{0, 0});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code(), Errc::NoSpace);
    EXPECT_NE(none.error().text().find("no room"), std::string::npos) << none.error().text();
    EXPECT_FALSE(crowded.volume().bitmap);
    Mirror stripes("md12-raid0-equal");
    const auto useless = stripes.array->apply(change::BitmapAdded{0, 0});
    ASSERT_FALSE(useless);
    EXPECT_EQ(useless.error().code(), Errc::Invalid);
    EXPECT_EQ(m.disks[0]->bytes, before);
}

TEST(MdBitmap, WhatWasStoredIsTheKernels)
{
    Mirror m("md12-raid1-badblocks");
    ASSERT_TRUE(m.array->apply(change::BitmapAdded{0, 65536}));
    std::vector<Image> images = m.array->prepare();
    m.array->encode(images);
    const auto bitmaps = [&] {
        return std::ranges::count_if(images, [&](const Image &i) { return i.active && i.offset_bytes == m.volume().bitmap->sector * 512; });
    };
    EXPECT_EQ(bitmaps(), 2);
    m.array->encode(images);
    EXPECT_EQ(bitmaps(), 2) << "a disk was lost on the way";
    m.array->stored();
    ASSERT_TRUE(m.array->apply(change::MarkDirty{0}));
    m.array->encode(images);
    EXPECT_EQ(bitmaps(), 0) << "bits that the kernel has written";
    EXPECT_TRUE(std::ranges::any_of(images, &Image::active));
    images = m.array->prepare();
    m.array->encode(images);
    EXPECT_EQ(bitmaps(), 0);
}

TEST(MdBitmap, OneThatGoesIsForgottenByAll)
{
    Mirror m;
    m.change(change::BitmapRemoved{0});
    m.array = m.load();
    EXPECT_FALSE(m.volume().bitmap);
    EXPECT_EQ(m.volume().consistency, "resync");
    for (const auto &disk : m.disks) {
        const V1 sb = std::get<V1>(*read_superblock(*disk));
        EXPECT_FALSE(sb.features & kBitmap);
        EXPECT_EQ(sb.bitmap_offset, 0);
    }
    const auto again = m.array->apply(change::BitmapRemoved{0});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Errc::Refused);
    m.change(change::BitmapAdded{0, 65536});
    EXPECT_EQ(m.volume().bitmap->sector, 16u);
}

}  // namespace
}  // namespace emd::md
