// SPDX-License-Identifier: GPL-2.0-only
// Disks as another implementation left them, and what a correct reader must find on them (tests/golden/data/README.md).
#pragma once

#include "libemd/device/medium_file.h"
#include "libemd/format/format.h"

#include <filesystem>
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
    // Files with the images below a directory, by name, in their order.
    std::vector<std::string> write_to(const std::filesystem::path &directory) const;
};

// Every directory of tests/golden/data whose name begins with `prefix`.
std::vector<std::string> case_names(std::string_view prefix);

// Unpacks the images into memory, unless it is the case that was asked for last. Throws std::runtime_error, which a test
// reports.
std::shared_ptr<const Case> load_case(const std::string &name);

// Names for parametrised tests: '-' is not allowed there.
std::string test_name(const std::string &name);

// What is looked at in each case, by a method of the fixture.
template <typename Fixture>
struct Check {
    const char *name;
    void (Fixture::*run)();
};
template <typename Fixture>
using Checked = std::pair<std::string, Check<Fixture>>;

// Each check of each case whose name begins with `prefix`.
template <typename Fixture>
std::vector<Checked<Fixture>> checked(std::string_view prefix, std::initializer_list<Check<Fixture>> checks)
{
    std::vector<Checked<Fixture>> all;
    for (const std::string &name : case_names(prefix))
        for (const Check<Fixture> &check : checks)
            all.emplace_back(name, check);
    return all;
}

inline constexpr auto checked_name = [](const auto &info) { return test_name(info.param.first) + "_" + info.param.second.name; };

}  // namespace emd::golden
