# SPDX-License-Identifier: GPL-2.0-or-later
# Levels without redundancy: linear, RAID0 over unequal disks in both layouts, each byte where it belongs; partitions as members
# and of arrays; discards and zeroes; requests that must not wait.
#: disks: 8M, 12M, 12M, 20M, 16M, oracle 64M
#: modules: loop dm-mod
#: programs: blkdiscard fio dmsetup
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh tests/vm/guest/dust.sh
#: timeout: 180
#: allow: I/O error|Buffer I/O error
. /array.sh
. /dust.sh

MIB=1048576
sectors() { cat "/sys/class/block/$(basename "$1")/size"; }
# lies ARRAY-OFFSET DEVICE OFFSET BYTES: this part of the array is there
lies() { cmp -n "$4" /tmp/all "$2" "$1" "$3" || fail "array bytes from $1 on are not at $3 of $2"; }
keep_all() { dd if=$dev of=/tmp/all bs=1M iflag=direct 2>/dev/null; }
again() { stop_array; make_array emd0 "$@"; start_array; settle; emdwork verify $dev "$oracle"; }

say "linear"
make_array emd0 linear 3 0 - "$d0" "$d1" "$d3"
start_array
settle
expect_attr $emd/subtype linear
expect $(($(sectors "$d0") + $(sectors "$d1") + $(sectors "$d3"))) sectors $dev
[ ! -e $md/sync_action ] || fail "linear has sync_action"
emdwork fill $dev "$oracle"
emdwork load $dev "$oracle" --count 60 --jobs 4
emdwork verify $dev "$oracle"
keep_all
lies 0 "$d0" 0 $((8 * MIB))
lies $((8 * MIB)) "$d1" 0 $((12 * MIB))
lies $((20 * MIB)) "$d3" 0 $((20 * MIB))
dd if=$dev of=/tmp/seam bs=65536 skip=$((8 * 16 * 2 - 1)) count=2 iflag=direct 2>/dev/null
cmp -n 131072 /tmp/seam /tmp/all 0 $(((8 * 16 * 2 - 1) * 65536)) || fail "the seam of two members"
again linear 3 0 - "$d0" "$d1" "$d3"
stop_array

# 64 KiB chunks: 512 in the first zone, of four disks; 192 in the second, of three; 128 in the third
for layout in 1 2; do
	say "RAID0 over unequal disks, layout $layout"
	make_array emd0 raid0 4 64 $layout "$d0" "$d1" "$d2" "$d3"
	start_array
	settle
	expect $((52 * MIB / 512)) sectors $dev
	emdwork fill $dev "$oracle"
	emdwork load $dev "$oracle" --count 60 --jobs 4
	emdwork verify $dev "$oracle"
	keep_all
	lies 65536 "$d1" 0 65536
	lies $((5 * 65536)) "$d1" 65536 65536
	# Original: chunks are counted through, and 512 is two more than a multiple of three. Alternate: from the zone on.
	[ $layout = 1 ] && first=$d3 || first=$d1
	lies $((32 * MIB)) "$first" $((8 * MIB)) 65536
	lies $((32 * MIB + 3 * 65536)) "$first" $((8 * MIB + 65536)) 65536
	lies $((44 * MIB)) "$d3" $((12 * MIB)) $((8 * MIB))
	again raid0 4 64 $layout "$d0" "$d1" "$d2" "$d3"
	stop_array
done
make_array emd0 raid0 4 64 0 "$d0" "$d1" "$d2" "$d3"
refuse_store "Invalid argument" active $md/array_state
grep -q "layout of RAID0" $emd/last_error || fail "last_error says '$(cat $emd/last_error)'"
stop_array

say "partitions: as members, and of an array"
le32() { printf "\\$(printf %03o $(($1 & 255)))\\$(printf %03o $(($1 >> 8 & 255)))\\$(printf %03o $(($1 >> 16 & 255)))\\$(printf %03o $(($1 >> 24)))"; }
partition() {	# DEVICE START SECTORS: one partition
	dd if=/dev/zero of="$1" bs=512 count=1 conv=notrunc 2>/dev/null
	{ printf '\000\000\000\000\203\000\000\000'; le32 "$2"; le32 "$3"; } | dd of="$1" bs=1 seek=446 conv=notrunc 2>/dev/null
	printf '\125\252' | dd of="$1" bs=1 seek=510 conv=notrunc,fsync 2>/dev/null
	blockdev --rereadpt "$1"
	settle
}
node_of() { ls -d "/sys/class/block/$(basename "$1")/$(basename "$1")"*1 | sed 's,.*/,/dev/,'; }
partition "$d4" 2048 16384
part=$(node_of "$d4")
make_array emd0 raid1 2 0 - "$d0" "$part"
start_array dirty
wait_for 60 attr_is $md/resync_start none
wait_idle
expect_attr "$emd/dev-$(basename "$part")/subtype" partition
expect_attr "$emd/dev-$(basename "$part")/total_size" 16384
expect_attr "$emd/dev-$(basename "$d0")/subtype" disk
fill_range $dev $((4 * MIB)) 5
cmp -n $((4 * MIB)) $dev "$d4" 0 $MIB || fail "the partition has something else"
settle
partition $dev 2048 8192
wait_for 10 test -b /dev/emd0p1
fill_range /dev/emd0p1 $((4 * MIB)) 6
cmp -n $((4 * MIB)) /dev/emd0p1 $dev 0 $MIB || fail "the partition is not where its table says"
exec 3</dev/emd0p1
refuse_store "busy" clear $md/array_state
exec 3<&-

