// SPDX-License-Identifier: GPL-2.0-only
// The messages between emdadm and emdmon: both directions agree, and nothing that a stranger sends is believed.
#include "libemd/monitor/protocol.h"

#include "emd/emd.h"

#include <gtest/gtest.h>
#include <random>

using namespace emd;
using namespace emd::protocol;

namespace {

const Shape kShape{5, 2, 4, 128, 65536};

std::vector<Change> samples()
{
    return {change::DiskFailed{3},
            change::RebuildStarted{1, 2, 4},
            change::InitStarted{1},
            change::ReshapeStarted{0, kShape, {3, 4}},
            change::ReshapeStarted{0, kShape, {}},
            change::ReshapeWithdrawn{1},
            change::BackupRecorded{0, 0x1122334455667788},
            change::SpareAdded{{"WD-123", 98304, DiskState::Spare, true, {8, 16}, "/dev/sdb", 4096}},
            change::DiskRemoved{2},
            change::VolumeCreated{"vol 0", kShape, {0, -1, 2}, 4096, true},
            change::VolumeDeleted{0},
            change::BitmapAdded{1, 65536, 0x1122334455667788},
            change::ReshapeReverted{1, true},
            change::Resized{1, 0x1122334455667788},
            change::BitmapRemoved{1},
            change::Takeover{1, kShape, {{0, true}, {-1, false}}}};
}

Message encoded(const Change &change)
{
    return *encode(Request{Kind::Apply, 77, 0, change, {}});
}

TEST(MonitorProtocol, EveryChangeTravels)
{
    for (const Change &c : samples()) {
        ASSERT_TRUE(may_be_sent(c));
        const Message first = encoded(c);
        const auto request = decode_request(first);
        ASSERT_TRUE(request) << request.error().text();
        EXPECT_EQ(request->id, 77u);
        ASSERT_TRUE(request->change);
        EXPECT_EQ(request->change->index(), c.index());
        EXPECT_EQ(encoded(*request->change), first);
    }
}

TEST(MonitorProtocol, FieldsArriveInTheirPlaces)
{
    const auto request = decode_request(encoded(change::VolumeCreated{"v", kShape, {0, -1}, 9, true}));
    const auto &c = std::get<change::VolumeCreated>(*request->change);
    EXPECT_EQ(c.name, "v");
    EXPECT_EQ(c.shape, kShape);
    EXPECT_EQ(c.slots, (std::vector<int>{0, -1}));
    EXPECT_EQ(c.component_limit, 9u);
    EXPECT_TRUE(c.assume_clean);
    const auto added = decode_request(encoded(change::BitmapAdded{1, 65536, 24}));
    const auto &a = std::get<change::BitmapAdded>(*added->change);
    EXPECT_EQ(a.volume, 1u);
    EXPECT_EQ(a.chunk_bytes, 65536u);
    EXPECT_EQ(a.sector, 24u);
    const auto resized = decode_request(encoded(change::Resized{1, 1ull << 40}));
    const auto &r = std::get<change::Resized>(*resized->change);
    EXPECT_EQ(r.volume, 1u);
    EXPECT_EQ(r.component_sectors, 1ull << 40);
}

TEST(MonitorProtocol, TheDevicesThatNumbersStandForTravel)
{
    std::vector<DevNum> disks;
    for (unsigned i = 0; i < EMD_MAX_MEMBERS; i++)
        disks.push_back({259, i});
    change::Takeover most{0, kShape, std::vector<Slot>(EMD_MAX_MEMBERS, Slot{3, true})};
    const auto message = encode(Request{Kind::Apply, 1, 0, most, disks});
    ASSERT_TRUE(message) << message.error().text();
    EXPECT_EQ(decode_request(*message)->disks, disks);
    disks.push_back({8, 0});
    EXPECT_FALSE(encode(Request{Kind::Apply, 1, 0, most, disks}));
}

TEST(MonitorProtocol, WhatTheKernelReportsCannotBeSent)
{
    for (const Change &c : {Change(change::MarkDirty{0}), Change(change::MarkClean{0}), Change(change::SyncFinished{0}),
                            Change(change::ReshapeProgress{0, 1}), Change(change::ReshapeFinished{0})}) {
        EXPECT_FALSE(may_be_sent(c));
        EXPECT_EQ(encode(Request{Kind::Apply, 1, 0, c, {}}).error().code(), Errc::Invalid);
    }
}

TEST(MonitorProtocol, TooLongIsRefusedBySender)
{
    EXPECT_FALSE(encode(Request{Kind::Apply, 1, 0, change::ReshapeStarted{0, kShape, std::vector<int>(257)}, {}}));
    EXPECT_FALSE(encode(Request{Kind::Apply, 1, 0, change::VolumeCreated{std::string(513, 'x'), kShape, {}, 0, false}, {}}));
}

TEST(MonitorProtocol, AnswersTravelAndLongTextIsCut)
{
    Answer answer{5, false, Errc::NoSpace, std::string(2000, 'y'), 4608, {3, 4}};
    const auto back = decode_answer(encode(answer));
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(back->id, 5u);
    EXPECT_FALSE(back->ok);
    EXPECT_EQ(back->kind, Errc::NoSpace);
    EXPECT_EQ(back->text, std::string(kMaxText, 'y'));
    EXPECT_EQ(back->checkpoint, 4608u);
    EXPECT_EQ(back->reserved_slots, (std::vector<unsigned>{3, 4}));
}

TEST(MonitorProtocol, OtherVersionIsNamed)
{
    Message m = encoded(change::InitStarted{0});
    m[4] = std::byte{9};
    ASSERT_TRUE(decode_header(m));
    EXPECT_EQ(decode_header(m)->version, 9);
    const auto request = decode_request(m);
    EXPECT_EQ(request.error().code(), Errc::Unsupported);
    EXPECT_NE(request.error().text().find("version 9"), std::string::npos);
}

TEST(MonitorProtocol, EveryLengthButTheRightOneIsRefused)
{
    const Message m = encoded(change::ReshapeStarted{0, kShape, {3}});
    for (std::size_t n = 0; n < m.size(); n++)
        EXPECT_FALSE(decode_request(std::span(m).first(n))) << n;
}

// A message that is accepted is the one and only spelling of its request.
TEST(MonitorProtocol, FuzzedRequestsAreRefusedOrCanonical)
{
    std::mt19937_64 random(2026);
    const std::vector<Change> all = samples();
    unsigned accepted = 0, refused = 0;
    for (int round = 0; round < 20000; round++) {
        Message m = encoded(all[random() % all.size()]);
        for (unsigned flips = 1 + random() % 4; flips > 0; flips--)
            m[random() % 2 ? random() % 160 : random() % m.size()] = static_cast<std::byte>(random());
        const auto request = decode_request(m);
        if (request) {
            EXPECT_EQ(*encode(*request), m);
            accepted++;
        } else {
            refused++;
        }
        (void)decode_answer(m).has_value();
    }
    EXPECT_GT(accepted, 100u);
    EXPECT_GT(refused, 100u);
}

TEST(MonitorProtocol, RandomBytesBehindAGoodHeader)
{
    std::mt19937_64 random(7);
    for (int round = 0; round < 20000; round++) {
        Message m = encoded(change::InitStarted{0});
        const std::size_t end = 36 + random() % 200;
        for (std::size_t i = 36; i < end; i++)
            m[i] = static_cast<std::byte>(random());
        m[32] = static_cast<std::byte>(random() % 18);
        const auto request = decode_request(m);
        if (request) {
            EXPECT_EQ(*encode(*request), m);
        }
    }
}

}  // namespace
