// SPDX-License-Identifier: GPL-2.0-or-later
#include "subject_module.h"

#include "core/emd_geometry.h"

#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace emd::contract {
namespace {

void must(const Result<> &result)
{
    if (!result)
        throw std::runtime_error(result.error().text());
}

// A page-aligned buffer, as O_DIRECT wants it.
class Buffer {
public:
    explicit Buffer(std::size_t bytes) : bytes_(bytes), data_(std::aligned_alloc(4096, bytes)) {}
    ~Buffer() { std::free(data_); }
    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;
    std::byte *data() { return static_cast<std::byte *>(data_); }
    std::size_t size() const { return bytes_; }

private:
    std::size_t bytes_;
    void *data_;
};

class Opened {
public:
    Opened(const std::string &path, int flags) : fd_(::open(path.c_str(), flags | O_DIRECT | O_CLOEXEC))
    {
        if (fd_ < 0)
            throw std::system_error(errno, std::generic_category(), path);
    }
    ~Opened() { ::close(fd_); }
    Opened(const Opened &) = delete;
    Opened &operator=(const Opened &) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

class ThreadWrite final : public PendingWrite {
public:
    ThreadWrite(const std::string &device, std::uint64_t sector, std::byte fill)
        : thread_([this, device, sector, fill] {
              Buffer page(kPageSectors * 512);
              std::memset(page.data(), std::to_integer<int>(fill), page.size());
              const Opened file(device, O_WRONLY);
              right_ = ::pwrite(file.get(), page.data(), page.size(), static_cast<off_t>(sector * 512)) ==
                       static_cast<ssize_t>(page.size());
              ended_ = true;
          })
    {
    }
    ~ThreadWrite() override { thread_.join(); }
    bool ended() override
    {
        if (ended_ && !right_)
            throw std::runtime_error("the write failed");
        return ended_;
    }

private:
    std::atomic<bool> ended_{false}, right_{false};
    std::thread thread_;  // last: it uses the two
};

DevNum number_of(const std::string &device)
{
    struct stat st;
    if (::stat(device.c_str(), &st) != 0)
        throw std::system_error(errno, std::generic_category(), device);
    return {major(st.st_rdev), minor(st.st_rdev)};
}

}  // namespace

ModuleSubject::ModuleSubject(const std::vector<std::string> &members) : sysfs_(real_sysfs())
{
    const Result<std::string> name = create_array(*sysfs_);
    if (!name || members.size() != 4)
        throw std::runtime_error(name ? "EMD_CONTRACT_MEMBERS names four devices" : name.error().text());
    array_ = std::make_unique<Array>(*sysfs_, *name);
    must(array_->set("level", "raid5"));
    must(array_->set("raid_disks", 3));
    must(array_->set("chunk_size", kChunkSectors * 512));
    must(array_->set("layout", EMD_LAYOUT_LEFT_SYMMETRIC));
    must(array_->set("component_size", kMemberSectors / 2));
    const auto add = [&](unsigned slot) {
        const Result<std::string> member = array_->add_member(number_of(members[slot]), 0, kMemberSectors);
        if (!member)
            throw std::runtime_error(member.error().text());
        return *member;
    };
    for (unsigned slot = 0; slot < 3; slot++)
        must(array_->set_member(add(slot), "slot", std::to_string(slot)));
    must(array_->set("resync_start", "none"));
    must(array_->set("array_state", "active"));
    must(array_->set("sync_action", "frozen"));
    const std::string spare = add(3);
    must(array_->set("sync_max", std::uint64_t{0}));
    must(array_->set("raid_disks", 4));
    must(array_->set_member(spare, "slot", "3"));
    const std::string device = "/dev/" + *name;
    if (!eventually([&] { return std::filesystem::exists(device); }))
        throw std::runtime_error(device + " does not appear");
    const Opened file(device, O_WRONLY);
    Buffer zeros(256 * 1024);
    std::memset(zeros.data(), 0, zeros.size());
    for (std::uint64_t at = 0; at < kVisibleSectors * 512; at += zeros.size())
        if (::pwrite(file.get(), zeros.data(), zeros.size(), static_cast<off_t>(at)) !=
            static_cast<ssize_t>(zeros.size()))
            throw std::system_error(errno, std::generic_category(), device);
}

// Whatever the test left undone must not keep the array: nobody waits, the thread ends, then it is cleared.
ModuleSubject::~ModuleSubject()
{
    (void)array_->set("suspend_hi", std::uint64_t{0});
    (void)array_->set("suspend_lo", std::uint64_t{0});
    (void)array_->set("sync_action", "frozen");
    eventually([&] { return !array_->exists() || array_->set("array_state", "clear").has_value(); });
    eventually([&] { return !array_->exists(); });
}

void ModuleSubject::pass_time()
{
    ::usleep(10000);
}

std::unique_ptr<PendingWrite> ModuleSubject::write(std::uint64_t sector, std::byte fill)
{
    return std::make_unique<ThreadWrite>("/dev/" + array_->name(), sector, fill);
}

std::vector<std::byte> ModuleSubject::read(std::uint64_t sector, std::uint64_t sectors)
{
    Buffer buffer(sectors * 512);
    const Opened file("/dev/" + array_->name(), O_RDONLY);
    if (::pread(file.get(), buffer.data(), buffer.size(), static_cast<off_t>(sector * 512)) !=
        static_cast<ssize_t>(buffer.size()))
        throw std::system_error(errno, std::generic_category(), "reading the array");
    return {buffer.data(), buffer.data() + buffer.size()};
}

}  // namespace emd::contract
