# SPDX-License-Identifier: GPL-2.0-or-later
# A RAID5 whose whole rows are written from their submitters' pages (skip_copy), on slow disks: who changes a page of a file while it is
# written waits, also on a file system on an array above, and so parity is right. Switched only when that is safe.
#: disks: 6x16M
#: modules: xor dm-mod dm-delay
#: programs: dmsetup mkfs.ext4
#: kernels: 6.1 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh
#: udev: no
#: timeout: 120
. /array.sh
. /dust.sh
DELAY=15000	# ms, of each write while pages change
ROWS=16		# of four chunks of 4 KiB
stable() { cat "/sys/block/$array/queue/stable_writes"; }
use() { array=$1 md=/sys/block/$1/md emd=/sys/block/$1/emd dev=/dev/$1; }
members='' n=0
for disk in "$d0" "$d1" "$d2" "$d3" "$d4"; do
	dmsetup create "slow$n" --noudevsync --table "0 $(blockdev --getsz "$disk") delay $disk 0 0"
	wait_for 10 test -b "$(dust_node "slow$n")"
	members="$members $(dust_node "slow$n")"
	n=$((n + 1))
done
# slowed MS: each write from now on
slowed() {
	local n=0 disk
	for disk in "$d0" "$d1" "$d2" "$d3" "$d4"; do
		change_table "slow$n" "0 $(blockdev --getsz "$disk") delay $disk 0 0 $disk 0 $1"
		n=$((n + 1))
	done
}
slow_array() { make_array emd1 raid5 5 4 2 $members; start_array; }

writes_back() { [ "$(awk '/^Writeback:/ { print $2 }' /proc/meminfo)" -gt 0 ]; }
# change FILE: rows are written from the page cache, and while they are, a page of each changes. What follows is a small write, which
# does not make a wrong parity right.
change() {
	local row=0 writer
	slowed $DELAY
	dd if=/dev/urandom of="$1" bs=16k count=$ROWS conv=notrunc,fsync 2>/dev/null &
	writer=$!
	wait_for 10 writes_back
	while [ $row -lt $ROWS ]; do
		dd if=/dev/urandom of="$1" bs=4k seek=$((row * 4)) count=1 conv=notrunc 2>/dev/null
		row=$((row + 1))
	done
	slowed 0
	wait $writer
	sync
}
sum() { dd if="$1" bs=16k count=$ROWS iflag=direct 2>/dev/null | md5sum; }
# A disk may fail, and nothing changes.
lose_one() { use emd1; echo faulty >"$(member "${members##* }")/state"; wait_attr 10 $md/degraded 1; }

say "who may switch it, and when"
slow_array
expect_attr $md/skip_copy 0
[ "$(stable)" = 0 ] || fail "pages wait without need"
refuse_store "Invalid" x $md/skip_copy
exec 4<$dev
refuse_store "busy" 1 $md/skip_copy
exec 4<&-
make_array emd0 raid1 2 0 - "$d5" -
start_array
refuse_store "No such device" 1 $md/skip_copy
use emd1
echo 1 >$md/skip_copy
[ "$(stable)" = 1 ] || fail "nobody is told that pages have to wait"
refuses "Invalid" sh -c "cat /sys/block/emd1/dev >/sys/block/emd0/md/new_dev"
exec 4<$dev
echo 0 >$md/skip_copy
exec 4<&-
[ "$(stable)" = 0 ] || fail "pages wait without need"
use emd0
stop_array

say "a file system on an array above"
use emd1
echo 1 >$md/skip_copy
expect_attr $md/skip_copy 1
make_array emd0 raid1 2 0 - /dev/emd1 -
start_array
[ "$(stable)" = 1 ] || fail "the array above does not tell that pages have to wait"
mkfs.ext4 -q -O ^has_journal $dev
mount -t ext4 $dev /mnt
dd if=/dev/zero of=/mnt/file bs=16k count=$ROWS conv=fsync 2>/dev/null
change /mnt/file
before=$(sum /mnt/file)
umount /mnt
use emd1
clean_check
lose_one
mount -t ext4 /dev/emd0 /mnt
[ "$(sum /mnt/file)" = "$before" ] || fail "the file is another without a member"
umount /mnt
use emd0
stop_array
