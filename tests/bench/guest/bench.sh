# SPDX-License-Identifier: GPL-2.0-or-later
# Builds arrays of EMD and of md from the same members, and runs loads on them. What is to be done comes as a list of calls,
# which suite/script.py writes; what was measured goes to the kernel log (module/emd_bench.c).
settle() { :; }	# no udev here: nothing opens an array but we

subject() { SUBJECT=$1; . /lib/emd/subject.sh; }

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
		[ "$1" = 0 ] || echo 0 >"$limit" || fail "$limit cannot be switched off"
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
	local tag=$1 word
	shift
	for word in tag="$tag" hist=0 check=0 sample=0 seed=1 other=0 span=0 "$@"; do
		echo "${word#*=}" >"$generator/${word%%=*}"
	done
	echo 1 2>/tmp/refusal >$generator/run || fail "$tag: $(cat /tmp/refusal): $(dmesg | grep emd_bench | tail -1)"
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
