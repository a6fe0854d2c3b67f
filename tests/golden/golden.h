// SPDX-License-Identifier: GPL-2.0-only
// Disks as another implementation left them, and what a correct reader must find on them (tests/golden/data/README.md).
#pragma once

#include "libemd/device/medium_file.h"
#include "libemd/format/format.h"

#include <nlohmann/json.hpp>

namespace emd::golden {

using Json = nlohmann::ordered_json;

struct Case {
    std::string name;
    Json expected;
    std::vector<std::unique_ptr<BufferMedium>> disks;  // in image order

    std::vector<const Medium *> media() const;
    std::vector<const Medium *> media(const std::vector<unsigned> &images) const;
    // Image number of a disk of a container that was loaded from them; -1 for one that is not there.
    int image_of(const Disk &disk) const;
};

// Every directory of tests/golden/data whose name begins with `prefix`.
std::vector<std::string> case_names(std::string_view prefix);

// Unpacks the images into memory, unless it is the case that was asked for last. Throws std::runtime_error, which a test
// reports.
std::shared_ptr<const Case> load_case(const std::string &name);

// Names for parametrised tests: '-' is not allowed there.
std::string test_name(const std::string &name);

}  // namespace emd::golden
