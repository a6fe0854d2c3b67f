// SPDX-License-Identifier: GPL-2.0-only
#include "manager.h"

#include "arrays.h"
#include "assembly.h"

#include "libemd/base/size.h"
#include "libemd/monitor/container_lock.h"
#include "libemd/plan/grow_facts.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <unistd.h>

namespace emd::cli {
namespace {

constexpr double kPercentPerLine = 5;
constexpr auto kManagerLimit = std::chrono::seconds(60);
constexpr auto kLook = std::chrono::milliseconds(200);

std::atomic<bool> stop_wanted;

// Without SA_RESTART: a store that waits for writers comes back with EINTR, and the manager looks at the flag.
class StopOnSignal {
public:
    StopOnSignal()
    {
        stop_wanted = false;
        struct sigaction action {};
        action.sa_handler = [](int) { stop_wanted = true; };
        ::sigaction(SIGINT, &action, &interrupt_);
        ::sigaction(SIGTERM, &action, &terminate_);
    }
    ~StopOnSignal()
    {
        ::sigaction(SIGINT, &interrupt_, nullptr);
        ::sigaction(SIGTERM, &terminate_, nullptr);
    }

private:
    struct sigaction interrupt_ {}, terminate_ {};
};

}  // namespace

std::string ProgressLine::text(const reshape::Progress &p)
{
    const double percent = p.total ? 100.0 * static_cast<double>(p.position) / static_cast<double>(p.total) : 0;
    std::string line = fmt::format("{:5.1f} %", percent);
    if (!p.waiting_for.empty())
        return fmt::format("{}  waits for {}", line, p.waiting_for);
    if (p.bytes_per_second >= 1) {
        const double left = static_cast<double>(p.total - std::min(p.position, p.total)) * 512 / p.bytes_per_second;
        line += fmt::format("  {}/s  {} left", format_size(static_cast<std::uint64_t>(p.bytes_per_second)),
                            plan::format_duration(static_cast<std::uint64_t>(left)));
    }
    return line;
}

ProgressLine::~ProgressLine()
{
    if (open_)
        fmt::print(stderr, "\n");
}

void ProgressLine::show(const reshape::Progress &p)
{
    if (quiet_)
        return;
    if (terminal_) {
        fmt::print(stderr, "\r{}: {}\033[K", what_, text(p));
        std::fflush(stderr);
        open_ = true;
        return;
    }
    const int step = p.total ? static_cast<int>(100.0 * static_cast<double>(p.position) / static_cast<double>(p.total) / kPercentPerLine) : 0;
    if (step == last_step_ && p.waiting_for == last_wait_)
        return;
    last_step_ = step;
    last_wait_ = p.waiting_for;
    fmt::print(stderr, "{}: {}\n", what_, text(p));
}

Result<plan::Outcome> run_manager(Context &c, const std::string &array, Monitor &monitor, unsigned volume,
                                  const Container &container, reshape::BackupFile *file)
{
    const StopOnSignal signals;
    ProgressLine line(link_of(c, array), ::isatty(STDERR_FILENO), c.options.quiet);
    reshape::Job job{Array(*c.sysfs, array), &monitor, volume, container, {}, &stop_wanted, file};
    job.progress = [&](const reshape::Progress &p) { line.show(p); };
    EMD_TRY(reshape::run(job));
    const bool moving = EMD_TRY(Array(*c.sysfs, array).reshape_position()).has_value();
    return moving ? plan::Outcome::Paused : plan::Outcome::Done;
}

// The words of a lock's holder are "pid N, ...".
Result<> end_manager(Context &c, const std::string &container, const std::string &array)
{
    const auto words = ContainerLock::holder(container);
    if (!words)
        return {};
    pid_t pid = 0;
    std::from_chars(words->data() + std::min<std::size_t>(4, words->size()), words->data() + words->size(), pid);
    const auto position = Array(*c.sysfs, array).reshape_position();
    // An assembly is no manager: it would be left half done.
    if (pid <= 1 || !position || !*position || words->find(kAssembly) != std::string::npos)
        return fail(Errc::Busy, "{} is being changed by {}: wait for it to end", link_of(c, array), *words);
    ::kill(pid, SIGTERM);
    const auto end = std::chrono::steady_clock::now() + kManagerLimit;
    const auto watch = c.sysfs->watch();
    EMD_TRY(watch->add(Array(*c.sysfs, array).path("sync_completed")));
    while (ContainerLock::holder(container)) {
        if (std::chrono::steady_clock::now() > end)
            return fail(Errc::Timeout, "the reshape of {} does not pause ({}): try again", link_of(c, array), *words);
        EMD_TRY(watch->wait(kLook));
    }
    return {};
}

}  // namespace emd::cli
