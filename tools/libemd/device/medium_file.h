// SPDX-License-Identifier: GPL-2.0-only
// Media that are no block devices: image files, and bytes in memory.
#pragma once

#include "libemd/base/bytes.h"
#include "libemd/model/medium.h"

#include <memory>
#include <vector>

namespace emd {

// A regular file that holds the image of a whole disk. A file knows neither its serial nor its sector size: examining
// tools try 512 and, when no format is found, 4096.
class FileMedium final : public Medium {
public:
    static Result<std::unique_ptr<FileMedium>> open(const std::string &path, unsigned sector_bytes = 512,
                                                    std::string serial = {});
    ~FileMedium() override;
    FileMedium(const FileMedium &) = delete;
    FileMedium &operator=(const FileMedium &) = delete;

    const std::string &path() const override { return path_; }
    DevNum dev() const override { return {}; }
    std::uint64_t size_bytes() const override { return size_bytes_; }
    unsigned sector_bytes() const override { return sector_bytes_; }
    bool partition() const override { return false; }
    std::string serial() const override { return serial_; }
    Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) const override;

private:
    FileMedium(std::string path, int fd, std::uint64_t size, unsigned sector_bytes, std::string serial);

    std::string path_;
    int fd_;
    std::uint64_t size_bytes_;
    unsigned sector_bytes_;
    std::string serial_;
};

// A disk in memory; public, because tests write to it and bend its properties.
struct BufferMedium final : Medium {
    std::string name;
    std::string serial_number;
    std::vector<std::byte> bytes;
    unsigned logical_sector = 512;
    bool is_partition = false;
    DevNum number;

    BufferMedium(std::string name, std::string serial, std::vector<std::byte> bytes, unsigned sector_bytes = 512);

    const std::string &path() const override { return name; }
    DevNum dev() const override { return number; }
    std::uint64_t size_bytes() const override { return bytes.size(); }
    unsigned sector_bytes() const override { return logical_sector; }
    bool partition() const override { return is_partition; }
    std::string serial() const override { return serial_number; }
    Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) const override;
};

}  // namespace emd
