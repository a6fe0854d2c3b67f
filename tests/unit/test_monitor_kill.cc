// SPDX-License-Identifier: GPL-2.0-only
// emdmon may be killed before and after every single action: the next one comes to the same end.
#include "unit/monitor_lab.h"

using namespace emd;
using namespace emd::mon;
using namespace std::chrono_literals;

namespace {

using toy::Lab;
using toy::kGrown;
using toy::propose;
using toy::run;

using Scenario = std::function<void(Lab &)>;

// Kill before (or after) the n-th action for every n, start anew, and see the same end as without a kill.
void kill_everywhere(const Scenario &before, const Scenario &event, const Scenario &check)
{
    for (const bool after : {false, true}) {
        for (int n = 0;; n++) {
            Lab lab(2);
            before(lab);
            lab.journal.fuse = n;
            lab.journal.after = after;
            bool killed = false;
            try {
                event(lab);
            } catch (const toy::Killed &) {
                killed = true;
            }
            lab.journal.fuse = -1;
            if (killed) {
                lab.start();
                lab.now += 40s;
                lab.settle();
            }
            SCOPED_TRACE(fmt::format("killed {} action {}", after ? "after" : "before", n));
            check(lab);
            if (::testing::Test::HasFailure())
                return;
            if (!killed)
                break;
            ASSERT_LT(n, 500);
        }
    }
}

TEST(MonitorKill, FailureAndSpareConverge)
{
    kill_everywhere([](Lab &lab) { lab.start(); },
                    [](Lab &lab) {
                        lab.kernel.fail_member("dev-sdb");
                        lab.attribute("array_state") = "write-pending";
                        lab.settle();
                    },
                    [](Lab &lab) {
                        EXPECT_EQ(lab.attribute("array_state"), "active");
                        EXPECT_TRUE(lab.volume().dirty);
                        EXPECT_EQ(lab.on_disk().disks[1].state, DiskState::Failed);
                        EXPECT_EQ(lab.volume().slots[1].disk, 3);
                        EXPECT_EQ(lab.kernel.members.at("dev-sdd").slot, "1");
                        EXPECT_FALSE(lab.kernel.members.contains("dev-sdb"));
                        EXPECT_FALSE(lab.kernel.members.contains("dev-sde"));
                        EXPECT_EQ(lab.attribute("sync_action"), "recover");
                    });
}

TEST(MonitorKill, StartOfReshapeConverges)
{
    kill_everywhere([](Lab &lab) { lab.start(); },
                    [](Lab &lab) {
                        propose(lab);
                        (void)lab.ask(change::ReshapeStarted{0, kGrown, {}}, 7);
                    },
                    [](Lab &lab) {
                        // The client asks again when its connection has broken.
                        (void)lab.ask(change::ReshapeStarted{0, kGrown, {}}, 7);
                        ASSERT_TRUE(lab.volume().reshape);
                        EXPECT_EQ(lab.volume().reshape->target_slots.at(3).disk, 3);
                        EXPECT_EQ(lab.kernel.members.at("dev-sdd").reserved, "3");
                        EXPECT_EQ(lab.attribute("own:reshape_acked"), "0");
                        EXPECT_FALSE(lab.kernel.members.contains("dev-sde"));
                    });
}

TEST(MonitorKill, CheckpointAndEndOfReshapeConverge)
{
    kill_everywhere(
        [](Lab &lab) {
            lab.start();
            run(lab);
        },
        [](Lab &lab) {
            lab.attribute("reshape_position") = "9000";
            lab.settle();
            EXPECT_EQ(lab.attribute("own:reshape_acked"), "9000");
            lab.attribute("reshape_position") = "none";
            lab.attribute("raid_disks") = "4";
            lab.attribute("sync_action") = "idle";
            lab.settle();
        },
        [](Lab &lab) {
            if (lab.attribute("reshape_position") == "9000") {  // killed in the first half
                EXPECT_EQ(lab.attribute("own:reshape_acked"), "9000");
                EXPECT_EQ(lab.volume().reshape->position, 9000u);
            } else {
                EXPECT_FALSE(lab.volume().reshape);
                EXPECT_EQ(lab.volume().shape, kGrown);
            }
        });
}

}  // namespace
