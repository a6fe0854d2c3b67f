# SPDX-License-Identifier: GPL-2.0-or-later
# All layouts of RAID6: what was written in pieces of all sizes is there, with all members, and without one or two: data, P
# and Q in all pairs. With seven members and more a small write reads only itself, P and Q. What a recovery writes to members that
# came empty holds when others are missing, which needs its P and Q to be right, and a check that finds one wrong finds each.
#: disks: 8x2M
#: modules: xor raid6_pq
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/geometry.sh
#: timeout: 420
. /array.sh
. /geometry.sh

# recovers LAYOUT CHUNK-KIB SLOTS OTHERS DEVICE...: the members of SLOTS are made anew from the others, and hold what they have to without OTHERS
recovers() {
	local layout=$1 chunk=$2 slots=$3 others=$4 slot device
	shift 4
	say "raid6 layout $layout chunk $chunk KiB, $# members: slots $slots are recovered, then $others are missing"
	make_array emd0 raid6 $# "$chunk" "$layout" "$@"
	start_array dirty
	wait_for 60 attr_is "$md/resync_start" none
	new_content
	write_pieces
	stop_array
	make_array emd0 raid6 $# "$chunk" "$layout" $(without "$slots" "$@")
	start_array
	echo frozen >"$md/sync_action"	# until all are there
	for slot in $(echo "$slots" | tr , ' '); do
		eval "device=\${$((slot + 1))}"
		dd if=/dev/urandom of="$device" bs=64K oflag=direct 2>/dev/null || :	# to its end
		add_member "$device"
	done
	echo recover >"$md/sync_action"
	wait_attr 60 "$md/degraded" 0
	wait_idle
	same "slots $slots were recovered"
	clean_check
	stop_array
	make_array emd0 raid6 $# "$chunk" "$layout" $(without "$others" "$@")
	start_array
	same "slots $slots were recovered and slots $others are missing"
	stop_array
}

# finds DEVICE PAGE CHUNK-KIB DEVICE...: a check of layout 2 finds that a page of the device is another, and a repair makes parity right
finds() {
	local device=$1 page=$2 chunk=$3
	shift 3
	dd if=/dev/urandom of="$device" bs=4096 count=1 seek="$page" oflag=direct conv=notrunc 2>/dev/null
	make_array emd0 raid6 $# "$chunk" 2 "$@"
	start_array
	echo check >"$md/sync_action"
	wait_idle
	[ "$(cat "$md/mismatch_cnt")" != 0 ] || fail "a check finds nothing wrong with page $page of $device"
	echo repair >"$md/sync_action"
	wait_idle
	clean_check
	stop_array
}

one_geometry raid6 0 4 "0,1" "$d0" "$d1" "$d2" "$d3" "$d4"
one_geometry raid6 1 64 "1,2" "$d0" "$d1" "$d2" "$d3"
one_geometry raid6 2 16 "2,6 3" "$d0" "$d1" "$d2" "$d3" "$d4" "$d5" "$d6"
one_geometry raid6 3 8 "1,4" "$d0" "$d1" "$d2" "$d3"
one_geometry raid6 4 4 "0,3 1,2" "$d0" "$d1" "$d2" "$d3" "$d4"	# P on slot 0, Q on slot 1
one_geometry raid6 5 256 "0,2 0,1" "$d0" "$d1" "$d2" "$d3"	# P on slot 2, Q on slot 3
one_geometry raid6 8 4 "0,4" "$d0" "$d1" "$d2" "$d3" "$d4"
one_geometry raid6 9 16 "1,2" "$d0" "$d1" "$d2" "$d3"
one_geometry raid6 10 4 "3,7" "$d0" "$d1" "$d2" "$d3" "$d4" "$d5" "$d6" "$d7"
one_geometry raid6 16 4 "0,3" "$d0" "$d1" "$d2" "$d3" "$d4"
one_geometry raid6 17 8 "1,3" "$d0" "$d1" "$d2" "$d3"		# Q on the last slot
one_geometry raid6 18 4 "2,3" "$d0" "$d1" "$d2" "$d3" "$d4"
one_geometry raid6 19 16 "0,1" "$d0" "$d1" "$d2" "$d3"
one_geometry raid6 20 4 "1,2" "$d0" "$d1" "$d2" "$d3" "$d4"

recovers 2 4 "0,1" "2,3" "$d0" "$d1" "$d2" "$d3" "$d4"
recovers 10 16 "4" "0,1" "$d0" "$d1" "$d2" "$d3" "$d4" "$d5"
recovers 20 4 "0,4" "1,2" "$d0" "$d1" "$d2" "$d3" "$d4"	# P and Q of all rows

# The first member has another part in each of five rows: data thrice, P and Q.
say "a check finds what is wrong, whatever it is"
make_array emd0 raid6 5 4 2 "$d0" "$d1" "$d2" "$d3" "$d4"
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
stop_array
for row in 0 1 2 3 4; do finds "$d0" $row 4 "$d0" "$d1" "$d2" "$d3" "$d4"; done
