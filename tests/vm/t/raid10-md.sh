# SPDX-License-Identifier: GPL-2.0-or-later
# EMD and the kernel's md read and write the same RAID10 members, all sorts of layouts: same size, same data, members that agree,
# in both directions and with a member missing.
#: disks: 5x2M
#: modules: md_mod raid10
#: kernels: 6.12
#: timeout: 180
. /lib/emd/subject.sh

use() {
	SUBJECT=$1
	case $1 in
	emd) new_array=/sys/module/emd/parameters/new_array ;;
	md)  new_array=/sys/module/md_mod/parameters/new_array ;;
	esac
}
fresh() { head -c "$bytes" /dev/urandom >/pattern; dd if=/pattern of="$(dev 7)" bs=1M oflag=direct 2>/dev/null; }
same() { echo 3 >/proc/sys/vm/drop_caches; cmp -n "$bytes" /pattern "$(dev 7)" || fail "$*"; }

# both LAYOUT CHUNK_BYTES DEVICE...
both() {
	local layout=$1 chunk=$2
	shift 2
	say "layout $(printf %x "$layout") on $#, chunk $chunk"
	use emd
	make_array 7 raid10 "$chunk" "$layout" none "$@"
	bytes=$(($(cat /sys/block/emd7/size) * 512))
	fresh
	stop_array 7
	use md
	make_array 7 raid10 "$chunk" "$layout" none "$@"
	expect $((bytes / 512)) cat /sys/block/md7/size
	same "md reads something else"
	check_array 7
	fresh
	stop_array 7
	use emd
	make_array 7 raid10 "$chunk" "$layout" none "$@"
	same "EMD reads something else"
	check_array 7
	stop_array 7
	use md
	first=$1
	shift
	make_array 7 raid10 "$chunk" "$layout" none missing "$@"
	same "md without slot 0"
	fresh
	stop_array 7
	use emd
	make_array 7 raid10 "$chunk" "$layout" none missing "$@"
	same "EMD without slot 0"
	rebuild_onto 7 "$first" 60
	check_array 7
	stop_array 7
	use md
	make_array 7 raid10 "$chunk" "$layout" none "$first" "$@"
	same "md reads something else on what EMD has rebuilt"
	check_array 7
	stop_array 7
}

both 258 16384 "$d0" "$d1" "$d2"
both 259 4096 "$d0" "$d1" "$d2" "$d3" "$d4"
both 513 8192 "$d0" "$d1" "$d2"
both 262657 32768 "$d0" "$d1" "$d2" "$d3" "$d4"
both 66049 16384 "$d0" "$d1" "$d2" "$d3" "$d4"
