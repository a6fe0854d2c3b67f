# SPDX-License-Identifier: GPL-2.0-or-later
# RAID5 grows from three to four disks under a verifying load, stepped by sync_max, stopped and continued; then it shrinks back.
#: disks: 4x40M, oracle 64M
#: modules: raid6_pq xor
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 300
. /array.sh

make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
start_array
emdwork fill "$dev" "$oracle"
add_member "$d3"

say "the proposal changes nothing"
refuse_store "Invalid argument" reshape "$md/sync_action"
echo 0 >"$md/sync_min"
echo 0 >"$md/sync_max"
echo 4 >"$md/raid_disks"
expect_attr "$md/raid_disks" "4 (3)"
expect_attr "$md/reshape_position" none
expect_attr "$emd/reshape_unit" "768 384"
echo 3 >"$(member "$d3")/slot"
expect_attr "$(member "$d3")/slot" none
expect_attr "$emd/dev-$(basename "$d3")/reserved_slot" 3

say "it starts, and stands at sync_max 0"
(emdwork load "$dev" "$oracle" --seconds 15 --jobs 4) &
load=$!
echo reshape >"$md/sync_action"
expect_attr "$md/sync_action" reshape
expect_attr "$(member "$d3")/slot" 3
wait_for 10 attr_is "$md/sync_completed" "0 / $(($(cat "$md/component_size") * 2))"
expect_attr "$md/reshape_position" 0
refuse_store "busy" 5 "$md/raid_disks"
refuse_store "busy" reshape "$md/sync_action"
refuse_store "Invalid argument" 64 "$md/sync_max"

say "it moves as far as it may"
for max in 128 256 1024 4096; do
	echo $max >"$md/sync_max"
	wait_for 20 completed_is $max
	expect_attr "$md/reshape_position" $((max * 3))
done

say "frozen in the middle, and continued"
echo frozen >"$md/sync_action"
expect_attr "$md/sync_completed" none
expect_attr "$md/reshape_position" 12288
echo reshape >"$md/sync_action"
expect_attr "$md/sync_action" reshape
echo 8192 >"$md/sync_max"
wait_for 20 completed_is 8192

say "suspended writes wait, reads do not"
echo 30000 >"$md/suspend_hi"
dd if="$dev" of=/dev/null bs=4096 skip=3000 count=1 iflag=direct 2>/dev/null || fail "a read in the suspended range"
echo max >"$md/sync_max"
wait_for 60 attr_is "$md/reshape_position" none
expect_attr "$md/raid_disks" 4
echo 30000 >"$md/suspend_lo"
echo 0 >"$md/suspend_hi"
echo 0 >"$md/suspend_lo"
wait_idle
expect_attr "$md/sync_max" max
expect_attr "$md/degraded" 0
wait $load || fail "the load met an error"
emdwork verify "$dev" "$oracle"
clean_check

say "and back to three, with the size reduced first"
echo 3 >"$md/raid_disks"
refuse_store "Invalid argument" reshape "$md/sync_action"
echo $(($(cat "$md/component_size") * 2)) >"$md/array_size"
(emdwork load "$dev" "$oracle" --seconds 8 --jobs 4) &
load=$!
echo reshape >"$md/sync_action"
expect_attr "$md/reshape_direction" backwards
wait_for 90 attr_is "$md/reshape_position" none
expect_attr "$md/raid_disks" 3
wait_idle
wait $load || fail "the load met an error"
expect_attr "$(member "$d3")/slot" none
emdwork verify "$dev" "$oracle"
clean_check
stop_array
