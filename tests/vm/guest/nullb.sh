# SPDX-License-Identifier: GPL-2.0-or-later
# RAM disks that refuse I/O to ranges given at run time (null_blk, extra-modules: null_blk configfs). Source it after array.sh.

# nullb_disks COUNT MIB [BLOCK_BYTES]: sets n0, n1, ... to their nodes
nullb_disks() {
	local i before node
	modprobe null_blk nr_devices=0
	[ -d /sys/kernel/config/nullb ] || mount -t configfs none /sys/kernel/config
	for i in $(seq 0 $(($1 - 1))); do
		before=$(ls /sys/class/block)
		mkdir /sys/kernel/config/nullb/k$i
		echo "${3:-512}" >/sys/kernel/config/nullb/k$i/blocksize
		echo "$2" >/sys/kernel/config/nullb/k$i/size
		echo 1 >/sys/kernel/config/nullb/k$i/memory_backed
		echo 1 >/sys/kernel/config/nullb/k$i/power
		node=$(for b in $(ls /sys/class/block); do echo "$before" | grep -qx "$b" || echo "/dev/$b"; done)
		wait_for 10 test -b "$node"
		eval "n$i=$node"
	done
}

# nullb_break DISK_NUMBER FIRST LAST / nullb_mend: sectors that every request fails on
nullb_break() { echo "+$2-$3" >/sys/kernel/config/nullb/k$1/badblocks; }
nullb_mend()  { echo "-$2-$3" >/sys/kernel/config/nullb/k$1/badblocks; }
