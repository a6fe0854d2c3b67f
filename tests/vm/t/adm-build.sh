# SPDX-License-Identifier: GPL-2.0-or-later
# emdadm --build: arrays of what stands on disks from their first sectors on, described by nothing. Built, stopped, built again with a
# disk missing: the data is that of before, and building has written nothing. What belongs to another array is left alone. While one
# runs it shows less of itself only if that cuts nothing.
#: disks: 3x8M scsi, 12M scsi, 16M scsi, 16M scsi
#: modules: raid6_pq
#: programs: mkfs.ext4 resize2fs
#: kernels: 6.12
#: rules: yes
#: timeout: 300
. /lib/emd/refuse.sh
x=/dev/emd/x
build() { emdadm --build $x "$@"; }
md() { attr "/sys/block/$(basename "$(readlink -f $x)")/md/$1"; }
size_is() { expect $(($1 * 2048)) cat "/sys/block/$(basename "$(readlink -f $x)")/size"; }
idle() { [ "$(md sync_action)" = idle ] && [ "$(md resync_start)" = none ]; }
whole() { idle && [ "$(md degraded)" = 0 ]; }
# stop: and nothing of it is left
stop() {
	emdadm --stop $x
	settle
	[ -z "$(ls /sys/block | grep emd)" ] || fail "an array is left"
	[ ! -e $x ] || fail "$x is left"
	! grep -qs " x$" /run/emd/map || fail "its name is left"
	! pidof emdmon || fail "an emdmon is left"
}
no_monitor() { ! pidof emdmon >/dev/null; }
written() { awk '{ print $7 }' /sys/block/sd*/stat; }

say "what belongs to another array"
emdadm --create /dev/emd/imsm0 -e imsm -n 1 "$d4"
settle
bad "$d4 is in use" build -l 1 -n 2 "$d0" "$d4" --force
emdadm --create /dev/emd/other -e 1.2 -l 1 -n 2 "$d5" missing
settle
emdadm --wait-clean /dev/emd/other
bad "$d5 is in use" build -l 1 -n 2 "$d0" "$d5" --force
emdadm --stop --scan
wait_for 30 no_monitor
bad "$d4 has .*--force" build -l 1 -n 2 "$d0" "$d4" --assume-clean
bad "$d4 has .*--force" build -l 0 -n 2 "$d0" "$d4"
bad "$d5 has md 1\.2 metadata.*--force" build -l 1 -n 2 "$d0" "$d5" --assume-clean

say "what cannot be"
bad "needs a name and the disks" build
bad "2 disks are named for 3 members: write missing" build -l 5 -n 3 "$d0" "$d1"
bad "$d0 is named twice" build -l 1 -n 2 "$d0" "$d0"
bad "/dev/nowhere" build -l 1 -n 2 "$d0" /dev/nowhere
bad "raid0 cannot miss a disk" build -l 0 -n 2 "$d0" missing
bad "nothing can make the parity of raid5 right.*--assume-clean" build -l 5 -n 3 "$d0" missing "$d2"
build -l 1 -n 2 "$d0" "$d1" --dry-run >/tmp/plan
grep -q "add $d1 as member 1, sectors 0 to 16384" /tmp/plan || fail "the plan is $(cat /tmp/plan)"
[ -z "$(ls /sys/block | grep emd)" ] || fail "a dry run has made an array"

say "raid1: a resync makes the second as the first"
fill_range "$d0" 8388608 1
build -l 1 -n 2 "$d0" --write-mostly "$d1"
wait_for 30 whole
expect none md metadata_version
size_is 8
case $(md "dev-$(basename "$d1")/state") in *write_mostly*) ;; *) fail "$d1 is not write-mostly" ;; esac
check_range $x 8388608 1
emdadm --detail $x >/tmp/detail
grep -q "Version : none" /tmp/detail && grep -q "active sync writemostly *$d1" /tmp/detail || fail "$(cat /tmp/detail)"
expect "# $x metadata=none: emdadm --build makes it again" emdadm --detail --scan	# no line of emdadm.conf
exec 9<$x
bad "is in use" emdadm --build /dev/emd/y -l 1 -n 1 $x
exec 9<&-
bad "no metadata that could record a reshape" emdadm --grow $x -n 3

