// SPDX-License-Identifier: GPL-2.0-only
// Which running array has which name. A container's name is nowhere on its disks, and a volume may have got a suffix
// because another had its name first: so names live in a file of the run-time directory, as long as the arrays do.
#pragma once

#include "libemd/base/result.h"
#include "libemd/model/container.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace emd {

struct MapEntry {
    std::string array;     // "emd127"
    std::string metadata;  // "imsm" (a container), "none", "/emd127/0" (a volume)
    std::string uuid;      // as printed; "-" for none
    std::string name;      // the link is /dev/emd/<name>
};

class ArrayMap {
public:
    explicit ArrayMap(std::string path = "/run/emd/map") : path_(std::move(path)) {}

    // Empty when there is no file.
    std::vector<MapEntry> entries() const;
    std::optional<MapEntry> by_array(const std::string &array) const;
    std::optional<MapEntry> by_name(const std::string &name) const;

    // Both are atomic: a reader sees the file before or after. Entries of the same array are replaced.
    Result<> put(const MapEntry &entry);
    Result<> remove(const std::string &array);

private:
    Result<> change(const std::function<void(std::vector<MapEntry> &)> &edit);
    std::string path_;
};

}  // namespace emd
