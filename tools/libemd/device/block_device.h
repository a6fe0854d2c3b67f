// SPDX-License-Identifier: GPL-2.0-only
// A block device that is opened once and stays the same disk: what is behind the descriptor is identified by device
// number and disk sequence number, so a disk that took over a name in the meantime is never written to.
#pragma once

#include "libemd/base/fd.h"
#include "libemd/model/medium.h"

#include <string>
#include <vector>

namespace emd {

enum class OpenMode {
    Read,
    Write,      // shares the device with an array that holds it
    Exclusive,  // for writing, refused (Busy) while anybody holds it: a mount, an array, swap, ...
};

// The kernel's own name, "/dev/sda", which is there as soon as the device is; links such as /dev/block/8:0 are made by
// udev, later. Errors: Gone.
Result<std::string> device_node(DevNum dev);

// What a name stands for: the kernel's own name of it, and its number.
struct DeviceName {
    std::string path;
    DevNum dev;
};
// Does not open it: an array that is a member of another, and a disk that is dying, have names, too. Errors: NotFound,
// Invalid (no block device), Gone.
Result<DeviceName> name_device(const std::string &path);

// Opened, and certain to be this device. Errors: Gone, and what open says.
Result<Fd> open_number(DevNum dev, int flags);

class BlockDevice final : public Medium {
public:
    // `path` is resolved to the kernel's name first ("/dev/disk/by-id/x" becomes "/dev/sda"). Errors: NotFound,
    // Invalid (no block device), Busy, Io.
    static Result<std::unique_ptr<BlockDevice>> open(const std::string &path, OpenMode mode);
    // By number; `dev` of a member of an array.
    static Result<std::unique_ptr<BlockDevice>> open(DevNum dev, OpenMode mode);

    ~BlockDevice() override;
    BlockDevice(const BlockDevice &) = delete;
    BlockDevice &operator=(const BlockDevice &) = delete;

    const std::string &path() const override { return path_; }
    DevNum dev() const override { return dev_; }
    std::uint64_t size_bytes() const override { return size_bytes_; }
    unsigned sector_bytes() const override { return sector_bytes_; }
    bool partition() const override { return partition_; }
    std::string serial() const override { return serial_; }
    Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) const override;

    // Any offset and length that are multiples of the logical sector size. Not durable before flush().
    Result<> write(std::uint64_t offset_bytes, std::span<const std::byte> data);
    Result<> flush();

    // The same disk, opened again with other rights. Refused when the name stands for another disk by now.
    Result<std::unique_ptr<BlockDevice>> reopen(OpenMode mode) const;

    std::string kernel_name() const { return path_.substr(5); }  // "sda"; "mapper/x" cannot occur
    bool has_partitions() const;
    // The partition that this sector is in ("sda1"), or empty.
    std::string partition_at(std::uint64_t sector) const;
    // Kernel names of what is stacked on it ("md127", "dm-0", "emd127").
    std::vector<std::string> holders() const;
    bool read_only() const { return read_only_; }

private:
    BlockDevice() = default;

    int fd_ = -1;
    std::string path_;
    DevNum dev_;
    std::uint64_t size_bytes_ = 0;
    std::uint64_t disk_sequence_ = 0;  // 0: the kernel does not tell
    unsigned sector_bytes_ = 512;
    bool partition_ = false;
    bool read_only_ = false;
    std::string serial_;
};

}  // namespace emd
