# SPDX-License-Identifier: GPL-2.0-or-later
# RAID5, RAID1 and RAID10 under load lose a member, RAID6 two, rebuild onto spares, and lose others: nothing is missing.
#: disks: 5x48M, oracle 64M
#: modules: raid6_pq xor
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 240
. /array.sh

rebuild() {  # what, the member that fails, the spare, another that fails afterwards
	say "$1: $2 fails, $3 takes its place"
	emdwork fill "$dev" "$oracle"
	(emdwork load "$dev" "$oracle" --seconds 6 --jobs 4) &
	load=$!
	echo faulty >"$(member "$2")/state"
	expect_attr "$md/degraded" 1
	add_member "$3"
	wait_for 30 attr_is "$md/degraded" 0
	wait_idle
	expect_attr "$md/last_sync_action" recover
	expect_attr "$(member "$3")/state" in_sync
	wait $load || fail "the load met an error"
	clean_check
	echo faulty >"$(member "$4")/state"
	emdwork verify "$dev" "$oracle"
	stop_array
}

make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
start_array
rebuild raid5 "$d1" "$d3" "$d0"

make_array emd0 raid1 2 0 - "$d0" "$d1"
start_array
rebuild raid1 "$d0" "$d4" "$d1"

# Two copies on three members, the second far away
make_array emd0 raid10 3 64 513 "$d0" "$d1" "$d2"
start_array
rebuild raid10 "$d1" "$d3" "$d0"

say "raid6: two members fail under load, and two take their places in one pass"
make_array emd0 raid6 4 64 2 "$d0" "$d1" "$d2" "$d3"
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
wait_idle
emdwork fill "$dev" "$oracle"
(emdwork load "$dev" "$oracle" --seconds 5 --jobs 4) &
load=$!
echo faulty >"$(member "$d0")/state"
echo faulty >"$(member "$d2")/state"
wait_for 20 test ! -e "$(member "$d0")"
expect_attr "$md/degraded" 2
echo frozen >"$md/sync_action"
add_member "$d4"
add_member "$d0"
echo 16384 >"$md/sync_max"
echo recover >"$md/sync_action"
wait_for 30 completed_is 16384
for d in $d4 $d0; do expect_attr "$(member "$d")/recovery_start" 16384; done
echo max >"$md/sync_max"
wait_for 60 attr_is "$md/degraded" 0
wait_idle
wait $load || fail "the load met an error"
clean_check
echo faulty >"$(member "$d1")/state"
echo faulty >"$(member "$d3")/state"
emdwork verify "$dev" "$oracle"
stop_array

say "a disk comes during a recovery: what is written behind its position reaches the target, and only what is flushed shows"
make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
start_array
echo faulty >"$(member "$d1")/state"
wait_for 20 test ! -e "$(member "$d1")"
echo 1 >"$md/sync_speed_min"
echo 4 >"$md/sync_speed_max"	# two minutes for a window of 512 KiB: after the first it pauses, and publishes nothing
add_member "$d3"
wait_for 20 grep -q "(512/" /proc/emdstat
expect_attr "$(member "$d3")/recovery_start" 0
cat "/sys/class/block/$(basename "$d4")/dev" >"$md/new_dev"
head -c 1048576 /dev/urandom >/written
dd if=/written of="$dev" bs=65536 oflag=direct conv=notrunc 2>/dev/null
expect_attr "$(member "$d3")/recovery_start" 0
echo system >"$md/sync_speed_max"
wait_for 60 attr_is "$md/degraded" 0
wait_idle
clean_check
echo faulty >"$(member "$d0")/state"
dd if="$dev" of=/read bs=65536 count=16 iflag=direct 2>/dev/null
cmp /written /read || fail "the target is stale where it was recovered first"
stop_array
