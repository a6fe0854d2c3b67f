// SPDX-License-Identifier: GPL-2.0-or-later
// The attributes of a reshape: values, errno, who waits for what. docs/external-reshape-design.txt is what they follow.
#include "subject.h"

#include <cerrno>
#include <gtest/gtest.h>

namespace emd::contract {
namespace {

constexpr std::uint64_t kW = kChunkSectors;
constexpr std::uint64_t kStep = 3 * kW;  // array sectors that one w of members holds after the reshape

class ReshapeContract : public testing::Test {
protected:
    Array &array() { return subject_->array(); }
    std::string get(std::string_view attribute) { return array().get(attribute).value_or("?"); }
    int own(std::string_view value)  // a store to emd/reshape_acked: 0 or errno
    {
        const auto answer = array().sysfs().write(array().own_path("reshape_acked"), value);
        return answer ? 0 : answer.error().sys();
    }
    std::string acked() { return array().sysfs().read(array().own_path("reshape_acked")).value_or("?"); }
    int store(std::string_view attribute, std::string_view value)
    {
        const auto answer = array().set(attribute, value);
        return answer ? 0 : answer.error().sys();
    }
    void start() { ASSERT_EQ(store("sync_action", "reshape"), 0); }
    // Moves up to a value of sync_max, and until that is published.
    void move_to(std::uint64_t member_sectors)
    {
        ASSERT_EQ(store("sync_max", std::to_string(member_sectors)), 0);
        ASSERT_TRUE(subject_->eventually([&] { return published() == member_sectors * 3; })) << get("reshape_position");
    }
    std::uint64_t published()
    {
        const auto position = array().reshape_position();
        return position && *position ? **position : ~0ULL;
    }
    bool over() { return get("reshape_position") == "none"; }
    void write_now(std::uint64_t sector, std::byte fill)
    {
        const auto write = subject_->write(sector, fill);
        ASSERT_TRUE(subject_->eventually([&] { return write->ended(); })) << sector;
    }
    void expect_no_move(std::uint64_t at)
    {
        EXPECT_TRUE(subject_->stays([&] { return published() == at; })) << get("reshape_position");
    }

