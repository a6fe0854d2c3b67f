// SPDX-License-Identifier: GPL-2.0-only
// An array's link under /dev/emd.
#pragma once

#include "context.h"

#include "libemd/model/container.h"

namespace emd::cli {

// Records the name (with a suffix when another array has it), tells udev, and waits for the link; makes it when no
// udev does. `metadata`: of a container its format, of others what metadata_version says.
Result<> publish_name(Context &c, const std::string &array, const std::string &name, const std::string &metadata,
                      const Uuid &uuid);
// Somebody wants the reshape of this array to pause, or to go on.
Result<> set_paused(const std::string &array, bool paused);
bool is_paused(const std::string &array);
Result<> unpublish_name(Context &c, const std::string &array);

}  // namespace emd::cli