say "shown smaller: not through what lies on it"
cut() { emdadm --grow $x --array-size="$@"; }
# refused PATTERN SIZE: as bad, where a file system may write meanwhile
refused() {
	! cut "$2" 2>/tmp/err || fail "a cut to $2 is not refused"
	grep -Eq "$1" /tmp/err || fail "a cut to $2 is refused so: $(cat /tmp/err)"
	size_is 8
}
cut 3M		# nothing does
size_is 3
cut max
size_is 8
mkfs.ext4 -q $x 4M
settle
sum=$(md5sum <"$d0")
bad "$x holds an ext4 file system of 4.00 MiB: make that smaller first \(resize2fs\), or use --force" cut 3M
bad "$x holds an ext4 file system of 4.00 MiB" cut 4095
bad "$x holds an ext4 file system of 4.00 MiB" cut 3M --dry-run
cut 4M
size_is 4
cut max
settle	# nobody has it open
emdadm --build /dev/emd/y -l 1 -n 1 --force --assume-clean $x
settle
bad "$x is used by emd[0-9]+, and EMD cannot see how much of it: .* first 4.00 MiB, use --force" cut 4M
emdadm --stop /dev/emd/y	# and what it is made of
settle
build -l 1 -n 2 "$d0" "$d1" --assume-clean
expect "$sum" sh -c "md5sum <$d0"
cut 3M --force
size_is 3
cut max
mkdir /on
mount -t ext4 $x /on
refused "of 4.00 MiB: make that smaller" 3M
cut 5M
size_is 5
cut max
resize2fs $x 6M	# may not be on the disks before long
refused "of 6.00 MiB: make that smaller" 5M
printf '\0\0' | dd of=$x bs=1 seek=1080 conv=notrunc 2>/dev/null	# its magic
refused "$x is mounted or held by another program" 5M
umount /on
printf 'LUKS\272\276' | dd of=$x bs=512 conv=sync,notrunc 2>/dev/null
sync; settle
wait_for 30 idle
bad "$x holds a LUKS encrypted volume, and EMD cannot see where that ends: .* first 7.00 MiB .*use --force" cut 7M
cut 7M --force
size_is 7
cut max
mkfs.ext4 -q -F $x
stop
cmp "$d0" "$d1" || fail "the copies differ"

say "raid1 again: only as it is, then with one missing, and a new one"
bad "$d0 has an ext4 .*--assume-clean" build -l 1 -n 2 "$d0" "$d1"
sum=$(md5sum <"$d0")
before=$(written)
build -l 1 -n 2 "$d0" "$d1" --assume-clean
expect "$sum" sh -c "md5sum <$x"
stop
expect "$before" written
build -l 1 -n 2 missing "$d1" --assume-clean
expect 1 md degraded
expect "$sum" sh -c "md5sum <$x"
bad "has no metadata that says what $d0 has missed: use --add" emdadm $x --re-add "$d0"
emdadm $x --add "$d0" --force
wait_for 30 whole
emdadm $x --fail "$d1" --remove "$d1"
expect "$sum" sh -c "md5sum <$x"
stop

say "raid5: a resync, data, then only parity for one of them"
build -l 5 -n 3 "$d0" "$d1" "$d2" --force
wait_for 30 whole
expect 65536 md chunk_size
size_is 16
fill_range $x 16777216 2
stop
before=$(written)
build --level=raid5 --raid-devices=3 "$d0" "$d1" "$d2" --assume-clean
check_range $x 16777216 2
stop
build -l 5 -n 3 "$d0" missing "$d2" --assume-clean
expect 1 md degraded
check_range $x 16777216 2
stop
expect "$before" written

say "raid0 of unequal disks"
build -l 0 -n 2 -c 32 "$d0" "$d3"
size_is 20
fill_range $x 20971520 3
bad "raid0, which keeps nothing twice: it has no use for $d1" emdadm $x --add "$d1"
bad "$d0 cannot be failed" emdadm $x --fail "$d0"
stop
before=$(written)
build -l 0 -n 2 -c 32 "$d0" "$d3"
check_range $x 20971520 3
stop

say "the other levels"
# other LEVEL MIB OPTION
other() {
	build -l "$1" --assume-clean "$d0" "$d3" "$d2" "$d1" -n 4 $3
	size_is "$2"
	stop
}
other linear 36 ""
other 4 24 ""
other 6 16 ""
other 10 16 --layout=f2
expect "$before" written
