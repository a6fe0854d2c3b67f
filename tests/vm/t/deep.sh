# SPDX-License-Identifier: GPL-2.0-or-later
# Arrays nested twelve deep serve and verify; cycles, second parents and opened members are refused; the whole tree goes
# with its top, and the inner ones can be taken out and used alone.
#: disks: 2x24M, oracle 16M
#: kernels: 6.12 uml
#: files: tests/vm/guest/array.sh
#: timeout: 240
. /array.sh

nest() {	# NUMBER LEVEL DEVICE...
	local number=$1 level=$2 chunk=64
	shift 2
	[ "$level" != raid1 ] || chunk=0
	make_array "emd$number" "$level" $# $chunk "$([ "$level" = raid1 ] && echo - || echo 1)" "$@"
	start_array
	settle
}

nest 0 raid1 "$d0" "$d1"
for number in 1 2 3 4 5 6 7 8 9 10 11; do
	[ $((number % 3)) = 0 ] && level=raid1 || level=raid0
	nest $number $level /dev/emd$((number - 1))
done
say "twelve deep: $(size_bytes) bytes"
emdwork fill $dev "$oracle"
emdwork load $dev "$oracle" --count 60 --jobs 4
emdwork verify $dev "$oracle"
expect_attr /sys/block/emd0/emd/parent emd1
expect_attr /sys/block/emd11/emd/parent toplevel_arrays

say "what must not be"
refuses "." dd if=/dev/emd3 of=/dev/null count=1
refuses "busy" sh -c "echo clear >/sys/block/emd3/md/array_state"
number_of() { cat "/sys/block/$1/dev"; }
refuses "levels of symbolic|Symbolic link loop|loop" sh -c "echo $(number_of emd11) >/sys/block/emd11/md/new_dev"
echo emd20 >/sys/module/emd/parameters/new_array
refuses "busy" sh -c "echo $(number_of emd3) >/sys/block/emd20/md/new_dev"
exec 3</dev/emd11
refuses "busy" sh -c "echo $(number_of emd11) >/sys/block/emd20/md/new_dev"
exec 3<&-

say "a leaf fails at the bottom; nobody above notices"
md=/sys/block/emd0/md
echo faulty >"$(member "$d0")/state"
wait_for 10 test ! -e "$(member "$d0")"
expect_attr /sys/block/emd0/emd/state "0x02 degraded"
expect_attr /sys/block/emd3/emd/state "0x01 optimal"
emdwork verify $dev "$oracle"
[ "$(cat /sys/block/emd0/emd/gencount)" = "$(cat /sys/block/emd0/emd/map_gen)" ] || fail "the map is older than the members"

say "the tree goes with its top"
md=/sys/block/emd11/md
stop_array
for number in 0 5 10 11; do [ ! -e /sys/block/emd$number ] || fail "emd$number is still there"; done
md=/sys/block/emd20/md
stop_array
dd if="$d0" of=/dev/null count=1 2>/dev/null

say "a flush from far above reaches all disks"
nest 0 raid0 "$d0" "$d1"
for number in 1 2 3 4 5 6 7 8; do nest $number raid0 /dev/emd$((number - 1)); done
flushes() { set -- $(cat "/sys/class/block/$(basename "$1")/stat"); shift 15; echo "$1"; }
before0=$(flushes "$d0") before1=$(flushes "$d1")
dd if=/dev/zero of=$dev bs=4096 count=1 conv=fsync 2>/dev/null
[ "$(flushes "$d0")" -gt "$before0" ] || fail "$d0 has not been flushed"
[ "$(flushes "$d1")" -gt "$before1" ] || fail "$d1 has not been flushed"
stop_array
rmmod emd
