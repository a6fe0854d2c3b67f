// SPDX-License-Identifier: GPL-2.0-only
#include "adopt.h"

#include "libemd/device/block_device.h"
#include "libemd/kernel/array.h"

namespace emd::mon {

Result<std::unique_ptr<Metadata>> load_record(const std::string &format, const std::vector<DevNum> &disks)
{
    const Format *handler = find_format(format);
    if (handler == nullptr)
        return fail(Errc::Unsupported, "this emdmon does not know the metadata format \"{}\"", format);
    std::vector<std::unique_ptr<BlockDevice>> open;
    std::vector<const Medium *> media;
    bool found = false;
    for (const DevNum dev : disks) {
        std::unique_ptr<BlockDevice> disk = EMD_TRY(BlockDevice::open(dev, OpenMode::Read));
        const Result<Probe> probe = handler->probe(*disk);
        // A spare of a RAID0 of md has no superblock.
        if (!probe || (!probe->found && handler->id() != FormatId::Md1))
            continue;
        found = found || probe->found;
        media.push_back(disk.get());
        open.push_back(std::move(disk));
    }
    if (!found)
        return fail(Errc::NotFound, "no disk of the container carries {} metadata", format);
    return handler->load(media);
}

std::vector<std::string> find_containers(Sysfs &sysfs)
{
    std::vector<std::string> found;
    for (const std::string &name : list_arrays(sysfs)) {
        const std::string version = Array(sysfs, name).metadata_version().value_or("");
        if (version.starts_with("external:") && version.find_first_of("/-") == std::string::npos)
            found.push_back(name);
    }
    return found;
}

}  // namespace emd::mon
