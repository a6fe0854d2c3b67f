# SPDX-License-Identifier: GPL-2.0-or-later
# RAID1 writes behind: answered while a write-mostly member holds its copy, up to a limit; in order where they overlap, never past a
# flush, never read before they are there; with the bitmap's bits until they are; and a member that fails or refuses meanwhile comes back by
# them. What is lost for good fails the next flush, and all reads there. A stop waits for them, and for the monitor if it has to hear of a failure.
# The slow disk holds each write until it is told to let go (dm-delay ends what it delays when it is suspended).
#: disks: 2x24M
#: modules: xor dm-mod dm-delay
#: programs: dmsetup fio
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/bitmap.sh tests/vm/guest/dust.sh
#: udev: no
#: timeout: 180
#: allow: I/O error|Buffer I/O error
. /bitmap.sh
. /dust.sh
HELD=100000	# ms

node()	  { echo "$emd/dev-$(basename "$1")"; }
refs_are() { [ "$(attr "$(node "$slow")/refcount")" = "$1" ]; }
held()	  { set -- $(dmsetup status slow); echo "$5"; }
held_are() { [ "$(held)" = "$1" ]; }
runs()	  { kill -0 "$1" 2>/dev/null; }
block()	  { head -c 4096 /dev/zero | tr '\0' "$1" >"/block-$1"; }
# put LETTER AT: a block of it
put()	  { dd if="/block-$1" of="$dev" bs=4096 seek="$2" count=1 oflag=direct conv=notrunc 2>/dev/null; }
# put_fua BYTE AT
put_fua() { fio --name=fua --filename="$dev" --rw=write --bs=4k --size=4k --offset=$(($2 * 4))k --direct=1 --sync=dsync --buffer_pattern="$1" --output=/fio.out; }
holds()	  { dd if="$3" bs=4096 skip="$2" count=1 iflag=direct 2>/dev/null | cmp -s - "/block-$1"; }
slow_holds() { dd if="$d1" bs=4096 skip=$(($2 + DATA_AT / 8)) count=1 iflag=direct 2>/dev/null | cmp -s - "/block-$1"; }
flushes() { dd if=/dev/zero of="$dev" bs=1 count=0 conv=notrunc,fsync 2>/dev/null; }
let_go()  { dmsetup suspend --noudevsync --nolockfs --noflush slow; dmsetup resume --noudevsync slow; }
# all_through [WRITER...]: everything that is held goes, also what comes once other things have gone
went()	  { let_go; refs_are 1; }
all_through() { wait_for 20 went; local i; for i; do wait_for 20 ended "$i"; wait "$i" || fail "a write failed"; done; }
waits()	  { grep -q '^State:.*D' "/proc/$1/status"; }
ended()	  { ! runs "$1" || { let_go; false; }; }
# stays PROCESS WHAT: it does not end as long as the disk holds its writes
stays()	  { local i; for i in 1 2 3 4; do runs "$1" || fail "$2"; usleep 50000; done; }
back()	  {
	echo frozen >"$md/sync_action"
	offer "$slow"
	echo insync >"$(member "$slow")/state"
	echo writemostly >"$(member "$slow")/state"
	echo 1 >"$(member "$slow")/slot"
	echo recover >"$md/sync_action"
	wait_for 60 recovered
	wait_idle
	[ "$(worked)" -gt 0 ] && [ "$(worked)" -le $((6 * REGION / 512)) ] || fail "$(worked) sectors were recovered"
}
recovered() { let_go; attr_is "$md/degraded" 0; }
quick()	  { change_table slow "0 $size delay ${1:-$lower} 0 0"; }
hold()	  { change_table slow "0 $size delay $lower 0 0 $lower 0 $HELD $lower 0 0"; }
# warm: the disk holds no write, and all regions used here are dirty; then it holds all, but no bits have to be written
warm()	  {
	local at
	quick
	echo 1000 >"$md/bitmap/time_base"
	for at in 0 300 600 900 1200; do put a $at; done
	wait_for 10 refs_are 1
	hold
}
gone()	  { [ ! -e "$(member "$slow")" ]; }
went_or_blocked() { let_go; grep -q blocked "$(member "$slow")/state"; }
stopped() { ! runs $stop; }
went_or_gone() { let_go; gone; }

