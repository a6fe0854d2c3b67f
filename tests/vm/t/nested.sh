# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays in arrays, three deep: RAID0 pairs, mirrored, striped again. A leaf that fails takes its RAID0 with it, the
# mirror above is degraded, and the top serves on. Teardown goes from the top.
#: disks: 8x16M, oracle 128M
#: kernels: 6.12 uml
#: timeout: 180
. /lib/emd/subject.sh

build() {
	make_array 1 raid0 65536 0 none "$d0" "$d1"
	make_array 2 raid0 65536 0 none "$d2" "$d3"
	make_array 3 raid0 65536 0 none "$d4" "$d5"
	make_array 4 raid0 65536 0 none "$d6" "$d7"
	make_array 5 raid1 0 0 none "$(dev 1)" "$(dev 2)"
	make_array 6 raid1 0 0 none "$(dev 3)" "$(dev 4)"
	make_array 7 raid0 16384 0 none "$(dev 5)" "$(dev 6)"
}
# EMD takes the whole tree down with its top; md leaves the inner arrays to be stopped one by one.
tear_down() {
	stop_array 7
	for n in 6 5 4 3 2 1; do
		[ "$SUBJECT" = md ] || [ ! -e "$(md_dir $n)" ] || fail "emd$n is there without the top of its tree"
		[ "$SUBJECT" = emd ] || stop_array $n
	done
}

build
emdwork fill "$(dev 7)" "$oracle"
emdwork load "$(dev 7)" "$oracle" --jobs 4 --count 100
emdwork verify "$(dev 7)" "$oracle"
tear_down
build
emdwork verify "$(dev 7)" "$oracle"
! try_stop 1 || fail "a member of another array could be stopped"

emdwork load "$(dev 7)" "$oracle" --jobs 4 --seconds 1000 &
writer=$!
wait_writer 7
fail_member 5 "$(dev 1)"
wait_attr 30 "$(md_attr 5 degraded)" 1
emdwork_alive() { kill -0 $writer; }
emdwork_alive || fail "a write failed"
kill $writer; wait $writer || true
emdwork verify "$(dev 7)" "$oracle"
expect_attr "$(md_attr 6 degraded)" 0
tear_down
[ "$SUBJECT" = md ] || rmmod emd
