// SPDX-License-Identifier: GPL-2.0-only
// Carries out what the engine says, against any kernel, monitor and disks that are handed in.
#pragma once

#include "libemd/reshape/backup.h"
#include "libemd/reshape/buffer.h"
#include "libemd/reshape/collect.h"
#include "libemd/reshape/manager.h"

namespace emd::reshape {

// How fast the position moves, smoothed over a few seconds.
class RateMeter {
public:
    double bytes_per_second(std::uint64_t position);

private:
    using Clock = std::chrono::steady_clock;
    std::optional<Clock::time_point> last_;
    std::uint64_t position_ = 0;
    double rate_ = 0;
};

class Executor {
public:
    Executor(Job &job, const Terms &terms, ArrayReader &reader, BackupPlace &place);
    virtual ~Executor() = default;

    // Until the reshape has ended, or *job.stop was seen and everything under way is finished. Errors: the array has
    // gone, the monitor cannot be reached any more, somebody else has changed what only the manager may change.
    Result<> drive();

protected:
    // The engine. Only the crash model puts something else here, to see that it finds the damage.
    virtual Command decide(const Terms &terms, const Facts &facts) { return next(terms, facts); }
    virtual const char *veto(const Terms &terms, const Facts &facts, const Command &command)
    {
        return forbidden(terms, facts, command);
    }

private:
    Result<> collect();
    Result<> tame_kernel();  // a thread that does not run yet may not start beyond what is permitted
    Result<> start_thread();
    Result<> observe();
    Result<bool> ended();
    Result<> execute(const Command &command);
    Result<> after_failure(const Command &command, const Error &error);

    Result<> read(const Command &command);
    Result<> save(const Command &command);
    Result<> sync();
    Result<> wait();
    Result<> pause();
    Result<> finish();
    void report(std::string waiting_for);
    bool stopping() const { return job_->stop && job_->stop->load(); }

    Job *job_;
    Terms terms_;
    Gauge gauge_;
    ArrayReader *reader_;
    BackupPlace *place_;
    Facts facts_;
    std::unique_ptr<Watch> watch_;
    struct Held {
        Range range;
        Buffer data;
    };
    std::array<std::optional<Held>, kMaxSections> held_;  // what was read and is not in its slot yet
    std::string trouble_;       // why the manager pauses or repeats; empty: all is well
    unsigned repeats_ = 0;      // of a failing talk with the monitor
    RateMeter rate_;
};

}  // namespace emd::reshape
