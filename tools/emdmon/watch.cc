// SPDX-License-Identifier: GPL-2.0-only
#include "watch.h"

#include <csignal>
#include <linux/netlink.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

namespace emd::mon {
namespace {

Fd open_signals()
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

// The kernel's own events, not udev's: emdmon has to hear them also where no udev runs yet.
Fd open_events()
{
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = 1;
    if (fd.valid() && ::bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0)
        fd.reset();
    return fd;
}

bool is_block(std::string_view event)
{
    return event.find("/block/") != std::string_view::npos;
}

// True: some block device came, went or changed. A lost event counts as one.
bool drain_events(const Fd &fd)
{
    char event[8192];
    bool block = false;
    if (!fd.valid())
        return false;
    for (;;) {
        const ssize_t n = ::recv(fd.get(), event, sizeof event, MSG_DONTWAIT);
        if (n < 0 && errno == ENOBUFS)
            block = true;
        else if (n <= 0)
            return block;
        else
            block = block || is_block(std::string_view(event, static_cast<std::size_t>(n)));
    }
}

class Watch {
public:
    Watch(Keeper &keeper, Control &control, Clerk &clerk)
        : keeper_(keeper), control_(control), clerk_(clerk), epoll_(::epoll_create1(EPOLL_CLOEXEC)),
          signals_(open_signals()), events_(open_events())
    {
    }

    Result<Ending> run()
    {
        if (!epoll_.valid() || !signals_.valid())
            return fail_errno(errno, "preparing to wait");
        for (;;) {
            const Time now = std::chrono::steady_clock::now();
            keeper_.pass(now);
            if (serve(now))
                return Ending::Replaced;
            if (keeper_.done(now))
                return Ending::Done;
            subscribe();
            epoll_event ready[64];
            ::epoll_wait(epoll_.get(), ready, std::size(ready), static_cast<int>(keeper_.patience().count()));
            if (drain_events(events_))
                keeper_.look_around();
            signalfd_siginfo signal;
            if (::read(signals_.get(), &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal))
                keeper_.wind_up();
        }
    }

private:
    // True: asked to leave.
    bool serve(Time now)
    {
        for (const Control::Incoming &in : control_.receive(now)) {
            if (in.request.kind == protocol::Kind::Leave) {
                protocol::Answer goodbye;
                goodbye.id = in.request.id;
                control_.deliver(in.client, goodbye, now);
                return true;
            }
            keeper_.ask(in.client, in.request, now);
        }
        for (const Keeper::Delivery &d : keeper_.take_deliveries())
            control_.deliver(d.client, d.answer, now);
        return false;
    }

    // A descriptor that was closed has left the set by itself; one that is in it already is no error.
    void subscribe()
    {
        keeper_.for_each_fd([this](int fd) { add(fd, EPOLLPRI | EPOLLERR); });
        control_.for_each_fd([this](int fd) { add(fd, EPOLLIN); });
        for (const int fd : {signals_.get(), events_.get(), clerk_.fd()})
            if (fd >= 0)
                add(fd, EPOLLIN);
    }

    void add(int fd, std::uint32_t what)
    {
        epoll_event event{};
        event.events = what;
        event.data.fd = fd;
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    }

    Keeper &keeper_;
    Control &control_;
    Clerk &clerk_;
    Fd epoll_, signals_, events_;
};

}  // namespace

Result<Ending> run(Keeper &keeper, Control &control, Clerk &clerk)
{
    return Watch(keeper, control, clerk).run();
}

}  // namespace emd::mon
