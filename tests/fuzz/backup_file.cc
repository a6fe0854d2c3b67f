// SPDX-License-Identifier: GPL-2.0-only
// The backup file of a reshape: its two headers, and the data between. u8 flags (bit 0: the second header is the first; bit 1:
// check sums are right; bit 2: it is another's), u8 size of the data in pages, the first header, the second, data.
#include "fuzz/disks.h"

#include "libemd/base/crc32c.h"
#include "libemd/reshape/backup_file.h"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

using namespace emd;
using namespace emd::fuzz;

namespace {

constexpr std::size_t kHeader = 4096;
constexpr std::size_t kUsed = 512;  // of a header by the input; its sums beyond are zero

void fix(MutableBytes file, std::size_t at)
{
    const MutableBytes header = file.subspan(at, kHeader);
    (void)write_at(header, 8, Le32(0));
    (void)write_at(header, 8, Le32(crc32c(header)));
}

reshape::BackupOwner owner_of(Bytes header)
{
    const auto shape = [&](std::size_t at) {
        const auto word = [&](std::size_t i) { return read_at<Le32>(header, at + 4 * i)->get(); };
        return Shape{static_cast<int>(word(0)), word(1), word(2), word(3), read_at<Le64>(header, at + 16)->get()};
    };
    reshape::BackupOwner owner{{}, {}, shape(48), shape(72)};
    std::memcpy(owner.container.data(), header.data() + 16, 16);
    std::memcpy(owner.volume.data(), header.data() + 32, 16);
    return owner;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    static const std::string path = fmt::format("/dev/shm/emd-fuzz-{}", ::getpid());
    static const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    static const int once = std::atexit([] { ::unlink(path.c_str()); });
    promise(fd >= 0 && once == 0, "there is room in /dev/shm");

    Input input(std::as_bytes(std::span(data, size)));
    const unsigned flags = input.take<std::uint8_t>(), pages = input.take<std::uint8_t>() % 8;
    std::vector<std::byte> file(2 * kHeader + pages * kHeader);
    const std::size_t second = file.size() - kHeader;
    const auto put = [&](Bytes bytes, std::size_t at) { std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(at)); };
    put(input.bytes(kUsed), 0);
    put(input.bytes(kUsed), second);
    put(input.bytes(second - kHeader), kHeader);
    if (flags & 1)
        std::copy_n(file.begin(), kHeader, file.begin() + static_cast<std::ptrdiff_t>(second));
    if (flags & 2) {
        for (std::size_t at = 0; at < pages; at++) {  // of the data: it is one piece at most
            const std::size_t bytes = std::min<std::size_t>(pages * kHeader, (read_at<Le64>(file, 120)->get() - read_at<Le64>(file, 112)->get()) * 512);
            (void)write_at(file, 128, Le32(crc32c(Bytes(file).subspan(kHeader, bytes))));
        }
        fix(file, 0);
        fix(file, second);
    }
    promise(::pwrite(fd, file.data(), file.size(), 0) == static_cast<ssize_t>(file.size()) &&
                ::ftruncate(fd, static_cast<off_t>(file.size())) == 0, "the file can be written");

    reshape::BackupOwner owner = owner_of(file);
    if (flags & 4)
        owner.to.raid_disks++;
    const auto opened = reshape::BackupFile::open(path, owner);
    if (!opened)
        return 0;
    promise(!(flags & 4), "a backup of another reshape is refused");
    const reshape::Range declared{read_at<Le64>(file, 112)->get(), read_at<Le64>(file, 120)->get()};
    if (const auto section = opened->load(declared))
        promise(section->size() == declared.size() * 512 && section->size() <= pages * kHeader, "a section lies in the file");
    (void)opened->load({declared.begin, declared.end + 8}).has_value();
    return 0;
}
