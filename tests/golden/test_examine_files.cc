// SPDX-License-Identifier: GPL-2.0-or-later
// emdadm --examine --json on image files: what stands on the disks is read without the disks, whatever their sector size.
#include "golden/golden.h"

#include "emdadm/context.h"
#include "libemd/report/json.h"
#include "temporary.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace emd::golden {
namespace {

struct Answer {
    int status = 0;
    std::string error, text;
};

Answer emdadm(std::vector<std::string> words)
{
    words.insert(words.begin(), "emdadm");
    std::vector<char *> argv;
    for (std::string &word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    auto options = cli::parse(static_cast<int>(words.size()), argv.data());
    if (!options)
        return {2, options.error().text(), {}};
    cli::Context context{std::move(*options), cli::Config(), real_sysfs(), ArrayMap()};
    testing::internal::CaptureStdout();
    const auto command = context.options.mode == cli::Mode::ExamineBadBlocks ? cli::cmd_examine_badblocks
                         : context.options.mode == cli::Mode::ExamineBitmap  ? cli::cmd_examine_bitmap
                                                                             : cli::cmd_examine;
    const Result<int> done = command(context);
    std::fflush(stdout);
    Answer answer{done ? *done : 1, done ? "" : done.error().text(), testing::internal::GetCapturedStdout()};
    return answer;
}

class ExamineFiles : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override
    {
        case_ = load_case(GetParam());
        files_ = case_->write_to(directory_.path());
    }

    TemporaryDirectory directory_;
    std::shared_ptr<const Case> case_;
    std::vector<std::string> files_;
};

TEST_P(ExamineFiles, JsonSaysWhatTheDisksSay)
{
    std::vector<std::string> words{"--examine", "--json"};
    words.insert(words.end(), files_.begin(), files_.end());
    const Answer answer = emdadm(words);
    ASSERT_EQ(answer.status, 0) << answer.error;
    const Json json = Json::parse(answer.text);
    ASSERT_EQ(json["containers"].size(), 1u) << answer.text;
    const Json &found = json["containers"][0];
    const Json &expected = case_->expected;
    EXPECT_EQ(found["metadata"], expected["format"]);
    ASSERT_EQ(found["volumes"].size(), expected["volumes"].size()) << answer.text;

    const auto loaded = find_format(std::string(expected["format"]))->load(case_->media());
    ASSERT_TRUE(loaded) << loaded.error().text();
    const Json real = to_json((*loaded)->view());
    for (const char *key : {"uuid", "generation", "version"})
        EXPECT_EQ(found[key], real[key]) << key;
    for (std::size_t i = 0; i < real["volumes"].size(); i++)
        for (const char *key : {"name", "uuid", "array_sectors", "data_offset_sectors", "dirty", "activity", "shape"})
            EXPECT_EQ(found["volumes"][i].value(key, Json()), real["volumes"][i].value(key, Json())) << key;
    for (std::size_t i = 0; i < real["volumes"].size(); i++) {  // how far it is stands on a disk that only its serial tells
        const Json now = found["volumes"][i].value("reshape", Json::object());
        EXPECT_EQ(now.value("target", Json()), real["volumes"][i].value("reshape", Json::object()).value("target", Json()));
    }
    for (const Json &disk : real["disks"])  // by the serial numbers that are recorded
        EXPECT_TRUE(std::ranges::any_of(found["disks"], [&](const Json &d) { return d["serial"] == disk["serial"]; })) << disk;
}

TEST_P(ExamineFiles, OneFileIsEnough)
{
    const Answer answer = emdadm({"--examine", "--json", files_.back()});
    ASSERT_EQ(answer.status, 0) << answer.error;
    EXPECT_EQ(Json::parse(answer.text)["containers"][0]["volumes"].size(), case_->expected["volumes"].size());
}

class ExamineMdFiles : public ExamineFiles {};

TEST_P(ExamineMdFiles, EachFileIsDescribed)
{
    std::vector<std::string> words{"--examine", "--json"};
    words.insert(words.end(), files_.begin(), files_.end());
    const Answer answer = emdadm(words);
    ASSERT_EQ(answer.status, 0) << answer.error;
    const Json json = Json::parse(answer.text);
    ASSERT_EQ(json["containers"].size(), 1u) << "the array that they are together";
    EXPECT_EQ(json["containers"][0]["volumes"][0]["uuid"], case_->expected["volumes"][0]["uuid"]);
    ASSERT_EQ(json["members"].size(), files_.size());
    for (std::size_t i = 0; i < files_.size(); i++) {
        const Json &member = json["members"][i], &raw = case_->expected["metadata_per_disk"][i];
        EXPECT_EQ(member["path"], files_[i]);
        EXPECT_EQ(member["array_uuid"], raw["uuid"]);
        EXPECT_EQ(member["device_uuid"], raw.value("dev_uuid", Json()));
        for (const char *key : {"events", "name"})
            EXPECT_EQ(member[key], raw.value(key, Json())) << key;
    }
}

TEST_P(ExamineMdFiles, AReportAnExportAndALine)
{
    const Json &expected = case_->expected;
    const std::string uuid = expected["volumes"][0]["uuid"];
    const Answer report = emdadm({"--examine", files_[0]});
    EXPECT_EQ(report.status, 0) << report.error;
    EXPECT_NE(report.text.find("UUID : " + uuid), std::string::npos) << report.text;
    const Answer pairs = emdadm({"--examine", "--export", files_[0]});
    EXPECT_NE(pairs.text.find("MD_UUID=" + uuid + "\n"), std::string::npos) << pairs.text;
    const Answer brief = emdadm({"--examine", "--brief", files_[0], files_[1]});
    EXPECT_EQ(brief.text.substr(0, 15), "ARRAY /dev/emd/") << brief.text;
    EXPECT_EQ(std::ranges::count(brief.text, '\n'), 1) << brief.text;
    EXPECT_NE(brief.text.find(uuid), std::string::npos) << brief.text;
}

class ExamineBadFiles : public ExamineFiles {};

TEST_P(ExamineBadFiles, EachDiskSaysWhatIsBad)
{
    for (std::size_t i = 0; i < files_.size(); i++) {
        const Json want = case_->expected["metadata_per_disk"][i].value("bad_blocks", Json::array());
        const Answer json = emdadm({"--examine-badblocks", "--json", files_[i]});
        ASSERT_EQ(json.status, 0) << json.error;
        const Json disk = Json::parse(json.text)["disks"][0];
        EXPECT_EQ(disk["path"], files_[i]);
        EXPECT_EQ(disk["keeps_list"], true);
        ASSERT_EQ(disk["bad_blocks"].size(), want.size()) << json.text;
        std::string text = want.empty() ? "Bad-blocks list is empty in " + files_[i] + "\n" : "Bad-blocks on " + files_[i] + ":\n";
        for (std::size_t k = 0; k < want.size(); k++) {
            EXPECT_EQ(disk["bad_blocks"][k]["start_sector"], want[k]["sector"]);
            EXPECT_EQ(disk["bad_blocks"][k]["sectors"], want[k]["count"]);
            text += fmt::format("{:>20} for {} sectors\n", want[k]["sector"].get<int>(), want[k]["count"].get<int>());
        }
        EXPECT_EQ(emdadm({"--examine-badblocks", files_[i]}).text, text);
    }
}

INSTANTIATE_TEST_SUITE_P(Md, ExamineBadFiles, testing::Values("md12-raid1-badblocks"), [](const auto &info) { return test_name(info.param); });

class ExamineBitmapFiles : public ExamineFiles {};

TEST_P(ExamineBitmapFiles, EachDiskSaysWhatItsBitmapIs)
{
    for (std::size_t i = 0; i < files_.size(); i++) {
        const Answer answer = emdadm({"-X", "--json", files_[i]});
        ASSERT_EQ(answer.status, 0) << answer.error;
        const Json json = Json::parse(answer.text);
        ASSERT_EQ(json["bitmaps"].size(), 1u) << answer.text;
        const Json &found = json["bitmaps"][0], &raw = case_->expected["metadata_per_disk"][i]["bitmap"];
        EXPECT_EQ(found["array_uuid"], case_->expected["volumes"][0]["uuid"]);
        EXPECT_EQ(found["sector"].get<std::uint64_t>() * 512, raw["byte_offset"].get<std::uint64_t>());
        for (const auto &[ours, theirs] : {std::pair("version", "version"), std::pair("events", "events"), std::pair("events_cleared", "events_cleared"),
                                           std::pair("sync_sectors", "sync_size"), std::pair("chunk_bytes", "chunksize"),
                                           std::pair("sleep_seconds", "daemon_sleep"), std::pair("write_behind", "write_behind"), std::pair("regions", "bits")})
            EXPECT_EQ(found[ours], raw[theirs]) << ours;
        // A spare has the bits that it got when it came: all.
        const bool clean = case_->expected["volumes"][0]["clean"] && raw["events"].get<int>() != 0;
        EXPECT_EQ(found["dirty_regions"].get<std::uint64_t>() == 0, clean) << answer.text;
    }
}

TEST_P(ExamineBitmapFiles, TheReportIsThatOfThePeer)
{
    const Json &raw = case_->expected["metadata_per_disk"][0]["bitmap"];
    const std::string text = emdadm({"--examine-bitmap", files_[0]}).text;
    for (const std::string &line : {"        Filename : " + files_[0], std::string("           Magic : 6d746962"), std::string("         Version : 4"),
                                    "            UUID : " + case_->expected["volumes"][0]["uuid"].get<std::string>(),
                                    fmt::format("          Events : {}", raw["events"].get<int>()), std::string("           State : OK"),
                                    std::string("      Write Mode : Normal"), fmt::format("          Bitmap : {} bits (chunks), ", raw["bits"].get<int>())})
        EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
}

INSTANTIATE_TEST_SUITE_P(Md, ExamineBitmapFiles,
                         testing::Values("md12-raid1-bitmap", "md12-v46-raid6-bitmap", "md12-raid10-n2", "md12-raid1-4kn", "md12-raid5-dirty", "md090-raid1-spare"),
                         [](const auto &info) { return test_name(info.param); });

class ExamineImsmLogs : public ExamineFiles {};

TEST_P(ExamineImsmLogs, AnImageHasNoSerialNumberAndAVolumeABitmap)
{
    const Answer bad = emdadm({"--examine-badblocks", files_[0]});
    EXPECT_EQ(bad.status, 1);
    EXPECT_EQ(bad.text, "");
    const auto list = find_format("imsm")->bad_blocks(*case_->disks[0]);
    ASSERT_TRUE(list) << list.error().text();
    ASSERT_TRUE(*list);
    EXPECT_TRUE((*list)->empty());

    const Answer answer = emdadm({"--examine-bitmap", "--json", files_[0]});
    const Json &volume = case_->expected["volumes"][0];
    ASSERT_EQ(answer.status, 0) << answer.error;
    const Json found = Json::parse(answer.text)["bitmaps"][0];
    EXPECT_EQ(found["array_uuid"], volume["uuid"]);
    EXPECT_EQ(found["chunk_bytes"], 64 << 20);
    const std::uint64_t sectors = found["sync_sectors"];
    EXPECT_EQ(sectors, volume["current"]["component_sectors"].get<std::uint64_t>());
    EXPECT_EQ(found["regions"].get<std::uint64_t>(), (sectors + 131071) / 131072);
}

TEST_P(ExamineImsmLogs, WhoHasNoneSaysSo)
{
    const auto other = load_case("imsm-raid5-3disk");
    const auto bitmaps = find_format("imsm")->bitmaps(*other->disks[0]);
    ASSERT_TRUE(bitmaps) << bitmaps.error().text();
    EXPECT_TRUE(bitmaps->empty());
    const auto spare = load_case("imsm-spares-only");
    const auto list = find_format("imsm")->bad_blocks(*spare->disks[0]);
    ASSERT_TRUE(list) << list.error().text();
    EXPECT_FALSE(*list);
}

INSTANTIATE_TEST_SUITE_P(Imsm, ExamineImsmLogs, testing::Values("imsm-raid1-bitmap"), [](const auto &info) { return test_name(info.param); });

INSTANTIATE_TEST_SUITE_P(Md, ExamineMdFiles, testing::Values("md090-raid1-spare", "md10-linear", "md12-raid1-4kn", "md12-raid1-badblocks"),
                         [](const auto &info) { return test_name(info.param); });

class ExamineDdfFiles : public ExamineFiles {};

TEST_P(ExamineDdfFiles, AReportAnExportAndALinePerVolume)
{
    const Json &expected = case_->expected;
    const std::string uuid = expected["container"]["uuid"];
    const Answer report = emdadm({"--examine", files_[0]});
    EXPECT_EQ(report.status, 0) << report.error;
    EXPECT_NE(report.text.find("Magic : de11de11"), std::string::npos) << report.text;
    EXPECT_EQ(emdadm({"--examine", "--export", files_[0]}).text.find("MD_METADATA=ddf\nMD_LEVEL=container\nMD_UUID=" + uuid), 0u);
    std::vector<std::string> words{"--examine", "--brief"};
    words.insert(words.end(), files_.begin(), files_.end());
    const Answer brief = emdadm(words);
    EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(brief.text, '\n')), 1 + expected["volumes"].size()) << brief.text;
    for (const Json &volume : expected["volumes"])
        EXPECT_NE(brief.text.find(fmt::format("ARRAY /dev/emd/{} container={} member={} UUID={}\n", std::string(volume["name"]), uuid,
                                              volume["index"].get<unsigned>(), std::string(volume["uuid"]))), std::string::npos) << brief.text;
}

INSTANTIATE_TEST_SUITE_P(Ddf, ExamineDdfFiles, testing::Values("ddf-multi-raid5-raid1-spare", "ddf-raid10-n3-6disk"),
                         [](const auto &info) { return test_name(info.param); });

INSTANTIATE_TEST_SUITE_P(Ddf, ExamineFiles, testing::Values("ddf-raid5-failed-removed", "ddf-multi-raid5-raid1-spare"),
                         [](const auto &info) { return test_name(info.param); });

INSTANTIATE_TEST_SUITE_P(Imsm, ExamineFiles,
                         testing::Values("imsm-raid5-3disk", "imsm-4kn-raid5", "imsm-migr-raid5-3to4", "imsm-matrix-raid0-raid5"),
                         [](const auto &info) { return test_name(info.param); });

}  // namespace
}  // namespace emd::golden
