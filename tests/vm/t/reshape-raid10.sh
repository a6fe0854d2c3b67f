# SPDX-License-Identifier: GPL-2.0-or-later
# RAID10 changes its chunk, its number of members and its level, to RAID5 and back from RAID0, and mirrors become RAID6 and RAID10, each
# under a verifying load; RAID0 and RAID10 of pairs take each other over where they are.
#: disks: 6x12M, oracle 32M
#: modules: raid6_pq xor
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh
#: udev: no
#: timeout: 240
. /array.sh

# change WHAT ATTRIBUTE=VALUE...: propose, start, wait for the end, compare.
change() {
	say "$1"
	local pair
	shift
	for pair; do echo "${pair#*=}" >"$md/${pair%%=*}"; done
	[ $slots -eq 0 ] || reserve
	(emdwork load "$dev" "$oracle" --seconds 2 --jobs 3) &
	load=$!
	echo reshape >"$md/sync_action"
	wait_for 90 attr_is "$md/reshape_position" none
	wait $load || fail "the load met an error"
	emdwork verify "$dev" "$oracle"
	[ ! -e "$md/sync_action" ] || { wait_idle; clean_check; expect_attr "$md/degraded" 0; }
}
reserve() {
	echo $slots >"$(member "$d4")/slot"
	[ ! -e "$(member "$d5")" ] || echo $((slots + 1)) >"$(member "$d5")/slot"
	slots=0
}
slots=0

make_array emd0 raid10 4 64 258 "$d0" "$d1" "$d2" "$d3"
start_array
emdwork fill "$dev" "$oracle"
change "chunk 64K to 16K in place" chunk_size=16384
add_member "$d4"
add_member "$d5"
slots=4
change "four disks to six" raid_disks=6
expect_attr "$md/level" raid10
echo $(($(cat "$md/component_size") * 2)) >"$md/array_size"
change "six to four, chunk 32K" raid_disks=4 chunk_size=32768
change "to RAID5 of three" new_level=raid5 raid_disks=3
expect_attr "$md/level" raid5
expect_attr "$md/layout" 2
expect $(($(cat "$md/component_size") * 2 * 1024)) size_bytes
stop_array

make_array emd0 raid0 2 64 - "$d0" "$d1"
start_array
emdwork fill "$dev" "$oracle"
add_member "$d4"
add_member "$d5"
slots=2
change "RAID0 of two to RAID10 of four, at once" new_level=raid10 raid_disks=4
expect_attr "$md/level" raid10
expect_attr "$md/layout" 258
for d in $d0 $d4; do echo faulty >"$(member "$d")/state"; done
echo 3 >/proc/sys/vm/drop_caches
emdwork verify "$dev" "$oracle"

say "what it is degraded to can become RAID0, and that RAID10 again"
refuse_store "Invalid argument" raid5 "$md/level"
echo raid0 >"$md/level"
expect_attr "$md/raid_disks" 2
expect_attr "$(member "$d1")/slot" 0
expect_attr "$(member "$d5")/slot" 1
emdwork load "$dev" "$oracle" --count 40 --jobs 3
emdwork verify "$dev" "$oracle"
echo raid10 >"$md/level"
expect_attr "$md/raid_disks" 4
expect_attr "$md/degraded" 2
expect_attr "$(member "$d5")/slot" 2
emdwork verify "$dev" "$oracle"
refuse_store "busy" faulty "$(member "$d1")/state"
add_member "$d2"
add_member "$d3"
wait_attr 60 "$md/degraded" 0
wait_idle
clean_check
emdwork verify "$dev" "$oracle"

say "a whole RAID10 becomes RAID0 of the first of each pair, under load; the others are spares, and the way back is free"
emdwork load "$dev" "$oracle" --seconds 3 --jobs 3 &
load=$!
echo frozen >"$md/sync_action"
echo raid0 >"$md/level"
expect_attr "$md/raid_disks" 2
expect_attr "$(member "$d1")/slot" 0
expect_attr "$(member "$d5")/slot" 1
for d in $d2 $d3; do
	expect_attr "$(member "$d")/slot" none
	expect_attr "$(member "$d")/state" spare
