# SPDX-License-Identifier: GPL-2.0-or-later
# check counts planted differences and changes nothing; repair removes them; resync after a dirty start; limits and errno.
#: disks: 5x32M, 2x128M
#: modules: raid6_pq xor
#: kernels: 6.1 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 180
. /array.sh

plant() { dd if=/dev/urandom of="$1" bs=4096 seek="$2" count=1 conv=fsync,notrunc 2>/dev/null; }
run_pass() { echo "$1" >"$md/sync_action"; wait_idle 60; expect_attr "$md/last_sync_action" "$1"; }

say "raid5: a dirty start resyncs"
for d in $d0 $d1 $d2; do dd if=/dev/urandom of="$d" bs=1M count=32 2>/dev/null; done
make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
wait_idle
expect_attr "$md/last_sync_action" resync
clean_check
stop_array

say "raid5: the resync shows as soon as the array has started"
limits() { echo "$1" >/sys/module/emd/parameters/speed_limit_min; echo "$2" >/sys/module/emd/parameters/speed_limit_max; }
limits 1 50	# so slow that it is still there when it is looked at
for turn in $(seq 5); do
	make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
	echo active >"$md/array_state"	# a new array is one to be resynced
	read -r action <"$md/sync_action"
	[ "$action" = resync ] || fail "turn $turn: sync_action is '$action' after a dirty start"
	stop_array
done
limits 1000 2000000

say "raid5: three blocks of parity or data are changed behind its back"
plant "$d0" 10
plant "$d1" 700
plant "$d2" 3000
make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
start_array
run_pass check
expect_attr "$md/mismatch_cnt" 24
run_pass check
expect_attr "$md/mismatch_cnt" 24
run_pass repair
expect_attr "$md/mismatch_cnt" 24
clean_check

say "parity is gone where it was not the first of its chunk to be looked at"
for page in 5 6; do dd if=/dev/zero of="$d2" bs=4096 seek=$page count=1 conv=fsync,notrunc 2>/dev/null; done	# P of row 0
run_pass check
expect_attr "$md/mismatch_cnt" 16
run_pass repair
expect_attr "$md/mismatch_cnt" 16
clean_check

say "sync_min, sync_max, sync_completed"
refuse_store "Invalid argument" 100 "$md/sync_max"
refuse_store "Invalid argument" nonsense "$md/sync_max"
refuse_store "Invalid argument" nonsense "$md/sync_action"
expect_attr "$md/sync_completed" none
expect_attr "$md/sync_speed" none
echo 1280 >"$md/sync_max"
refuse_store "Invalid argument" 1281 "$md/sync_min"
for turn in $(seq 100); do	# an order is seen at once: who waits for idle must not find the idleness before it
	echo check >"$md/sync_action"
	read -r action <"$md/sync_action"
	[ "$action" = check ] || fail "turn $turn: sync_action is '$action' after check was ordered"
	echo idle >"$md/sync_action"
	echo 0 >"$md/sync_min"
done
echo 20000 >"$md/sync_speed_max"
expect_attr "$md/sync_speed_max" "20000 (local)"
echo check >"$md/sync_action"
wait_for 20 completed_is 1280
expect_attr "$md/sync_action" check
for action in check repair resync recover reshape; do refuse_store "busy" $action "$md/sync_action"; done
refuse_store "busy" 640 "$md/sync_max"
refuse_store "busy" 8 "$md/sync_min"
refuse_store "busy" 4 "$md/raid_disks"
echo 2560 >"$md/sync_max"
wait_for 20 completed_is 2560
echo idle >"$md/sync_action"
expect_attr "$md/sync_action" idle
expect_attr "$md/sync_completed" none
expect_attr "$md/sync_min" 2560
echo 0 >"$md/sync_min"
echo max >"$md/sync_max"
echo system >"$md/sync_speed_max"

say "frozen: nothing starts; thawed by the next order"
echo frozen >"$md/sync_action"
expect_attr "$md/sync_action" frozen
echo faulty >"$(member "$d1")/state"
add_member "$d3"
usleep 300000
expect_attr "$md/sync_action" frozen
expect_attr "$md/degraded" 1
echo idle >"$md/sync_action"
wait_for 60 attr_is "$md/degraded" 0
wait_idle
clean_check
stop_array

say "raid5: what is written before the resync comes survives the loss of a member"
limits 1 50
for d in $d0 $d1 $d2 $d3 $d4; do dd if=/dev/urandom of="$d" bs=1M seek=7 count=3 conv=fsync,notrunc 2>/dev/null; done
make_array emd0 raid5 5 64 2 "$d0" "$d1" "$d2" "$d3" "$d4"
start_array dirty
echo frozen >"$md/sync_action"
head -c 524288 /dev/urandom >/written
dd if=/written of="$dev" bs=4096 seek=8192 oflag=direct conv=notrunc 2>/dev/null
echo faulty >"$(member "$d0")/state"
dd if="$dev" of=/read bs=65536 skip=512 count=8 iflag=direct 2>/dev/null
cmp /written /read || fail "parity was not made anew by the write"
stop_array

