# SPDX-License-Identifier: GPL-2.0-or-later
# An array is stopped in the middle of its reshape and assembled at the position: at 0, cut and whole, forward and backward, in place.
#: disks: 5x40M
#: modules: raid6_pq xor
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh
#: timeout: 300
. /array.sh

resync_from=none
# again POSITION OLD-DISKS NEW-DISKS DEVICE...: the order of stores that assembly uses.
again() {
	local position=$1 old=$2 new=$3 slot=0 device
	shift 3
	make_array emd0 raid5 $old 64 2
	echo $position >"$md/reshape_position"
	echo $new >"$md/raid_disks"
	for device; do add_member "$device" $slot; slot=$((slot + 1)); done
	echo $resync_from >"$md/resync_start"
	echo $component >"$md/component_size"
	echo 0 >"$md/sync_max"
	echo active >"$md/array_state"
	expect_attr "$md/reshape_position" $position
	expect_attr "$md/raid_disks" "$new ($old)"
}

make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
start_array
component=$(cat "$md/component_size")
bytes=$(size_bytes)
fill_range "$dev" "$bytes" 3
stop_array

position=0
for max in 0 128 1280 65536; do
	say "grow, assembled at $position, up to $max"
	again $position 3 4 "$d0" "$d1" "$d2" "$d3"
	check_range "$dev" "$bytes" 3
	echo $max >"$md/sync_max"
	wait_for 20 attr_is "$md/reshape_position" $((max * 3))
	position=$((max * 3))
	check_range "$dev" "$bytes" 3
	stop_array
done
again $position 3 4 "$d0" "$d1" "$d2" "$d3"
echo max >"$md/sync_max"
wait_for 60 attr_is "$md/reshape_position" none
expect_attr "$md/raid_disks" 4
wait_idle
check_range "$dev" "$bytes" 3
clean_check
stop_array

say "a position that is no multiple of a step, or behind the end"
make_array emd0 raid5 3 64 2
echo 100 >"$md/reshape_position"
echo 4 >"$md/raid_disks"
slot=0
for d in $d0 $d1 $d2 $d3; do add_member "$d" $slot; slot=$((slot + 1)); done
echo none >"$md/resync_start"
refuse_store "Invalid argument" active "$md/array_state"
stop_array

say "shrink, assembled backward in the middle"
end=$((component * 2 * 2))
make_array emd0 raid5 4 64 2 "$d0" "$d1" "$d2" "$d3"
start_array
echo $((component * 2)) >"$md/array_size"
echo 0 >"$md/sync_max"
echo 3 >"$md/raid_disks"
echo reshape >"$md/sync_action"
echo 12800 >"$md/sync_max"
wait_for 20 completed_is 12800
position=$(cat "$md/reshape_position")
[ "$position" = $((end - 12800 * 2)) ] || fail "position $position"
check_range "$dev" "$bytes" 3
stop_array
resync_from=0
again $position 4 3 "$d0" "$d1" "$d2" "$d3"
check_range "$dev" "$bytes" 3
echo max >"$md/sync_max"
action=reshape
while [ $action != idle ]; do read -r action <"$md/sync_action"; done	# not once between the reshape and the resync
expect_attr "$md/resync_start" none
expect_attr "$md/last_sync_action" resync
expect_attr "$md/raid_disks" 3
check_range "$dev" "$bytes" 3
clean_check
stop_array

say "in place: only read-only at first"
make_array emd0 raid5 3 64 2
echo 5120 >"$md/reshape_position"
echo 131072 >"$md/chunk_size"
slot=0
for d in $d0 $d1 $d2; do add_member "$d" $slot; slot=$((slot + 1)); done
echo none >"$md/resync_start"
echo 0 >"$md/sync_max"
refuse_store "Invalid argument" active "$md/array_state"
echo readonly >"$md/array_state"
expect_attr "$md/reshape_position" 5120
expect_attr "$md/sync_completed" none
echo active >"$md/array_state"
wait_for 10 completed_is 2560
stop_array
