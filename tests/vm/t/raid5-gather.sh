# SPDX-License-Identifier: GPL-2.0-or-later
# Small writes that follow each other, handed in together, reach the members of a RAID5 or RAID6 as whole rows, which read nothing; what
# was written is there, whole, when writes of a batch overlap, with a member missing, and when one fails meanwhile.
#: disks: 5x12M
#: modules: xor raid6_pq
#: programs: fio
#: kernels: 6.1 uml
#: udev: no
#: files: tests/vm/guest/array.sh
#: timeout: 120
. /array.sh

batches() {	# BATCH FIO-OPTION...: 4 KiB at a time, so many by one system call
	local batch=$1
	shift
	fio --name=batch --filename="$dev" --direct=1 --ioengine=libaio --bs=4k --iodepth="$batch" --iodepth_batch_submit="$batch" \
		--iodepth_batch_complete_min="$batch" --size=8m --verify=crc32c --verify_fatal=1 --output=/fio.out "$@" ||
		{ cat /fio.out; fail "fio $*"; }
}
reads() {	# of all members so far
	local sum=0 device
	for device in "$d0" "$d1" "$d2" "$d3" "$d4"; do
		set -- $(cat "/sys/class/block/$(basename "$device")/stat")
		sum=$((sum + $1))
	done
	echo $sum
}

for level in raid5 raid6; do
	say "$level: batches of whole rows"
	make_array emd0 $level 5 16 2 "$d0" "$d1" "$d2" "$d3" "$d4"
	start_array dirty
	wait_for 60 attr_is "$md/resync_start" none
	wait_idle
	[ $level = raid5 ] && row=16 || row=12	# blocks of 4 KiB
	echo 0 >"$md/safe_mode_delay"	# a write that finds the array clean goes by itself
	dd if=/dev/zero of="$dev" bs=4k count=1 oflag=direct 2>/dev/null
	before=$(reads)
	batches $((row * 4)) --rw=write --io_size=$((row * 256))k --do_verify=0
	read=$(($(reads) - before))
	[ $read = 0 ] || fail "whole rows were written, and the members were read $read times"
	batches 1 --rw=write --io_size=$((row * 256))k --verify_only
	clean_check

	say "$level: batches that begin and end anywhere, and overlap"
	batches 23 --rw=write --sync=dsync --io_size=2m
	batches 23 --rw=randwrite --io_size=2m
	batches 23 --rw=randwrite --bsrange=512-12k --blockalign=512 --size=192k --offset=1m --io_size=2m --norandommap --verify=0
	clean_check

	say "$level: a member fails"
	(batches 37 --rw=write --time_based --runtime=3 --verify=0 --fdatasync=50) &
	writers=$!
	usleep 1000000
	echo faulty >"$(member "$d1")/state"
	wait $writers || fail "the writers met an error"
	expect_attr "$md/degraded" 1
	batches 37 --rw=write
	stop_array
done