say "a partition that cannot be read: the other copy's data, not that of another place of its disk"
before=$dev
dmsetup create part --noudevsync --table "0 $(sectors "$d2") linear $d2 0"
part=/dev/dm-$(dmsetup info -c --noheadings -o minor part)
wait_for 10 test -b "$part"
losetup -P /dev/loop6 "$part"	# dm has no partitions
partition /dev/loop6 2048 16384
make_array emd1 raid1 2 0 - /dev/loop6p1 "$d1"
start_array dirty
wait_for 60 attr_is $md/resync_start none
wait_idle
fill_range $dev $((4 * MIB)) 7
sync
error_disk part
met() { [ "$(cat $md/dev-loop6p1/errors)" -gt 0 ]; }
for round in 1 2 3 4 5 6 7 8 9 10; do	# several at once, so that both copies are read
	echo 3 >/proc/sys/vm/drop_caches
	readers=''
	for reader in 1 2 3 4; do check_range $dev $((4 * MIB)) 7 & readers="$readers $!"; done
	for reader in $readers; do wait "$reader" || fail "wrong data"; done
	! met || break
done
met || fail "nobody has met an error"
stop_array
losetup -d /dev/loop6
dmsetup remove --noudevsync --retry part
array=emd0 md=/sys/block/emd0/md emd=/sys/block/emd0/emd dev=$before

say "a request that must not wait: refused where writes are suspended, served elsewhere"
at_once() {	# read|write OFFSET
	fio --name=n --filename=$dev --rw="$1" --offset="$2" --bs=4k --size=4k --ioengine=pvsync2 --direct=1 --nowait=1 2>&1
}
echo 0 >$md/safe_mode_delay
dd if=/dev/zero of=$dev bs=4096 count=1 seek=1500 oflag=direct conv=notrunc 2>/dev/null
if [ "$(cat /sys/block/emd0/queue/nowait 2>/dev/null || echo 1)" = 1 ] && at_once write 6144000 >/tmp/nowait; then
	echo 8192 >$md/suspend_hi
	refuses "temporarily unavailable" at_once write 65536
	at_once read 65536 >/dev/null || fail "a read was refused"
	at_once write 6144000 >/dev/null || fail "a write outside was refused"
	echo 0 >$md/suspend_hi
	at_once write 65536 >/dev/null || fail "a write was refused after the suspension"
else
	say "these disks do not take such requests: $(grep -o 'Operation not supported' /tmp/nowait | head -1)"
	grep -q "Operation not supported" /tmp/nowait || fail "$(cat /tmp/nowait)"
fi
settle
stop_array

say "zeroes and discards"
drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }
for level in linear raid0 raid1; do
	case $level in
	linear) make_array emd0 linear 2 0 - "$d0" "$d1" ;;
	raid0)  make_array emd0 raid0 3 64 2 "$d0" "$d1" "$d3" ;;
	raid1)  make_array emd0 raid1 2 0 - "$d1" "$d2" ;;
	esac
	start_array dirty
	[ $level != raid1 ] || { wait_for 60 attr_is $md/resync_start none; wait_idle; }
	settle
	head -c $((8 * MIB)) /dev/urandom >/tmp/all
	dd if=/tmp/all of=$dev bs=1M oflag=direct conv=notrunc 2>/dev/null
	dd if=/dev/zero of=/tmp/all bs=4096 seek=100 count=901 conv=notrunc 2>/dev/null
	/bin/blkdiscard -z -o $((100 * 4096)) -l $((901 * 4096)) $dev
	drop_caches
	cmp -n $((8 * MIB)) /tmp/all $dev || fail "$level: zeroes"
	[ $level != raid1 ] || clean_check
	max=$(cat /sys/block/emd0/queue/discard_max_bytes)
	say "$level: discards of up to $max bytes"
	if [ "$max" != 0 ]; then
		/bin/blkdiscard -o $((1200 * 4096)) -l $((300 * 4096)) $dev
		drop_caches
		cmp -n $((1200 * 4096)) /tmp/all $dev || fail "$level: a discard reaches what is before it"
		cmp -n $((500 * 4096)) /tmp/all $dev $((1500 * 4096)) $((1500 * 4096)) || fail "$level: a discard reaches what is behind it"
	fi
	stop_array
done

say "a mirror over a disk that says it takes zeroes, and does not: they are written, once, and both copies have them"
mount -t tmpfs none /mnt
truncate -s 12M /mnt/file
losetup /dev/loop0 /mnt/file
make_array emd0 raid1 2 0 - "$d1" /dev/loop0
start_array dirty
wait_for 60 attr_is $md/resync_start none
wait_idle
head -c $((8 * MIB)) /dev/urandom >/tmp/all
dd if=/tmp/all of=$dev bs=1M oflag=direct conv=notrunc 2>/dev/null
dd if=/dev/zero of=/tmp/all bs=4096 seek=100 count=901 conv=notrunc 2>/dev/null
writes() { set -- $(cat /sys/block/emd0/stat); echo "$5"; }
max=$(cat /sys/block/emd0/queue/write_zeroes_max_bytes)
[ "$max" -gt 0 ] || fail "the array takes no zeroes"
before=$(writes)
/bin/blkdiscard -z -o $((100 * 4096)) -l $((901 * 4096)) $dev
[ $(($(writes) - before)) = $(((901 * 4096 + max - 1) / max)) ] ||
	fail "zeroes took $(($(writes) - before)) requests of up to $max bytes: the first was refused"
drop_caches
cmp -n $((8 * MIB)) /tmp/all $dev || fail "zeroes"
expect_attr $md/degraded 0
clean_check
stop_array
losetup -d /dev/loop0
rmmod emd