say "raid6: and of two; of the second also what is written when the first is gone"
for d in $d0 $d1 $d2 $d3 $d4; do dd if=/dev/urandom of="$d" bs=1M seek=9 count=3 conv=fsync,notrunc 2>/dev/null; done
make_array emd0 raid6 5 64 2 "$d0" "$d1" "$d2" "$d3" "$d4"
start_array dirty
echo frozen >"$md/sync_action"
dd if=/written of="$dev" bs=4096 seek=8192 oflag=direct conv=notrunc 2>/dev/null
echo faulty >"$(member "$d0")/state"
# Blocks of slot 3 in rows where slot 0 has P, Q, and other data.
for at in 8368 8432 8544; do
	dd if=/written of="$dev" bs=4096 skip=$((at % 64)) seek="$at" count=1 oflag=direct conv=notrunc 2>/dev/null
done
echo faulty >"$(member "$d3")/state"
for at in 8368 8432 8544; do
	dd if="$dev" of=/read bs=4096 skip="$at" count=1 iflag=direct 2>/dev/null
	dd if=/written bs=4096 skip=$((at % 64)) count=1 2>/dev/null | cmp - /read || fail "block $at was written while one member was missing"
done
stop_array

limits 1000 2000000

say "raid6: check, repair, and what the equation left over finds when a member is missing"
make_array emd0 raid6 4 64 2 "$d0" "$d1" "$d2" "$d3"
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
wait_idle
stop_array
plant "$d0" 7
plant "$d1" 307
plant "$d2" 607
plant "$d3" 907
make_array emd0 raid6 4 64 2 "$d0" "$d1" "$d2" "$d3"
start_array
run_pass check
expect_attr "$md/mismatch_cnt" 32
run_pass repair
expect_attr "$md/mismatch_cnt" 32
clean_check
echo faulty >"$(member "$d1")/state"
wait_attr 10 "$md/degraded" 1
run_pass check
expect_attr "$md/mismatch_cnt" 0
stop_array
plant "$d2" 1234
for missing in 0 3; do
	make_array emd0 raid6 4 64 2 $(for i in 0 1 2 3; do [ $i = $missing ] && echo - || eval "echo \$d$i"; done)
	start_array
	run_pass check
	expect_attr "$md/mismatch_cnt" 8
	stop_array
done

say "raid1: check and repair"
dd if="$d0" of="$d4" bs=1M 2>/dev/null
make_array emd0 raid1 2 0 - "$d0" "$d4"
start_array
plant "$d4" 77
run_pass check
[ "$(cat "$md/mismatch_cnt")" -gt 0 ] || fail "the difference was not found"
run_pass repair
clean_check
stop_array

say "two arrays on the same disks resync together, and share the speed"
LIMIT=1000	# KiB/s
half() {	# NAME TAG OFFSET: an array on d5 and d6, of which others have other parts; a minute's pass, which outlasts what is measured
	array=$1 md=/sys/block/$1/md emd=/sys/block/$1/emd dev=/dev/$1
	echo "$1" >/sys/module/emd/parameters/new_array
	echo "external:$2" >"$md/metadata_version"
	echo raid1 >"$md/level"
	echo 2 >"$md/raid_disks"
	echo 61440 >"$md/component_size"
	local slot=0 disk
	for disk in $d5 $d6; do
		add_member "$disk" $slot
		echo "$3" >"$(member "$disk")/offset"
		echo 61440 >"$(member "$disk")/size"
		slot=$((slot + 1))
	done
	echo 0 >"$md/resync_start"
	echo active >"$md/array_state"
	wait_for 10 attr_is "$md/sync_action" resync
}
# at NAME: KiB of each member that its pass has done
at() { awk -v name="$1" '$1 == name { on = 1 } on && match($0, /\([0-9]+\//) { print substr($0, RSTART + 1, RLENGTH - 2); exit }' /proc/emdstat; }
passed() { [ "$(at "$1")" -ge "$2" ]; }
# measure NAME...: what these passes do together in some seconds, in percent of the limit; one that has ended counts nothing
sum() { local name all=0 kib; for name; do kib=$(at "$name"); all=$((all + ${kib:-0})); done; echo $all; }
measured=16	# s
measure() {
	local begun before
	begun=$(now_cs) before=$(sum "$@")
	usleep ${measured}000000
	echo $((($(sum "$@") - before) * 10000 / (LIMIT * ($(now_cs) - begun))))
}
has_all() { measured=4; [ "$(measure emd1)" -ge 75 ]; }
limits 1 $LIMIT
half emd1 /emd100/0 0
half emd2 /emd100/1 131072
wait_for 20 passed emd1 1024
wait_for 20 passed emd2 1024
both=$(measure emd1 emd2)
say "both: $both percent of the limit"
[ "$both" -le 160 ] || fail "together they do not keep to the limit"
expect_attr /sys/block/emd1/md/sync_action resync
expect_attr /sys/block/emd2/md/sync_action resync
say "alone, it has all"
echo frozen >/sys/block/emd2/md/sync_action
wait_for 30 has_all
limits 1000 2000000
for array in emd1 emd2; do
	md=/sys/block/$array/md
	[ $array = emd1 ] || echo resync >$md/sync_action
	wait_for 60 attr_is $md/resync_start none
	wait_idle
	stop_array
done
