# SPDX-License-Identifier: GPL-2.0-or-later
# Members that take their time: a pass has several windows under way, and they count in their order all the same. It stops where it shall, goes on, and
# loses its way neither when the target fails nor when users write.
#: disks: oracle 32M
#: modules: null_blk configfs raid6_pq xor
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/nullb.sh
#: timeout: 240
. /array.sh
. /nullb.sh
DELAY=10000000	# ns: 10 ms

modprobe null_blk nr_devices=0
mount -t configfs none /sys/kernel/config 2>/dev/null || true
for i in 0 1 2 3; do nullb_disk $i 12 512 $DELAY; done

# A request has 64 KiB at most: a window of RAID5 reads 8 of each member, RAID1's 16.
for n in $n0 $n1 $n2 $n3; do echo 64 >"/sys/block/$(basename $n)/queue/max_sectors_kb" || fail "no limit for $n"; done
# more_than REQUESTS reads|writes DISK: so many at once, while the pass runs
more_than() {
	local reads writes look=0
	while [ $((look % 64)) != 0 ] || ! is_idle; do
		look=$((look + 1))
		read -r reads writes <"/sys/block/${3#/dev/}/inflight"
		[ $(($2)) -le "$1" ] || return 0
	done
	return 1
}
recovers() {	# REQUESTS SOURCE TARGET OTHER: a window reads so many; OTHER fails afterwards, and nothing is missing
	local requests=$1 source=$2 target=$3 other=$4
	emdwork fill "$dev" "$oracle"
	add_member "$target"
	more_than "$requests" reads "$source" || fail "never more than one window was under way"
	wait_for 60 attr_is "$md/degraded" 0
	wait_idle
	expect_attr "$md/last_sync_action" recover
	clean_check
	echo faulty >"$(member "$other")/state"
	emdwork verify "$dev" "$oracle"
}

say "raid1"
make_array emd0 raid1 2 0 - "$n0" -
start_array
recovers 16 "$n0" "$n1" "$n0"
stop_array

say "raid5"
make_array emd0 raid5 3 64 2 "$n0" "$n1" -
start_array
recovers 8 "$n0" "$n2" "$n1"
stop_array

say "raid10, the second copy far away: no two windows have array sectors in common"
make_array emd0 raid10 2 64 513 "$n0" -
start_array
emdwork fill "$dev" "$oracle"
add_member "$n1"
wait_for 60 attr_is "$md/degraded" 0
wait_idle
clean_check
echo faulty >"$(member "$n0")/state"
emdwork verify "$dev" "$oracle"
stop_array

say "it stops at sync_max, and when it is told to; what it says has been done"
make_array emd0 raid5 3 64 2 "$n0" "$n1" -
start_array
emdwork fill "$dev" "$oracle"
echo frozen >"$md/sync_action"
nullb_disk 4 12 512 $((10 * DELAY))	# so slow that something is under way when it is told to stop
echo 64 >"/sys/block/${n4#/dev/}/queue/max_sectors_kb"
add_member "$n4"
echo 10240 >"$md/sync_max"
echo recover >"$md/sync_action"
wait_for 30 completed_is 10240
expect_attr "$(member "$n4")/recovery_start" 10240
echo max >"$md/sync_max"
more_than 0 writes "$n4" || fail "nothing was under way"
echo frozen >"$md/sync_action"
at=$(cat "$(member "$n4")/recovery_start")
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
add_member "$n1"
more_than 0 reads "$n4" || fail "nothing was under way"
echo faulty >"$(member "$n1")/state"
wait_idle
expect_attr "$md/degraded" 1
emdwork verify "$dev" "$oracle"
stop_array

say "what a replacement lacks in one window takes back nothing of what is written to it in another"
make_array emd0 raid1 2 0 - "$n0" -
start_array
emdwork fill "$dev" "$oracle"
echo external_bbl >"$(member "$n0")/state"
holes=$(seq 9 2056 24000)	# a page further on in each window, so that they do not come to them together
for hole in $holes; do echo "$hole 2" >"$(member "$n0")/bad_blocks"; done
read_all() { dd if="$dev" bs=64k iflag=direct conv=noerror,sync 2>/dev/null | sha256sum; }
before=$(read_all)
echo frozen >"$md/sync_action"
echo want_replacement >"$(member "$n0")/state"
add_member "$n1"
echo 0 >"$(member "$n1")/slot"
echo external_bbl >"$(member "$n1")/state"
echo recover >"$md/sync_action"
wait_idle
wait_for 5 test ! -e "$(member "$n0")"
expect_attr "$(member "$n1")/state" in_sync,write_error,external_bbl	# it has lost something
[ "$(cat "$(member "$n1")/bad_blocks")" = "$(for hole in $holes; do echo "$hole 2"; done)" ] ||
	fail "it lacks something else: $(cat "$(member "$n1")/bad_blocks")"
[ "$(read_all)" = "$before" ] || fail "it holds something else"
stop_array