for letter in a b c d; do block $letter; done
zero_bits "$d0" "$d1"
size=$(blockdev --getsz "$d1")
dmsetup create lower --noudevsync --table "0 $size linear $d1 0"
wait_for 10 test -b "$(dust_node lower)"
lower=$(dust_node lower)
dmsetup create slow --noudevsync --table "0 $size delay $lower 0 0"
wait_for 10 test -b "$(dust_node slow)"
slow=$(dust_node slow)

say "who may write behind, and how much"
bitmap_array emd0 raid1 2 0 - "$d0" "$slow"
start_bitmap_array insync
expect_attr "$md/bitmap/backlog" 0
refuse_store "nvalid arg" 1 "$md/bitmap/backlog"
echo writemostly >"$(member "$slow")/state"
refuse_store "nvalid arg" 16384 "$md/bitmap/backlog"
refuse_store "nvalid arg" many "$md/bitmap/backlog"
echo 3 >"$md/bitmap/backlog"
expect_attr "$md/bitmap/backlog" 3
settle_bits
warm

say "answered while the disk holds them; the bits stay; the one above the limit waits"
echo 0 >"$md/bitmap/max_backlog_used"
put a 8
put b 300
put c 600
refs_are 4 && held_are 3 || fail "three writes: $(attr "$(node "$slow")/refcount") references, $(held) held"
expect_attr "$md/bitmap/max_backlog_used" 3
echo 0.05 >"$md/bitmap/time_base"
holds a 8 "$dev" || fail "the array has not what was written"
! slow_holds a 8 || fail "the disk has not held it"
[ "$(dirty)" -ge 3 ] || fail "$(dirty) dirty regions"
put d 900 &
fourth=$!
wait_for 10 held_are 4
stays $fourth "a write above the limit was answered"
[ "$(dirty)" -ge 4 ] || fail "bits were taken back, $(dirty) are left"
echo 1000 >"$md/bitmap/time_base"
(echo 64 >"$md/suspend_hi"; touch /suspended) &
suspender=$!
stays $suspender "a suspension did not wait for a write behind"
all_through $fourth
wait $suspender
[ -e /suspended ] || fail "no suspension"
slow_holds a 8 && slow_holds b 300 && slow_holds c 600 && slow_holds d 900 || fail "the disk has not got it"
echo 0 >"$md/suspend_hi"
warm

say "what overlaps is written in order, and only one by one"
put a 16
put b 16
put c 16
refs_are 4 && held_are 1 && refs_are 4 || fail "not one after the other: $(held) held"
holds c 16 "$dev"
all_through
slow_holds c 16 || fail "an older write came later"

say "FUA and flush wait for the slow disk, and so does a write in its place"
put a 24
put_fua 0x62 24 &
writer=$!
wait_for 10 refs_are 3
held_are 1 || fail "it overtook the write behind"
stays $writer "FUA was written behind"
all_through $writer
slow_holds b 24 || fail "FUA was not last"
put a 32
dd if=/dev/zero of="$dev" bs=1 count=0 conv=notrunc,fsync 2>/dev/null &
flush=$!
wait_for 10 waits $flush
stays $flush "a flush has not waited"
put b 300 &	# nothing new while it waits
writer=$!
wait_for 10 held_are 2
stays $writer "written behind while a flush waits"
all_through $writer $flush
slow_holds a 32 || fail "the flush was too early"