done
echo raid10 >"$md/level"
wait_attr 60 "$md/degraded" 0
wait $load || fail "the load met an error"
wait_idle
clean_check
emdwork verify "$dev" "$oracle"
stop_array

say "layouts without rows stay as they are"
make_array emd0 raid10 4 64 513 "$d0" "$d1" "$d2" "$d3"
start_array
refuse_store "Invalid argument" 131072 "$md/chunk_size"
grep -q "near copies" "$emd/last_error" || fail "last_error says '$(cat "$emd/last_error")'"
stop_array

# mirrors WHAT ATTRIBUTE=VALUE...: of $slots disks, of a size that no chunk divides; $d4 comes in, and $d5 for two
mirrors() {
	local what=$1 pair
	shift
	make_array emd0 raid1 $slots 0 - "$d0" "$d1" $([ $slots = 2 ] || echo "$d2")
	echo $((11 * 1024 - 4)) >"$md/component_size"
	start_array
	emdwork fill "$dev" "$oracle"
	add_member "$d4"
	[ $slots = 3 ] || add_member "$d5"
	for pair; do echo "${pair#*=}" >"$md/${pair%%=*}"; done
	expect_attr "$md/raid_disks" "4 ($slots)"
	expect_attr "$md/level" raid1
	refuse_store "Invalid argument" $((slots - 1)) "$md/raid_disks"
	echo none >"$md/reshape_position"
	expect_attr "$md/raid_disks" $slots
	change "$what" "$@"
	expect_attr "$md/raid_disks" 4
	stop_array
}
slots=2
mirrors "two mirrors to RAID6 of four" chunk_size=65536 layout=2 raid_disks=4 new_level=raid6
slots=2
mirrors "two mirrors to RAID5 of four" chunk_size=65536 layout=2 raid_disks=4 new_level=raid5
slots=3
mirrors "three mirrors to RAID6 of four" chunk_size=65536 layout=2 raid_disks=4 new_level=raid6
slots=3
mirrors "three mirrors to RAID10 of four" chunk_size=65536 layout=258 raid_disks=4 new_level=raid10

say "a number of mirrors is no reshape: alone it is taken at once"
make_array emd0 raid1 2 0 - "$d0" "$d1"
start_array
echo 65536 >"$md/chunk_size"
echo 3 >"$md/raid_disks"
expect_attr "$md/raid_disks" "3 (2)"
refuse_store "Invalid argument" 0 "$md/chunk_size"
grep -q "mirrors are no reshape" "$emd/last_error" || fail "last_error says '$(cat "$emd/last_error")'"
echo 2 >"$md/raid_disks"
echo 0 >"$md/chunk_size"
echo 3 >"$md/raid_disks"
expect_attr "$md/raid_disks" 3
expect_attr "$md/degraded" 1
stop_array

say "fewer mirrors: no good one is given up while a place is free"
make_array emd0 raid1 4 0 - "$d0" "$d1" "$d2" "$d4"
start_array
emdwork fill "$dev" "$oracle"
emdwork load "$dev" "$oracle" --seconds 3 --jobs 3 &
load=$!
echo frozen >"$md/sync_action"
echo faulty >"$(member "$d0")/state"
wait_attr 10 "$md/degraded" 1
echo 2 >"$md/raid_disks"
expect_attr "$md/degraded" 0
expect_attr "$(member "$d2")/slot" 0
expect_attr "$(member "$d1")/slot" 1
expect_attr "$(member "$d4")/slot" none
expect_attr "$md/rd0/slot" 0
wait $load || fail "the load met an error"
echo 3 >/proc/sys/vm/drop_caches
emdwork verify "$dev" "$oracle"
clean_check
echo frozen >"$md/sync_action"
echo faulty >"$(member "$d2")/state"
wait_attr 10 "$md/degraded" 1
echo 3 >/proc/sys/vm/drop_caches
emdwork verify "$dev" "$oracle"
echo raid0 >"$md/level"	# of the second mirror, as the first has failed
expect_attr "$md/raid_disks" 1
expect_attr "$(member "$d1")/slot" 0
emdwork load "$dev" "$oracle" --count 40 --jobs 3
emdwork verify "$dev" "$oracle"
stop_array
