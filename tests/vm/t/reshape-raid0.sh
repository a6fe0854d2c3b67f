# SPDX-License-Identifier: GPL-2.0-or-later
# RAID0 without redundancy: three disks to four and back, another chunk, to RAID5 and back, each under a verifying load.
#: disks: 4x40M, oracle 96M
#: modules: raid6_pq xor
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh
#: timeout: 300
. /array.sh

change() {
	say "$1"
	(emdwork load "$dev" "$oracle" --seconds 4 --jobs 4) &
	load=$!
	echo reshape >"$md/sync_action"
	wait_for 90 attr_is "$md/reshape_position" none
	wait $load || fail "the load met an error"
	emdwork verify "$dev" "$oracle"
}

make_array emd0 raid0 3 64 - "$d0" "$d1" "$d2"
start_array
[ ! -e "$md/sync_action" ] || fail "a level without redundancy has sync_action"
small=$(size_bytes)
emdwork fill "$dev" "$oracle"
add_member "$d3"
echo 4 >"$md/raid_disks"
expect_attr "$md/raid_disks" "4 (3)"
echo 3 >"$(member "$d3")/slot"
change "three disks to four"
expect_attr "$md/raid_disks" 4
[ "$(size_bytes)" = $((small / 3 * 4)) ] || fail "the array has $(size_bytes) bytes"
wait_for 5 test ! -e "$md/sync_action"

echo 131072 >"$md/chunk_size"
change "chunk 64K to 128K"
expect_attr "$md/chunk_size" 131072

echo $((small / 1024)) >"$md/array_size"
echo 3 >"$md/raid_disks"
change "four disks to three"
expect_attr "$md/raid_disks" 3

say "and to RAID5 with the disk that is left over, at once"
echo raid5 >"$md/new_level"
echo 2 >"$md/layout"
echo 4 >"$md/raid_disks"
echo 3 >"$(member "$d3")/slot"
change "RAID0 of three to RAID5 of four"
expect_attr "$md/level" raid5
wait_idle
clean_check

say "and back: the parity goes, and the disk with it"
echo raid0 >"$md/new_level"
expect_attr "$md/level" raid5
echo 3 >"$md/raid_disks"
change "RAID5 of four to RAID0 of three"
expect_attr "$md/level" raid0
expect_attr "$(member "$d3")/slot" none
expect $small size_bytes
wait_for 5 test ! -e "$md/sync_action"

say "to RAID5, stopped half way: parity that a cut write has left wrong is made right"
echo raid5 >"$md/new_level"
echo 2 >"$md/layout"
echo 4 >"$md/raid_disks"
echo 3 >"$(member "$d3")/slot"
echo 0 >"$md/sync_max"
echo reshape >"$md/sync_action"
echo 12800 >"$md/sync_max"
wait_for 30 completed_is 12800
position=$(cat "$md/reshape_position")
stop_array
dd if=/dev/urandom of="$d3" bs=4096 count=1 conv=fsync,notrunc 2>/dev/null
make_array emd0 raid0 3 128 -
echo "$position" >"$md/reshape_position"
echo raid5 >"$md/new_level"
echo 2 >"$md/layout"
echo 4 >"$md/raid_disks"
slot=0
for d in $d0 $d1 $d2 $d3; do add_member "$d" $slot; slot=$((slot + 1)); done
echo none >"$md/resync_start"
echo 40960 >"$md/component_size"
echo readonly >"$md/array_state"
echo active >"$md/array_state"
wait_for 90 attr_is "$md/reshape_position" none
wait_idle
expect_attr "$md/last_sync_action" resync
expect_attr "$md/resync_start" none
clean_check
emdwork verify "$dev" "$oracle"
stop_array
