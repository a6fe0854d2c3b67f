// SPDX-License-Identifier: GPL-2.0-only
// What emdmon is asked for, once, again, and by somebody who counts the disks in another way.
#include "unit/monitor_lab.h"

using namespace emd;
using namespace emd::mon;

namespace {

using toy::Lab;
using toy::run;

TEST(MonitorRequests, PingAnswersAfterAFullPassOverWhatWasNotNotified)
{
    Lab lab(1);
    lab.start();
    run(lab);
    lab.attribute("reshape_position") = "7000";
    lab.kernel.fail_member("dev-sdc");
    const protocol::Answer answer = lab.sync();
    EXPECT_TRUE(answer.ok);
    EXPECT_EQ(answer.checkpoint, 7000u);
    EXPECT_EQ(lab.on_disk().disks[2].state, DiskState::Failed);
}

TEST(MonitorRequests, UnknownVolumeIsAnError)
{
    Lab lab;
    lab.start();
    const protocol::Answer answer = lab.sync(7);
    EXPECT_FALSE(answer.ok);
    EXPECT_EQ(answer.text, "emd127 has no running volume 7");
}

TEST(MonitorRequests, TheSameRequestAgainIsAnsweredFromMemoryAndADoneChangeIsSuccess)
{
    Lab lab;
    lab.start();
    const Disk disk{"S9", 100000, DiskState::Spare, true, toy::dev(9), "/dev/sdj", 512};
    EXPECT_TRUE(lab.ask(change::SpareAdded{disk}, 5).at(0).ok);
    EXPECT_TRUE(lab.ask(change::SpareAdded{disk}, 5).at(0).ok);
    lab.start();  // a new emdmon knows no old requests
    EXPECT_TRUE(lab.ask(change::SpareAdded{disk}, 5).at(0).ok);
    EXPECT_EQ(lab.on_disk().disks.size(), 4u);
}

TEST(MonitorRequests, DiskFailedByHandIsFailedInTheKernel)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "active";
    EXPECT_TRUE(lab.ask(change::DiskFailed{1}).at(0).ok);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdb"));
}

TEST(MonitorRequests, ADiskIsTheDeviceThatTheSenderMeans)
{
    Lab lab;
    lab.start();
    lab.attribute("array_state") = "active";
    EXPECT_TRUE(lab.ask(change::DiskFailed{0}, {toy::dev(1), toy::dev(2)}).at(0).ok);
    EXPECT_EQ(lab.on_disk().disks[1].state, DiskState::Failed);
    EXPECT_EQ(lab.on_disk().disks[0].state, DiskState::Active);
    EXPECT_FALSE(lab.kernel.members.contains("dev-sdb"));
    EXPECT_EQ(lab.ask(change::DiskFailed{2}, {toy::dev(1), toy::dev(2)}, 2).at(0).kind, Errc::Invalid);
    const auto unknown = lab.ask(change::DiskFailed{0}, {toy::dev(7)}, 3).at(0);
    EXPECT_EQ(unknown.kind, Errc::NotFound);
    EXPECT_NE(unknown.text.find("has no disk 8:112 any more"), unknown.text.npos) << unknown.text;

    Container c = toy::container(0);
    c.volumes[0].shape = {10, 0x102, 2, 128, 65536};
    c.volumes[0].slots = {{1, true}, {2, true}};
    Lab mirror(c);
    mirror.start();
    const change::Takeover to{0, {0, 0, 1, 128, 65536}, {{0, true}}};
    EXPECT_TRUE(mirror.ask(to, {toy::dev(2)}).at(0).ok);
    EXPECT_EQ(mirror.volume().slots[0].disk, 2);
}

}  // namespace
