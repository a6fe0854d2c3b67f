# SPDX-License-Identifier: GPL-2.0-or-later
# External metadata, with this script as the monitor: two volumes share their disks through a container; a clean array's
# first write waits for `active`; a member's failure holds writes until `-blocked`, and then it vanishes by itself.
#: disks: 4x32M, oracle 8M
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh
#: timeout: 180
. /array.sh

make_volume() {	# NAME TAG OFFSET
	array=$1 md=/sys/block/$1/md emd=/sys/block/$1/emd dev=/dev/$1
	echo "$1" >/sys/module/emd/parameters/new_array
	echo "external:$2" >"$md/metadata_version"
	echo raid5 >"$md/level"
	echo 3 >"$md/raid_disks"
	echo 65536 >"$md/chunk_size"
	echo 2 >"$md/layout"
	echo 8192 >"$md/component_size"
	local slot=0 disk
	for disk in $d0 $d1 $d2; do
		cat "/sys/class/block/$(basename "$disk")/dev" >"$md/new_dev"
		echo "$3" >"$(member "$disk")/offset"
		echo 8192 >"$(member "$disk")/size"
		echo $slot >"$(member "$disk")/slot"
		slot=$((slot + 1))
	done
	echo none >"$md/resync_start"
}
write_block() { dd if=/dev/zero of="$dev" bs=4096 count=1 seek="$1" oflag=direct conv=notrunc 2>/dev/null; }
running() { kill -0 "$1" 2>/dev/null; }

say "a container and two volumes on the same disks"
echo emd100 >/sys/module/emd/parameters/new_array
echo external:imsm >/sys/block/emd100/md/metadata_version
for disk in $d0 $d1 $d2 $d3; do
	cat "/sys/class/block/$(basename "$disk")/dev" >/sys/block/emd100/md/new_dev
done
expect_attr /sys/block/emd100/md/array_state inactive
make_volume emd1 /emd100/0 0
make_volume emd2 /emd100/1 16384

say "overlap and foreign claims are refused"
array=emd3 md=/sys/block/emd3/md
echo emd3 >/sys/module/emd/parameters/new_array
echo external:/emd100/2 >$md/metadata_version
cat "/sys/class/block/$(basename "$d0")/dev" >$md/new_dev
echo 8000 >"$(member "$d0")/offset"
refuse_store "busy" 8192 "$(member "$d0")/size"
stop_array
array=emd4 md=/sys/block/emd4/md
echo emd4 >/sys/module/emd/parameters/new_array
refuses "busy" sh -c "cat /sys/class/block/$(basename "$d0")/dev >$md/new_dev"
stop_array

say "a long tag is refused, not cut; the frozen tag is taken while running"
array=emd1 md=/sys/block/emd1/md emd=/sys/block/emd1/emd dev=/dev/emd1
refuse_store "Invalid" "external:/$(printf '%080d' 0)" $md/metadata_version
echo active >$md/array_state
expect_attr $md/array_state clean
echo external:-emd100/0 >$md/metadata_version
expect_attr $md/metadata_version external:-emd100/0
echo external:/emd100/0 >$md/metadata_version

say "the first write waits for active"
write_block 0 &
writer=$!
wait_attr 10 $md/array_state write-pending
running $writer || fail "a write passed a clean array"
[ "$(cat $emd/unacked_ms)" -ge 0 ] || fail "unacked_ms is no number"
echo active >$md/array_state
wait $writer || fail "the write failed"
wait_attr 10 $md/array_state active-idle
echo clean >$md/array_state
expect_attr $md/array_state clean

say "a failure holds writes until it is acknowledged"
write_block 1 &
writer=$!
wait_attr 10 $md/array_state write-pending
echo active >$md/array_state
wait $writer
echo faulty >"$(member "$d1")/state"
expect_attr "$(member "$d1")/state" faulty,blocked
expect_attr $md/degraded 1
writers=
for block in 2 34 66; do write_block $block & writers="$writers $!"; done
last=$!
dd if="$dev" of=/dev/null bs=65536 count=8 iflag=direct 2>/dev/null || fail "a read waits for the monitor"
dd if=/dev/null of="$dev" conv=fsync,notrunc 2>/dev/null &
flusher=$!
sleep 1
running $last || fail "a write ended before the failure was durable"
running $flusher || fail "a flush ended before the failure was durable"
[ "$(cat "$emd/$(basename "$(member "$d1")")/state")" = "0x04 failed" ] || fail "the state is not failed"
echo -blocked >"$(member "$d1")/state"
for writer in $writers; do wait "$writer" || fail "a held write failed"; done
wait $flusher || fail "a held flush failed"
wait_for 10 test ! -e "$(member "$d1")"
expect_attr $emd/unacked_ms 0
refuse_store "busy" faulty "$(member "$d0")/state"
expect_attr "$(member "$d0")/state" in_sync

say "the other volume has lost nothing"
array=emd2 md=/sys/block/emd2/md emd=/sys/block/emd2/emd dev=/dev/emd2
echo readonly >$md/array_state
expect_attr $md/array_state readonly
expect_attr $md/degraded 0
stop_array
array=emd1 md=/sys/block/emd1/md
wait_for 10 sh -c "echo clear 2>/dev/null >$md/array_state"
md=/sys/block/emd100/md
stop_array
rmmod emd
