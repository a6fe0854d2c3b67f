# SPDX-License-Identifier: GPL-2.0-or-later
# A member fails in the middle of a reshape under load, an old one and a new one: the position is kept, nothing is lost, the
# missing member is rebuilt afterwards.
#: disks: 5x40M, oracle 96M
#: modules: raid6_pq xor
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh
#: timeout: 360
. /array.sh

# lose DISK: while the array grows from three disks to four.
lose() {
	make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
	start_array
	emdwork fill "$dev" "$oracle"
	add_member "$d3"
	echo 0 >"$md/sync_max"
	echo 4 >"$md/raid_disks"
	echo 3 >"$(member "$d3")/slot"
	echo reshape >"$md/sync_action"
	(emdwork load "$dev" "$oracle" --seconds 10 --jobs 4) &
	load=$!
	echo 2000 >"$md/sync_speed_max"
	echo 40960 >"$md/sync_max"
	wait_for 30 moved
	echo faulty >"$(member "$1")/state"
	echo system >"$md/sync_speed_max"
	wait_for 60 completed_is 40960
	expect_attr "$md/degraded" 1
	add_member "$d4"
	echo max >"$md/sync_max"
	wait_for 90 attr_is "$md/reshape_position" none
expect_attr "$md/raid_disks" 4
	wait $load || fail "the load met an error"
	wait_for 90 attr_is "$md/degraded" 0
	wait_idle
	emdwork verify "$dev" "$oracle"
	clean_check
	stop_array
}
moved() { [ "$(completed)" -gt 2000 ]; }

say "an old member"
lose "$d1"
say "the new member"
lose "$d3"
