// SPDX-License-Identifier: GPL-2.0-only
// --rescue: the data of every golden array, whole and with members missing, and of disks that cannot be read in places.
#include "golden/golden.h"

#include "emdadm/context.h"
#include "libemd/format/md/md.h"
#include "libemd/format/md/v1_bytes.h"
#include "libemd/rescue/array.h"
#include "libemd/rescue/output.h"
#include "temporary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <emd/emd.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <unistd.h>

namespace emd::golden {
namespace {

using rescue::Array;
using rescue::Lost;

// A disk that cannot be read in places.
class Failing final : public Medium {
public:
    Failing(const Medium &disk, std::vector<Lost> bad) : disk_(&disk), bad_(std::move(bad)) {}
    const std::string &path() const override { return disk_->path(); }
    DevNum dev() const override { return {}; }
    std::uint64_t size_bytes() const override { return disk_->size_bytes(); }
    unsigned sector_bytes() const override { return disk_->sector_bytes(); }
    bool partition() const override { return false; }
    std::string serial() const override { return disk_->serial(); }
    Result<> read(std::uint64_t offset, std::span<std::byte> out) const override
    {
        for (const Lost &bad : bad_)
            if (offset < bad.end * 512 && bad.begin * 512 < offset + out.size())
                return fail(Errc::Io, "{}: unreadable", path());
        return disk_->read(offset, out);
    }

private:
    const Medium *disk_;
    std::vector<Lost> bad_;
};

// One volume of a case, perhaps without some of the disks.
struct Subject {
    std::shared_ptr<const Case> of;
    std::size_t volume = 0;
    std::vector<const Medium *> disks;  // by image; null: missing

