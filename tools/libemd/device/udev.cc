// SPDX-License-Identifier: GPL-2.0-only
#include "libemd/device/udev.h"

#include <algorithm>
#include <filesystem>
#include <libudev.h>
#include <memory>
#include <poll.h>
#include <string_view>
#include <unistd.h>

namespace emd {
namespace {

template <auto Free>
struct Unref {
    template <typename T>
    void operator()(T *p) const { Free(p); }
};
using Udev = std::unique_ptr<udev, Unref<udev_unref>>;
using Enumerate = std::unique_ptr<udev_enumerate, Unref<udev_enumerate_unref>>;
using Device = std::unique_ptr<udev_device, Unref<udev_device_unref>>;
using Queue = std::unique_ptr<udev_queue, Unref<udev_queue_unref>>;
using Monitor = std::unique_ptr<udev_monitor, Unref<udev_monitor_unref>>;

bool holds_no_members(std::string_view name)
{
    for (const std::string_view prefix : {"ram", "loop", "fd", "sr", "zram", "md", "emd"})
        if (name.starts_with(prefix))
            return true;
    return false;
}

bool points_to(const std::string &link, const std::string &device)
{
    std::error_code error;
    return std::filesystem::canonical(link, error) == device && !error;
}

}  // namespace

std::vector<std::string> list_disks()
{
    std::vector<std::string> paths;
    const Udev udev(udev_new());
    const Enumerate found(udev_enumerate_new(udev.get()));
    udev_enumerate_add_match_subsystem(found.get(), "block");
    udev_enumerate_add_match_property(found.get(), "DEVTYPE", "disk");
    udev_enumerate_scan_devices(found.get());
    udev_list_entry *entry;
    udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(found.get()))
    {
        const Device device(udev_device_new_from_syspath(udev.get(), udev_list_entry_get_name(entry)));
        const char *node = device ? udev_device_get_devnode(device.get()) : nullptr;
        const char *size = device ? udev_device_get_sysattr_value(device.get(), "size") : nullptr;
        if (node && size && std::string_view(size) != "0" && !holds_no_members(udev_device_get_sysname(device.get())))
            paths.emplace_back(node);
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

bool udev_runs()
{
    return ::access("/run/udev/control", F_OK) == 0;
}

bool udev_is_busy()
{
    const Udev context(udev_new());
    const Queue queue(context ? udev_queue_new(context.get()) : nullptr);
    return queue && !udev_queue_get_queue_is_empty(queue.get());
}

bool wait_for_link(const std::string &link, const std::string &device, std::chrono::milliseconds limit)
{
    if (!udev_runs())
        return points_to(link, device);
    const Udev udev(udev_new());
    const Monitor monitor(udev_monitor_new_from_netlink(udev.get(), "udev"));
    if (!monitor)
        return points_to(link, device);
    udev_monitor_filter_add_match_subsystem_devtype(monitor.get(), "block", nullptr);
    udev_monitor_enable_receiving(monitor.get());

    // Look after listening has begun, so that nothing happens in between unseen.
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!points_to(link, device)) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd wait = {udev_monitor_get_fd(monitor.get()), POLLIN, 0};
        if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0)
            return points_to(link, device);
        const Device ignored(udev_monitor_receive_device(monitor.get()));
    }
    return true;
}

}  // namespace emd
