# SPDX-License-Identifier: GPL-2.0-or-later
# The lab itself: a guest has its disks under their names, and they can be written and read.
#: disks: 2x16M virtio, 16M scsi, oracle 4M
#: kernels: 6.12 uml
#: timeout: 60
#: emd: no
[ "$DISKS" = "d0 d1 d2 oracle" ] || fail "the disks are $DISKS"
for disk in $d0 $d1 $d2 $oracle; do
	[ -b "$disk" ] || fail "no block device $disk"
	head -c 4096 /dev/urandom >/tmp/block
	dd if=/tmp/block of="$disk" bs=4096 count=1 conv=fsync 2>/dev/null
	cmp -n 4096 /tmp/block "$disk" || fail "$disk does not return what was written"
done
expect 16777216 blockdev --getsize64 "$d2"
expect 4194304 blockdev --getsize64 "$oracle"
