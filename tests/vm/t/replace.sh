# SPDX-License-Identifier: GPL-2.0-or-later
# A member that still works is replaced by another, under load: nothing is missing meanwhile, also when it cannot be read in
# places, when it or its replacement fails, and when the array is stopped in the middle of it.
#: disks: 5x6M, oracle 128M
#: modules: raid6_pq xor dm-mod
#: programs: dmsetup
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh
#: timeout: 300
#: allow: I/O error
. /array.sh
. /dust.sh

for i in 0 1 2 3 4; do
	eval "disk=\$d$i"
	dmsetup create plain$i --noudevsync --table "0 $(blockdev --getsz "$disk") linear $disk 0"
	eval "m$i=$(dust_node plain$i)"
	wait_for 10 test -b "$(dust_node plain$i)"
done
whole_again() { eval "change_table plain$1 \"0 \$(blockdev --getsz \$d$1) linear \$d$1 0\""; }
# hole_in I BLOCK COUNT: it answers nothing there
hole_in() {
	eval "disk=\$d$1"
	change_table "plain$1" "0 $(($2 * 8)) linear $disk 0
$(($2 * 8)) $(($3 * 8)) error
$((($2 + $3) * 8)) $(($(blockdev --getsz "$disk") - ($2 + $3) * 8)) linear $disk $((($2 + $3) * 8))"
}

begin_load() {
	emdwork fill "$dev" "$oracle"
	emdwork load "$dev" "$oracle" --seconds 1000 --jobs 4 >/tmp/load 2>&1 &
	load=$!
}
end_load() {
	kill -0 $load 2>/dev/null || { cat /tmp/load; fail "a write failed"; }
	kill -INT $load
	wait $load || { cat /tmp/load; fail "the load met an error"; }
}
slot_is_of() { [ "$(readlink "$md/rd$1")" = "dev-$(basename "$2")" ]; }
expect_slot() { slot_is_of "$1" "$2" || fail "slot $1 is that of $(readlink "$md/rd$1"), not of $2"; }
gone() { [ ! -e "$(member "$1")" ]; }

