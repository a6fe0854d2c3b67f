// SPDX-License-Identifier: GPL-2.0-only
#include "manager.h"

#include "arrays.h"

#include "libemd/base/size.h"
#include "libemd/plan/grow_facts.h"

#include <csignal>
#include <unistd.h>

namespace emd::cli {
namespace {

constexpr double kPercentPerLine = 5;

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

}  // namespace emd::cli
