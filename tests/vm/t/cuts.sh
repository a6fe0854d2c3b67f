# SPDX-License-Identifier: GPL-2.0-or-later
# The power goes ten times at random, with an oracle writer on a RAID5 and volatile caches in its disks: nothing that was
# acknowledged is missing, and after the resync the members agree.
#: kernels: 6.1
#: disks: 3x12M, oracle 32M
#: timeout: 100
#: boots: 11
#: power: yes
#: flush-delay: 10
. /lib/emd/subject.sh

go_on() {
	emdwork load "$(dev 1)" "$oracle" --jobs 4 --seconds 1000 --seed "$BOOT" --batch $((BOOT % 2)) &
	cut_within 1 4
	wait
	fail "the writer ended"
}
boot1() {
	make_array 1 raid5 16384 2 0 "$d0" "$d1" "$d2"
	emdwork fill "$(dev 1)" "$oracle"
	go_on
}
boot() {
	make_array 1 raid5 16384 2 0 "$d0" "$d1" "$d2"
	emdwork verify "$(dev 1)" "$oracle" --settle 1
	go_on	# the resync may still run: the next cut hits it, too
}
boot11() {
	make_array 1 raid5 16384 2 0 "$d0" "$d1" "$d2"
	emdwork verify "$(dev 1)" "$oracle" --settle 1
	wait_sync 1 120
	check_array 1
	emdwork verify "$(dev 1)" "$oracle"
}
