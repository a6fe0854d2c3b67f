// SPDX-License-Identifier: GPL-2.0-only
// Requests over a connection that may break at any time.
//
// Theory. A request is repeated with the same id until it was answered, because an emdmon that dies or is replaced
// takes what it had not answered with it. Applying is idempotent for the receiver: emdmon answers a request that it
// knows with the old answer, and a change that is already recorded with success. So the sender never has to guess
// whether a request arrived.
#include "libemd/base/fd.h"
#include "libemd/monitor/client_at.h"
#include "libemd/monitor/paths.h"
#include "libemd/monitor/protocol.h"

#include <algorithm>
#include <climits>
#include <csignal>
#include <poll.h>
#include <random>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace emd {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kReportAfter{5000};

milliseconds until(Clock::time_point end)
{
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(end - Clock::now()));
}

// False: time is up, or a signal came.
bool wait_readable(int fd, milliseconds limit)
{
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, static_cast<int>(std::min<long long>(limit.count(), INT_MAX))) > 0;
}

Result<Fd> connect_once(const std::string &path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return fail(Errc::Invalid, "the socket name {} is too long", path);
    path.copy(address.sun_path, path.size());
    Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!fd.valid())
        return fail_errno(errno, "making a socket");
    if (::connect(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0)
        return fail_errno(errno, "connecting to {}", path);
    return fd;
}

class SocketMonitor final : public Monitor {
public:
    SocketMonitor(std::string path, milliseconds patience)
        : path_(std::move(path)), patience_(patience), id_(std::random_device{}() * 0x100000001ULL)
    {
    }

    // Tries until there is a listener or patience ends. A new emdmon makes its socket anew: that wakes us.
    Result<> connect()
    {
        const Fd notify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        const std::string directory = path_.substr(0, path_.rfind('/'));
        if (notify.valid())
            ::inotify_add_watch(notify.get(), directory.c_str(), IN_CREATE | IN_MOVED_TO | IN_ATTRIB);
        const Clock::time_point end = Clock::now() + patience_;
        for (;;) {
            Result<Fd> fd = connect_once(path_);
            if (fd) {
                fd_ = std::move(*fd);
                return {};
            }
            if (Clock::now() >= end)
                return fail(Errc::Gone, "no emdmon listens on {} ({}); start it with `emdmon {}`", path_,
                            fd.error().text(), container());
            wait_readable(notify.get(), std::min(until(end), milliseconds(500)));
            std::array<char, 4096> events;
            while (::read(notify.get(), events.data(), events.size()) > 0) {
            }
        }
    }

    Result<SyncAnswer> sync(unsigned volume) override
    {
        protocol::Request request;
        request.kind = protocol::Kind::Sync;
        request.volume = volume;
        protocol::Answer answer = EMD_TRY(ask(request));
        return SyncAnswer{answer.checkpoint, std::move(answer.reserved_slots), std::move(answer.text)};
    }

    Result<> apply(const Change &change, const std::vector<DevNum> &disks) override
    {
        protocol::Request request;
        request.kind = protocol::Kind::Apply;
        request.change = change;
        request.disks = disks;
        EMD_TRY(ask(request));
        return {};
    }

    // One attempt.
    Result<> leave(milliseconds limit)
    {
        protocol::Request request;
        request.kind = protocol::Kind::Leave;
        request.id = ++id_;
        const protocol::Message message = EMD_TRY(protocol::encode(request));
        protocol::Message record;
        if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            return fail_errno(errno, "asking emdmon to leave");
        if (!wait_readable(fd_.get(), limit))
            return fail(Errc::Timeout, "emdmon (pid {}) does not answer", peer());
        const ssize_t n = ::recv(fd_.get(), record.data(), record.size(), 0);
        if (n <= 0)
            return {};  // it has gone already
        EMD_TRY(protocol::decode_answer(Bytes(record).first(static_cast<std::size_t>(n))));
        return {};
    }

    // Who listens: the process that made the socket.
    pid_t peer() const
    {
        ucred peer{};
        socklen_t size = sizeof peer;
        ::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
        return peer.pid;
    }

private:
    std::string container() const
    {
        const std::string name = path_.substr(path_.rfind('/') + 1);
        return name.substr(0, name.rfind('.'));
    }

    Result<protocol::Answer> ask(protocol::Request &request)
    {
        request.id = ++id_;
        const protocol::Message message = EMD_TRY(protocol::encode(request));
        for (;;) {
            if (!fd_.valid())
                EMD_TRY(connect());
            const std::optional<protocol::Message> record = exchange(message);
            if (!record)
                continue;
            protocol::Answer answer = EMD_TRY(protocol::decode_answer(*record));
            if (!answer.ok)
                return tl::make_unexpected(Error(answer.kind, std::move(answer.text)));
            return answer;
        }
    }

    // Nothing: the connection broke and is closed.
    std::optional<protocol::Message> exchange(const protocol::Message &message)
    {
        protocol::Message record;
        if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(message.size())) {
            report_while_waiting();
            const ssize_t n = ::recv(fd_.get(), record.data(), record.size(), 0);
            if (n == static_cast<ssize_t>(record.size()))
                return record;
        }
        fd_.reset();
        return std::nullopt;
    }

    void report_while_waiting()
    {
        if (wait_readable(fd_.get(), kReportAfter) || reported_)
            return;
        fmt::print(stderr, "waiting for emdmon (pid {}) of {} since {} s\n", peer(), container(),
                   std::chrono::duration_cast<std::chrono::seconds>(kReportAfter).count());
        reported_ = true;
    }

    std::string path_;
    milliseconds patience_;
    std::uint64_t id_;
    Fd fd_;
    bool reported_ = false;
};

}  // namespace

Result<std::unique_ptr<Monitor>> connect_monitor_at(const std::string &socket, milliseconds patience)
{
    auto monitor = std::make_unique<SocketMonitor>(socket, patience);
    EMD_TRY(monitor->connect());
    return std::unique_ptr<Monitor>(std::move(monitor));
}

Result<> replace_monitor(const std::string &socket, milliseconds limit)
{
    SocketMonitor monitor(socket, milliseconds(0));
    if (!monitor.connect())
        return {};  // nobody listens
    const Result<> left = monitor.leave(limit);
    if (left || left.error().code() != Errc::Timeout || monitor.peer() <= 0)
        return left;
    if (::kill(monitor.peer(), SIGKILL) != 0 && errno != ESRCH)
        return fail_errno(errno, "ending emdmon (pid {}), which does not answer", monitor.peer());
    return {};
}

Result<std::unique_ptr<Monitor>> connect_monitor(std::string_view container, milliseconds patience)
{
    return connect_monitor_at(monitor_socket(container), patience);
}

}  // namespace emd
