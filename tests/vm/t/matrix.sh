# SPDX-License-Identifier: GPL-2.0-or-later
# Every level and layout, under writers whose every byte is verified: while it syncs for the first time, while it is checked,
# with each set of members missing that it tolerates, and while all of them are recovered at once; after each, check finds nothing.
#: disks: 7x2M, oracle 48M
#: modules: xor raid6_pq
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh
#: udev: no
#: timeout: 900
. /array.sh
writer= turn=0
# Of each array's sets TRIED are tried, and of the arrays one in EVERY: others with each seed.
case $KERNEL in uml) TRIED=2 EVERY=1 ;; *) TRIED=1 EVERY=3 ;; esac

writes_done() { set -- $(cat "/sys/block/$array/stat"); echo "$5"; }
wrote() { [ "$(writes_done)" -gt "$1" ]; }

# burst SPAN BATCH: writers in the background; back when the array has seen the first of them
burst() {
	local before
	before=$(writes_done)
	emdwork load "$dev" "$oracle" --count 5 --jobs 4 --span "$1" --batch "$2" --seed "$((RANDOM + 1))" >/tmp/load 2>&1 &
	writer=$!
	wait_for 30 wrote "$before"
}
written() { wait $writer || { cat /tmp/load; fail "$1: the writers met an error"; }; }
verified() {
	echo 3 >/proc/sys/vm/drop_caches
	emdwork verify "$dev" "$oracle" >/tmp/verify || { cat /tmp/verify; fail "$1: data is wrong"; }
}
random_content() { local disk; for disk; do dd if=/dev/urandom of="$disk" bs=1M count=2 conv=fsync 2>/dev/null; done; }
gone() { [ ! -e "$(member "$1")" ]; }

# nth N DEVICE...: the device in slot N
nth() { shift "$1"; echo "$2"; }

# without_members SLOTS DEVICE...: they fail under the writers, and are recovered at once under others
without_members() {
	local slots=$1 slot lost= disk
	shift
	burst 64 0
	for slot in $slots; do
		lost="$lost $(nth "$slot" "$@")"
		echo faulty >"$(member "${lost##* }")/state"
	done
	written "slots $slots fail"
	expect_attr "$md/degraded" $(echo $slots | wc -w)
	burst 16 1
	written "slots $slots are missing"
	verified "slots $slots are missing"
	burst 32 0
	echo frozen >"$md/sync_action"
	for slot in $slots; do
		disk=$(nth "$slot" "$@")
		wait_for 20 gone "$disk"
		random_content "$disk"
		add_member "$disk" "$slot"
	done
	echo recover >"$md/sync_action"
	wait_for 60 attr_is "$md/degraded" 0
	wait_idle
	written "slots $slots are recovered"
	verified "slots $slots were recovered"
	clean_check
}

# sets MOST NEEDED DEVICE...: prints all sets of up to MOST slots that do not contain all of a set in NEEDED (slots joined by commas)
sets() {
	local most=$1 needed=$2 mask=0 slots slot number group lost
	shift 2
	while mask=$((mask + 1)) && [ $mask -lt $((1 << $#)) ]; do
		slots=, slot=0 number=0
		while [ $slot -lt $# ]; do
			if [ $((mask >> slot & 1)) = 1 ]; then slots=$slots$slot, number=$((number + 1)); fi
			slot=$((slot + 1))
		done
		lost=no
		for group in $needed; do
			lost=yes
			for slot in ${group//,/ }; do
				case $slots in *,$slot,*) ;; *) lost=no ;; esac
			done
			[ $lost = no ] || break
		done
		[ $lost = yes ] || [ $number -gt "$most" ] || echo "${slots//,/ }"
	done
}

# some_sets: TRIED of those in /tmp/sets
some_sets() {
	local nr
	nr=$(wc -l </tmp/sets)
	awk -v nr="$nr" -v tried="$TRIED" -v first="$(((SEED + turn * 7) % (nr > 0 ? nr : 1)))" \
		'tried >= nr || (NR - 1 + nr - first) % nr < tried' /tmp/sets
}

# one LEVEL LAYOUT CHUNK_KIB MOST NEEDED DEVICE...
one() {
	local level=$1 layout=$2 chunk=$3 most=$4 needed=$5 slots
	shift 5
	turn=$((turn + 1))
	[ $(((turn + SEED) % EVERY)) = 0 ] || return 0
	say "$level layout $layout chunk $chunk KiB, $# members"
	random_content "$@"
	make_array emd0 "$level" $# "$chunk" "$layout" "$@"
	if [ "$most" = 0 ]; then
		echo active >"$md/array_state"
		wait_for 5 test -b "$dev"
		emdwork fill "$dev" "$oracle"
	else
		start_array dirty
		emdwork fill "$dev" "$oracle"
		burst 64 0
		wait_for 60 attr_is "$md/resync_start" none
		wait_idle
		written "resync"
		burst 64 1
		clean_check
		written "check"
	fi
	burst 64 0
	written "healthy"
	verified "healthy"
	sets "$most" "$needed" "$@" >/tmp/sets
	some_sets | while read -r slots; do without_members "$slots" "$@"; done
	stop_array
}

one linear - 0 0 "" "$d0" "$d1" "$d2"
for layout in 1 2; do one raid0 $layout 16 0 "" "$d0" "$d1" "$d2"; done
one raid1 - 0 1 "" "$d0" "$d1"
one raid1 - 0 3 "" "$d0" "$d1" "$d2" "$d3"
one raid4 0 16 1 "" "$d0" "$d1" "$d2" "$d3"
for layout in 0 1 2 3 4 5; do one raid5 $layout 16 1 "" "$d0" "$d1" "$d2" "$d3"; done
for layout in 0 1 2 3 4 5 8 9 10; do one raid6 $layout 8 2 "" "$d0" "$d1" "$d2" "$d3" "$d4"; done
for layout in 16 17 18 19 20; do one raid6 $layout 16 2 "" "$d0" "$d1" "$d2" "$d3" "$d4"; done
one raid6 2 4 2 "" "$d0" "$d1" "$d2" "$d3" "$d4" "$d5" "$d6"
near2=258 near3=259 far2=513 offset2=66049 far2sets=262657
one raid10 $near2 16 2 "0,1 2,3" "$d0" "$d1" "$d2" "$d3"
one raid10 $near2 16 1 "" "$d0" "$d1" "$d2"
one raid10 $near3 16 4 "0,1,2 3,4,5" "$d0" "$d1" "$d2" "$d3" "$d4" "$d5"
one raid10 $far2 16 2 "0,1 1,2 2,3 3,0" "$d0" "$d1" "$d2" "$d3"
one raid10 $offset2 16 2 "0,1 1,2 2,3 3,4 4,0" "$d0" "$d1" "$d2" "$d3" "$d4"
one raid10 $far2sets 16 2 "0,1 2,3" "$d0" "$d1" "$d2" "$d3"
