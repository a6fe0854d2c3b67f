// SPDX-License-Identifier: GPL-2.0-only
// The client by the name of its socket: for emdmon's own use and for tests.
#pragma once

#include "libemd/monitor/client.h"

#include <memory>

namespace emd {

// As connect_monitor(), for a socket anywhere.
Result<std::unique_ptr<Monitor>> connect_monitor_at(const std::string &socket, std::chrono::milliseconds patience);

// Take-over: the emdmon behind `socket` finishes its round and ends. One that does not answer within `limit` is killed:
// it may be killed at any instant. Nobody listens: that is success.
Result<> replace_monitor(const std::string &socket, std::chrono::milliseconds limit);

}  // namespace emd
