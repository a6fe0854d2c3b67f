// SPDX-License-Identifier: GPL-2.0-only
// Starting the programs that stay: emdmon for a container, the reshape manager for a volume.
#pragma once

#include "libemd/base/result.h"

#include <string>

namespace emd::cli {

// emdmon for `container` ("emd127"), unless one runs. Returns when it answers. Through systemd where that runs, else
// the program beside emdadm, or in PATH.
Result<> start_monitor(const std::string &container);

// The manager of the reshape of `array`, in the background: the service, or emdadm --grow --continue of its own.
Result<> start_manager(const std::string &array);

}  // namespace emd::cli
