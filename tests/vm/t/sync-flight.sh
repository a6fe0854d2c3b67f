# SPDX-License-Identifier: GPL-2.0-or-later
# Members that take their time: a pass has several windows under way, and they count in their order all the same. It stops where it shall, goes on, and
# loses its way neither when the target fails nor when users write.
#: disks: oracle 32M
#: modules: null_blk configfs raid6_pq xor dm-mod dm-delay
#: programs: dmsetup
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh tests/vm/guest/hold.sh tests/vm/guest/nullb.sh
#: udev: no
#: timeout: 240
. /array.sh
. /dust.sh
. /hold.sh
. /nullb.sh
DELAY=10000000	# ns: 10 ms

modprobe null_blk nr_devices=0
mount -t configfs none /sys/kernel/config 2>/dev/null || true
for i in 0 1 2 3; do nullb_disk $i 12 512 $DELAY; done

# Two disks that can hold what a pass wants of them: a window reads each source by one request, and writes each target by one.
holding_disk source "$n0"
holding_disk target "$n3"
source=$(dust_node source) target=$(dust_node target)
# several NAME reads|writes: more than one window is under way. The first goes alone: whether the disks answer at once has to be known.
several() {
	local look
	for look in 1 2 3 4; do
		[ "$(held "$1" "$2")" -le 1 ] || return 0
		usleep 50000
	done
	let_go "$1"
	false
}
recovers() {	# TARGET OTHER: OTHER fails afterwards, and nothing is missing
	local target=$1 other=$2
	emdwork fill "$dev" "$oracle"
	hold source reads
	add_member "$target"
	wait_for 20 holds_any source reads
	expect 1 held source reads
	wait_for 60 several source reads
	hold source nothing
	wait_for 60 attr_is "$md/degraded" 0
	wait_idle
	expect_attr "$md/last_sync_action" recover
	clean_check
	echo faulty >"$(member "$other")/state"
	emdwork verify "$dev" "$oracle"
}

say "raid1"
make_array emd0 raid1 2 0 - "$source" -
start_array
recovers "$n1" "$source"
stop_array

say "raid5"
make_array emd0 raid5 3 64 2 "$source" "$n1" -
start_array
recovers "$n2" "$n1"
stop_array

say "raid10, the second copy far away: no two windows have array sectors in common"
make_array emd0 raid10 2 64 513 "$source" -
start_array
emdwork fill "$dev" "$oracle"
add_member "$n1"
wait_for 60 attr_is "$md/degraded" 0
wait_idle
clean_check
echo faulty >"$(member "$source")/state"
emdwork verify "$dev" "$oracle"
stop_array

say "it stops at sync_max, and when it is told to; what it says has been done"
make_array emd0 raid5 3 64 2 "$source" "$n1" -
start_array
emdwork fill "$dev" "$oracle"
echo frozen >"$md/sync_action"
add_member "$target"
echo 10240 >"$md/sync_max"
echo recover >"$md/sync_action"
wait_for 30 completed_is 10240
expect_attr "$(member "$target")/recovery_start" 10240
hold target writes
echo max >"$md/sync_max"
wait_for 20 holds_any target writes
(echo frozen >"$md/sync_action"; touch /frozen) &
ordered() { attr_is "$md/sync_action" frozen; }
through() { let_go target; [ -e /frozen ]; }
wait_for 20 ordered
[ ! -e /frozen ] || fail "it has stopped before what was under way had ended"
wait_for 20 through
hold target nothing
at=$(cat "$(member "$target")/recovery_start")
[ "$at" != none ] && [ "$at" -gt 10240 ] || fail "it was to stop on its way: $at"
emdwork verify "$dev" "$oracle"
(emdwork load "$dev" "$oracle" --seconds 5 --jobs 4) &
load=$!
echo recover >"$md/sync_action"
wait_for 60 attr_is "$md/degraded" 0
wait $load || fail "the load met an error"
wait_idle
clean_check
echo faulty >"$(member "$n1")/state"
emdwork verify "$dev" "$oracle"

say "the target fails on the way"
wait_for 10 test ! -e "$(member "$n1")"
hold source reads
add_member "$n1"
wait_for 20 holds_any source reads
echo faulty >"$(member "$n1")/state"
hold source nothing
wait_idle
expect_attr "$md/degraded" 1
emdwork verify "$dev" "$oracle"
stop_array

say "what a replacement lacks in one window takes back nothing of what is written to it in another"
make_array emd0 raid1 2 0 - "$source" -
start_array
emdwork fill "$dev" "$oracle"
echo external_bbl >"$(member "$source")/state"
holes=$(seq 9 2056 24000)	# a page further on in each window, so that they do not come to them together
for hole in $holes; do echo "$hole 2" >"$(member "$source")/bad_blocks"; done
read_all() { dd if="$dev" bs=64k iflag=direct conv=noerror,sync 2>/dev/null | sha256sum; }
before=$(read_all)
echo frozen >"$md/sync_action"
echo want_replacement >"$(member "$source")/state"
add_member "$n1"
echo 0 >"$(member "$n1")/slot"
echo external_bbl >"$(member "$n1")/state"
echo recover >"$md/sync_action"
wait_idle
wait_for 5 test ! -e "$(member "$source")"
expect_attr "$(member "$n1")/state" in_sync,write_error,external_bbl	# it has lost something
[ "$(cat "$(member "$n1")/bad_blocks")" = "$(for hole in $holes; do echo "$hole 2"; done)" ] ||
	fail "it lacks something else: $(cat "$(member "$n1")/bad_blocks")"
[ "$(read_all)" = "$before" ] || fail "it holds something else"
stop_array
dmsetup remove --noudevsync --retry source
dmsetup remove --noudevsync --retry target
