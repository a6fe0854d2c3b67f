# SPDX-License-Identifier: GPL-2.0-or-later
# Write-intent bitmap and members that come and go: a bit is on every member before data is; degraded, bits stay; who was in sync once
# is recovered where bits are, a new one everywhere; a member without room for its bits is failed, and what makes no sense is refused.
#: disks: 6x24M
#: modules: xor raid6_pq dm_flakey
#: programs: dmsetup fio
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/bitmap.sh tests/vm/guest/dust.sh
#: timeout: 120
. /bitmap.sh
. /dust.sh

# write MIB_OFFSET: one chunk there
write() { dd if=/dev/urandom of="$dev" bs=65536 count=1 seek=$(($1 * 16)) oflag=direct conv=notrunc 2>/dev/null; }
content() { drop_caches; sha1sum "$dev" | cut -d' ' -f1; }
gone() { [ ! -e "$(member "$1")" ]; }
fail_it() { echo faulty >"$(member "$1")/state"; wait_for 20 gone "$1"; }
# take_back insync|new DEVICE SLOT
take_back() {
	echo frozen >"$md/sync_action"
	offer "$2"
	[ "$1" = new ] || echo insync >"$(member "$2")/state"
	echo "$3" >"$(member "$2")/slot"
	echo recover >"$md/sync_action"
	wait_attr 60 "$md/degraded" 0
	wait_idle
	expect_attr "$md/last_sync_action" recover
}

# re_add LEVEL DISKS CHUNK LAYOUT DEVICE...: the last one leaves and comes back
re_add() {
	local level=$1 disks=$2 left before
	for left; do :; done
	say "$level: a member leaves, three regions are written, it comes back"
	shift 4
	all_bits "$@"
	bitmap_array emd0 "$level" "$disks" "$chunk" "$layout" "$@"
	start_bitmap_array dirty
	wait_attr 60 "$md/resync_start" none
	wait_idle
	expect_attr "$emd/sync_skipped" 0
	settle_bits 1000	# the bit stays until it has been looked at
	expect_attr "$md/consistency_policy" bitmap
	write 1
	expect 1 dirty
	for device; do expect 1 bits "$device"; done
	settle_bits
	fail_it "$left"
	expect_attr "$md/bitmap/can_clear" false
	write 2
	write 5
	write 5
	[ "$level" = raid1 ] || write 8
	before=$(content)
	echo 0.05 >"$md/bitmap/time_base"
	usleep 500000
	[ "$(dirty)" -ge 2 ] || fail "bits were taken back while a member is missing"
	refuse_store busy true "$md/bitmap/can_clear"
	take_back insync "$left" $((disks - 1))
	[ "$(worked)" -gt 0 ] && [ "$(worked)" -le $((limit * REGION / 512)) ] || fail "$(worked) sectors were recovered"
	expect "$before" content
	clean_check
	settle_bits
	expect_attr "$md/bitmap/can_clear" true
	fail_it "$1"	# what came back has to hold everything
	expect "$before" content
	say "another takes that place: all of it is recovered"
	zero_bits "$spare"
	take_back new "$spare" 0
	expect_attr "$emd/sync_skipped" 0
	expect "$(bits "$left")" bits "$spare"
	clean_check
	stop_array
	expect 0 bits "$spare"
	expect 0 bits "$left"
}

chunk=0 layout=- limit=2 spare=$d5
re_add raid1 2 0 - "$d0" "$d1"
chunk=64 layout=2 limit=3
re_add raid5 3 64 2 "$d0" "$d1" "$d2"
re_add raid6 4 64 2 "$d0" "$d1" "$d2" "$d3"
layout=258 limit=6
re_add raid10 4 64 258 "$d0" "$d1" "$d2" "$d3"

say "the bitmap cannot be written on a member: that one fails, the write does not"
zero_bits "$d0" "$d1"
sectors=$(blockdev --getsz "$d1")
dmsetup create half --noudevsync --table "0 $sectors linear $d1 0"
wait_for 10 test -b "$(dust_node half)"
bitmap_array emd0 raid1 2 0 - "$d0" "$(dust_node half)"
start_bitmap_array insync
dmsetup suspend --noudevsync --nolockfs --noflush half
dmsetup load half --table "0 $DATA_AT flakey $d1 0 0 1 1 error_writes
$DATA_AT $((sectors - DATA_AT)) linear $d1 $DATA_AT"
dmsetup resume --noudevsync half
write 3 || fail "the write failed with the member"
wait_attr 10 "$md/degraded" 1
expect 1 bits "$d0"
stop_array
dmsetup remove --noudevsync --retry half

say "at a running array: nothing it was before is lost, and away again"
bitmap_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
echo none >"$md/bitmap/location"
zero_bits "$d0" "$d1" "$d2"
start_array dirty
echo frozen >"$md/sync_action"
echo 0 >"$md/resync_start"
echo +$BITMAP_AT >"$md/bitmap/location"
regions=$(attr "$emd/bitmap_regions")
expect "$regions" attr "$emd/bitmap_unsynced"
expect "$(dirty)" bits "$d2"
echo idle >"$md/sync_action"
wait_attr 60 "$md/resync_start" none
wait_idle
expect_attr "$emd/sync_skipped" 0
settle_bits
echo 0 7-8 >"$md/bitmap_set_bits"
wait_attr 60 "$md/resync_start" none
wait_idle
expect $((3 * REGION / 512)) worked
settle_bits
fio --name=w --filename="$dev" --direct=1 --ioengine=libaio --iodepth=16 --numjobs=2 --thread --rw=randwrite --bs=4k --time_based \
	--runtime=3 --norandommap --randrepeat=0 --output=/fio.out &
load=$!
for i in 1 2 3 4 5 6; do
	echo none >"$md/bitmap/location"
	usleep 100000
	echo +$BITMAP_AT >"$md/bitmap/location"
	echo 0.0$i >"$md/bitmap/time_base"
	usleep 300000
done
wait $load || { cat /fio.out; fail "fio"; }
clean_check

say "what is refused"
refuse_store busy 99 "$md/bitmap/location"
refuse_store busy 65536 "$md/bitmap/chunksize"
refuse_store busy internal "$md/bitmap/metadata"
refuse_store busy 4 "$md/raid_disks"
refuse_store busy 1024 "$md/component_size"
refuse_store busy raid6 "$md/level"
refuse_store nvalid 0x "$md/bitmap/space"
refuses nvalid sh -c "echo 5000 >$md/bitmap_set_bits"
refuses nvalid sh -c "echo 1 x >$md/bitmap_set_bits"
refuse_store nvalid 5 "$md/bitmap/backlog"
cat "/sys/class/block/$(basename "$d5")/dev" >"$md/new_dev"	# its data would lie where the bitmap does
wait_for 5 test -e "$(member "$d5")"
echo 0 >"$(member "$d5")/size"
fail_it "$d2"
refuse_store nvalid 2 "$(member "$d5")/slot"
grep -q "where the bitmap lies" "$emd/last_error" || fail "last_error is $(attr "$emd/last_error")"
wait_idle
expect_attr "$md/degraded" 1	# nor does it become a spare
echo none >"$md/bitmap/location"
refuse_store nvalid -8 "$md/bitmap/location"
refuse_store nvalid $DATA_AT "$md/bitmap/location"
grep -q "in the data" "$emd/last_error" || fail "last_error is $(attr "$emd/last_error")"
refuse_store nvalid 3000 "$md/bitmap/chunksize"
refuse_store "No such file" true "$md/bitmap/can_clear"
expect_attr "$md/bitmap/location" none
expect_attr "$md/consistency_policy" resync
stop_array
