// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/reshape/executor.h"

#include <algorithm>

namespace emd::reshape {
namespace {

using namespace std::chrono_literals;

constexpr auto kWait = 1000ms;          // notifications may be lost: everything is looked at again after this
constexpr int kPauseRounds = 10;        // of kWait, before a failing backup place is tried again
constexpr int kStartRounds = 5;         // of kWait, while an old thread is on its way out
constexpr unsigned kStopPatience = 20;  // failed talks with the monitor before a wanted stop gives up

bool interrupted(const Error &error)
{
    return error.sys() == EINTR;
}

}  // namespace

double RateMeter::bytes_per_second(std::uint64_t position)
{
    const Clock::time_point now = Clock::now();
    if (!last_ || position < position_) {
        last_ = now;
        position_ = position;
        return rate_;
    }
    const double seconds = std::chrono::duration<double>(now - *last_).count();
    if (seconds < 1)
        return rate_;
    const double current = static_cast<double>((position - position_) * kSectorBytes) / seconds;
    rate_ = rate_ > 0 ? 0.7 * rate_ + 0.3 * current : current;
    last_ = now;
    position_ = position;
    return rate_;
}

Executor::Executor(Job &job, const Terms &terms, ArrayReader &reader, BackupPlace &place)
    : job_(&job), terms_(terms), gauge_(terms_, job.array), reader_(&reader), place_(&place)
{
}

Result<> Executor::drive()
{
    // The reshape may end while a new manager looks around.
    if (const Result<> collected = collect(); !collected && !EMD_TRY(ended()))
        return collected;
    for (;;) {
        EMD_TRY(observe());
        const Command command = decide(terms_, facts_);
        if (const char *rule = veto(terms_, facts_, command))
            return fail(Errc::Refused, "{}: \"{}\" is not allowed now: {}", job_->array.name(), to_string(command), rule);
        const Result<> result = execute(command);
        if (!result)
            EMD_TRY(after_failure(command, result.error()));
        else if (command.verb == Verb::Finish || command.verb == Verb::Return)
            return {};
        else
            done(terms_, facts_, command);
    }
}

// What a manager finds that knows nothing: the same whether the reshape is fresh or the last manager was killed.
Result<> Executor::collect()
{
    const Volume *volume = job_->container.volumes.size() > job_->volume ? &job_->container.volumes[job_->volume] : nullptr;
    if (!volume || !volume->reshape)
        return fail(Errc::Invalid, "{}: no reshape is recorded", job_->array.name());

    watch_ = job_->array.sysfs().watch();
    for (const char *attribute : {"sync_completed", "sync_action", "array_state"})
        static_cast<void>(watch_->add(job_->array.path(attribute)));  // one may be missing: wait() has a time-out

    // What was loaded may be on some of the copies only; when the monitor has answered, it is on all of them.
    const SyncAnswer answer = EMD_TRY(job_->monitor->sync(job_->volume));
    facts_.durable = terms_.progress(volume->reshape->position);
    if (answer.checkpoint)
        facts_.durable = std::max(facts_.durable, terms_.progress(*answer.checkpoint));
    facts_.sections[0] = recorded_section(terms_, *volume->reshape, facts_.durable);
    EMD_TRY(observe());
    if (facts_.ended)
        return {};
    EMD_TRY(tame_kernel());
    const Range waiting = EMD_TRY(gauge_.suspended_addresses());
    if (waiting.size() == 0) {
        EMD_TRY(gauge_.suspend_nothing(terms_.address(facts_.durable)));
        facts_.tail = facts_.front = facts_.durable;
    } else {
        const bool backward = terms_.plan.backward;
        facts_.tail = terms_.progress(backward ? waiting.end : waiting.begin);
        facts_.front = terms_.progress(backward ? waiting.begin : waiting.end);
    }
    return start_thread();
}

Result<> Executor::tame_kernel()
{
    facts_.limit = EMD_TRY(gauge_.limit());
    const std::uint64_t allowed = std::max({covered(terms_, facts_), terms_.safe(facts_.durable), facts_.durable});
    const std::string action = EMD_TRY(job_->array.action());
    if (action == "reshape" || facts_.limit <= allowed)
        return {};
    EMD_TRY(gauge_.set_limit(facts_.durable));
    facts_.limit = facts_.durable;
    return {};
}

Result<> Executor::start_thread()
{
    for (int round = 0;; round++) {
        if (EMD_TRY(job_->array.action()) == "reshape")
            return {};
        const Result<> started = job_->array.set("sync_action", "reshape");
        if (started || started.error().sys() != EBUSY || round == kStartRounds)
            return started;
        EMD_TRY(watch_->wait(kWait));
    }
}

Result<> Executor::observe()
{
    facts_.stop = stopping();
    const auto published = EMD_TRY(gauge_.published());
    if (published)
        facts_.published = *published;
    else
        facts_.ended = EMD_TRY(gauge_.geometry_settled());
    return {};
}

Result<bool> Executor::ended()
{
    EMD_TRY(observe());
    return facts_.ended;
}

Result<> Executor::execute(const Command &c)
{
    switch (c.verb) {
    case Verb::Suspend: return gauge_.set_front(c.to);
    case Verb::Release: return gauge_.set_tail(c.to);
    case Verb::GiveUp: held_ = {}; return gauge_.suspend_nothing(terms_.address(c.to));
    case Verb::Read: return read(c);
    case Verb::Save: return save(c);
    case Verb::Record:
        EMD_TRY(job_->monitor->apply(change::BackupRecorded{job_->volume, terms_.address(c.range.begin)}, {}));
        return place_->recorded(terms_.addresses(c.range)).within("backup");
    case Verb::Advance: return gauge_.set_limit(c.to);
    case Verb::Sync: return sync();
    case Verb::Wait: return wait();
    case Verb::Finish: return finish();
    case Verb::Pause: return pause();
    case Verb::Return: return {};
    }
    return {};
}

Result<> Executor::after_failure(const Command &c, const Error &error)
{
    if (interrupted(error))
        return {};  // nothing has changed: decide again, perhaps a stop is wanted by now
    if (error.code() == Errc::Gone && !job_->array.exists())
        return tl::make_unexpected(error);
    switch (c.verb) {
    case Verb::Read:
    case Verb::Save:
        trouble_ = fmt::format("backup failed: {}", error.text());
        failed(terms_, facts_, c);
        return {};
    case Verb::Record:
    case Verb::Sync:
    case Verb::Finish:
        trouble_ = fmt::format("the monitor does not answer: {}", error.text());
        failed(terms_, facts_, c);
        if (stopping() && ++repeats_ > kStopPatience)
            return tl::make_unexpected(error);
        report(trouble_);
        EMD_TRY(watch_->wait(kWait));
        return {};
    default:
        return EMD_TRY(ended()) ? Result<>() : tl::make_unexpected(error);
    }
}

Result<> Executor::read(const Command &c)
{
    const Range where = terms_.addresses(c.range);
    const std::uint64_t visible = job_->container.volumes[job_->volume].array_sectors;
    auto &held = held_[0] ? held_[1] : held_[0];
    held = Held{c.range, Buffer(where.size() * kSectorBytes)};
    if (where.begin >= visible)
        return {};  // room that the growing array has not shown to anybody yet: zeros
    const std::uint64_t sectors = std::min(where.end, visible) - where.begin;
    Result<> done = reader_->read(where.begin, held->data.span().first(sectors * kSectorBytes));
    if (!done)
        held.reset();
    return done;
}

Result<> Executor::save(const Command &c)
{
    for (auto &held : held_) {
        if (!held || held->range != c.range)
            continue;
        EMD_TRY(place_->save(c.slot, terms_.addresses(c.range), held->data.span()));
        held.reset();
        trouble_.clear();
        return {};
    }
    return fail(Errc::Invalid, "section [{}, {}) has not been read", c.range.begin, c.range.end);
}

Result<> Executor::sync()
{
    const SyncAnswer answer = EMD_TRY(job_->monitor->sync(job_->volume));
    repeats_ = 0;
    if (!answer.error.empty())
        return fail(Errc::Io, "{}", answer.error);
    if (answer.checkpoint)
        durable(terms_, facts_, terms_.progress(*answer.checkpoint));
    trouble_.clear();
    report("");
    return {};
}

Result<> Executor::wait()
{
    const std::uint64_t before = facts_.published;
    report(trouble_);
    if (EMD_TRY(watch_->wait(kWait)))
        return {};
    EMD_TRY(observe());
    if (facts_.ended || facts_.published != before)
        return {};
    // Nothing was heard for a while. A notification may be lost, or the published value be a stale one.
    const Result<> asked = sync();
    return asked ? asked : after_failure(Command{.verb = Verb::Sync}, asked.error());
}

// The array is fully usable meanwhile. Done: the engine tries again.
Result<> Executor::pause()
{
    for (int round = 0; round < kPauseRounds && !stopping(); round++) {
        report(trouble_.empty() ? "paused" : trouble_);
        EMD_TRY(watch_->wait(kWait));
    }
    return {};
}

// The kernel has left the reshape. The monitor writes the final metadata before anything is dropped.
Result<> Executor::finish()
{
    EMD_TRY(job_->monitor->sync(job_->volume));
    EMD_TRY(release_leftovers(job_->array));
    facts_.durable = facts_.published = terms_.total();
    report("");
    return place_->clear();
}

void Executor::report(std::string waiting_for)
{
    if (!job_->progress)
        return;
    Progress p;
    p.position = std::max(facts_.durable, std::min(facts_.published, facts_.limit));
    p.total = terms_.total();
    p.bytes_per_second = rate_.bytes_per_second(p.position);
    p.waiting_for = std::move(waiting_for);
    job_->progress(p);
}

}  // namespace emd::reshape