AT=4096
# replace_until_middle SLOT OLD NEW: the recovery of NEW waits at $AT
replace_until_middle() {
	echo frozen >"$md/sync_action"
	echo want_replacement >"$(member "$2")/state"
	expect_attr "$(member "$2")/state" in_sync,want_replacement
	add_member "$3"
	echo $AT >"$md/sync_max"
	echo recover >"$md/sync_action"
	wait_for 60 completed_is $AT
	expect_attr "$md/sync_action" recover
	expect_attr "$(member "$3")/state" spare,replacement
	expect_attr "$(member "$3")/slot" "$1"
	expect_attr "$(member "$3")/recovery_start" $AT
	expect_attr "$md/degraded" 0
	expect_slot "$1" "$2"
}
# finish SLOT NEW [OLD]
finish() {
	echo max >"$md/sync_max"
	wait_for 60 slot_is_of "$1" "$2"
	wait_idle 60
	expect_attr "$md/degraded" 0
	expect_attr "$(member "$2")/state" in_sync
	expect_attr "$(member "$2")/slot" "$1"
	expect_attr "$md/last_sync_action" recover
	[ $# -lt 3 ] || wait_for 20 gone "$3"
}
# all_is_there DEVICE...: also without these members
all_is_there() {
	clean_check
	for d; do echo faulty >"$(member "$d")/state"; done
	emdwork verify "$dev" "$oracle"
	stop_array
}

say "raid5: a member that cannot be read in places"
make_array emd0 raid5 3 64 2 "$m0" "$m1" "$m2"
start_array
begin_load
add_member "$m3"
refuse_store "exists" 1 "$(member "$m3")/slot"
refuse_store "busy" replacement "$(member "$m3")/state"
refuses "$m4 is no spare of" emdadm "$dev" --replace "$m1" --with "$m4"
refuses "$m3 is no working member of" emdadm "$dev" --replace "$m3"
refuses "name one for each" emdadm "$dev" --replace "$m1" "$m2" --with "$m3"
echo frozen >"$md/sync_action"
emdadm "$dev" --replace "$m1" --with "$m3"
expect_attr "$md/sync_action" frozen
expect_attr "$(member "$m3")/slot" 1
emdadm "$dev" --fail "$m3"	# it can be taken back: only the replacement goes
wait_for 10 gone "$m3"
expect_attr "$md/degraded" 0
end_load	# from here on few writes: what cannot be read reaches the replacement by the recovery alone
replace_until_middle 1 "$m1" "$m3"
emdwork load "$dev" "$oracle" --count 40 --span 1
refuse_store "busy" 4 "$md/raid_disks"
refuse_store "busy" remove "$(member "$m3")/state"
echo frozen >"$md/sync_action"
refuse_store "busy" 4 "$md/raid_disks"
refuse_store "busy" raid6 "$md/level"
refuse_store "busy" repair "$md/sync_action"
hole_in 1 1000 3
echo recover >"$md/sync_action"
finish 1 "$m3" "$m1"
whole_again 1
all_is_there "$m0"

say "raid1: the replacement fails, an array takes its part, and is replaced itself"
make_array emd1 raid1 1 0 - "$m3"
start_array
settle		# udev may have it open for a moment
make_array emd0 raid1 2 0 - "$m0" "$m1"
start_array
begin_load
replace_until_middle 0 "$m0" "$m2"
error_disk plain2
wait_for 20 gone "$m2"
expect_attr "$md/degraded" 0
expect_attr "$(member "$m0")/state" in_sync,want_replacement
echo max >"$md/sync_max"	# there it waits, for nothing now
wait_idle
whole_again 2
add_member /dev/emd1
finish 0 /dev/emd1 "$m0"
replace_until_middle 0 /dev/emd1 "$m4"
finish 0 "$m4"
wait_for 20 gone /dev/emd1
expect_attr /sys/block/emd1/emd/parent toplevel_arrays
end_load
all_is_there "$m1"
md=/sys/block/emd1/md
stop_array

say "raid6: the replaced member fails, and the recovery goes on from the others"
make_array emd0 raid6 4 64 2 "$m0" "$m1" "$m2" "$m3"
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
wait_idle
begin_load
replace_until_middle 2 "$m2" "$m4"
error_disk plain2
wait_for 20 gone "$m2"
wait_for 20 slot_is_of 2 "$m4"
expect_attr "$md/degraded" 1
expect_attr "$(member "$m4")/state" spare
expect_attr "$(member "$m4")/recovery_start" $AT
echo max >"$md/sync_max"
wait_for 60 attr_is "$md/degraded" 0
wait_idle
end_load
all_is_there "$m0" "$m1"
whole_again 2

say "raid5: two at once wait for the resync; then two of which each makes what the other does not give"
make_array emd0 raid5 3 64 2 "$m0" "$m1" "$m2"
start_array
emdwork fill "$dev" "$oracle"
echo frozen >"$md/sync_action"
echo 0 >"$md/resync_start"
echo $AT >"$md/sync_max"
echo resync >"$md/sync_action"
wait_for 60 completed_is $AT
for d in "$m0" "$m1"; do echo want_replacement >"$(member "$d")/state"; done
for d in "$m3" "$m4"; do add_member "$d"; done
expect_attr "$md/sync_action" resync
echo max >"$md/sync_max"
wait_for 60 slot_is_of 0 "$m3"
finish 1 "$m4" "$m1"
wait_for 20 gone "$m0"
expect_attr "$md/resync_start" none
echo frozen >"$md/sync_action"
for d in "$m3" "$m4"; do echo want_replacement >"$(member "$d")/state"; done
for d in "$m0" "$m1"; do add_member "$d"; done
hole_in 3 300 2
hole_in 4 900 3
echo recover >"$md/sync_action"
wait_for 60 slot_is_of 0 "$m0"
finish 1 "$m1" "$m4"
wait_for 20 gone "$m3"
for i in 3 4; do whole_again $i; done
all_is_there "$m2"

say "raid10: stopped in the middle, and started again"
make_array emd0 raid10 4 64 258 "$m0" "$m1" "$m2" "$m3"
start_array
begin_load
replace_until_middle 3 "$m3" "$m4"
end_load
stop_array
make_array emd0 raid10 4 64 258 "$m0" "$m1" "$m2" "$m3"
hand_in "$m4" "$md/new_dev"
echo replacement >"$(member "$m4")/state"
echo 3 >"$(member "$m4")/slot"
echo $AT >"$(member "$m4")/recovery_start"
echo none >"$md/resync_start"
echo read-auto >"$md/array_state"
expect_attr "$(member "$m4")/state" spare,replacement
expect_attr "$md/degraded" 0
expect_slot 3 "$m3"
echo clean >"$md/array_state"
wait_for 5 test -b "$dev"
finish 3 "$m4" "$m3"
all_is_there "$m0" "$m2"

for i in 0 1 2 3 4; do dmsetup remove --noudevsync --retry plain$i; done
