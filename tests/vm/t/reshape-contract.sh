# SPDX-License-Identifier: GPL-2.0-or-later
# What hung, spun or ran past its limit elsewhere does not here: cut stripes, limits, misuse, failure in the middle, freezing.
#: disks: 4x40M
#: modules: raid6_pq xor
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 300
. /array.sh

read_all() { dd if="$dev" of=/dev/null bs=256K iflag=direct 2>/dev/null; }
begin() {
	make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
	start_array
	fill_range "$dev" "$(size_bytes)" 7
	bytes=$(size_bytes)
	add_member "$d3"
	echo 0 >"$md/sync_max"
	echo 4 >"$md/raid_disks"
	echo 3 >"$(member "$d3")/slot"
	echo reshape >"$md/sync_action"
}
finish() {
	echo max >"$md/sync_max"
	wait_for 60 attr_is "$md/reshape_position" none
expect_attr "$md/raid_disks" 4
	wait_idle
	check_range "$dev" "$bytes" 7
}

say "T1, T4: the position cuts an old stripe: published, readable, suspendable"
begin
echo 128 >"$md/sync_max"
wait_for 20 completed_is 128
expect_attr "$md/reshape_position" 384
read_all
echo 768 >"$md/suspend_hi"
read_all
check_range "$dev" "$bytes" 7
echo 0 >"$md/suspend_hi"

say "T5: misuse is refused and changes nothing"
refuse_store "busy" 0 "$md/sync_max"
refuse_store "Invalid argument" 200 "$md/sync_max"
refuse_store "busy" 8 "$md/sync_min"
refuse_store "busy" 5 "$md/raid_disks"
refuse_store "busy" 131072 "$md/chunk_size"
refuse_store "busy" raid4 "$md/level"
refuse_store "busy" 0 "$md/reshape_position"
refuse_store "busy" none "$md/reshape_position"
refuse_store "busy" backwards "$md/reshape_direction"
refuse_store "busy" 1 "$(member "$d3")/slot"
for word in reshape check recover; do refuse_store "busy" $word "$md/sync_action"; done
refuse_store "Invalid argument" nonsense "$md/sync_action"

say "T5: a member fails while it is paused: the position stays"
echo faulty >"$(member "$d1")/state"
wait_for 10 attr_is "$md/degraded" 1
expect_attr "$md/reshape_position" 384
read_all
check_range "$dev" "$bytes" 7

say "T6, T7: frozen in the middle, reads and writes across the position, and the number afterwards"
echo 1280 >"$md/sync_max"
wait_for 20 completed_is 1280
echo frozen >"$md/sync_action"
expect_attr "$md/sync_action" frozen
expect_attr "$md/sync_completed" none
read_all
dd if="$dev" of=/tmp/keep bs=64K skip=28 count=4 iflag=direct 2>/dev/null
dd if=/tmp/keep of="$dev" bs=64K seek=28 count=4 oflag=direct conv=notrunc 2>/dev/null
echo 0 >"$md/sync_max"
echo reshape >"$md/sync_action"
wait_for 10 attr_is "$md/sync_completed" "1280 / $(($(cat "$md/component_size") * 2))"
expect_attr "$md/reshape_position" 3840
echo 1408 >"$md/sync_max"
wait_for 20 completed_is 1408
finish
expect_attr "$md/degraded" 1
stop_array

say "T3: 64K to 128K: a limit that is no multiple of the larger chunk"
make_array emd0 raid5 3 64 2 "$d0" "$d2" "$d3"
start_array
fill_range "$dev" "$(size_bytes)" 9
bytes=$(size_bytes)
echo 131072 >"$md/chunk_size"
refuse_store "Invalid argument" 384 "$md/sync_max"
grep -q "multiple of 256" "$emd/last_error" || fail "last_error says '$(cat "$emd/last_error")'"
echo 512 >"$md/sync_max"
echo reshape >"$md/sync_action"
wait_for 20 completed_is 512
refuse_store "Invalid argument" 640 "$md/sync_max"
echo max >"$md/sync_max"
wait_for 60 attr_is "$md/reshape_position" none
expect_attr "$md/chunk_size" 131072
wait_idle
check_range "$dev" "$bytes" 9
clean_check

say "a proposal is withdrawn by storing the old value"
echo 65536 >"$md/chunk_size"
expect_attr "$md/chunk_size" "65536 (131072)"
echo 131072 >"$md/chunk_size"
expect_attr "$md/chunk_size" 131072
refuse_store "Invalid argument" reshape "$md/sync_action"
stop_array
