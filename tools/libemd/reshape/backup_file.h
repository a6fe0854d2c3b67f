// SPDX-License-Identifier: GPL-2.0-only
// A second home for sections: a file on another medium than the members.
//
// Theory. The format's own place stays the authority: its record alone says which section is being moved. The file helps
// where the copies on the members cannot be read or do not fit together. So what it holds may be put back only if it is
// the section that the record declares live, as it was when it was recorded. Therefore the header, which makes the data
// valid, is written when the record is durable and before the kernel may move. From then on until the checkpoint has
// passed the section nobody can write to it, whoever manages the reshape, with this file or without; and behind the
// checkpoint the header is dead by its range. A header that was written with the data would outlive a section that was
// given up before it was recorded, and be stale when a manager without the file records the same range later.
//
//     0         4 KiB                             4 KiB + capacity
//     | header  |  data, in the order of the array  |  the same header  |
//
// All space is reserved, and the file is durable in its directory, before anything of the array changes.
#pragma once

#include "libemd/base/fd.h"
#include "libemd/reshape/backup.h"
#include "libemd/reshape/buffer.h"
#include "libemd/model/container.h"

#include <string>

namespace emd::reshape {

// Which reshape of which volume.
struct BackupOwner {
    Uuid container{}, volume{};
    Shape from, to;
    bool operator==(const BackupOwner &) const = default;
};

class BackupFile {
public:
    // A new file for sections of up to `sectors`. Errors: it exists, no space. After an error there is no file.
    static Result<BackupFile> create(const std::string &path, const BackupOwner &owner, std::uint64_t sectors);
    // One that is there. Refused when it is somebody else's, Corrupt when neither header can be trusted.
    static Result<BackupFile> open(const std::string &path, const BackupOwner &owner);

    const std::string &path() const { return path_; }

    // Data, flushed; not valid yet.
    Result<> save(Range addresses, std::span<const std::byte> data);
    // The metadata declares this section live, durably: the data that was saved for it becomes valid.
    Result<> confirm(Range addresses);
    // The section, if it is the one in the file and every check sum is right.
    Result<Buffer> load(Range addresses) const;
    Result<> remove();

private:
    BackupFile(Fd fd, std::string path, const BackupOwner &owner) : fd_(std::move(fd)), path_(std::move(path)), owner_(owner) {}
    Result<> reserve();
    Result<> write_headers();

    Fd fd_;
    std::string path_;
    BackupOwner owner_;
    std::uint64_t capacity_ = 0;  // bytes of data
    std::uint64_t sequence_ = 0;
    Range valid_;                 // what the header declares
    Range saved_;                 // what the data is, in this process
    std::vector<std::uint32_t> sums_;  // of the data, by MiB
};

// The format's place and a file: a section is safe when both have it.
class PlaceAndFile final : public BackupPlace {
public:
    PlaceAndFile(BackupPlace &place, BackupFile &file) : place_(&place), file_(&file) {}

    Result<> save(unsigned slot, Range addresses, std::span<const std::byte> data) override;
    Result<> recorded(Range addresses) override { return file_->confirm(addresses); }
    Result<> clear() override;

private:
    BackupPlace *place_;
    BackupFile *file_;
};

}  // namespace emd::reshape
