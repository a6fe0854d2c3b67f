# SPDX-License-Identifier: GPL-2.0-or-later
# One array after the other, each with another geometry: written in pieces, checked, read with members missing. Source it
# after array.sh.

# What the array holds: written in order and then, in odd pieces, over it.
write_pieces() {
	local at=0 size
	dd if=/pattern of="$dev" bs=1M oflag=direct 2>/dev/null
	for size in 1 3 8 9 16 31 65 128 200 513; do
		dd if=/pieces of=/pattern bs=512 count=$size skip=$at seek=$((at + 7)) conv=notrunc 2>/dev/null
		dd if=/pieces of="$dev" bs=$((size * 512)) count=1 iflag=skip_bytes skip=$((at * 512)) oflag=direct,seek_bytes \
			seek=$(((at + 7) * 512)) conv=notrunc 2>/dev/null
		at=$((at + size + 40))
	done
}

same() { cmp -n "$bytes" /pattern "$dev" || fail "$*"; }

# new_content: as much as the array holds, and pieces of it
new_content() {
	bytes=$(size_bytes)
	head -c "$bytes" /dev/urandom >/pattern
	head -c 1048576 /dev/urandom >/pieces
}

# without SLOTS DEVICE...: the devices, with "-" in the slots, which are joined by commas
without() {
	local slots=,$1, slot=0 device
	shift
	for device; do
		case $slots in *,$slot,*) echo - ;; *) echo "$device" ;; esac
		slot=$((slot + 1))
	done
}

# udev may have it open for a moment.
skip_copy() { echo 1 2>/dev/null >"$md/skip_copy"; }

# one_geometry LEVEL LAYOUT CHUNK-KIB MISSING DEVICE...: MISSING are sets of slots that are left out, one set after the other. Every second
# array writes whole rows without a copy.
geometries=0
one_geometry() {
	local level=$1 layout=$2 chunk=$3 sets=$4 missing
	shift 4
	say "$level layout $layout chunk $chunk KiB, $# members"
	make_array emd0 "$level" $# "$chunk" "$layout" "$@"
	start_array dirty
	wait_for 60 attr_is "$md/resync_start" none
	geometries=$((geometries + 1))
	[ $((geometries % 2)) = 1 ] || wait_for 10 skip_copy
	new_content
	write_pieces
	same "all members are there"
	clean_check
	stop_array
	for missing in $sets; do
		make_array emd0 "$level" $# "$chunk" "$layout" $(without "$missing" "$@")
		start_array
		same "slots $missing are missing"
		stop_array
	done
}
