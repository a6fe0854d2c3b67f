// SPDX-License-Identifier: GPL-2.0-only
#include "monitor_start.h"

#include "libemd/monitor/client.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

extern char **environ;

namespace emd::cli {
namespace {

constexpr auto kAdoptLimit = std::chrono::seconds(20);  // and not before so many looks: this process may stand still itself
constexpr int kAdoptLooks = 20;
constexpr auto kLook = std::chrono::milliseconds(100);

bool systemd_runs()
{
    return ::access("/run/systemd/system", F_OK) == 0;
}

std::string beside(const char *program)
{
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto candidate = self.parent_path() / program;
    return !error && ::access(candidate.c_str(), X_OK) == 0 ? candidate.string() : program;
}

// Runs it in a session of its own with /dev/null as its terminal; waits for its end if it is to end soon.
Result<int> run(std::vector<std::string> words, bool wait)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!wait)
        ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<char *> argv;
    for (std::string &word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t pid;
    const int error = ::posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (error == ENOENT)
        return fail(Errc::NotFound, "{} is not installed: put it beside emdadm, or into the PATH", words[0]);
    if (error)
        return fail_errno(error, "starting {}", words[0]);
    int status = 0;
    if (wait)
        while (::waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
    return status;
}

// Gone: nobody does, or only one that leaves, because it served an earlier array of this name.
Result<> serves(const std::string &container)
{
    const auto monitor = EMD_TRY(connect_monitor(container, std::chrono::milliseconds(0)));
    const auto answer = monitor->sync(0);
    return answer || answer.error().code() != Errc::Gone ? Result<>() : tl::make_unexpected(answer.error());
}

}  // namespace

Result<> start_monitor(const std::string &container)
{
    const auto end = std::chrono::steady_clock::now() + kAdoptLimit;
    for (int looks = 0;; ++looks) {
        const Result<> served = serves(container);
        if (served || served.error().code() != Errc::Gone)
            return served;
        if (looks >= kAdoptLooks && std::chrono::steady_clock::now() > end)
            return tl::make_unexpected(served.error().within("starting emdmon"));
        const bool unit = systemd_runs() && EMD_TRY(run({"systemctl", "start", "emdmon@" + container + ".service"}, true)) == 0;
        if (!unit && EMD_TRY(run({beside("emdmon"), container}, true)) != 0)
            return fail(Errc::Io, "emdmon could not be started for {}", container);
        if (!serves(container))
            std::this_thread::sleep_for(kLook);  // the one before it has not left yet
    }
}

Result<> start_manager(const std::string &array)
{
    if (systemd_runs() && EMD_TRY(run({"systemctl", "start", "--no-block", "emd-continue@" + array + ".service"}, true)) == 0)
        return {};
    EMD_TRY(run({beside("emdadm"), "--grow", "--continue", "--unless-paused", "--quiet", "/dev/" + array}, false));
    return {};
}

}  // namespace emd::cli
