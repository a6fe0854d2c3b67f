// SPDX-License-Identifier: GPL-2.0-only
// A keeper of emdmon over a toy kernel, toy disks and a clock that is moved by hand.
#pragma once

#include "emdmon/keeper.h"
#include "unit/monitor_toy.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace toy {

struct Lab {
    Journal journal;
    Kernel kernel{journal};
    Disks disks{journal};
    InlineClerk clerk;
    Archive archive;
    std::vector<std::string> log;
    bool held = false;
    mon::Time now{std::chrono::seconds(1000)};
    std::unique_ptr<mon::Keeper> keeper;

    explicit Lab(int spares = 0) : Lab(container(spares)) {}
    explicit Lab(const Container &container)
    {
        fill(kernel, container);
        archive.snapshots[0] = container;
        for (const Disk &disk : container.disks)
            disks.written[disk.dev] = disks.durable[disk.dev] = 0;
    }

    // The newest snapshot that is on any disk of the container.
    std::uint64_t newest() const
    {
        std::uint64_t newest = 0;
        for (const auto &[dev, number] : disks.written)
            newest = std::max(newest, number);
        return newest;
    }
    const Container &on_disk() const { return archive.snapshots.at(newest()); }

    void start()
    {
        disks.forget_all();
        clerk.take();
        mon::World world{kernel, kernel, disks, clerk,
                    [this](const std::string &, const std::vector<DevNum> &) -> Result<std::unique_ptr<Metadata>> {
                        return std::unique_ptr<Metadata>(std::make_unique<Record>(on_disk(), archive));
                    },
                    [this](const std::string &) { return held; },
                    [this](const std::string &line) { log.push_back(line); }};
        auto adopted = mon::Keeper::adopt("emd127", world);
        ASSERT_TRUE(adopted) << adopted.error().text();
        keeper = std::move(*adopted);
        settle();
    }

    // Passes until nothing happens any more, with time going on.
    void settle()
    {
        for (int i = 0; i < 8; i++) {
            keeper->pass(now);
            now += std::chrono::seconds(1);
        }
    }

    std::vector<protocol::Answer> ask(const Change &change, std::uint64_t id = 1) { return ask(change, devices_of(keeper->view()), id); }
    // Of somebody who counts the disks in another way.
    std::vector<protocol::Answer> ask(const Change &change, const std::vector<DevNum> &disks, std::uint64_t id = 1)
    {
        keeper->ask(1, {protocol::Kind::Apply, id, 0, change, disks}, now);
        settle();
        return answers();
    }
    std::vector<protocol::Answer> answers()
    {
        std::vector<protocol::Answer> all;
        for (auto &d : keeper->take_deliveries())
            all.push_back(std::move(d.answer));
        return all;
    }
    protocol::Answer sync(unsigned volume = 0)
    {
        keeper->ask(1, {protocol::Kind::Sync, 99, volume, {}}, now);
        const auto all = answers();
        EXPECT_EQ(all.size(), 1u);
        return all.empty() ? protocol::Answer{} : all.front();
    }
    const Volume &volume() const { return on_disk().volumes.at(0); }
    std::string &attribute(const std::string &name) { return kernel.attributes.at(name); }
};

// Without its third disk, which may still come.
inline Container missing_third()
{
    Container c = container(0);
    c.disks[2].state = DiskState::Missing;
    c.disks[2].present = false;
    c.volumes[0].slots[2].in_sync = false;
    return c;
}

// The volume with a disk more.
inline const Shape kGrown{5, 0, 4, 128, 65536};

inline void propose(Lab &lab)
{
    lab.held = true;
    lab.attribute("sync_action") = "frozen";
    lab.attribute("raid_disks") = "4 (3)";
}

// From the start of the reshape, with the new member active.
inline void run(Lab &lab)
{
    propose(lab);
    (void)lab.ask(change::ReshapeStarted{0, kGrown, {}});
    Member &m = lab.kernel.members.at("dev-sdd");
    m.slot = std::exchange(m.reserved, "none");
    m.state = "in_sync";
    lab.attribute("sync_action") = "reshape";
    lab.attribute("reshape_position") = "0";
    lab.settle();
    lab.journal.lines.clear();
}

}  // namespace toy
