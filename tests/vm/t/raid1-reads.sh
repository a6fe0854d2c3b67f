# SPDX-License-Identifier: GPL-2.0-or-later
# Which copy RAID1 reads: after an unclean stop only the one that the resync copies from, where it has not been; a rebuild
# target below its checkpoint and not above. Counted at the disks.
#: disks: 3x16M
#: modules: xor
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh
#: udev: no
#: timeout: 120
. /array.sh
LIMIT=8192	# sectors, where the passes stand: 1024 blocks

reads()	{ set -- $(cat "/sys/class/block/$(basename "$1")/stat"); echo "$1"; }
read_blocks() { dd if=$dev of=/dev/null bs=4096 skip="$1" count="$2" iflag=direct 2>/dev/null; }
# read_at_once FROM COUNT: four streams, so that reads are spread over what may be read
read_at_once() {
	local i pids=''
	for i in 0 1 2 3; do
		read_blocks $(($1 + i * $2 / 4)) $(($2 / 4)) &
		pids="$pids $!"
	done
	for i in $pids; do wait "$i" || fail "a read failed"; done
}
# touches [not] DISK FROM COUNT: reading these blocks does (not) read the disk
touches() {
	local before expected=more after
	[ "$1" != not ] || { expected=none; shift; }
	before=$(reads "$1")
	read_at_once "$2" "$3"
	after=$(reads "$1")
	if [ $expected = none ]; then
		[ "$after" = "$before" ] || fail "$((after - before)) reads of $1 for blocks $2 to $(($2 + $3))"
	else
		[ "$after" -gt "$before" ] || fail "blocks $2 to $(($2 + $3)) are not read from $1"
	fi
}

say "two copies that differ, an unclean stop"
for d in $d0 $d1; do dd if=/dev/urandom of="$d" bs=1M conv=fsync 2>/dev/null || true; done
dd if="$d0" of=/tmp/first bs=1M iflag=direct 2>/dev/null
make_array emd0 raid1 2 0 - "$d0" "$d1"
echo 0 >$md/resync_start
echo readonly >$md/array_state
blocks=$(($(size_bytes) / 4096))
read_blocks 0 1
touches not "$d1" 0 $blocks
echo 0 >$md/sync_max
echo active >$md/array_state
wait_for 10 attr_is $md/sync_action resync
touches not "$d1" 0 $blocks
say "resynced in part"
echo $LIMIT >$md/sync_max
wait_for 20 completed_is $LIMIT
touches not "$d1" 1024 $((blocks - 1024))
cmp -n "$(size_bytes)" /tmp/first $dev || fail "it reads something else than the first copy"
echo max >$md/sync_max
wait_for 60 attr_is $md/resync_start none
wait_idle
echo writemostly >"$(member "$d0")/state"
touches "$d1" 0 $blocks
touches not "$d0" 0 $blocks
echo 3 >/proc/sys/vm/drop_caches
cmp -n "$(size_bytes)" /tmp/first $dev || fail "the second copy is not the first"

say "a rebuild target, preferred where it may be read"
echo faulty >"$(member "$d1")/state"
wait_for 10 test ! -e "$(member "$d1")"
echo $LIMIT >$md/sync_max
add_member "$d2"
wait_for 20 completed_is $LIMIT
expect_attr "$emd/dev-$(basename "$d2")/state" "0x11 optimal,rebuild-target"
touches "$d2" 0 1024
touches not "$d0" 0 1024
touches not "$d2" 1024 $((blocks - 1024))
touches "$d0" 1024 $((blocks - 1024))
echo 3 >/proc/sys/vm/drop_caches
cmp -n "$(size_bytes)" /tmp/first $dev || fail "the target has something else"
echo max >$md/sync_max
wait_attr 60 $md/degraded 0
wait_idle
clean_check
stop_array