    std::uint64_t blocks() const { return of->expected["volumes"][volume]["pattern"]["blocks"]; }
    Result<Array> open() const;
};

Subject subject(const std::string &name, std::size_t volume = 0)
{
    Subject s{load_case(name), volume, {}};
    s.disks = s.of->media();
    return s;
}

Result<Array> Subject::open() const
{
    std::vector<const Medium *> here;
    std::vector<rescue::Source> sources;
    const bool md = of->name.starts_with("md");
    for (const Medium *disk : disks) {
        if (!disk)
            continue;
        here.push_back(disk);
        if (md)
            sources.push_back({disk, EMD_TRY(md::md().record(*disk))});
    }
    if (Array::reshaping(sources))
        return Array::open_reshaping(sources);
    const auto loaded = EMD_TRY(find_format(md ? "md" : of->name.starts_with("ddf") ? "ddf" : "imsm")->load(here));
    const Container &view = loaded->view();
    return Array::open(view, view.volumes.at(volume), [&](int disk) -> const Medium * {
        const Disk &d = view.disks[static_cast<std::size_t>(disk)];
        const auto found = std::ranges::find_if(here, [&](const Medium *m) { return d.present && m->path() == d.path; });
        return found == here.end() ? nullptr : *found;
    });
}

// Images of the slots of a volume, of both geometries.
std::vector<std::size_t> members(const Json &volume)
{
    std::set<std::size_t> images;
    for (const char *key : {"", "current", "target"}) {
        const Json shape = *key ? volume.value(key, Json()) : volume;
        for (const Json &slot : shape.is_object() ? shape.value("slots", Json::array()) : Json::array())
            if (!slot["disk"].is_null())
                images.insert(slot["disk"].get<std::size_t>());
    }
    return {images.begin(), images.end()};
}

struct Tally {
    std::uint64_t wrong = 0, lost = 0;  // blocks
};

bool holds(Bytes block, std::uint64_t number)
{
    const Le64 word(number);
    return std::memcmp(block.data(), &word, sizeof word) == 0 && std::memcmp(block.data(), block.data() + 8, block.size() - 8) == 0;
}

// Pieces of two blocks, every `stride` blocks; all of it with 2.
Tally tally(const Array &array, std::uint64_t blocks, std::uint64_t stride)
{
    Tally sum;
    std::vector<std::byte> piece(8192);
    for (std::uint64_t first = 0; first + 2 <= blocks; first += stride) {
        std::vector<Lost> lost;
        array.read(first * 8, piece, lost);
        for (std::uint64_t i = 0; i < 2; i++) {
            const auto begin = (first + i) * 8;
            const bool gone = std::ranges::any_of(lost, [&](const Lost &l) { return l.begin < begin + 8 && begin < l.end; });
            sum.lost += gone;
            sum.wrong += !gone && !holds(Bytes(piece).subspan(i * 4096, 4096), first + i);
        }
    }
    return sum;
}

// How many members the case can do without, beyond those that it misses already.
unsigned spare_members(const Json &volume)
{
    const auto shape_of = [&](const char *key) -> const Json & { return volume.contains(key) && volume[key].is_object() ? volume[key] : volume; };
    unsigned least = 9;
    for (const char *key : {"current", "target"}) {
        if (volume.contains(key) && volume[key].is_null())
            continue;
        const std::string level = volume.contains("reshape") ? "raid5" : shape_of(key)["level"].get<std::string>();
        const auto copies = [&] { return (shape_of(key)["layout_number"].get<unsigned>() & 0xff) * (shape_of(key)["layout_number"].get<unsigned>() >> 8 & 0xff); };
        const unsigned n = level == "raid6" ? 2 : level == "raid5" || level == "raid4" || level == "raid1" ? 1 : level == "raid10" ? copies() - 1 : 0;
        least = std::min(least, n);
    }
    const Json &slots = volume.contains("slots") ? volume["slots"] : volume["current"]["slots"];
    for (const Json &slot : slots)
        if (slot["disk"].is_null() || !slot.value("usable", true) || slot.value("out_of_sync", false) || slot.value("state", "in_sync") == "recovering")
            least -= least > 0;
    return least;
}

class Rescue : public testing::TestWithParam<std::string> {};

TEST_P(Rescue, WholeAndWithMembersMissing)
{
    const auto golden = load_case(GetParam());
    for (std::size_t volume = 0; volume < golden->expected.value("volumes", Json::array()).size(); volume++) {
        const Json &want = golden->expected["volumes"][volume];
        Subject s = subject(GetParam(), volume);
        const auto whole = s.open();
        ASSERT_TRUE(whole) << whole.error().text();
        EXPECT_GE(whole->sectors(), s.blocks() * 8);
        const Tally all = tally(*whole, s.blocks(), 2);
        EXPECT_EQ(all.wrong, 0u);
        EXPECT_EQ(all.lost, 0u);

        const unsigned spare = spare_members(want);
        const bool initialising = GetParam() == "imsm-raid5-init-mid";
        const auto images = members(want);
        for (const std::size_t one : images)
            for (const std::size_t other : images) {
                if (other < one || (other > one && spare < 2))
                    continue;
                SCOPED_TRACE(fmt::format("without {} and {}", one, other));
                s.disks = golden->media();
                s.disks[one] = s.disks[other] = nullptr;
                const auto array = s.open();
                if (!array) {  // the size of what is missing is not known, or all that is left is stale
                    EXPECT_EQ(spare, 0u) << array.error().text();
                    continue;
                }
                const std::uint64_t there = std::min(s.blocks(), array->sectors() / 8);
                EXPECT_TRUE(there == s.blocks() || want["level"] == "linear") << there;
                const Tally some = tally(*array, there, 151);
                EXPECT_EQ(some.wrong, 0u);
                if (spare >= 1 + (other > one) && !initialising) {
                    EXPECT_EQ(some.lost, 0u);
                }
            }
    }
}

INSTANTIATE_TEST_SUITE_P(All, Rescue, testing::ValuesIn([] {
    std::vector<std::string> names = case_names("");
    std::erase(names, "imsm-spares-only");
    return names;
}()), [](const auto &info) { return test_name(info.param); });

// -- what cannot be read --

TEST(RescueUnreadable, OneMemberFailsInPlacesAndTheOthersFillThem)
{
    Subject s = subject("md12-raid6-ls");
    const Failing first(*s.disks[0], {{2048 + 100, 2048 + 101}, {9000, 9300}}), second(*s.disks[2], {{9100, 9105}});
    s.disks[0] = &first;
    s.disks[2] = &second;
    const auto array = s.open();
    ASSERT_TRUE(array) << array.error().text();
    const Tally all = tally(*array, s.blocks(), 2);
    EXPECT_EQ(all.wrong, 0u);
    EXPECT_EQ(all.lost, 0u);
}

// Three of one row, at the same five sectors: just these are lost, of each chunk of data there, and all else is right.
TEST(RescueUnreadable, OnlyWhatNobodyHasIsLost)
{
    Subject s = subject("md12-raid6-ls");
    const Json &slots = s.of->expected["volumes"][0]["slots"];
    const std::uint64_t begin = slots[0]["data_offset_sectors"].get<std::uint64_t>() + 1280;
    std::vector<std::unique_ptr<Failing>> failing;
    for (const std::size_t image : {0, 1, 2}) {
        failing.push_back(std::make_unique<Failing>(*s.disks[image], std::vector<Lost>{{begin + 3, begin + 8}}));
        s.disks[image] = failing.back().get();
    }
    const auto array = s.open();
    ASSERT_TRUE(array) << array.error().text();
    std::vector<std::byte> data(4 << 20);
    std::vector<Lost> lost;
    array->read(0, data, lost);
    std::uint64_t sectors = 0;
    for (const Lost &range : lost) {
        EXPECT_EQ(range.end - range.begin, 5u);
        sectors += range.end - range.begin;
        EXPECT_TRUE(all_zero(Bytes(data).subspan(range.begin * 512, 5 * 512)));
    }
    EXPECT_TRUE(sectors == 5 || sectors == 10 || sectors == 15) << sectors;
    for (std::uint64_t sector = 0; sector < data.size() / 512; sector++) {
        const bool gone = std::ranges::any_of(lost, [&](const Lost &l) { return l.begin <= sector && sector < l.end; });
        ASSERT_TRUE(gone || holds(Bytes(data).subspan(sector * 512, 512), sector / 8)) << sector;
    }
}

// A listed range of one mirror holds nothing; it comes from the other although it could be read.
TEST(RescueUnreadable, AListedRangeIsNotReadFromItsMember)
{
    Subject s = subject("md12-raid1-badblocks");
    std::size_t listed = 0;
    for (const std::size_t image : {0, 1}) {
        const auto record = md::md().record(*s.disks[image]);
        ASSERT_TRUE(record);
        for (const BadRange &bad : record->bad) {
            auto spoilt = std::make_unique<BufferMedium>(*s.of->disks[image]);
            std::fill_n(spoilt->bytes.begin() + static_cast<std::ptrdiff_t>(bad.start * 512), bad.sectors * 512, std::byte{0xee});
            const BufferMedium copy = *spoilt;
            s.disks[image] = &copy;
            const auto array = s.open();
            ASSERT_TRUE(array) << array.error().text();
            const Tally all = tally(*array, s.blocks(), 2);
            EXPECT_EQ(all.wrong, 0u);
            EXPECT_EQ(all.lost, 0u);
            s.disks[1 - image] = nullptr;
            if (const auto alone = s.open()) {
                EXPECT_GT(tally(*alone, s.blocks(), 2).lost, 0u);
                EXPECT_EQ(tally(*alone, s.blocks(), 2).wrong, 0u);
            }
            s.disks = s.of->media();
            listed++;
        }
    }
    EXPECT_GT(listed, 0u);
}

// The parity of a row is wrong, as after a crash, and one sector of its data is gone: whatever the member reads is taken from it.
TEST(RescueUnreadable, WhatTheMemberReadsIsNotComputed)
{
    struct {
        const char *name;
        std::size_t data;                 // the slot of the first chunk
        std::vector<std::size_t> parity;  // of the first row
    } const levels[] = {{"md12-raid5-ls", 0, {3}}, {"md12-raid6-ls", 1, {4, 0}}};
    for (const auto &level : levels) {
        SCOPED_TRACE(level.name);
        Subject s = subject(level.name);
        const Json &slots = s.of->expected["volumes"][0]["slots"];
        const std::uint64_t chunk = s.of->expected["volumes"][0]["chunk_bytes"].get<std::uint64_t>() / 512;
        ASSERT_EQ(slots.size() - 1, level.parity[0]);
        const auto begin_of = [&](std::size_t slot) { return slots[slot]["data_offset_sectors"].get<std::uint64_t>(); };
        std::vector<std::unique_ptr<BufferMedium>> torn;
        for (const std::size_t slot : level.parity) {
            const std::size_t image = slots[slot]["disk"];
            BufferMedium &disk = *torn.emplace_back(std::make_unique<BufferMedium>(*s.of->disks[image]));
            std::fill_n(disk.bytes.begin() + static_cast<std::ptrdiff_t>(begin_of(slot) * 512), chunk * 512, std::byte{0x55});
            s.disks[image] = &disk;
        }
        const std::size_t image = slots[level.data]["disk"];
        const std::uint64_t gone = begin_of(level.data) + 67;
        const Failing failing(*s.disks[image], {{gone, gone + 1}});
        s.disks[image] = &failing;
        const auto array = s.open();
        ASSERT_TRUE(array) << array.error().text();
        std::vector<std::byte> data(chunk * 512);
        std::vector<Lost> lost;
        array->read(0, data, lost);
        EXPECT_TRUE(lost.empty());
        for (std::size_t block = 0; block < data.size() / 4096; block++)
            EXPECT_EQ(holds(Bytes(data).subspan(block * 4096, 4096), block), block != 67 / 8) << block;
    }
}

// -- who is used, and what is refused --

// Copies of a case's disks with superblocks 1.2, to be changed.
struct Changed {
    Subject of;
    std::vector<BufferMedium> disks;

