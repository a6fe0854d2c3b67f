// SPDX-License-Identifier: GPL-2.0-only
// IMSM containers written by mdadm: recognised, described, read and written back.
#include "golden/golden.h"
#include "golden/volume_reader.h"

#include "libemd/format/imsm/imsm.h"
#include "libemd/format/imsm/metadata.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace emd::golden {
namespace {

using imsm::ImsmMetadata;
using imsm::Mpb;

const bool kUtc = [] {  // creation times are printed in local time; the disks come from a machine on UTC
    setenv("TZ", "UTC", 1);
    tzset();
    return true;
}();

class ImsmGolden;

// What is tested of every case. The parameter of a test is a case and one of these, cases outermost, so that the images
// of a case are unpacked once for all its tests.
using Parameter = Checked<ImsmGolden>;

class ImsmGolden : public testing::TestWithParam<Parameter> {
public:
    void each_disk_is_recognised();
    void the_raw_numbers_are_right();
    void the_container_is_described();
    void each_volume_is_described();
    void the_data_is_intact();
    void the_data_is_intact_without_any_one_member();
    void the_examine_report_is_that_of_the_peer();
    void the_export_is_that_of_the_peer();
    void decoded_and_encoded_it_is_the_same();
    void writing_an_unchanged_container_changes_the_generation_only();

protected:
    void SetUp() override
    {
        ASSERT_TRUE(kUtc);
        case_ = load_case(GetParam().first);
        const auto media = case_->media();
        auto loaded = imsm::load_container(media);
        ASSERT_TRUE(loaded) << loaded.error().text();
        metadata_ = std::move(*loaded);
    }

    const Json &expected(const char *key) const { return case_->expected[key]; }
    const Container &view() const { return metadata_->view(); }
    const Medium *medium_of(int disk) const
    {
        const int image = disk < 0 ? -1 : case_->image_of(view().disks[static_cast<std::size_t>(disk)]);
        return image < 0 ? nullptr : case_->disks[static_cast<std::size_t>(image)].get();
    }

    void expect_shape(const Json &want, const Shape &shape, const std::vector<Slot> &slots);
    void expect_migration(const Json &want, const Volume &volume);

