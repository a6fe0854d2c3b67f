# SPDX-License-Identifier: GPL-2.0-or-later
# A disk that takes two seconds for each write: references in flight, failure and teardown meanwhile, a rebuild that must not
# overtake an old write, and a suspension that waits for it. A disk that breaks takes the RAID0 above it, and no more.
#: disks: 7x16M
#: modules: dm-mod dm-delay
#: programs: dmsetup
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh
#: timeout: 180
#: allow: I/O error|Buffer I/O error
. /array.sh
. /dust.sh
DELAY=2000	# ms

slow_disk() {	# NAME DEVICE
	dmsetup create "$1" --noudevsync --table "0 $(blockdev --getsz "$2") delay $2 0 0 $2 0 $DELAY"
	wait_for 10 test -b "$(dust_node "$1")"
}
node()	  { echo "$emd/dev-$(basename "$1")"; }
refs()	  { cat "$(node "$1")/refcount"; }
refs_are() { [ "$(refs "$1")" = "$2" ]; }
write_at() { dd if=/dev/urandom of="$dev" bs=4096 seek="$1" count=1 oflag=direct conv=notrunc 2>/dev/null; }
read_at()  { dd if="$dev" of=/dev/null bs=4096 skip="$1" count=1 iflag=direct 2>/dev/null; }
runs()	  { kill -0 "$1" 2>/dev/null; }
slow_disk slow "$d1"
slow=$(dust_node slow)

say "each write holds a reference until it has ended"
make_array emd0 raid1 3 0 - "$d0" "$slow" -
start_array
settle
wait_for 10 refs_are "$slow" 1
write_at 8 &
writer=$!
wait_for 5 refs_are "$slow" 2
expect_attr "$(node "$d0")/refcount" 1
wait $writer
wait_for 5 refs_are "$slow" 1

say "a new member is not rebuilt past a write that does not know it"
write_at 16 &
writer=$!
wait_for 5 refs_are "$slow" 2
add_member "$d2"
while runs $writer; do
	rebuilt=$(cat "$md/degraded")
	if [ "$rebuilt" = 0 ] && refs_are "$slow" 2; then fail "rebuilt while an older write was under way"; fi
	usleep 50000
done
wait $writer
wait_attr 60 "$md/degraded" 0
wait_idle
clean_check

say "failed, but not gone before its write has ended; then it is free"
begun=$(now_cs)
write_at 24 &
writer=$!
wait_for 5 refs_are "$slow" 2
echo faulty >"$(member "$slow")/state"
expect_attr "$(node "$slow")/state" "0x04 failed"
expect_attr "$(node "$slow")/refcount" 1	# the write; the sentinel has been dropped
expect_attr "$md/degraded" 1
write_at 32	# a write of later does not wait for it
read_at 24
expect_attr "$(node "$slow")/refcount" 1
runs $writer || fail "the write ended before its slow part"
wait $writer
wait_for 5 test ! -e "$(member "$slow")"
[ $(($(now_cs) - begun)) -ge $((DELAY / 10 - 5)) ] || fail "the member went before its write ended"
make_array emd1 raid0 1 64 1 "$slow"	# claimed for use alone
stop_array
array=emd0 md=/sys/block/emd0/md
stop_array

say "a suspension waits for the writes under way in it, and for nothing else"
make_array emd0 raid1 2 0 - "$d0" "$slow"
start_array
settle
write_at 40 &
writer=$!
wait_for 5 refs_are "$slow" 2
(echo 1024 >"$md/suspend_hi"; touch /tmp/suspended) &
while runs $writer; do
	if [ -e /tmp/suspended ] && refs_are "$slow" 2; then fail "suspend_hi returned with a write under way"; fi
	usleep 50000
done
wait $writer
wait_for 5 test -e /tmp/suspended
write_at 48 &
writer=$!
write_at 200
read_at 48
runs $writer || fail "a write into the suspended range has ended"
expect_attr "$(node "$slow")/refcount" 1	# it waits at the gate and holds nothing
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
