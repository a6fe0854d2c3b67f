# SPDX-License-Identifier: GPL-2.0-or-later
# RAM disks that refuse I/O to ranges given at run time (null_blk, extra-modules: null_blk configfs). Source it after array.sh.

# nullb_disks COUNT MIB [BLOCK_BYTES]: sets n0, n1, ... to their nodes
nullb_disks() {
	local i
	modprobe null_blk nr_devices=0
	[ -d /sys/kernel/config/nullb ] || mount -t configfs none /sys/kernel/config
	for i in $(seq 0 $(($1 - 1))); do nullb_disk "$i" "$2" "${3:-512}"; done
}

# nullb_disk NUMBER MIB BLOCK_BYTES [DELAY]: one more; it answers after DELAY nanoseconds, what it will answer is settled at once
nullb_disk() {
	local before node
	before=$(ls /sys/class/block)
	mkdir "/sys/kernel/config/nullb/k$1"
	echo "$3" >"/sys/kernel/config/nullb/k$1/blocksize"
	echo "$2" >"/sys/kernel/config/nullb/k$1/size"
	echo 1 >"/sys/kernel/config/nullb/k$1/memory_backed"
	if [ "${4:-0}" != 0 ]; then
		echo 2 >"/sys/kernel/config/nullb/k$1/irqmode"
		echo "$4" >"/sys/kernel/config/nullb/k$1/completion_nsec"
	fi
	echo 1 >"/sys/kernel/config/nullb/k$1/power"
	node=$(for b in $(ls /sys/class/block); do echo "$before" | grep -qx "$b" || echo "/dev/$b"; done)
	wait_for 10 test -b "$node"
	eval "n$1=$node"
}

# nullb_break DISK_NUMBER FIRST LAST / nullb_mend: sectors that every request fails on
nullb_break() { echo "+$2-$3" >/sys/kernel/config/nullb/k$1/badblocks; }
nullb_mend()  { echo "-$2-$3" >/sys/kernel/config/nullb/k$1/badblocks; }
