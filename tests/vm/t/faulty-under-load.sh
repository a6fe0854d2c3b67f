# SPDX-License-Identifier: GPL-2.0-or-later
# Members are failed, replaced by a spare and rebuilt again and again while an oracle writer runs. In RAID5 and RAID6 every
# stripe is filled meanwhile, by small writes at random places from four submitters, none of which waits long.
#: disks: 5x6M, oracle 128M
#: kernels: 6.1 uml
#: timeout: 240
. /lib/emd/subject.sh

cycle() {	# OUT IN: OUT fails, IN is rebuilt in its place
	fail_member 1 "$1"
	wait_attr 10 "$(md_attr 1 degraded)" 1
	remove_member 1 "$1"
	rebuild_onto 1 "$2" 120
}

take_turns() {	# SPARE DEVICE...: each member in turn fails, and is the next one's spare
	local spare=$1 device
	shift
	for device; do
		cycle "$device" "$spare"
		spare=$device
	done
}

under_load() {	# LEVEL SPARE DEVICE...: three members in turn become the spare
	local level=$1 spare=$2 writer
	shift 2
	say "$level"
	make_array 1 "$level" 16384 2 none "$@"
	emdwork fill "$(dev 1)" "$oracle"
	emdwork load "$(dev 1)" "$oracle" --jobs 4 --seconds 1000 --batch 1 &
	writer=$!
	wait_writer 1
	take_turns "$spare" "$@"
	kill -0 $writer || fail "the writer ended: a write failed"
	kill $writer
	wait $writer || true
	emdwork verify "$(dev 1)" "$oracle"
	check_array 1
	stop_array 1
}

# Of a request, in ms. That a guest now and then stands still is not the array's doing: up to five seconds of it are added.
limit=$((2000 * SLOW))
stalls() {
	local last now most=0
	last=$(now_cs)
	until [ -e /tmp/enough ]; do
		usleep 200000
		now=$(now_cs)
		[ $((now - last - 20)) -le $most ] || most=$((now - last - 20))
		last=$now
	done
	[ $most -le 500 ] || most=500
	echo $((most * 10)) >/tmp/stalled
}
fill_again_and_again() {
	until [ -e /tmp/enough ]; do emdwork load "$(dev 1)" "$oracle" --jobs 4 --every 1 || return 1; done
}
# fill_under_faults LEVEL SPARE DEVICE...: each block is written once, from four submitters, and again; meanwhile the devices in
# turn become the spare
fill_under_faults() {
	local level=$1 spare=$2 writer stalls took
	shift 2
	say "$level: every stripe, by small writes"
	make_array 1 "$level" 16384 2 none "$@"
	emdwork fill "$(dev 1)" "$oracle"
	set_attr 1 sync_action repair
	wait_sync 1 120
	rm -f /tmp/enough
	fill_again_and_again >/tmp/load 2>&1 &
	writer=$!
	stalls &
	stalls=$!
	wait_writer 1
	take_turns "$spare" "$@"
	touch /tmp/enough
	wait $writer || { cat /tmp/load; fail "a write failed"; }
	wait $stalls
	took=$(sed -n 's/.* took \([0-9]*\) ms$/\1/p' /tmp/load | sort -n | tail -1)
	say "the longest request of all took $took ms, and the guest stood still for $(cat /tmp/stalled) ms"
	[ "$took" -lt $((limit + $(cat /tmp/stalled))) ] || fail "a request took $took ms"
	emdwork verify "$(dev 1)" "$oracle"
	check_array 1
	stop_array 1
}

under_load raid1 "$d2" "$d0" "$d1"
fill_under_faults raid5 "$d3" "$d0" "$d1" "$d2"
fill_under_faults raid6 "$d4" "$d0" "$d1" "$d2" "$d3"
