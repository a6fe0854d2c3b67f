# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays without metadata, by sysfs alone: what the tests of the module use. md's ABI, so the same functions drive the
# kernel's md (SUBJECT=md), which is how the functions themselves are tested.
SUBJECT=${SUBJECT:-emd}
ARRAY_OFFSET=128	# sectors before the data on every member

case $SUBJECT in
emd) new_array=/sys/module/emd/parameters/new_array ;;
md)  new_array=/sys/module/md_mod/parameters/new_array ;;
esac

md_dir()  { echo "/sys/block/$SUBJECT$1/md"; }
md_attr() { echo "/sys/block/$SUBJECT$1/md/$2"; }
dev()	  { echo "/dev/$SUBJECT$1"; }
set_attr() {	# set_attr NUMBER ATTRIBUTE VALUE
	{ echo "$3" >"$(md_attr "$1" "$2")"; } 2>/tmp/refusal && return
	fail "$SUBJECT$1: storing '$3' in $2 is refused: $(cat /tmp/refusal) $(attr "/sys/block/$SUBJECT$1/emd/last_error")"
}
get_attr() { attr "$(md_attr "$1" "$2")"; }

base()	   { local name; name=$(readlink -f "$1"); echo "${name##*/}"; }
majmin()   { cat "/sys/class/block/$(base "$1")/dev"; }
sectors()  { cat "/sys/class/block/$(base "$1")/size"; }

# member_kb DEVICE CHUNK_BYTES: what the device offers behind the offset, whole chunks, in KiB
member_kb() {
	local kb=$((($(sectors "$1") - ARRAY_OFFSET) / 2)) chunk=$(($2 / 1024))
	[ $chunk -gt 0 ] || chunk=4
	echo $((kb / chunk * chunk))
}

# add_member NUMBER DEVICE SIZE_KB [SLOT]
add_member() {
	local member
	member=dev-$(base "$2")
	hand_in "$2" "$(md_attr "$1" new_dev)"
	set_attr "$1" "$member/offset" $ARRAY_OFFSET
	set_attr "$1" "$member/size" "$3"
	[ $# -lt 4 ] || set_attr "$1" "$member/slot" "$4"
}

# make_array NUMBER LEVEL CHUNK_BYTES LAYOUT RESYNC_START DEVICE|missing ...
# RESYNC_START is "none" for members that agree, 0 for a full resync. Level as md's words: raid0, raid1, raid4, raid5, raid10.
make_array() {
	local n=$1 level=$2 chunk=$3 layout=$4 resync=$5 device smallest='' kb slot=0 missing=0
	shift 5
	wait_for 20 try_new "$n"	# md keeps the name of a stopped array for a moment
	wait_for 5 test -e "$(md_attr "$n" array_state)"
	set_attr "$n" metadata_version none
	set_attr "$n" level "$level"
	set_attr "$n" raid_disks $#
	[ "$level" = raid1 ] || set_attr "$n" chunk_size "$chunk"
	case $level in raid0|raid1) ;; *) set_attr "$n" layout "$layout" ;; esac
	for device; do
		[ "$device" != missing ] || { missing=$((missing + 1)); continue; }
		kb=$(member_kb "$device" "$chunk")
		{ [ "$smallest" ] && [ "$smallest" -le "$kb" ]; } || smallest=$kb
	done
	[ "$level" = raid0 ] || set_attr "$n" component_size "$smallest"
	for device; do
		if [ "$device" != missing ]; then
			[ "$level" = raid0 ] && kb=$(member_kb "$device" "$chunk") || kb=$smallest
			add_member "$n" "$device" "$kb" $slot
		fi
		slot=$((slot + 1))
	done
	[ "$level" = raid0 ] || set_attr "$n" resync_start "$resync"
	set_attr "$n" array_state active
	settle
	wait_for 10 test -b "$(dev "$n")"
	[ "$level" = raid0 ] || expect_attr "$(md_attr "$n" degraded)" $missing
}

try_new() { echo "$SUBJECT$1" 2>/dev/null >$new_array; }

array_stopped() { [ ! -e "$(md_dir "$1")" ] || case $(get_attr "$1" array_state) in clear|inactive|'') true ;; *) false ;; esac; }
# stop_array NUMBER: the array is gone afterwards
stop_array() {
	wait_for 10 try_stop "$1"	# udev may have it open for a moment
	wait_for 10 array_stopped "$1"
}
try_stop() { echo clear 2>/dev/null >"$(md_attr "$1" array_state)"; }

fail_member()	{ set_attr "$1" "dev-$(base "$2")/state" faulty; }
remove_member() { wait_for 20 try_remove "$1" "$2"; }
try_remove() {
	local member
	member=$(md_attr "$1" "dev-$(base "$2")")
	[ -e "$member" ] || return 0	# a failed member may have vanished by itself
	echo remove 2>/dev/null >"$member/state"
}

# writes_done NUMBER: how many the array has taken
writes_done() { local r rm rs rt w rest; read -r r rm rs rt w rest <"/sys/block/$SUBJECT$1/stat"; echo "$w"; }
# wait_writer NUMBER: somebody is writing to the array now
wait_writer() {
	local before
	before=$(writes_done "$1")
	wait_for 20 more_writes "$1" $((before + 8))
}
more_writes() { [ "$(writes_done "$1")" -ge "$2" ]; }

sync_idle() { [ "$(get_attr "$1" sync_action)" = idle ]; }
# wait_sync NUMBER SECONDS: no resync, recovery, check or reshape is running or about to
wait_sync() { wait_for "$2" sync_idle "$1"; }

# rebuild_onto NUMBER DEVICE SECONDS: the device is added and becomes a member. Frozen meanwhile, because the kernel would
# take the new device at once, before its offset and size are said.
rebuild_onto() {
	set_attr "$1" sync_action frozen
	add_member "$1" "$2" "$(get_attr "$1" component_size)"
	set_attr "$1" sync_action recover
	wait_attr "$3" "$(md_attr "$1" degraded)" 0
	wait_sync "$1" 60
}

# check_array NUMBER: its members agree everywhere
check_array() {
	wait_sync "$1" 60
	set_attr "$1" sync_action check
	wait_sync "$1" 120
	expect_attr "$(md_attr "$1" mismatch_cnt)" 0
}
