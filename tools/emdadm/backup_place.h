// SPDX-License-Identifier: GPL-2.0-only
// May a backup live in this file?
#pragma once

#include "context.h"

#include "libemd/plan/grow.h"

namespace emd::cli {

// Refused: it lies on an array that is being reshaped, or in memory; where that cannot be told, --force is wanted.
Result<> check_backup_place(const std::string &path, const plan::Running &running, bool force);

}  // namespace emd::cli
