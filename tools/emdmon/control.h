// SPDX-License-Identifier: GPL-2.0-only
// The socket. Who may talk: root, on a socket in a directory of root's. How: one request, one answer, then the next.
// A client can hold up nobody: nothing blocks, there are few places, and silence costs the place.
#pragma once

#include "libemd/base/fd.h"
#include "libemd/monitor/protocol.h"
#include "round.h"

#include <functional>

namespace emd::mon {

class Control {
public:
    static constexpr std::size_t kPlaces = 32;
    static constexpr std::chrono::seconds kSilence{10};

    struct Incoming {
        unsigned client;
        protocol::Request request;
    };

    // Takes the place of a socket that is there already. The caller holds the monitor's lock.
    static Result<Control> listen(const std::string &path);

    // Everything that has arrived. A message that is no request is answered here, in words.
    std::vector<Incoming> receive(Time now);
    void deliver(unsigned client, const protocol::Answer &answer, Time now);

    // Descriptors to wait for, new ones after each receive() and deliver().
    void for_each_fd(const std::function<void(int fd)> &visit) const;
    std::size_t clients() const { return clients_.size(); }

private:
    struct Client {
        unsigned number;
        Fd fd;
        Time since;            // of the last message
        bool waiting = false;  // for our answer
    };

    explicit Control(Fd listener) : listener_(std::move(listener)) {}
    void accept_all(Time now);
    bool make_place();
    bool read(Client &client, Time now, std::vector<Incoming> &out);
    static bool send(Client &client, const protocol::Answer &answer);

    Fd listener_;
    std::vector<Client> clients_;
    unsigned next_ = 1;
};

}  // namespace emd::mon
