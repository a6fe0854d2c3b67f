// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/reshape/backup_file.h"

#include "libemd/base/bytes.h"
#include "libemd/base/crc32c.h"
#include "libemd/base/size.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>

namespace emd::reshape {
namespace {

constexpr std::size_t kHeaderBytes = 4096;
constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::size_t kMaxPieces = 960;  // what a header has sums for
constexpr std::array<char, 8> kMagic{'E', 'M', 'D', 'B', 'A', 'C', 'K', '1'};

struct WireShape {
    Le32 level, layout, raid_disks, chunk_sectors;
    Le64 component_sectors;
};

struct Header {
    std::array<char, 8> magic{};
    Le32 sum;  // CRC-32C of the header with zero here
    Le32 pieces;
    Uuid container{}, volume{};
    WireShape from, to;
    Le64 sequence;
    Le64 capacity;    // bytes
    Le64 begin, end;  // array sectors; equal: nothing is valid
    std::array<Le32, kMaxPieces> data_sums{};
    std::array<std::byte, kHeaderBytes - 8 - 8 - 32 - 48 - 32 - 4 * kMaxPieces> unused{};
};
static_assert(sizeof(Header) == kHeaderBytes && OnDisk<Header>);

WireShape to_wire(const Shape &s)
{
    WireShape w;
    w.level = static_cast<std::uint32_t>(s.level);
    w.layout = s.layout;
    w.raid_disks = s.raid_disks;
    w.chunk_sectors = s.chunk_sectors;
    w.component_sectors = s.component_sectors;
    return w;
}

Shape from_wire(const WireShape &w)
{
    return {static_cast<int>(w.level.get()), w.layout.get(), w.raid_disks.get(), w.chunk_sectors.get(),
            w.component_sectors.get()};
}

std::uint32_t sum_of(Header header)
{
    header.sum = 0;
    return crc32c(bytes_of(header));
}

bool sound(const Header &h)
{
    return h.magic == kMagic && h.sum.get() == sum_of(h) && h.pieces.get() <= kMaxPieces && h.begin.get() <= h.end.get() &&
           h.capacity.get() <= kMaxPieces * kPieceBytes && (h.end.get() - h.begin.get()) * kSectorBytes <= h.capacity.get() &&
           h.pieces.get() == ((h.end.get() - h.begin.get()) * kSectorBytes + kPieceBytes - 1) / kPieceBytes;
}

std::vector<std::uint32_t> sums_of(std::span<const std::byte> data)
{
    std::vector<std::uint32_t> sums;
    for (std::size_t at = 0; at < data.size(); at += kPieceBytes)
        sums.push_back(crc32c(data.subspan(at, std::min(kPieceBytes, data.size() - at))));
    return sums;
}

Result<> write_all(int fd, const std::string &path, std::uint64_t offset, std::span<const std::byte> data)
{
    while (!data.empty()) {
        const ssize_t n = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_errno(n < 0 ? errno : EIO, "writing {}", path);
        data = data.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

Result<> read_all(int fd, const std::string &path, std::uint64_t offset, std::span<std::byte> out)
{
    while (!out.empty()) {
        const ssize_t n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(errno, "reading {}", path);
        if (n == 0)
            return fail(Errc::Corrupt, "{} ends early", path);
        out = out.subspan(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

Result<> flush(int fd, const std::string &path)
{
    if (::fsync(fd) < 0)
        return fail_errno(errno, "flushing {}", path);
    return {};
}

Result<> flush_directory_of(const std::string &path)
{
    const std::size_t slash = path.rfind('/');
    const std::string directory = slash == path.npos ? "." : path.substr(0, slash + 1);
    const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid())
        return fail_errno(errno, "opening {}", directory);
    return flush(fd.get(), directory);
}

}  // namespace

Result<BackupFile> BackupFile::create(const std::string &path, const BackupOwner &owner, std::uint64_t sectors)
{
    if (sectors == 0 || sectors * kSectorBytes > kMaxPieces * kPieceBytes)
        return fail(Errc::Unsupported, "{}: a backup file cannot hold sections of {}", path, format_size(sectors * kSectorBytes));
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.valid() && errno == EEXIST)
        return fail(Errc::Refused, "{} exists already: name a new file for the backup", path);
    if (!fd.valid())
        return fail_errno(errno, "creating {}", path);
    BackupFile file(std::move(fd), path, owner);
    file.capacity_ = sectors * kSectorBytes;
    const Result<> reserved = file.reserve();
    if (!reserved) {
        ::unlink(path.c_str());
        return tl::make_unexpected(reserved.error());
    }
    return file;
}

// Zeros where the file system has no other way to promise the space.
Result<> BackupFile::reserve()
{
    const std::uint64_t size = capacity_ + 2 * kHeaderBytes;
    const int error = ::posix_fallocate(fd_.get(), 0, static_cast<off_t>(size));
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return fail(Errc::NoSpace, "there is no room for the {} of {}: free some, or name a file elsewhere", format_size(size), path_);
    if (error)
        return fail_errno(error, "reserving {} for {}", format_size(size), path_);
    EMD_TRY(write_headers());
    return flush_directory_of(path_);
}

Result<BackupFile> BackupFile::open(const std::string &path, const BackupOwner &owner)
{
    Fd fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    struct stat st;
    if (!fd.valid() || ::fstat(fd.get(), &st) < 0)
        return fail_errno(errno, "opening {}", path);
    if (!S_ISREG(st.st_mode) || st.st_size < static_cast<off_t>(2 * kHeaderBytes))
        return fail(Errc::Refused, "{} is no backup of a reshape", path);
    std::optional<Header> newest;
    for (const off_t at : {off_t{0}, st.st_size - static_cast<off_t>(kHeaderBytes)}) {
        Header h;
        EMD_TRY(read_all(fd.get(), path, static_cast<std::uint64_t>(at), std::as_writable_bytes(std::span<Header, 1>(&h, 1))));
        if (sound(h) && h.capacity.get() + 2 * kHeaderBytes == static_cast<std::uint64_t>(st.st_size) &&
            (!newest || h.sequence.get() > newest->sequence.get()))
            newest = h;
    }
    if (!newest)
        return fail(Errc::Corrupt, "{} is no backup of a reshape, or is damaged", path);
    if (BackupOwner{newest->container, newest->volume, from_wire(newest->from), from_wire(newest->to)} != owner)
        return fail(Errc::Refused, "{} is the backup of another reshape", path);
    BackupFile file(std::move(fd), path, owner);
    file.capacity_ = newest->capacity.get();
    file.sequence_ = newest->sequence.get();
    file.valid_ = {newest->begin.get(), newest->end.get()};
    for (std::size_t i = 0; i < newest->pieces.get(); i++)
        file.sums_.push_back(newest->data_sums[i].get());
    return file;
}

// The old header is not valid any more: its section is behind the checkpoint, or the slot would not be free.
Result<> BackupFile::save(Range addresses, std::span<const std::byte> data)
{
    if (data.size() > capacity_ || data.size() != addresses.size() * kSectorBytes)
        return fail(Errc::NoSpace, "{} holds {}, the section has {}", path_, format_size(capacity_), format_size(data.size()));
    saved_ = {};
    EMD_TRY(write_all(fd_.get(), path_, kHeaderBytes, data));
    EMD_TRY(flush(fd_.get(), path_));
    sums_ = sums_of(data);
    saved_ = addresses;
    return {};
}

Result<> BackupFile::confirm(Range addresses)
{
    if (saved_ != addresses)
        return {};  // saved by a manager before this one: the format's place has it
    valid_ = addresses;
    return write_headers();
}

Result<> BackupFile::write_headers()
{
    Header h;
    h.magic = kMagic;
    h.container = owner_.container;
    h.volume = owner_.volume;
    h.from = to_wire(owner_.from);
    h.to = to_wire(owner_.to);
    h.sequence = ++sequence_;
    h.capacity = capacity_;
    h.begin = valid_.begin;
    h.end = valid_.end;
    h.pieces = static_cast<std::uint32_t>(valid_.size() ? sums_.size() : 0);
    for (std::size_t i = 0; i < h.pieces.get(); i++)
        h.data_sums[i] = sums_[i];
    h.sum = sum_of(h);
    EMD_TRY(write_all(fd_.get(), path_, 0, bytes_of(h)));
    EMD_TRY(write_all(fd_.get(), path_, kHeaderBytes + capacity_, bytes_of(h)));
    return flush(fd_.get(), path_);
}

Result<Buffer> BackupFile::load(Range addresses) const
{
    if (valid_ != addresses)
        return fail(Errc::NotFound, "{} holds sectors {} to {}, not {} to {}", path_, valid_.begin, valid_.end, addresses.begin,
                    addresses.end);
    Buffer data(addresses.size() * kSectorBytes);
    EMD_TRY(read_all(fd_.get(), path_, kHeaderBytes, data.span()));
    if (sums_of(data.span()) != sums_)
        return fail(Errc::Corrupt, "{} is damaged: its check sums are wrong", path_);
    return data;
}

Result<> BackupFile::remove()
{
    if (::unlink(path_.c_str()) < 0 && errno != ENOENT)
        return fail_errno(errno, "removing {}", path_);
    return flush_directory_of(path_);
}

Result<> PlaceAndFile::save(unsigned slot, Range addresses, std::span<const std::byte> data)
{
    EMD_TRY(place_->save(slot, addresses, data));
    return file_->save(addresses, data);
}

Result<> PlaceAndFile::clear()
{
    EMD_TRY(place_->clear());
    return file_->remove();
}

}  // namespace emd::reshape
