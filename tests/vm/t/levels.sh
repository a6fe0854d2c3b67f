# SPDX-License-Identifier: GPL-2.0-or-later
# Each level: data is there after load, without a member, after a rebuild onto a spare, and after stop and start;
# members agree (check finds nothing).
#: disks: 5x16M, 20M, oracle 16M
#: kernels: 6.1 uml
#: timeout: 240
. /lib/emd/subject.sh
CHUNK=65536

written() { emdwork load "$(dev 1)" "$oracle" --count "$1" --jobs 4; }
verified() { emdwork verify "$(dev 1)" "$oracle" >/tmp/verify || { cat /tmp/verify; fail "$1: data is wrong"; }; }

# degrade_and_rebuild SPARE: with slot 1 gone all data is there; then the spare takes its place
degrade_and_rebuild() {
	fail_member 1 "$d1"
	wait_attr 10 "$(md_attr 1 degraded)" 1
	verified "degraded"
	written 40
	verified "degraded, written"
	remove_member 1 "$d1"
	rebuild_onto 1 "$1" 120
	verified "rebuilt"
	check_array 1
}

level() {	# level NAME LAYOUT REDUNDANT DEVICE...
	local name=$1 layout=$2 redundant=$3
	shift 3
	say "$name of $#"
	make_array 1 "$name" $CHUNK "$layout" none "$@"
	if [ "$redundant" = yes ]; then	# members with different contents: a resync makes them agree
		stop_array 1
		make_array 1 "$name" $CHUNK "$layout" 0 "$@"
		wait_sync 1 120
	fi
	emdwork fill "$(dev 1)" "$oracle"
	written 100
	verified "written"
	[ "$redundant" = no ] || { check_array 1; degrade_and_rebuild "$d4"; }
	stop_array 1
	[ "$redundant" = no ] || set -- "$1" "$d4" ${3+"$3"} ${4+"$4"}
	make_array 1 "$name" $CHUNK "$layout" none "$@"
	verified "started again"
	stop_array 1
}

level raid0 0 no "$d0" "$d1" "$d5"
level raid1 0 yes "$d0" "$d1"
level raid4 0 yes "$d0" "$d1" "$d2"
level raid5 2 yes "$d0" "$d1" "$d2" "$d3"
level raid5 0 yes "$d0" "$d1" "$d2"
