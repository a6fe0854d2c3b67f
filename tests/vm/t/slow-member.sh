# SPDX-License-Identifier: GPL-2.0-or-later
# A disk that holds each write until it is told to let go: references in flight, failure and teardown meanwhile, a rebuild that must not
# overtake an old write, and a suspension that waits for it. A disk that breaks takes the RAID0 above it, and no more.
#: disks: 7x16M
#: modules: dm-mod dm-delay
#: programs: dmsetup
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh tests/vm/guest/hold.sh
#: timeout: 180
#: allow: I/O error|Buffer I/O error
. /array.sh
. /dust.sh
. /hold.sh

node()	  { echo "$emd/dev-$(basename "$1")"; }
refs()	  { cat "$(node "$1")/refcount"; }
refs_are() { [ "$(refs "$1")" = "$2" ]; }
write_at() { dd if=/dev/urandom of="$dev" bs=4096 seek="$1" count=1 oflag=direct conv=notrunc 2>/dev/null; }
read_at()  { dd if="$dev" of=/dev/null bs=4096 skip="$1" count=1 iflag=direct 2>/dev/null; }
runs()	  { kill -0 "$1" 2>/dev/null; }
# held_write AT: the slow disk holds it; sets $writer
held_write() {
	hold slow writes
	write_at "$1" &
	writer=$!
	wait_for 10 held_are slow writes 1
	expect 2 refs "$slow"
}
# ends: what was held has got through
ends() {
	hold slow nothing
	wait $writer || fail "the write failed"
}
holding_disk slow "$d1"
slow=$(dust_node slow)

say "each write holds a reference until it has ended"
make_array emd0 raid1 3 0 - "$d0" "$slow" -
start_array
settle
wait_for 10 refs_are "$slow" 1
held_write 8
wait_attr 10 "$(node "$d0")/refcount" 1
runs $writer || fail "the write ended before its slow part"
ends
wait_for 5 refs_are "$slow" 1

say "a new member is not rebuilt past a write that does not know it"
held_write 16
add_member "$d2"
for look in $(seq 40); do
	attr_is "$md/degraded" 1 || fail "rebuilt while an older write was under way, at look $look"
	usleep 50000
done
expect 2 refs "$slow"
ends
wait_attr 60 "$md/degraded" 0
wait_idle
clean_check

say "failed, but not gone before its write has ended; then it is free"
held_write 24
echo faulty >"$(member "$slow")/state"
expect_attr "$(node "$slow")/state" "0x04 failed"
expect_attr "$(node "$slow")/refcount" 1	# the write; the sentinel has been dropped
expect_attr "$md/degraded" 1
write_at 32	# a write of later does not wait for it
read_at 24
expect_attr "$(node "$slow")/refcount" 1
runs $writer || fail "the write ended before its slow part"
[ -e "$(member "$slow")" ] || fail "the member went before its write ended"
ends
wait_for 5 test ! -e "$(member "$slow")"
make_array emd1 raid0 1 64 1 "$slow"	# claimed for use alone
stop_array
array=emd0 md=/sys/block/emd0/md
stop_array

say "a suspension waits for the writes under way in it, and for nothing else"
make_array emd0 raid1 2 0 - "$d0" "$slow"
start_array
settle
held_write 40
(echo 1024 >"$md/suspend_hi"; touch /tmp/suspended) &
for look in $(seq 40); do
	[ ! -e /tmp/suspended ] || fail "suspend_hi returned with a write under way, at look $look"
	usleep 50000
done
expect 2 refs "$slow"
ends
wait_for 5 test -e /tmp/suspended
write_at 48 &
writer=$!
write_at 200
read_at 48
runs $writer || fail "a write into the suspended range has ended"
wait_attr 5 "$(node "$slow")/refcount" 1	# it waits at the gate and holds nothing
echo 0 >"$md/suspend_hi"
wait $writer
stop_array
dmsetup remove --noudevsync --retry slow

say "a leaf breaks: the RAID0 above it goes, the mirror above that is degraded, and nothing is lost"
dmsetup create broken --noudevsync --table "0 $(blockdev --getsz "$d1") linear $d1 0"
wait_for 10 test -b "$(dust_node broken)"
make_array emd1 raid0 2 64 1 "$d3" "$(dust_node broken)"; start_array; settle
make_array emd2 raid0 2 64 1 "$d4" "$d5"; start_array; settle
make_array emd0 raid1 2 0 - /dev/emd1 /dev/emd2; start_array; settle
fill_range $dev 8388608 3
error_disk broken
fill_range $dev 8388608 4
wait_for 10 test ! -e /sys/block/emd1
expect_attr $md/degraded 1
expect_attr $emd/state "0x02 degraded"
echo 3 >/proc/sys/vm/drop_caches
check_range $dev 8388608 4
expect_attr /sys/block/emd2/emd/state "0x01 optimal"
stop_array
dmsetup remove --noudevsync --retry broken
rmmod emd
