# SPDX-License-Identifier: GPL-2.0-or-later
# A reshape that rests in the midst of its way is turned: what has moved is moved back, under a verifying load, and the array is what it was:
# more members, another chunk and layout, another level, and with a member missing. Nothing moves for the turn itself.
#: disks: 5x24M, oracle 64M
#: modules: raid6_pq xor
#: kernels: 6.1 uml
#: udev: no
#: files: tests/vm/guest/array.sh
#: timeout: 300
. /array.sh
WAS=8192 MOVED=4096

verified() { emdwork verify "$dev" "$oracle" >/tmp/verify || { cat /tmp/verify; fail "$1"; }; }
at_limit() { attr_is "$md/reshape_position" "$half"; }
load() { emdwork load "$dev" "$oracle" --jobs 2 --count 30 --seed "$((RANDOM + 1))" >/tmp/load 2>&1 & writers=$!; }
written() { wait $writers || { cat /tmp/load; fail "$1: the load met an error"; }; }
each() { for d in $members; do echo "$2" >"$(member "$d")/$1"; done; }
# there_and_back EIGHTHS WHAT DATA FAILS ATTRIBUTE=VALUE...: as far as that; DATA of the target's members hold data; FAILS is a member, or -
there_and_back() {
	local far=$1 what=$2 data=$3 fails=$4 pair size disks step
	shift 4
	say "$what, and back"
	size=$(size_bytes)
	disks=$(cat "$md/raid_disks")
	was=$(grep -H . "$md/level" "$md/raid_disks" "$md/chunk_size" "$md/layout")
	each new_offset $MOVED
	for pair; do echo "${pair#*=}" >"$md/${pair%%=*}"; done
	for d in $spares; do echo "$disks" >"$(member "$d")/slot"; disks=$((disks + 1)); done
	read -r step _ <"/sys/block/$array/emd/reshape_unit"
	half=$(($(cat "$md/component_size") * 2 * data * far / 8 / step * step))
	echo $((half / data)) >"$md/sync_max"
	load
	echo reshape >"$md/sync_action"
	wait_for 60 at_limit
	refuse_store busy backwards "$md/reshape_direction"
	written "$what"
	echo frozen >"$md/sync_action"
	wait_for 10 attr_is "$md/sync_action" frozen
	expect_attr "$md/reshape_direction" forwards
	echo backwards >"$md/reshape_direction"
	expect_attr "$md/reshape_direction" backwards
	expect_attr "$md/sync_max" 0
	[ "$(size_bytes)" = "$size" ] || fail "it has $(size_bytes) bytes now, not $size"
	refuse_store "Invalid argument" forwards "$md/reshape_direction"
	verified "$what: turned"
	[ "$fails" = - ] || echo faulty >"$(member "$fails")/state"
	load
	echo reshape >"$md/sync_action"
	echo max >"$md/sync_max"
	wait_for 60 attr_is "$md/reshape_position" none
	written "$what: the way back"
	verified "$what: back"
	now=$(grep -H . "$md/level" "$md/raid_disks" "$md/chunk_size" "$md/layout")
	[ "$now" = "$was" ] || fail "it was $was, and is $now"
	[ "$(size_bytes)" = "$size" ] || fail "it has $(size_bytes) bytes now, not $size"
	for d in $members; do [ "$d" = "$fails" ] || expect_attr "$(member "$d")/offset" $WAS; done
	for d in $spares; do expect_attr "$(member "$d")/slot" none; done
	case $fails:$(cat "$md/level") in -:raid0) ;; -:*) clean_check ;; esac
	stop_array
}
# make LEVEL DISKS CHUNK LAYOUT MEMBER... -- SPARE...
make() {
	local level=$1 disks=$2 chunk=$3 layout=$4
	shift 4
	members= spares=
	while [ "$1" != -- ]; do members="$members $1"; shift; done
	shift
	spares=$*
	make_array emd0 "$level" "$disks" "$chunk" "$layout" $members
	each offset $WAS
	echo $(((24576 - WAS / 2) / 512 * 512)) >"$md/component_size"
	start_array
	echo $(($(size_bytes) / 1024)) >"$md/array_size"
	emdwork fill "$dev" "$oracle"
	for d in $spares; do
		hand_in "$d" "$md/new_dev"
		wait_for 5 test -e "$(member "$d")"
		echo $WAS >"$(member "$d")/offset"
		echo 0 >"$(member "$d")/size"
	done
	members="$members $spares"
}

make raid5 3 64 2 "$d0" "$d1" "$d2" -- "$d3"
there_and_back 4 "three disks to four" 3 - raid_disks=4
make raid5 3 64 2 "$d0" "$d1" "$d2" -- "$d3"
there_and_back 7 "three disks to four, when all has moved that anybody has written" 3 - raid_disks=4
make raid5 4 64 2 "$d0" "$d1" "$d2" "$d3" --
there_and_back 4 "chunk and layout" 3 - chunk_size=131072 layout=0
make raid5 4 64 2 "$d0" "$d1" "$d2" "$d3" --
there_and_back 4 "chunk, and a member fails" 3 "$d1" chunk_size=131072
make raid10 4 64 258 "$d0" "$d1" "$d2" "$d3" -- "$d4"
there_and_back 4 "mirrors to RAID6" 3 - new_level=raid6 raid_disks=5
make raid5 3 64 2 "$d0" "$d1" "$d2" -- "$d3"
there_and_back 4 "RAID5 to RAID0" 4 - new_level=raid0 raid_disks=4
make raid0 3 64 - "$d0" "$d1" "$d2" -- "$d3"
there_and_back 4 "RAID0 to RAID5" 3 - raid_disks=4 new_level=raid5
