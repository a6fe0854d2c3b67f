# SPDX-License-Identifier: GPL-2.0-or-later
# RAID4 and all layouts of RAID5: what was written in pieces of all sizes is there, with all members and without any one.
#: disks: 5x2M
#: modules: xor
#: kernels: 6.1 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 300
. /array.sh

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

one_geometry() {  # level layout chunk-KiB member...
	local level=$1 layout=$2 chunk=$3 slot=0 missing
	shift 3
	say "$level layout $layout chunk $chunk KiB, $# members"
	make_array emd0 "$level" $# "$chunk" "$layout" "$@"
	start_array dirty
	wait_for 60 attr_is "$md/resync_start" none
	bytes=$(size_bytes)
	head -c "$bytes" /dev/urandom >/pattern
	head -c 1048576 /dev/urandom >/pieces
	write_pieces
	same "all members are there"
	clean_check
	stop_array
	for missing in $(seq 0 $(($# - 1))); do
		set -- "$@"
		slot=0
		make_array emd0 "$level" $# "$chunk" "$layout" $(for d; do
			[ $slot = "$missing" ] && echo - || echo "$d"
			slot=$((slot + 1))
		done)
		start_array
		same "slot $missing is missing"
		stop_array
	done
}

one_geometry raid4 0 4 "$d0" "$d1" "$d2"
one_geometry raid5 0 4 "$d0" "$d1" "$d2" "$d3"
one_geometry raid5 1 64 "$d0" "$d1" "$d2"
one_geometry raid5 2 64 "$d0" "$d1" "$d2" "$d3" "$d4"
one_geometry raid5 3 16 "$d0" "$d1" "$d2"
one_geometry raid5 4 8 "$d0" "$d1" "$d2" "$d3"
one_geometry raid5 5 256 "$d0" "$d1"
one_geometry raid5 2 512 "$d0" "$d1" "$d2"
