// SPDX-License-Identifier: GPL-2.0-only
// What lies on a block device, and at which byte it ends: asked before a device becomes smaller.
//
//   content                 recognised by                          its end                                 described in
//   ext2, ext3, ext4        0xef53 at 1080                         blocks * block size                     Linux fs/ext4/ext4.h
//   (a journal of theirs)                                          the same
//   XFS                     "XFSB" at 0                            data blocks * block size                Linux fs/xfs/libxfs/xfs_format.h
//   btrfs                   "_BHRfS_M" at 65600                    total_bytes of this device              Linux uapi/linux/btrfs_tree.h
//   swap                    "SWAPSPACE2" at the end of a page      last page                               Linux include/linux/swap.h
//   GPT                     "EFI PART" in sector 1                 its backup, or the last usable sector   UEFI 2.10, 5.3
//                                                                  and a table behind that
//   MBR                     0x55 0xaa at 510                       that of its last partition              UEFI 2.10, 5.2.1
//   LUKS                    "LUKS" 0xba 0xbe at 0                  not looked for                          cryptsetup, LUKS2 On-Disk Format
//   LVM2 physical volume    "LABELONE" in one of four sectors      not looked for                          LVM2 lib/label/label.h
//   all else that libblkid recognises                              not looked for
//
// Nothing that is read is believed: a check sum that is wrong, a feature that is not known, a block size that cannot be, a
// number that is zero or more than a device can have makes the end unknown, and what was recognised stays recognised.
#pragma once

#include "libemd/model/medium.h"

#include <optional>
#include <vector>

namespace emd {

struct Content {
    std::string type;  // libblkid's name: "ext4", "crypto_LUKS", "dos"
    std::string what;  // "an ext4 file system"
    std::optional<std::uint64_t> end_bytes;  // behind its last byte; may lie beyond the medium. None: not known
};

// All of the table that is found on it, which may be several; not libblkid's. Nothing is written. Errors: what reading says.
Result<std::vector<Content>> content_of(const Medium &medium);

// What is on the device now, libblkid's too. It is read as the disk has it and as the page cache does, and the later end counts:
// a file system that is mounted may have changed only one of them, when it has just grown. Errors: those of BlockDevice::open(), Io.
Result<std::vector<Content>> content_of(const std::string &path);

}  // namespace emd
