# SPDX-License-Identifier: GPL-2.0-or-later
# Members are failed, replaced by a spare and rebuilt again and again while an oracle writer runs.
#: disks: 4x16M, oracle 32M
#: kernels: 6.1 6.12 uml
#: timeout: 240
. /lib/emd/subject.sh

cycle() {	# OUT IN: OUT fails, IN is rebuilt in its place
	fail_member 1 "$1"
	wait_attr 10 "$(md_attr 1 degraded)" 1
	remove_member 1 "$1"
	rebuild_onto 1 "$2" 120
}

under_load() {	# LEVEL SPARE DEVICE...: three members in turn become the spare
	local level=$1 spare=$2 writer device
	shift 2
	say "$level"
	make_array 1 "$level" 16384 2 none "$@"
	emdwork fill "$(dev 1)" "$oracle"
	[ "$level" = raid1 ] || set_attr 1 sync_action repair
	wait_sync 1 120
	emdwork load "$(dev 1)" "$oracle" --jobs 4 --seconds 1000 --batch 1 &
	writer=$!
	wait_writer 1
	for device; do
		cycle "$device" "$spare"
		spare=$device
	done
	kill -0 $writer || fail "the writer ended: a write failed"
	kill $writer
	wait $writer || true
	emdwork verify "$(dev 1)" "$oracle"
	check_array 1
	stop_array 1
}

under_load raid1 "$d2" "$d0" "$d1"
under_load raid5 "$d3" "$d0" "$d1" "$d2"
