# SPDX-License-Identifier: GPL-2.0-or-later
# RAID5 and RAID1 under load lose a member, rebuild onto a spare by themselves, and lose another: nothing is missing.
#: disks: 5x48M, oracle 64M
#: modules: raid6_pq xor
#: kernels: 6.1 6.12 uml
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
