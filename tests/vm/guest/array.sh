# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays by sysfs alone, without metadata: for tests of the module. Source it; it sets $md and $emd.

# make_array NAME LEVEL DISKS CHUNK_KIB LAYOUT DEVICE...: an inactive array with the devices in slots 0, 1, ...; "-" leaves one empty.
make_array() {
	array=$1 md=/sys/block/$1/md emd=/sys/block/$1/emd dev=/dev/$1
	echo "$1" >/sys/module/emd/parameters/new_array
	wait_for 5 test -e "$md/level"
	echo "$2" >"$md/level"
	echo "$3" >"$md/raid_disks"
	[ "$4" = 0 ] || echo $(($4 * 1024)) >"$md/chunk_size"
	[ "$5" = - ] || echo "$5" >"$md/layout"
	shift 5
	local slot=0 device
	for device; do
		[ "$device" = - ] || add_member "$device" $slot
		slot=$((slot + 1))
	done
}

# add_member DEVICE [SLOT]
add_member() {
	hand_in "$1" "$md/new_dev"
	wait_for 5 test -e "$md/dev-$(basename "$1")"
	if [ "${2:-}" ]; then
		echo "$2" >"$md/dev-$(basename "$1")/slot"
	else
		echo 0 >"$md/dev-$(basename "$1")/size"	# all there is: described, and so a spare
	fi
}

member() { echo "$md/dev-$(basename "$1")"; }

# start_array [insync|dirty]
start_array() {
	[ "${1:-insync}" = insync ] && echo none >"$md/resync_start" || echo 0 >"$md/resync_start"
	echo active >"$md/array_state"
	wait_for 5 test -b "$dev"
}

# udev may have it open for a moment.
stop_array() { wait_for 10 clear_array; wait_for 10 test ! -e "$md"; }
clear_array() { echo clear 2>/dev/null >"$md/array_state"; }

size_bytes() { echo $(($(cat "/sys/block/$array/size") * 512)); }

# No pass runs and none is due.
is_idle() { attr_is "$md/sync_action" idle; }
wait_idle() { wait_for "${1:-60}" is_idle; }

# completed: the number before the slash of sync_completed, 0 while there is none.
completed() { set -- $(attr "$md/sync_completed"); case ${1:-none} in none | delayed) echo 0 ;; *) echo "$1" ;; esac }
completed_is() { [ "$(completed)" = "$1" ]; }

# A check that runs to its end finds nothing.
clean_check() {
	echo check >"$md/sync_action"
	wait_idle 120
	expect_attr "$md/last_sync_action" check
	expect_attr "$md/mismatch_cnt" 0
}

# What a store could change: an array that runs gets clean, and active, by itself.
standing_of() {
	case $1:$(attr "$1") in
	*/array_state:active | */array_state:clean) echo "active or clean" ;;
	*) attr "$1" ;;
	esac
}

# refuse_store ERRNO-TEXT VALUE FILE: the store fails so, and changes nothing.
refuse_store() {
	local before after
	before=$(standing_of "$3")
	refuses "$1" sh -c "echo $2 >$3"
	after=$(standing_of "$3")
	[ "$before" = "$after" ] || fail "$3 changed from '$before' to '$after' by a refused store"
}
