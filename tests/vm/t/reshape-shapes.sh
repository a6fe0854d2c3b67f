# SPDX-License-Identifier: GPL-2.0-or-later
# Changes of chunk, layout and level's geometry, in place and with disks, each under a verifying load: data and parity are right.
#: disks: 5x40M, oracle 96M
#: modules: raid6_pq xor
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh
#: timeout: 420
. /array.sh

# change WHAT ATTRIBUTE=VALUE...: propose, start, wait for the end, compare.
change() {
	say "$1"
	local pair
	shift
	for pair; do echo "${pair#*=}" >"$md/${pair%%=*}"; done
	(emdwork load "$dev" "$oracle" --seconds 4 --jobs 4) &
	load=$!
	echo reshape >"$md/sync_action"
	wait_for 90 attr_is "$md/reshape_position" none
	for pair; do expect_attr "$md/${pair%%=*}" "${pair#*=}"; done
	wait $load || fail "the load met an error"
	[ ! -e "$md/sync_action" ] || wait_idle
	emdwork verify "$dev" "$oracle"
}

make_array emd0 raid5 4 64 2 "$d0" "$d1" "$d2" "$d3"
start_array
emdwork fill "$dev" "$oracle"
change "chunk 64K to 128K in place" chunk_size=131072
clean_check
change "and to 16K" chunk_size=16384
clean_check
change "left symmetric to right asymmetric" layout=1
clean_check
add_member "$d4"
echo 5 >"$md/raid_disks"
echo 4 >"$(member "$d4")/slot"
change "four disks to five, chunk 16K to 64K, parity last" raid_disks=5 chunk_size=65536 layout=5
clean_check
expect_attr "$md/degraded" 0
echo $(($(cat "$md/component_size") * 3)) >"$md/array_size"
change "five to four, backwards, left symmetric" raid_disks=4 layout=2
clean_check
stop_array

make_array emd0 raid4 3 64 - "$d0" "$d1" "$d2"
start_array
emdwork fill "$dev" "$oracle"
add_member "$d3"
add_member "$d4"
echo 5 >"$md/raid_disks"
echo 4 >"$(member "$d3")/slot"
echo 3 >"$(member "$d4")/slot"
change "raid4: three disks to five, the spares not in the order in which they came" raid_disks=5
expect_attr "$(member "$d3")/slot" 4
expect_attr "$(member "$d4")/slot" 3
clean_check
stop_array

say "data move down to another offset with the change, so nothing is overwritten"
make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
for d in $d0 $d1 $d2; do echo 8192 >"$(member "$d")/offset"; done
start_array
emdwork fill "$dev" "$oracle"
refuse_store "too long" 16384 "$(member "$d0")/new_offset"
echo forwards >"$md/reshape_direction"
refuse_store "Invalid argument" 8320 "$(member "$d0")/new_offset"
for d in $d0 $d1 $d2; do echo 4096 >"$(member "$d")/new_offset"; done
echo 0 >"$md/component_size"	# all there is: that forgets what was proposed, and moves nothing
wait_idle
for d in $d0 $d1 $d2; do expect_attr "$(member "$d")/new_offset" 8192; done
emdwork verify "$dev" "$oracle"
echo forwards >"$md/reshape_direction"
for d in $d0 $d1; do echo 4096 >"$(member "$d")/new_offset"; done
refuse_store "Invalid argument" 131072 "$md/chunk_size"	# they must move alike
echo 4096 >"$(member "$d2")/new_offset"
change "chunk 64K to 128K, 2 MiB down" chunk_size=131072
for d in $d0 $d1 $d2; do expect_attr "$(member "$d")/offset" 4096; done
clean_check
stop_array
