# SPDX-License-Identifier: GPL-2.0-or-later
# A degraded RAID5 or RAID6 in which a write fails on a member that cannot be spared: the writer hears of it, and what would have
# to be computed from that row is an error from then on, never something else than was written. Not clean when it is stopped.
#: disks: 4x8M
#: modules: dm_flakey xor raid6_pq
#: programs: dmsetup
#: kernels: 6.1 6.12
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh
#: timeout: 120
. /array.sh
. /dust.sh

sectors=$(cat "/sys/class/block/$(basename "$d1")/size")
table() {	# refuses writes from then on: no, yes
	case $1 in
	no) echo "0 $sectors linear $d1 0" ;;
	yes) echo "0 $sectors flakey $d1 0 0 1 1 error_writes" ;;
	esac
}
drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }
chunk() { dd if="$dev" bs=65536 skip="$1" count=1 iflag=direct 2>/dev/null; }

# torn LEVEL WRITTEN MISSING DEVICE...: chunks of one row, the first on slot 1, the second on a slot that has failed (all but 0 and 1)
torn() {
	local level=$1 written=$2 missing=$3 slot
	shift 3
	say "$level"
	dmsetup create torn --noudevsync --table "$(table no)"
	wait_for 10 test -b "$(dust_node torn)"
	make_array emd0 "$level" $(($# + 1)) 64 2 "$1" "$(dust_node torn)" $(shift; echo "$@")
	start_array
	head -c "$(size_bytes)" /dev/urandom >/pattern
	dd if=/pattern of="$dev" bs=1M oflag=direct 2>/dev/null
	[ "$level" = raid5 ] || clean_check
	shift
	for device; do echo faulty >"$(member "$device")/state"; done
	wait_attr 10 "$md/degraded" $#
	chunk "$missing" | cmp -n 65536 - /pattern 0 $((missing * 65536)) || fail "chunk $missing cannot be computed"
	dmsetup suspend --noudevsync --nolockfs --noflush torn
	dmsetup load torn --table "$(table yes)"
	dmsetup resume --noudevsync torn
	dd if=/dev/zero of="$dev" bs=4096 seek=$((written * 16)) count=1 oflag=direct conv=notrunc 2>/dev/null && fail "a write that failed was acknowledged"
	drop_caches
	chunk "$missing" >/tmp/chunk && fail "chunk $missing was read, and $(cmp -s -n 65536 /tmp/chunk /pattern 0 $((missing * 65536)) && echo right || echo wrong)"
	expect_attr "$md/array_state" broken
	expect_attr "$(member "$(dust_node torn)")/state" in_sync
	stop_array
	dmsetup remove --noudevsync --retry torn
}

torn raid5 4 5 "$d0" "$d2"
torn raid6 0 1 "$d0" "$d2" "$d3"
