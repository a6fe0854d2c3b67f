// SPDX-License-Identifier: GPL-2.0-only
// Theory. A request that missed its deadline still belongs to the kernel, and so does its buffer: it may be read at any
// later time. So each disk has a buffer of its own, and a disk that missed a deadline is set aside with it, for ever.
// Completions that come late carry the number of an earlier operation and are ignored.
#include "disks.h"

#include "libemd/base/fd.h"
#include "libemd/device/block_device.h"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <liburing.h>
#include <vector>

namespace emd::mon {
namespace {

constexpr std::size_t kAlign = 4096;
constexpr unsigned kQueue = 1024;

struct Free {
    void operator()(std::byte *p) const { std::free(p); }
};
using Buffer = std::unique_ptr<std::byte, Free>;

struct OpenDisk {
    DevNum dev;
    Fd fd;
    Buffer buffer;
    std::size_t room = 0, used = 0;  // of the buffer; every image in it begins aligned
    bool hung = false;  // a request is still out: buffer and descriptor must stay
};

std::size_t round_up(std::size_t bytes)
{
    return (bytes + kAlign - 1) / kAlign * kAlign;
}

class UringDisks final : public DiskSet {
public:
    explicit UringDisks(std::chrono::milliseconds deadline) : deadline_(deadline) {}
    ~UringDisks() override
    {
        if (ready_)
            ::io_uring_queue_exit(&ring_);
    }

    Result<> start()
    {
        const int error = ::io_uring_queue_init(kQueue, &ring_, 0);
        if (error < 0)
            return fail_errno(-error, "setting up io_uring (see /proc/sys/kernel/io_uring_disabled)");
        ready_ = true;
        return {};
    }

    Result<> open(DevNum dev, std::size_t bytes) override
    {
        OpenDisk *disk = find(dev);
        if (disk == nullptr) {
            Fd fd = EMD_TRY(open_number(dev, O_RDWR | O_DIRECT));
            disks_.push_back({dev, std::move(fd), nullptr, 0, 0, false});
            disk = &disks_.back();
        }
        if (disk->room >= bytes)
            return {};
        const std::size_t room = round_up(bytes);
        disk->buffer.reset(static_cast<std::byte *>(std::aligned_alloc(kAlign, room)));
        disk->room = disk->buffer ? room : 0;
        if (!disk->buffer)
            return fail(Errc::NoSpace, "no memory for {} bytes of metadata", room);
        std::fill_n(disk->buffer.get(), room, std::byte{0});  // also makes the pages present
        return {};
    }

    void close(DevNum dev) override
    {
        std::erase_if(disks_, [dev](const OpenDisk &d) { return d.dev == dev && !d.hung; });
    }

    bool has(DevNum dev) const override
    {
        return std::ranges::any_of(disks_, [dev](const OpenDisk &d) { return d.dev == dev && !d.hung; });
    }

    void write(std::span<DiskJob> jobs) override
    {
        for (OpenDisk &disk : disks_)
            disk.used = 0;
        begin();
        for (std::size_t i = 0; i < jobs.size(); i++)
            queue_write(jobs[i], i);
        finish(jobs);
    }

    void flush(std::span<DiskJob> jobs) override
    {
        begin();
        for (std::size_t i = 0; i < jobs.size(); i++)
            queue_flush(jobs[i], i);
        finish(jobs);
    }

private:
    OpenDisk *find(DevNum dev)
    {
        const auto d = std::ranges::find_if(disks_, [dev](const OpenDisk &o) { return o.dev == dev && !o.hung; });
        return d == disks_.end() ? nullptr : &*d;
    }

    void begin()
    {
        operation_++;
        waiting_ = 0;
    }

    // Room in the queue for a request to `disk`; null with the job's error set.
    io_uring_sqe *next_sqe(const OpenDisk *disk, DiskJob &job)
    {
        job.error = ENODEV;
        if (disk == nullptr)
            return nullptr;
        io_uring_sqe *sqe = ::io_uring_get_sqe(&ring_);
        if (sqe == nullptr) {
            ::io_uring_submit(&ring_);
            sqe = ::io_uring_get_sqe(&ring_);
        }
        job.error = EBUSY;
        return sqe;
    }

    // The job is pending until its completion arrives.
    void queued(io_uring_sqe *sqe, DiskJob &job, std::size_t index)
    {
        ::io_uring_sqe_set_data64(sqe, operation_ << 16 | index);
        job.error = EINPROGRESS;
        waiting_++;
    }

    void queue_write(DiskJob &job, std::size_t index)
    {
        OpenDisk *disk = find(job.dev);
        if (disk != nullptr && disk->room - disk->used < job.bytes.size()) {
            job.error = ENOBUFS;
            return;
        }
        io_uring_sqe *sqe = next_sqe(disk, job);
        if (sqe == nullptr)
            return;
        std::byte *to = disk->buffer.get() + disk->used;
        std::ranges::copy(job.bytes, to);
        disk->used += round_up(job.bytes.size());
        ::io_uring_prep_write(sqe, disk->fd.get(), to, static_cast<unsigned>(job.bytes.size()), job.offset_bytes);
        queued(sqe, job, index);
    }

    void queue_flush(DiskJob &job, std::size_t index)
    {
        const OpenDisk *disk = find(job.dev);
        io_uring_sqe *sqe = next_sqe(disk, job);
        if (sqe == nullptr)
            return;
        ::io_uring_prep_fsync(sqe, disk->fd.get(), IORING_FSYNC_DATASYNC);
        queued(sqe, job, index);
    }

    void finish(std::span<DiskJob> jobs);
    void complete(std::span<DiskJob> jobs, std::uint64_t tag, int result);

    std::chrono::milliseconds deadline_;
    io_uring ring_{};
    bool ready_ = false;
    std::vector<OpenDisk> disks_;
    std::uint64_t operation_ = 0;
    std::size_t waiting_ = 0;
};

void UringDisks::complete(std::span<DiskJob> jobs, std::uint64_t tag, int result)
{
    const std::size_t index = tag & 0xffff;
    if (tag >> 16 != operation_ || index >= jobs.size() || jobs[index].error != EINPROGRESS)
        return;
    DiskJob &job = jobs[index];
    const bool whole = static_cast<std::size_t>(std::max(result, 0)) == job.bytes.size();
    job.error = result < 0 ? -result : whole ? 0 : EIO;
    waiting_--;
}

void UringDisks::finish(std::span<DiskJob> jobs)
{
    ::io_uring_submit(&ring_);
    const auto end = std::chrono::steady_clock::now() + deadline_;
    while (waiting_ > 0) {
        const auto left = std::chrono::nanoseconds(end - std::chrono::steady_clock::now()).count();
        if (left <= 0)
            break;
        __kernel_timespec limit{left / 1000000000, left % 1000000000};
        io_uring_cqe *cqe = nullptr;
        if (::io_uring_wait_cqe_timeout(&ring_, &cqe, &limit) != 0)
            continue;
        complete(jobs, cqe->user_data, cqe->res);
        ::io_uring_cqe_seen(&ring_, cqe);
    }
    for (DiskJob &job : jobs) {
        if (job.error != EINPROGRESS)
            continue;
        job.error = ETIMEDOUT;
        if (OpenDisk *disk = find(job.dev))
            disk->hung = true;
    }
}

}  // namespace

Result<std::unique_ptr<DiskSet>> uring_disks(std::chrono::milliseconds deadline)
{
    auto disks = std::make_unique<UringDisks>(deadline);
    EMD_TRY(disks->start());
    return std::unique_ptr<DiskSet>(std::move(disks));
}

}  // namespace emd::mon
