# SPDX-License-Identifier: GPL-2.0-or-later
# Write-intent bitmap: the power goes while few regions are written, whose bits come and go. Only these are resynced, the members
# agree there, and nothing that was acknowledged is missing. What differs elsewhere is left alone, so nobody looked at it.
#: disks: 5x24M, oracle 8M
#: modules: xor
#: kernels: 6.1
#: power: yes
#: flush-delay: 5
#: boots: 2
#: files: tests/vm/guest/array.sh tests/vm/guest/bitmap.sh
#: timeout: 120
. /bitmap.sh
WRITTEN=3145728	# of the RAID5: two regions
FAR=12582912	# on a member, in region 11 of the RAID1

far_byte() { dd if="$1" bs=1 skip=$FAR count=4 2>/dev/null | hexdump -ve '1/1 "%02x"'; }
raid5()	{ bitmap_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"; }
raid1()	{ bitmap_array emd1 raid1 2 0 - "$d3" "$d4"; }
bits_set() { [ "$(attr "/sys/block/$1/emd/bitmap_dirty")" -gt 0 ]; }
use()	{ md=/sys/block/$1/md emd=/sys/block/$1/emd dev=/dev/$1 array=$1; }

boot1() {
	zero_bits "$d0" "$d1" "$d2" "$d3" "$d4"
	printf diff | dd of="$d4" bs=1 seek=$FAR conv=notrunc 2>/dev/null
	sync
	raid5
	start_array
	emdwork fill "$dev" "$oracle" --bytes $WRITTEN
	settle_bits 5	# longer than a guest stands still between two writes: the power goes while there are bits
	raid1
	start_array
	echo 0.05 >"$md/bitmap/time_base"
	say "two writers; bits are set and taken back meanwhile"
	emdwork load /dev/emd0 "$oracle" --jobs 4 --seconds 1000 --seed "$RANDOM" &
	while :; do
		dd if=/dev/urandom of=/dev/emd1 bs=65536 count=24 seek=$((RANDOM % 8)) oflag=direct conv=notrunc 2>/dev/null
		usleep 120000
	done &
	wait_for 30 bits_set emd0
	wait_for 30 bits_set emd1
	cut_within 1 4
	wait
	fail "the writers ended"
}

boot2() {
	raid5
	start_array dirty
	wait_idle
	wait_attr 30 "$md/resync_start" none
	say "of $(component) sectors of the RAID5, $(worked) were resynced"
	[ "$(worked)" -gt 0 ] && [ "$(worked)" -le $((2 * REGION / 512)) ] || fail "$(worked) sectors were resynced"
	emdwork verify "$dev" "$oracle"
	clean_check
	emdwork verify "$dev" "$oracle"
	settle_bits
	stop_array

	raid1
	start_array dirty
	wait_idle
	wait_attr 30 "$md/resync_start" none
	say "of $(component) sectors of the RAID1, $(worked) were resynced"
	[ "$(worked)" -le $((3 * REGION / 512)) ] || fail "$(worked) sectors were resynced"
	stop_array
	drop_caches
	for d in $d3 $d4; do dd if="$d" bs=1M skip=1 count=8 iflag=direct 2>/dev/null | sha1sum; done | sort -u | wc -l | grep -qx 1 ||
		fail "the members differ where they were written"
	[ "$(far_byte "$d3")" != "$(far_byte "$d4")" ] || fail "a clean region was resynced"
}