    explicit Changed(const std::string &name) : of(subject(name))
    {
        for (const auto &disk : of.of->disks)
            disks.push_back(*disk);
        for (std::size_t i = 0; i < disks.size(); i++)
            of.disks[i] = &disks[i];
    }
    // change(the head, the roles behind it)
    template <typename Change>
    void superblock(std::size_t image, Change change)
    {
        const auto at = disks[image].bytes.begin() + 4096;
        std::vector<std::byte> block(at, at + 4096);
        md::V1Bytes raw;
        std::memcpy(&raw, block.data(), sizeof raw);
        change(raw, std::span(reinterpret_cast<Le16 *>(block.data() + sizeof raw), raw.max_dev.get()));
        md::seal(block, raw);
        std::copy(block.begin(), block.end(), at);
    }
    void spoil(std::size_t image)
    {
        std::fill(disks[image].bytes.begin() + (1 << 20), disks[image].bytes.end(), std::byte{0xee});
    }
};

bool says(const Array &array, std::string_view words)
{
    return std::ranges::any_of(array.remarks(), [&](const std::string &remark) { return remark.find(words) != remark.npos; });
}

TEST(RescueRefusals, AParityLogHidesNoOtherReason)
{
    for (const char *name : {"md12-raid5-ppl", "md12-raid5-ppl-dirty"}) {
        Changed c(name);
        ASSERT_TRUE(c.of.open());
        EXPECT_FALSE(says(*c.of.open(), "parity log"));
        c.disks[1].bytes.resize(c.disks[1].bytes.size() / 2);
        const auto cut = c.of.open();
        ASSERT_FALSE(cut);
        EXPECT_NE(cut.error().text().find("behind the end"), std::string::npos) << cut.error().text();
    }
}

TEST(RescueRefusals, AReasonThatLeavesItReadableIsSaid)
{
    Changed c("md12-raid5-ls");
    for (std::size_t image = 0; image < c.disks.size(); image++)
        c.superblock(image, [](md::V1Bytes &raw, auto) { raw.features = raw.features.get() | 0x2000; });
    const auto array = c.of.open();
    ASSERT_TRUE(array) << array.error().text();
    EXPECT_TRUE(says(*array, "feature bits 0x2000"));
    EXPECT_EQ(tally(*array, c.of.blocks(), 151).wrong, 0u);
}

TEST(RescueMembers, WhoFailedInAReshapeIsNotUsedAlthoughItKnowsOfNothing)
{
    Changed c("md12-reshape-raid5-3to4-newoffset");
    const auto failed = md::md().record(c.disks[1]);
    ASSERT_TRUE(failed);
    for (std::size_t image = 0; image < c.disks.size(); image++)
        if (image != 1)
            c.superblock(image, [&](md::V1Bytes &raw, auto roles) {
                roles[failed->number] = 0xfffe;
                raw.events = raw.events.get() + 1;
            });
    c.spoil(1);
    const auto array = c.of.open();
    ASSERT_TRUE(array) << array.error().text();
    EXPECT_TRUE(says(*array, "recorded as failed"));
    const Tally all = tally(*array, c.of.blocks(), 2);
    EXPECT_EQ(all.wrong, 0u);
    EXPECT_EQ(all.lost, 0u);
    // Nor is who has a number that the others have no entry for.
    c.superblock(1, [](md::V1Bytes &raw, auto) { raw.dev_number = 0xffffffff; });
    EXPECT_EQ(tally(*c.of.open(), c.of.blocks(), 151).wrong, 0u);
}

TEST(RescueMembers, WhoDroppedOutInAReshapeThatHasEndedDoesNotDecide)
{
    Changed c("md12-raid5-ls");
    c.superblock(0, [](md::V1Bytes &raw, auto) {
        raw.features = raw.features.get() | 4;
        raw.reshape_position = 3072;
        raw.delta_disks = 1u;
        raw.new_level = raw.level;
        raw.new_layout = raw.layout;
        raw.new_chunk = raw.chunk_sectors;
        raw.events = raw.events.get() - 10;
    });
    c.spoil(0);
    const auto told = md::md().record(c.disks[0]);
    ASSERT_TRUE(told && told->target);
    const auto array = c.of.open();
    ASSERT_TRUE(array) << array.error().text();
    const Tally all = tally(*array, c.of.blocks(), 2);
    EXPECT_EQ(all.wrong, 0u);
    EXPECT_EQ(all.lost, 0u);
}

// While another is rebuilt: up to where that stands, the failed one would be taken for one that holds data.
TEST(RescueMembers, WhoIsRecordedAsFailedIsNotUsed)
{
    const Subject s = subject("md12-raid5-spare-recovering");
    const auto loaded = find_format("md")->load(s.disks);
    ASSERT_TRUE(loaded) << loaded.error().text();
    Container view = (*loaded)->view();
    Volume &volume = view.volumes.at(0);
    ASSERT_EQ(volume.activity, Activity::Rebuild);
    const auto slot = std::ranges::find_if(volume.slots, &Slot::in_sync);
    ASSERT_NE(slot, volume.slots.end());
    slot->in_sync = false;
    view.disks.at(static_cast<std::size_t>(slot->disk)).state = DiskState::Failed;
    const auto array = Array::open(view, volume, [&](int disk) -> const Medium * {
        const auto found = std::ranges::find_if(s.disks, [&](const Medium *m) { return m->path() == view.disks[static_cast<std::size_t>(disk)].path; });
        return found == s.disks.end() ? nullptr : *found;
    });
    ASSERT_TRUE(array) << array.error().text();
    EXPECT_TRUE(says(*array, fmt::format("slot {} is missing", slot - volume.slots.begin())));
}

// -- the map --

std::string map_text(std::uint64_t begin, std::uint64_t end, std::uint64_t tried, const std::vector<Lost> &lost)
{
    const TemporaryDirectory directory;
    auto map = rescue::Output::create(directory.file("map"));
    EXPECT_TRUE(map && rescue::write_map(*map, begin, end, tried, lost));
    std::ifstream in(directory.file("map"), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(RescueMap, SaysWhatWasReadLostAndNotTried)
{
    EXPECT_EQ(map_text(8, 100, 64, {{16, 20}, {32, 33}}),
              "# Map of a volume that emdadm --rescue has read: + read, - lost, ? not tried\n"
              "# current_pos  current_status  current_pass\n0x00008000     ?               1\n"
              "#      pos        size  status\n"
              "0x00001000  0x00001000  +\n0x00002000  0x00000800  -\n0x00002800  0x00001800  +\n0x00004000  0x00000200  -\n"
              "0x00004200  0x00003E00  +\n0x00008000  0x00004800  ?\n");
}

// It is written in several pieces.
TEST(RescueMap, MayBeLong)
{
    std::vector<Lost> lost;
    for (std::uint64_t sector = 0; sector < 20000; sector += 2)
        lost.push_back({sector, sector + 1});
    const std::string text = map_text(0, 20000, 20000, lost);
    EXPECT_EQ(std::ranges::count(text, '\n'), 4 + 20000);
    EXPECT_NE(text.find("0x004E2000  0x00000200  -\n0x004E2200  0x00000200  +\n"), text.npos);
}

// -- the command --

class RescueCommand : public testing::Test {
protected:
    std::vector<std::string> files(const std::string &of)
    {
        case_ = load_case(of);
        std::vector<std::string> names = case_->write_to(directory_.path());
        for (std::size_t i = 0; i < names.size(); i++) {
            std::filesystem::permissions(names[i], std::filesystem::perms::owner_read);
            if (const std::string &serial = case_->disks[i]->serial_number; !serial.empty())
                names[i] += ",serial=" + serial;
        }
        return names;
    }

    // The exit status, or -1 and the sentence in error_.
    int run(std::vector<std::string> words, const std::vector<std::string> &files)
    {
        words.insert(words.begin(), {"emdadm", "--rescue", "--quiet"});
        words.insert(words.end(), files.begin(), files.end());
        std::vector<char *> argv;
        for (std::string &word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        auto options = cli::parse(static_cast<int>(words.size()), argv.data());
        if (!options) {
            error_ = options.error().text();
            return 2;
        }
        cli::Context context{std::move(*options), cli::Config(), real_sysfs(), ArrayMap()};
        const Result<int> done = cli::cmd_rescue(context);
        error_ = done ? "" : done.error().text();
        return done ? *done : -1;
    }

    std::string path(const char *name) { return directory_.file(name); }
    std::vector<std::byte> content(const char *name)
    {
        std::ifstream in(path(name), std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        const auto bytes = std::as_bytes(std::span(text));
        return {bytes.begin(), bytes.end()};
    }

    TemporaryDirectory directory_;
    std::shared_ptr<const Case> case_;
    std::string error_;
};

TEST_F(RescueCommand, APieceOfADegradedVolumeGoesIntoANewFile)
{
    auto names = files("imsm-raid5-3disk");
    names.erase(names.begin());
    ASSERT_EQ(run({"--to=" + path("out"), "--offset=1M", "--size=2M"}, names), 0) << error_;
    const auto data = content("out");
    ASSERT_EQ(data.size(), 2u << 20);
    for (std::size_t block = 0; block < data.size() / 4096; block++)
        ASSERT_TRUE(holds(Bytes(data).subspan(block * 4096, 4096), block + 256)) << block;
    EXPECT_EQ(run({"--to=" + path("out")}, names), -1);
    EXPECT_NE(error_.find("exists already"), std::string::npos) << error_;
    EXPECT_EQ(content("out"), data) << "what was there stays";
}

TEST_F(RescueCommand, WhatIsLostIsZeroAndInTheMap)
{
    auto names = files("md12-raid5-ls");
    names.resize(2);  // of four: half of each row is there
    ASSERT_EQ(run({"--to=" + path("out"), "--size=3M", "--map=" + path("map")}, names), 3) << error_;
    const auto data = content("out");
    ASSERT_EQ(data.size(), 3u << 20);
    std::ifstream map(path("map"));
    std::size_t read = 0, lost = 0;
    for (std::string line; std::getline(map, line);) {
        std::size_t at = 0, size = 0;
        char status = 0;
        if (line[0] == '#' || std::sscanf(line.c_str(), "%zx %zx %c", &at, &size, &status) != 3 || size == 0)
            continue;
        (status == '+' ? read : lost) += size;
        for (std::size_t block = at / 4096; block < (at + size) / 4096; block++) {
            const Bytes bytes = Bytes(data).subspan(block * 4096, 4096);
            ASSERT_TRUE(status == '+' ? holds(bytes, block) : all_zero(bytes)) << line;
        }
    }
    EXPECT_EQ(read + lost, data.size());
    EXPECT_EQ(read, lost);
}

TEST_F(RescueCommand, TheMapAndTheOutputAreBothMadeOrNeitherIs)
{
    const auto names = files("md12-raid5-ls");
    EXPECT_EQ(run({"--to=" + path("out"), "--size=64K", "--map=-"}, names), -1);
    EXPECT_NE(error_.find("--map"), std::string::npos) << error_;
    std::ofstream(path("there")) << "precious";
    EXPECT_EQ(run({"--to=" + path("out"), "--size=64K", "--map=" + path("there")}, names), -1);
    EXPECT_FALSE(std::filesystem::exists(path("out")));
    EXPECT_EQ(run({"--to=" + path("there"), "--size=64K", "--map=" + path("map")}, names), -1);
    EXPECT_FALSE(std::filesystem::exists(path("map")));
    EXPECT_EQ(content("there").size(), 8u) << "what was there stays";
}

TEST_F(RescueCommand, APipeWhoseReaderGoesIsAnErrorAndTheMapSaysHowFarItCame)
{
    const auto names = files("md12-raid5-ls");
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ::close(ends[0]);
    std::fflush(stdout);
    const int before = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    ::dup2(ends[1], STDOUT_FILENO);
    const int status = run({"--to=-", "--size=64K", "--map=" + path("map")}, names);
    ::dup2(before, STDOUT_FILENO);
    ::close(before);
    ::close(ends[1]);
    EXPECT_EQ(status, -1);
    EXPECT_NE(error_.find("standard output"), std::string::npos) << error_;
    const auto map = content("map");
    const std::string text(reinterpret_cast<const char *>(map.data()), map.size());
    EXPECT_NE(text.find("0x00000000  0x00010000  ?\n"), text.npos) << text;
}

TEST_F(RescueCommand, ImagesOfImsmDisksNeedTheirSerials)
{
    auto names = files("imsm-raid5-3disk");
    for (std::string &name : names)
        name.resize(name.find(",serial="));
    EXPECT_EQ(run({"--to=" + path("out")}, names), -1);
    EXPECT_NE(error_.find("FILE,serial=SERIAL"), std::string::npos) << error_;
    EXPECT_FALSE(std::filesystem::exists(path("out")));
    EXPECT_NE(cli::usage(cli::Mode::Rescue).find("FILE,serial=SERIAL"), std::string::npos);
}

TEST_F(RescueCommand, OfSeveralVolumesOneIsNamed)
{
    const auto names = files("imsm-v46-matrix-raid5-raid5");
    EXPECT_EQ(run({"--to=" + path("out")}, names), -1);
    EXPECT_NE(error_.find("--name="), std::string::npos) << error_;
    const std::string name = case_->expected["volumes"][1]["name"];
    ASSERT_EQ(run({"--to=" + path("out"), "--size=64K", "--name=" + name}, names), 0) << error_;
    EXPECT_TRUE(holds(Bytes(content("out")).subspan(4096, 4096), 1));
}

}  // namespace
}  // namespace emd::golden
