// SPDX-License-Identifier: GPL-2.0-only
// Everything together: kernel, disks, users, monitor and manager take turns as a seed says; power may be cut after
// every turn.
#pragma once

#include "fiber.h"
#include "ledger.h"
#include "libemd/reshape/copy_area.h"
#include "libemd/reshape/executor.h"
#include "monitor.h"

#include <atomic>

namespace emd::model {

class World {
public:
    World(const Scenario &scenario, std::uint64_t seed);
    ~World();

    bool finished() const;
    void turn();  // one actor does one thing; then the invariants are checked
    // Grows whenever a power cut would find something new.
    std::uint64_t changes() const { return disks_.changes() + ledger_.changes(); }

    // What would be found if power failed now; nothing of the world changes. Empty text: all is well.
    std::string try_power_cut(const FakeDisk::Choose &choose, int copy, bool second_cut);
    // It fails now, and the machine comes up again.
    void power_cut(const FakeDisk::Choose &choose);
    // At the end: everything is in place, nothing is suspended, nobody waits.
    std::string judge_end();

    std::size_t unflushed() const { return disks_.unflushed(); }
    Rng &rng() { return rng_; }

private:
    friend class ModelReader;
    friend class ModelWriter;

    void boot(const Record &record);
    void start_monitor();
    void start_manager();
    void manage();  // the manager's main()
    void user_turn();
    void fault_turn();
    void check_invariants();
    std::uint64_t progress(std::uint64_t address) const;
    bool chance(unsigned one_in) { return rng_() % one_in == 0; }

    struct UserWrite {
        std::uint64_t id, begin;
        std::vector<std::uint64_t> versions;
    };

    Scenario scenario_;
    Rng rng_;
    Disks disks_;
    Ledger ledger_;
    std::vector<std::uint64_t> issued_;  // last version given out, per sector
    FakeKernel kernel_;
    FakeArray *array_ = nullptr;
    Mailbox mailbox_;
    std::vector<UserWrite> users_;
    std::unique_ptr<MonitorDaemon> daemon_;
    std::unique_ptr<Fiber> monitor_, manager_;
    std::atomic<bool> stop_{false};
    std::uint64_t durable_ = 0;  // D on both copies, address
};

}  // namespace emd::model
