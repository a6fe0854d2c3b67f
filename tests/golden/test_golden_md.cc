// SPDX-License-Identifier: GPL-2.0-only
// Disks with md's own superblocks, written by mdadm and md: recognised and described.
#include "golden/golden.h"

#include "emdadm/inventory.h"
#include "golden/volume_reader.h"
#include "libemd/format/md/md.h"
#include "libemd/format/md/metadata.h"
#include "libemd/report/examine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace emd::golden {
namespace {

using md::V090;
using md::V1;

const bool kUtc = [] {  // times are printed in local time; the disks come from a machine on UTC
    setenv("TZ", "UTC", 1);
    tzset();
    return true;
}();

constexpr const char *kHost = "golden";  // for which the arrays were made

class MdGolden;

// As with the other formats: cases outermost, so that images are unpacked once.
using Parameter = Checked<MdGolden>;

class MdGolden : public testing::TestWithParam<Parameter> {
public:
    void each_disk_is_recognised();
    void the_raw_numbers_are_right();
    void each_member_is_described();
    void the_newest_member_knows_the_array();
    void the_examine_report_is_that_of_the_peer();
    void the_export_is_that_of_the_peer();
    void the_array_is_loaded();
    void the_data_is_intact();
    void written_back_it_is_the_same();

protected:
    void SetUp() override
    {
        ASSERT_TRUE(kUtc);
        case_ = load_case(GetParam().first);
        for (const auto &disk : case_->disks) {
            auto found = md::read_superblock(*disk);
            ASSERT_TRUE(found) << found.error().text();
            found_.push_back(std::move(*found));
            records_.push_back(std::visit([](const auto &sb) { return md::record_of(sb); }, found_.back()));
        }
    }

    const Json &expected(const char *key) const { return case_->expected[key]; }
    const Json &volume() const { return expected("volumes")[0]; }
    const MemberRecord &newest() const { return *std::ranges::max_element(records_, {}, &MemberRecord::events); }

    void expect_common(const Json &raw, const md::Common &sb);
    void expect_v1(const Json &raw, const V1 &sb);
    void expect_v090(const Json &raw, const V090 &sb);
    void expect_place(const Json &slot, const MemberRecord &record);
    void expect_reshape(const Json &want, const MemberRecord &record);

