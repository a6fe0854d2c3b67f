# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays with a write-intent bitmap, by sysfs alone: 1 MiB regions, bits from sector 64 of each member on, data from sector 2048.
. /array.sh
BITMAP_AT=64 DATA_AT=2048 REGION=1048576

# a device, described; with SLOT in its place
offer() {
	hand_in "$1" "$md/new_dev"
	wait_for 5 test -e "$(member "$1")"
	echo $DATA_AT >"$(member "$1")/offset"
	echo 0 >"$(member "$1")/size"
	[ -z "${2:-}" ] || echo "$2" >"$(member "$1")/slot"
}

# zero_bits DEVICE...: no region is dirty
zero_bits() {
	local device
	for device; do dd if=/dev/zero of="$device" bs=512 seek=$BITMAP_AT count=64 oflag=direct conv=notrunc,fsync 2>/dev/null; done
}

# all_bits DEVICE...: every region is dirty
all_bits() {
	local device
	head -c 512 /dev/zero | tr '\0' '\377' >/ones
	for device; do dd if=/ones of="$device" bs=512 seek=$BITMAP_AT oflag=direct conv=notrunc,fsync 2>/dev/null; done
}

# bitmap_array NAME LEVEL DISKS CHUNK_KIB LAYOUT DEVICE...: inactive, with the devices in slots 0, 1, ...; - leaves one empty
bitmap_array() {
	local name=$1 level=$2 disks=$3 chunk=$4 layout=$5 slot=0 device
	shift 5
	make_array "$name" "$level" "$disks" "$chunk" "$layout"
	for device; do
		[ "$device" = - ] || offer "$device" $slot
		slot=$((slot + 1))
	done
	echo external >"$md/bitmap/metadata"
	echo $REGION >"$md/bitmap/chunksize"
	echo +$BITMAP_AT >"$md/bitmap/location"
}

dirty() { attr "$emd/bitmap_dirty"; }
dirty_is() { [ "$(dirty)" = "$1" ]; }
# settle_bits: what is written no more has got clean
settle_bits() { echo 0.1 >"$md/bitmap/time_base"; wait_for 30 dirty_is 0; echo "${1:-0.1}" >"$md/bitmap/time_base"; }
component() { echo $(($(attr "$md/component_size") * 2)); }
# worked: member sectors that the last pass has not skipped
worked() { echo $(($(component) - $(attr "$emd/sync_skipped"))); }
# What the array has written to a member is not in the page cache of that.
drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }
# bits DEVICE: how many of the array's regions have theirs in its copy
bits() {
	drop_caches
	dd if="$1" bs=512 skip=$BITMAP_AT count=1 2>/dev/null | hexdump -ve '1/1 "%u\n"' | awk -v regions="$regions" '
		{ for (i = 0; i < 8 && at < regions; i++, at++) { n += $1 % 2; $1 = int($1 / 2) } } END { print n + 0 }'
}
start_bitmap_array() { start_array "$1"; regions=$(attr "$emd/bitmap_regions"); }
