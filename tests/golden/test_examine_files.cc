// SPDX-License-Identifier: GPL-2.0-or-later
// emdadm --examine --json on image files: what stands on the disks is read without the disks, whatever their sector size.
#include "golden/golden.h"

#include "emdadm/context.h"
#include "libemd/report/json.h"

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
    const Result<int> done = cli::cmd_examine(context);
    std::fflush(stdout);
    Answer answer{done ? *done : 1, done ? "" : done.error().text(), testing::internal::GetCapturedStdout()};
    return answer;
}

class ExamineFiles : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override
    {
        char name[] = "/tmp/emd-images-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        directory_ = name;
        case_ = load_case(GetParam());
        for (const auto &disk : case_->disks) {
            files_.push_back(directory_ / disk->name);
            std::ofstream(files_.back(), std::ios::binary)
                .write(reinterpret_cast<const char *>(disk->bytes.data()), static_cast<std::streamsize>(disk->bytes.size()));
        }
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    std::filesystem::path directory_;
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
    EXPECT_EQ(found["metadata"], "imsm");
    ASSERT_EQ(found["volumes"].size(), expected["volumes"].size()) << answer.text;

    const auto loaded = find_format("imsm")->load(case_->media());
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

INSTANTIATE_TEST_SUITE_P(Md, ExamineMdFiles, testing::Values("md090-raid1-spare", "md10-linear", "md12-raid1-4kn", "md12-raid1-badblocks"),
                         [](const auto &info) { return test_name(info.param); });

INSTANTIATE_TEST_SUITE_P(Imsm, ExamineFiles,
                         testing::Values("imsm-raid5-3disk", "imsm-4kn-raid5", "imsm-migr-raid5-3to4", "imsm-matrix-raid0-raid5"),
                         [](const auto &info) { return test_name(info.param); });

}  // namespace
}  // namespace emd::golden
