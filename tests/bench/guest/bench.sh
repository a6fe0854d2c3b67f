# SPDX-License-Identifier: GPL-2.0-or-later
# Builds arrays of EMD and of md from the same members, and runs loads on them. What is to be done comes as a list of calls,
# which suite/script.py writes; what was measured goes to the kernel log (module/emd_bench.c).
settle() { :; }	# no udev here: nothing opens an array but we

subject() {
	SUBJECT=$1
	. /lib/emd/subject.sh
	[ -z "$MEMBER_KB" ] || eval "member_kb() { echo $MEMBER_KB; }"	# a part of each member will do
}
MEMBER_KB=

# members_of KIND COUNT: null (no data, no cost of its own) or ram
members_of() {
	local i=0
	while [ $i -lt "$2" ]; do
		case $1 in null) echo "/dev/nullb$i" ;; ram) echo "/dev/ram$i" ;; esac
		i=$((i + 1))
	done
}

load_members() {	# NULLS RAMS RAM_KIB
	insmod /emd_bench.ko || fail "the generator cannot be loaded"
	[ "$1" = 0 ] || modprobe null_blk nr_devices="$1" gb=1 submit_queues=1 irqmode=0 || fail "null_blk cannot be loaded"
	# Its throttling of writes depends on the history of the disk, and comes and goes.
	for limit in /sys/block/nullb*/queue/wbt_lat_usec; do
		[ "$1" = 0 ] || [ ! -e "$limit" ] || echo 0 >"$limit" || fail "$limit cannot be switched off"
	done
	[ "$2" = 0 ] || modprobe brd rd_nr="$2" rd_size="$3" || fail "brd cannot be loaded"
}

# has_level SUBJECT LEVEL: the module knows the level. Says "absent" when it does not.
has_level() {
	grep -q "^Personalities :.*\[$2\]" "/proc/$1stat" && return
	echo "absent $1 $2"
	return 1
}

# array SUBJECT NUMBER LEVEL CHUNK LAYOUT DEVICE|missing...: members count as in step
array() {
	subject "$1"
	shift
	local n=$1 level=$2 chunk=$3 layout=$4
	shift 4
	make_array "$n" "$level" "$chunk" "$layout" none "$@"
	[ "$level" = raid0 ] || set_attr "$n" safe_mode_delay 0	# no row measures the step from clean to dirty
}

# load TAG PARAMETER=VALUE...: one run of the generator; what is not said is as it is by itself
generator=/sys/module/emd_bench/parameters
load() {
	local tag=$1
	shift
	generate "$tag" hist=0 check=0 sample=0 slices=1 seed=1 other=0 span=0 "$@"
}
generate() {
	local tag=$1 word
	shift
	for word in tag="$tag" "$@"; do
		echo "${word#*=}" >"$generator/${word%%=*}"
	done
	echo 1 2>/tmp/refusal >$generator/run || fail "$tag: $(cat /tmp/refusal): $(dmesg | grep emd_bench | tail -1)"
}

# job TAG NUMBER ACTION COUNT SAMPLE: from the write to sync_action until it is idle again
job() { generate "$1" op=job dev="$(md_attr "$2" sync_action)" action="$3" count="$4" sample="$5"; }

# freely NUMBER: neither the limits of speed nor what is left to users hold a sync back
freely() { tune "$1" sync_speed_min=10000000 sync_speed_max=10000000; }

# from_begin NUMBER: a resync of everything is due, and has not begun
from_begin() { tune "$1" sync_action=frozen resync_start=0; }

# spares NUMBER DEVICE...: they wait to take the missing members' places
spares() {
	local n=$1 device
	shift
	set_attr "$n" sync_action frozen
	for device; do add_member "$n" "$device" "$(get_attr "$n" component_size)"; done
}

# wider NUMBER FROM DEVICE: a reshape to one member more is due. EMD wants to be told which slot the device is for; md takes any.
wider() {
	add_member "$1" "$3" "$(get_attr "$1" component_size)"
	set_attr "$1" raid_disks $(($2 + 1))
	[ "$SUBJECT" = md ] || set_attr "$1" "dev-$(base "$3")/slot" "$2"
}

# so TAG NUMBER ATTRIBUTE=VALUE...: what the job has led to
so() {
	local tag=$1 n=$2 word
	shift 2
	for word; do
		[ "$(get_attr "$n" "${word%%=*}")" = "${word#*=}" ] || echo "wrong $tag: ${word%%=*} is '$(get_attr "$n" "${word%%=*}")', not '${word#*=}'"
	done
}

# plant DEVICE KIB: the last page of that many KiB gets other data than what the other members say
plant() { dd if=/dev/urandom of="$1" bs=4096 seek=$(($2 / 4 - 1)) count=1 conv=fsync,notrunc 2>/dev/null || fail "$1 cannot be written"; }

# differs TAG NUMBER: the check has come to where a difference was planted
differs() { [ "$(get_attr "$2" mismatch_cnt)" != 0 ] || echo "wrong $1: a check has not found the difference that was planted"; }

# note_reads DEVICE...; were_read TAG KIB DEVICE...: each of them, from its begin to its end, since it was noted
sectors_read() { awk '{ print $3 }' "/sys/class/block/$(base "$1")/stat"; }
note_reads() {
	local device
	for device; do eval "READ_$(base "$device")=$(sectors_read "$device")"; done
}
were_read() {
	local tag=$1 kib=$2 device before
	shift 2
	for device; do
		eval "before=\$READ_$(base "$device")"
		[ $(($(sectors_read "$device") - before)) -ge $((kib * 2)) ] ||
			echo "wrong $tag: of $device $(($(sectors_read "$device") - before)) of $((kib * 2)) sectors were read"
	done
}

# gone NUMBER: the array is stopped; those below another of EMD have gone with it
gone() { [ ! -e "$(md_dir "$1")" ] || stop_array "$1"; }

# tune NUMBER ATTRIBUTE=VALUE...: md's own knobs
tune() {
	local n=$1 knob
	shift
	for knob; do
		set_attr "$n" "${knob%%=*}" "${knob#*=}"
	done
}

# resync NUMBER: parity and mirrors of RAM members become right
resync() {
	set_attr "$1" sync_action repair
	wait_sync "$1" 120
}

# agree NUMBER TAG: a check of the whole array finds nothing
agree() {
	wait_sync "$1" 60
	set_attr "$1" sync_action check
	wait_sync "$1" 120
	[ "$(get_attr "$1" mismatch_cnt)" = 0 ] || echo "wrong $2: check finds $(get_attr "$1" mismatch_cnt) sectors that disagree"
}
