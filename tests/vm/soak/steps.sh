# SPDX-License-Identifier: GPL-2.0-or-later
# The steps of a soak, by sysfs alone. The plan (plan.py) calls them; disks are d0, d1, ..., each with bad sectors on demand.
. /array.sh
. /bitmap.sh
. /dust.sh
writer='' longest=0
if [ "$SPOILS" = 0 ]; then
	dust_table() { echo "0 $(blockdev --getsz "$1") linear $1 0"; }
	dust_on() { :; }
fi

use()	{ array=$1 md=/sys/block/$1/md emd=/sys/block/$1/emd dev=/dev/$1; }
number_of() { echo "${1#d}"; }
# path_of NAME: of a disk or an array
path_of() { case $1 in emd*) echo "/dev/$1" ;; *) eval "echo \"\$m$(number_of "$1")\"" ;; esac; }
below()	{ eval "echo \"\$$1\""; }	# the disk under a dust disk

make_disks() {
	local i
	for i in 0 1 2 3 4 5 6 7 8 9 10 11; do
		dust_disk dust$i "$(below d$i)"
		eval "m$i=\$(dust_node dust$i)"
	done
}
remove_disks() { local i; for i in 0 1 2 3 4 5 6 7 8 9 10 11; do dmsetup remove --noudevsync --retry dust$i; done; }

tree()	{ say "$1"; }
step()	{
	local from
	say "  $*"
	from=$(now_cs)
	"$@"
	alive
	from=$((($(now_cs) - from) / 100))
	[ $from -lt 5 ] || say "  ($from s)"
}
# What went wrong is said with the state of all arrays.
report() {
	local status=$?
	[ $status != 0 ] || return 0
	cat /proc/emdstat
	grep -H . /sys/block/emd*/emd/last_error /sys/block/emd*/md/sync_action /sys/block/emd*/md/dev-*/state 2>/dev/null || true
	[ -z "$writer" ] || cat /tmp/load
	exit $status
}
trap report EXIT

# --- arrays ---------------------------------------------------------------------------------------------------------
# build NAME LEVEL CHUNK_KIB LAYOUT BITS START KID|- ...: BITS: - (no bitmap), new (all regions dirty), kept (as they are)
build() {
	local name=$1 level=$2 chunk=$3 layout=$4 bits=$5 start=$6 kid paths=
	shift 6
	for kid; do
		if [ "$kid" = - ]; then paths="$paths -"; else paths="$paths $(path_of "$kid")"; fi
	done
	# shellcheck disable=SC2086
	if [ "$bits" = - ]; then
		make_array "$name" "$level" $# "$chunk" "$layout" $paths
	else
		[ "$bits" = kept ] || for kid in $paths; do [ "$kid" = - ] || all_bits "$kid"; done
		bitmap_array "$name" "$level" $# "$chunk" "$layout" $paths
	fi
	# without a member that was the smallest it would be larger than before
	[ ! -e "/tmp/size.$name" ] || cat "/tmp/size.$name" >"$md/component_size"
	case $level in raid0 | linear) echo active >"$md/array_state"; wait_for 5 test -b "$dev" ;; *) start_array "$start" ;; esac
	drop_caches
}
stop() {
	local block size
	for block in /sys/block/emd*; do
		size=$(cat "$block/md/component_size")
		case $(cat "$block/md/level") in raid0 | linear) ;; *) echo "$size" >"/tmp/size.${block##*/}" ;; esac
	done
	use "$1"
	stop_array
}
nothing_left() {
	[ "$(cat /sys/module/emd/refcnt)" = 0 ] || fail "the module has $(cat /sys/module/emd/refcnt) users"
	! ls -d /sys/block/emd* 2>/dev/null || fail "arrays are left"
	rm -f /tmp/size.*
}

# --- data -----------------------------------------------------------------------------------------------------------
fill()	{ emdwork fill "/dev/$1" "$oracle"; }
extend() { emdwork extend "/dev/$1" "$oracle"; }
verify() {
	drop_caches
	emdwork verify "/dev/$1" "$oracle" >/tmp/verify || { cat /tmp/verify; fail "$1: data is wrong"; }
}
writes_done() { set -- $(cat "/sys/block/$1/stat"); echo "$5"; }
has_written() { [ "$(writes_done "$1")" -gt "$2" ]; }
load() {
	local before
	loaded="$*"
	before=$(writes_done "$1")
	emdwork load "/dev/$1" "$oracle" --jobs "$2" --batch "$3" --span "$4" --seed "$5" >/tmp/load 2>&1 &
	writer=$!
	wait_for 30 has_written "$1" "$before"
}
ended() {
	local took
	wait "$writer" || { cat /tmp/load; fail "the load met an error"; }
	writer=
	took=$(sed -n 's/.* took \([0-9]*\) ms$/\1/p' /tmp/load)
	[ "$took" -le "$longest" ] || longest=$took
	[ "$took" -lt 2000 ] || say "  (a request took $took ms)"
}
unload() { kill -INT "$writer" 2>/dev/null || true; ended; }
# The load still runs. When it has filled the oracle, it begins anew.
alive()	{
	if [ "$writer" ] && ! kill -0 "$writer" 2>/dev/null; then
		ended
		# shellcheck disable=SC2086
		set -- $loaded
		verify "$1"
		fill "$1"
		load "$@"
	fi
}
read_all() { drop_caches; dd if="/dev/$1" of=/dev/null bs=1M iflag=direct 2>/tmp/read || { cat /tmp/read; fail "$1 cannot be read"; }; }