    std::shared_ptr<const Case> case_;
    std::vector<md::Superblock> found_;  // in image order
    std::vector<MemberRecord> records_;
};

void MdGolden::each_disk_is_recognised()
{
    for (const auto &disk : case_->disks) {
        const auto found = cli::recognise(*disk);
        ASSERT_TRUE(found) << found.error().text();
        ASSERT_TRUE(*found) << "not found";
        EXPECT_EQ((*found)->format, &md::md_format());
        EXPECT_EQ((*found)->described, &md::md());
        EXPECT_EQ(to_string((*found)->probe.container), volume()["uuid"].get<std::string>());
    }
}

// -- raw numbers --

void MdGolden::expect_common(const Json &raw, const md::Common &sb)
{
    EXPECT_EQ(to_string(sb.array), raw["uuid"].get<std::string>());
    EXPECT_EQ(sb.sector * 512, raw["superblock_byte_offset"].get<std::uint64_t>());
    EXPECT_EQ(sb.checksum, raw["checksum"].get<std::uint32_t>());
    EXPECT_EQ(sb.ctime, raw["ctime"].get<std::uint64_t>());
    EXPECT_EQ(sb.utime, raw["utime"].get<std::uint64_t>());
    EXPECT_EQ(sb.events, raw["events"].get<std::uint64_t>());
    EXPECT_EQ(sb.level, raw["level"].get<int>());
    EXPECT_EQ(sb.layout, raw["layout"].get<std::uint32_t>());
    EXPECT_EQ(sb.chunk_sectors * 512, raw["chunk_bytes"].get<std::uint32_t>());
    EXPECT_EQ(sb.raid_disks, raw["raid_disks"].get<std::uint32_t>());
    EXPECT_EQ(sb.size, raw["size"].get<std::uint64_t>());
    const md::Reshape none, &reshape = sb.reshape ? *sb.reshape : none;
    EXPECT_EQ(reshape.position, raw["reshape_position"].get<std::uint64_t>());
    EXPECT_EQ(reshape.delta_disks, raw["delta_disks"].get<std::int32_t>());
    EXPECT_EQ(reshape.level, raw["new_level"].get<int>());
    EXPECT_EQ(reshape.layout, raw["new_layout"].get<std::uint32_t>());
    EXPECT_EQ(reshape.chunk_sectors * 512, raw["new_chunk"].get<std::uint32_t>());
}

void MdGolden::expect_v1(const Json &raw, const V1 &sb)
{
    EXPECT_EQ(md::version_text(sb), raw["fmt"].get<std::string>());
    EXPECT_EQ(sb.features, raw["feature"].get<std::uint32_t>());
    EXPECT_EQ(sb.unknown_fields, raw["pad3"].get<bool>());
    EXPECT_EQ(sb.name, raw["name"].get<std::string>());
    if (sb.features & md::kBitmap) {
        EXPECT_EQ(sb.bitmap_offset, raw["bitmap_offset"].get<std::int32_t>());
    }
    if (sb.features & (md::kPpl | md::kMultiplePpl)) {
        EXPECT_EQ(sb.ppl_offset, raw["ppl_offset"].get<std::int32_t>());
        EXPECT_EQ(sb.ppl_sectors, raw["ppl_size"].get<std::uint32_t>());
    }
    EXPECT_EQ(sb.reshape ? sb.reshape->new_offset : 0, raw["new_offset"].get<std::int64_t>());
    EXPECT_EQ(sb.data_offset, raw["data_offset"].get<std::uint64_t>());
    EXPECT_EQ(sb.data_size, raw["data_size"].get<std::uint64_t>());
    EXPECT_EQ(sb.sector, raw["super_offset"].get<std::uint64_t>());
    EXPECT_EQ(sb.recovery_offset, raw["recovery_offset"].get<std::uint64_t>());
    EXPECT_EQ(sb.dev_number, raw["dev_number"].get<std::uint32_t>());
    EXPECT_EQ(sb.corrected_reads, raw["cnt_corrected"].get<std::uint32_t>());
    EXPECT_EQ(to_string(sb.device), raw["dev_uuid"].get<std::string>());
    EXPECT_EQ(sb.flags, raw["devflags"].get<unsigned>());
    EXPECT_EQ(sb.bad_shift, raw["bb_shift"].get<unsigned>());
    EXPECT_EQ(sb.bad_sectors, raw["bb_size"].get<std::uint32_t>());
    EXPECT_EQ(sb.bad_offset, raw["bb_offset"].get<std::int32_t>());
    EXPECT_EQ(sb.resync_offset, raw["resync_offset"].get<std::uint64_t>());
    EXPECT_EQ(sb.roles.size(), raw["max_dev"].get<std::size_t>());
    EXPECT_EQ(sb.role(), raw["role"].get<std::uint16_t>());
    for (std::size_t i = 0; i < sb.roles.size(); i++)
        EXPECT_EQ(sb.roles[i], i < raw["roles"].size() ? raw["roles"][i].get<std::uint16_t>() : md::kRoleSpare) << i;
    const Json bad = raw.value("bad_blocks", Json::array());
    ASSERT_EQ(sb.bad.size(), bad.size());
    for (std::size_t i = 0; i < bad.size(); i++) {
        EXPECT_EQ(sb.bad[i].start, bad[i]["sector"].get<std::uint64_t>());
        EXPECT_EQ(sb.bad[i].sectors, bad[i]["count"].get<std::uint32_t>());
    }
}

Json to_json(const md::Descriptor &d)
{
    return {{"number", d.number}, {"major", d.major}, {"minor", d.minor}, {"raid_disk", d.raid_disk}, {"state", d.state}};
}

void MdGolden::expect_v090(const Json &raw, const V090 &sb)
{
    EXPECT_EQ(sb.order, Endian::Little);
    for (const auto &[key, value] : std::initializer_list<std::pair<const char *, std::uint64_t>>{
             {"minor", sb.minor}, {"nr_disks", sb.nr_disks}, {"md_minor", sb.md_minor}, {"state", sb.state}, {"active", sb.active},
             {"working", sb.working}, {"failed", sb.failed}, {"spare", sb.spare}, {"cp_events", sb.cp_events},
             {"recovery_cp", sb.recovery_cp}})
        EXPECT_EQ(value, raw[key].get<std::uint64_t>()) << key;
    EXPECT_EQ(to_json(sb.self), raw["this_disk"]);
    for (std::size_t i = 0; i < raw["descriptors"].size(); i++)
        EXPECT_EQ(to_json(sb.disks.at(i)), raw["descriptors"][i]);
}

void MdGolden::the_raw_numbers_are_right()
{
    for (std::size_t image = 0; image < found_.size(); image++) {
        SCOPED_TRACE(image);
        const Json &raw = expected("metadata_per_disk")[image];
        std::visit([&](const auto &sb) { expect_common(raw, sb); }, found_[image]);
        if (const V1 *sb = std::get_if<V1>(&found_[image]))
            expect_v1(raw, *sb);
        else
            expect_v090(raw, std::get<V090>(found_[image]));
    }
}

// -- in everybody's words --

void MdGolden::expect_place(const Json &slot, const MemberRecord &record)
{
    EXPECT_EQ(record.role, Role::Active);
    EXPECT_EQ(record.slot, slot["slot"].get<int>());
    EXPECT_EQ(record.data_offset, slot["data_offset_sectors"].get<std::uint64_t>());
    EXPECT_EQ(record.data_sectors, slot["data_sectors"].get<std::uint64_t>());
    EXPECT_FALSE(record.cut_short);
    EXPECT_FALSE(record.replacement);
    EXPECT_EQ(record.recovered.has_value(), slot["state"] == "recovering");
    EXPECT_EQ(record.recovered.value_or(0), slot.value("recovery_offset_sectors", std::uint64_t{0}));
    const std::uint64_t moves = record.target ? record.target->data_offset : record.data_offset;
    EXPECT_EQ(moves, slot.value("new_data_offset_sectors", record.data_offset));
}

void MdGolden::each_member_is_described()
{
    for (const Json &slot : volume()["slots"])
        if (!slot["disk"].is_null())
            expect_place(slot, records_.at(slot["disk"].get<std::size_t>()));
    for (const Json &other : volume()["other_disks"]) {
        const MemberRecord &record = records_.at(other["disk"].get<std::size_t>());
        if (other["role"] == "spare") {
            EXPECT_EQ(record.role, Role::Spare);
        } else {  // it was told nothing any more
            EXPECT_LT(record.events, newest().events);
        }
    }
    for (const MemberRecord &record : records_)
        EXPECT_EQ("md-" + (record.metadata == "0.91" ? "0.90" : record.metadata), expected("format").get<std::string>());
}

void expect_shape(const Json &want, const Shape &shape)
{
    EXPECT_EQ(md::level_text(shape.level), want["level"].get<std::string>());
    EXPECT_EQ(shape.layout, want["layout_number"].get<std::uint32_t>());
    EXPECT_EQ(shape.raid_disks, want["raid_disks"].get<std::uint32_t>());
    EXPECT_EQ(shape.chunk_sectors * 512, want["chunk_bytes"].get<std::uint32_t>());
}

void MdGolden::expect_reshape(const Json &want, const MemberRecord &record)
{
    ASSERT_TRUE(record.target);
    expect_shape(want["old"], record.shape);
    expect_shape(want["new"], record.target->shape);
    EXPECT_EQ(record.target->position, want["position_sectors"].get<std::uint64_t>());
    EXPECT_EQ(record.target->backward, want["direction"] == "backwards");
}

void MdGolden::the_newest_member_knows_the_array()
{
    const MemberRecord &record = newest();
    EXPECT_EQ(record.events, volume()["events"].get<std::uint64_t>());
    EXPECT_EQ(record.name, volume()["name"].is_null() ? "" : volume()["name"].get<std::string>());
    EXPECT_EQ(record.clean, volume()["clean"].get<bool>());
    EXPECT_EQ(record.shape.component_sectors, volume()["component_sectors"].get<std::uint64_t>());
    EXPECT_EQ(std::ranges::count(record.features, "bitmap") == 1, volume()["bitmap"].get<bool>());
    if (volume().contains("consistency_policy")) {
        EXPECT_EQ(record.consistency, volume()["consistency_policy"].get<std::string>());
    }
    std::string slots;
    for (const Json &slot : volume()["slots"])
        slots += slot["disk"].is_null() ? '.' : 'A';
    EXPECT_EQ(record.slots, slots);
    EXPECT_EQ(record.target.has_value(), volume().contains("reshape"));
    if (volume().contains("reshape"))
        expect_reshape(volume()["reshape"], record);
    else
        expect_shape(volume(), record.shape);
}

// -- the peer's reports --

// The peer has looked up the names of the devices, which are those of its machine. Its rows begin where the line does.
std::string row_of(std::string value)
{
    if (const std::size_t path = value.find("   /dev/"); path != value.npos)
        value.resize(path);
    return value.substr(std::min(value.find_first_not_of(' '), value.size()));
}

void MdGolden::the_examine_report_is_that_of_the_peer()
{
    for (std::size_t image = 0; image < found_.size(); image++) {
        Json got = Json::array(), want = Json::array();
        for (const Reader::Line &line : std::visit([](const auto &sb) { return md::examine_lines(sb, kHost); }, found_[image]))
            got.push_back({line.section, line.key, line.key.empty() ? row_of(line.value) : line.value});
        for (const Json &line : expected("examine")[image])
            want.push_back({line[0], line[1], line[1] == "" ? row_of(line[2]) : line[2].get<std::string>()});
        EXPECT_EQ(got, want) << "disk " << image;
    }
}

void MdGolden::the_export_is_that_of_the_peer()
{
    for (std::size_t image = 0; image < found_.size(); image++) {
        Json got;
        for (const auto &[key, value] : std::visit([](const auto &sb) { return md::export_pairs(sb); }, found_[image]))
            got[key] = value;
        EXPECT_EQ(got, expected("examine_export")[image]) << "disk " << image;
    }
}

// -- the array --

void MdGolden::the_array_is_loaded()
{
    const auto array = md::load_array(case_->media());
    ASSERT_TRUE(array) << array.error().text();
    const Container &view = (*array)->view();
    ASSERT_EQ(view.volumes.size(), 1u);
    const Volume &found = view.volumes[0];
    EXPECT_EQ(to_string(found.uuid), volume()["uuid"].get<std::string>());
    EXPECT_EQ(found.dirty, !volume()["clean"].get<bool>());
    ASSERT_GE(volume()["slots"].size(), found.slots.size());
    for (std::size_t i = 0; i < found.slots.size(); i++) {
        const Json &want = volume()["slots"][i];
        EXPECT_EQ(found.slots[i].in_sync, want.value("state", "") == "in_sync") << "slot " << i;
        const Disk *disk = found.slots[i].disk < 0 ? nullptr : &view.disks[static_cast<std::size_t>(found.slots[i].disk)];
        if (want["disk"].is_null()) {
            EXPECT_FALSE(disk && disk->present) << "slot " << i;
            continue;
        }
        ASSERT_TRUE(disk && disk->present) << "slot " << i;
        EXPECT_EQ(case_->image_of(*disk), want["disk"].get<int>()) << "slot " << i;
        EXPECT_EQ(found.slots[i].data_offset, want["data_offset_sectors"].get<std::uint64_t>());
        if (want["state"] == "recovering") {
            EXPECT_EQ(found.checkpoint, want["recovery_offset_sectors"].get<std::uint64_t>());
        }
    }
    for (const Disk &disk : view.disks)
        for (const Json &other : volume()["other_disks"])
            if (disk.present && case_->image_of(disk) == other["disk"].get<int>()) {
                EXPECT_EQ(disk.state, other["role"] == "spare" ? DiskState::Spare : DiskState::Failed) << other;
            }
    const std::string policy = found.consistency;
    const bool plain = policy == "resync" || policy == "none" || policy == "ppl" || (policy == "bitmap" && std::holds_alternative<V1>(found_[0]));
    // What needs no backup, and of which md is known to have recorded its position in time.
    const bool moves_data = volume()["slots"][0].contains("new_data_offset_sectors");
    const bool goes_on = !volume().contains("reshape") || (moves_data && volume()["slots"].size() > found.slots.size());
    EXPECT_EQ(found.read_write, plain && goes_on) << found.refused;
    EXPECT_EQ(found.reshape.has_value(), goes_on && volume().contains("reshape"));
    if (!volume().contains("reshape")) {
        EXPECT_EQ(found.array_sectors, volume()["visible_array_sectors"].get<std::uint64_t>());
    }
}

// As far as the simple reader of the tests goes: no zones, nothing computed from what is left but of RAID1 and 5.
void MdGolden::the_data_is_intact()
{
    const auto array = md::load_array(case_->media());
    ASSERT_TRUE(array) << array.error().text();
    const Volume &found = (*array)->view().volumes[0];
    const bool zones = found.shape.level < 0 || (found.shape.level == 0 && GetParam().first.find("multizone") != std::string::npos);
    const bool whole = health(found) == Health::Optimal || found.shape.level == 5;
    if (zones || !whole || volume().contains("reshape") != found.reshape.has_value())
        return;
    const VolumeReader reader(found, [&](int disk) {
        const int image = disk < 0 ? -1 : case_->image_of((*array)->view().disks[static_cast<std::size_t>(disk)]);
        return image < 0 ? nullptr : case_->disks[static_cast<std::size_t>(image)].get();
    });
    std::vector<std::byte> block(4096);
    const std::uint64_t blocks = volume()["pattern"]["blocks"];
    for (std::uint64_t number = 0; number < blocks; number += 7) {
        const auto read = reader.read(number * 8, block);
        ASSERT_TRUE(read) << read.error().text();
        ASSERT_EQ(read_at<Le64>(block, 0)->get(), number);
        ASSERT_EQ(read_at<Le64>(block, 4088)->get(), number);
    }
}

void MdGolden::written_back_it_is_the_same()
{
    const auto array = md::load_array(case_->media());
    ASSERT_TRUE(array) << array.error().text();
    std::vector<Image> images = (*array)->prepare();
    (*array)->encode(images);
    if (!(*array)->view().volumes[0].read_write) {
        EXPECT_TRUE(images.empty());
        return;
    }
    std::size_t written = 0;
    for (const Image &image : images) {
        const int number = case_->image_of((*array)->view().disks[static_cast<std::size_t>(image.disk)]);
        ASSERT_GE(number, 0);
        const MemberRecord &record = records_.at(static_cast<std::size_t>(number));
        const bool superblock = image.offset_bytes == record.record_sector * 512;
        EXPECT_EQ(image.active, superblock || !record.bad.empty());
        if (!image.active)
            continue;
        const auto &bytes = case_->disks[static_cast<std::size_t>(number)]->bytes;
        ASSERT_LE(image.offset_bytes + image.bytes.size(), bytes.size());
        EXPECT_TRUE(std::equal(image.bytes.begin(), image.bytes.end(), bytes.begin() + static_cast<std::ptrdiff_t>(image.offset_bytes)));
        written += superblock;
    }
    EXPECT_EQ(written + static_cast<std::size_t>(std::ranges::count_if((*array)->view().disks, [](const Disk &d) {
                  return d.present && d.state == DiskState::Failed;
              })), case_->disks.size());
}

std::vector<Parameter> parameters()
{
    return checked<MdGolden>("md", {
        {"EachDiskIsRecognised", &MdGolden::each_disk_is_recognised},
        {"TheRawNumbersAreRight", &MdGolden::the_raw_numbers_are_right},
        {"EachMemberIsDescribed", &MdGolden::each_member_is_described},
        {"TheNewestMemberKnowsTheArray", &MdGolden::the_newest_member_knows_the_array},
        {"TheExamineReportIsThatOfThePeer", &MdGolden::the_examine_report_is_that_of_the_peer},
        {"TheExportIsThatOfThePeer", &MdGolden::the_export_is_that_of_the_peer},
        {"TheArrayIsLoaded", &MdGolden::the_array_is_loaded},
        {"TheDataIsIntact", &MdGolden::the_data_is_intact},
        {"WrittenBackItIsTheSame", &MdGolden::written_back_it_is_the_same},
    });
}

TEST_P(MdGolden, Case)
{
    (this->*GetParam().second.run)();
}

INSTANTIATE_TEST_SUITE_P(All, MdGolden, testing::ValuesIn(parameters()), checked_name);

}  // namespace
}  // namespace emd::golden
