// SPDX-License-Identifier: GPL-2.0-or-later
// State of a member: all 256 values, all transitions, and what children make of an array.
#include "core/emd_mstate.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace {

using State = mdu_mstate_t;

constexpr State kOptimal = MDU_MSTATE_OPTIMAL, kDegraded = MDU_MSTATE_DEGRADED, kFailed = MDU_MSTATE_FAILED,
		kTeardown = MDU_MSTATE_TEARDOWN, kRebuild = MDU_MSTATE_REBUILD_TARGET,
		kInit = MDU_MSTATE_INITIALIZING, kUnknown = MDU_MSTATE_UNKNOWN;

// The ten states that exist, written out.
const std::set<State> kStates{kUnknown, kOptimal, kDegraded, kFailed, kTeardown, kFailed | kTeardown,
			      kOptimal | kRebuild, kDegraded | kRebuild, kOptimal | kInit, kDegraded | kInit};

std::vector<emd_mevent> events()
{
	std::vector<emd_mevent> all;
	for (int event = 0; event < EMD_NR_MEVENTS; event++)
		all.push_back(static_cast<emd_mevent>(event));
	return all;
}

std::string words(State state)
{
	char text[64];
	EXPECT_LT(emd_mstate_words(state, text, sizeof(text)), int(sizeof(text)));
	return text;
}

TEST(MemberState, All256Values)
{
	for (State state = 0; state < 256; state++) {
		SCOPED_TRACE(state);
		EXPECT_EQ(emd_mstate_valid(state) != 0, kStates.count(state) == 1);
		EXPECT_EQ(MDU_MSTATE_READABLE(state), state == 0x01 || state == 0x02);
		EXPECT_EQ(MDU_MSTATE_WRITABLE(state),
			  state == 0x01 || state == 0x02 || state == 0x11 || state == 0x12);
		EXPECT_EQ(MDU_MSTATE_LIVE(state), (state & 0x0c) == 0);
		std::string expected;
		for (auto [bit, word] : std::vector<std::pair<State, std::string>>{
			     {0x01, "optimal"}, {0x02, "degraded"}, {0x04, "failed"}, {0x08, "teardown"},
			     {0x10, "rebuild-target"}, {0x20, "initializing"}})
			if (state & bit)
				expected += (expected.empty() ? "" : ",") + word;
		EXPECT_EQ(words(state), expected.empty() ? "unknown" : expected);
	}
}

TEST(MemberState, WordsAreCutLikeSnprintf)
{
	char text[8];
	EXPECT_EQ(emd_mstate_words(kOptimal | kRebuild, text, sizeof(text)), 22);
	EXPECT_STREQ(text, "optimal");
	EXPECT_EQ(emd_mstate_words(kFailed, nullptr, 0), 6);
}

TEST(MemberState, TransitionsStayWithinTheStates)
{
	for (State state = 0; state < 256; state++)
		for (emd_mevent event : events()) {
			const int next = emd_mstate_next(state, event);
			if (!kStates.count(state)) {
				EXPECT_EQ(next, -1) << state;
			} else if (next >= 0) {
				EXPECT_TRUE(kStates.count(State(next))) << state << " by " << event;
			}
		}
	EXPECT_EQ(emd_mstate_next(0x1000, EMD_MEV_FAIL), -1);
	EXPECT_EQ(emd_mstate_next(kOptimal, static_cast<emd_mevent>(EMD_NR_MEVENTS)), -1);
}

TEST(MemberState, FailedAndTeardownAreFinal)
{
	for (emd_mevent event : events()) {
		EXPECT_EQ(emd_mstate_next(kFailed, event), event == EMD_MEV_TEARDOWN ? int(kFailed | kTeardown) : -1);
		EXPECT_EQ(emd_mstate_next(kTeardown, event), event == EMD_MEV_FAIL ? int(kFailed | kTeardown) : -1);
		EXPECT_EQ(emd_mstate_next(kFailed | kTeardown, event), -1);
	}
}

TEST(MemberState, EveryLiveStateCanFailAndBeTornDown)
{
	for (State state : kStates)
		if (MDU_MSTATE_LIVE(state)) {
			EXPECT_EQ(emd_mstate_next(state, EMD_MEV_FAIL), int(kFailed));
			EXPECT_EQ(emd_mstate_next(state, EMD_MEV_TEARDOWN), int(kTeardown));
		}
}

// R17: the failure of a target races with the end of its rebuild; whatever comes first, it ends failed.
TEST(MemberState, FailureWinsAgainstTheEndOfARebuild)
{
	const State target = kOptimal | kRebuild;
	EXPECT_EQ(emd_mstate_next(State(emd_mstate_next(target, EMD_MEV_INSYNC)), EMD_MEV_FAIL), int(kFailed));
	EXPECT_EQ(emd_mstate_next(State(emd_mstate_next(target, EMD_MEV_FAIL)), EMD_MEV_INSYNC), -1);
}