# --- members --------------------------------------------------------------------------------------------------------
synced() { use "$1"; wait_for 120 attr_is "$md/resync_start" none; wait_idle 120; }
lost()	{ [ ! -e "$1" ]; }
# asked STAT: the sectors that a disk was asked for. A flush counts as a write there, but an error target takes it.
asked() { set -- $(cat "$1"); echo "$3 $7"; }
# break_disk DISK KID: it answers no more. If nobody asks it (of a large member only the beginning may be in use), KID is failed by a store.
break_disk() {
	local disk=dust$(number_of "$1") stat before begin
	stat=/sys/block/$(basename "$(path_of "$1")")/stat
	error_disk "$disk"
	before=$(asked "$stat")
	begin=$(now_cs)
	until lost "$2"; do
		if [ $(($(now_cs) - begin)) -gt 300 ] && [ "$(asked "$stat")" = "$before" ]; then
			say "  (nothing uses $1)"
			echo faulty >"$2/state"
			return
		fi
		[ $(($(now_cs) - begin)) -lt 6000 ] || return 0	# who called waits, and says for what
		usleep 50000
	done
}
# lose ARRAY KID store|DISK [INNER...]: the kid is failed by a store, or by a disk that answers no more; INNER go with it
lose() {
	local kid inner
	use "$1"
	kid=$(member "$(path_of "$2")")
	case $3 in
	store) echo faulty >"$kid/state" ;;
	*)     break_disk "$3" "$kid" ;;
	esac
	wait_for 60 lost "$kid"
	shift 3
	for inner; do wait_for 20 lost "/sys/block/$inner"; done
}
mend()	{ dust_again "dust$(number_of "$1")" "$(below "$1")"; }
# add ARRAY KID SLOT spare|slot|insync: taken by itself, put into its slot, or put there with what it holds (by the bitmap)
add() {
	local kid
	use "$1"
	kid=$(path_of "$2")
	if [ "$4" = spare ]; then
		add_member "$kid"
		return
	fi
	echo frozen >"$md/sync_action"
	if [ -e "$md/bitmap/location" ] && [ "$(cat "$md/bitmap/location")" != none ]; then
		[ "$4" = insync ] || zero_bits "$kid"
		offer "$kid"
		[ "$4" != insync ] || echo insync >"$(member "$kid")/state"
	else
		add_member "$kid"
	fi
	echo "$3" >"$(member "$kid")/slot"
	echo recover >"$md/sync_action"
}
recovered() { use "$1"; wait_for 120 attr_is "$md/degraded" "$2"; wait_idle 120; }

# --- passes ---------------------------------------------------------------------------------------------------------
run_pass() {
	use "$1"
	wait_idle 120
	echo "$2" >"$md/sync_action"
	wait_idle 120
	expect_attr "$md/last_sync_action" "$2"
	expect_attr "$md/mismatch_cnt" 0
}
interrupt() {
	use "$1"
	echo check 2>/dev/null >"$md/sync_action" || true	# another pass may be running
	usleep 50000
	echo frozen >"$md/sync_action"
	usleep 50000
	echo idle >"$md/sync_action"
}
spoil_disk() {
	local disk=$1
	shift
	spoil "dust$(number_of "$disk")" "$@"
}
# refuse ARRAY DISK BLOCK...: these are neither read nor written any more, and it keeps a list of them
refuse() {
	local disk=dust$(number_of "$2") kid at=0 block disk_below
	use "$1"
	disk_below=$(below "$2")
	kid=$(member "$(path_of "$2")")
	echo external_bbl >"$kid/state"
	shift 2
	change_table "$disk" "$(for block; do
		[ $((block * 8)) = $at ] || echo "$at $((block * 8 - at)) linear $disk_below $at"
		echo "$((block * 8)) 8 error"
		at=$(((block + 1) * 8))
	done; echo "$at $(($(blockdev --getsz "$disk_below") - at)) linear $disk_below $at")"
}
# blocks_of LIST: of ranges in sectors, in which each is bad as a whole
blocks_of() {
	local begin sectors
	echo "$1" | while read -r begin sectors; do
		[ $((begin % 8 + sectors % 8)) = 0 ] || echo "$begin+$sectors"
		seq $((begin / 8)) $(((begin + sectors) / 8 - 1))
	done
}
# listed ARRAY DISK strict|loose BLOCK...: a pass has found them, unless they may lie where nobody reads; and nothing else is listed
listed() {
	local kid strict=$3 had block other
	use "$1"
	kid=$(member "$(path_of "$2")")
	shift 3
	had=$(blocks_of "$(cat "$kid/bad_blocks")" | tr '\n' ' ')
	if [ $strict = strict ]; then
		[ "$had" = "$* " ] || fail "$kid has the blocks $had in its list, not $*"
	fi
	for block in $had; do case " $* " in *" $block "*) ;; *) fail "$kid has $block in its list, not only $*" ;; esac done
	for other in "$md"/dev-*; do [ "$other" = "$kid" ] || [ -z "$(cat "$other/bad_blocks")" ] || fail "$other has a list"; done
}

