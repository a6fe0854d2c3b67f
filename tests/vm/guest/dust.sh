# SPDX-License-Identifier: GPL-2.0-or-later
# Disks with bad sectors that heal when they are written (dm-dust). Source it after array.sh.

# dust_disk NAME DEVICE: /dev/mapper/NAME, a disk of its own name
dust_disk() {
	# The guest's udev knows nothing of dmsetup's cookies.
	dmsetup create "$1" --noudevsync --table "0 $(blockdev --getsz "$2") dust $2 0 4096"
	dmsetup message "$1" 0 quiet
	dmsetup message "$1" 0 enable
	wait_for 10 test -b "$(dust_node "$1")"
}

# The node under the name that /sys/class/block knows.
dust_node() { echo "/dev/dm-$(dmsetup info -c --noheadings -o minor "$1")"; }

# spoil NAME BLOCK...: 4 KiB blocks of the disk that cannot be read until they are written
spoil() {
	local disk=$1 block
	shift
	for block; do dmsetup message "$disk" 0 addbadblock "$block"; done
}

bad_blocks() { dmsetup message "$1" 0 countbadblocks | tr -dc 0-9; }
healed() { [ "$(bad_blocks "$1")" = 0 ]; }

# error_disk NAME: from now on each request fails
error_disk() {
	local sectors
	sectors=$(dmsetup table "$1" | cut -d' ' -f2)
	dmsetup suspend --noudevsync --nolockfs --noflush "$1"
	dmsetup load "$1" --table "0 $sectors error"
	dmsetup resume --noudevsync "$1"
}
