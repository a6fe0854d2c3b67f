# SPDX-License-Identifier: GPL-2.0-or-later
# The lab itself: a cut keeps what was flushed and loses of the rest; the oracle knows which is which.
#: disks: 16M, 8x1M, 16M scsi, oracle 8M
#: kernels: 6.12
#: timeout: 90
#: boots: 4
#: power: yes
#: flush-delay: 20
#: emd: no
ones() { tr '\0' '\377' </dev/zero | head -c 1048576; }

boot1() {
	emdwork fill "$d0" "$oracle"
	emdwork verify "$d0" "$oracle"
	(emdwork load "$d0" "$oracle" --jobs 4 || true) &
	cut_within 2 5
	sleep 1000
}

boot2() {
	emdwork verify "$d0" "$oracle" --settle 1
	# What was written but not flushed: of eight disks at least one loses some (but for one cut in 65536).
	for disk in $d1 $d2 $d3 $d4 $d5 $d6 $d7 $d8; do
		ones | dd of="$disk" bs=65536 oflag=direct iflag=fullblock 2>/dev/null
	done
	# The other bus: a flush reaches the server from there, too.
	ones | dd of="$d9" bs=65536 conv=fsync 2>/dev/null
	cut_now
}

boot3() {
	ones | cmp -n 1048576 - "$d9" || fail "a flushed write to the scsi disk is lost"
	lost=0
	for disk in $d1 $d2 $d3 $d4 $d5 $d6 $d7 $d8; do
		ones | cmp -s - "$disk" || lost=$((lost + 1))
	done
	[ $lost -gt 0 ] || fail "unflushed writes survive the cut on all of eight disks"
	say "$lost of 8 disks lost unflushed writes"
	emdwork verify "$d0" "$oracle"
	cut_at_write d0 40
	emdwork load "$d0" "$oracle"
	fail "the power did not go at the 40th write"
}

boot4() {
	emdwork verify "$d0" "$oracle"
	fail_disk d1
	wait_for 5 reads_fail
	heal_disk d1
	wait_for 5 reads_work

	say "many cuts of one life: each has what was flushed, and some of what came since"
	for disk in $d1 $d2; do ones | dd of="$disk" bs=65536 conv=fsync 2>/dev/null; done
	keep_disks before
	keep_cuts cut 8 1 2
	dd if=/dev/zero of="$d1" bs=65536 count=16 oflag=direct 2>/dev/null
	wait_for 5 disks_say cut8
	expect 1048576 zeros "$d1"
	some=no lost=no
	for cut in 1 2 3 4 5 6 7 8; do
		rewind_disks cut$cut
		expect 0 zeros "$d2"
		left=$(zeros "$d1")
		[ "$left" -le $((cut * 2 * 65536)) ] || fail "cut $cut has $left bytes of what was written"
		[ "$left" = 0 ] || some=yes
		[ "$left" -ge $((cut * 65536)) ] || lost=yes
	done
	expect "yes yes" echo "$some $lost"
	rewind_disks before
	expect 0 zeros "$d1"

	say "more of a name that was said before; others follow the last of these with nobody between, as they were asked for"
	keep_cuts last 1 1 1
	flushed_zeros "$d2" 1
	wait_for 5 disks_say last1
	keep_cuts first 8 1 1
	keep_cuts second 4 2 2
	keep_cuts last 1 1 1 128
	flushed_zeros "$d1" 16
	wait_for 5 disks_say second4
	! disks_say last1 || fail "the last cut is there before its write"
	flushed_zeros "$d2" 1
	wait_for 5 disks_say last1
	for cut in 1 2 3 4 5 6 7 8; do
		rewind_disks first$cut
		in_write $cut
	done
	for cut in 1 2 3 4; do
		rewind_disks second$cut
		in_write $((8 + cut * 2))
	done
	rewind_disks last1
	expect 1048576 zeros "$d1"

	say "what was asked for is forgotten when the disks are rewound"
	keep_cuts first 1 1 1
	keep_cuts second 1 1 1
	rewind_disks before
	flushed_zeros "$d1" 2
	disks_say before || fail "the disks do not say that they were rewound"
	! disks_say first1 || fail "a cut was kept after the disks were rewound"
	! disks_say second1 || fail "another cut was kept after the disks were rewound"
}
# flushed_zeros DISK COUNT: so many writes of 64 KiB
flushed_zeros() {
	local at=0
	while [ $at -lt "$2" ]; do
		dd if=/dev/zero of="$1" bs=65536 count=1 seek=$at oflag=direct conv=notrunc,fsync 2>/dev/null
		at=$((at + 1))
	done
}
# in_write N: the power went at the N-th of them to d1, so those before are there, and of this there may be some
in_write() {
	left=$(zeros "$d1")
	[ "$left" -ge $((($1 - 1) * 65536)) ] && [ "$left" -le $(($1 * 65536)) ] || fail "at write $1 there are $left bytes"
}
zeros() { dd if="$1" bs=65536 iflag=direct 2>/dev/null | tr -d '\377' | wc -c; }
reads_work() { dd if="$d1" of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null; }
reads_fail() { ! reads_work; }