# slot_is SLOT DEVICE
slot_is() { [ "$(readlink "$md/rd$1")" = "dev-$(basename "$2")" ]; }
# replace ARRAY SLOT OLD NEW: until NEW has some of it
replace() {
	local old new
	use "$1"
	old=$(path_of "$3") new=$(path_of "$4")
	wait_idle 120
	echo frozen >"$md/sync_action"
	echo want_replacement >"$(member "$old")/state"
	add_member "$new"
	echo 0 >"$md/sync_min"	# an interrupted check has left where it was
	echo 1024 >"$md/sync_max"
	echo recover >"$md/sync_action"
	wait_for 120 completed_is 1024
	expect_attr "$(member "$new")/slot" "$2"
	slot_is "$2" "$old" || fail "$old has lost its slot"
}
# replaced ARRAY SLOT OLD NEW both|new|old: both are good to the end, or one of them fails
replaced() {
	local old new
	use "$1"
	old=$(path_of "$3") new=$(path_of "$4")
	case $5 in
	new)	echo faulty >"$(member "$new")/state"
		wait_for 60 lost "$(member "$new")"
		echo -want_replacement >"$(member "$old")/state"
		echo max >"$md/sync_max" ;;
	old)	echo faulty >"$(member "$old")/state"
		wait_for 60 lost "$(member "$old")"
		wait_for 60 slot_is "$2" "$new"
		echo max >"$md/sync_max"
		return ;;
	*)	echo max >"$md/sync_max"
		wait_for 120 slot_is "$2" "$new"
		wait_for 60 lost "$(member "$old")" ;;
	esac
	wait_idle 120
	expect_attr "$md/degraded" 0
}
# plant DISK: what nobody wrote, where there are data
plant() { dd if=/dev/urandom of="$(below "$1")" bs=4096 seek=512 count=8 oflag=direct conv=notrunc 2>/dev/null; }
# healed_disk DISK strict|loose: a pass has mended it, unless it may lie where nobody reads
healed_disk() {
	local disk=dust$(number_of "$1")
	[ "$2" = loose ] || healed "$disk" || fail "$1 still has $(bad_blocks "$disk") bad blocks"
	dmsetup message "$disk" 0 clearbadblocks
}
# queues own|shared: disks of device mapper may have arrays below, for all that EMD knows; these have not
queues() { case $1 in own) echo Y ;; *) echo N ;; esac >/sys/module/emd/parameters/own_queues; }
# speed MIN MAX: of passes, in KiB/s; what they do beside a load is MIN
speed()	{ echo "$1" >/sys/module/emd/parameters/speed_limit_min; echo "$2" >/sys/module/emd/parameters/speed_limit_max; }

# A level without redundancy has the attribute as long as it is reshaped, and a moment longer.
no_pass() { [ ! -e "$md/sync_action" ] || is_idle; }
# reshape NAME SLOT DISK,...|- ATTRIBUTE=VALUE...: disks join in the slots from SLOT on
reshape() {
	local slot=$2 disk pair disks=$3
	use "$1"
	shift 3
	wait_for 120 no_pass
	[ "$disks" = - ] || for disk in $(echo "$disks" | tr , ' '); do add_member "$(path_of "$disk")"; done
	for pair; do echo "${pair#*=}" >"$md/${pair%%=*}"; done
	[ "$disks" = - ] || for disk in $(echo "$disks" | tr , ' '); do
		echo "$slot" >"$(member "$(path_of "$disk")")/slot"
		slot=$((slot + 1))
	done
	echo reshape >"$md/sync_action"
	wait_for 120 attr_is "$md/reshape_position" none
	for pair; do expect_attr "$md/${pair%%=*}" "${pair#*=}"; done
	wait_for 120 no_pass
}
