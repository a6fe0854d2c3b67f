// SPDX-License-Identifier: GPL-2.0-only
// A directory for one test, which goes with all that is in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace emd {

class TemporaryDirectory {
public:
    TemporaryDirectory()
    {
        std::string name = (std::filesystem::temp_directory_path() / "emd-test-XXXXXX").string();
        if (!::mkdtemp(name.data()))
            throw std::runtime_error("no directory can be made below " + std::filesystem::temp_directory_path().string());
        path_ = name;
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory &) = delete;
    TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;

    const std::filesystem::path &path() const { return path_; }
    std::string file(const std::string &name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

}  // namespace emd
