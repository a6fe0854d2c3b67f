// SPDX-License-Identifier: GPL-2.0-only
// DDF containers written by mdadm: recognised, described, read and written back.
#include "golden/golden.h"
#include "golden/volume_reader.h"

#include "libemd/format/ddf/ddf.h"
#include "libemd/format/ddf/metadata.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <regex>

namespace emd::golden {
namespace {

using ddf::DdfMetadata;

const bool kUtc = [] {  // times are printed in local time; the disks come from a machine on UTC
    setenv("TZ", "UTC", 1);
    tzset();
    return true;
}();

class DdfGolden;

using Parameter = Checked<DdfGolden>;

class DdfGolden : public testing::TestWithParam<Parameter> {
public:
    void each_disk_is_recognised();
    void the_raw_numbers_are_right();
    void the_container_is_described();
    void each_volume_is_described();
    void the_data_is_intact();
    void the_data_is_intact_without_any_one_member();
    void the_examine_report_is_that_of_the_peer();
    void the_export_is_that_of_the_peer();
    void written_back_without_a_change_it_is_the_same();

protected:
    void SetUp() override
    {
        ASSERT_TRUE(kUtc);
        case_ = load_case(GetParam().first);
        auto loaded = ddf::load_container(case_->media());
        ASSERT_TRUE(loaded) << loaded.error().text();
        metadata_ = std::move(*loaded);
    }

    const Json &expected(const char *key) const { return case_->expected[key]; }
    const Container &view() const { return metadata_->view(); }
    int image_of(int disk) const { return disk < 0 ? -1 : case_->image_of(view().disks.at(static_cast<std::size_t>(disk))); }
    const Medium *medium_of(int disk) const
    {
        const int image = image_of(disk);
        return image < 0 ? nullptr : case_->disks[static_cast<std::size_t>(image)].get();
    }

