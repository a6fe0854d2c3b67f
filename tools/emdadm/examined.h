// SPDX-License-Identifier: GPL-2.0-only
// A disk or an image file that --examine and its kin look at.
#pragma once

#include "host.h"
#include "inventory.h"

namespace emd::cli {

struct Examined {
    std::unique_ptr<Medium> medium;
    Recognised what;
};

// `number`: of the file on the command line, from 1 on; it has no serial number of its own, unless it is named "FILE,serial=WORD". Errors: NotFound: no metadata that EMD
// knows; Corrupt: it has, but damaged.
Result<Examined> examine_one(const std::string &path, std::size_t number);

}  // namespace emd::cli
