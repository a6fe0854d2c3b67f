# SPDX-License-Identifier: GPL-2.0-or-later
# RAID5 becomes RAID6 and grows, changes chunk and layout, and becomes RAID5 again, under a verifying load; a takeover adds Q
# and drops it. Data and parity are right after each.
#: disks: 5x24M, oracle 64M
#: modules: raid6_pq xor
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh
#: timeout: 300
. /array.sh

# change WHAT ATTRIBUTE=VALUE...: propose, start, wait for the end, compare.
change() {
	say "$1"
	local pair
	shift
	for pair; do echo "${pair#*=}" >"$md/${pair%%=*}"; done
	[ -z "$spare" ] || { echo "$(($(cat "$md/raid_disks" | sed 's/ .*//') - 1))" >"$(member "$spare")/slot"; spare=; }
	(emdwork load "$dev" "$oracle" --seconds 2 --jobs 4) &
	load=$!
	echo reshape >"$md/sync_action"
	wait_for 90 attr_is "$md/reshape_position" none
	wait $load || fail "the load met an error"
	wait_idle
	expect_attr "$md/degraded" 0
	clean_check
	emdwork verify "$dev" "$oracle"
}
spare=

make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
wait_idle
emdwork fill "$dev" "$oracle"
add_member "$d3"
spare=$d3
change "raid5 of three becomes raid6 of four" raid_disks=4 new_level=raid6
expect_attr "$md/level" raid6
add_member "$d4"
spare=$d4
change "raid6 of four disks becomes one of five, with another chunk" raid_disks=5 chunk_size=32768
change "left-symmetric to DDF, in place" layout=10

say "with two members missing it is all there, and back with them"
echo faulty >"$(member "$d0")/state"
echo faulty >"$(member "$d3")/state"
wait_for 20 test ! -e "$(member "$d3")"
emdwork verify "$dev" "$oracle"
wait_for 20 test ! -e "$(member "$d0")"
add_member "$d0"
add_member "$d3"
wait_for 60 attr_is "$md/degraded" 0
wait_idle
change "to a layout with Q on the last member" layout=18

say "without it that is raid5; with it, raid6, and what held Q is there to be rebuilt"
echo raid5 >"$md/level"
expect_attr "$md/raid_disks" 4
expect_attr "$md/layout" 2
clean_check
emdwork verify "$dev" "$oracle"
echo raid6 >"$md/level"
expect_attr "$md/raid_disks" 5
expect_attr "$md/layout" 18
wait_for 60 attr_is "$md/degraded" 0
wait_idle
expect_attr "$md/last_sync_action" recover
clean_check
echo faulty >"$(member "$d1")/state"
echo faulty >"$(member "$d2")/state"
emdwork verify "$dev" "$oracle"
wait_for 20 test ! -e "$(member "$d2")"
refuse_store "Invalid argument" raid5 "$md/level"	# that would be one member too few
emdwork verify "$dev" "$oracle"
stop_array
