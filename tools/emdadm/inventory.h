// SPDX-License-Identifier: GPL-2.0-only
// From devices to containers: what is recorded on which disk.
#pragma once

#include "context.h"

#include "libemd/device/block_device.h"
#include "libemd/format/format.h"

namespace emd::cli {

// The disks of one container and what they say together.
struct Loaded {
    const Format *format = nullptr;
    std::vector<std::unique_ptr<BlockDevice>> devices;
    std::unique_ptr<Metadata> metadata;

    const Container &view() const { return metadata->view(); }
    std::vector<const Medium *> media() const;
    BlockDevice *device(const std::string &path) const;  // null: not among them
    BlockDevice *device(DevNum dev) const;
    // The same disks read once more.
    Result<std::unique_ptr<Metadata>> reload() const { return format->load(media()); }
    // For trying changes: with each disk under the number that it has here. Busy: emdmon has changed that meanwhile.
    Result<std::unique_ptr<Metadata>> scratch() const;
};

// Disks that belong together, before they are loaded. Loose spares are a group of their own (container all zero).
struct Group {
    const Format *format = nullptr;
    Uuid container{};
    std::vector<std::unique_ptr<BlockDevice>> devices;
    bool loose() const { return container == Uuid{}; }
};

// Which format is on a device? Nothing: none that EMD knows. Errors: Corrupt, with what is wrong.
struct Recognised {
    const Format *format = nullptr;
    const MemberReader *described = nullptr;  // who can say what this disk is by itself; null: nobody
    Probe probe;
};
Result<std::optional<Recognised>> recognise(const Medium &medium);

// Is an array of this format all that there is on its disks, so that a user need not know of a container?
bool is_single(const Format &format);
bool is_single(Context &c, const std::string &container);

// A superblock of md 0.90 does not say where it stands: at the end of a disk it may be the last partition's. That one's name, or
// empty.
std::string owning_partition(const BlockDevice &device, const Recognised &found);

// What would be lost if the disk was overwritten, in words: metadata of arrays, by its array where EMD knows it, and all else by its kind.
struct Contents {
    std::vector<std::string> records, content;
};
Result<Contents> look_on(const BlockDevice &device);
Result<std::vector<std::string>> found_on(const BlockDevice &device);

// Groups of what is recognised. Damaged disks and those that an array of another system holds are left out; `left_out`
// is told why.
Result<std::vector<Group>> group_devices(std::vector<std::unique_ptr<BlockDevice>> devices,
                                         const std::function<void(const std::string &)> &left_out);

// The holder that forbids EMD to take the disk ("md127"), or empty. EMD's own arrays do not count.
std::string foreign_holder(const BlockDevice &device);
// Has md this array, started or not yet? "md127 has /dev/sda1", or empty. What md has not taken may be a member that it gave up, with
// old data, so nobody else may start from it.
std::string md_holds(const Uuid &array);
bool held_by_emd(const BlockDevice &device);

Result<Loaded> load(const Format &format, std::vector<std::unique_ptr<BlockDevice>> devices);

// May the array be written? A volume that its format forbids to write was started to be read.
Result<> check_writable(Context &c, const std::string &array);

// The container that runs as `array`, read from its members; again, if emdmon was writing meanwhile.
Result<Loaded> load_container(Context &c, const std::string &array);

}  // namespace emd::cli