    std::unique_ptr<Subject> subject_ = make_subject();
};

TEST_F(ReshapeContract, ALimitOfZeroMovesNothing)
{
    start();
    expect_no_move(0);
    EXPECT_EQ(get("sync_action"), "reshape");
    EXPECT_EQ(get("sync_max"), "0");
    EXPECT_EQ(get("raid_disks"), "4 (3)");
    EXPECT_EQ(get("sync_completed"), fmt::format("0 / {}", kMemberSectors));
}

TEST_F(ReshapeContract, MovesToTheLimitAndNotBeyond)
{
    start();
    move_to(kW);
    EXPECT_EQ(get("sync_completed"), fmt::format("{} / {}", kW, kMemberSectors));
    expect_no_move(kStep);
    move_to(3 * kW);
    expect_no_move(3 * kStep);
}

TEST_F(ReshapeContract, ALimitBetweenStepsIsRefusedAndNamed)
{
    start();
    for (const std::uint64_t wrong : {std::uint64_t{1}, kW / 2, kW + 8, 5 * kW - 1}) {
        const auto answer = array().set("sync_max", wrong);
        ASSERT_FALSE(answer) << wrong;
        EXPECT_EQ(answer.error().sys(), EINVAL);
        EXPECT_NE(answer.error().text().find(std::to_string(wrong)), std::string::npos) << answer.error().text();
    }
    EXPECT_EQ(store("sync_max", "nonsense"), EINVAL);
    EXPECT_EQ(get("sync_max"), "0");
    expect_no_move(0);
}

TEST_F(ReshapeContract, TheLimitIsNotLoweredUnderWay)
{
    start();
    move_to(2 * kW);
    EXPECT_EQ(store("sync_max", std::to_string(kW)), EBUSY);
    EXPECT_EQ(store("sync_max", "0"), EBUSY);
    EXPECT_EQ(get("sync_max"), std::to_string(2 * kW));
    EXPECT_EQ(store("sync_max", std::to_string(2 * kW)), 0) << "the same value is no lowering";
}

TEST_F(ReshapeContract, OrdersThatMakeNoSense)
{
    EXPECT_EQ(store("sync_action", "nonsense"), EINVAL);
    start();
    for (const char *word : {"reshape", "check", "repair", "resync", "recover"})
        EXPECT_EQ(store("sync_action", word), EBUSY) << word;
    EXPECT_EQ(store("sync_action", "nonsense"), EINVAL);
    EXPECT_EQ(get("sync_action"), "reshape");
}

TEST_F(ReshapeContract, FrozenInTheMiddleGoesOnWhereItWas)
{
    start();
    move_to(4 * kW);
    EXPECT_EQ(store("sync_action", "frozen"), 0);
    EXPECT_EQ(get("sync_action"), "frozen");
    EXPECT_EQ(get("sync_completed"), "none");
    EXPECT_EQ(get("raid_disks"), "4 (3)");
    EXPECT_EQ(store("sync_max", std::to_string(6 * kW)), 0);
    expect_no_move(4 * kStep);
    start();
    ASSERT_TRUE(subject_->eventually([&] { return published() == 6 * kStep; }));
}

TEST_F(ReshapeContract, TheGateIsArmedBeforeTheStartOnly)
{
    EXPECT_EQ(acked(), "none");
    EXPECT_EQ(own("0"), 0);
    EXPECT_EQ(acked(), "0");
    EXPECT_EQ(own("none"), 0);
    start();
    EXPECT_EQ(own("0"), EBUSY) << "arming under way";
    EXPECT_EQ(acked(), "none");
    EXPECT_EQ(store("sync_action", "frozen"), 0);
    EXPECT_EQ(own("0"), 0);
    start();
    EXPECT_EQ(own("none"), EBUSY) << "disarming under way";
    EXPECT_EQ(acked(), "0");
}

TEST_F(ReshapeContract, AnAcknowledgementLiesBetweenTheLastOneAndThePublishedPosition)
{
    ASSERT_EQ(own("0"), 0);
    start();
    EXPECT_EQ(own(std::to_string(kStep)), EINVAL) << "nothing of it is moved";
    move_to(4 * kW);
    EXPECT_EQ(own(std::to_string(5 * kStep)), EINVAL);
    EXPECT_EQ(own("nonsense"), EINVAL);
    EXPECT_EQ(own("-1"), EINVAL);
    EXPECT_EQ(acked(), "0");
    EXPECT_EQ(own(std::to_string(2 * kStep)), 0);
    EXPECT_EQ(own(std::to_string(2 * kStep)), 0) << "the same value again";
    EXPECT_EQ(own(std::to_string(kStep)), EINVAL) << "backward";
    EXPECT_EQ(own(std::to_string(4 * kStep)), 0);
    EXPECT_EQ(acked(), std::to_string(4 * kStep));
}

TEST_F(ReshapeContract, AWriteIntoWhatIsNotAcknowledgedWaitsForIt)
{
    ASSERT_EQ(own("0"), 0);
    start();
    move_to(4 * kW);
    const auto low = subject_->write(kStep, std::byte{1}), high = subject_->write(3 * kStep, std::byte{2});
    const auto ahead = subject_->write(5 * kStep, std::byte{3});
    EXPECT_TRUE(subject_->eventually([&] { return ahead->ended(); })) << "what is not moved is not gated";
    EXPECT_TRUE(subject_->stays([&] { return !low->ended() && !high->ended(); }));
    EXPECT_EQ(subject_->read(kStep, kPageSectors)[0], std::byte{0}) << "a read is served meanwhile";
    ASSERT_EQ(own(std::to_string(2 * kStep)), 0);
    EXPECT_TRUE(subject_->eventually([&] { return low->ended(); }));
    EXPECT_TRUE(subject_->stays([&] { return !high->ended(); }));
    ASSERT_EQ(own(std::to_string(4 * kStep)), 0);
    EXPECT_TRUE(subject_->eventually([&] { return high->ended(); }));
    EXPECT_EQ(subject_->read(kStep, kPageSectors)[511], std::byte{1});
    EXPECT_EQ(subject_->read(3 * kStep, kPageSectors)[511], std::byte{2});
    EXPECT_EQ(subject_->read(5 * kStep, kPageSectors)[511], std::byte{3});
}

TEST_F(ReshapeContract, AWriteIntoTheSuspendedRangeWaitsAndAReadDoesNot)
{
    start();
    ASSERT_EQ(store("suspend_hi", std::to_string(2 * kStep)), 0);
    EXPECT_EQ(get("suspend_lo"), "0");
    EXPECT_EQ(get("suspend_hi"), std::to_string(2 * kStep));
    const auto inside = subject_->write(kStep, std::byte{4}), across = subject_->write(2 * kStep - 8, std::byte{5});
    const auto beyond = subject_->write(2 * kStep, std::byte{6});
    EXPECT_TRUE(subject_->eventually([&] { return beyond->ended(); })) << "the end of the range is not in it";
    EXPECT_TRUE(subject_->stays([&] { return !inside->ended() && !across->ended(); }));
    EXPECT_EQ(subject_->read(kStep, kPageSectors)[0], std::byte{0});
    move_to(2 * kW);
    EXPECT_TRUE(subject_->stays([&] { return !inside->ended(); })) << "moving on releases nothing";
    ASSERT_EQ(store("suspend_lo", std::to_string(kStep + 8)), 0);
    EXPECT_TRUE(subject_->eventually([&] { return inside->ended(); }));
    EXPECT_TRUE(subject_->stays([&] { return !across->ended(); }));
    ASSERT_EQ(store("suspend_lo", std::to_string(2 * kStep)), 0);
    EXPECT_TRUE(subject_->eventually([&] { return across->ended(); }));
    EXPECT_EQ(subject_->read(kStep, kPageSectors)[0], std::byte{4});
    EXPECT_EQ(subject_->read(2 * kStep - 8, kPageSectors)[0], std::byte{5});
}

TEST_F(ReshapeContract, NonsenseSuspendsNothing)
{
    start();
    for (const char *attribute : {"suspend_lo", "suspend_hi"}) {
        for (const char *wrong : {"x", "-8", "8x"})
            EXPECT_EQ(store(attribute, wrong), EINVAL) << attribute << " '" << wrong << "'";
        EXPECT_EQ(get(attribute), "0");
    }
}

TEST_F(ReshapeContract, TheEndWaitsForItsAcknowledgement)
{
    ASSERT_EQ(own("0"), 0);
    start();
    ASSERT_EQ(store("sync_max", "max"), 0);
    ASSERT_TRUE(subject_->eventually([&] { return published() == kEnd; }));
    EXPECT_TRUE(subject_->stays([&] { return !over() && get("raid_disks") == "4 (3)"; }));
    ASSERT_EQ(own(std::to_string(kEnd)), 0);
    ASSERT_TRUE(subject_->eventually([&] { return over(); }));
    EXPECT_EQ(get("raid_disks"), "4");
    EXPECT_EQ(acked(), "none");
    EXPECT_EQ(own("0"), ENODATA) << "there is nothing to acknowledge any more";
    EXPECT_TRUE(subject_->eventually([&] { return get("sync_action") != "reshape"; }));
}

TEST_F(ReshapeContract, WithoutAGateItEndsByItself)
{
    start();
    ASSERT_EQ(store("sync_max", "max"), 0);
    ASSERT_TRUE(subject_->eventually([&] { return over(); }));
    EXPECT_EQ(get("raid_disks"), "4");
    EXPECT_EQ(get("sync_max"), "max");
}

TEST_F(ReshapeContract, DataIsWhereItWas)
{
    const auto page = [](std::uint64_t sector) { return static_cast<std::byte>(sector / kPageSectors * 7 + 1); };
    for (std::uint64_t sector = 0; sector < kVisibleSectors; sector += kChunkSectors / 2)
        write_now(sector, page(sector));
    start();
    for (std::uint64_t limit = kW; limit <= kMemberSectors - kW; limit += 3 * kW) {
        move_to(limit);
        for (std::uint64_t sector = 0; sector < kVisibleSectors; sector += kChunkSectors / 2)
            ASSERT_EQ(subject_->read(sector, kPageSectors)[512], page(sector)) << sector << " with " << limit;
    }
    ASSERT_EQ(store("sync_max", "max"), 0);
    ASSERT_TRUE(subject_->eventually([&] { return over(); }));
    for (std::uint64_t sector = 0; sector < kVisibleSectors; sector += kChunkSectors / 2)
        ASSERT_EQ(subject_->read(sector, kPageSectors)[512], page(sector)) << sector;
}

}  // namespace
}  // namespace emd::contract