say "the only one left is not read before it has what was written"
put a 40
echo faulty >"$(member "$d0")/state"
wait_for 10 test ! -e "$(member "$d0")"
(holds a 40 "$dev" && touch /read) &
reader=$!
stays $reader "a read has not waited"
holds a 600 "$dev" || fail "another place"
put b 44 &	# nobody else has it: not behind
writer=$!
wait_for 10 refs_are 3
stays $writer "written behind, and nobody has it"
all_through $writer $reader
[ -e /read ] || fail "an old block was read"
quick
echo -writemostly >"$(member "$slow")/state"
echo frozen >"$md/sync_action"
offer "$d0"
echo insync >"$(member "$d0")/state"
echo 0 >"$(member "$d0")/slot"
echo recover >"$md/sync_action"
wait_attr 60 "$md/degraded" 0
wait_idle
clean_check
echo writemostly >"$(member "$slow")/state"
warm

say "failed with writes behind: it comes back by its bits"
put a 1000
put b 1000
echo faulty >"$(member "$slow")/state"
expect_attr "$md/degraded" 1
put c 1000
held_are 1 || fail "a write of later waited for the failed disk"
[ "$(dirty)" -ge 1 ] || fail "no bit"
wait_for 20 went_or_gone
quick
back
clean_check
slow_holds c 1000 || fail "not recovered"
warm

say "its disk refuses what was answered: that is its end, and it comes back"
put d 1200
holds d 1200 "$dev"
change_table lower "0 $size error"
wait_for 20 went_or_gone
expect_attr "$md/degraded" 1
holds d 1200 "$dev" || fail "the array has lost it"
change_table lower "0 $size linear $d1 0"
quick
back
clean_check
slow_holds d 1200 || fail "not recovered"
warm

say "answered, and then the only disk left refuses it: the next flush says so, and nobody reads there what was before"
put d 1200
put b 300
echo faulty >"$(member "$d0")/state"
wait_for 10 test ! -e "$(member "$d0")"
change_table lower "0 $size error"
flushes &
flush=$!
wait_for 20 ended $flush
! wait $flush || fail "a flush has succeeded though a write that was answered is lost"
expect_attr "$md/array_state" broken
change_table lower "0 $size linear $d1 0"
quick
! holds a 1200 "$dev" && ! holds a 300 "$dev" || fail "an old block was read"
! dd if="$dev" bs=4096 skip=1200 count=1 iflag=direct of=/dev/null 2>/dev/null || fail "a lost block was read"
holds a 900 "$dev" || fail "another place"
flushes || fail "it is said twice"
put c 1200
holds c 1200 "$dev" || fail "it was written again, and is not read"
stop_array

say "a stop waits for what was answered, also while that is held for the monitor, which it does not keep from working"
zero_bits "$d0" "$slow"
make_array emd0 raid1 2 0 -
echo external:x >"$md/metadata_version"
offer "$d0" 0
offer "$slow" 1
echo external >"$md/bitmap/metadata"
echo $REGION >"$md/bitmap/chunksize"
echo +$BITMAP_AT >"$md/bitmap/location"
echo 0 >"$md/safe_mode_delay"
start_bitmap_array insync
echo writemostly >"$(member "$slow")/state"
echo 3 >"$md/bitmap/backlog"
put a 8 &
writer=$!
wait_attr 10 "$md/array_state" write-pending
echo active >"$md/array_state"
wait $writer
warm
put b 8
refs_are 2 || fail "it was not written behind"
echo inactive >"$md/array_state" &
stop=$!
stays $stop "stopped beside a write behind"
change_table lower "0 $size error"
wait_for 20 went_or_blocked
stays $stop "stopped before a failure was durable"
echo -blocked >"$(member "$slow")/state" || fail "the monitor cannot acknowledge the failure"
wait_for 20 stopped
wait $stop || fail "not stopped"
expect_attr "$md/array_state" inactive
change_table lower "0 $size linear $d1 0"
stop_array
dmsetup remove --noudevsync --retry slow
dmsetup remove --noudevsync --retry lower
rmmod emd
