# SPDX-License-Identifier: GPL-2.0-or-later
# RAID5 with a partial parity log, by sysfs: what may be ordered; nothing is announced before parity is right everywhere, and everything
# after; under load members fail, come and are rebuilt. What a crash leaves is ppl-cuts' part.
#: disks: 5x6M
#: modules: xor raid6_pq dm_mod
#: programs: dmsetup fio
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh
#: timeout: 120
. /array.sh
. /dust.sh

log_sector=10240 log_size=2048
# area DEVICE SECTOR COUNT: as it is on the disk
area() {
	echo 3 >/proc/sys/vm/drop_caches
	dd if="$1" bs=512 skip=$((log_sector + $2)) count="$3" 2>/dev/null
}
# has_front DEVICE: the area begins with a header of this log
has_front() { area "$1" 1 1 | head -c 4 | grep -q xV44; }
no_front() { ! has_front "$1"; }
# headers DEVICE: how many units of the log there are in the area
headers() { area "$1" 0 $log_size | grep -ao xV44 | wc -l; }
give_log() { echo $log_sector >"$(member "$1")/ppl_sector"; echo $log_size >"$(member "$1")/ppl_size"; }
writes() {	# writes SECONDS: verified ones
	fio --name=w --filename="$dev" --rw=randwrite --bsrange=4k-96k --direct=1 --numjobs=3 --size=2m --offset_increment=2m --ioengine=psync \
		--time_based --runtime="$1" --verify=crc32c --verify_backlog=64 --output=/tmp/fio || { cat /tmp/fio; return 1; }
}
# logged UNITS DEVICE...: after some more writes each begins with a header, and there are more than so many
logged() {
	local units=$1 disk
	shift
	writes 1 || fail "what was written is not read"
	for disk; do has_front "$disk" && [ "$(headers "$disk")" -gt "$units" ] || return 1; done
}
# written: requests that the array has taken; more_written: than $before
written() { set -- $(cat "/sys/block/$array/stat"); echo "$5"; }
more_written() { [ "$(written)" -gt "$before" ]; }
new_array() {	# new_array DEVICE...
	make_array emd0 raid5 3 16 2 "$@"
	echo 4096 >"$md/component_size"
	echo "875845240 512" >"$md/ppl_header"	# 0x34345678: xV44
	echo ppl >"$md/consistency_policy"
}

say "what cannot be is refused, with the reason"
make_array emd0 raid5 3 16 2 "$d0" "$d1" "$d2"
echo 4096 >"$md/component_size"
echo none >"$md/resync_start"
echo ppl >"$md/consistency_policy"
refuse_store "Invalid argument" active "$md/array_state"
expect_attr "$emd/last_error" 'it is not said how the headers of emd0'"'"'s partial parity log look: store "signature unit" in ppl_header'
refuse_store "Invalid argument" '"12 500"' "$md/ppl_header"
echo "875845240 512" >"$md/ppl_header"
refuse_store "Invalid argument" active "$md/array_state"
grep -q "has no place for the partial parity log" "$emd/last_error" || fail "$(cat "$emd/last_error")"
for disk in "$d0" "$d1" "$d2"; do give_log "$disk"; done
echo 4000 >"$(member "$d1")/ppl_sector"
refuse_store "Invalid argument" active "$md/array_state"
grep -q "has its data where" "$emd/last_error" || fail "$(cat "$emd/last_error")"
give_log "$d1"
echo 100 >"$(member "$d1")/ppl_size"
refuse_store "No space left" active "$md/array_state"
give_log "$d1"
refuse_store "Device or resource busy" +4 "$md/bitmap/location"
start_array insync
expect_attr "$md/consistency_policy" ppl
refuse_store "Device or resource busy" resync "$md/consistency_policy"
refuse_store "Device or resource busy" 4 "$md/raid_disks"
refuse_store "Device or resource busy" want_replacement "$(member "$d0")/state"
wait_for 60 logged 0 "$d0" "$d1" "$d2"
stop_array

say "a log with units is somebody's to recover, and to empty"
new_array "$d0" "$d1" "$d2"
for disk in "$d0" "$d1" "$d2"; do give_log "$disk"; done
echo none >"$md/resync_start"
refuse_store "Structure needs cleaning" active "$md/array_state"
stop_array