    std::shared_ptr<const Case> case_;
    std::unique_ptr<DdfMetadata> metadata_;
};

std::string hex(const ddf::Guid &guid)
{
    std::string text;
    for (const std::uint8_t b : guid)
        text += fmt::format("{:02x}", b);
    return text;
}

void DdfGolden::each_disk_is_recognised()
{
    for (std::size_t image = 0; image < case_->disks.size(); image++) {
        const auto probe = ddf::ddf().probe(*case_->disks[image]);
        ASSERT_TRUE(probe) << probe.error().text();
        EXPECT_TRUE(probe->found);
        EXPECT_EQ(probe->sequence, expected("metadata_per_disk")[image]["primary"]["seq"].get<std::uint64_t>());
        EXPECT_EQ(to_string(probe->container), expected("container")["uuid"].get<std::string>());
    }
}

void DdfGolden::the_raw_numbers_are_right()
{
    for (std::size_t image = 0; image < case_->disks.size(); image++) {
        const Json &want = expected("metadata_per_disk")[image];
        const auto found = ddf::read_disk(*case_->disks[image]);
        ASSERT_TRUE(found) << found.error().text();
        EXPECT_TRUE(found->even && found->redundant);
        const ddf::Structure &s = found->newest;
        EXPECT_EQ(hex(s.header.guid), expected("container")["guid"].get<std::string>());
        EXPECT_EQ(s.header.primary.get(), want["anchor"]["primary_lba"].get<std::uint64_t>());
        EXPECT_EQ(s.header.secondary.get(), want["anchor"]["secondary_lba"].get<std::uint64_t>());
        EXPECT_EQ(s.header.timestamp.get() + 0u, want["primary"]["timestamp"].get<std::uint32_t>());
        EXPECT_EQ(fmt::format("{:08x}", s.own_head().refnum.get()), want["refnum"].get<std::string>());
        EXPECT_EQ(hex(s.own_head().guid), want["pd_guid"].get<std::string>());
        ASSERT_EQ(static_cast<std::size_t>(std::ranges::count_if(s.pds, ddf::pd_used)), want["pd_entries"].size());
        for (const Json &entry : want["pd_entries"]) {
            const ddf::PdBytes &pd = s.pds.at(entry["index"]);
            EXPECT_EQ(fmt::format("{:08x}", pd.refnum.get()), entry["refnum"].get<std::string>());
            EXPECT_EQ(pd.type.get(), entry["type"].get<unsigned>());
            EXPECT_EQ(pd.state.get(), entry["state"].get<unsigned>());
            EXPECT_EQ(pd.sectors.get(), entry["config_sectors"].get<std::uint64_t>());
        }
        for (const Json &entry : want["config_records"]) {
            const auto record = s.config(entry["slot"]);
            ASSERT_TRUE(record);
            EXPECT_EQ(hex(record->head().guid), entry["guid"].get<std::string>());
            EXPECT_EQ(record->head().sequence.get(), entry["seq"].get<std::uint32_t>());
            EXPECT_EQ(record->head().blocks.get(), entry["block_count"].get<std::uint64_t>());
            EXPECT_EQ(record->head().size.get(), entry["vd_sectors"].get<std::uint64_t>());
            for (const Json &element : entry["elements"]) {
                EXPECT_EQ(fmt::format("{:08x}", record->refnum(element["index"])), element["refnum"].get<std::string>());
                EXPECT_EQ(record->start(element["index"]), element["lba"].get<std::uint64_t>());
            }
        }
    }
}

void DdfGolden::the_container_is_described()
{
    const Json &want = expected("container");
    std::vector<int> spares, unusable;
    for (std::size_t i = 0; i < view().disks.size(); i++) {
        const Disk &disk = view().disks[i];
        const auto rebuilding = [&](const Volume &v) {
            return std::ranges::any_of(v.slots, [&](const Slot &s) { return s.disk == static_cast<int>(i) && !s.in_sync; });
        };
        if (disk.present && disk.state == DiskState::Spare)
            spares.push_back(case_->image_of(disk));
        if (disk.present && (disk.state == DiskState::Failed || std::ranges::any_of(view().volumes, rebuilding)))
            unusable.push_back(case_->image_of(disk));
    }
    EXPECT_EQ(spares, want["spares"].get<std::vector<int>>());
    EXPECT_EQ(unusable, want["unusable_disks"].get<std::vector<int>>());
    EXPECT_EQ(to_string(view().uuid), want["uuid"].get<std::string>());
    EXPECT_EQ(view().sequence, want["seq"].get<std::uint64_t>());
    EXPECT_FALSE(view().uneven);
}

void DdfGolden::each_volume_is_described()
{
    const Json &volumes = expected("volumes");
    ASSERT_EQ(view().volumes.size(), volumes.size());
    for (std::size_t i = 0; i < volumes.size(); i++) {
        SCOPED_TRACE(volumes[i]["name"]);
        const Json &want = volumes[i];
        const Volume &volume = view().volumes[i];
        EXPECT_EQ(volume.index, want["index"].get<unsigned>());
        EXPECT_EQ(volume.name, want["name"].get<std::string>());
        EXPECT_EQ(to_string(volume.uuid), want["uuid"].get<std::string>());
        EXPECT_EQ(level_word(volume.shape.level), want["level"].get<std::string>());
        EXPECT_EQ(volume.shape.layout, want["layout_number"].get<std::uint32_t>());
        EXPECT_EQ(volume.shape.raid_disks, want["raid_disks"].get<std::uint32_t>());
        EXPECT_EQ(volume.shape.chunk_sectors * 512, want["chunk_bytes"].get<std::uint32_t>());
        EXPECT_EQ(volume.shape.component_sectors, want["component_sectors"].get<std::uint64_t>());
        EXPECT_TRUE(volume.read_write) << volume.refused;
        EXPECT_EQ(volume.array_sectors, want["visible_array_sectors"].get<std::uint64_t>());
        EXPECT_EQ(volume.dirty || !volume.initialised, want["needs_resync"].get<bool>());
        const bool degraded = want["state"].get<unsigned>() & 7;
        EXPECT_EQ(health(volume), degraded ? Health::Degraded : Health::Optimal);
        ASSERT_EQ(volume.slots.size(), want["slots"].size());
        for (std::size_t slot = 0; slot < volume.slots.size(); slot++) {
            const Json &at = want["slots"][slot];
            EXPECT_EQ(image_of(volume.slots[slot].disk), at["disk"].get<int>());
            EXPECT_EQ(volume.slots[slot].in_sync, at["usable"].get<bool>());
            EXPECT_EQ(place_of(volume, volume.slots[slot]).offset, at["data_offset_sectors"].get<std::uint64_t>());
        }
    }
}

// -- data --

bool holds(Bytes block, std::uint64_t number)
{
    const Le64 word(number);
    for (std::size_t at = 0; at < block.size(); at += sizeof(word))
        if (std::memcmp(block.data() + at, &word, sizeof(word)) != 0)
            return false;
    return true;
}

// Blocks of a volume that do not hold their number.
std::uint64_t wrong_blocks(const VolumeReader &reader, std::uint64_t blocks)
{
    std::vector<std::byte> block(4096);
    std::uint64_t wrong = 0;
    for (std::uint64_t number = 0; number < blocks; number++) {
        const auto done = reader.read(number * 8, block);
        if (!done) {
            ADD_FAILURE() << done.error().text();
            return blocks;
        }
        wrong += !holds(block, number);
    }
    return wrong;
}

void DdfGolden::the_data_is_intact()
{
    for (std::size_t i = 0; i < view().volumes.size(); i++) {
        const VolumeReader reader(view().volumes[i], [this](int disk) { return medium_of(disk); });
        EXPECT_EQ(wrong_blocks(reader, expected("volumes")[i]["pattern"]["blocks"]), 0u) << view().volumes[i].name;
    }
}

// What the reader can compute: RAID1 and RAID5 with a member away.
void DdfGolden::the_data_is_intact_without_any_one_member()
{
    for (std::size_t i = 0; i < view().volumes.size(); i++) {
        const Volume &volume = view().volumes[i];
        if ((volume.shape.level != 1 && volume.shape.level != 5) || health(volume) != Health::Optimal || volume.dirty)
            continue;
        for (const Slot &slot : volume.slots) {
            const VolumeReader reader(volume, [&](int disk) { return disk == slot.disk ? nullptr : medium_of(disk); });
            EXPECT_EQ(wrong_blocks(reader, expected("volumes")[i]["pattern"]["blocks"]), 0u) << "without " << slot.disk;
        }
    }
}

// -- reports --

// The report names the disk that was examined as its machine did, in a column of its own.
std::string without_device(const std::string &line)
{
    static const std::regex device(" (/dev/vd[a-z]|disk[0-9]\\.img) *"), blanks(" +");
    return std::regex_replace(std::regex_replace(line, device, " DEVICE "), blanks, " ");
}

void DdfGolden::the_examine_report_is_that_of_the_peer()
{
    for (std::size_t image = 0; image < case_->disks.size(); image++) {
        const auto lines = ddf::ddf().examine(*case_->disks[image]);
        ASSERT_TRUE(lines) << lines.error().text();
        Json got = Json::array(), want = expected("examine")[image];
        for (const Reader::Line &line : *lines)
            got.push_back({line.section, line.key, line.value.find("    ") == std::string::npos ? line.value : without_device(line.value)});
        for (Json &line : want)
            if (const std::string value = line[2]; value.find("    ") != std::string::npos)
                line[2] = without_device(value);
        EXPECT_EQ(got, want) << "disk " << image;
    }
}

void DdfGolden::the_export_is_that_of_the_peer()
{
    for (std::size_t image = 0; image < case_->disks.size(); image++) {
        const auto pairs = ddf::ddf().examine_export(*case_->disks[image]);
        ASSERT_TRUE(pairs) << pairs.error().text();
        Json got;
        for (const auto &[key, value] : *pairs)
            got[key] = value;
        EXPECT_EQ(got, expected("examine_export")[image]);
    }
}

// -- writing back --

// Byte for byte; only in between the headers are open.
void DdfGolden::written_back_without_a_change_it_is_the_same()
{
    std::vector<Image> images = metadata_->prepare();
    metadata_->encode(images);
    std::size_t same = 0, open = 0;
    for (const Image &image : images) {
        ASSERT_TRUE(image.active);
        const Medium *medium = medium_of(image.disk);
        ASSERT_TRUE(medium);
        std::vector<std::byte> now(image.bytes.size());
        ASSERT_TRUE(medium->read(image.offset_bytes, now));
        if (image.phase % 3 == 0) {
            auto header = *read_at<ddf::HeaderBytes>(image.bytes, 0);
            EXPECT_EQ(header.open, 1);
            open++;
            header.open = 0;
            header.crc = read_at<ddf::HeaderBytes>(now, 0)->crc;
            EXPECT_TRUE(std::ranges::equal(bytes_of(header), now));
            continue;
        }
        EXPECT_EQ(image.bytes, now) << "disk " << image.disk << " phase " << image.phase << " at " << image.offset_bytes;
        same++;
    }
    const auto usable = static_cast<std::size_t>(std::ranges::count_if(view().disks, [](const Disk &d) { return d.present && d.state != DiskState::Failed; }));
    EXPECT_EQ(open, 2 * usable);
    EXPECT_EQ(same, 13 * usable);
}

std::vector<Parameter> parameters()
{
    return checked<DdfGolden>("ddf-", {
        {"EachDiskIsRecognised", &DdfGolden::each_disk_is_recognised},
        {"TheRawNumbersAreRight", &DdfGolden::the_raw_numbers_are_right},
        {"TheContainerIsDescribed", &DdfGolden::the_container_is_described},
        {"EachVolumeIsDescribed", &DdfGolden::each_volume_is_described},
        {"TheDataIsIntact", &DdfGolden::the_data_is_intact},
        {"TheDataIsIntactWithoutAnyOneMember", &DdfGolden::the_data_is_intact_without_any_one_member},
        {"TheExamineReportIsThatOfThePeer", &DdfGolden::the_examine_report_is_that_of_the_peer},
        {"TheExportIsThatOfThePeer", &DdfGolden::the_export_is_that_of_the_peer},
        {"WrittenBackWithoutAChangeItIsTheSame", &DdfGolden::written_back_without_a_change_it_is_the_same},
    });
}

TEST_P(DdfGolden, Case)
{
    (this->*GetParam().second.run)();
}

INSTANTIATE_TEST_SUITE_P(All, DdfGolden, testing::ValuesIn(parameters()), checked_name);

}  // namespace
}  // namespace emd::golden
