// SPDX-License-Identifier: GPL-2.0-only
// Where emdmon and emdadm meet. The directory belongs to root and nobody else may look into it (0700).
#pragma once

#include "libemd/base/result.h"

#include <string>
#include <string_view>

namespace emd {

inline constexpr std::string_view kRunDirectory = "/run/emd";

// `container` is the kernel name of the container's array: "emd127".
std::string monitor_socket(std::string_view container, std::string_view directory = kRunDirectory);
std::string monitor_lock(std::string_view container, std::string_view directory = kRunDirectory);
std::string container_lock(std::string_view container, std::string_view directory = kRunDirectory);

// A file that is there while somebody wants the reshape of the array ("emd126") to pause: udev does not go on with it then.
std::string pause_mark(std::string_view array, std::string_view directory = kRunDirectory);

// Make the directory if it is not there. Refused when it is not a directory of root's with mode 0700: somebody else
// could plant files in it.
Result<> make_run_directory(std::string_view directory = kRunDirectory);

}  // namespace emd
