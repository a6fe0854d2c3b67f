// SPDX-License-Identifier: GPL-2.0-only
#include "emdadm/config.h"

#include <gtest/gtest.h>

namespace emd::cli {
namespace {

Config good(const std::string &text)
{
    auto config = parse_config(text, "test.conf");
    EXPECT_TRUE(config) << (config ? "" : config.error().text());
    return config ? *config : Config();
}

TEST(CliConfig, NothingIsClaimedUnlessALineSaysSo)
{
    EXPECT_FALSE(Config().claims("imsm", "a:b:c:d"));
    EXPECT_FALSE(good("# nothing\n").claims("imsm", "a:b:c:d"));
}

TEST(CliConfig, AutoIsReadFromLeftToRight)
{
    EXPECT_TRUE(good("AUTO +imsm -all").claims("imsm", "a:b:c:d"));
    EXPECT_FALSE(good("AUTO +ddf -all").claims("imsm", "a:b:c:d"));
    EXPECT_FALSE(good("AUTO -all +imsm").claims("imsm", "a:b:c:d"));
    EXPECT_TRUE(good("auto -ddf\n\t+all").claims("imsm", "a:b:c:d"));
}

TEST(CliConfig, ArrayLinesClaimAndName)
{
    const Config c = good("ARRAY metadata=imsm UUID=AA:bb:cc:dd\n"
                          "ARRAY /dev/emd/home container=aa:bb:cc:dd member=0 UUID=11:22:33:44\n"
                          "ARRAY <ignore> UUID=99:99:99:99\nAUTO +all");
    EXPECT_TRUE(c.claims("imsm", "aa:bb:cc:dd"));
    EXPECT_EQ(c.name_of("11:22:33:44"), "home");
    EXPECT_EQ(c.name_of("aa:bb:cc:dd"), std::nullopt);
    EXPECT_FALSE(c.claims("imsm", "99:99:99:99"));
}

TEST(CliConfig, Devices)
{
    const Config c = good("DEVICE /dev/sd[ab]\n  /dev/nvme*\n");
    EXPECT_TRUE(c.looks_at("/dev/sda"));
    EXPECT_TRUE(c.looks_at("/dev/nvme0n1"));
    EXPECT_FALSE(c.looks_at("/dev/sdc"));
    EXPECT_TRUE(good("DEV partitions").looks_at("/dev/sdc"));
}

TEST(CliConfig, MistakesNameTheirLine)
{
    EXPECT_EQ(parse_config("ARAY x", "test.conf").error().text(), "test.conf: \"ARAY\" is no keyword");
    EXPECT_EQ(parse_config("ARRAY /dev/emd/x", "test.conf").error().text(),
              "test.conf: ARRAY x needs a UUID= or a container= to be recognised by");
}

}  // namespace
}  // namespace emd::cli