say "nothing is announced before parity is right everywhere"
for disk in "$d0" "$d1" "$d2" "$d3" "$d4"; do
	dd if=/dev/zero of="$disk" bs=512 seek=$log_sector count=$log_size conv=notrunc,fsync 2>/dev/null
done
new_array "$d0" "$d1" "$d2"
for disk in "$d0" "$d1" "$d2"; do give_log "$disk"; done
echo 0 >"$md/resync_start"
echo readonly >"$md/array_state"
echo frozen >"$md/sync_action"
echo active >"$md/array_state"
writes 1
for disk in "$d0" "$d1" "$d2"; do no_front "$disk" || fail "$disk has a front before the resync"; done
writes 4 &
echo idle >"$md/sync_action"
wait_for 60 attr_is "$md/resync_start" none
wait $! || fail "what was written is not read"
wait_for 60 logged 4 "$d0" "$d1" "$d2"
clean_check

say "a member fails under load, and a spare comes"
before=$(written)
writes 6 &
wait_for 30 more_written
echo faulty >"$(member "$d1")/state"
wait_for 10 attr_is "$md/degraded" 1
echo frozen >"$md/sync_action"
add_member "$d3"
refuse_store "Invalid argument" 1 "$(member "$d3")/slot"
give_log "$d3"
echo 1 >"$(member "$d3")/slot"
echo recover >"$md/sync_action"
wait_for 60 attr_is "$md/degraded" 0
wait $! || fail "what was written is not read"
wait_for 60 logged 4 "$d3"
clean_check

say "and degraded, with the parity of some rows gone"
echo faulty >"$(member "$d0")/state"
wait_for 10 attr_is "$md/degraded" 1
writes 2
stop_array

# log_refuses NAME DEVICE: from now on the device of dmsetup has no log area, which is its end
log_refuses() {
	change_table "$1" "0 $log_sector linear $2 0
$log_sector $log_size error"
}

say "a member whose log cannot be written fails, and its writers do not notice"
for disk in "$d0" "$d1" "$d2"; do dd if=/dev/zero of="$disk" bs=512 seek=$log_sector count=$log_size conv=notrunc,fsync 2>/dev/null; done
for name in one two; do
	[ $name = one ] && disk=$d1 || disk=$d2
	dmsetup create $name --noudevsync --table "0 $(blockdev --getsz "$disk") linear $disk 0"
	wait_for 10 test -b "$(dust_node $name)"
done
one=$(dust_node one) two=$(dust_node two)
new_array "$d0" "$one" "$two"
for disk in "$d0" "$one" "$two"; do give_log "$disk"; done
start_array dirty
wait_idle
writes 1
log_refuses one "$d1"
refused() { writes 1 || fail "the writers met an error"; attr_is "$md/degraded" 1; }
wait_for 60 refused
[ ! -e "$(member "$one")" ] || attr "$(member "$one")/state" | grep -q faulty || fail "the other member failed"

say "the last that may be missing is missing: the log refuses, and so do the writes; what need not be computed is read"
head -c 65536 /dev/urandom >/kept
dd if=/kept of="$dev" bs=65536 count=1 oflag=direct conv=notrunc 2>/dev/null || fail "one member missing, and nothing can be written"
log_refuses two "$d2"
failed=0
for block in $(seq 16 31); do
	dd if=/dev/urandom of="$dev" bs=4096 seek=$block count=1 oflag=direct conv=notrunc 2>/dev/null || failed=$((failed + 1))
done
[ $failed -gt 0 ] || fail "what could not be logged was announced"
for chunk in 0 2 3; do	# the second of the first row was on the member that is missing
	dd if="$dev" of=/read bs=16384 skip=$chunk count=1 iflag=direct 2>/dev/null || fail "chunk $chunk cannot be read"
	dd if=/kept bs=16384 skip=$chunk count=1 2>/dev/null | cmp - /read || fail "chunk $chunk is something else"
done
stop_array
for name in one two; do dmsetup remove --noudevsync --retry $name; done
