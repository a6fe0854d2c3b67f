// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include "host.h"

namespace emd::cli {

// Prints the plan (--dry-run), or runs it: quietly, or with each step on stderr (--verbose).
Result<plan::Outcome> run_plan(Context &c, SystemHost &host, const plan::Plan &plan);

}  // namespace emd::cli
