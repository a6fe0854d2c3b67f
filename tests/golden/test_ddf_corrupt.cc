// SPDX-License-Identifier: GPL-2.0-only
// DDF metadata that cannot be true, or was cut short: nothing on a disk may harm the reader. Run with sanitizers.
#include "golden/ddf_disks.h"

#include "emdadm/inventory.h"
#include "libemd/report/json.h"

#include <random>

namespace emd::ddf {
namespace {

constexpr const char *kCase = "ddf-raid5-ls";

// What programs do with disks that somebody else wrote. Errors are welcome.
void use(const DdfDisks &d)
{
    (void)ddf().probe(*d.disks[0]).has_value();
    (void)ddf().examine(*d.disks[0]).has_value();
    (void)ddf().wipe_ranges(*d.disks[0]);
    const auto container = load_container(d.media());
    if (!container)
        return;
    EXPECT_FALSE(to_json((*container)->view()).dump().empty());
    for (const Volume &volume : (*container)->view().volumes)
        (void)health(volume);
    const auto changes = {Change(change::MarkDirty{0}), Change(change::DiskFailed{1}), Change(change::SyncFinished{0}),
                          Change(change::RebuildStarted{0, 1, 3}), Change(change::DiskRemoved{1}), Change(change::MarkClean{0})};
    for (const Change &change : changes) {
        (void)(*container)->apply(change).has_value();
        std::vector<Image> images = (*container)->prepare();
        (*container)->encode(images);
        for (const Image &image : images)
            EXPECT_LE(image.offset_bytes + image.bytes.size(), d.disks[0]->size_bytes());
    }
}

TEST(DdfCorrupt, AFlippedByteIsFoundAndTheOtherStructureTaken)
{
    DdfDisks d(kCase);
    const Found whole = *read_disk(*d.disks[0]);
    ASSERT_TRUE(whole.even);
    for (const Section id : {kController, kPds, kVds, kConfigs, kOwn}) {
        const MutableBytes block = d.section(0, kPrimary, id);
        const std::size_t end = id == kConfigs ? 7 * kSector : block.size();
        for (std::size_t at = 0; at < end; at += at < 128 ? 1 : 331) {
            if (id == kConfigs && at < 4)
                continue;  // with another signature it is a record of another kind
            block[at] ^= std::byte{0x41};
            const auto found = read_disk(*d.disks[0]);
            ASSERT_TRUE(found) << found.error().text();
            EXPECT_FALSE(found->even) << "section " << id << " byte " << at;
            EXPECT_EQ(found->newest.header.type, kSecondary) << "section " << id << " byte " << at;
            block[at] ^= std::byte{0x41};
        }
    }
    std::byte *const header = d.at(0, d.header_sector(0, kPrimary));
    for (std::size_t at = 0; at < kSector; at++) {
        header[at] ^= std::byte{0x41};
        const auto found = read_disk(*d.disks[0]);
        ASSERT_TRUE(found) << found.error().text();
        EXPECT_EQ(found->newest.header.type, kSecondary) << "byte " << at;
        header[at] ^= std::byte{0x41};
    }
}

TEST(DdfCorrupt, WithBothDamagedTheDiskIsSaidToBe)
{
    DdfDisks d(kCase);
    for (const HeaderType type : {kPrimary, kSecondary})
        d.section(0, type, kPds)[100] ^= std::byte{1};
    const auto probe = ddf().probe(*d.disks[0]);
    ASSERT_FALSE(probe);
    EXPECT_EQ(probe.error().code(), Errc::Corrupt);
    EXPECT_NE(probe.error().text().find("disk0.img: the DDF metadata is damaged: the checksum of the records of physical disks is wrong"),
              std::string::npos) << probe.error().text();
    const auto rest = d.load();
    EXPECT_EQ(rest->view().disks[0].state, DiskState::Missing) << "the others still tell what there is";
    EXPECT_EQ(rest->view().volumes[0].shape.raid_disks, 3u);
}

// Which of the two counts, for what a cut can leave.
TEST(DdfCorrupt, TheStructureThatIsWholeAndNewerCounts)
{
    struct Left { std::uint32_t primary; bool primary_open; std::uint32_t secondary; bool secondary_open; HeaderType want; std::uint32_t sequence; };
    for (const Left &left : {Left{7, false, 7, false, kPrimary, 7}, Left{8, true, 7, false, kSecondary, 7}, Left{8, false, 7, false, kPrimary, 8},
                             Left{8, false, 8, true, kPrimary, 8}, Left{7, false, 8, true, kPrimary, 7}, Left{7, false, 8, false, kSecondary, 8},
                             Left{8, true, 8, false, kSecondary, 8}, Left{8, true, 8, true, kPrimary, 7}}) {
        DdfDisks d(kCase);
        const auto set = [&](HeaderType type, std::uint32_t sequence, bool open) {
            d.edit_header(0, type, [&](HeaderBytes &h) {
                h.sequence = sequence;
                h.open = open;
            });
        };
        set(kPrimary, left.primary, left.primary_open);
        set(kSecondary, left.secondary, left.secondary_open);
        const auto found = read_disk(*d.disks[0]);
        ASSERT_TRUE(found) << found.error().text();
        EXPECT_EQ(found->newest.header.type, left.want) << left.primary << " " << left.secondary;
        EXPECT_EQ(found->sequence, left.sequence);
    }
}

// Of a controller whose metadata EMD does not take, on a disk that went into an array of md.
TEST(DdfCorrupt, WhatIsLeftOfItHidesNoOtherMetadata)
{
    const DdfDisks d(kCase);
    const auto of = golden::load_case("md12-raid5-ls");
    BufferMedium member(of->disks[0]->name, "", of->disks[0]->bytes);
    std::ranges::copy(Bytes(d.disks[0]->bytes).last(kSector), member.bytes.end() - kSector);
    const auto probed = ddf().probe(member);
    ASSERT_FALSE(probed) << "an anchor without what it speaks of";
    const auto found = cli::recognise(member);
    ASSERT_TRUE(found && *found) << found.error().text();
    EXPECT_EQ((*found)->format->name(), "md");
    BufferMedium alone("alone", "", std::vector<std::byte>(member.bytes.size()));
    std::ranges::copy(Bytes(d.disks[0]->bytes).last(kSector), alone.bytes.end() - kSector);
    EXPECT_FALSE(cli::recognise(alone)) << "where there is nothing else it is said";
}

TEST(DdfCorrupt, EveryByteMayLieWithARightChecksum)
{
    DdfDisks d(kCase);
    const auto value_at = [](std::size_t at) { return std::array{0x00u, 0x7fu, 0xffu}[at % 3]; };  // all three would take minutes
    for (std::size_t at = 4; at < 256; at++) {
        const unsigned value = value_at(at);
        const auto lie = [&](HeaderBytes &h) { reinterpret_cast<std::byte *>(&h)[at] = static_cast<std::byte>(value); };
        const std::vector<std::byte> anchor(d.at(0, d.header_sector(0, kAnchor)), d.at(0, d.header_sector(0, kAnchor)) + kSector);
        const std::uint64_t primary = d.header_sector(0, kPrimary);
        const std::vector<std::byte> before(d.at(0, primary), d.at(0, primary) + kSector);
        d.edit_header(0, kPrimary, lie);
        d.edit_header(0, kAnchor, lie);
        use(d);
        std::ranges::copy(before, d.at(0, primary));
        std::ranges::copy(anchor, d.at(0, d.header_sector(0, kAnchor)));
    }
    for (const Section id : {kPds, kVds, kConfigs, kOwn}) {
        const MutableBytes block = d.section(0, kPrimary, id);
        const std::vector<std::byte> before(block.begin(), block.begin() + 4096 - 512);
        for (std::size_t at = 0; at < 140 && at < block.size(); at++) {
            d.edit_section(0, id, [&](MutableBytes b) { b[at] = static_cast<std::byte>(value_at(at)); });
            use(d);
            d.edit_section(0, id, [&](MutableBytes b) { b[at] = before[at]; });
        }
    }
}

TEST(DdfCorrupt, RandomDamage)
{
    std::mt19937 random(4711);
    for (int round = 0; round < 200; round++) {
        static DdfDisks d(kCase);
        std::vector<std::pair<Section, std::vector<std::byte>>> before;
        for (const Section id : {kPds, kVds, kConfigs}) {
            const MutableBytes block = d.section(0, kPrimary, id);
            before.emplace_back(id, std::vector<std::byte>(block.begin(), block.begin() + 3584));
            const unsigned seed = random();
            d.edit_section(0, id, [&](MutableBytes b) {
                std::mt19937 places(seed);
                for (unsigned n = places() % 8; n > 0; n--)
                    b[8 + places() % 2000] = static_cast<std::byte>(places());
            });
        }
        use(d);
        for (const auto &[id, bytes] : before)
            d.edit_section(0, id, [&bytes = bytes](MutableBytes b) { std::ranges::copy(bytes, b.begin()); });
    }
}

TEST(DdfCorrupt, WhatCannotBeTrueIsRefused)
{
    using Lie = std::function<void(HeaderBytes &)>;
    const Lie lies[] = {
        [](HeaderBytes &h) { h.max_pds = 0; },
        [](HeaderBytes &h) { h.max_pds = 1024; },
        [](HeaderBytes &h) { h.max_vds = 256; },
        [](HeaderBytes &h) { h.max_elements = 0; },
        [](HeaderBytes &h) { h.max_elements = 257; },
        [](HeaderBytes &h) { h.record_sectors = 0; },
        [](HeaderBytes &h) { h.record_sectors = 456; },
        [](HeaderBytes &h) { h.sections[kPds].length = 0; },
        [](HeaderBytes &h) { h.sections[kPds].length = 1025; },
        [](HeaderBytes &h) { h.sections[kVds].offset = 129; },
        [](HeaderBytes &h) { h.sections[kOwn].offset = 0; },
        [](HeaderBytes &h) { h.sections[kConfigs].offset = kNone32; },
        [](HeaderBytes &h) { h.primary = kNone64; },
        [](HeaderBytes &h) { h.primary = h.primary.get() + 32768; },
        [](HeaderBytes &h) { h.secondary = h.primary.get() + 617; },
        [](HeaderBytes &h) { h.secondary = kNone64 - 1; },
        [](HeaderBytes &h) { h.sections[kVendorLogs] = {.offset = 618, .length = 1 << 20}; },
    };
    for (const Lie &lie : lies) {
        DdfDisks d(kCase);
        HeaderBytes header = d.load() ? *read_at<HeaderBytes>(Bytes(d.at(0, d.header_sector(0, kAnchor)), kSector), 0) : HeaderBytes{};
        Block sector(kSector);
        const std::uint64_t sectors = d.disks[0]->size_bytes() / kSector;
        ASSERT_TRUE(write_at(sector, 0, header));
        ASSERT_TRUE(decode_header(sector, sectors));
        lie(header);
        ASSERT_TRUE(write_at(sector, 0, header));
        seal(sector);
        const auto decoded = decode_header(sector, sectors);
        ASSERT_FALSE(decoded) << (&lie - lies);
        EXPECT_EQ(decoded.error().code(), Errc::Corrupt) << decoded.error().text();
    }
}

// A record that lies is shown, and its volume is left alone.
TEST(DdfCorrupt, AVolumeThatCannotBeTrueIsRefused)
{
    using Lie = std::function<void(ConfigBytes &, MutableBytes)>;
    const std::pair<Lie, const char *> lies[] = {
        {[](ConfigBytes &c, MutableBytes) { c.primary_count = 4; }, "names 3 disks and counts 4"},
        {[](ConfigBytes &c, MutableBytes) { c.primary_count = 0; }, "names no disks"},
        {[](ConfigBytes &c, MutableBytes) { c.level = 0x0f; }, "RAID level, 0x0f"},
        {[](ConfigBytes &c, MutableBytes) { c.qualifier = 1; }, "qualifier 1"},
        {[](ConfigBytes &c, MutableBytes) { c.strip = 2; }, "strips of 2^2"},
        {[](ConfigBytes &c, MutableBytes) { c.strip = 0xff; }, "strips of 2^255"},
        {[](ConfigBytes &c, MutableBytes) { c.secondary_count = 2; c.secondary_level = 1; }, "secondary level 1"},
        {[](ConfigBytes &c, MutableBytes) { c.blocks = kNone64; }, "its members have"},
        {[](ConfigBytes &c, MutableBytes) { c.blocks = 65536; c.size = 131072; }, "lies over the metadata"},
        {[](ConfigBytes &c, MutableBytes) { c.size = 32769; }, "room for 32768"},
        {[](ConfigBytes &, MutableBytes b) { std::ranges::copy(b.subspan(512, 4), b.begin() + 516); }, "two of its members are one disk"},
        {[](ConfigBytes &, MutableBytes b) { ASSERT_TRUE(write_at(b, 1536, Be64(kNone64))); }, "begins at sector"},
    };
    for (const auto &[lie, why] : lies) {
        DdfDisks d(kCase);
        for (std::size_t disk = 0; disk < 3; disk++)
            d.edit_section(disk, kConfigs, [&lie = lie](MutableBytes b) {
                ConfigBytes config = *read_at<ConfigBytes>(b, 0);
                lie(config, b);
                ASSERT_TRUE(write_at(b, 0, config));
            });
        const auto container = d.load();
        ASSERT_EQ(container->view().volumes.size(), 1u);
        const Volume &volume = container->view().volumes[0];
        EXPECT_FALSE(volume.read_write) << why;
        EXPECT_FALSE(volume.readable) << why;
        EXPECT_NE(volume.refused.find(why), std::string::npos) << volume.refused;
    }
}

TEST(DdfCorrupt, WhatItsEntryForbidsIsRefused)
{
    const auto refused = [](const std::function<void(VdBytes &)> &change) {
        DdfDisks d(kCase);
        for (std::size_t disk = 0; disk < 3; disk++)
            d.edit_section(disk, kVds, [&](MutableBytes b) {
                VdBytes vd = *read_at<VdBytes>(b, sizeof(TableBytes));
                change(vd);
                ASSERT_TRUE(write_at(b, sizeof(TableBytes), vd));
            });
        const auto container = d.load();
        const Volume &volume = container->view().volumes.at(0);
        return fmt::format("{}{}", volume.refused, volume.readable ? " (readable)" : "");
    };
    EXPECT_NE(refused([](VdBytes &vd) { vd.state |= kMorphing; }).find("by another implementation: let that finish it"), std::string::npos);
    EXPECT_NE(refused([](VdBytes &vd) { vd.state = kDeleted; }).find("deleted"), std::string::npos);
    EXPECT_NE(refused([](VdBytes &vd) { vd.init = kInitDone | kBlocked; }).find("blocked"), std::string::npos);
}

// -- sets of disks that do not agree --

TEST(DdfSets, WhoMissedTwoChangesIsNotUsed)
{
    for (const unsigned missed : {1u, 2u}) {
        DdfDisks d(kCase);
        for (const HeaderType type : {kPrimary, kSecondary})
            d.edit_header(1, type, [&](HeaderBytes &h) { h.sequence = h.sequence.get() - missed; });
        const auto container = d.load();
        EXPECT_EQ(container->view().disks[1].state, missed == 1 ? DiskState::Active : DiskState::Failed);
        EXPECT_EQ(container->view().volumes[0].slots[1].in_sync, missed == 1);
        d.change(*container, change::MarkDirty{0});
        const Structure tables = read_disk(*d.disks[0])->newest;
        EXPECT_EQ((tables.pds[1].state.get() & kFailed) != 0, missed == 2) << "others go by the tables";
        EXPECT_EQ(tables.vds[0].state, kInconsistent | (missed == 2 ? kDegraded : kOptimal));
    }
}

TEST(DdfSets, WithoutRedundancyNobodyIsTooOld)
{
    DdfDisks d("ddf-raid0-2disk");
    for (const HeaderType type : {kPrimary, kSecondary})
        d.edit_header(1, type, [&](HeaderBytes &h) { h.sequence = 1; });
    EXPECT_EQ(health(d.load()->view().volumes[0]), Health::Optimal);
}

TEST(DdfSets, DisksThatWereUsedApartAreNotWritten)
{
    DdfDisks d(kCase);
    const auto fail_pd = [&](std::size_t on, std::size_t which) {
        d.edit_section(on, kPds, [&](MutableBytes b) {
            PdBytes pd = *read_at<PdBytes>(b, sizeof(TableBytes) + which * sizeof(PdBytes));
            pd.state = kFailed | kMissing;
            ASSERT_TRUE(write_at(b, sizeof(TableBytes) + which * sizeof(PdBytes), pd));
        });
    };
    fail_pd(0, 1);  // of the newest tables 1 has failed, and by its own 0 has
    fail_pd(2, 1);
    fail_pd(1, 0);
    for (const HeaderType type : {kPrimary, kSecondary})
        d.edit_header(1, type, [&](HeaderBytes &h) { h.sequence = h.sequence.get() - 1; });
    const auto container = d.load();
    EXPECT_FALSE(container->view().volumes[0].read_write);
    EXPECT_NE(container->view().volumes[0].refused.find("apart from each other"), std::string::npos) << container->view().volumes[0].refused;
    EXPECT_FALSE(container->apply(change::MarkDirty{0}));
    EXPECT_TRUE(container->prepare().empty());
}

// One side replaced a disk, and no trace of it is left there.
TEST(DdfSets, DisksThatWereUsedApartAreKnownByTheirRecords)
{
    DdfDisks d(kCase);
    for (const HeaderType type : {kPrimary, kSecondary})
        d.edit_header(1, type, [](HeaderBytes &h) { h.sequence = h.sequence.get() + 1; });
    d.edit_section(1, kPds, [](MutableBytes b) {
        PdBytes pd = *read_at<PdBytes>(b, sizeof(TableBytes));
        pd.state = kFailed | kMissing;
        ASSERT_TRUE(write_at(b, sizeof(TableBytes), pd));
    });
    EXPECT_TRUE(d.load()->view().volumes[0].read_write);
    d.edit_section(0, kConfigs, [](MutableBytes b) {
        ConfigBytes config = *read_at<ConfigBytes>(b, 0);
        config.sequence = config.sequence.get() + 1;
        ASSERT_TRUE(write_at(b, 0, config));
    });
    const auto container = d.load();
    EXPECT_FALSE(container->view().volumes[0].read_write);
    EXPECT_NE(container->view().volumes[0].refused.find("apart from each other"), std::string::npos) << container->view().volumes[0].refused;
}

TEST(DdfSets, ACopyOfADiskIsNotTakenForIt)
{
    DdfDisks d(kCase);
    d.disks.push_back(std::make_unique<BufferMedium>("copy", "", d.disks[1]->bytes));
    const auto container = d.load();
    EXPECT_FALSE(container->view().volumes[0].read_write);
    EXPECT_NE(container->view().volumes[0].refused.find("is a copy of another disk"), std::string::npos) << container->view().volumes[0].refused;
}

TEST(DdfSets, ADiskOfAnotherContainerIsRefused)
{
    DdfDisks d(kCase);
    const DdfDisks other("ddf-raid1-2disk");
    const Medium *both[] = {d.disks[0].get(), other.disks[0].get()};
    const auto loaded = load_container(both);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code(), Errc::Invalid);
}

TEST(DdfSets, ADiskThatIsTooSmallHasNone)
{
    for (const std::size_t bytes : {0, 511, 512, 1024, 4096}) {
        const BufferMedium disk("disk", "", std::vector<std::byte>(bytes));
        const auto probe = ddf().probe(disk);
        ASSERT_TRUE(probe) << probe.error().text();
        EXPECT_FALSE(probe->found) << bytes;
    }
}

TEST(DdfSets, WhatIsErasedIsFoundByNobody)
{
    DdfDisks d(kCase);
    const auto ranges = ddf().wipe_ranges(*d.disks[0]);
    EXPECT_EQ(ranges.size(), 3u);
    for (const auto &[offset, length] : ranges)
        std::fill_n(d.disks[0]->bytes.begin() + static_cast<std::ptrdiff_t>(offset), length, std::byte{0});
    EXPECT_FALSE(ddf().probe(*d.disks[0])->found);
    const Be32 signature(kHeaderSignature);
    const auto wanted = bytes_of(signature);
    const auto &bytes = d.disks[0]->bytes;
    EXPECT_EQ(std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end()), bytes.end());
}

}  // namespace
}  // namespace emd::ddf
