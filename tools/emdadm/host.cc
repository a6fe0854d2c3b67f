// SPDX-License-Identifier: GPL-2.0-only
#include "host.h"

#include "arrays.h"
#include "manager.h"
#include "monitor_start.h"
#include "names.h"

#include "libemd/device/signatures.h"
#include "libemd/device/udev.h"
#include "libemd/monitor/paths.h"
#include "libemd/plan/parity_log.h"
#include "libemd/reshape/manager.h"

#include <algorithm>
#include <set>
#include <unistd.h>

namespace emd::cli {
namespace {

constexpr auto kMonitorPatience = std::chrono::seconds(10);
constexpr std::size_t kEraseBytes = 1 << 20;

// A member for the restore of a backup.
class DeviceTarget final : public reshape::Target {
public:
    explicit DeviceTarget(BlockDevice &device) : device_(device) {}
    Result<> read(std::uint64_t offset_bytes, std::span<std::byte> out) override { return device_.read(offset_bytes, out); }
    Result<> write(std::uint64_t offset_bytes, std::span<const std::byte> data) override
    {
        return device_.write(offset_bytes, data);
    }
    Result<> flush() override { return device_.flush(); }

private:
    BlockDevice &device_;
};

}  // namespace

Result<BlockDevice *> SystemHost::writable(const std::string &path)
{
    for (const Writer &writer : writers_)
        if (writer.device->path() == path)
            return writer.device.get();
    const BlockDevice *reader = loaded_.device(path);
    if (!reader)
        return fail(Errc::NotFound, "{} is no disk of this container", path);
    // An array of ours may hold it already; anybody else may not.
    const bool exclusive = !held_by_emd(*reader);
    writers_.push_back({EMD_TRY(reader->reopen(exclusive ? OpenMode::Exclusive : OpenMode::Write)), exclusive});
    return writers_.back().device.get();
}

// An exclusive descriptor keeps an array from taking the disk.
void SystemHost::give_back_exclusive()
{
    std::erase_if(writers_, [](const Writer &writer) { return writer.exclusive; });
}

Result<> SystemHost::new_metadata(const plan::NewMetadata &action)
{
    loaded_.format = find_format(action.format);
    loaded_.metadata = EMD_TRY(loaded_.format->create(loaded_.media()));
    return {};
}

Result<> SystemHost::wipe(const std::string &disk)
{
    Result<> wiped = wipe_signatures(*EMD_TRY(writable(disk)));
    give_back_exclusive();
    return wiped;
}

Result<> SystemHost::apply(const Change &change)
{
    return loaded_.metadata->apply(change);
}

Result<> SystemHost::store()
{
    std::vector<Image> images = loaded_.metadata->prepare();
    loaded_.metadata->encode(images);
    std::set<unsigned> phases;
    for (const Image &image : images)
        phases.insert(image.phase);
    for (const unsigned phase : phases) {
        std::set<BlockDevice *> written;
        for (const Image &image : images) {
            if (image.phase != phase || !image.active || image.disk < 0)
                continue;
            const Disk &disk = loaded_.view().disks[static_cast<std::size_t>(image.disk)];
            if (!disk.present)
                continue;
            BlockDevice *device = EMD_TRY(writable(disk.path));
            EMD_TRY(device->write(image.offset_bytes, image.bytes).within("writing metadata"));
            written.insert(device);
        }
        for (BlockDevice *device : written)
            EMD_TRY(device->flush().within("writing metadata"));
    }
    give_back_exclusive();
    return {};
}

Result<> SystemHost::erase(const std::string &disk)
{
    Result<> erased = erase_format(*loaded_.format, *EMD_TRY(writable(disk)));
    give_back_exclusive();
    return erased;
}

Result<> erase_format(const Format &format, BlockDevice &device)
{
    for (auto [begin, length] : format.wipe_ranges(device)) {
        const std::vector<std::byte> zeros(std::min<std::uint64_t>(length, kEraseBytes));
        for (; length; begin += zeros.size(), length -= std::min<std::uint64_t>(length, zeros.size()))
            EMD_TRY(device.write(begin, std::span(zeros).first(std::min<std::uint64_t>(length, zeros.size()))));
    }
    return device.flush();
}

Result<Monitor *> SystemHost::monitor(const std::string &container)
{
    if (!monitor_) {
        auto connected = connect_monitor(container, kMonitorPatience);
        if (!connected)
            return tl::make_unexpected(connected.error());
        monitor_ = std::move(*connected);
    }
    return monitor_.get();
}

bool monitor_runs(const std::string &container)
{
    return connect_monitor(container, std::chrono::milliseconds(0)).has_value();
}

Result<> SystemHost::send(const std::string &container, const plan::Send &action)
{
    return EMD_TRY(monitor(container))->apply(action.change, action.disks);
}

Result<> SystemHost::sync(const std::string &container, const plan::Sync &action)
{
    if (action.may_have_left && !monitor_ && !monitor_runs(container))
        return {};
    const auto synced = EMD_TRY(monitor(container))->sync(action.volume);
    if (!synced && synced.error().code() == Errc::Gone && action.may_have_left)
        return {};
    const SyncAnswer answer = EMD_TRY(synced);
    if (!answer.error.empty())
        return fail(Errc::Io, "emdmon of {} says: {}", container, answer.error);
    for (const unsigned slot : action.reserved)
        if (!std::ranges::count(answer.reserved_slots, slot))
            return fail(Errc::Refused, "no spare could be prepared for member {}: see emdadm --detail", slot);
    return {};
}

Result<> SystemHost::start_monitor(const std::string &container)
{
    return emd::cli::start_monitor(container);
}

Result<> SystemHost::publish(const std::string &array, const plan::Publish &action)
{
    return publish_name(context_, array, action.name, action.metadata, action.uuid);
}

bool SystemHost::udev_is_busy() const
{
    return emd::udev_is_busy();
}

Result<> SystemHost::unpublish(const std::string &array)
{
    return unpublish_name(context_, array);
}

// Disks of the container, opened when they are asked for; the first that cannot be is in `error`.
class SystemHost::Targets {
public:
    explicit Targets(SystemHost &host) : host_(host) {}
    reshape::Target *operator()(int disk)
    {
        const Disk &d = host_.loaded_.view().disks[static_cast<std::size_t>(disk)];
        if (!d.present)
            return nullptr;
        auto device = host_.writable(d.path);
        if (!device) {
            error = device.error();
            return nullptr;
        }
        targets_.push_back(std::make_unique<DeviceTarget>(**device));
        return targets_.back().get();
    }
    std::optional<Error> error;

private:
    SystemHost &host_;
    std::vector<std::unique_ptr<DeviceTarget>> targets_;
};

Result<> SystemHost::restore(unsigned volume)
{
    Targets target(*this);
    const auto record = [&](const Change &change) -> Result<> {
        EMD_TRY(apply(change));
        return store();
    };
    std::function<Result<reshape::Buffer>(reshape::Range)> file;
    if (!context_.options.backup_file.empty())
        file = [&](reshape::Range addresses) -> Result<reshape::Buffer> {
            const Volume &v = loaded_.view().volumes[volume];
            return EMD_TRY(reshape::BackupFile::open(context_.options.backup_file, owner(volume, v.reshape->target))).load(addresses);
        };
    const bool restored = EMD_TRY(reshape::restore(loaded_.view(), volume, std::ref(target), record, file));
    if (target.error)
        return tl::make_unexpected(*target.error);
    if (restored)
        context_.say("the section that was being moved when the volume stopped is back in its place; nothing is lost");
    return {};
}

Result<> SystemHost::recover_parity(unsigned volume)
{
    Targets target(*this);
    const auto repaired = plan::recover_parity(loaded_.view(), loaded_.view().volumes[volume], std::ref(target));
    give_back_exclusive();
    if (target.error)
        return tl::make_unexpected(*target.error);
    const plan::ParityRepairs strips = EMD_TRY(repaired);
    const std::string text = fmt::format("{}: it was being written when it stopped; {}", loaded_.view().volumes[volume].name, plan::to_text(strips));
    if (strips.unread)
        context_.warn(text);
    else
        context_.say("{}", text);
    return {};
}

Result<> SystemHost::reset_parity_log(unsigned volume, bool headers)
{
    Targets target(*this);
    const auto reset = plan::reset_logs(loaded_.view(), loaded_.view().volumes[volume], headers, std::ref(target));
    give_back_exclusive();
    return target.error ? tl::make_unexpected(*target.error) : reset;
}

reshape::BackupOwner SystemHost::owner(unsigned volume, const Shape &target) const
{
    const Volume &v = loaded_.view().volumes[volume];
    return {loaded_.view().uuid, v.uuid, v.shape, target};
}

Result<> SystemHost::reserve_backup(const plan::ReserveBackup &action)
{
    const reshape::BackupOwner mine = owner(action.volume, action.target);
    if (!action.fresh && ::access(action.path.c_str(), F_OK) == 0)
        file_.emplace(EMD_TRY(reshape::BackupFile::open(action.path, mine)));
    else
        file_.emplace(EMD_TRY(reshape::BackupFile::create(action.path, mine, action.sectors)));
    return {};
}

Result<> SystemHost::drop_backup(const std::string &)
{
    return file_ ? file_->remove() : Result<>();
}

Result<plan::Outcome> SystemHost::manage(const std::string &array, const std::string &container, const plan::Manage &action)
{
    for (const std::string &fact : facts_)
        context_.say("{}", fact);
    if (context_.options.background) {
        if (lock_)
            lock_->reset();
        EMD_TRY(start_manager(array));
        return plan::Outcome::Paused;
    }
    // What a manager that was killed has still sent is on the disks when the monitor has answered.
    EMD_TRY(EMD_TRY(monitor(container))->sync(action.volume));
    const auto recorded = EMD_TRY(load_container(context_, container));
    auto outcome = run_manager(context_, array, *EMD_TRY(monitor(container)), action.volume, recorded.view(), file_ ? &*file_ : nullptr);
    if (outcome || !Array(*context_.sysfs, array).exists())
        return outcome;
    const Error &error = outcome.error();
    if (const auto left = leave_usable(array, container, action.volume); !left)
        return tl::make_unexpected(error.within(fmt::format("{} cannot be released ({})", link_of(context_, array), left.error().text())));
    return tl::make_unexpected(error.within(fmt::format("the reshape of {} is paused, emdadm --grow --continue goes on with it",
                                                        link_of(context_, array))));
}

// From what is recorded now, not when the manager began: a section may have been recorded since, and must not be given up.
Result<> SystemHost::leave_usable(const std::string &array, const std::string &container, unsigned volume)
{
    Monitor *const keeper = EMD_TRY(monitor(container));
    EMD_TRY(keeper->sync(volume));
    const Loaded recorded = EMD_TRY(load_container(context_, container));
    return reshape::release({Array(*context_.sysfs, array), keeper, volume, recorded.view(), {}, nullptr, nullptr});
}

}  // namespace emd::cli
