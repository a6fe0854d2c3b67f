// SPDX-License-Identifier: GPL-2.0-only
// How often this thread has asked for memory.
#pragma once

namespace emd::golden {

unsigned long allocations();

}  // namespace emd::golden
