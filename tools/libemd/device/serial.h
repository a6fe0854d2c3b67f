// SPDX-License-Identifier: GPL-2.0-only
// The serial number that a disk's firmware reports.
#pragma once

#include "libemd/base/result.h"

#include <cstddef>
#include <span>
#include <string>

namespace emd {

// `sysfs` is the whole disk's directory ("/sys/dev/block/8:0"), `fd` the open disk. NVMe: the controller's attribute.
// Everything else: SCSI VPD page 0x80, which the SCSI layer also answers for SATA; from sysfs, or asked of the disk
// when sysfs does not have it. Raw, as the firmware pads it. Empty: it has none (loop, virtio-blk, ram disks).
std::string hardware_serial(const std::string &sysfs, int fd);

// The text of a VPD page 0x80 (SPC-4, 7.8.15): byte 1 is the page, bytes 2-3 the length, the text follows.
std::string parse_vpd80(std::span<const std::byte> page);

}  // namespace emd
