// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"

#include <algorithm>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace emd::mon {

Result<Control> Control::listen(const std::string &path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string fresh = path + ".new";
    if (fresh.size() >= sizeof address.sun_path)
        return fail(Errc::Invalid, "the socket name {} is too long", path);
    fresh.copy(address.sun_path, fresh.size());
    Fd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::unlink(fresh.c_str());
    // Whoever finds the name finds a listener behind it: it gets its name last.
    if (!fd.valid() || ::bind(fd.get(), reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0 ||
        ::chmod(fresh.c_str(), 0600) != 0 || ::listen(fd.get(), kPlaces) != 0 ||
        ::rename(fresh.c_str(), path.c_str()) != 0)
        return fail_errno(errno, "making the socket {}", path);
    return Control(std::move(fd));
}

// Room for one more: whoever is silent longest goes. Who waits for an answer stays.
bool Control::make_place()
{
    if (clients_.size() < kPlaces)
        return true;
    auto oldest = clients_.end();
    for (auto c = clients_.begin(); c != clients_.end(); ++c)
        if (!c->waiting && (oldest == clients_.end() || c->since < oldest->since))
            oldest = c;
    if (oldest == clients_.end())
        return false;
    clients_.erase(oldest);
    return true;
}

void Control::accept_all(Time now)
{
    for (;;) {
        Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd.valid())
            return;
        ucred peer{};
        socklen_t size = sizeof peer;
        const bool known = ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
        if (known && (peer.uid == 0 || peer.uid == ::geteuid()) && make_place())
            clients_.push_back({next_++, std::move(fd), now, false});
    }
}

// False: the connection is over.
bool Control::read(Client &client, Time now, std::vector<Incoming> &out)
{
    // One byte more than a message has: a longer one is seen to be longer.
    std::array<std::byte, protocol::kMessageBytes + 1> record;
    const ssize_t n = ::recv(client.fd.get(), record.data(), record.size(), MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? now - client.since < kSilence : false;
    if (n == 0)
        return false;
    client.since = now;
    const Bytes bytes = Bytes(record).first(static_cast<std::size_t>(n));
    const Result<protocol::Header> header = protocol::decode_header(bytes);
    if (!header)
        return false;
    Result<protocol::Request> request = protocol::decode_request(bytes);
    if (request) {
        client.waiting = true;
        out.push_back({client.number, std::move(*request)});
        return true;
    }
    protocol::Answer answer;
    answer.id = header->id;
    answer.ok = false;
    answer.kind = request.error().code();
    answer.text = request.error().text();
    return send(client, answer);
}

bool Control::send(Client &client, const protocol::Answer &answer)
{
    const protocol::Message message = protocol::encode(answer);
    return ::send(client.fd.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
           static_cast<ssize_t>(message.size());
}

std::vector<Control::Incoming> Control::receive(Time now)
{
    std::vector<Incoming> all;
    accept_all(now);
    std::erase_if(clients_, [&](Client &c) {
        if (!c.waiting)
            return !read(c, now, all);
        // The next request waits for the answer to this one; here it is only seen whether somebody is still there.
        char byte;
        return ::recv(c.fd.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
    });
    return all;
}

void Control::deliver(unsigned number, const protocol::Answer &answer, Time now)
{
    const auto client = std::ranges::find(clients_, number, &Client::number);
    if (client == clients_.end())
        return;
    client->waiting = false;
    client->since = now;
    if (!send(*client, answer))
        clients_.erase(client);
}

void Control::for_each_fd(const std::function<void(int)> &visit) const
{
    visit(listener_.get());
    for (const Client &c : clients_)
        visit(c.fd.get());
}

}  // namespace emd::mon
