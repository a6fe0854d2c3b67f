// SPDX-License-Identifier: GPL-2.0-only
// The reshape manager in the foreground: progress for people, and an orderly end on a signal.
#pragma once

#include "context.h"

#include "libemd/monitor/client.h"
#include "libemd/plan/executor.h"
#include "libemd/reshape/manager.h"

namespace emd::cli {

// Paused: SIGINT or SIGTERM came; the section under way was finished and nothing is suspended.
Result<plan::Outcome> run_manager(Context &c, const std::string &array, Monitor &monitor, unsigned volume,
                                  const Container &container, reshape::BackupFile *file);

// Whoever drives the reshape of `array` finishes the section under way and ends; returns when it has, or at once where nobody does.
// Busy: the container is being changed in another way. Timeout: it did not end within a minute.
Result<> end_manager(Context &c, const std::string &container, const std::string &array);

// What is shown: "37.4 %  112.3 MiB/s  12 min left", rewritten in place on a terminal, a line per 5 % otherwise.
class ProgressLine {
public:
    ProgressLine(std::string what, bool terminal, bool quiet) : what_(std::move(what)), terminal_(terminal), quiet_(quiet) {}
    ~ProgressLine();
    void show(const reshape::Progress &progress);
    static std::string text(const reshape::Progress &progress);

private:
    std::string what_;
    bool terminal_, quiet_;
    bool open_ = false;     // a line without its end stands on the terminal
    int last_step_ = -1;    // plain lines: in units of 5 %
    std::string last_wait_;
};

}  // namespace emd::cli
