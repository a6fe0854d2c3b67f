// SPDX-License-Identifier: GPL-2.0-only
// The model's emdmon: turns what the kernel publishes into a durable checkpoint, and answers the manager.
#pragma once

#include "disks.h"
#include "libemd/kernel/fake_kernel.h"
#include "libemd/monitor/client.h"

#include <deque>
#include <memory>

namespace emd::model {

// Requests live in the world, not in a process: one that was sent is handled, whoever has died since.
struct Request {
    std::optional<std::uint64_t> record_backup;  // else: a ping
    bool answered = false;
    SyncAnswer answer;
};
using Mailbox = std::deque<std::shared_ptr<Request>>;

class MonitorDaemon {
public:
    MonitorDaemon(const Scenario &scenario, Disks &disks, FakeArray &array, Mailbox &mailbox)
        : scenario_(&scenario), disks_(&disks), array_(&array), mailbox_(&mailbox), record_(disks.record(0))
    {
    }
    void run();  // for ever, in a fiber
    std::uint64_t durable() const { return record_.position; }

private:
    void adopt_disks();
    void pass();
    void checkpoint(std::uint64_t position);
    void write(const Record &record);
    void flush_data();
    bool ahead(std::uint64_t a, std::uint64_t b) const { return scenario_->backward ? a < b : a > b; }

    const Scenario *scenario_;
    Disks *disks_;
    FakeArray *array_;
    Mailbox *mailbox_;
    Record record_;  // durable on both copies, once the disks have been adopted
};

// The manager's side of it.
class MonitorClient final : public Monitor {
public:
    explicit MonitorClient(Mailbox &mailbox) : mailbox_(&mailbox) {}
    Result<SyncAnswer> sync(unsigned volume) override;
    Result<> apply(const Change &change, const std::vector<DevNum> &disks) override;

private:
    std::shared_ptr<Request> send(Request request);
    Mailbox *mailbox_;
};

}  // namespace emd::model
