// SPDX-License-Identifier: GPL-2.0-only
// Command lines as people and scripts write them for mdadm.
#include "emdadm/options.h"

#include <emd/emd.h>
#include <gtest/gtest.h>
#include <sstream>

namespace emd::cli {
namespace {

Result<Options> parse_line(const std::string &line)
{
    std::istringstream words("emdadm " + line);
    std::vector<std::string> text;
    for (std::string word; words >> word;)
        text.push_back(word);
    std::vector<char *> argv;
    for (std::string &word : text)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    return parse(static_cast<int>(text.size()), argv.data());
}

Options good(const std::string &line)
{
    auto options = parse_line(line);
    EXPECT_TRUE(options) << line << ": " << (options ? "" : options.error().text());
    return options ? *options : Options();
}

std::string refused(const std::string &line)
{
    const auto options = parse_line(line);
    EXPECT_FALSE(options) << line;
    return options ? "" : options.error().text();
}

TEST(Cli, CreateContainer)
{
    const Options o = good("-C /dev/emd/imsm0 -e imsm -n 3 /dev/sda /dev/sdb /dev/sdc");
    EXPECT_EQ(o.mode, Mode::Create);
    EXPECT_EQ(o.metadata, "imsm");
    EXPECT_EQ(o.raid_disks, 3u);
    EXPECT_EQ(o.names(), (std::vector<std::string>{"/dev/emd/imsm0", "/dev/sda", "/dev/sdb", "/dev/sdc"}));
}

TEST(Cli, CreateVolume)
{
    const Options o = good("-C /dev/emd/vol0 -l 5 -n 3 -c 64 /dev/emd/imsm0");
    EXPECT_EQ(o.level, 5);
    EXPECT_EQ(o.chunk_sectors, 128u);
    EXPECT_EQ(good("--create vol0 --level=raid5 --raid-devices=3 --chunk=64K imsm0").chunk_sectors, 128u);
    EXPECT_EQ(good("-Cv vol0 -l stripe -n2 -z 1G imsm0").size_sectors, 2u << 20);
    EXPECT_EQ(good("-C vol0 -l mirror -n 2 -z max --assume-clean imsm0").size_sectors, kMax);
    EXPECT_TRUE(good("-C vol0 -l1 -n2 --assume-clean -fR imsm0").assume_clean);
}

TEST(Cli, ConsistencyPolicy)
{
    const auto words = [](const std::string &more) { return good("-C vol0 -l5 -n3 " + more + " /dev/sda /dev/sdb /dev/sdc"); };
    EXPECT_FALSE(words("").parity_log);
    EXPECT_FALSE(words("").bitmap);
    EXPECT_EQ(words("--consistency-policy=ppl").parity_log, true);
    EXPECT_FALSE(words("-k ppl").bitmap);
    EXPECT_EQ(words("-k resync").parity_log, false);
    EXPECT_EQ(words("-k resync").bitmap, false);
    EXPECT_EQ(words("-k bitmap").parity_log, false);
    EXPECT_EQ(words("-k bitmap").bitmap, true);
    EXPECT_EQ(words("-k bitmap --bitmap=internal").bitmap, true);
    EXPECT_EQ(words("--bitmap=none -k resync").bitmap, false);
    const auto no = [](const std::string &more) { return refused("-C vol0 -l5 -n3 " + more + " /dev/sda /dev/sdb /dev/sdc"); };
    EXPECT_NE(no("-k journal").find("EMD has resync, bitmap and ppl"), std::string::npos);
    // In whatever order they come.
    for (const char *line : {"-k resync --bitmap=internal", "--bitmap=internal -k resync", "-k bitmap --bitmap=none", "--bitmap=none -k bitmap",
                             "-k ppl --bitmap=internal", "--bitmap=internal -k ppl"})
        EXPECT_NE(no(line).find("contradict each other"), std::string::npos) << line;
    EXPECT_NE(refused("--assemble --scan --consistency-policy=ppl").find("consistency-policy"), std::string::npos);
}

TEST(Cli, Build)
{
    const Options o = good("--build /dev/md0 --level=1 --raid-devices=3 --assume-clean /dev/sda missing --write-mostly /dev/sdb");
    EXPECT_EQ(o.mode, Mode::Build);
    EXPECT_EQ(o.level, 1);
    EXPECT_TRUE(o.assume_clean);
    EXPECT_EQ(o.names(), (std::vector<std::string>{"/dev/md0", "/dev/sda", "missing", "/dev/sdb"}));
    EXPECT_FALSE(o.arguments.at(1).write_mostly);
    EXPECT_TRUE(o.arguments.at(3).write_mostly);
    EXPECT_TRUE(good("-B x -l 1 -n 2 /dev/sda -W /dev/sdb").arguments.at(2).write_mostly);
    EXPECT_EQ(good("-Bv x -l5 -n3 -c 128 -p ls -z 1G -f a b c").chunk_sectors, 256u);
    EXPECT_EQ(good("--build x -l raid0 -n2 --bitmap=none --run a b").mode, Mode::Build);
    EXPECT_EQ(refused("--build x -l 1 -n 2 --bitmap=internal a b"),
              "--bitmap=internal: an array without metadata has no place for a bitmap: leave it out");
    EXPECT_EQ(refused("--build x -l 1 -n 2 -x 1 a b c"), "-x has no meaning with --build");
    EXPECT_EQ(refused("--build x -e 1.2 -l 1 -n 2 a b"), "-e has no meaning with --build");
    EXPECT_NE(usage(Mode::Build).find("--write-mostly"), std::string::npos);
    EXPECT_NE(usage(Mode::Help).find("--build"), std::string::npos);
}

TEST(Cli, LettersMeanWhatTheModeSays)
{
    EXPECT_TRUE(good("-A -f /dev/emd/x /dev/sda").force);
    EXPECT_EQ(good("/dev/emd/x -f /dev/sda").arguments.at(1).disposition, Disposition::Fail);
    EXPECT_EQ(good("-A -c /etc/x.conf -s").config, "/etc/x.conf");
    EXPECT_EQ(good("-G x -c 128").chunk_sectors, 256u);
    EXPECT_TRUE(good("-A -o -s").read_only);
    EXPECT_EQ(good("-o x").mode, Mode::ReadOnly);
}

TEST(Cli, ModesInClusters)
{
    EXPECT_EQ(good("-As").mode, Mode::Assemble);
    EXPECT_TRUE(good("-As").scan);
    EXPECT_EQ(good("-Db x").mode, Mode::Detail);
    EXPECT_TRUE(good("-Db x").brief);
    EXPECT_EQ(good("-vv --detail --export x").verbose, 2);
    EXPECT_EQ(good("-EY /dev/sda").mode, Mode::Examine);
    EXPECT_EQ(good("-IRs").mode, Mode::Incremental);
}

TEST(Cli, ManageTakesMembersInTheirOrder)
{
    const Options o = good("/dev/emd/imsm0 --fail /dev/sda --remove /dev/sda /dev/sdb --add /dev/sdc");
    EXPECT_EQ(o.mode, Mode::Manage);
    ASSERT_EQ(o.arguments.size(), 5u);
    EXPECT_EQ(o.arguments[0].disposition, Disposition::None);
    EXPECT_EQ(o.arguments[1].disposition, Disposition::Fail);
    EXPECT_EQ(o.arguments[3].disposition, Disposition::Remove);
    EXPECT_EQ(o.arguments[4].text, "/dev/sdc");
    EXPECT_EQ(o.arguments[4].disposition, Disposition::Add);
    const Options r = good("x --replace /dev/sda /dev/sdb --with /dev/sdc");
    EXPECT_EQ(r.arguments.at(2).disposition, Disposition::Replace);
    EXPECT_EQ(r.arguments.at(3).disposition, Disposition::With);
    EXPECT_EQ(good("--manage x -a /dev/sdc").arguments.at(1).disposition, Disposition::Add);
}

TEST(Cli, KillSubarray)
{
    const Options o = good("--kill-subarray=1 /dev/sda /dev/sdb");
    EXPECT_EQ(o.mode, Mode::KillSubarray);
    EXPECT_EQ(o.subarray, 1u);
    EXPECT_EQ(o.names(), (std::vector<std::string>{"/dev/sda", "/dev/sdb"}));
    EXPECT_EQ(good("--kill-subarray 0 /dev/emd/imsm0").subarray, 0u);
    EXPECT_TRUE(good("--misc --kill-subarray=0 -f --dry-run --json /dev/sda").force);
    EXPECT_EQ(refused("--kill-subarray=one /dev/sda"), "--kill-subarray takes a number from 0 to 65535, not \"one\"");
    EXPECT_EQ(refused("--kill-subarray= /dev/sda"), "--kill-subarray takes a number from 0 to 65535, not \"\"");
    EXPECT_EQ(refused("--kill-subarray"), "--kill-subarray needs a value");
    EXPECT_EQ(refused("--kill-subarray=0 --name=x /dev/sda"), "--name has no meaning with --kill-subarray");
    EXPECT_EQ(refused("--stop --kill-subarray=0 /dev/sda"), "--kill-subarray and --stop cannot be given together");
    EXPECT_NE(usage(Mode::Help).find("--kill-subarray"), std::string::npos);
    EXPECT_NE(usage(Mode::KillSubarray).find("--force"), std::string::npos);
}

TEST(Cli, UpdateSubarray)
{
    const Options o = good("--update-subarray=1 --update=name --name=new /dev/sda");
    EXPECT_EQ(o.mode, Mode::UpdateSubarray);
    EXPECT_EQ(o.subarray, 1u);
    EXPECT_TRUE(o.rename);
    EXPECT_EQ(o.name, "new");
    EXPECT_TRUE(good("--misc --update-subarray 0 -U name -N new --dry-run -f /dev/sda").force);
    EXPECT_NE(refused("--update-subarray=0 --update=bitmap /dev/sda").find("EMD can do name alone"), std::string::npos);
    EXPECT_NE(refused("--update-subarray=0 -U no-ppl /dev/sda").find("emdadm --assemble --update=no-ppl does it"), std::string::npos);
    EXPECT_NE(refused("--assemble --update=name x /dev/sda").find("EMD can do no-ppl and revert-reshape alone"), std::string::npos);
    EXPECT_EQ(refused("--update-subarray=0 --level=1 /dev/sda"), "--level has no meaning with --update-subarray");
    EXPECT_EQ(refused("--create x --update=name /dev/sda"), "--update has no meaning with --create") << "no short form of --update-subarray";
    EXPECT_EQ(refused("--create x --update name /dev/sda"), "--update has no meaning with --create");
    EXPECT_NE(usage(Mode::UpdateSubarray).find("call it as --name says"), std::string::npos);
    EXPECT_EQ(usage(Mode::KillSubarray).find("--name"), std::string::npos);
}

TEST(Cli, Grow)
{
    const Options o = good("--grow /dev/emd/imsm0 -n 4 --dry-run");
    EXPECT_EQ(o.mode, Mode::Grow);
    EXPECT_EQ(o.raid_disks, 4u);
    EXPECT_TRUE(o.dry_run);
    EXPECT_TRUE(good("-G --continue /dev/emd/vol0").go_on);
    EXPECT_TRUE(good("-G --continue --unless-paused /dev/emd/vol0").unless_paused);
    EXPECT_TRUE(good("-G --resume /dev/emd/vol0").go_on);
    EXPECT_TRUE(good("-G --pause /dev/emd/vol0").pause);
    EXPECT_TRUE(good("-G --revert /dev/emd/vol0").turn_back);
    EXPECT_TRUE(good("--assemble --update=revert-reshape x /dev/sda").revert);
    EXPECT_EQ(good("-G x -n 4 --backup-file=/root/b").backup_file, "/root/b");
    EXPECT_EQ(good("-G x --array-size=max").array_size_sectors, kMax);
}

TEST(Cli, OneSentencePerMistake)
{
    EXPECT_EQ(refused("-C x -n many /dev/sda"), "--raid-devices takes a number from 1 to 256, not \"many\"");
    EXPECT_EQ(refused("-C x -n 0 /dev/sda"), "--raid-devices takes a number from 1 to 256, not \"0\"");
    EXPECT_EQ(refused("-C x -l 7 -n 3"), "\"7\" is no level: take 0, 1, 4, 5, 6, 10 or linear");
    EXPECT_EQ(refused("-C x -z 3Q -n 3"), "--size takes a size in KiB or with a unit (64, 512K, 10G), not \"3Q\"");
    EXPECT_EQ(refused("-C x -n"), "-n needs a value");
    EXPECT_EQ(refused("-C x --raid-devices"), "--raid-devices needs a value");
    EXPECT_EQ(refused("--frobnicate"), "--frobnicate is no option of emdadm; see emdadm --help");
    EXPECT_EQ(refused("-E --raid-devices=3 /dev/sda"), "--raid-devices has no meaning with --examine");
    EXPECT_EQ(refused("-E -x 3 /dev/sda"), "-x has no meaning with --examine");
    EXPECT_EQ(refused("-C x --stop"), "--stop and --create cannot be given together");
    EXPECT_EQ(refused("-v"), "no array is named; see emdadm --help");
}

TEST(Cli, HelpOfAMode)
{
    EXPECT_TRUE(good("--grow --help").help);
    EXPECT_NE(usage(Mode::Grow).find("--dry-run"), std::string::npos);
    EXPECT_EQ(usage(Mode::Examine).find("--raid-devices"), std::string::npos);
    EXPECT_EQ(good("--help").mode, Mode::Help);
    EXPECT_EQ(good("-V").mode, Mode::Version);
}

TEST(Cli, LayoutsByLevel)
{
    EXPECT_EQ(*parse_layout("ls", 5), std::uint32_t(EMD_LAYOUT_LEFT_SYMMETRIC));
    EXPECT_EQ(*parse_layout("ddf-N-continue", 6), std::uint32_t(EMD_LAYOUT_DDF_N_CONTINUE));
    EXPECT_EQ(*parse_layout("left-symmetric-6", 6), std::uint32_t(EMD_LAYOUT_LEFT_SYMMETRIC_6));
    EXPECT_EQ(parse_layout("left-symmetric-6", 5).error().text(), "\"left-symmetric-6\" is no layout of raid5");
    EXPECT_EQ(*parse_layout("n2", 10), 0x102u);
    EXPECT_EQ(*parse_layout("n3", 10), 0x103u);
    EXPECT_EQ(*parse_layout("f2", 10), 0x201u);
    EXPECT_EQ(*parse_layout("o2", 10), 0x10201u);
    EXPECT_EQ(parse_layout("n", 10).error().text(), "\"n\" is no layout of raid10");
    EXPECT_EQ(parse_layout("f256", 10).error().text(), "\"f256\" is no layout of raid10");
    EXPECT_EQ(*parse_layout("3", 5), 3u);
    EXPECT_EQ(parse_layout("ls", 1).error().text(), "\"ls\" is no layout of raid1");
}

TEST(Cli, BehindTwoDashesEverythingIsAName)
{
    EXPECT_EQ(good("-E -- -odd").names(), std::vector<std::string>{"-odd"});
}

}  // namespace
}  // namespace emd::cli
