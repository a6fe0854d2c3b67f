# SPDX-License-Identifier: GPL-2.0-or-later
# Disks with bad sectors that heal when they are written (dm-dust). Source it after array.sh.

# dust_disk NAME DEVICE: /dev/mapper/NAME, a disk of its own name
dust_disk() {
	# The guest's udev knows nothing of dmsetup's cookies.
	dmsetup create "$1" --noudevsync --table "$(dust_table "$2")"
	dust_on "$1"
	wait_for 10 test -b "$(dust_node "$1")"
}
dust_table() { echo "0 $(blockdev --getsz "$1") dust $1 0 4096"; }
dust_on() { dmsetup message "$1" 0 quiet; dmsetup message "$1" 0 enable; }
# change_table NAME TABLE
change_table() {
	dmsetup suspend --noudevsync --nolockfs --noflush "$1"
	dmsetup load "$1" --table "$2"
	dmsetup resume --noudevsync "$1"
}

# The node under the name that /sys/class/block knows.
dust_node() { echo "/dev/dm-$(dmsetup info -c --noheadings -o minor "$1")"; }

# spoil NAME BLOCK...: 4 KiB blocks of the disk that cannot be read until they are written
spoil() {
	local disk=$1 block
	shift
	for block; do dmsetup message "$disk" 0 addbadblock "$block"; done
}

# reads_of DEVICE: how many it has served so far
reads_of() { set -- $(cat "/sys/class/block/$(basename "$1")/stat"); echo "$1"; }
# reads_by COMMAND...: what a command makes the members m0, m1, ... read, as one word
reads_by() {
	local before='' by='' slot at
	for slot in $slots; do eval "before=\"\$before \$(reads_of \$m$slot)\""; done
	"$@" || return
	for slot in $slots; do
		eval "at=\$(reads_of \$m$slot)"
		set -- $before
		by="$by$((at - $1))" before=${before# "$1"}
	done
	echo "$by"
}
# write_block AT: 4 KiB, in the array and in what it should hold
write_block() {
	dd if=/dev/urandom of=/block bs=4096 count=1 2>/dev/null
	dd if=/block of=/pattern bs=4096 seek="$1" conv=notrunc 2>/dev/null
	dd if=/block of="$dev" bs=4096 seek="$1" oflag=direct conv=notrunc 2>/dev/null || fail "writing block $1"
}
# write_together AT COUNT: so many blocks, each by a request of its own, all handed in by one system call
write_together() {
	local file
	for file in /pattern "$dev"; do
		fio --name=together --filename="$file" --ioengine=libaio --direct=$([ "$file" = "$dev" ] && echo 1 || echo 0) --rw=write \
			--bs=4k --offset=$(($1 * 4))k --size=$(($2 * 4))k --iodepth="$2" --iodepth_batch_submit="$2" \
			--buffer_pattern="0x$1" --output=/fio.out || { cat /fio.out; fail "writing $2 blocks from $1 on"; }
	done
}

bad_blocks() { dmsetup message "$1" 0 countbadblocks | tr -dc 0-9; }
healed() { [ "$(bad_blocks "$1")" = 0 ]; }

# error_disk NAME: from now on each request fails
error_disk() {
	local sectors
	sectors=$(dmsetup table "$1" | cut -d' ' -f2)
	change_table "$1" "0 $sectors error"
}
# dust_again NAME DEVICE: it answers again, and has no bad sectors
dust_again() { change_table "$1" "$(dust_table "$2")"; dust_on "$1"; }
