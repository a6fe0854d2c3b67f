// SPDX-License-Identifier: GPL-2.0-only
// The client by the name of its socket: for emdmon's own use and for tests.
#pragma once

#include "libemd/monitor/client.h"

#include <memory>

namespace emd {

// As connect_monitor(), for a socket anywhere.
Result<std::unique_ptr<Monitor>> connect_monitor_at(const std::string &socket, std::chrono::milliseconds patience);

// Take-over: the emdmon behind `socket` finishes its round, closes everything and ends. Returns when it has.
Result<> ask_monitor_to_leave(const std::string &socket);

}  // namespace emd
