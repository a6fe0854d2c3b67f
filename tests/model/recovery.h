// SPDX-License-Identifier: GPL-2.0-only
// After a power cut: the real restore() on the disks as they were left, and the judgement of what is found.
#pragma once

#include "disks.h"
#include "ledger.h"

#include <optional>
#include <string>

namespace emd::model {

// Assembly: reads record copy `copy`, restores, writes both records. `cut_after`: power fails again after so many
// disk operations (nothing of the cache is lost on purpose: the caller cuts the disks). Empty: it was cut again.
// Throws std::runtime_error when restore() refuses.
std::optional<Record> recover(Disks &disks, const Scenario &scenario, int copy, std::size_t cut_after = ~std::size_t(0));

// I8, I9: every sector is where `record` says, and holds a version that may be found. I11: parity is right wherever no
// write was under way. Empty text: all is well.
std::string judge(const Disks &disks, const Scenario &scenario, const Record &record, const Ledger &ledger);

// The array goes on from here: the versions are those that are found, and parity that writes under way have left behind
// is made right, as the resync of a dirty array does. judge() has been content.
void adopt(Disks &disks, const Scenario &scenario, const Record &record, Ledger &ledger);

}  // namespace emd::model
