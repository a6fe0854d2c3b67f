# SPDX-License-Identifier: GPL-2.0-or-later
# While a recovery reads a far copy for its window, writes to what lies there wait, wherever their first copy is; others do not.
#: disks: 4x4M
#: modules: dm-mod dm-delay
#: programs: dmsetup
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh tests/vm/guest/hold.sh
#: udev: no
#: timeout: 120
. /array.sh
. /dust.sh
. /hold.sh
SECTION=4096	# sectors of a member: the first half has first copies, the second far ones
WINDOW=1024

writes() { set -- $(cat "/sys/class/block/$(basename "$1")/stat"); echo "$5"; }
more_writes() { [ "$(writes "$1")" -gt "$2" ]; }
# write_chunk NUMBER: sets $writer
write_chunk() { dd if=/pattern of="$dev" bs=65536 skip="$1" seek="$1" count=1 oflag=direct conv=notrunc 2>/dev/null & writer=$!; }
waits() { grep -q '^State:.*D' "/proc/$1/status"; }

holding_disk held "$d0"
held=$(dust_node held)

make_array emd0 raid10 3 64 513 "$held" "$d1" "$d2"
start_array
bytes=$(size_bytes)
head -c "$bytes" /dev/urandom >/old
head -c "$bytes" /dev/urandom >/pattern
dd if=/old of="$dev" bs=1M oflag=direct 2>/dev/null
echo faulty >"$(member "$d1")/state"
wait_for 10 test ! -e "$(member "$d1")"
echo $SECTION >"$md/sync_max"
add_member "$d3"
wait_for 30 completed_is $SECTION

say "the recovery waits for chunk 0 on a disk that is held; a write to it waits for the recovery"
hold held reads
echo $((SECTION + WINDOW)) >"$md/sync_max"
before=$(writes "$d3")
wait_for 20 holds_any held reads
write_chunk 0
first=$writer
wait_for 20 waits $first
usleep 500000
[ "$(writes "$d3")" = "$before" ] || fail "a write has passed the window"
say "one behind the window does not"
write_chunk 31	# on slot 1, the target, and on slot 2
wait_for 10 more_writes "$d3" "$before"
[ "$(held held reads)" -gt 0 ] || fail "the disk has not held the window"
hold held nothing
wait $first || fail "the write failed"
wait $writer || fail "the other write failed"
echo max >"$md/sync_max"
wait_attr 60 "$md/degraded" 0
wait_idle
clean_check
for chunk in 0 31; do dd if=/pattern of=/old bs=65536 skip=$chunk seek=$chunk count=1 conv=notrunc 2>/dev/null; done
cmp -n "$bytes" /old "$dev" || fail "data is wrong"
stop_array
dmsetup remove --noudevsync --retry held
