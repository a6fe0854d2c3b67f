# SPDX-License-Identifier: GPL-2.0-or-later
# Large reads of RAID5 and RAID6 with members missing: each block of the others is read once, and what is computed is right whatever pages
# the reader hands in: odd ones, and one of them for many blocks, which is worth nothing then, and of which nothing may follow.
#: disks: 6x6M
#: modules: xor raid6_pq
#: kernels: 6.12 uml
#: udev: no
#: files: tests/vm/guest/array.sh
#: timeout: 120
. /array.sh
CHUNK=16

sectors_read() { set -- $(cat "/sys/class/block/$(basename "$1")/stat"); echo "$3"; }
gone() { [ ! -e "$(member "$1")" ]; }

# once_each LEFT: whole rows, and all that is left of a member is read once; what is not needed is not read
once_each() {
	local disk before
	for disk in $1; do
		before="${before:-} $(sectors_read "$disk")"
	done
	dd if="$dev" of=/dev/null bs=$((CHUNK * data))k iflag=direct 2>/dev/null
	for disk in $1; do
		set -- ${before# }
		read=$(($(sectors_read "$disk") - $1))
		shift
		before=$*
		[ $read -le "$size" ] || fail "$disk has $size sectors, and $read were read"
	done
}
right() {
	emdwork scatter-check "$dev" "$bytes" 7 --count 150 --seed "$((RANDOM + 1))" || fail "$1: odd pages"
	check_range "$dev" "$bytes" 7 || fail "$1"
}

for level in raid5 raid6; do
	[ $level = raid5 ] && data=5 || data=4
	disks="$d0 $d1 $d2 $d3 $d4 $d5"
	make_array emd0 $level 6 $CHUNK 2 $disks
	start_array dirty
	wait_for 60 attr_is "$md/resync_start" none
	wait_idle
	bytes=$(size_bytes)
	size=$((bytes / data / 512))
	fill_range "$dev" "$bytes" 7
	right "$level"
	for gone in "$d1" "$d4"; do
		[ $level = raid6 ] || [ "$gone" = "$d1" ] || continue
		echo faulty >"$(member "$gone")/state"
		disks=$(echo " $disks " | sed "s, $gone , ,")
		wait_for 20 gone "$gone"
		say "$level without $gone"
		once_each "$disks"
		right "$level without $gone"
	done
	stop_array
done
