// SPDX-License-Identifier: GPL-2.0-only
// The manager on the running kernel: the executor with the array's device and its members' devices behind it.
#include "libemd/reshape/manager.h"

#include "libemd/base/fd.h"
#include "libemd/device/block_device.h"
#include "libemd/reshape/backup_file.h"
#include "libemd/reshape/copy_area.h"
#include "libemd/reshape/disk_io.h"
#include "libemd/reshape/executor.h"

#include <emd/emd.h>
#include <fcntl.h>
#include <map>
#include <sys/ioctl.h>

namespace emd::reshape {
namespace {

// A disk that has not answered for so long has failed for the manager; the kernel decides on its own.
constexpr std::chrono::milliseconds kDiskDeadline{60000};

Result<Fd> open_direct(const std::string &path, int flags)
{
    Fd fd(::open(path.c_str(), flags | O_DIRECT | O_CLOEXEC));
    if (!fd.valid())
        return fail_errno(errno, "opening {}", path);
    return fd;
}

// Opened for each section anew: an open descriptor would hold an array that is to be stopped.
class DeviceReader final : public ArrayReader {
public:
    explicit DeviceReader(std::string path) : path_(std::move(path)) {}

    Result<> read(std::uint64_t sector, std::span<std::byte> out) override
    {
        const Fd fd = EMD_TRY(open_direct(path_, O_RDONLY));
        if (EMD_TRY(read_past_page_cache(fd, sector, out)))
            return {};
        const DiskOp op{DiskOp::Kind::Read, fd.get(), sector * kSectorBytes, out.data(), out.size(), path_};
        return run_batch({&op, 1}, kDiskDeadline);
    }

private:
    // False: the kernel's own md does not offer it. Alone O_DIRECT would first write back what the page cache of the array
    // holds dirty in this range, which is suspended: that write waits for us, and we would wait for it.
    Result<bool> read_past_page_cache(const Fd &fd, std::uint64_t sector, std::span<std::byte> out) const
    {
        for (std::size_t at = 0; at < out.size(); at += EMD_READ_MAX_BYTES) {
            emd_read_range range{};
            range.sector = sector + at / kSectorBytes;
            range.buffer = reinterpret_cast<std::uintptr_t>(out.data() + at);
            range.bytes = static_cast<std::uint32_t>(std::min<std::size_t>(out.size() - at, EMD_READ_MAX_BYTES));
            while (::ioctl(fd.get(), EMD_IOC_READ, &range) != 0) {
                if (errno == ENOTTY)
                    return false;
                if (errno != EINTR)
                    return fail_errno(errno, "reading {}", path_);
            }
        }
        return true;
    }

    std::string path_;
};

// Members are looked up in sysfs each time: slots change hands when a disk fails.
class DeviceWriter final : public MemberWriter {
public:
    DeviceWriter(Array array, unsigned slots) : array_(std::move(array)), slots_(slots) {}

    Result<std::vector<unsigned>> live() override
    {
        std::vector<unsigned> slots;
        for (const auto &[slot, dev] : EMD_TRY(members()))
            slots.push_back(slot);
        return slots;
    }

    Result<> write_and_flush(std::span<const MemberWrite> writes) override
    {
        const std::map<unsigned, DevNum> devices = EMD_TRY(members());
        std::vector<Fd> fds;
        std::vector<DiskOp> data, flushes;
        for (const MemberWrite &w : writes) {
            const auto device = devices.find(w.slot);
            if (device == devices.end())
                return fail(Errc::Gone, "the disk in slot {} has failed", w.slot);
            const std::string path = EMD_TRY(device_node(device->second));
            fds.push_back(EMD_TRY(open_number(device->second, O_RDWR | O_DIRECT)));
            data.push_back({DiskOp::Kind::Write, fds.back().get(), w.sector * kSectorBytes,
                            const_cast<std::byte *>(w.data.data()), w.data.size(), path});
            flushes.push_back({DiskOp::Kind::Flush, fds.back().get(), 0, nullptr, 0, path});
        }
        EMD_TRY(run_batch(data, kDiskDeadline));
        return run_batch(flushes, kDiskDeadline);
    }

private:
    Result<std::map<unsigned, DevNum>> members() const
    {
        std::map<unsigned, DevNum> live;
        for (const MemberInfo &m : EMD_TRY(array_.members()))
            if (m.slot >= 0 && static_cast<unsigned>(m.slot) < slots_ && !m.has("faulty"))
                live.emplace(static_cast<unsigned>(m.slot), m.dev);
        return live;
    }

    Array array_;
    unsigned slots_;
};

// Of a reshape that overwrites nothing which it still needs.
class NoPlace final : public BackupPlace {
public:
    Result<> save(unsigned, Range, std::span<const std::byte>) override
    {
        return fail(Errc::Unsupported, "this reshape has no place for backups, and was found to need one");
    }
    Result<> clear() override { return {}; }
};

}  // namespace

Result<> run(Job job)
{
    if (job.volume >= job.container.volumes.size())
        return fail(Errc::Invalid, "the container has no volume {}", job.volume);
    const Volume &volume = job.container.volumes[job.volume];
    if (!volume.reshape)
        return release_leftovers(job.array);
    const emd_geometry target = geometry_of(volume.reshape->target);
    const bool gate = gate_armed(job.array);
    const Terms terms = EMD_TRY(make_terms(volume, gate));
    DeviceReader reader("/dev/" + job.array.name());
    if (!volume.reshape->backup_member_sectors) {
        NoPlace none;
        return Executor(job, terms, reader, none).drive();
    }
    EMD_TRY(can_lay_out(target));
    DeviceWriter writer(job.array, target.raid_disks);
    CopyArea place(target, volume.reshape->backup_member_start, volume.reshape->backup_member_sectors, writer);
    if (!job.file)
        return Executor(job, terms, reader, place).drive();
    PlaceAndFile both(place, *job.file);
    return Executor(job, terms, reader, both).drive();
}

Result<> release(Job job)
{
    const std::atomic<bool> at_once{true};
    job.stop = &at_once;
    return run(std::move(job));
}

}  // namespace emd::reshape
