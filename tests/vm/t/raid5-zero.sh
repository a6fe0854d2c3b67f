# SPDX-License-Identifier: GPL-2.0-or-later
# RAID5: write-zeroes of any range and discard leave parity right and everything beside the range as it was.
#: disks: 3x6M
#: modules: xor
#: programs: blkdiscard
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh
#: timeout: 120
. /array.sh
# By its path: the shell has one of its own, which knows less.
zeroes() { /bin/blkdiscard -z "$@"; }
drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }
same() { drop_caches; cmp -n "$bytes" /pattern "$dev" || fail "$*"; }

make_array emd0 raid5 3 64 2 "$d0" "$d1" "$d2"
start_array dirty
wait_for 60 attr_is "$md/resync_start" none
wait_idle
bytes=$(size_bytes)
head -c "$bytes" /dev/urandom >/pattern
dd if=/pattern of="$dev" bs=1M oflag=direct 2>/dev/null
say "members take $(cat /sys/block/emd0/queue/write_zeroes_max_bytes) bytes of zeroes, $(cat /sys/block/emd0/queue/discard_max_bytes) of discard"

say "zeroes: a sector, a part of a row, rows, rows and parts"
for range in "0 512" "4096 8192" "131072 131072" "262144 524288" "1000448 700416" "3014656 1048576"; do
	set -- $range
	dd if=/dev/zero of=/pattern bs=512 seek=$(($1 / 512)) count=$(($2 / 512)) conv=notrunc 2>/dev/null
	zeroes -o "$1" -l "$2" "$dev"
	same "zeroes at $1, $2 bytes"
done
clean_check

if [ "$(cat /sys/block/emd0/queue/discard_max_bytes)" != 0 ]; then
	say "discard: what is beside it stays, and parity is right"
	dd if=/pattern of=/head bs=4096 count=1025 2>/dev/null
	/bin/blkdiscard -o $((1025 * 4096)) -l $((1000 * 4096)) "$dev"
	drop_caches
	cmp -n $((1025 * 4096)) /head "$dev" || fail "a discard reaches what is before it"
	cmp -n $((bytes - 2025 * 4096)) "/pattern" "$dev" $((2025 * 4096)) $((2025 * 4096)) || fail "a discard reaches what is behind it"
	clean_check
	dd if="$dev" of=/pattern bs=1M 2>/dev/null
fi

say "degraded, too"
echo faulty >"$(member "$d1")/state"
wait_attr 10 "$md/degraded" 1
same "without slot 1"
for range in "8192 4096" "655360 393216" "2031616 1310720"; do
	set -- $range
	dd if=/dev/zero of=/pattern bs=512 seek=$(($1 / 512)) count=$(($2 / 512)) conv=notrunc 2>/dev/null
	zeroes -o "$1" -l "$2" "$dev"
	same "degraded: zeroes at $1, $2 bytes"
done
stop_array