    std::shared_ptr<const Case> case_;
    std::unique_ptr<ImsmMetadata> metadata_;
};

void ImsmGolden::each_disk_is_recognised()
{
    const Json &per_disk = expected("metadata_per_disk");
    for (std::size_t image = 0; image < case_->disks.size(); image++) {
        const auto probe = imsm::imsm().probe(*case_->disks[image]);
        ASSERT_TRUE(probe) << probe.error().text();
        EXPECT_TRUE(probe->found);
        EXPECT_EQ(probe->sequence, per_disk[image]["generation"].get<std::uint64_t>());
        const bool spare = per_disk[image]["num_raid_devs"] == 0;
        EXPECT_EQ(to_string(probe->container),
                  spare ? to_string(Uuid{}) : expected("container")["uuid"].get<std::string>());
    }
}

void ImsmGolden::the_raw_numbers_are_right()
{
    const Json &per_disk = expected("metadata_per_disk");
    for (std::size_t image = 0; image < case_->disks.size(); image++) {
        const Json &want = per_disk[image];
        const auto found = imsm::read_mpb(*case_->disks[image]);
        ASSERT_TRUE(found && found->mpb);
        const Mpb &mpb = *found->mpb;
        EXPECT_EQ(mpb.version(), want["version"].get<std::string>());
        EXPECT_EQ(imsm::encoded_size(mpb), want["mpb_size"].get<std::size_t>());
        EXPECT_EQ(mpb.family, want["family"].get<std::uint32_t>());
        EXPECT_EQ(mpb.orig_family, want["orig_family"].get<std::uint32_t>());
        EXPECT_EQ(mpb.attributes, want["attributes"].get<std::uint32_t>());
        EXPECT_EQ(mpb.volumes_created, want["num_raid_devs_created"].get<std::uint16_t>());
        EXPECT_EQ(mpb.creation_time, want["creation_time"].get<std::uint64_t>());
        ASSERT_EQ(mpb.disks.size(), want["disks"].size());
        for (std::size_t i = 0; i < mpb.disks.size(); i++) {
            EXPECT_EQ(imsm::text_of(mpb.disks[i].serial), want["disks"][i]["serial"].get<std::string>());
            EXPECT_EQ(mpb.disks[i].sectors, want["disks"][i]["total_blocks"].get<std::uint64_t>());
            EXPECT_EQ(mpb.disks[i].status, want["disks"][i]["status"].get<std::uint32_t>());
        }
        ASSERT_EQ(mpb.devs.size(), want["volumes"].size());
        for (std::size_t i = 0; i < mpb.devs.size(); i++) {
            const Json &volume = want["volumes"][i], &map = volume["map0"];
            EXPECT_EQ(mpb.devs[i].size, volume["size"].get<std::uint64_t>());
            EXPECT_EQ(mpb.devs[i].migr_unit, volume["curr_migr_unit"].get<std::uint64_t>());
            EXPECT_EQ(mpb.devs[i].migrating, volume["migr_state"] == 1);
            EXPECT_EQ(mpb.devs[i].dirty, volume["dirty"].get<unsigned>());
            EXPECT_EQ(mpb.devs[i].map0.start, map["pba"].get<std::uint64_t>());
            EXPECT_EQ(mpb.devs[i].map0.blocks_per_member, map["blocks_per_member"].get<std::uint64_t>());
            EXPECT_EQ(mpb.devs[i].map0.num_data_stripes, map["num_data_stripes"].get<std::uint64_t>());
            EXPECT_EQ(mpb.devs[i].map0.strip, map["blocks_per_strip"].get<std::uint32_t>());
            EXPECT_EQ(mpb.devs[i].map0.ord, map["ord"].get<std::vector<std::uint32_t>>());
        }
    }
}

// -- the view --

void ImsmGolden::the_container_is_described()
{
    const Json &want = expected("container");
    std::vector<int> spares, unusable;
    for (const Disk &disk : view().disks) {
        if (disk.present && disk.state == DiskState::Spare)
            spares.push_back(case_->image_of(disk));
        if (disk.present && disk.state == DiskState::Failed)
            unusable.push_back(case_->image_of(disk));
    }
    EXPECT_EQ(spares, want["spares"].get<std::vector<int>>());
    if (want["uuid"].is_null()) {
        EXPECT_EQ(view().uuid, Uuid{});
        return;
    }
    EXPECT_EQ(to_string(view().uuid), want["uuid"].get<std::string>());
    EXPECT_EQ(view().sequence, want["generation"].get<std::uint64_t>());
    EXPECT_EQ(unusable, want["stale_or_failed_disks"].get<std::vector<int>>());
    for (const auto &[index, image] : want["members_by_disk_index"].items()) {
        const Disk &disk = view().disks[std::stoul(index)];
        EXPECT_EQ(case_->image_of(disk), image.get<int>());
        EXPECT_EQ(disk.state, DiskState::Active);
    }
}

void ImsmGolden::expect_shape(const Json &want, const Shape &shape, const std::vector<Slot> &slots)
{
    EXPECT_EQ(level_word(shape.level), want["level"].get<std::string>());
    EXPECT_EQ(shape.layout, want["layout_number"].get<std::uint32_t>());
    EXPECT_EQ(shape.raid_disks, want["raid_disks"].get<std::uint32_t>());
    EXPECT_EQ(shape.component_sectors, want["component_sectors"].get<std::uint64_t>());
    EXPECT_EQ(shape.chunk_sectors, shape.level == 1 ? 0 : want["chunk_bytes"].get<std::uint32_t>() / 512);
    ASSERT_EQ(slots.size(), want["slots"].size());
    for (std::size_t slot = 0; slot < slots.size(); slot++) {
        const Json &at = want["slots"][slot];
        EXPECT_EQ(slots[slot].in_sync, !at["out_of_sync"].get<bool>()) << "slot " << slot;
        if (!at["disk"].is_null()) {
            ASSERT_GE(slots[slot].disk, 0);
            EXPECT_EQ(case_->image_of(view().disks[static_cast<std::size_t>(slots[slot].disk)]), at["disk"].get<int>());
        }
    }
}

void ImsmGolden::expect_migration(const Json &want, const Volume &volume)
{
    if (want.is_null()) {
        EXPECT_EQ(volume.activity, Activity::None);
        return;
    }
    const std::string type = want["type"];
    if (type != "general-migration") {
        EXPECT_EQ(volume.activity, type == "rebuild" ? Activity::Rebuild : Activity::Init);
        const std::uint64_t unit = volume.shape.level == 1 ? 512 : volume.shape.chunk_sectors * volume.shape.raid_disks;
        EXPECT_EQ(volume.checkpoint, want["curr_migr_unit"].get<std::uint64_t>() * unit);
        return;
    }
    ASSERT_TRUE(volume.reshape);
    const Json &record = want["record"];
    EXPECT_EQ(volume.activity, Activity::Reshape);
    EXPECT_EQ(volume.reshape->position, want["reshape_position_sectors"].get<std::uint64_t>());
    EXPECT_EQ(volume.reshape->unit, record["blocks_per_unit"].get<std::uint64_t>());
    EXPECT_EQ(volume.reshape->backup_live, want["unit_in_copy_area"].get<bool>());
    EXPECT_EQ(volume.reshape->backup_member_start, record["ckpt_area_pba"].get<std::uint64_t>());
    EXPECT_EQ(volume.reshape->backup_member_sectors, record["dest_depth_per_unit"].get<std::uint64_t>());
}

void ImsmGolden::each_volume_is_described()
{
    const Json &volumes = expected("volumes");
    ASSERT_EQ(view().volumes.size(), volumes.size());
    for (std::size_t i = 0; i < volumes.size(); i++) {
        SCOPED_TRACE(volumes[i]["name"]);
        const Json &want = volumes[i];
        const Volume &volume = view().volumes[i];
        const std::string state = want["current"]["state"];
        EXPECT_EQ(volume.name, want["name"].get<std::string>());
        EXPECT_EQ(to_string(volume.uuid), want["uuid"].get<std::string>());
        EXPECT_EQ(volume.dirty, want["dirty"] != 0);
        EXPECT_EQ(volume.read_write, volume.consistency != "ppl") << volume.refused;
        EXPECT_EQ(volume.data_offset, want["current"]["data_offset_sectors"].get<std::uint64_t>());
        EXPECT_EQ(volume.initialised, state != "uninitialized");
        EXPECT_EQ(health(volume), state == "degraded" ? Health::Degraded : Health::Optimal);
        if (want.contains("visible_array_sectors")) {
            EXPECT_EQ(volume.array_sectors, want["visible_array_sectors"].get<std::uint64_t>());
        }
        const Json none;
        expect_shape(want["current"], volume.shape, volume.slots);
        expect_migration(want.contains("migration") ? want["migration"] : none, volume);
        if (volume.reshape)
            expect_shape(want["target"], volume.reshape->target, volume.reshape->target_slots);
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
    constexpr std::size_t at_once = 256;
    std::vector<std::byte> buffer(at_once * 4096);
    std::uint64_t wrong = 0;
    for (std::uint64_t first = 0; first < blocks; first += at_once) {
        const std::size_t count = std::min<std::uint64_t>(at_once, blocks - first);
        const auto done = reader.read(first * 8, MutableBytes(buffer).first(count * 4096));
        if (!done) {
            ADD_FAILURE() << done.error().text();
            return blocks;
        }
        for (std::size_t i = 0; i < count; i++)
            wrong += !holds(Bytes(buffer).subspan(i * 4096, 4096), first + i);
    }
    return wrong;
}

void ImsmGolden::the_data_is_intact()
{
    for (std::size_t i = 0; i < view().volumes.size(); i++) {
        const VolumeReader reader(view().volumes[i], [this](int disk) { return medium_of(disk); });
        EXPECT_EQ(wrong_blocks(reader, expected("volumes")[i]["pattern"]["blocks"]), 0u) << view().volumes[i].name;
    }
}

// Of every volume with redundancy each member may be away, one at a time.
void ImsmGolden::the_data_is_intact_without_any_one_member()
{
    for (std::size_t i = 0; i < view().volumes.size(); i++) {
        const Volume &volume = view().volumes[i];
        if (volume.shape.level == 0 || health(volume) != Health::Optimal || !volume.initialised ||
            volume.activity != Activity::None || volume.dirty)
            continue;
        for (const Slot &slot : volume.slots) {
            const VolumeReader reader(volume, [&](int disk) { return disk == slot.disk ? nullptr : medium_of(disk); });
            EXPECT_EQ(wrong_blocks(reader, expected("volumes")[i]["pattern"]["blocks"]), 0u) << "without " << slot.disk;
        }
    }
}

// -- reports --

// The first disk of a report is the one that was examined.
std::string subject_of(const Json &report)
{
    for (const Json &line : report)
        if (line[0] == line[1])
            return line[2];
    return {};
}

void ImsmGolden::the_examine_report_is_that_of_the_peer()
{
    for (std::size_t image = 0; image < case_->disks.size(); image++) {
        const auto lines = imsm::imsm().examine(*case_->disks[image]);
        ASSERT_TRUE(lines) << lines.error().text();
        Json got = Json::array();
        for (const Reader::Line &line : *lines)
            got.push_back({line.section, line.key, line.value});
        // Reports are in the order of the machine's device names, which is not always that of the images.
        const auto same = [&](const Json &report) { return subject_of(report) == subject_of(got); };
        const auto found = std::ranges::find_if(expected("examine"), same);
        ASSERT_NE(found, expected("examine").end());
        Json want = *found;
        const Json &raw = expected("metadata_per_disk")[image];
        for (Json &line : want) {
            if (line[1] == "Attributes" && line[2] == "All supported")  // the older tool did not print the word itself
                line[2] = fmt::format("{:08x} (supported)", raw["attributes"].get<std::uint32_t>());
            if (line[1] == "Checksum")  // of 4096-byte sectors the peer shows the sum of what it made of the MPB in memory
                line[2] = fmt::format("{:08x} correct", raw["checksum"].get<std::uint32_t>());
        }
        EXPECT_EQ(got, want) << "disk " << image;
    }
}

void ImsmGolden::the_export_is_that_of_the_peer()
{
    for (std::size_t image = 0; image < case_->disks.size(); image++) {
        const auto pairs = imsm::imsm().examine_export(*case_->disks[image]);
        ASSERT_TRUE(pairs) << pairs.error().text();
        Json got;
        for (const auto &[key, value] : *pairs)
            got[key] = value;
        EXPECT_EQ(got, expected("examine_export")[image]);
    }
}

// -- writing back --

void ImsmGolden::decoded_and_encoded_it_is_the_same()
{
    for (const auto &disk : case_->disks) {
        const auto bytes = imsm::read_mpb_bytes(*disk);
        const auto found = imsm::read_mpb(*disk);
        ASSERT_TRUE(bytes && found && found->mpb);
        std::vector<std::byte> again(bytes->size());
        imsm::encode_mpb(*found->mpb, again, disk->sector_bytes());
        const std::size_t size = imsm::encoded_size(*found->mpb);
        EXPECT_TRUE(std::equal(again.begin(), again.begin() + static_cast<std::ptrdiff_t>(size), bytes->begin()));

        const auto sector = imsm::read_record_sector(*disk);
        ASSERT_TRUE(sector);
        if (const auto record = imsm::decode_record(*sector, disk->sector_bytes())) {
            std::vector<std::byte> rewritten(sector->size());
            imsm::encode_record(*record, rewritten, disk->sector_bytes());
            EXPECT_EQ(rewritten, *sector);
        }
    }
}

// What an encode() without a change would write, is on the members already, but for the generation and the sum.
void ImsmGolden::writing_an_unchanged_container_changes_the_generation_only()
{
    std::vector<Image> images = metadata_->prepare();
    metadata_->encode(images);
    for (const Image &image : images) {
        if (!image.active)
            continue;
        const Medium *medium = medium_of(image.disk);
        ASSERT_TRUE(medium);
        std::vector<std::byte> now(image.bytes.size()), want = image.bytes;
        ASSERT_TRUE(medium->read(image.offset_bytes, now));
        if (image.offset_bytes == medium->size_bytes() - 2 * medium->sector_bytes()) {
            auto header = *read_at<imsm::HeaderBytes>(want, 0);
            const auto before = *read_at<imsm::HeaderBytes>(now, 0);
            EXPECT_EQ(header.generation_num.get(), before.generation_num.get() + 1);
            header.generation_num = before.generation_num;
            header.check_sum = before.check_sum;
            ASSERT_TRUE(write_at(want, 0, header));
        }
        EXPECT_EQ(want, now) << "disk " << image.disk << " phase " << image.phase;
    }
}

std::vector<Parameter> parameters()
{
    return checked<ImsmGolden>("imsm-", {
        {"EachDiskIsRecognised", &ImsmGolden::each_disk_is_recognised},
        {"TheRawNumbersAreRight", &ImsmGolden::the_raw_numbers_are_right},
        {"TheContainerIsDescribed", &ImsmGolden::the_container_is_described},
        {"EachVolumeIsDescribed", &ImsmGolden::each_volume_is_described},
        {"TheDataIsIntact", &ImsmGolden::the_data_is_intact},
        {"TheDataIsIntactWithoutAnyOneMember", &ImsmGolden::the_data_is_intact_without_any_one_member},
        {"TheExamineReportIsThatOfThePeer", &ImsmGolden::the_examine_report_is_that_of_the_peer},
        {"TheExportIsThatOfThePeer", &ImsmGolden::the_export_is_that_of_the_peer},
        {"DecodedAndEncodedItIsTheSame", &ImsmGolden::decoded_and_encoded_it_is_the_same},
        {"WritingAnUnchangedContainerChangesTheGenerationOnly", &ImsmGolden::writing_an_unchanged_container_changes_the_generation_only},
    });
}

TEST_P(ImsmGolden, Case)
{
    (this->*GetParam().second.run)();
}

INSTANTIATE_TEST_SUITE_P(All, ImsmGolden, testing::ValuesIn(parameters()), checked_name);

}  // namespace
}  // namespace emd::golden
