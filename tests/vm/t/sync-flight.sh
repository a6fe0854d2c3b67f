# SPDX-License-Identifier: GPL-2.0-or-later
# Members that take their time: a pass reads one window while it writes another, in order all the same. It stops where it shall, goes on, and
# loses its way neither when the target fails nor when users write.
#: disks: oracle 32M
#: modules: null_blk configfs raid6_pq xor
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/nullb.sh
#: timeout: 240
. /array.sh
. /nullb.sh
DELAY=40000000	# ns: 40 ms

modprobe null_blk nr_devices=0
mount -t configfs none /sys/kernel/config 2>/dev/null || true
for i in 0 1 2 3; do nullb_disk $i 12 512 $DELAY; done

# Reads of one, writes of the other, and the reads again, without a process in between: no write can have come and gone meanwhile.
overlap() {	# SOURCE TARGET
	local reads writes again rest source=/sys/block/$(basename "$1")/inflight target=/sys/block/$(basename "$2")/inflight
	read -r reads rest <"$source"
	read -r rest writes <"$target"
	read -r again rest <"$source"
	[ "$reads" != 0 ] && [ "$writes" != 0 ] && [ "$again" != 0 ]
}
overlaps() {	# SOURCE TARGET: is it seen while the pass runs?
	while ! is_idle; do
		if overlap "$1" "$2"; then return 0; fi
	done
	return 1
}
recovers() {	# SOURCE TARGET ANOTHER...: all others fail afterwards, and nothing is missing
	local source=$1 target=$2
	shift 2
	emdwork fill "$dev" "$oracle"
	add_member "$target"
	overlaps "$source" "$target" || fail "no window was read while another was written"
	wait_for 60 attr_is "$md/degraded" 0
	wait_idle
	expect_attr "$md/last_sync_action" recover
	clean_check
	echo faulty >"$(member "$1")/state"
	emdwork verify "$dev" "$oracle"
}

say "raid1"
make_array emd0 raid1 2 0 - "$n0" -
start_array
recovers "$n0" "$n1" "$n0"
stop_array

say "raid5"
make_array emd0 raid5 3 64 2 "$n0" "$n1" -
start_array
recovers "$n0" "$n2" "$n1"
stop_array

say "raid10, the second copy far away: no two windows have array sectors in common"
make_array emd0 raid10 2 64 513 "$n0" -
start_array
emdwork fill "$dev" "$oracle"
add_member "$n1"
wait_for 60 attr_is "$md/degraded" 0
wait_idle
clean_check
echo faulty >"$(member "$n0")/state"
emdwork verify "$dev" "$oracle"
stop_array

say "it stops at sync_max, and when it is told to; what it says has been done"
make_array emd0 raid5 3 64 2 "$n0" "$n1" -
start_array
emdwork fill "$dev" "$oracle"
echo frozen >"$md/sync_action"
add_member "$n3"
echo 10240 >"$md/sync_max"
echo recover >"$md/sync_action"
wait_for 30 completed_is 10240
expect_attr "$(member "$n3")/recovery_start" 10240
echo max >"$md/sync_max"
usleep 300000
echo frozen >"$md/sync_action"
at=$(cat "$(member "$n3")/recovery_start")
[ "$at" = none ] || [ "$at" -gt 10240 ] || fail "it did not go on: $at"
emdwork verify "$dev" "$oracle"
(emdwork load "$dev" "$oracle" --seconds 5 --jobs 4) &
load=$!
echo recover >"$md/sync_action"
wait_for 60 attr_is "$md/degraded" 0
wait $load || fail "the load met an error"
wait_idle
clean_check
echo faulty >"$(member "$n1")/state"
emdwork verify "$dev" "$oracle"

say "the target fails on the way"
wait_for 10 test ! -e "$(member "$n1")"
add_member "$n1"
wait_for 10 attr_is "$md/sync_action" recover
usleep 200000
echo faulty >"$(member "$n1")/state"
wait_idle
expect_attr "$md/degraded" 1
emdwork verify "$dev" "$oracle"
stop_array
