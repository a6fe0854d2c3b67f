// SPDX-License-Identifier: GPL-2.0-only
#include "process.h"

#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

namespace emd::mon {
namespace {

constexpr std::size_t kThreadStack = 256 * 1024;  // locked memory: not the usual 8 MiB per thread
constexpr rlim_t kDescriptors = 16384;            // up to ~5 per member and array

bool write_file(const char *path, const char *text)
{
    const Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
    const std::string_view value(text);
    return fd.valid() && ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
}

void small_stacks()
{
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0)
        return;
    ::pthread_attr_setstacksize(&attributes, kThreadStack);
    ::pthread_setattr_default_np(&attributes);
    ::pthread_attr_destroy(&attributes);
}

Result<Fd> lock_file(const std::string &path, int command)
{
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid())
        return fail_errno(errno, "opening {}", path);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), command, &lock) != 0) {
        if (errno == EAGAIN || errno == EACCES)
            return fail(Errc::Busy, "another emdmon has this container; use --takeover to replace it");
        return fail_errno(errno, "locking {}", path);
    }
    return fd;
}

}  // namespace

void arm(const std::function<void(const std::string &)> &complain)
{
    const auto check = [&](bool good, const char *what) {
        if (!good)
            complain(fmt::format("cannot {}: {}", what, std::generic_category().message(errno)));
    };
    const rlimit many{kDescriptors, kDescriptors};
    ::setrlimit(RLIMIT_NOFILE, &many);
    small_stacks();
    check(::mlockall(MCL_CURRENT | MCL_FUTURE) == 0, "lock memory");
    check(::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) == 0, "become an I/O flusher");
    check(write_file("/proc/self/oom_score_adj", "-1000"), "be spared by the OOM killer");
}

void block_signals()
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
}

Result<Fd> take_monitor_lock(const std::string &path)
{
    return lock_file(path, F_OFD_SETLK);
}

Result<Fd> wait_monitor_lock(const std::string &path)
{
    return lock_file(path, F_OFD_SETLKW);
}

void mark_offroot(char **argv)
{
    argv[0][0] = '@';
}

Result<Background> Background::enter()
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return fail_errno(errno, "making a pipe");
    Fd from(ends[0]), to(ends[1]);
    const pid_t child = ::fork();
    if (child < 0)
        return fail_errno(errno, "going to the background");
    if (child > 0) {
        to.reset();
        char byte;
        const bool good = ::read(from.get(), &byte, 1) == 1;
        ::_exit(good ? 0 : 1);
    }
    ::setsid();
    return Background(std::move(to));
}

void Background::ready()
{
    // The terminal and the working directory are given back; what is said from now on goes to the kernel's log.
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int fd : {0, 1, 2})
        ::dup2(null.get(), fd);
    (void)!::chdir("/");
    const char byte = 1;
    (void)!::write(report_.get(), &byte, 1);
    report_.reset();
}

void log_to_kernel(const std::string &container, const std::string &line)
{
    const std::string text = fmt::format("<6>emdmon[{}]: {}", container, line);
    write_file("/dev/kmsg", text.c_str());
}

}  // namespace emd::mon
