# SPDX-License-Identifier: GPL-2.0-or-later
# Disks with sectors of 4096 bytes: the array has them, too; data, rebuild and a change of shape are right.
#: disks: oracle 48M
#: extra-modules: null_blk configfs
#: modules: raid6_pq xor
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh
#: memory: 768
#: timeout: 180
. /array.sh

modprobe null_blk nr_devices=0
[ -d /sys/kernel/config/nullb ] || mount -t configfs none /sys/kernel/config
before=$(ls /sys/class/block)
for i in 0 1 2 3; do
	disk=/sys/kernel/config/nullb/k$i
	mkdir $disk
	echo 4096 >$disk/blocksize
	echo 16 >$disk/size
	echo 1 >$disk/memory_backed
	echo 1 >$disk/power
done
settle
# shellcheck disable=SC2046
set -- $(for b in $(ls /sys/class/block); do echo "$before" | grep -qx "$b" || echo "/dev/$b"; done)
[ $# = 4 ] || fail "the disks are $*"
block_size() { cat "/sys/block/emd0/queue/logical_block_size"; }
expect 4096 cat "/sys/block/$(basename "$1")/queue/logical_block_size"

for level in raid0 raid1 raid5; do
	say "$level"
	case $level in
	raid0) make_array emd0 raid0 3 64 1 "$1" "$2" "$3" ;;
	raid1) make_array emd0 raid1 2 0 - "$1" "$2" ;;
	raid5) make_array emd0 raid5 3 64 2 "$1" "$2" "$3" ;;
	esac
	start_array dirty
	settle
	[ $level = raid0 ] || { wait_for 60 attr_is $md/resync_start none; wait_idle; }
	expect 4096 block_size
	emdwork fill $dev "$oracle"
	emdwork load $dev "$oracle" --count 60 --jobs 4
	if [ $level != raid0 ]; then
		echo faulty >"$(member "$2")/state"
		wait_for 10 test ! -e "$(member "$2")"
		emdwork verify $dev "$oracle"
		emdwork load $dev "$oracle" --count 40 --jobs 4
		add_member "$4"
		wait_attr 60 $md/degraded 0
		wait_idle
		clean_check
	fi
	emdwork verify $dev "$oracle"
	if [ $level = raid5 ]; then
		echo 131072 >$md/chunk_size
		echo reshape >$md/sync_action
		wait_for 60 attr_is $md/reshape_position none
		expect_attr $md/chunk_size 131072
		wait_idle
		clean_check
		emdwork verify $dev "$oracle"
	fi
	settle
	stop_array
done
rmmod emd