TEST(MemberState, LifeOfASpare)
{
	State state = kUnknown;
	for (auto [event, next] : std::vector<std::pair<emd_mevent, State>>{
		     {EMD_MEV_REBUILD, kOptimal | kRebuild}, {EMD_MEV_INSYNC, kOptimal}, {EMD_MEV_SPARE, kUnknown},
		     {EMD_MEV_ACTIVATE, kOptimal}, {EMD_MEV_DEGRADE, kDegraded}, {EMD_MEV_REBUILD, kDegraded | kRebuild},
		     {EMD_MEV_RESTORE, kOptimal | kRebuild}, {EMD_MEV_FAIL, kFailed}}) {
		state = State(emd_mstate_next(state, event));
		EXPECT_EQ(state, next);
	}
}

// Placed while nothing may start: not to be touched, in its parent or by it, until its turn comes or it is let go.
TEST(MemberState, InitializingIsLeftByItsTurnOrByRelease)
{
	for (State whole : {kOptimal, kDegraded}) {
		const State waits = State(emd_mstate_next(whole, EMD_MEV_INIT));
		EXPECT_EQ(waits, whole | kInit);
		EXPECT_FALSE(MDU_MSTATE_READABLE(waits) || MDU_MSTATE_WRITABLE(waits));
		EXPECT_TRUE(MDU_MSTATE_WHOLE(waits));
		EXPECT_EQ(emd_mstate_next(waits, EMD_MEV_REBUILD), int(whole | kRebuild));
		EXPECT_EQ(emd_mstate_next(waits, EMD_MEV_ACTIVATE), int(whole));
		EXPECT_EQ(emd_mstate_next(waits, EMD_MEV_SPARE), int(kUnknown));
	}
}

TEST(MemberState, AReleasedArrayIsWhatItsChildrenMakeOfIt)
{
	for (State whole : {kUnknown, kOptimal, kDegraded})
		for (State modifier : {kUnknown, kRebuild, kInit})
			if (kStates.count(whole | modifier)) {
				EXPECT_EQ(emd_mstate_next(whole | modifier, EMD_MEV_RELEASE), int(whole));
			}
	EXPECT_EQ(emd_mstate_next(kFailed, EMD_MEV_RELEASE), -1);
}

// An array's state against a count of what may be missing, for every set of failed members.
void expect_tolerates(int level, unsigned layout, unsigned disks, unsigned tolerated)
{
	for (unsigned missing = 0; missing < 1u << disks; missing++) {
		std::vector<State> child(disks, kOptimal);
		const State kinds[] = {kUnknown, kFailed, kOptimal | kRebuild, kTeardown};
		for (unsigned i = 0; i < disks; i++)
			if (missing & (1u << i))
				child[i] = kinds[i % 4];
		const unsigned count = unsigned(__builtin_popcount(missing));
		const State expected = count == 0 ? kOptimal : count <= tolerated ? kDegraded : kFailed;
		EXPECT_EQ(emd_mstate_array(level, layout, disks, child.data()), expected)
			<< "level " << level << " of " << disks << ", missing " << missing;
	}
}

TEST(ArrayState, FollowsFromTheChildren)
{
	for (unsigned disks = 1; disks <= 5; disks++) {
		expect_tolerates(0, 0, disks, 0);
		expect_tolerates(EMD_LEVEL_LINEAR, 0, disks, 0);
		expect_tolerates(1, 0, disks, disks - 1);
	}
	for (unsigned disks = 3; disks <= 6; disks++) {
		expect_tolerates(4, 0, disks, 1);
		expect_tolerates(5, 2, disks, 1);
		expect_tolerates(6, 2, disks, 2);
	}
}

TEST(ArrayState, ADegradedChildIsPresent)
{
	const State child[] = {kDegraded, kOptimal};
	EXPECT_EQ(emd_mstate_array(0, 0, 2, child), kOptimal);
	EXPECT_EQ(emd_mstate_array(0, 0, 0, child), kFailed);
}

// RAID10 of four, two near copies: 0 and 1 hold the same, 2 and 3 do.
TEST(ArrayState, Raid10LosesDataWhenAllCopiesAreGone)
{
	for (unsigned missing = 0; missing < 16; missing++) {
		std::vector<State> child(4);
		for (unsigned i = 0; i < 4; i++)
			child[i] = missing & (1u << i) ? kUnknown : kOptimal;
		const bool lost = (missing & 3) == 3 || (missing & 12) == 12;
		EXPECT_EQ(emd_mstate_array(10, 0x102, 4, child.data()),
			  lost ? kFailed : missing ? kDegraded : kOptimal) << missing;
	}
}

}  // namespace
